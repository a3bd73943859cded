//! Messages: allowed by the recipient per template, rendered in their language, delivered once.

use crate::allowance::{is_open, spend};
use crate::change::Change;
use crate::keys;
use crate::model::Message;
use crate::outcomes::fields;
use crate::people::nobody;
use crate::services::{Services, check_name, invalid, limit, not_found};
use crate::sessions::What;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use youji_api::caller::{Caller, TemplateKind, TemplateRule};
use youji_api::{Event, Failure, Fields, PersonId, Reply, Sheet, SheetId, SheetKind, Ticket, codes};

/// Templates that may be asked for at once.
const ASKED_MOST: usize = 5;
/// Bytes of a rendered text.
const TEXT_MOST: usize = 2_000;

/// The text for a language: that one, its first part, English, or whatever there is.
pub(crate) fn in_language<'a>(texts: &'a BTreeMap<String, String>, language: &str) -> &'a str {
    let short = language.split('-').next().unwrap_or_default();
    let kin = || {
        texts
            .iter()
            .find(|(tag, _)| tag.split('-').next() == Some(short))
            .map(|(_, text)| text)
    };
    let found = texts.get(language).or_else(|| texts.get(short)).or_else(kin);
    let found = found.or_else(|| texts.get("en")).or_else(|| texts.values().next());
    found.map_or("", String::as_str)
}

/// Puts fields where `{name}` stands. What a field says is not looked into again.
fn render(text: &str, fields: &Fields) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let after = &rest[open + 1..];
        match after.find('}') {
            Some(close) => {
                if let Some(value) = fields.get(&after[..close]) {
                    out.push_str(&value.to_string());
                }
                rest = &after[close + 1..];
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    let mut end = out.len().min(TEXT_MOST);
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out
}

fn scope(template: &str) -> String {
    format!("message.{template}")
}

pub(crate) fn template<'a>(caller: &'a Caller, name: &str) -> Result<&'a TemplateRule, Failure> {
    let found = caller.requested.templates.iter().find(|template| template.name == name);
    found.ok_or_else(|| not_found(format!("template \"{name}\" is not in the manifest")))
}

impl Services {
    pub(crate) fn language_of(&self, person: &PersonId) -> String {
        let state = self.state.read();
        state.people.get(person).map_or_else(String::new, |person| person.language.clone())
    }

    pub(crate) async fn subscribe(&self, caller: &Caller, names: Vec<String>) -> Result<Reply, Failure> {
        if names.is_empty() || names.len() > ASKED_MOST {
            return Err(limit(format!("1 to {ASKED_MOST} templates expected, {} came", names.len())));
        }
        let mut rules = Vec::new();
        for name in &names {
            rules.push(template(caller, name)?);
        }
        let ticket = self.ticket();
        let asked: Vec<&TemplateRule> = {
            let state = self.state.read();
            let mine = state.in_program(&caller.person, &caller.program);
            rules.into_iter().filter(|rule| is_open(mine, &scope(&rule.name), rule)).collect()
        };
        let ask: Vec<String> = asked.iter().map(|rule| rule.name.clone()).collect();
        let once = asked.iter().filter(|rule| rule.kind == TemplateKind::OneTime);
        let once = once.map(|rule| rule.name.clone()).collect();
        let title = |rule: &&TemplateRule| (rule.name.clone(), in_language(&rule.title, &caller.language).to_owned());
        let titles = asked.iter().map(title).collect();
        if ask.is_empty() {
            self.decide_templates(caller, ticket, &names, &[], &[]).await?;
            return Ok(Reply::Ticket(ticket));
        }
        let sheet = Sheet {
            id: SheetId(self.draw()),
            program: self.program_name(&caller.program, &caller.language),
            publisher: self.publisher_name(&caller.publisher, &caller.language),
            kind: SheetKind::Subscribe { templates: titles, once },
        };
        self.show(caller, sheet, self.asked(ticket, What::Subscribe { all: names, ask }))?;
        Ok(Reply::Ticket(ticket))
    }

    /// Remembers what was chosen of those asked for, and says how all stand.
    pub(crate) async fn decide_templates(
        &self,
        caller: &Caller,
        ticket: Ticket,
        all: &[String],
        ask: &[String],
        chosen: &[String],
    ) -> Result<(), Failure> {
        let scopes: Vec<String> = ask.iter().map(|name| scope(name)).collect();
        let yes: Vec<String> = chosen.iter().map(|name| scope(name)).collect();
        let changes = self.consent_changes(caller, &scopes, |scope| yes.contains(scope));
        // Before the consent: how many a yes is for means nothing without one.
        let chosen: Vec<String> = ask.iter().filter(|name| chosen.contains(name)).cloned().collect();
        if !chosen.is_empty() {
            self.allow_more(caller, &chosen).await?;
        }
        let mut outcome = fields("messaging.subscribe", "done");
        {
            let state = self.state.read();
            let mine = state.in_program(&caller.person, &caller.program);
            for name in all {
                let known = || {
                    mine.and_then(|mine| mine.consents.get(&scope(name)))
                        .is_some_and(|(granted, _)| *granted)
                };
                let accepted = if ask.contains(name) { chosen.contains(name) } else { known() };
                outcome.set(format!("template.{name}"), if accepted { "accepted" } else { "rejected" });
            }
        }
        self.complete(caller, Event::completed(ticket, outcome), changes).await
    }

