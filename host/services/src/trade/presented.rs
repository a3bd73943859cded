//! Codes that a person presents and a merchant collects with: 18 digits, good once, for one minute.
//!
//! A code is two digits that tell it from other wallets' codes, fifteen from the system's randomness and a check digit. It says nothing of
//! the person, and stands in memory only, so that a restart ends it.

use super::keys::no_merchant;
use super::{Agreed, Idempotency, MerchantId, NewIntent, PaidIntent};
use crate::money;
use crate::people::nobody;
use crate::services::{Services, invalid, limit, not_found};
use std::collections::HashMap;
use youji_api::{Failure, PersonId, codes};

/// How every code begins: neither WeChat Pay's (10 to 15) nor Alipay's (25 to 30) do.
const PREFIX: &str = "88";
/// Digits of a code.
pub const PRESENTED_DIGITS: usize = 18;
/// How long a code is good, in milliseconds.
pub const PRESENTED_MS: u64 = 60 * 1_000;
/// The code of a failure: it was collected with before.
pub const CODE_USED: &str = "code-used";
/// For how long it is remembered what became of a code, in milliseconds.
const KEPT_MS: u64 = 10 * 60 * 1_000;
/// Codes that are remembered at once.
const MOST: usize = 100_000;
/// Codes that nobody has and that a merchant may try in a minute: eleven guesses among fifteen digits come to nothing.
const GUESSES: u32 = 10;
const GUESSES_MS: u64 = 60 * 1_000;

/// A code, to be shown to nobody but the merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// 18 digits.
    pub digits: String,
    /// Milliseconds since 1970 from which on it is over.
    pub until: u64,
    /// Up to how much a merchant gets at once, in minor units; for more the person is asked.
    pub at_once: u64,
}

/// What became of the code that a person presented last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresentedState {
    /// Nobody has collected with it.
    Waits,
    /// A merchant asks for more than is given at once: the sheet of this intent is to be shown.
    Asks(String),
    /// A merchant got this intent's amount.
    Paid(String),
    /// It was collected with and could not be paid: the code of why.
    Failed(String),
}

/// What a merchant gets for a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collected {
    /// It is paid.
    Paid {
        /// Which intent.
        intent: String,
        /// What came of it.
        paid: PaidIntent,
    },
    /// The person is being asked; the intent says what comes of it.
    Asked {
        /// Which intent.
        intent: String,
    },
}

/// The codes of a host.
#[derive(Default)]
pub(crate) struct Codes {
    all: HashMap<String, Code>,
    of: HashMap<PersonId, String>,
    /// Tries with codes that nobody has, by merchant: how many since when.
    guesses: HashMap<MerchantId, (u32, u64)>,
}

struct Code {
    person: PersonId,
    until: u64,
    used: Option<Used>,
}

struct Used {
    merchant: MerchantId,
    order: String,
    /// Hash of what was asked.
    asked: u128,
    state: PresentedState,
}

impl Codes {
    /// The person's code is good for nothing from now on, unless a merchant has it already.
    fn withdraw(&mut self, person: &PersonId, now: u64) {
        if let Some(digits) = self.of.remove(person)
            && let Some(code) = self.all.get_mut(&digits)
        {
            code.until = code.until.min(now);
        }
    }

    fn sweep(&mut self, now: u64) {
        self.all.retain(|_, code| now < code.until.saturating_add(KEPT_MS));
        let all = &self.all;
        self.of.retain(|_, digits| all.contains_key(digits));
        self.guesses.retain(|_, (_, since)| now < since.saturating_add(GUESSES_MS));
    }

    /// Counts a try with a code that nobody has.
    fn guess(&mut self, merchant: &MerchantId, now: u64) {
        let (tries, since) = self.guesses.entry(merchant.clone()).or_insert((0, now));
        if now >= since.saturating_add(GUESSES_MS) {
            (*tries, *since) = (0, now);
        }
        *tries += 1;
    }

    fn may_try(&self, merchant: &MerchantId, now: u64) -> Result<(), Failure> {
        match self.guesses.get(merchant) {
            Some((tries, since)) if *tries >= GUESSES && now < since.saturating_add(GUESSES_MS) => {
                let wait = since.saturating_add(GUESSES_MS) - now;
                let mut failure = limit(format!("too many codes that nobody has; wait {} s", wait.div_ceil(1_000)));
                failure.fields.set("retry-after-ms", i64::try_from(wait).unwrap_or(i64::MAX));
                Err(failure)
            }
            _ => Ok(()),
        }
    }
}

/// The digit that makes the sum of Luhn's rule (ISO/IEC 7812-1) a multiple of ten.
fn check_digit(digits: &str) -> u8 {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0');
            match at % 2 {
                0 if digit > 4 => digit * 2 - 9,
                0 => digit * 2,
                _ => digit,
            }
        })
        .sum();
    u8::try_from((10 - sum % 10) % 10).unwrap_or(0)
}

