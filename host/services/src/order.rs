//! What an order must be before anybody is asked to pay it.

use crate::config::ServiceLimits;
use crate::money;
use crate::services::{check_name, invalid, limit};
use youji_api::call::Order;
use youji_api::{Failure, Scalar, codes};

/// What the options of a checked order say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Terms {
    pub(crate) purpose: String,
    /// Collection, key and the version that the row must still have.
    pub(crate) record: Option<(String, String, Option<u64>)>,
    /// How long the sheet may stay open, in milliseconds.
    pub(crate) sheet_ms: Option<u64>,
}

fn unsupported(what: String) -> Failure {
    Failure::new(codes::UNSUPPORTED, what)
}

/// "collection/key" in its parts.
pub(crate) fn row_name(text: &str) -> Result<(String, String), Failure> {
    match text.split_once('/') {
        Some((collection, key)) if !collection.is_empty() && !key.is_empty() => Ok((collection.to_owned(), key.to_owned())),
        _ => Err(invalid(format!("\"collection/key\" expected, \"{text}\" came"))),
    }
}

/// Checks an order against the contract and this host's limits.
pub(crate) fn check(order: &Order, limits: &ServiceLimits, currency: &str) -> Result<Terms, Failure> {
    check_name("order-no", &order.order_no, 64)?;
    if order.merchant.len() > 64 {
        return Err(invalid("a merchant id has at most 64 characters"));
    }
    if order.currency != currency {
        return Err(unsupported(format!(
            "wallets of this host hold {currency}; the order is in \"{}\"",
            order.currency.chars().take(8).collect::<String>()
        )));
    }
    if order.amount == 0 || order.amount > limits.order_amount {
        return Err(limit(format!(
            "an order is between 1 and {} minor units ({} {currency}); {} came",
            limits.order_amount,
            money::decimal(limits.order_amount, currency),
            order.amount
        )));
    }
    if order.lines.is_empty() || order.lines.len() > limits.order_lines {
        return Err(limit(format!(
            "an order has 1 to {} lines, {} came",
            limits.order_lines,
            order.lines.len()
        )));
    }
    let sum = sum(order)?;
    if sum != i128::from(order.amount) {
        return Err(invalid(format!(
            "the lines come to {sum}, the order to {}: they must be equal, discounts subtracted",
            order.amount
        )));
    }
    terms(order)
}

fn sum(order: &Order) -> Result<i128, Failure> {
    let mut sum = 0;
    for line in &order.lines {
        check_name("title of a line", &line.title, 128)?;
        if line.quantity == 0 {
            return Err(invalid(format!("\"{}\": a quantity of at least 1 expected", line.title)));
        }
        if line.options.len() > 16 {
            return Err(limit("a line has at most 16 options"));
        }
        let amount = i128::from(line.amount);
        sum += match line.options.text("kind") {
            "" | "item" | "fee" | "tax" => amount,
            "discount" => -amount,
            other => {
                return Err(unsupported(format!(
                    "kind \"{other}\" of a line: item, discount, fee or tax expected"
                )));
            }
        };
    }
    Ok(sum)
}

fn terms(order: &Order) -> Result<Terms, Failure> {
    let mut terms = Terms::default();
    let mut version = None;
    let number = |name: &str, value: &Scalar| {
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        number.ok_or_else(|| invalid(format!("option \"{name}\": a whole number expected")))
    };
    let text = |name: &str, value: &Scalar| {
        let text = value.as_text().map(str::to_owned);
        text.ok_or_else(|| invalid(format!("option \"{name}\": text expected")))
    };
    for (name, value) in order.options.iter() {
        match name {
            "purpose" => {
                terms.purpose = text(name, value)?;
                if !terms.purpose.is_empty() {
                    check_name("purpose", &terms.purpose, 200)?;
                }
            }
            "record" => {
                let (collection, key) = row_name(&text(name, value)?)?;
                terms.record = Some((collection, key, None));
            }
            "record-version" => version = Some(number(name, value)?),
            "sheet-expires-ms" => terms.sheet_ms = Some(number(name, value)?.max(1_000)),
            "mode" if value.as_text() == Some("pay") => {}
            "mode" => return Err(unsupported(format!("mode \"{value}\": this host offers \"pay\""))),
            other => {
                return Err(unsupported(format!(
                    "option \"{other}\": this host does not know it, and it may change where money goes; leave it out"
                )));
            }
        }
    }
    match (&mut terms.record, version) {
        (Some(record), version) => record.2 = version,
        (None, None) => {}
        (None, Some(_)) => return Err(invalid("option \"record-version\" needs \"record\"")),
    }
    Ok(terms)
}

/// The content of an order, the same for the same content in whatever order its fields come.
pub(crate) fn canonical(order: &Order) -> Vec<u8> {
    let mut order = order.clone();
    let sort = |fields: &mut youji_api::Fields| fields.0.sort_by(|a, b| a.0.cmp(&b.0));
    sort(&mut order.options);
    order.lines.iter_mut().for_each(|line| sort(&mut line.options));
    serde_json::to_vec(&order).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::config::ServiceLimits;
    use youji_api::Fields;
    use youji_api::call::{Order, OrderLine};

    fn order(amount: u64, lines: &[(u64, &str)], options: Fields) -> Order {
        let line = |(amount, kind): &(u64, &str)| OrderLine {
            title: "Noodles".to_owned(),
            quantity: 1,
            amount: *amount,
            options: Fields::new().with("kind", *kind),
        };
        Order {
            order_no: "1".to_owned(),
            merchant: String::new(),
            amount,
            currency: "CNY".to_owned(),
            lines: lines.iter().map(line).collect(),
            options,
        }
    }

    #[test]
    fn only_sums_that_hold_and_options_that_are_known_pass() {
        let limits = ServiceLimits::default();
        let code = |order: &Order| check(order, &limits, "CNY").err().map(|failure| failure.code);
        let none = Fields::new();
        assert_eq!(code(&order(900, &[(1_000, "item"), (100, "discount")], none.clone())), None);
        assert_eq!(code(&order(1_100, &[(1_000, "item"), (100, "fee")], none.clone())), None);
        let invalid = Some("invalid".to_owned());
        let unsupported = Some("unsupported".to_owned());
        let limit = Some("limit".to_owned());
        assert_eq!(code(&order(901, &[(1_000, "item"), (100, "discount")], none.clone())), invalid);
        assert_eq!(
            code(&order(u64::MAX, &[(u64::MAX, "item"), (u64::MAX, "item")], none.clone())),
            limit
        );
        assert_eq!(code(&order(0, &[(100, "item"), (100, "discount")], none.clone())), limit);
        assert_eq!(code(&order(100, &[], none.clone())), limit);
        assert_eq!(code(&order(100, &[(100, "gift")], none)), unsupported);
        for (name, value) in [("mode", "escrow"), ("to", "o-1"), ("fee", "3"), ("pool", "p"), ("invented", "x")] {
            assert_eq!(
                code(&order(100, &[(100, "item")], Fields::new().with(name, value))),
                unsupported,
                "{name}"
            );
        }
        let foreign = Order {
            currency: "BTC".to_owned(),
            ..order(100, &[(100, "item")], Fields::new())
        };
        assert_eq!(code(&foreign), unsupported);
        let dangling = Fields::new().with("record-version", 1_i64);
        assert_eq!(code(&order(100, &[(100, "item")], dangling)), invalid);
    }
}
