//! Words in several languages; amounts.

/// Declares a program's words, one field a text, in several languages at once, so that no language can lack one.
///
/// ```
/// youji_sdk::texts! {
///     /// What people read.
///     pub struct Words: ["zh", "en"] {
///         greeting: ["你好", "Hello"],
///         table: ["{n} 号桌", "Table {n}"],
///     }
/// }
/// let words = Words::of("zh-CN");
/// assert_eq!(words.greeting, "你好");
/// assert_eq!(youji_sdk::text::fill(Words::of("fr").table, &[("n", "7")]), "7 号桌");
/// ```
///
/// The first language is taken where none fits.
#[macro_export]
macro_rules! texts {
    ($(#[$doc:meta])* $vis:vis struct $name:ident: [$($tag:literal),+] { $($text:ident: [$($word:literal),+ $(,)?]),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, PartialEq)]
        #[allow(missing_docs, reason = "the words say it")]
        $vis struct $name { $($vis $text: &'static str,)+ }

        impl $name {
            const TAGS: &'static [&'static str] = &[$($tag),+];
            const ALL: &'static [$name; Self::TAGS.len()] = &{
                let texts = [$([$($word),+]),+];
                let mut all = [const { $name { $($text: "",)+ } }; Self::TAGS.len()];
                let mut language = 0;
                while language < Self::TAGS.len() {
                    let mut at = 0;
                    $(
                        all[language].$text = texts[at][language];
                        at += 1;
                    )+
                    let _ = at;
                    language += 1;
                }
                all
            };

            /// In the language that fits a BCP 47 tag best.
            $vis fn of(language: &str) -> &'static $name {
                &Self::ALL[$crate::text::best(Self::TAGS, language)]
            }
        }
    };
}

/// Index of the tag that fits best: the same one, else one of the same language, else the first.
pub fn best(tags: &[&str], language: &str) -> usize {
    let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or("").to_ascii_lowercase();
    let same = tags.iter().position(|tag| tag.eq_ignore_ascii_case(language));
    let wanted = primary(language);
    same.or_else(|| tags.iter().position(|tag| primary(tag) == wanted)).unwrap_or(0)
}

/// Puts values where a text has `{name}`.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            filled.push('{');
            rest = after;
            continue;
        };
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => filled.push_str(value),
            None => {
                filled.push('{');
                filled.push_str(name);
                filled.push('}');
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// A whole number as text. Smaller in a component than `to_string`.
pub fn number(mut value: u64) -> String {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    digits[at..].iter().map(|digit| char::from(*digit)).collect()
}

/// An amount in minor units with two decimals after its sign, such as ¥36.00.
pub fn amount(sign: &str, minor: u64) -> String {
    let cents = minor % 100;
    let mut text = String::with_capacity(12);
    text.push_str(sign);
    text.push_str(&number(minor / 100));
    text.push('.');
    text.push(char::from(b'0' + (cents / 10) as u8));
    text.push(char::from(b'0' + (cents % 10) as u8));
    text
}

/// An amount of a currency (ISO 4217) in its minor units, as on a price tag: ¥36.00, €36.00, ¥3600 of JPY.
pub fn money(currency: &str, minor: u64) -> String {
    match currency {
        "CNY" => amount("¥", minor),
        "EUR" => amount("€", minor),
        "USD" => amount("$", minor),
        "HKD" => amount("HK$", minor),
        "SGD" => amount("S$", minor),
        "JPY" => ["¥", &number(minor)].concat(),
        _ => amount(&[currency, " "].concat(), minor),
    }
}
