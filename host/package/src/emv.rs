//! Merchant-presented payment codes after EMVCo (EMV QRCPS, merchant-presented mode, version 1.1): read strictly, and written.
//!
//! A code is a list of objects: two digits of id, two of length in characters, the value; some values are such lists again. Object 00 comes
//! first and 63, a CRC-16/CCITT-FALSE over everything before its own value, last; otherwise the order is free. No id comes twice in one
//! list. Nobody signs such a code: what it says is for telling the person, and whom they pay is what the host has stored.
//!
//! Our own is template 26 with the identifier `cn.youji.pay`, the publisher in 01 and the merchant in 02.

mod iso;
mod read;

use std::fmt;
use youji_api::PublisherId;

pub(crate) use read::is_whole;

/// Longest code that is read, in characters; the specification's own bound.
pub const MAX_CHARACTERS: usize = 512;
/// The globally unique identifier of our template.
pub const SCHEME: &str = "cn.youji.pay";

/// Whether a code is for one payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiation {
    /// Printed once, paid by many.
    Static,
    /// Made for one payment.
    Dynamic,
}

/// A scheme that a code can be paid with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Ours: who is to be paid. The merchant's id is empty for the publisher itself.
    Youji {
        /// Whose merchant.
        publisher: PublisherId,
        /// Which.
        merchant: String,
    },
    /// One whose name is known, such as "PromptPay".
    Known(&'static str),
    /// Another one, by the identifier in the code.
    Unknown(String),
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scheme::Youji { .. } => f.write_str("Youji"),
            Scheme::Known(name) => f.write_str(name),
            Scheme::Unknown(identifier) => write!(f, "\"{identifier}\""),
        }
    }
}

/// An object of a code: its id, and its value in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// 0 to 99.
    pub id: u8,
    /// 1 to 99 characters.
    pub value: String,
}

/// Merchant account information: objects 02 to 51.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Of the object.
    pub id: u8,
    /// Which scheme.
    pub scheme: Scheme,
    /// As it stands in the code.
    pub value: String,
}

/// What the payer is to add, objects 55 to 57.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tip {
    /// As much as they like.
    Asked,
    /// An amount, as it stands in the code.
    Fixed(String),
    /// A percentage, as it stands in the code.
    Percent(String),
}

/// The merchant in another language, object 64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Localised {
    /// ISO 639-1, lower case.
    pub language: String,
    /// At most 25 characters.
    pub name: String,
    /// At most 15 characters; empty: none.
    pub city: String,
}

/// What a code says. Text is as long as the specification allows, and holds no control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmvCode {
    /// Object 01.
    pub initiation: Option<Initiation>,
    /// At least one, in the order of the code.
    pub accounts: Vec<Account>,
    /// Four digits, ISO 18245.
    pub category: Option<String>,
    /// ISO 4217 number.
    pub currency: u16,
    /// In minor units of the currency; none: the payer says.
    pub amount: Option<u64>,
    /// Beside the amount.
    pub tip: Option<Tip>,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// At most 25 characters.
    pub name: Option<String>,
    /// At most 15 characters.
    pub city: Option<String>,
    /// At most 10 characters.
    pub postal: Option<String>,
    /// Object 62: bill, phone, store, loyalty, reference, customer, terminal, purpose and the rest.
    pub additional: Vec<Object>,
    /// Object 64.
    pub localised: Option<Localised>,
    /// Objects that the specification leaves open: 65 to 99.
    pub open: Vec<Object>,
}