    /// Sends a message; the same client id again answers the same sequence number and sends nothing.
    pub(crate) async fn send(&self, caller: &Caller, to: &str, name: &str, content: &Fields, client_id: String) -> Result<Reply, Failure> {
        check_name("client-id", &client_id, 64)?;
        let template = template(caller, name)?;
        if content.len() > 16 || content.iter().any(|(name, value)| name.len() > 64 || value.heap_bytes() > 1_024) {
            return Err(limit("a message has at most 16 fields of at most 1,024 bytes"));
        }
        let recipient = self.who(&caller.program, to).await?;
        let hash = Sha256::digest(serde_json::to_vec(&(to, name, content)).unwrap_or_default());
        let hash = self.host.short(&[b"message", &hash]);
        let language = self.language_of(&recipient);
        let at = self.now();
        let message = Message {
            sequence: 0,
            program: caller.program.clone(),
            template: name.to_owned(),
            title: render(in_language(&template.title, &language), content),
            text: render(in_language(&template.text, &language), content),
            page: template.page.clone(),
            at,
            read: false,
        };
        let sender = (caller.person.clone(), caller.program.clone(), client_id.clone(), hash.clone());
        let change = self.message_change(&recipient, &message, Some(sender))?;
        let (person, program, to, scope) = (caller.person.clone(), caller.program.clone(), recipient.clone(), scope(name));
        let rule = template.clone();
        self.take_rate(&program, &to)?;
        let sent = self
            .commit(move |state, _| {
                let mine = state.in_program(&person, &program);
                if let Some((sequence, same)) = mine.and_then(|mine| mine.sent.find(&client_id, &hash)) {
                    return match same {
                        true => Ok((Vec::new(), (sequence, false))),
                        false => Err(Failure::new(
                            codes::TAKEN,
                            "that client-id stands for another message; use a new one",
                        )),
                    };
                }
                let theirs = state.in_program(&to, &program);
                let left = spend(&to, &program, theirs, &scope, &rule)?;
                let sequence = state.people.get(&to).ok_or_else(nobody)?.last_message + 1;
                Ok(([Some(change), left].into_iter().flatten().collect(), (sequence, true)))
            })
            .await;
        if !matches!(sent, Ok((_, true))) {
            self.give_back_rate(&caller.program, &recipient);
        }
        let (sequence, fresh) = sent?;
        if fresh {
            self.tell_inbox(&recipient);
        }
        Ok(Reply::Number(sequence))
    }

    pub(crate) fn message_change(
        &self,
        person: &PersonId,
        message: &Message,
        sender: Option<(PersonId, youji_api::ProgramId, String, String)>,
    ) -> Result<Change, Failure> {
        let bytes = serde_json::to_vec(message).unwrap_or_default();
        let age = u64::try_from(self.config.limits.inbox_age.as_millis()).unwrap_or(u64::MAX);
        Ok(Change::Message {
            person: person.clone(),
            expires: message.at.saturating_add(age),
            message: self.seal(person, "message", &bytes)?,
            keep: self.config.limits.inbox,
            sender,
        })
    }

    pub(crate) fn tell_inbox(&self, person: &PersonId) {
        let sequence = self.state.read().people.get(person).map(|person| person.last_message);
        if let (Some(sequence), Some(deliver)) = (sequence, self.deliver()) {
            deliver.inbox(person, sequence);
        }
    }

    /// Messages after a sequence number, oldest first. If the first one is not the next number, older ones were trimmed or expired.
    pub async fn inbox(&self, person: &PersonId, after: u64) -> Vec<Message> {
        let now = self.now();
        let (sequences, read_to) = {
            let state = self.state.read();
            let Some(mine) = state.people.get(person) else { return Vec::new() };
            let alive = mine
                .messages
                .range(after.saturating_add(1)..)
                .filter(|(_, expires)| **expires > now);
            (alive.map(|(sequence, _)| *sequence).collect::<Vec<u64>>(), mine.read_to)
        };
        let places: Vec<Vec<u8>> = sequences.iter().map(|sequence| keys::message(&person.0, *sequence)).collect();
        let found = self.fetch(&places).await.unwrap_or_default();
        let open = |(sequence, sealed): (u64, Option<Vec<u8>>)| {
            Some(Message {
                read: sequence <= read_to,
                ..self.open_message(person, sequence, &sealed?)?
            })
        };
        sequences.into_iter().zip(found).filter_map(open).collect()
    }

    /// Marks messages as read, up to and with that one. Answers how many are unread.
    ///
    /// # Errors
    /// "not-found"; "invalid" for a number that no message has yet.
    pub async fn mark_read(&self, person: &PersonId, sequence: u64) -> Result<u64, Failure> {
        let id = person.clone();
        self.commit(move |state, _| {
            let mine = state.people.get(&id).ok_or_else(nobody)?;
            if sequence > mine.last_message {
                return Err(invalid(format!("the newest message is {}", mine.last_message)));
            }
            let change = Change::Read { person: id, sequence };
            Ok((if sequence > mine.read_to { vec![change] } else { Vec::new() }, ()))
        })
        .await?;
        Ok(self.person(person).map_or(0, |person| person.unread))
    }
}

#[cfg(test)]
mod tests {
    use super::render;
    use youji_api::Fields;

    #[test]
    fn what_a_field_says_is_not_a_template() {
        let fields = Fields::new().with("a", "{b}").with("b", 7_i64);
        assert_eq!(render("{a} {b} {c}!", &fields), "{b} 7 !");
        assert_eq!(render("open { and {a", &fields), "open { and {a");
        assert!(render(&"{a}面".repeat(900), &Fields::new()).len() <= 2_000);
    }
}
