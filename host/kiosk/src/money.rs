//! Money in JSON is a decimal string; in the host it is minor units.

/// Digits after the point, after ISO 4217.
fn digits(currency: &str) -> usize {
    match currency {
        "JPY" | "KRW" | "VND" | "CLP" | "ISK" | "UGX" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// Such as "36.00".
pub fn decimal(minor: u64, currency: &str) -> String {
    let digits = digits(currency);
    if digits == 0 {
        return minor.to_string();
    }
    let unit = 10_u64.pow(u32::try_from(digits).unwrap_or(0));
    format!("{}.{:0digits$}", minor / unit, minor % unit)
}

/// Minor units of a decimal string such as "36", "36.5" or "36.50"; none when it is not exactly that, or too large.
pub fn minor(decimal: &str, currency: &str) -> Option<u64> {
    let digits = digits(currency);
    let (whole, part) = decimal.split_once('.').unwrap_or((decimal, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(part) || part.len() > digits || decimal.ends_with('.') {
        return None;
    }
    let unit = 10_u64.checked_pow(u32::try_from(digits).ok()?)?;
    let part = if digits == 0 {
        0
    } else {
        format!("{part:0<digits$}").parse().ok()?
    };
    whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::{decimal, minor};

    #[test]
    fn both_ways() {
        for (text, currency, units) in [
            ("36.00", "CNY", 3_600),
            ("0.05", "CNY", 5),
            ("36", "JPY", 36),
            ("1.234", "KWD", 1_234),
        ] {
            assert_eq!(decimal(units, currency), text);
            assert_eq!(minor(text, currency), Some(units));
        }
        assert_eq!(minor("36.5", "CNY"), Some(3_650));
        for refused in ["", ".5", "5.", "-1", "1e3", "1.234", "99999999999999999999", "1,00", " 1", "+1"] {
            assert_eq!(minor(refused, "CNY"), None, "{refused}");
        }
    }
}
