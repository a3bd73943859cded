//! What an order must be before anybody is asked to pay it.

use crate::config::ServiceLimits;
use crate::money;
use crate::services::{check_name, invalid, limit};
use serde::{Deserialize, Serialize};
use youji_api::call::Order;
use youji_api::{Failure, Scalar, codes};

/// What becomes of the money of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Paid at once.
    #[default]
    Pay,
    /// Held until the payer confirms, the time is over, or staff decide a dispute.
    Escrow,
    /// Held; a part is charged, the rest returns.
    Deposit,
    /// Held until enough people hold, then captured together.
    Pool,
    /// Split in shares that others claim.
    Packet,
    /// From a merchant to a person.
    Payout,
}

impl Mode {
    fn from_code(code: &str) -> Option<Mode> {
        let all = [Mode::Pay, Mode::Escrow, Mode::Deposit, Mode::Pool, Mode::Packet, Mode::Payout];
        all.into_iter().find(|mode| mode.code() == code)
    }

    pub(crate) fn code(self) -> &'static str {
        match self {
            Mode::Pay => "pay",
            Mode::Escrow => "escrow",
            Mode::Deposit => "deposit",
            Mode::Pool => "pool",
            Mode::Packet => "packet",
            Mode::Payout => "payout",
        }
    }

    /// For how long it stays held unless told, and at most, in milliseconds.
    fn hold_ms(self) -> (u64, u64) {
        const DAY: u64 = 24 * 60 * 60 * 1_000;
        match self {
            Mode::Escrow => (10 * DAY, 180 * DAY),
            Mode::Deposit => (DAY, 30 * DAY),
            Mode::Pool => (DAY, 30 * DAY),
            Mode::Packet => (DAY, DAY),
            Mode::Pay | Mode::Payout => (0, 0),
        }
    }
}

/// Collection, key and the version that the row must still have.
pub(crate) type RowTerm = (String, String, Option<u64>);

/// What the options of a checked order say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Terms {
    pub(crate) purpose: String,
    /// The row that is stamped.
    pub(crate) record: Option<RowTerm>,
    /// Another row, whose version is raised in the same act.
    pub(crate) claims: Option<RowTerm>,
    /// How long the sheet may stay open, in milliseconds.
    pub(crate) sheet_ms: Option<u64>,
    pub(crate) mode: Mode,
    /// Open id of the payee.
    pub(crate) to: Option<String>,
    /// Kept by the publisher, in minor units.
    pub(crate) fee: u64,
    /// Until when it is held, in milliseconds since 1970; 0: it is not.
    pub(crate) until: u64,
    /// Whether the order names that moment itself.
    pub(crate) until_said: bool,
    pub(crate) capture_at_expiry: bool,
    /// Name and size.
    pub(crate) pool: Option<(String, u32)>,
    /// The code that a customer shows: they pay, not whoever asks.
    pub(crate) code: Option<String>,
    /// How many shares, and whether they are drawn at random.
    pub(crate) shares: Option<(u32, bool)>,
}

/// An order with everything in it, as JSON, in bytes: it is kept as one value.
const CONTENT_MOST: usize = 64 << 10;

/// People of a pool at most, and shares of a packet at most.
pub(crate) const POOL_MOST: u32 = 100;
pub(crate) const SHARES_MOST: u32 = 10_000;

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