/// Fresh digits: every code as likely as every other.
fn fresh() -> Result<String, Failure> {
    let mut digits = PREFIX.to_owned();
    while digits.len() < PRESENTED_DIGITS - 1 {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| Failure::new(codes::FAILED, format!("the system gave no randomness: {error}")))?;
        // 250 to 255 would make some digits likelier than others.
        let fair = bytes.iter().filter(|byte| **byte < 250).map(|byte| char::from(b'0' + byte % 10));
        digits.extend(fair.take(PRESENTED_DIGITS - 1 - digits.len()));
    }
    digits.push(char::from(b'0' + check_digit(&digits)));
    Ok(digits)
}

/// The digits of a code as people write it: with spaces or without.
fn digits_of(text: &str) -> Result<String, Failure> {
    let digits: String = text.chars().filter(|char| *char != ' ').take(PRESENTED_DIGITS + 1).collect();
    let sound = digits.len() == PRESENTED_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.starts_with(PREFIX);
    if !sound {
        return Err(invalid(format!(
            "a customer's code has {PRESENTED_DIGITS} digits and begins with {PREFIX}; scan it again"
        )));
    }
    let (body, check) = digits.split_at(PRESENTED_DIGITS - 1);
    if check.as_bytes() != [b'0' + check_digit(body)] {
        return Err(invalid("the last digit of the code does not fit the others; scan or type it again"));
    }
    Ok(digits)
}

impl Services {
    /// A fresh code for a person with their PIN, where they have one. An older one of theirs is good for nothing from now on.
    ///
    /// # Errors
    /// "denied" for a wrong PIN, "limit" while locked out or with too many codes at once; "not-found".
    pub async fn present(&self, person: &PersonId, pin: &str) -> Result<Presented, Failure> {
        if self.asks_for_pin(person) {
            self.check_pin_of(person, pin).await?;
        }
        if !self.alive(person) {
            return Err(nobody());
        }
        let now = self.now();
        let until = now.saturating_add(PRESENTED_MS);
        let mut codes = self.presented.lock();
        codes.withdraw(person, now);
        codes.sweep(now);
        if codes.all.len() >= MOST {
            return Err(limit("too many codes are shown at once; try again in a minute"));
        }
        let digits = loop {
            let digits = fresh()?;
            if !codes.all.contains_key(&digits) {
                break digits;
            }
        };
        let code = Code {
            person: person.clone(),
            until,
            used: None,
        };
        codes.all.insert(digits.clone(), code);
        codes.of.insert(person.clone(), digits.clone());
        Ok(Presented {
            digits,
            until,
            at_once: self.config.limits.present_amount,
        })
    }

    /// What became of the code that the person presented last; none when there is none, or its minute is over unused.
    pub fn presented(&self, person: &PersonId) -> Option<PresentedState> {
        let now = self.now();
        let codes = self.presented.lock();
        let code = codes.all.get(codes.of.get(person)?)?;
        match &code.used {
            Some(used) => Some(used.state.clone()),
            None => (now < code.until).then_some(PresentedState::Waits),
        }
    }

    /// The person puts their code away, or leaves.
    pub fn withdraw_presented(&self, person: &PersonId) {
        let now = self.now();
        self.presented.lock().withdraw(person, now);
    }

    /// Collects from whoever presented that code: up to [`ServiceLimits::present_amount`](crate::ServiceLimits::present_amount) at once,
    /// more once the person has said yes on a sheet. The same merchant with the same code and content again learns what came of it.
    ///
    /// # Errors
    /// "invalid" for what is no such code; "taken" for other content under the same order; "not-found" for one that nobody has; "limit" after too many of these; [`CODE_USED`];
    /// [`EXPIRED`](super::EXPIRED); "insufficient-funds"; "unsupported" for what is not simply paid; as [`Services::make_intent`].
    pub async fn collect(&self, merchant: &MerchantId, code: &str, new: NewIntent, again: &Idempotency) -> Result<Collected, Failure> {
        if !matches!(new.mode.as_str(), "" | "pay") {
            return Err(Failure::new(
                codes::UNSUPPORTED,
                "with a customer's code something is paid at once; leave the mode out",
            ));
        }
        if self.state.read().merchant(&merchant.publisher, &merchant.merchant).is_none() {
            return Err(no_merchant(merchant));
        }
        let digits = digits_of(code)?;
        let asked = self.host.number(&[b"collect", &serde_json::to_vec(&new).unwrap_or_default()]);
        if let Some(done) = self.repeated(&digits, merchant, &new.order, asked)? {
            return self.collected(done).await;
        }
        // First what is asked, so that a code is not spent on what can't be paid at all.
        let intent = self.make_intent(merchant, new.clone(), again).await?;
        let amount = new.amount;
        let asks = amount > self.config.limits.present_amount;
        let person = {
            let now = self.now();
            let mut codes = self.presented.lock();
            codes.may_try(merchant, now)?;
            let Some(code) = codes.all.get_mut(&digits) else {
                codes.guess(merchant, now);
                return Err(not_found("nobody has this code; ask the customer for a fresh one"));
            };
            if now >= code.until && code.used.is_none() {
                return Err(Failure::new(super::EXPIRED, "this code is over; ask the customer for a fresh one"));
            }
            if code.used.is_some() {
                return Err(used());
            }
            // Whoever takes it first has it; a second one finds it used.
            code.used = Some(Used {
                merchant: merchant.clone(),
                order: new.order,
                asked,
                state: match asks {
                    true => PresentedState::Asks(intent.id.clone()),
                    false => PresentedState::Waits,
                },
            });
            code.person.clone()
        };
        if asks {
            return Ok(Collected::Asked { intent: intent.id });
        }
        let agreed = Agreed {
            amount: money::decimal(amount, &self.config.currency),
            currency: self.config.currency.clone(),
        };
        let paid = self.pay_intent_authorised(&person, &intent.id, &agreed).await;
        let state = match &paid {
            Ok(_) => PresentedState::Paid(intent.id.clone()),
            Err(failure) => PresentedState::Failed(failure.code.clone()),
        };
        if let Some(used) = self.presented.lock().all.get_mut(&digits).and_then(|code| code.used.as_mut()) {
            used.state = state;
        }
        paid.map(|paid| Collected::Paid { intent: intent.id, paid })
    }

