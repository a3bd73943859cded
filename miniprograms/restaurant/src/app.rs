//! The model, its messages, what changes it.

use crate::cart::{self, Choice, Line};
use crate::menu::{self, DISHES};
use crate::order::{ORDERS, Order, upsert};
use crate::words::Words;
use crate::{kitchen, paying, state, view};
use youji_sdk::json::Json;
use youji_sdk::{Change, Ctx, Element, Fields, Happening, Launch, ListOptions, Outcome, Page, Paid, Program, Saved};

/// Paths, as in the manifest.
pub(crate) mod pages {
    pub(crate) const MENU: &str = "pages/menu";
    pub(crate) const DISH: &str = "pages/dish";
    pub(crate) const CART: &str = "pages/cart";
    pub(crate) const ORDER: &str = "pages/order";
    pub(crate) const BILLS: &str = "pages/bills";
    pub(crate) const KITCHEN: &str = "pages/kitchen";
}

/// Orders that are read at once.
pub(crate) const WINDOW: u32 = 20;

/// Something to say on the page that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    Declined,
    NoFunds,
    Expired,
    PayFailed,
    Changed,
    NotSent,
    Limit,
    Taken,
    NotSaved,
}

/// The model.
#[derive(Debug)]
pub struct App {
    /// Of orders, ISO 4217.
    pub(crate) currency: String,
    pub(crate) words: &'static Words,
    /// Index into a dish's names.
    pub(crate) language: usize,
    pub(crate) staff: bool,
    /// From the code on the table; empty: to take away.
    pub(crate) table: String,
    pub(crate) page: Page,
    pub(crate) category: usize,
    pub(crate) cart: Vec<Line>,
    pub(crate) note: String,
    /// On the page of a dish.
    pub(crate) draft: Option<Line>,
    /// The line that was removed last, and where it stood.
    pub(crate) removed: Option<(usize, Line)>,
    pub(crate) notice: Option<Notice>,
    /// The order that is being paid, and the version of its row.
    pub(crate) paying: Option<(String, u64)>,
    /// Whether a message will come for the order that was paid last.
    pub(crate) tells: Option<bool>,
    /// By key: this person's, or in the kitchen everybody's.
    pub(crate) orders: Vec<Order>,
    /// Whether there may be earlier ones.
    pub(crate) earlier: bool,
    pub(crate) watching: bool,
    /// Dishes that have a row in the collection "menu": its version, and whether it is sold out. Few ever have one.
    pub(crate) stock: Vec<(usize, (u64, bool))>,
    pub(crate) kitchen_tab: i64,
}

/// What changes it. Each button keeps one, so what is large stands in a box.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is one thing that a person or the host does")]
pub enum Msg {
    Category(String),
    Go(&'static str),
    ShowDish(usize),
    ShowOrder(String),
    QuickAdd(usize),
    Size(String),
    Spice(String),
    Extras(Vec<String>),
    DraftQuantity(i64),
    AddDraft,
    Quantity(usize, i64),
    Undo,
    Note(String),
    Pay,
    Paid(Box<Paid>),
    Subscribed(bool),
    OrderChanged(Box<Change>),
    StockChanged(Box<Change>),
    Earlier,
    KitchenTab(i64),
    Start(String),
    Finish(String),
    SoldOut(usize, bool),
}

impl Program for App {
    type Msg = Msg;

    fn launched(launch: Launch, saved: Option<Saved>, ctx: &mut Ctx<Msg>) -> Self {
        let currency = if launch.currency.is_empty() { "CNY" } else { &launch.currency };
        let mut app = App {
            currency: currency.to_owned(),
            words: Words::of(&launch.language),
            language: menu::language(&launch.language),
            staff: launch.has_role("staff"),
            table: table_of(&launch.scene),
            page: launch.page.clone(),
            category: 0,
            cart: Vec::new(),
            note: String::new(),
            draft: None,
            removed: None,
            notice: None,
            paying: None,
            tells: None,
            orders: Vec::new(),
            earlier: false,
            watching: false,
            stock: Vec::new(),
            kitchen_tab: 0,
        };
        state::restore(&mut app, &launch, saved, ctx);
        app.load_stock(ctx);
        // The host tells of pages that come later; the first one is the launch's.
        let first = app.page.clone();
        app.shown(first, ctx);
        app
    }