/// Checks an order against the contract and this host's limits. `now` in milliseconds since 1970.
pub(crate) fn check(order: &Order, limits: &ServiceLimits, currency: &str, now: u64) -> Result<Terms, Failure> {
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
    let terms = terms(order, now)?;
    coherent(order, &terms)?;
    Ok(terms)
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
        if line
            .options
            .iter()
            .any(|(name, value)| name.len() > 64 || value.heap_bytes() > 1_024)
        {
            return Err(limit(
                "an option of a line has a name of at most 64 bytes and a value of at most 1,024",
            ));
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

fn number(name: &str, value: &Scalar) -> Result<u64, Failure> {
    let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| invalid(format!("option \"{name}\": a whole number expected")))
}

fn count(name: &str, value: &Scalar, least: u32, most: u32) -> Result<u32, Failure> {
    let number = u32::try_from(number(name, value)?).unwrap_or(u32::MAX);
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(limit(format!("option \"{name}\": {least} to {most} expected, {number} came")))
}

fn text(name: &str, value: &Scalar, most: usize) -> Result<String, Failure> {
    let text = value
        .as_text()
        .ok_or_else(|| invalid(format!("option \"{name}\": text expected")))?;
    check_name(name, text, most)?;
    Ok(text.to_owned())
}

fn one_of<T>(name: &str, value: &Scalar, known: &[(&str, T)]) -> Result<T, Failure>
where
    T: Copy,
{
    let found = known.iter().find(|(code, _)| value.as_text() == Some(code));
    let names: Vec<&str> = known.iter().map(|(code, _)| *code).collect();
    found
        .map(|(_, what)| *what)
        .ok_or_else(|| unsupported(format!("option \"{name}\": one of {} expected, \"{value}\" came", names.join(", "))))
}

/// What the options say one by one, before they are held against each other.
#[derive(Default)]
struct Said {
    version: Option<u64>,
    claims_version: Option<u64>,
    until: Option<u64>,
    at_expiry: Option<bool>,
    pool: Option<String>,
    pool_size: Option<u32>,
    shares: Option<u32>,
    random: Option<bool>,
}

fn terms(order: &Order, now: u64) -> Result<Terms, Failure> {
    let mut terms = Terms::default();
    let mut said = Said::default();
    for (name, value) in order.options.iter() {
        match name {
            "purpose" if value.as_text() == Some("") => {}
            "purpose" => terms.purpose = text(name, value, 200)?,
            "record" => {
                let (collection, key) = row_name(&text(name, value, 256)?)?;
                terms.record = Some((collection, key, None));
            }
            "record-version" => said.version = Some(number(name, value)?),
            "claims" => {
                let (collection, key) = row_name(&text(name, value, 256)?)?;
                terms.claims = Some((collection, key, None));
            }
            "claims-version" => said.claims_version = Some(number(name, value)?),
            "sheet-expires-ms" => terms.sheet_ms = Some(number(name, value)?.max(1_000)),
            "mode" => {
                let mode = value.as_text().and_then(Mode::from_code);
                terms.mode =
                    mode.ok_or_else(|| unsupported(format!("mode \"{value}\": pay, escrow, deposit, pool, packet or payout expected")))?;
            }
            "code" => terms.code = Some(text(name, value, 32)?),
            "to" => terms.to = Some(text(name, value, 64)?),
            "fee" => terms.fee = number(name, value)?,
            "hold-until-at" => said.until = Some(number(name, value)?),
            "at-expiry" => said.at_expiry = Some(one_of(name, value, &[("cancel", false), ("capture", true)])?),
            "pool" => said.pool = Some(text(name, value, 64)?),
            "pool-size" => said.pool_size = Some(count(name, value, 2, POOL_MOST)?),
            "shares" => said.shares = Some(count(name, value, 1, SHARES_MOST)?),
            "split" => said.random = Some(one_of(name, value, &[("equal", false), ("random", true)])?),
            other => {
                return Err(unsupported(format!(
                    "option \"{other}\": this host does not know it, and it may change where money goes; leave it out"
                )));
            }
        }
    }
    with_version("record", &mut terms.record, said.version)?;
    with_version("claims", &mut terms.claims, said.claims_version)?;
    hold(&mut terms, &said, now)?;
    parts(&mut terms, said)?;
    Ok(terms)
}

fn with_version(name: &str, row: &mut Option<RowTerm>, version: Option<u64>) -> Result<(), Failure> {
    match (row, version) {
        (Some(row), version) => row.2 = version,
        (None, None) => {}
        (None, Some(_)) => return Err(invalid(format!("option \"{name}-version\" needs \"{name}\""))),
    }
    Ok(())
}

fn only_for(mode: Mode, name: &str, modes: &str) -> Failure {
    invalid(format!("option \"{name}\" is for mode {modes}, not \"{}\"", mode.code()))
}

fn hold(terms: &mut Terms, said: &Said, now: u64) -> Result<(), Failure> {
    let (usual, most) = terms.mode.hold_ms();
    if most == 0 {
        return match (said.until, said.at_expiry) {
            (None, None) => Ok(()),
            _ => Err(only_for(terms.mode, "hold-until-at", "escrow, deposit, pool or packet")),
        };
    }
    let until = said.until.unwrap_or(now.saturating_add(usual));
    if until <= now || until > now.saturating_add(most) {
        return Err(invalid(format!(
            "option \"hold-until-at\": milliseconds since 1970 expected, later than now ({now}) and at most {} hours ahead; {until} came",
            most / 3_600_000
        )));
    }
    let capture = said.at_expiry.unwrap_or(terms.mode == Mode::Escrow);
    if capture && matches!(terms.mode, Mode::Pool | Mode::Packet) {
        return Err(invalid(format!(
            "option \"at-expiry\": what is left of a {} returns, so only \"cancel\"",
            terms.mode.code()
        )));
    }
    (terms.until, terms.until_said, terms.capture_at_expiry) = (until, said.until.is_some(), capture);
    Ok(())
}

fn parts(terms: &mut Terms, said: Said) -> Result<(), Failure> {
    let mode = terms.mode;
    match (mode, said.pool, said.pool_size) {
        (Mode::Pool, Some(pool), Some(size)) => terms.pool = Some((pool, size)),
        (Mode::Pool, _, _) => return Err(invalid("mode \"pool\" needs the options \"pool\" and \"pool-size\"")),
        (_, None, None) => {}
        _ => return Err(only_for(mode, "pool", "pool")),
    }
    match (mode, said.shares) {
        (Mode::Packet, Some(shares)) if terms.record.is_some() => terms.shares = Some((shares, said.random.unwrap_or(true))),
        (Mode::Packet, _) => {
            return Err(invalid(
                "mode \"packet\" needs the options \"shares\" and \"record\": whoever may read that row may claim",
            ));
        }
        (_, None) if said.random.is_none() => {}
        _ => return Err(only_for(mode, "shares", "packet")),
    }
    Ok(())
}

/// What payee, amount and mode say together.
fn coherent(order: &Order, terms: &Terms) -> Result<(), Failure> {
    let (mode, merchant) = (terms.mode, !order.merchant.is_empty());
    if terms.code.is_some()
        && let Some((other, _)) = order.options.iter().find(|(name, _)| !matches!(*name, "code" | "purpose"))
    {
        return Err(invalid(format!(
            "option \"{other}\": with \"code\" something is simply paid to a merchant, and only \"purpose\" is said beside it"
        )));
    }
    if terms.same_row() {
        return Err(invalid(
            "\"record\" and \"claims\" name one row; a record is bound by \"record-version\"",
        ));
    }
    match (mode, &terms.to) {
        (Mode::Payout, None) => return Err(invalid("mode \"payout\" needs \"to\": who gets it")),
        (Mode::Payout, Some(_)) => {}
        (Mode::Pay | Mode::Escrow, Some(_)) if merchant => {
            return Err(invalid("an order is paid to a merchant or \"to\" a person, not to both"));
        }
        (Mode::Pay | Mode::Escrow, _) => {}
        (_, Some(_)) => return Err(only_for(mode, "to", "pay, escrow or payout")),
        (Mode::Packet, None) if merchant => return Err(invalid("a packet goes to those who claim it; leave the merchant out")),
        _ => {}
    }
    if terms.fee > 0 {
        if terms.fee >= order.amount {
            return Err(invalid(format!(
                "option \"fee\": a part of the amount expected, {} of {} came",
                terms.fee, order.amount
            )));
        }
        if matches!(mode, Mode::Packet | Mode::Payout) {
            return Err(only_for(mode, "fee", "pay, escrow, deposit or pool"));
        }
        if terms.to.is_none() && !merchant {
            return Err(invalid(
                "option \"fee\": the publisher is paid already; name a merchant or a person",
            ));
        }
    }
    if let Some((shares, _)) = terms.shares
        && u64::from(shares) > order.amount
    {
        return Err(invalid(format!(
            "{shares} shares of {} minor units: each share is at least 1",
            order.amount
        )));
    }
    Ok(())
}

/// The content of an order, the same for the same content in whatever order its fields come.
pub(crate) fn canonical(order: &Order) -> Result<Vec<u8>, Failure> {
    let mut order = order.clone();
    let sort = |fields: &mut youji_api::Fields| fields.0.sort_by(|a, b| a.0.cmp(&b.0));
    sort(&mut order.options);
    order.lines.iter_mut().for_each(|line| sort(&mut line.options));
    let content = serde_json::to_vec(&order).unwrap_or_default();
    if content.len() > CONTENT_MOST {
        return Err(limit(format!(
            "an order has at most {CONTENT_MOST} bytes as JSON with all its lines and options, {} came",
            content.len()
        )));
    }
    Ok(content)
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

    const NOW: u64 = 1_760_000_000_000;

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        let limits = ServiceLimits::default();
        let code = |options: Fields| match check(&order(100, &[(100, "item")], options), &limits, "CNY", NOW) {
            Ok(_) => "ok".to_owned(),
            Err(failure) => failure.code,
        };
        let mode = |mode: &str| Fields::new().with("mode", mode);
        let ahead = |days: i64| NOW as i64 + days * 86_400_000;
        assert_eq!(code(mode("escrow")), "ok");
        assert_eq!(
            code(mode("escrow").with("hold-until-at", ahead(9)).with("at-expiry", "capture")),
            "ok"
        );
        assert_eq!(code(mode("escrow").with("to", "o-1").with("fee", 99_i64)), "ok");
        assert_eq!(code(mode("deposit").with("claims", "bikes/1").with("claims-version", 3_i64)), "ok");
        assert_eq!(code(mode("pool").with("pool", "p").with("pool-size", 3_i64)), "ok");
        assert_eq!(code(mode("packet").with("shares", 100_i64).with("record", "a/b")), "ok");
        assert_eq!(code(mode("payout").with("to", "o-1")), "ok");
        for wrong in [
            mode("pay").with("hold-until-at", ahead(1)),
            mode("escrow").with("hold-until-at", ahead(-1)),
            mode("escrow").with("hold-until-at", ahead(181)),
            mode("packet")
                .with("shares", 5_i64)
                .with("record", "a/b")
                .with("hold-until-at", ahead(2)),
            mode("packet").with("shares", 5_i64),
            mode("packet").with("shares", 101_i64).with("record", "a/b"),
            mode("packet")
                .with("shares", 5_i64)
                .with("record", "a/b")
                .with("at-expiry", "capture"),
            mode("pool").with("pool", "p"),
            mode("escrow").with("pool", "p").with("pool-size", 2_i64),
            mode("escrow").with("shares", 2_i64),
            mode("deposit").with("to", "o-1"),
            mode("payout"),
            mode("pay").with("fee", 3_i64),
            mode("pay").with("to", "o-1").with("fee", 100_i64),
            mode("pay").with("to", 7_i64),
            mode("deposit").with("claims-version", 3_i64),
        ] {
            assert_eq!(code(wrong.clone()), "invalid", "{wrong:?}");
        }
        assert_eq!(code(mode("packet").with("shares", 10_001_i64).with("record", "a/b")), "limit");
        assert_eq!(code(mode("pool").with("pool", "p").with("pool-size", 1_i64)), "limit");
    }

    #[test]
    fn only_sums_that_hold_and_options_that_are_known_pass() {
        let limits = ServiceLimits::default();
        let code = |order: &Order| check(order, &limits, "CNY", NOW).err().map(|failure| failure.code);
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
        for (name, value) in [("mode", "gift"), ("at-expiry", "burn"), ("split", "mine"), ("invented", "x")] {
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
