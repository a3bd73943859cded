//! An order as it stands in the collection "orders".

use crate::cart::{self, Line};
use youji_sdk::{Change, Fields, Json, PayState, Row};

/// Name of the collection.
pub(crate) const ORDERS: &str = "orders";

/// How far the kitchen is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    Placed,
    Cooking,
    Ready,
}

impl Status {
    fn code(self) -> &'static str {
        match self {
            Status::Placed => "placed",
            Status::Cooking => "cooking",
            Status::Ready => "ready",
        }
    }
}

/// An order with what the host says about it.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// Key of the row and number of the order.
    pub(crate) key: String,
    pub(crate) version: u64,
    pub(crate) table: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) note: String,
    pub(crate) status: Status,
    /// Open id of the guest.
    pub(crate) owner: String,
    pub(crate) created_at: u64,
    pub(crate) paid: Option<PayState>,
    pub(crate) paid_amount: u64,
    pub(crate) refunded: u64,
    pub(crate) receipt: String,
}

/// What a row holds.
pub(crate) fn value(table: &str, lines: &[Line], note: &str, status: Status) -> Vec<u8> {
    Json::object()
        .with("table", table)
        .with("lines", cart::to_json(lines))
        .with("note", note)
        .with("status", status.code())
        .write()
}

impl Order {
    fn read(key: &str, version: u64, bytes: &[u8], stamps: &Fields) -> Option<Order> {
        let json = Json::read(bytes)?;
        let paid = stamps.get_text("paid-state");
        Some(Order {
            key: key.to_owned(),
            version,
            table: json.get("table").as_text().to_owned(),
            lines: cart::from_json(json.get("lines"))?,
            note: json.get("note").as_text().to_owned(),
            // A later version of this program may know more; to this one it is at least under way.
            status: match json.get("status").as_text() {
                "placed" => Status::Placed,
                "ready" => Status::Ready,
                _ => Status::Cooking,
            },
            owner: stamps.get_text("owner").to_owned(),
            created_at: stamps.get_count("created-at").unwrap_or(0),
            paid: (!paid.is_empty()).then(|| PayState::from_code(paid)),
            paid_amount: stamps.get_count("paid-amount").unwrap_or(0),
            refunded: stamps.get_count("paid-refunded").unwrap_or(0),
            receipt: stamps.get_text("paid-receipt").to_owned(),
        })
    }

    pub(crate) fn from_row(row: &Row) -> Option<Order> {
        Order::read(&row.key, row.version, &row.value, &row.stamps)
    }

    pub(crate) fn from_change(change: &Change) -> Option<Order> {
        Order::read(&change.key, change.version, &change.value, &change.fields)
    }

    pub(crate) fn is_paid(&self) -> bool {
        self.paid == Some(PayState::Succeeded)
    }

    /// Whether what was paid is what is to be cooked.
    pub(crate) fn is_sound(&self) -> bool {
        cart::amount(&self.lines) == self.paid_amount
    }

    /// What people call it: the last characters of its key.
    pub(crate) fn short(&self) -> String {
        let from = self.key.len().saturating_sub(4);
        self.key.get(from..).unwrap_or(&self.key).to_ascii_uppercase()
    }

    pub(crate) fn with_status(&self, status: Status) -> Vec<u8> {
        value(&self.table, &self.lines, &self.note, status)
    }
}

/// Puts an order where its key belongs, newest last, unless what is there is newer.
pub(crate) fn upsert(orders: &mut Vec<Order>, order: Order) {
    match orders.binary_search_by(|known| known.key.cmp(&order.key)) {
        Ok(at) if orders[at].version <= order.version => orders[at] = order,
        Ok(_) => {}
        Err(at) => orders.insert(at, order),
    }
}
