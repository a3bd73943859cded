//! People: made, signed in, topped up, given roles.

use crate::change::Change;
use crate::model::{NewPerson, Person, Sign};
use crate::pin;
use crate::profile::check_field;
use crate::services::{Services, check_name, invalid, key_failure, limit, not_found};
use crate::sign;
use crate::state::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use youji_api::{Failure, PersonId, PublisherId, codes};
use youji_ledger::{Account, AccountFlags, Transfer, TransferError};

/// What is personal about a person, sealed with their key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) code: String,
    /// Argon2id, in PHC form; empty: no PIN.
    #[serde(default)]
    pub(crate) pin: String,
    pub(crate) sign: Sign,
    /// The person chose it; otherwise it was drawn for them.
    #[serde(default)]
    pub(crate) sign_chosen: bool,
    /// "avatar", "phone", "address", "region".
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, String>,
}

/// The host's own account, which money comes from and which alone may be overdrawn.
pub(crate) const FUNDING: u128 = 1;

/// Codes of accounts and transfers in the ledger.
pub(crate) mod code {
    pub(crate) const HOST: u16 = 1;
    pub(crate) const WALLET: u16 = 2;
    pub(crate) const MERCHANT: u16 = 3;
    pub(crate) const TOP_UP: u16 = 1;
    pub(crate) const PAYMENT: u16 = 2;
    pub(crate) const RETURN: u16 = 3;
}

/// The most that one top-up adds, in minor units.
const TOP_UP_MOST: u64 = 100_000_000;

impl Services {
    pub(crate) fn wallet(&self, person: &PersonId) -> u128 {
        self.host.number(&[b"wallet", person.as_str().as_bytes()])
    }

    pub(crate) fn wallet_account(&self, id: u128, code: u16) -> Change {
        let flags = AccountFlags {
            debits_must_not_exceed_credits: true,
            ..AccountFlags::default()
        };
        Change::Account(Account::new(id, self.ledger_number, code, flags))
    }

    pub(crate) fn funding_account(&self) -> Change {
        Change::Account(Account::new(FUNDING, self.ledger_number, code::HOST, AccountFlags::default()))
    }

    /// A fresh person with a balance, erased at reset. `language` is BCP 47.
    ///
    /// # Errors
    /// "failed" when it could not be made durable.
    pub async fn create_visitor(&self, language: &str) -> Result<Person, Failure> {
        let sign = sign::sign(self.draw());
        let name = sign::nickname(self.draw(), language, &sign);
        let profile = Profile {
            name,
            code: String::new(),
            pin: String::new(),
            sign,
            sign_chosen: false,
            fields: BTreeMap::new(),
        };
        self.make_person(profile, language, self.config.visitor_balance, true).await
    }

    /// A person who signs in by code and PIN. The same code and name again answers the person who is there.
    ///
    /// # Errors
    /// "invalid" for a malformed code or PIN; "taken" when the code is another name's.
    pub async fn create_person(&self, new: NewPerson) -> Result<Person, Failure> {
        let well_formed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if new.code.is_empty() || new.code.len() > 32 || !new.code.bytes().all(well_formed) {
            return Err(invalid("a code has 1 to 32 letters, digits or \"-\""));
        }
        pin::check_pin(&new.pin)?;
        check_name("name", &new.name, 64)?;
        for (field, value) in &new.profile {
            check_field(field, value)?;
        }
        if let Some(person) = self.holder(&new.code) {
            let person = self
                .person(&person)
                .ok_or_else(|| not_found("that person was just forgotten; try again"))?;
            return if person.name == new.name { Ok(person) } else { Err(code_taken()) };
        }
        let profile = Profile {
            name: new.name,
            code: new.code,
            pin: self.hash_pin(&new.pin).await?,
            sign: sign::sign(self.draw()),
            sign_chosen: false,
            fields: new.profile.into_iter().collect(),
        };
        self.make_person(profile, &new.language, new.balance, false).await
    }