/// Why a text is no code that can be used. Places are ids, such as "62" or "62-05".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmvError {
    /// It begins otherwise.
    #[error("this is no merchant payment code: \"000201\" was expected first; scan the merchant's code")]
    NotEmv,
    /// It is longer than a code may be.
    #[error("the code has {found} characters, expected at most {MAX_CHARACTERS}; scan the merchant's code again")]
    Oversized {
        /// Characters found.
        found: usize,
    },
    /// An object has no id, no length, or less value than it says.
    #[error("the code is damaged at {place}: {expected}; scan it again, or ask for a new one")]
    Cut {
        /// Where.
        place: String,
        /// What was expected.
        expected: &'static str,
    },
    /// An id comes twice in one list.
    #[error("the code has {place} twice; ask the merchant for a new one")]
    Twice {
        /// Which.
        place: String,
    },
    /// The checksum is missing, or not last.
    #[error("the code's checksum (63) was expected last, with four characters; scan it again, or ask for a new one")]
    NoChecksum,
    /// The checksum does not fit.
    #[error("the code's checksum is {found}, expected {expected}; scan it again, or ask for a new one")]
    Checksum {
        /// Calculated.
        expected: String,
        /// In the code.
        found: String,
    },
    /// A value is not what its object may hold.
    #[error("the code says {found:?} at {place}, expected {expected}; ask the merchant for a new one")]
    Value {
        /// Which object.
        place: String,
        /// What may stand there.
        expected: &'static str,
        /// What stands there, at most 40 characters of it.
        found: String,
    },
    /// Something that every code must say is missing.
    #[error("the code does not say {what} ({place}); ask the merchant for a new one")]
    Lacks {
        /// Which object.
        place: &'static str,
        /// In words.
        what: &'static str,
    },
    /// It can't be written so.
    #[error("no code can be made: {0}")]
    CannotIssue(String),
}

impl EmvError {
    /// Stable, for programs: "not-emv", "oversized", "malformed", "checksum", "value", "lacks", "cannot-issue".
    pub fn code(&self) -> &'static str {
        match self {
            EmvError::NotEmv => "not-emv",
            EmvError::Oversized { .. } => "oversized",
            EmvError::Cut { .. } | EmvError::Twice { .. } | EmvError::NoChecksum => "malformed",
            EmvError::Checksum { .. } => "checksum",
            EmvError::Value { .. } => "value",
            EmvError::Lacks { .. } => "lacks",
            EmvError::CannotIssue(_) => "cannot-issue",
        }
    }
}

impl EmvCode {
    /// Our own merchant, if the code names one: publisher, and merchant id.
    pub fn ours(&self) -> Option<(&PublisherId, &str)> {
        self.accounts.iter().find_map(|account| match &account.scheme {
            Scheme::Youji { publisher, merchant } => Some((publisher, merchant.as_str())),
            _ => None,
        })
    }

    /// The schemes that it names, in the order of the code.
    pub fn schemes(&self) -> String {
        let names: Vec<String> = self.accounts.iter().map(|account| account.scheme.to_string()).collect();
        names.join(", ")
    }

    /// The bill's number, or the reference: what the payment is for.
    pub fn reference(&self) -> &str {
        let of = |id: u8| self.additional.iter().find(|object| object.id == id);
        of(1).or_else(|| of(5)).map_or("", |object| object.value.as_str())
    }

    /// Whether it says everything that the specification demands of a code. Some schemes leave a part of it out, so it is asked for only
    /// where somebody is to be paid.
    ///
    /// # Errors
    /// [`EmvError::Lacks`]: what is missing.
    pub fn complete(&self) -> Result<(), EmvError> {
        let lacks = |missing: bool, place: &'static str, what: &'static str| match missing {
            true => Err(EmvError::Lacks { place, what }),
            false => Ok(()),
        };
        lacks(self.category.is_none(), "52", "what the merchant sells")?;
        lacks(self.name.is_none(), "59", "the merchant's name")?;
        lacks(self.city.is_none(), "60", "the merchant's city")
    }

    /// The text of a code, with its checksum.
    ///
    /// # Errors
    /// [`EmvError::CannotIssue`]: a part is too long, or what was written can't be read again as the same.
    pub fn issue(&self) -> Result<String, EmvError> {
        let text = self.written()?;
        match text.parse::<EmvCode>() {
            Ok(read) if read == *self => Ok(text),
            Ok(_) => Err(EmvError::CannotIssue("it would be read as another one".to_owned())),
            Err(error) => Err(EmvError::CannotIssue(error.to_string())),
        }
    }