    /// What the same request came to before: the person and the intent.
    fn repeated(
        &self,
        digits: &str,
        merchant: &MerchantId,
        order: &str,
        asked: u128,
    ) -> Result<Option<(PersonId, PresentedState)>, Failure> {
        let now = self.now();
        let codes = self.presented.lock();
        codes.may_try(merchant, now)?;
        let Some(code) = codes.all.get(digits) else { return Ok(None) };
        let Some(known) = &code.used else { return Ok(None) };
        if known.merchant != *merchant || known.order != order {
            return Err(used());
        }
        if known.asked != asked {
            return Err(Failure::new(
                codes::TAKEN,
                "this code was used for that order with other content; use a new number and a fresh code",
            ));
        }
        Ok(Some((code.person.clone(), known.state.clone())))
    }

    async fn collected(&self, (person, state): (PersonId, PresentedState)) -> Result<Collected, Failure> {
        match state {
            PresentedState::Asks(intent) => Ok(Collected::Asked { intent }),
            PresentedState::Paid(intent) => {
                let amount = self.amount_of_intent(&intent)?;
                let agreed = Agreed {
                    amount: money::decimal(amount, &self.config.currency),
                    currency: self.config.currency.clone(),
                };
                // It was paid: what came of the first yes.
                let paid = self.pay_intent_authorised(&person, &intent, &agreed).await?;
                Ok(Collected::Paid { intent, paid })
            }
            PresentedState::Waits => Err(Failure::new(codes::CONFLICT, "this is being paid in this moment; ask again")),
            PresentedState::Failed(code) => Err(Failure::new(
                &code,
                "this code could not be paid with; ask the customer for a fresh one",
            )),
        }
    }

    pub(crate) fn amount_of_intent(&self, id: &str) -> Result<u64, Failure> {
        let state = self.state.read();
        state
            .trade
            .intents
            .get(id)
            .map(|intent| intent.amount)
            .ok_or_else(super::view::no_intent)
    }
}

fn used() -> Failure {
    Failure::new(CODE_USED, "this code was used before; ask the customer for a fresh one")
}

#[cfg(test)]
mod tests {
    use super::{PRESENTED_DIGITS, check_digit, digits_of, fresh};

    #[test]
    fn digits_are_fresh_and_any_one_altered_digit_is_noticed() {
        // ISO/IEC 7812-1's usual example.
        assert_eq!(check_digit("7992739871"), 3);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1_000 {
            let digits = fresh().unwrap();
            assert_eq!(digits_of(&digits).unwrap(), digits);
            assert!(seen.insert(digits.clone()), "{digits} twice");
            for at in 2..PRESENTED_DIGITS {
                let mut altered = digits.clone().into_bytes();
                altered[at] = if altered[at] == b'9' { b'0' } else { altered[at] + 1 };
                assert!(digits_of(&String::from_utf8(altered).unwrap()).is_err(), "{digits}, digit {at}");
            }
        }
        let digits = fresh().unwrap();
        let spaced = format!("{} {} {}", &digits[..6], &digits[6..12], &digits[12..]);
        assert_eq!(digits_of(&spaced).unwrap(), digits);
        for wrong in ["", "88", "123456789012345678", "88123456789012345x", &format!("{digits}0")] {
            assert!(digits_of(wrong).is_err(), "{wrong}");
        }
    }
}
