//! Reading a code: objects, then what each may hold.

use super::{Account, EmvCode, EmvError, Initiation, Localised, MAX_CHARACTERS, Object, SCHEME, Scheme, Tip, iso};
use std::str::FromStr;
use youji_api::PublisherId;

/// CRC-16/CCITT-FALSE: polynomial 0x1021, from 0xFFFF, over the bytes of the text.
pub(super) fn checksum(text: &str) -> u16 {
    text.bytes().fold(0xffff_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
            if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 }
        })
    })
}

/// Whether a text looks like a code from both ends: 00 first, and a checksum that fits last. What is between is not looked at.
pub(crate) fn is_whole(text: &str) -> bool {
    text.starts_with("000201") && checked(text).is_ok()
}

/// What stands before the checksum.
fn checked(text: &str) -> Result<&str, EmvError> {
    let found = text.chars().take(MAX_CHARACTERS + 1).count();
    if found > MAX_CHARACTERS {
        return Err(EmvError::Oversized {
            found: text.chars().count(),
        });
    }
    let at = text.len().checked_sub(4).ok_or(EmvError::NoChecksum)?;
    let (before, found) = text.split_at_checked(at).ok_or(EmvError::NoChecksum)?;
    let objects = before.strip_suffix("6304").ok_or(EmvError::NoChecksum)?;
    let expected = format!("{:04X}", checksum(before));
    match found.eq_ignore_ascii_case(&expected) {
        true => Ok(objects),
        false => Err(EmvError::Checksum {
            expected,
            found: found.to_owned(),
        }),
    }
}

/// The place of an object within another one.
fn place(within: Option<u8>, id: u8) -> String {
    within.map_or_else(|| format!("{id:02}"), |within| format!("{within:02}-{id:02}"))
}

/// The objects of a list, none twice.
fn objects(mut rest: &str, within: Option<u8>) -> Result<Vec<Object>, EmvError> {
    let mut all: Vec<Object> = Vec::new();
    while !rest.is_empty() {
        let after = |all: &[Object]| match (all.last(), within) {
            (Some(last), _) => format!("what follows {}", place(within, last.id)),
            (None, Some(within)) => format!("{within:02}"),
            (None, None) => "its beginning".to_owned(),
        };
        let (id, value_from) = number(rest).ok_or_else(|| EmvError::Cut {
            place: after(&all),
            expected: "two digits of id were expected",
        })?;
        let cut = |expected: &'static str| EmvError::Cut {
            place: place(within, id),
            expected,
        };
        let (length, value_from) = number(value_from).ok_or_else(|| cut("two digits of length were expected"))?;
        if length == 0 {
            return Err(cut("a value of at least one character was expected"));
        }
        let mut ends = value_from.char_indices().map(|(at, _)| at).chain([value_from.len()]);
        let end = ends.nth(usize::from(length)).ok_or_else(|| cut("it ends before its length"))?;
        let (value, next) = value_from.split_at(end);
        if all.iter().any(|known| known.id == id) {
            return Err(EmvError::Twice { place: place(within, id) });
        }
        all.push(Object {
            id,
            value: value.to_owned(),
        });
        rest = next;
    }
    Ok(all)
}

/// Two decimal digits, and what follows them.
fn number(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    let all = digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((digits.parse().ok().filter(|_| all)?, rest))
}

fn wrong(within: Option<u8>, object: &Object, expected: &'static str) -> EmvError {
    EmvError::Value {
        place: place(within, object.id),
        expected,
        found: object.value.chars().take(40).collect(),
    }
}

/// Text that people read: no control characters, nothing that turns the direction of what follows.
fn shown(within: Option<u8>, object: &Object, most: usize, expected: &'static str) -> Result<String, EmvError> {
    match crate::grammar::is_shown(&object.value, most) {
        true => Ok(object.value.clone()),
        false => Err(wrong(within, object, expected)),
    }
}

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Minor units of an amount as a code writes it: digits, and a point with at most as many places as the currency has.
fn minor(text: &str, places: usize) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let sound = !whole.is_empty() && text.len() <= 13 && digits(whole) && digits(part) && part.len() <= places;
    // "36." is written by some and means 36; a currency without places has no point either.
    if !sound || (places == 0 && text.contains('.')) {
        return None;
    }
    let unit = 10_u64.checked_pow(u32::try_from(places).ok()?)?;
    let part: u64 = if places == 0 {
        0
    } else {
        format!("{part:0<places$}").parse().ok()?
    };
    whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(part)
}

impl FromStr for EmvCode {
    type Err = EmvError;

    fn from_str(text: &str) -> Result<EmvCode, EmvError> {
        let text = text.trim();
        if !text.starts_with("000201") {
            return Err(EmvError::NotEmv);
        }
        let objects = objects(checked(text)?, None)?;
        let mut code = EmvCode::default();
        let mut said = Said::default();
        for object in objects.iter().skip(1) {
            code.take(object, &mut said)?;
        }
        code.hold_together(said)?;
        Ok(code)
    }
}

