//! Cards: a program offers one after a tap, the person chooses where it goes, and whoever taps on it may open what it shows.

use super::room::no_chat;
use super::{Card, ChatId, Content, Said};
use crate::change::Change;
use crate::order::row_name;
use crate::outcomes::fields;
use crate::people::nobody;
use crate::rows::rule;
use crate::services::{Services, check_name, limit, not_found};
use crate::sessions::What;
use youji_api::caller::Caller;
use youji_api::{ChatChoice, Event, Failure, Fields, PersonId, Reply, Sheet, SheetId, SheetKind, Ticket, codes};

const CALL: &str = "messaging.share";
/// Parameters of a card, and bytes of one.
const QUERY_MOST: usize = 32;
const PARAMETER_MOST: usize = 1_024;
const SUMMARY_MOST: usize = 200;
/// Conversations on one sheet: those of the newest lines.
const CHOICES: usize = 50;

/// What a card opens, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedCard {
    /// The card.
    pub card: Card,
    /// Who sent it, as the card's program knows them.
    pub referrer: String,
}

/// Bounds of what a card holds.
pub(crate) fn check_card(card: &Card) -> Result<(), Failure> {
    check_name("program", card.program.as_str(), 128)?;
    check_name("title of a card", &card.title, 100)?;
    if card.summary.chars().count() > SUMMARY_MOST || card.summary.chars().any(char::is_control) {
        return Err(limit(format!(
            "a card's summary has at most {SUMMARY_MOST} characters, and no control characters"
        )));
    }
    if card.page.len() > 256 || card.code.as_ref().is_some_and(|code| code.len() > 512) {
        return Err(limit("a card's page has at most 256 bytes, its code at most 512"));
    }
    if card.query.len() > QUERY_MOST || card.query.iter().any(|(name, value)| name.len() + value.len() > PARAMETER_MOST) {
        return Err(limit(format!(
            "a card has at most {QUERY_MOST} parameters of at most {PARAMETER_MOST} bytes"
        )));
    }
    Ok(())
}

impl Services {
    /// Asks the person into which conversation a card goes. The program learns whether it was sent, and nothing of where.
    pub(crate) async fn share(&self, caller: &Caller, title: &str, page: &str, query: &Fields, options: &Fields) -> Result<Reply, Failure> {
        if options.len() > 8 {
            return Err(limit("a card has at most 8 options"));
        }
        let mut card = Card {
            page: page.to_owned(),
            query: query.iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect(),
            ..Card::new(caller.program.clone(), title.trim())
        };
        for (name, value) in options.iter() {
            match name {
                "summary" => card.summary = value.to_string(),
                "joins" => card.joins = Some(row_name(&value.to_string())?),
                // An image is a path in the package; cards show the program's icon.
                _ => {}
            }
        }
        check_card(&card)?;
        if !page.is_empty() && !caller.requested.pages.iter().any(|entry| entry == page) {
            return Err(not_found(format!(
                "page \"{page}\" does not open from outside; mark it as an entry in the manifest"
            )));
        }
        if let Some((collection, key)) = &card.joins {
            self.check_party(caller, collection, key)?;
        }
        let ticket = self.ticket();
        let chats: Vec<ChatChoice> = self.chats(&caller.person).await?.into_iter().take(CHOICES).map(choice).collect();
        let sheet = Sheet {
            id: SheetId(self.draw()),
            program: self.program_name(&caller.program, &caller.language),
            publisher: self.publisher_name(&caller.publisher, &caller.language),
            kind: SheetKind::Share {
                title: card.title.clone(),
                summary: card.summary.clone(),
                chats,
            },
        };
        self.show(caller, sheet, self.asked(ticket, What::Share(card.into())))?;
        Ok(Reply::Ticket(ticket))
    }

    /// Only a party of a row offers others to become one.
    fn check_party(&self, caller: &Caller, collection: &str, key: &str) -> Result<(), Failure> {
        let none = || not_found(format!("row \"{collection}/{key}\" is not there, or not this person's"));
        rule(caller, collection).ok_or_else(none)?;
        let open_id = self.open_id(&caller.person, &caller.program);
        let state = self.state.read();
        let row = state
            .row(&caller.program, collection, key)
            .filter(|row| row.alive(self.now()))
            .ok_or_else(none)?;
        let own = row.owner.as_ref() == Some(&caller.person);
        match own || row.parties.iter().any(|party| *party == *open_id.as_str()) {
            true => Ok(()),
            false => Err(none()),
        }
    }

    /// The person has chosen, or declined.
    pub(crate) async fn decide_share(&self, caller: &Caller, ticket: Ticket, card: &Card, chosen: Option<&str>) -> Result<(), Failure> {
        let Some(chosen) = chosen else {
            self.tell(caller.session, Event::completed(ticket, fields(CALL, "declined")));
            return Ok(());
        };
        let content = Content::Card(card.clone());
        self.chat_say(&caller.person, &ChatId::from(chosen), &format!("card-{}", ticket.0), &content)
            .await?;
        self.tell(caller.session, Event::completed(ticket, fields(CALL, "done")));
        Ok(())
    }

    /// The card of a line, for whoever may read it; and they become a party of the row that it names, as far as its sender still is one.
    /// `roles` and what the program requests come from `caller`, who is to open it.
    ///
    /// # Errors
    /// "not-found" where there is no such card.
    pub async fn chat_card(&self, person: &PersonId, chat: &ChatId, number: u64) -> Result<OpenedCard, Failure> {
        let none = || not_found("there is no such card any more");
        let line = self.chat_line(person, chat, number).await?.ok_or_else(none)?;
        let Said::Content(Content::Card(card)) = line.said else {
            return Err(none());
        };
        let sender = {
            let state = self.state.read();
            let chat = state.chats.all.get(chat).ok_or_else(no_chat)?;
            chat.members
                .get(&line.member)
                .and_then(|member| member.person.clone())
                .ok_or_else(none)?
        };
        let referrer = self.open_id(&sender, &card.program).to_string();
        if let Some((collection, key)) = card.joins.clone().filter(|_| sender != *person) {
            let (program, opener) = (card.program.clone(), self.open_id(person, &card.program).to_string());
            let (from, most) = (referrer.clone(), self.config.limits.parties);
            self.commit(move |state, stamp| {
                state.people.get(&sender).ok_or_else(nobody)?;
                let row = state.row(&program, &collection, &key).filter(|row| row.alive(stamp.millis()));
                let may = |row: &&crate::state::RowState| row.owner.as_ref() == Some(&sender) || row.parties.contains(&from);
                let Some(row) = row.filter(may).filter(|row| !row.parties.contains(&opener)) else {
                    return Ok((Vec::new(), ()));
                };
                if row.parties.len() >= most {
                    return Err(Failure::new(codes::LIMIT, "as many people as this takes are there already"));
                }
                let mut row = row.clone();
                row.parties.push(opener);
                row.version += 1;
                let change = Change::Row {
                    program,
                    collection,
                    key,
                    row,
                    value: None,
                };
                Ok((vec![change], ()))
            })
            .await?;
        }
        Ok(OpenedCard { card, referrer })
    }
}

fn choice(row: super::ChatRow) -> ChatChoice {
    ChatChoice {
        chat: row.chat.to_string(),
        title: row.title,
        group: row.group,
        members: row.members,
    }
}