    fn update(&mut self, message: Msg, ctx: &mut Ctx<Msg>) {
        match message {
            Msg::Category(value) => self.category = value.parse().unwrap_or(0),
            Msg::Go(path) => self.go(path, Fields::new(), ctx),
            Msg::ShowDish(dish) => self.go(pages::DISH, Fields::new().text("dish", DISHES[dish].id), ctx),
            Msg::ShowOrder(key) => self.go(pages::ORDER, Fields::new().text("order", key), ctx),
            Msg::QuickAdd(dish) => {
                let choice = Choice::usual(dish);
                self.add(Line { choice, quantity: 1 });
            }
            Msg::Size(size) => self.draft(|line| line.choice.large = size == "large"),
            Msg::Spice(level) => self.draft(|line| line.choice.spice = level.parse().unwrap_or(0).min(2)),
            Msg::Extras(chosen) => self.draft(|line| {
                let extras = line.choice.of().extras.iter();
                let wanted = extras.filter(|at| chosen.iter().any(|id| id == menu::EXTRAS[**at].id));
                line.choice.extras = wanted.fold(0, |bits, at| bits | 1 << at);
            }),
            Msg::DraftQuantity(quantity) => self.draft(|line| line.quantity = bounded(quantity).max(1)),
            Msg::AddDraft => {
                if let Some(line) = self.draft.clone()
                    && self.add(line)
                {
                    let _ = ctx.back();
                }
            }
            Msg::Quantity(line, quantity) => self.set_quantity(line, bounded(quantity)),
            Msg::Undo => {
                if let Some((at, line)) = self.removed.take() {
                    self.cart.insert(at.min(self.cart.len()), line);
                }
            }
            Msg::Note(note) => self.note = note.chars().take(cart::NOTE).collect(),
            Msg::Pay => paying::pay(self, ctx),
            Msg::Paid(paid) => paying::paid(self, &paid, ctx),
            Msg::Subscribed(tells) => self.tells = Some(tells),
            Msg::OrderChanged(change) => self.order_changed(&change),
            Msg::StockChanged(change) => self.stock_row(&change.key, change.version, &change.value),
            Msg::Earlier => {
                let oldest = self.orders.first().map(|order| order.key.clone());
                self.load_orders(oldest.as_deref(), ctx);
            }
            Msg::KitchenTab(tab) => self.kitchen_tab = tab,
            Msg::Start(key) => kitchen::advance(self, &key, crate::order::Status::Cooking, ctx),
            Msg::Finish(key) => kitchen::advance(self, &key, crate::order::Status::Ready, ctx),
            Msg::SoldOut(dish, sold_out) => kitchen::sold_out(self, dish, sold_out, ctx),
        }
    }

    fn happened(&mut self, happening: Happening, ctx: &mut Ctx<Msg>) {
        match happening {
            Happening::PageShown(page) => self.shown(page, ctx),
            Happening::Gap(_) => {
                self.load_stock_rows(ctx);
                if self.watching {
                    self.orders.clear();
                    self.load_orders(None, ctx);
                }
            }
            Happening::OrderChanged(_) if self.watching => self.load_orders(None, ctx),
            Happening::Settings(fields) => {
                let language = fields.get_text("language");
                if !language.is_empty() {
                    self.words = Words::of(language);
                    self.language = menu::language(language);
                }
            }
            _ => {}
        }
    }

    fn outcome(&self, outcome: Outcome) -> Option<Msg> {
        match outcome.call.as_str() {
            "payment.pay" => Some(Msg::Paid(Box::new(Paid::from(outcome)))),
            _ => None,
        }
    }

    fn view(&self) -> Element<Msg> {
        view::page(self)
    }

    fn save(&self) -> Option<Saved> {
        Some(state::save(self))
    }
}

fn bounded(quantity: i64) -> u32 {
    u32::try_from(quantity.max(0)).unwrap_or(u32::MAX).min(cart::MOST)
}

/// "T7" is table 7; anything else is its own name.
fn table_of(scene: &str) -> String {
    scene.strip_prefix(['T', 't']).unwrap_or(scene).to_owned()
}

impl App {
    pub(crate) fn go(&mut self, path: &str, query: Fields, ctx: &mut Ctx<Msg>) {
        // A full stack: the page that is shown gives way.
        if ctx.push(path, query.clone()).is_err() {
            let _ = ctx.replace(path, query);
        }
    }