/// What can be judged only beside other objects.
#[derive(Default)]
struct Said {
    amount: Option<Object>,
    tip: Option<Object>,
    fixed: Option<Object>,
    percent: Option<Object>,
}

impl EmvCode {
    fn take(&mut self, object: &Object, said: &mut Said) -> Result<(), EmvError> {
        let value = object.value.as_str();
        let refuse = |expected: &'static str| Err(wrong(None, object, expected));
        match object.id {
            1 => {
                self.initiation = Some(match value {
                    "11" => Initiation::Static,
                    "12" => Initiation::Dynamic,
                    _ => return refuse("11 (static) or 12 (dynamic)"),
                });
            }
            2..=51 => self.accounts.push(account(object)?),
            52 if value.len() == 4 && digits(value) => self.category = Some(value.to_owned()),
            52 => return refuse("four digits of a category"),
            53 => {
                let number = value.parse().ok().filter(|_| value.len() == 3 && digits(value));
                let number = number.filter(|number| iso::places(*number).is_some());
                self.currency = number.ok_or_else(|| wrong(None, object, "the ISO 4217 number of a currency"))?;
            }
            54 => said.amount = Some(object.clone()),
            55 => said.tip = Some(object.clone()),
            56 => said.fixed = Some(object.clone()),
            57 => said.percent = Some(object.clone()),
            58 if iso::is_country(value) => value.clone_into(&mut self.country),
            58 => return refuse("two letters of a country, ISO 3166-1"),
            59 => self.name = Some(shown(None, object, 25, "a name of at most 25 characters")?),
            60 => self.city = Some(shown(None, object, 15, "a city of at most 15 characters")?),
            61 => self.postal = Some(shown(None, object, 10, "a postal code of at most 10 characters")?),
            62 => self.additional = additional(object)?,
            64 => self.localised = Some(localised(object)?),
            65..=79 => {
                shown(None, object, 99, "text without control characters")?;
                self.open.push(object.clone());
            }
            80..=99 => {
                identified(object)?;
                self.open.push(object.clone());
            }
            // 00 came first and 63 comes last, so here each is there twice.
            _ => {
                return Err(EmvError::Twice {
                    place: place(None, object.id),
                });
            }
        }
        Ok(())
    }

    fn hold_together(&mut self, said: Said) -> Result<(), EmvError> {
        let lacks = |place: &'static str, what: &'static str| Err(EmvError::Lacks { place, what });
        if self.accounts.is_empty() {
            return lacks("02 to 51", "whom to pay");
        }
        if self.currency == 0 {
            return lacks("53", "the currency");
        }
        if self.country.is_empty() {
            return lacks("58", "the country");
        }
        let ours = |account: &&Account| matches!(account.scheme, Scheme::Youji { .. });
        if let Some(second) = self.accounts.iter().filter(ours).nth(1) {
            return Err(EmvError::Twice {
                place: format!("the account of {SCHEME} ({:02})", second.id),
            });
        }
        let places = iso::places(self.currency).unwrap_or(0);
        if let Some(object) = &said.amount {
            let amount = minor(&object.value, places).filter(|amount| *amount > 0);
            let expected = "an amount above 0 of at most 13 characters, with no more decimal places than the currency has";
            self.amount = Some(amount.ok_or_else(|| wrong(None, object, expected))?);
        }
        self.tip = match (said.tip, said.fixed, said.percent) {
            (None, None, None) => None,
            (Some(tip), None, None) if tip.value == "01" => Some(Tip::Asked),
            (Some(tip), Some(fixed), None) if tip.value == "02" => match minor(&fixed.value, places) {
                Some(_) => Some(Tip::Fixed(fixed.value)),
                None => return Err(wrong(None, &fixed, "an amount")),
            },
            (Some(tip), None, Some(percent)) if tip.value == "03" => match minor(&percent.value, 2) {
                Some(part) if percent.value.len() <= 5 && (1..=9_999).contains(&part) => Some(Tip::Percent(percent.value)),
                _ => return Err(wrong(None, &percent, "a percentage from 00.01 to 99.99")),
            },
            (Some(tip), ..) => return Err(wrong(None, &tip, "01 alone, 02 with 56, or 03 with 57")),
            (None, Some(stray), _) | (None, None, Some(stray)) => return Err(wrong(None, &stray, "nothing here without 55")),
        };
        Ok(())
    }
}

/// Primitive account information: whose each range of ids is.
fn reserved(id: u8) -> Option<&'static str> {
    Some(match id {
        2 | 3 => "Visa",
        4 | 5 => "Mastercard",
        9 | 10 => "Discover",
        11 | 12 => "American Express",
        13 | 14 => "JCB",
        15 | 16 => "UnionPay",
        6..=8 | 17..=25 => "a scheme that EMVCo has reserved",
        _ => return None,
    })
}