    async fn make_person(&self, profile: Profile, language: &str, balance: u64, visitor: bool) -> Result<Person, Failure> {
        check_amount(balance)?;
        let language = if language.is_empty() || language.len() > 35 {
            "zh-CN"
        } else {
            language
        }
        .to_owned();
        let person = PersonId::from(self.draw_id().as_str());
        let (ring, id) = (self.ring.clone(), person.to_string());
        let made = tokio::task::spawn_blocking(move || ring.create(&id)).await;
        made.map_err(|error| Failure::new(codes::FAILED, error.to_string()))?
            .map_err(|error| key_failure(&error))?;
        let sealed = self.seal(&person, "profile", &serde_json::to_vec(&profile).unwrap_or_default())?;
        let code = (!profile.code.is_empty()).then(|| self.code_hash(&profile.code));
        let wallet = self.wallet(&person);
        let mut changes = vec![
            Change::Person {
                person: person.clone(),
                visitor,
                language,
                code: code.clone(),
                has_pin: !profile.pin.is_empty(),
                profile: sealed,
            },
            self.funding_account(),
            self.wallet_account(wallet, code::WALLET),
        ];
        if balance > 0 {
            let id = self.host.number(&[b"first", person.as_str().as_bytes()]);
            let gift = Transfer::new(id, FUNDING, wallet, balance.into(), self.ledger_number, code::TOP_UP);
            changes.push(Change::Transfers(vec![gift]));
        }
        self.commit(move |state, _| match code {
            Some(code) if state.codes.contains_key(&code) => Err(code_taken()),
            _ => Ok((changes, ())),
        })
        .await?;
        self.person(&person).ok_or_else(|| not_found("the person was forgotten at once"))
    }

    pub(crate) fn code_hash(&self, code: &str) -> String {
        self.host.short(&[b"code", code.to_ascii_lowercase().as_bytes()])
    }

    fn holder(&self, code: &str) -> Option<PersonId> {
        let hash = self.code_hash(code);
        self.state.read().codes.get(&hash).cloned()
    }

    /// Who has that code and PIN.
    ///
    /// # Errors
    /// "denied" when they do not match (the same for a code that nobody has); "limit" while locked out, with "retry-after-ms".
    pub async fn sign_in(&self, code: &str, pin: &str) -> Result<Person, Failure> {
        if code.len() > 64 || pin.len() > 64 {
            return Err(pin::wrong());
        }
        let Some(person) = self.holder(code) else {
            return Err(self.refuse_stranger(&self.code_hash(code), pin).await);
        };
        self.check_pin_of(&person, pin).await?;
        self.person(&person).ok_or_else(pin::wrong)
    }

    /// A person, none after they were forgotten.
    pub fn person(&self, id: &PersonId) -> Option<Person> {
        let profile = self.profile(id)?;
        let state = self.state.read();
        let mine = state.people.get(id)?;
        let now = self.now();
        let unread = mine
            .messages
            .range(mine.read_to + 1..)
            .filter(|(_, expires)| **expires > now)
            .count();
        Some(Person {
            id: id.clone(),
            name: profile.name,
            visitor: mine.visitor,
            code: profile.code,
            has_pin: mine.has_pin,
            language: mine.language.clone(),
            balance: self.balance_in(&state, id),
            currency: self.config.currency.clone(),
            sign: profile.sign,
            sign_chosen: profile.sign_chosen,
            unread: unread as u64,
            last_message: mine.last_message,
        })
    }

    pub(crate) fn balance_in(&self, state: &State, person: &PersonId) -> u64 {
        let account = state.ledger.account(self.wallet(person));
        account.map_or(0, |account| u64::try_from(account.available()).unwrap_or(u64::MAX))
    }

    /// All people, for the operator: oldest first.
    pub fn people(&self) -> Vec<Person> {
        let mut ids: Vec<(u64, PersonId)> = {
            let state = self.state.read();
            state.people.iter().map(|(id, person)| (person.since, id.clone())).collect()
        };
        ids.sort_unstable();
        ids.iter().filter_map(|(_, id)| self.person(id)).collect()
    }

