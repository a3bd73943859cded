//! Orders, and what became of them. Amounts are in minor units: fen, cents.

use crate::bindings::youji::miniapp::payment as wire;
use crate::codes::{Ended, FailureCode, PayState};
use crate::event::Outcome;
use crate::fields::{Fields, Scalar};

/// One line of an order, shown on the sheet.
#[derive(Clone, Debug)]
pub struct Line(pub(crate) wire::Line);

impl Line {
    /// Something that is bought; `amount` is for all of `quantity`.
    pub fn item(title: impl Into<String>, quantity: u32, amount: u64) -> Self {
        Line(wire::Line {
            title: title.into(),
            quantity,
            amount,
            options: Vec::new(),
        })
    }

    /// Something that is subtracted.
    pub fn discount(title: impl Into<String>, amount: u64) -> Self {
        Line::item(title, 1, amount).kind("discount")
    }

    /// Another kind: "fee", "tax".
    pub fn kind(mut self, kind: &str) -> Self {
        self.0.options = Fields::new().text("kind", kind).0;
        self
    }

    fn is_discount(&self) -> bool {
        self.0
            .options
            .iter()
            .any(|field| field.name == "kind" && matches!(&field.value, Scalar::Text(kind) if kind == "discount"))
    }
}

/// What is asked for. The amount is the sum of its lines.
#[derive(Clone, Debug)]
pub struct Order {
    pub(crate) order_no: String,
    merchant: String,
    currency: String,
    lines: Vec<Line>,
    options: Fields,
}

impl Order {
    /// `order_no` is the program's idempotency key: draw it at random once, keep it for each further attempt at the same order.
    pub fn new(order_no: impl Into<String>, currency: &str) -> Self {
        Order {
            order_no: order_no.into(),
            merchant: String::new(),
            currency: currency.to_owned(),
            lines: Vec::new(),
            options: Fields::new(),
        }
    }

    /// With one more line.
    pub fn line(mut self, line: Line) -> Self {
        self.lines.push(line);
        self
    }

    /// Paid to a merchant enrolled under the publisher, not to the publisher.
    pub fn merchant(mut self, merchant: impl Into<String>) -> Self {
        self.merchant = merchant.into();
        self
    }

    /// One sentence for the sheet.
    pub fn purpose(self, purpose: impl Into<String>) -> Self {
        self.option("purpose", purpose)
    }

    /// The row that is stamped in the same durable act, at the version that the order is about.
    pub fn record(mut self, collection: &str, key: &str, version: u64) -> Self {
        let version = i64::try_from(version).unwrap_or(i64::MAX);
        self.options = self
            .options
            .text("record", [collection, "/", key].concat())
            .integer("record-version", version);
        self
    }

    /// Collected from a customer by the 18 digits that they show (what a scan of their screen gives): they pay, not whoever sits here. For
    /// staff. Beside it only a purpose is said. What asks the customer first ends as [`PayState::Pending`]; look the order up.
    pub fn code(self, digits: impl Into<String>) -> Self {
        self.option("code", digits)
    }

    /// Any other option of the contract.
    pub fn option(mut self, name: &str, value: impl Into<String>) -> Self {
        self.options = self.options.text(name, value);
        self
    }

    /// Any other option of the contract that is a whole number: amounts, moments, counts.
    pub fn option_integer(mut self, name: &str, value: i64) -> Self {
        self.options = self.options.integer(name, value);
        self
    }

    /// The sum of the lines, discounts subtracted.
    pub fn amount(&self) -> u64 {
        let of = |discounts: bool| {
            let lines = self.lines.iter().filter(|line| line.is_discount() == discounts);
            lines.fold(0_u64, |sum, line| sum.saturating_add(line.0.amount))
        };
        of(false).saturating_sub(of(true))
    }

    pub(crate) fn into_wire(self) -> wire::Order {
        wire::Order {
            amount: self.amount(),
            order_no: self.order_no,
            merchant: self.merchant,
            currency: self.currency,
            lines: self.lines.into_iter().map(|line| line.0).collect(),
            options: self.options.0,
        }
    }
}

/// What became of an attempt to be paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    /// Which order.
    pub order_no: String,
    /// How the attempt ended.
    pub ended: Ended,
    /// State of the order.
    pub state: PayState,
    /// Why, where it did not end well.
    pub failure: Option<FailureCode>,
    /// The receipt; empty when there is none.
    pub receipt: String,
}

impl Paid {
    /// Whether money moved.
    pub fn is_paid(&self) -> bool {
        self.ended == Ended::Done && self.state == PayState::Succeeded
    }
}

impl From<Outcome> for Paid {
    fn from(outcome: Outcome) -> Self {
        Paid {
            state: PayState::from_code(outcome.fields.get_text("state")),
            receipt: outcome.fields.get_text("receipt").to_owned(),
            order_no: outcome.order_no,
            ended: outcome.ended,
            failure: outcome.failure,
        }
    }
}