    fn shown(&mut self, page: Page, ctx: &mut Ctx<Msg>) {
        if page.path != self.page.path {
            self.notice = None;
            self.removed = None;
        }
        self.draft = menu::find(page.query("dish")).map(|dish| Line {
            choice: Choice::usual(dish),
            quantity: 1,
        });
        self.page = page;
        match self.page.path.as_str() {
            pages::BILLS | pages::ORDER => self.watch_orders(ctx),
            pages::KITCHEN if self.staff => self.watch_orders(ctx),
            _ => {}
        }
        let key = self.page.query("order").to_owned();
        if self.page.path == pages::ORDER && !key.is_empty() && self.order(&key).is_none() {
            let row = ctx.records().get(ORDERS, &key).ok().flatten();
            if let Some(order) = row.as_ref().and_then(Order::from_row) {
                upsert(&mut self.orders, order);
            }
        }
    }

    /// Watches first, then lists: what changes in between is known by its version.
    pub(crate) fn watch_orders(&mut self, ctx: &mut Ctx<Msg>) {
        if !self.watching {
            self.watching = ctx
                .watch(ORDERS, ListOptions::new(), |change| Msg::OrderChanged(Box::new(change)))
                .is_ok();
            self.load_orders(None, ctx);
        }
    }

    fn load_orders(&mut self, after: Option<&str>, ctx: &mut Ctx<Msg>) {
        let kitchen = self.page.path == pages::KITCHEN && self.staff;
        let limit = if kitchen { 100 } else { WINDOW };
        let mut options = ListOptions::new().descending().limit(limit);
        if !kitchen {
            options = options.mine();
        }
        if let Some(key) = after {
            options = options.after(key);
        }
        let rows = ctx.records().list(ORDERS, options).unwrap_or_default();
        self.earlier = rows.len() == limit as usize;
        for order in rows.iter().filter_map(Order::from_row) {
            upsert(&mut self.orders, order);
        }
    }

    fn order_changed(&mut self, change: &Change) {
        if change.removed {
            self.orders.retain(|order| order.key != change.key);
        } else if let Some(order) = Order::from_change(change) {
            upsert(&mut self.orders, order);
        }
    }

    fn load_stock(&mut self, ctx: &mut Ctx<Msg>) {
        let _ = ctx.watch(kitchen::STOCK, ListOptions::new(), |change| Msg::StockChanged(Box::new(change)));
        self.load_stock_rows(ctx);
    }

    fn load_stock_rows(&mut self, ctx: &mut Ctx<Msg>) {
        for row in ctx.records().list(kitchen::STOCK, ListOptions::new()).unwrap_or_default() {
            self.stock_row(&row.key, row.version, &row.value);
        }
    }

    fn stock_row(&mut self, key: &str, version: u64, value: &[u8]) {
        if let (Some(dish), Some(json)) = (menu::find(key), Json::read(value))
            && self.stock(dish).0 <= version
        {
            self.set_stock(dish, (version, json.get("sold-out").as_flag()));
        }
    }

    pub(crate) fn stock(&self, dish: usize) -> (u64, bool) {
        let known = self.stock.iter().find(|(known, _)| *known == dish);
        known.map_or((0, false), |(_, stock)| *stock)
    }

    pub(crate) fn set_stock(&mut self, dish: usize, stock: (u64, bool)) {
        match self.stock.iter_mut().find(|(known, _)| *known == dish) {
            Some((_, known)) => *known = stock,
            None => self.stock.push((dish, stock)),
        }
    }

    pub(crate) fn order(&self, key: &str) -> Option<&Order> {
        self.orders.iter().find(|order| order.key == key)
    }

    pub(crate) fn is_sold_out(&self, dish: usize) -> bool {
        self.stock(dish).1
    }

    fn draft(&mut self, change: impl FnOnce(&mut Line)) {
        if let Some(line) = &mut self.draft {
            change(line);
        }
    }

    fn add(&mut self, line: Line) -> bool {
        let fits = !self.is_sold_out(line.choice.dish) && cart::add(&mut self.cart, line);
        self.notice = (!fits).then_some(Notice::Limit);
        self.removed = None;
        fits
    }

    fn set_quantity(&mut self, at: usize, quantity: u32) {
        let others: u32 = self
            .cart
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .map(|(_, line)| line.quantity)
            .sum();
        if at >= self.cart.len() {
            return;
        }
        if quantity == 0 {
            self.removed = Some((at, self.cart.remove(at)));
            self.notice = None;
        } else {
            self.cart[at].quantity = quantity.min(cart::MOST.saturating_sub(others)).max(1);
            self.notice = (others + quantity > cart::MOST).then_some(Notice::Limit);
        }
    }
}
