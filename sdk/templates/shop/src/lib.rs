//! A shop: goods, a basket that is still there at the next visit, and an order that is paid once.

mod goods;
mod view;

use goods::{GOODS, LANGUAGES};
use youji_sdk::text::best;
use youji_sdk::{
    Ctx, Element, Ended, FailureCode, Fields, Happening, Json, Launch, Line, Order, Page, Paid, PayState, Program, Saved, texts,
};

texts! {
    /// What people read.
    struct Words: ["zh", "en"] {
        shop: ["小店", "Shop"],
        add: ["放一件{good}进篮子", "Put one {good} into the basket"],
        to_basket: ["篮子 · {count} 件 · {amount}", "Basket · {count} · {amount}"],
        basket: ["篮子", "Basket"],
        pieces: ["{good}几件", "How many: {good}"],
        total: ["合计", "Total"],
        pay: ["付款 {amount}", "Pay {amount}"],
        paying: ["正在付款", "Paying"],
        purpose: ["篮子里的 {count} 件东西", "{count} things from the basket"],
        empty: ["篮子是空的", "The basket is empty"],
        back: ["去看看", "Look around"],
        thanks: ["已付款，谢谢", "Paid. Thank you"],
        thanks_more: ["请在柜台取货", "Please collect your things at the counter"],
        declined: ["没有付款，篮子还在", "Not paid; the basket is as it was"],
        no_funds: ["余额不够，没有付款", "Not paid: there is not enough in the wallet"],
        failed: ["付款没有成功，没有扣钱，请再试一次", "The payment failed and nothing was taken; try again"],
    }
}

/// Of the saved state's shape.
const SCHEMA: u32 = 1;
/// Most of one thing.
const MOST: i64 = 20;

/// Something to say on the page of the basket.
#[derive(Clone, Copy, PartialEq)]
enum Notice {
    Declined,
    NoFunds,
    Failed,
}

/// The model.
pub struct App {
    words: &'static Words,
    /// Index into the texts of a good.
    language: usize,
    /// Of prices here, ISO 4217.
    currency: String,
    page: Page,
    /// How many of each of the goods.
    basket: [u32; GOODS.len()],
    /// Of this basket. Drawn once, kept for each further attempt, so that nobody pays twice; empty until somebody wants to pay.
    order_no: String,
    paying: bool,
    /// The basket was paid.
    thanks: bool,
    notice: Option<Notice>,
}

/// What changes it.
#[derive(Clone)]
pub enum Msg {
    Add(usize),
    Pieces(usize, i64),
    Basket,
    Shop,
    Pay,
    Paid(Paid),
}

impl Program for App {
    type Msg = Msg;

    fn launched(launch: Launch, saved: Option<Saved>, _: &mut Ctx<Msg>) -> Self {
        let mut app = App {
            words: Words::of(&launch.language),
            language: best(&LANGUAGES, &launch.language),
            currency: if launch.currency.is_empty() { "CNY".to_owned() } else { launch.currency },
            page: launch.page,
            basket: [0; GOODS.len()],
            order_no: String::new(),
            paying: false,
            thanks: false,
            notice: None,
        };
        if let Some(json) = saved.filter(|saved| saved.schema == SCHEMA).and_then(|saved| Json::read(&saved.bytes)) {
            app.order_no = json.get("order").as_text().to_owned();
            for (at, good) in GOODS.iter().enumerate() {
                let count = json.get("basket").get(good.id).as_count();
                app.basket[at] = u32::try_from(count).unwrap_or(0).min(MOST as u32);
            }
        }
        app
    }

    fn update(&mut self, message: Msg, ctx: &mut Ctx<Msg>) {
        match message {
            Msg::Add(at) => self.change(at, i64::from(self.basket[at]) + 1),
            Msg::Pieces(at, pieces) => self.change(at, pieces),
            Msg::Basket => {
                self.thanks = false;
                self.notice = None;
                let _ = ctx.push("pages/basket", Fields::new());
            }
            Msg::Shop => {
                let _ = ctx.back();
            }
            Msg::Pay => self.pay(ctx),
            Msg::Paid(paid) => self.paid(&paid),
        }
    }

    /// The host keeps the pages; the program is told which one is on top.
    fn happened(&mut self, happening: Happening, _: &mut Ctx<Msg>) {
        match happening {
            Happening::PageShown(page) => self.page = page,
            Happening::Settings(fields) if !fields.get_text("language").is_empty() => {
                self.words = Words::of(fields.get_text("language"));
                self.language = best(&LANGUAGES, fields.get_text("language"));
            }
            _ => {}
        }
    }

    /// An answer that came while nobody was here is offered again at the next launch.
    fn outcome(&self, outcome: youji_sdk::Outcome) -> Option<Msg> {
        (outcome.call == "payment.pay").then(|| Msg::Paid(Paid::from(outcome)))
    }

    fn view(&self) -> Element<Msg> {
        match self.page.path.as_str() {
            "pages/basket" => view::basket(self),
            _ => view::shop(self),
        }
    }

    fn save(&self) -> Option<Saved> {
        let filled = GOODS.iter().zip(self.basket).filter(|(_, count)| *count > 0);
        let basket = filled.fold(Json::object(), |json, (good, count)| json.with(good.id, u64::from(count)));
        let json = Json::object().with("order", self.order_no.as_str()).with("basket", basket);
        Some(Saved {
            schema: SCHEMA,
            bytes: json.write(),
        })
    }
}

impl App {
    fn change(&mut self, at: usize, pieces: i64) {
        if self.paying {
            return;
        }
        self.basket[at] = u32::try_from(pieces.clamp(0, MOST)).unwrap_or(0);
        // Another basket is another order.
        self.order_no.clear();
        self.notice = None;
    }

    fn count(&self) -> u64 {
        self.basket.iter().map(|count| u64::from(*count)).sum()
    }

    fn amount(&self) -> u64 {
        let lines = GOODS.iter().zip(self.basket);
        lines.map(|(good, count)| good.price * u64::from(count)).sum()
    }

    fn pay(&mut self, ctx: &mut Ctx<Msg>) {
        if self.paying || self.count() == 0 {
            return;
        }
        if self.order_no.is_empty() {
            self.order_no = ctx.random_id();
        }
        let count = youji_sdk::text::number(self.count());
        let purpose = youji_sdk::text::fill(self.words.purpose, &[("count", &count)]);
        let mut order = Order::new(self.order_no.as_str(), &self.currency).purpose(purpose);
        for (good, count) in GOODS.iter().zip(self.basket).filter(|(_, count)| *count > 0) {
            order = order.line(Line::item(good.name[self.language], count, good.price * u64::from(count)));
        }
        self.paying = true;
        self.notice = None;
        ctx.pay(order, Msg::Paid);
    }

    fn paid(&mut self, paid: &Paid) {
        // About another basket than the one that is here: one that was paid before.
        if paid.order_no != self.order_no {
            return;
        }
        self.paying = false;
        if paid.is_paid() {
            self.basket = [0; GOODS.len()];
            self.order_no.clear();
            self.thanks = true;
            return;
        }
        if paid.state == PayState::Canceled {
            // That order is over for good; the next attempt is a new one.
            self.order_no.clear();
        }
        self.notice = Some(match (&paid.ended, &paid.failure) {
            (Ended::Declined, _) => Notice::Declined,
            (_, Some(FailureCode::InsufficientFunds)) => Notice::NoFunds,
            _ => Notice::Failed,
        });
    }
}

youji_sdk::export!(App);
