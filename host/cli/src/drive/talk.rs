//! What people of a scenario say to each other, give each other, and open of what they were sent.

use super::player::{LOOK_AGAIN, PATIENCE, PIN, Player};
use super::scenario::Action;
use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use youji_api::{PersonId, ProgramId};
use youji_kiosk::{Host, OpenRequest, Target};
use youji_services::chat::{Card, ChatId, ChatLine, Content, Gift, Said};

/// A conversation with these people, each of whom comes in by an invitation. Of two people unless it has a title.
pub(super) async fn meet(host: &Arc<Host>, by: &PersonId, others: &[PersonId], title: Option<&str>) -> Result<ChatId> {
    let services = host.services();
    let chat = services.chat_make(by, title).await?;
    for other in others {
        let (code, _) = services.chat_invite(by, &chat).await?;
        services.chat_join(other, &code).await?;
    }
    Ok(chat)
}

/// As a person would read it.
fn words(line: &ChatLine) -> String {
    match &line.said {
        Said::Content(Content::Text { text }) => format!("{}: {text}", line.name),
        Said::Content(Content::Card(card)) => format!("{}: [card] {} {}", line.name, card.title, card.summary),
        Said::Content(Content::Transfer { amount, note, .. }) => format!("{}: [transfer] {amount} {note}", line.name),
        Said::Content(Content::Packet { amount, shares, note }) => format!("{}: [packet] {amount} in {shares} {note}", line.name),
        other => format!("{}: [{other:?}]", line.name).to_lowercase(),
    }
}

impl Player<'_> {
    fn chat(&self) -> Result<ChatId> {
        self.chat
            .clone()
            .ok_or_else(|| anyhow!("they are in no conversation; let somebody `meet` them first"))
    }

    async fn lines(&self, host: &Arc<Host>) -> Result<Vec<ChatLine>> {
        Ok(host.services().chat_lines(&self.id, &self.chat()?, None, None).await?)
    }

    /// The newest line of that kind.
    async fn newest(&self, host: &Arc<Host>, what: &str, is: impl Fn(&Content) -> bool) -> Result<u64> {
        let lines = self.lines(host).await?;
        let found = lines
            .iter()
            .rev()
            .find(|line| matches!(&line.said, Said::Content(content) if is(content)));
        found.map(|line| line.number).with_context(|| {
            let said: Vec<String> = lines.iter().map(words).collect();
            format!("nobody sent a {what}. The conversation:\n{}", said.join("\n"))
        })
    }

    /// What happens in a conversation; none for an action that does not. `known`: everybody of the scenario.
    pub(super) async fn talk(&mut self, host: &Arc<Host>, action: &Action, known: &BTreeMap<String, PersonId>) -> Option<Result<()>> {
        Some(match action {
            Action::Say { text } => self.say(host, Content::Text { text: text.clone() }).await,
            Action::SendCard { program, page, scene } => self.send_card(host, program, page, scene).await,
            Action::OpenCard {} => self.open_card(host).await,
            Action::Give { to, amount, note } => self.give(host, to, *amount, note, known).await,
            Action::SendPacket { amount, shares, note } => {
                let gift = Gift::Packet {
                    amount: *amount,
                    shares: *shares,
                    random: true,
                    note: note.clone(),
                };
                self.pay_into(host, gift).await
            }
            Action::Claim {} => self.claim(host).await,
            Action::ExpectLine { text } => self.expect_line(host, text).await,
            _ => return None,
        })
    }

    fn client_id(&mut self) -> String {
        self.said += 1;
        format!("drive-{}", self.said)
    }

    async fn say(&mut self, host: &Arc<Host>, content: Content) -> Result<()> {
        let (chat, id) = (self.chat()?, self.client_id());
        host.services().chat_say(&self.id, &chat, &id, &content).await?;
        Ok(())
    }

    async fn send_card(&mut self, host: &Arc<Host>, program: &str, page: &str, scene: &str) -> Result<()> {
        let program = ProgramId::from(self.named(program)?);
        let code = host.code_for(&program, page, scene)?;
        let listed = host.programs().into_iter().find(|card| card.id == program);
        let name = listed.map_or_else(|| program.to_string(), |card| card.name.in_language(&self.language).to_owned());
        let card = Card {
            page: page.to_owned(),
            code: Some(code),
            ..Card::new(program, name)
        };
        self.say(host, Content::Card(card)).await
    }

    async fn open_card(&mut self, host: &Arc<Host>) -> Result<()> {
        let chat = self.chat()?;
        let number = self.newest(host, "card", |content| matches!(content, Content::Card(_))).await?;
        let opened = host.services().chat_card(&self.id, &chat, number).await?;
        let request = OpenRequest {
            target: Target::Card {
                card: opened.card,
                referrer: opened.referrer,
            },
            cause: "card".to_owned(),
            language: self.language.clone(),
            from_program: None,
            accepted: None,
        };
        Box::pin(self.arrive(host, request, None)).await
    }

    async fn give(&mut self, host: &Arc<Host>, to: &str, amount: u64, note: &str, known: &BTreeMap<String, PersonId>) -> Result<()> {
        let other = known.get(to).ok_or_else(|| anyhow!("nobody is called {to}"))?;
        let name = host.services().person(other).map(|person| person.name).unwrap_or_default();
        let members = host.services().chat_members(&self.id, &self.chat()?)?;
        let member = members.iter().find(|member| !member.me && member.name == name);
        let member = member.ok_or_else(|| anyhow!("{to} is not in the conversation"))?;
        let gift = Gift::Transfer {
            to: member.member,
            amount,
            note: note.to_owned(),
        };
        self.pay_into(host, gift).await
    }

    async fn pay_into(&mut self, host: &Arc<Host>, gift: Gift) -> Result<()> {
        let (chat, id) = (self.chat()?, self.client_id());
        let has_pin = host.services().person(&self.id).is_some_and(|person| person.has_pin);
        host.services().chat_gift_sheet(&self.id, &chat, &gift)?;
        host.services()
            .chat_give(&self.id, &chat, &id, &gift, if has_pin { PIN } else { "" })
            .await?;
        Ok(())
    }

    async fn claim(&self, host: &Arc<Host>) -> Result<()> {
        let number = self
            .newest(host, "red packet", |content| matches!(content, Content::Packet { .. }))
            .await?;
        host.services().chat_claim(&self.id, &self.chat()?, number).await?;
        Ok(())
    }

    async fn expect_line(&self, host: &Arc<Host>, text: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said: Vec<String> = self.lines(host).await?.iter().map(words).collect();
            if said.iter().any(|line| line.contains(text)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("nobody said \"{text}\". The conversation:\n{}", said.join("\n"));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}