    fn written(&self) -> Result<String, EmvError> {
        let mut all = String::from("000201");
        let initiation = self.initiation.map(|initiation| match initiation {
            Initiation::Static => "11",
            Initiation::Dynamic => "12",
        });
        put(&mut all, 1, initiation)?;
        for account in &self.accounts {
            put(&mut all, account.id, Some(&account.value))?;
        }
        put(&mut all, 52, self.category.as_deref())?;
        put(&mut all, 53, Some(&format!("{:03}", self.currency)))?;
        let amount = self.amount.map(|amount| decimal(amount, iso::places(self.currency).unwrap_or(2)));
        put(&mut all, 54, amount.as_deref())?;
        match &self.tip {
            None => {}
            Some(Tip::Asked) => put(&mut all, 55, Some("01"))?,
            Some(Tip::Fixed(fee)) => put(&mut all, 55, Some("02")).and_then(|()| put(&mut all, 56, Some(fee)))?,
            Some(Tip::Percent(part)) => put(&mut all, 55, Some("03")).and_then(|()| put(&mut all, 57, Some(part)))?,
        }
        put(&mut all, 58, Some(&self.country))?;
        put(&mut all, 59, self.name.as_deref())?;
        put(&mut all, 60, self.city.as_deref())?;
        put(&mut all, 61, self.postal.as_deref())?;
        let mut additional = String::new();
        for object in &self.additional {
            put(&mut additional, object.id, Some(&object.value))?;
        }
        put(&mut all, 62, Some(additional.as_str()).filter(|value| !value.is_empty()))?;
        if let Some(localised) = &self.localised {
            let mut value = String::new();
            put(&mut value, 0, Some(&localised.language))?;
            put(&mut value, 1, Some(&localised.name))?;
            put(&mut value, 2, Some(localised.city.as_str()).filter(|city| !city.is_empty()))?;
            put(&mut all, 64, Some(&value))?;
        }
        for object in &self.open {
            put(&mut all, object.id, Some(&object.value))?;
        }
        Ok(seal(&all))
    }
}

/// Objects with their checksum behind them.
pub fn seal(objects: &str) -> String {
    let text = format!("{objects}6304");
    format!("{text}{:04X}", read::checksum(&text))
}

impl Account {
    /// Our own: template 26.
    ///
    /// # Errors
    /// [`EmvError::CannotIssue`]: the ids are too long for a template.
    pub fn youji(publisher: &PublisherId, merchant: &str) -> Result<Account, EmvError> {
        let mut value = String::new();
        put(&mut value, 0, Some(SCHEME))?;
        put(&mut value, 1, Some(publisher.as_str()))?;
        put(&mut value, 2, Some(merchant).filter(|merchant| !merchant.is_empty()))?;
        Ok(Account {
            id: 26,
            scheme: Scheme::Youji {
                publisher: publisher.clone(),
                merchant: merchant.to_owned(),
            },
            value,
        })
    }
}

fn put(to: &mut String, id: u8, value: Option<&str>) -> Result<(), EmvError> {
    let Some(value) = value else { return Ok(()) };
    let characters = value.chars().count();
    if id > 99 || characters == 0 || characters > 99 {
        return Err(EmvError::CannotIssue(format!(
            "object {id:02} would have {characters} characters, 1 to 99 fit; shorten it"
        )));
    }
    to.push_str(&format!("{id:02}{characters:02}{value}"));
    Ok(())
}

fn decimal(amount: u64, places: usize) -> String {
    if places == 0 {
        return amount.to_string();
    }
    let unit = 10_u64.pow(u32::try_from(places).unwrap_or(2));
    format!("{}.{:0places$}", amount / unit, amount % unit)
}