/// Schemes by their identifier, in lower case: what each national standard publishes.
const KNOWN: [(&str, &str); 12] = [
    ("a000000677010111", "PromptPay"),
    ("a000000677010112", "PromptPay bill payment"),
    ("a000000677010113", "PromptPay bill payment"),
    ("br.gov.bcb.pix", "Pix"),
    ("com.p2pqrpay", "QR Ph"),
    ("com.qrph", "QR Ph"),
    ("hk.com.hkicl", "FPS (Hong Kong)"),
    ("id.co.qris.www", "QRIS"),
    ("a0000006150001", "DuitNow"),
    ("a000000727", "VietQR"),
    ("a000000524", "BharatQR"),
    ("sg.paynow", "PayNow"),
];

fn account(object: &Object) -> Result<Account, EmvError> {
    let scheme = match reserved(object.id) {
        Some(name) => {
            shown(None, object, 99, "text without control characters")?;
            Scheme::Known(name)
        }
        None => template(object)?,
    };
    Ok(Account {
        id: object.id,
        scheme,
        value: object.value.clone(),
    })
}

/// The identifier of a template, and the objects beside it.
fn identified(object: &Object) -> Result<(String, Vec<Object>), EmvError> {
    let mut inner = objects(&object.value, Some(object.id))?;
    let at = inner.iter().position(|inner| inner.id == 0);
    let identifier = at.map(|at| inner.remove(at)).ok_or_else(|| EmvError::Cut {
        place: place(None, object.id),
        expected: "an identifier (00) was expected in it",
    })?;
    let sound = |byte: u8| byte.is_ascii_graphic();
    if identifier.value.len() > 32 || !identifier.value.bytes().all(sound) {
        return Err(wrong(Some(object.id), &identifier, "an identifier of at most 32 characters"));
    }
    for other in &inner {
        shown(Some(object.id), other, 99, "text without control characters")?;
    }
    Ok((identifier.value, inner))
}

fn template(object: &Object) -> Result<Scheme, EmvError> {
    let (identifier, inner) = identified(object)?;
    if identifier.eq_ignore_ascii_case(SCHEME) {
        return ours(object, &inner);
    }
    let lower = identifier.to_ascii_lowercase();
    let known = KNOWN.iter().find(|(known, _)| *known == lower);
    Ok(known.map_or(Scheme::Unknown(identifier), |(_, name)| Scheme::Known(name)))
}

fn ours(object: &Object, inner: &[Object]) -> Result<Scheme, EmvError> {
    let mut publisher = None;
    let mut merchant = String::new();
    for field in inner {
        let value = field.value.as_str();
        let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        let sound = value.len() <= 64 && value.bytes().all(sound);
        match field.id {
            1 if sound => publisher = Some(PublisherId::from(value)),
            2 if sound => value.clone_into(&mut merchant),
            1 | 2 => return Err(wrong(Some(object.id), field, "at most 64 of a-z, 0-9, \"-\" and \".\"")),
            _ => return Err(wrong(Some(object.id), field, "nothing but a publisher (01) and a merchant (02)")),
        }
    }
    let publisher = publisher.ok_or(EmvError::Lacks {
        place: "26-01",
        what: "whose merchant is paid",
    })?;
    Ok(Scheme::Youji { publisher, merchant })
}

fn additional(object: &Object) -> Result<Vec<Object>, EmvError> {
    let inner = objects(&object.value, Some(62))?;
    for field in &inner {
        let value = field.value.as_str();
        match field.id {
            1..=8 => drop(shown(Some(62), field, 25, "at most 25 characters")?),
            9 => {
                let each = |letter: char| value.matches(letter).count() <= 1;
                let known = value.chars().all(|letter| "AME".contains(letter)) && "AME".chars().all(each);
                if !known {
                    return Err(wrong(
                        Some(62),
                        field,
                        "letters of A (address), M (mobile) and E (e-mail), each once",
                    ));
                }
            }
            10 => drop(shown(Some(62), field, 20, "a tax id of at most 20 characters")?),
            11 if value.len() == 3 && digits(value) => {}
            11 => return Err(wrong(Some(62), field, "three digits of a channel")),
            12..=49 => drop(shown(Some(62), field, 99, "text without control characters")?),
            50..=99 => drop(identified(field)?),
            _ => return Err(wrong(Some(62), field, "ids from 01 on")),
        }
    }
    Ok(inner)
}

fn localised(object: &Object) -> Result<Localised, EmvError> {
    let mut found = Localised {
        language: String::new(),
        name: String::new(),
        city: String::new(),
    };
    for field in objects(&object.value, Some(64))? {
        match field.id {
            0 if field.value.len() == 2 && field.value.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                found.language = field.value.to_ascii_lowercase();
            }
            0 => return Err(wrong(Some(64), &field, "two letters of a language, ISO 639-1")),
            1 => found.name = shown(Some(64), &field, 25, "a name of at most 25 characters")?,
            2 => found.city = shown(Some(64), &field, 15, "a city of at most 15 characters")?,
            _ => drop(shown(Some(64), &field, 99, "text without control characters")?),
        }
    }
    if found.language.is_empty() {
        return Err(EmvError::Lacks {
            place: "64-00",
            what: "the language of its other name",
        });
    }
    if found.name.is_empty() {
        return Err(EmvError::Lacks {
            place: "64-01",
            what: "the name in its other language",
        });
    }
    Ok(found)
}
