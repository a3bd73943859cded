//! What a person says about themselves, each field behind a scope of its own, and what of it they give to a program.

use crate::change::Change;
use crate::outcomes::{coded, fields};
use crate::people::{Profile, nobody};
use crate::services::{Services, check_name, invalid};
use std::collections::BTreeMap;
use youji_api::caller::Caller;
use youji_api::{Event, Failure, Fields, PersonId, ProgramId, Ticket, codes};

/// Fields of a profile; the scope of each is "identity.NAME".
pub const PROFILE_FIELDS: [&str; 5] = ["nickname", "avatar", "phone", "address", "region"];

/// Characters of a field.
const VALUE_MOST: usize = 256;
/// Characters of a nickname.
const NAME_MOST: usize = 64;

impl Profile {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        match name {
            "nickname" => Some(&self.name),
            other => self.fields.get(other).map(String::as_str),
        }
    }
}

/// Characters of the word of a secret sign.
const WORD_MOST: usize = 16;

pub(crate) fn check_field(name: &str, value: &str) -> Result<(), Failure> {
    if !PROFILE_FIELDS.contains(&name) {
        return Err(invalid(format!(
            "\"{name}\" is no profile field; there are {}",
            PROFILE_FIELDS.join(", ")
        )));
    }
    match value.is_empty() {
        true => Ok(()),
        false => check_name(name, value, if name == "nickname" { NAME_MOST } else { VALUE_MOST }),
    }
}

impl Services {
    /// A person's own profile: only fields that have a value.
    ///
    /// # Errors
    /// "not-found".
    pub fn profile_fields(&self, person: &PersonId) -> Result<BTreeMap<String, String>, Failure> {
        let profile = self.profile(person).ok_or_else(nobody)?;
        let field = |name: &str| Some((name.to_owned(), profile.field(name)?.to_owned()));
        Ok(PROFILE_FIELDS.iter().filter_map(|name| field(name)).collect())
    }

    /// Changes fields of a person's profile; an empty value removes one. Programs that may read a field get the new value when they ask
    /// again, unless the person gave them another one.
    ///
    /// # Errors
    /// "invalid" for a field that there is not, or an empty nickname; "limit" for a value that is too long; "not-found".
    pub async fn set_profile(&self, person: &PersonId, changes: &BTreeMap<String, String>) -> Result<(), Failure> {
        for (name, value) in changes {
            check_field(name, value)?;
        }
        if changes.get("nickname").is_some_and(String::is_empty) {
            return Err(invalid("a nickname has 1 to 64 characters"));
        }
        let edit = |profile: &mut Profile| {
            for (name, value) in changes {
                match name.as_str() {
                    "nickname" => profile.name.clone_from(value),
                    name if value.is_empty() => drop(profile.fields.remove(name)),
                    name => drop(profile.fields.insert(name.to_owned(), value.clone())),
                }
            }
            tells_nothing(profile)
        };
        self.edit_profile(person, changes.keys().cloned().collect(), edit).await
    }

    /// Chooses the secret sign: one of the host's pictures, and a word of the person's own; none: the picture's.
    ///
    /// # Errors
    /// "invalid" for a picture that there is not, and for a word that the nickname tells, which programs may read; "limit"; "not-found".
    pub async fn choose_sign(&self, person: &PersonId, picture: &str, word: &str) -> Result<(), Failure> {
        let word = word.trim();
        if !word.is_empty() {
            check_name("word", word, WORD_MOST)?;
        }
        let sign = crate::sign::chosen(picture, word).ok_or_else(|| invalid("a sign has one of the host's pictures"))?;
        let edit = |profile: &mut Profile| {
            profile.sign = sign;
            profile.sign_chosen = true;
            tells_nothing(profile)
        };
        self.edit_profile(person, vec!["sign".to_owned()], edit).await
    }

