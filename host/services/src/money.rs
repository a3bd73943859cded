//! Amounts as people read them.

/// Currencies that wallets can hold, ISO 4217.
pub const CURRENCIES: [&str; 6] = ["CNY", "EUR", "HKD", "JPY", "SGD", "USD"];

/// ISO 4217 number and decimal places of the currencies that wallets hold.
pub(crate) fn currency(code: &str) -> Option<(u32, u32)> {
    Some(match code {
        "CNY" => (156, 2),
        "EUR" => (978, 2),
        "HKD" => (344, 2),
        "JPY" => (392, 0),
        "SGD" => (702, 2),
        "USD" => (840, 2),
        _ => return None,
    })
}

/// The code of an ISO 4217 number.
pub(crate) fn code_of(number: u32) -> Option<&'static str> {
    CURRENCIES
        .into_iter()
        .find(|code| currency(code).is_some_and(|(found, _)| found == number))
}

/// In the currency's decimal places, such as "36.00".
pub(crate) fn decimal(amount: impl Into<u128>, code: &str) -> String {
    let amount = amount.into();
    let places = currency(code).map_or(2, |(_, places)| places);
    if places == 0 {
        return amount.to_string();
    }
    let unit = 10_u128.pow(places);
    format!("{}.{:0width$}", amount / unit, amount % unit, width = places as usize)
}

/// With the currency's sign, such as "¥36.00".
pub(crate) fn with_sign(amount: u64, code: &str) -> String {
    let amount = decimal(amount, code);
    match code {
        "CNY" => format!("¥{amount}"),
        "EUR" => format!("€{amount}"),
        "USD" => format!("${amount}"),
        _ => format!("{code} {amount}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{decimal, with_sign};

    #[test]
    fn amounts_have_the_places_of_their_currency() {
        assert_eq!(decimal(3_605_u64, "CNY"), "36.05");
        assert_eq!(decimal(5_u64, "CNY"), "0.05");
        assert_eq!(decimal(500_u64, "JPY"), "500");
        assert_eq!(with_sign(0, "CNY"), "¥0.00");
    }
}