    /// Remembers the language for messages.
    ///
    /// # Errors
    /// "not-found"; "invalid" for what is no BCP 47 tag.
    pub async fn set_language(&self, id: &PersonId, language: &str) -> Result<(), Failure> {
        if language.is_empty() || language.len() > 35 || !language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(invalid("a language is a BCP 47 tag, such as \"zh-CN\""));
        }
        let (person, language) = (id.clone(), language.to_owned());
        self.commit(move |state, _| match state.people.get(&person) {
            None => Err(nobody()),
            Some(known) if known.language == language => Ok((Vec::new(), ())),
            Some(_) => Ok((vec![Change::Language { person, language }], ())),
        })
        .await
    }

    /// Roles that the publisher gave to the person, such as "kitchen"; sorted.
    pub fn roles(&self, person: &PersonId, publisher: &PublisherId) -> Vec<String> {
        let state = self.state.read();
        let roles = state.people.get(person).map(|person| &person.roles);
        let own = roles.into_iter().flatten().filter(|(from, _)| from == publisher);
        own.map(|(_, role)| role.clone()).collect()
    }

    /// Gives or takes a role. It counts from the next launch.
    ///
    /// # Errors
    /// "invalid", "not-found"; "limit" beyond 32 roles.
    pub async fn set_role(&self, person: &PersonId, publisher: &PublisherId, role: &str, granted: bool) -> Result<(), Failure> {
        let well_formed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if role.is_empty() || role.len() > 32 || !role.bytes().all(well_formed) {
            return Err(invalid("a role has 1 to 32 of a-z, 0-9 and \"-\""));
        }
        let (person, publisher, role) = (person.clone(), publisher.clone(), role.to_owned());
        self.commit(move |state, _| {
            let roles = &state.people.get(&person).ok_or_else(nobody)?.roles;
            let role = (publisher, role);
            if roles.contains(&role) == granted {
                return Ok((Vec::new(), ()));
            }
            if granted && roles.len() >= 32 {
                return Err(limit("a person has at most 32 roles"));
            }
            let (publisher, role) = role;
            let change = Change::Role {
                person,
                publisher,
                role,
                granted,
            };
            Ok((vec![change], ()))
        })
        .await
    }

    /// Adds to a wallet from the host's funding account; the same key again does nothing. Answers the balance.
    ///
    /// # Errors
    /// "not-found"; "taken" when the key was used for another person or amount; "invalid" for an amount out of bounds.
    pub async fn top_up(&self, person: &PersonId, amount: u64, idempotency_key: &str) -> Result<u64, Failure> {
        check_amount(amount)?;
        if amount == 0 {
            return Err(invalid("a top-up is more than nothing"));
        }
        check_name("idempotency key", idempotency_key, 128)?;
        let id = self.host.number(&[b"top-up", idempotency_key.as_bytes()]);
        let wallet = self.wallet(person);
        let transfer = Transfer::new(id, FUNDING, wallet, amount.into(), self.ledger_number, code::TOP_UP);
        let (person, me, currency) = (person.clone(), self.me.clone(), self.config.currency.clone());
        self.commit(move |state, stamp| {
            let before = me.upgrade().map_or(0, |me| me.balance_in(state, &person));
            if !state.people.contains_key(&person) {
                return Err(nobody());
            }
            match state.ledger.check(&[transfer], stamp.at).fault() {
                Some((_, TransferError::ExistsWithDifferentAmount | TransferError::ExistsWithDifferentCreditAccount)) => Err(Failure::new(
                    codes::TAKEN,
                    "that idempotency key stands for another top-up; use a new one",
                )),
                Some((_, error)) => Err(invalid(error.to_string())),
                None if state.ledger.transfer(id).is_some() => Ok((Vec::new(), before)),
                None => {
                    let audit = Change::Audit {
                        person,
                        program: None,
                        act: "wallet.top-up".to_owned(),
                        about: Vec::new(),
                        purpose: None,
                        amount: Some((amount, currency)),
                    };
                    Ok((vec![Change::Transfers(vec![transfer]), audit], before + amount))
                }
            }
        })
        .await
    }
}

pub(crate) fn nobody() -> Failure {
    not_found("no such person on this host, or they were forgotten")
}

fn code_taken() -> Failure {
    Failure::new(codes::TAKEN, "that code is somebody else's; choose another one")
}

fn check_amount(amount: u64) -> Result<(), Failure> {
    if amount > TOP_UP_MOST {
        return Err(invalid(format!("at most {TOP_UP_MOST} minor units at once, {amount} came")));
    }
    Ok(())
}