    async fn edit_profile(
        &self,
        person: &PersonId,
        about: Vec<String>,
        edit: impl FnOnce(&mut Profile) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        // The same bytes that are unsealed are compared with at the end.
        let before = self.state.read().people.get(person).map(|person| person.profile.clone());
        let before = before.ok_or_else(nobody)?;
        let mut profile = self.open_profile(person, &before).ok_or_else(nobody)?;
        edit(&mut profile)?;
        let sealed = self.seal(person, "profile", &serde_json::to_vec(&profile).unwrap_or_default())?;
        let person = person.clone();
        self.commit(move |state, _| {
            let now = state.people.get(&person).ok_or_else(nobody)?;
            if before != now.profile {
                return Err(Failure::new(codes::CONFLICT, "the profile was changed in this moment; look again"));
            }
            let audit = Change::Audit {
                person: person.clone(),
                program: None,
                act: "profile.changed".to_owned(),
                about,
                purpose: None,
                amount: None,
            };
            Ok((vec![Change::Profile { person, profile: sealed }, audit], ()))
        })
        .await
    }

    /// The value that a program gets: another one if the person gave it one.
    pub(crate) fn value_for(&self, person: &PersonId, program: &ProgramId, profile: &Profile, name: &str) -> Option<String> {
        let scope = format!("identity.{name}");
        let given = self
            .state
            .read()
            .in_program(person, program)
            .and_then(|mine| mine.given.get(&scope).cloned());
        let value = match given {
            None => profile.field(name).map(str::to_owned),
            Some(sealed) => {
                let opened = self
                    .unseal(&self.own_name(person, program), &given_purpose(&scope), &sealed.0)
                    .ok()?;
                String::from_utf8(opened).ok()
            }
        };
        value.filter(|value| !value.is_empty())
    }

    /// Gives profile fields to a program: outcome and audit in one entry. `now` holds values that are decided in the same act.
    pub(crate) async fn give_profile(
        &self,
        caller: &Caller,
        ticket: Ticket,
        names: &[String],
        purpose: &str,
        now: &BTreeMap<String, String>,
        mut changes: Vec<Change>,
    ) -> Result<(), Failure> {
        let profile = self.profile(&caller.person).ok_or_else(nobody)?;
        let mut given = fields("identity.profile", "done");
        let mut told = Vec::new();
        for name in names {
            let value = match now.get(&format!("identity.{name}")) {
                Some(value) => Some(value.clone()).filter(|value| !value.is_empty()),
                None => self.value_for(&caller.person, &caller.program, &profile, name),
            };
            if let Some(value) = value {
                given.set(format!("profile.{name}"), value);
                told.push(name.clone());
            }
        }
        if names.is_empty() {
            given = coded("identity.profile", "declined", codes::DENIED).with("state", "denied");
        } else {
            let purpose = self.told_purpose(caller, names, purpose);
            changes.push(self.audit(&caller.person, &caller.program, "identity.profile", told, &purpose)?);
        }
        self.complete(caller, Event::completed(ticket, given), changes).await
    }

    /// What the person was told: the call's own purpose, or the manifest's reasons.
    fn told_purpose(&self, caller: &Caller, names: &[String], purpose: &str) -> String {
        if !purpose.is_empty() {
            return purpose.chars().take(VALUE_MOST).collect();
        }
        let mut reasons: Vec<&str> = Vec::new();
        for name in names {
            let reason = caller.requested.reason(&format!("identity.{name}")).unwrap_or_default();
            if !reason.is_empty() && !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        reasons.join("; ")
    }
}

/// A nickname is shown to programs and to others; the sign's word to nobody.
fn tells_nothing(profile: &Profile) -> Result<(), Failure> {
    let name = profile.name.to_lowercase();
    let told = |word: &str| !word.is_empty() && name.contains(&word.to_lowercase());
    if profile.sign_chosen && (told(&profile.sign.word.zh) || told(&profile.sign.word.en)) {
        return Err(invalid(
            "the nickname tells the word of the secret sign, and programs may read it; choose another one",
        ));
    }
    Ok(())
}

/// Which purpose seals a value that is given instead of the person's own.
pub(crate) fn given_purpose(scope: &str) -> String {
    format!("given/{scope}")
}

/// The purpose of a call, as the program names it.
pub(crate) fn purpose_of(options: &Fields) -> &str {
    options.text("purpose")
}
