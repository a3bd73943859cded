//! Commands and the calls that they stand for.

use crate::bindings::youji::miniapp::types::{Failure, Field, Scalar};
use crate::bindings::youji::miniapp::{clock, identity, location, messaging, navigation, payment, random, records, scanner, storage};
use crate::shown;

/// "name=value" separated by ";"; whole numbers as such.
fn options(text: &str) -> Vec<Field> {
    let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| Field {
            name: name.to_owned(),
            value: value.parse().map_or_else(|_| Scalar::Text(value.to_owned()), Scalar::Integer),
        })
        .collect()
}

fn names(text: &str) -> Vec<String> {
    text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn said<T>(result: Result<T, Failure>, show: impl FnOnce(T) -> String) -> String {
    match result {
        Ok(value) => format!("ok {}", show(value)),
        Err(failure) => format!("refused {}: {}", failure.code, failure.message),
    }
}

fn ticket(result: Result<u64, Failure>) -> String {
    said(result, |_| "asked".to_owned())
}

fn bytes(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn row(row: &records::Row) -> String {
    format!("{}@{}={}[{}]", row.key, row.version, bytes(&row.value), shown(&row.stamps))
}

/// Makes the call and says what came of it, at once.
pub(crate) fn run(command: &str) -> String {
    let parts: Vec<&str> = command.split('|').collect();
    let part = |at: usize| parts.get(at).copied().unwrap_or_default();
    let number = |at: usize| part(at).parse::<u64>().unwrap_or_default();
    match part(0) {
        "open-id" => said(identity::open_id(), |id| id),
        "union-id" => said(identity::union_id(), |id| id),
        "profile" => ticket(identity::profile(&names(part(1)), &options(part(2)))),
        "login-code" => said(identity::login_code(&options(part(1))), |code| code),
        "pay" => ticket(payment::pay(&payment::Order {
            order_no: part(1).to_owned(),
            merchant: part(2).to_owned(),
            amount: number(3),
            currency: "CNY".to_owned(),
            lines: vec![payment::Line {
                title: "tea".to_owned(),
                quantity: 1,
                amount: number(3),
                options: Vec::new(),
            }],
            options: options(part(4)),
        })),
        "lookup" => said(payment::lookup(part(1), &[]), |fields| shown(&fields)),
        "act" => ticket(payment::act(part(1), part(2), &options(part(3)))),
        "subscribe" => ticket(messaging::subscribe(&names(part(1)), &[])),
        "send" => said(messaging::send(part(1), part(2), &options(part(4)), part(3), &[]), |number| {
            number.to_string()
        }),
        "share" => ticket(messaging::share(part(1), part(2), &options(part(3)), &options(part(4)))),
        "get" => said(storage::get(part(1)), |value| {
            value.map_or("nothing".to_owned(), |value| bytes(&value))
        }),
        "set" => said(storage::set(part(1), part(2).as_bytes()), |()| String::new()),
        "keys" => said(storage::keys(), |keys| keys.join(",")),
        "row" => said(records::get(part(1), part(2)), |found| {
            found.as_ref().map_or("nothing".to_owned(), row)
        }),
        "put" => said(
            records::put(part(1), part(2), number(3), part(4).as_bytes(), &options(part(5))),
            |version| version.to_string(),
        ),
        "rows" => said(records::list(part(1), &options(part(2))), |rows| {
            rows.iter().map(row).collect::<Vec<String>>().join("\n")
        }),
        "watch" => ticket(records::watch(part(1), &options(part(2)))),
        "push" => said(navigation::push(part(1), &options(part(2))), |()| String::new()),
        "open" => ticket(navigation::open(part(1), part(2), &options(part(3)))),
        "scan" => ticket(scanner::scan(&[])),
        "locate" => ticket(location::locate(&[])),
        "now" => clock::now().to_string(),
        "random" => format!("ok {}", random::bytes(16).len()),
        other => format!("no such command: {other}"),
    }
}
