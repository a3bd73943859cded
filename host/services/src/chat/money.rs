//! Money in a conversation: a transfer to one of the others, or a red packet for whoever takes a share. Asked on the host's own sheet, and
//! one entry with the line that says so.

use super::packet::Packet;
use super::rate::Rate;
use super::room::{mine, pointer};
use super::state::{Chat, ChatChange};
use super::{ChatId, Content, Sent};
use crate::change::Change;
use crate::legs::code as kinds;
use crate::model::Names;
use crate::money;
use crate::packet::split;
use crate::people::{FUNDING, code, nobody};
use crate::say::Say;
use crate::services::{Services, check_name, invalid, limit, not_found};
use crate::state::State;
use serde::{Deserialize, Serialize};
use youji_api::{Failure, PersonId, ProgramId, Sheet, SheetId, SheetKind, SheetTerms, codes};
use youji_ledger::{Transfer, TransferError};
use youji_store::Stamp;

/// How long a red packet may be claimed, in milliseconds.
const PACKET_MS: u64 = 24 * 60 * 60 * 1_000;
/// Characters of the sentence with it.
const NOTE_MOST: usize = 60;
const SHARES_MOST: u32 = 100;
/// Red packets that one round ends.
const ROUND: usize = 64;
/// Under which name messages about conversations come: no program has a ":" in its name.
pub(crate) const HOST: &str = "host:chat";

/// What somebody gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Gift {
    /// To one of the others, who has it at once.
    Transfer {
        /// Number of the member.
        to: u32,
        /// In minor units.
        amount: u64,
        /// May be empty.
        #[serde(default)]
        note: String,
    },
    /// To whoever takes a share within a day; the rest comes back.
    Packet {
        /// In minor units, all shares together.
        amount: u64,
        /// How many, at most 100.
        shares: u32,
        /// Drawn by chance; otherwise all are equal.
        random: bool,
        /// May be empty.
        #[serde(default)]
        note: String,
    },
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatPayment {
    /// Its line.
    pub sent: Sent,
    /// The wallet's balance afterwards, in minor units.
    pub balance: u64,
}

impl Gift {
    /// In minor units.
    pub fn amount(&self) -> u64 {
        match self {
            Gift::Transfer { amount, .. } | Gift::Packet { amount, .. } => *amount,
        }
    }

    fn note(&self) -> &str {
        match self {
            Gift::Transfer { note, .. } | Gift::Packet { note, .. } => note,
        }
    }

    fn content(&self) -> Content {
        match self.clone() {
            Gift::Transfer { to, amount, note } => Content::Transfer { amount, to, note },
            Gift::Packet { amount, shares, note, .. } => Content::Packet { amount, shares, note },
        }
    }
}

/// Who gets a transfer, if they are here and take something from the one who gives it.
fn payee(state: &State, person: &PersonId, chat: &Chat, to: u32, own: u32) -> Result<PersonId, Failure> {
    let member = chat.members.get(&to).filter(|member| member.here && to != own);
    let other = member.and_then(|member| member.person.clone());
    let other = other.ok_or_else(|| not_found("no such member is here"))?;
    let theirs = state.people.get(&other).ok_or_else(nobody)?;
    match theirs.blocked.contains(person) {
        true => Err(Failure::new(codes::NO_RECIPIENT, "they take nothing from you; nothing was moved")),
        false => Ok(other),
    }
}

fn ledger_refused(error: &TransferError) -> Failure {
    match error {
        TransferError::ExceedsCredits => Failure::new(codes::INSUFFICIENT, "the balance is too small; nothing was moved"),
        error => Failure::new(codes::FAILED, format!("the ledger refused: {error}; nothing was moved")),
    }
}

impl Services {
    fn check_gift(&self, gift: &Gift) -> Result<(), Failure> {
        let (amount, most) = (gift.amount(), self.config.limits.order_amount);
        if amount == 0 || amount > most {
            let most = money::decimal(most, &self.config.currency);
            return Err(limit(format!(
                "an amount is more than nothing and at most {most} {}",
                self.config.currency
            )));
        }
        if !gift.note().is_empty() {
            check_name("note", gift.note(), NOTE_MOST)?;
        }
        if let Gift::Packet { shares, .. } = gift
            && (*shares == 0 || *shares > SHARES_MOST || u64::from(*shares) > amount)
        {
            return Err(invalid(format!(
                "a red packet has 1 to {SHARES_MOST} shares, each of at least one minor unit; {shares} of {amount} came"
            )));
        }
        Ok(())
    }

    /// The sheet that asks for it, from stored values.
    ///
    /// # Errors
    /// "limit", "invalid" for an amount, shares or a note out of bounds; "no-recipient"; "not-found".
    pub fn chat_gift_sheet(&self, person: &PersonId, chat: &ChatId, gift: &Gift) -> Result<Sheet, Failure> {
        self.check_gift(gift)?;
        let language = self.language_of(person);
        let (to, title, balance, pin) = {
            let state = self.state.read();
            let (here, own) = mine(&state, person, chat)?;
            let to = match gift {
                Gift::Transfer { to, .. } => Some(payee(&state, person, here, *to, own)?),
                Gift::Packet { .. } => None,
            };
            let pin = state.people.get(person).is_some_and(|mine| mine.has_pin);
            (to, self.chat_titled(chat, here), self.balance_in(&state, person), pin)
        };
        let chat_name = Names::new("聊天", "Chat");
        let packet = Names::new("红包", "Red packet");
        let (mode, until, count) = match gift {
            Gift::Transfer { .. } => ("transfer", 0, 0),
            Gift::Packet { shares, .. } => ("packet", self.now().saturating_add(PACKET_MS), *shares),
        };
        Ok(Sheet {
            id: SheetId(self.draw()),
            program: chat_name.in_language(&language).to_owned(),
            publisher: title,
            kind: SheetKind::Payment {
                payee: to.map_or_else(|| packet.in_language(&language).to_owned(), |to| self.chat_name(&to)),
                amount: money::decimal(gift.amount(), &self.config.currency),
                currency: self.config.currency.clone(),
                purpose: gift.note().to_owned(),
                lines: Vec::new(),
                balance: money::decimal(balance, &self.config.currency),
                affordable: balance >= gift.amount(),
                pin,
                terms: Box::new(SheetTerms {
                    mode: mode.to_owned(),
                    until,
                    at_expiry: if until > 0 { "cancel" } else { "" }.to_owned(),
                    count,
                    ..SheetTerms::default()
                }),
            },
        })
    }

    /// Gives it: the money moves, and the line stands there, in one entry. Once for each `client_id`.
    ///
    /// # Errors
    /// "denied" for a wrong PIN; "insufficient-funds", "no-recipient", "taken", "limit", "invalid", "not-found". Nothing was moved then.
    pub async fn chat_give(
        &self,
        person: &PersonId,
        chat: &ChatId,
        client_id: &str,
        gift: &Gift,
        pin: &str,
    ) -> Result<ChatPayment, Failure> {
        self.check_gift(gift)?;
        if self.asks_for_pin(person) {
            self.check_pin_of(person, pin).await?;
        }
        self.take_chat_rate(person, Rate::Say)?;
        let saying = self.saying(person, chat, client_id, &gift.content())?;
        let seed = self.draw();
        let (own, id, gift, me, client) = (person.clone(), chat.clone(), gift.clone(), self.me.clone(), client_id.to_owned());
        let decided = self
            .commit(move |state, stamp| {
                let me = me.upgrade().ok_or_else(nobody)?;
                let mut decided = me.decide_saying(state, saying)?;
                if decided.before {
                    return Ok((Vec::new(), decided));
                }
                let (here, _) = mine(state, &own, &id)?;
                let (wallet, currency) = (me.wallet(&own), me.config.currency.clone());
                let transfer_id = me
                    .host
                    .number(&[b"chat-gift", id.as_str().as_bytes(), own.as_str().as_bytes(), client.as_bytes()]);
                // A line that is not kept any more may have moved it.
                if state.ledger.transfer(transfer_id).is_some() {
                    return Err(Failure::new(
                        codes::TAKEN,
                        "that clientId stands for something that you gave; use a new one",
                    ));
                }
                let audit = |person: &PersonId, act: &str, about: Vec<String>| Change::Audit {
                    person: person.clone(),
                    program: None,
                    act: act.to_owned(),
                    about,
                    purpose: None,
                    amount: Some((gift.amount(), currency.clone())),
                };
                let mut changes = Vec::new();
                let to = match &gift {
                    Gift::Transfer { to, .. } => {
                        let to = payee(state, &own, here, *to, decided.member)?;
                        let account = me.wallet(&to);
                        changes.push(audit(&own, "transfer.sent", Vec::new()));
                        changes.push(audit(&to, "transfer.received", Vec::new()));
                        (account, code::PAYMENT)
                    }
                    Gift::Packet {
                        amount, shares, random, ..
                    } => {
                        let account = me.host.number(&[b"chat-packet", &transfer_id.to_be_bytes()]);
                        let packet = Packet {
                            payer: Some(own.clone()),
                            account,
                            shares: split(*amount, *shares, random.then_some(seed)),
                            until: stamp.millis().saturating_add(PACKET_MS),
                            ..Packet::default()
                        };
                        changes.push(audit(&own, "packet.sent", Vec::new()));
                        changes.push(Change::Chat(ChatChange::Packet {
                            chat: id.clone(),
                            number: decided.number,
                            packet,
                        }));
                        (account, code::PAYMENT)
                    }
                };
                let transfer = Transfer::new(transfer_id, wallet, to.0, gift.amount().into(), me.ledger_number, to.1);
                let opening = me.wallet_account(to.0, kinds::PACKET);
                // The account of a packet is there only once the entry is: the payer's side is what can refuse.
                if u128::from(gift.amount()) > state.ledger.account(wallet).map_or(0, |wallet| wallet.available()) {
                    return Err(ledger_refused(&TransferError::ExceedsCredits));
                }
                let mut all = Vec::new();
                if matches!(gift, Gift::Packet { .. }) {
                    all.push(opening);
                } else if let Some((_, error)) = state.ledger.check(&[transfer], stamp.at).fault() {
                    return Err(ledger_refused(&error));
                }
                all.push(Change::Transfers(vec![transfer]));
                all.append(&mut decided.changes);
                all.append(&mut changes);
                Ok((all, decided))
            })
            .await;
        if !decided.as_ref().is_ok_and(|decided| !decided.before) {
            self.give_back_chat_rate(person, Rate::Say);
        }
        let decided = decided?;
        Ok(ChatPayment {
            sent: self.sent(&decided),
            balance: self.person(person).map_or(0, |person| person.balance),
        })
    }

    /// Takes a share of a red packet: one each. Asked again, it is the same share. Answers it in minor units.
    ///
    /// # Errors
    /// "not-found" where there is none that this person may take from; "nothing-left" when all is taken or the time is over.
    pub async fn chat_claim(&self, person: &PersonId, chat: &ChatId, number: u64) -> Result<u64, Failure> {
        let (own, id, me) = (person.clone(), chat.clone(), self.me.clone());
        self.commit(move |state, stamp| {
            let none = || not_found("there is no red packet any more");
            let me = me.upgrade().ok_or_else(nobody)?;
            let (here, member) = mine(state, &own, &id)?;
            let since = here.members.get(&member).map_or(u64::MAX, |member| member.since);
            let packet = here.packets.get(&number).filter(|_| number >= since).ok_or_else(none)?;
            if let Some(share) = packet.share_of(member) {
                return Ok((Vec::new(), share));
            }
            // Who comes back under another number is the same person.
            let again = packet
                .claimed
                .keys()
                .filter_map(|taken| here.members.get(taken)?.person.as_ref())
                .any(|taken| *taken == own);
            let own_gift = !here.group && packet.payer.as_ref() == Some(&own);
            if again || own_gift {
                return Err(Failure::new(codes::FORBIDDEN, "a share of this red packet is for others"));
            }
            let share = packet.next().filter(|_| stamp.millis() < packet.until);
            let share = share.ok_or_else(|| Failure::new(codes::NOTHING_LEFT, "all shares are taken, or the time is over"))?;
            let transfer = me
                .host
                .number(&[b"chat-claim", id.as_str().as_bytes(), &number.to_be_bytes(), &member.to_be_bytes()]);
            let transfer = Transfer::new(
                transfer,
                packet.account,
                me.wallet(&own),
                share.into(),
                me.ledger_number,
                kinds::CLAIM,
            );
            if let Some((_, error)) = state.ledger.check(&[transfer], stamp.at).fault() {
                return Err(ledger_refused(&error));
            }
            let mut changes = vec![
                Change::Transfers(vec![transfer]),
                Change::Audit {
                    person: own.clone(),
                    program: None,
                    act: "packet.claimed".to_owned(),
                    about: Vec::new(),
                    purpose: None,
                    amount: Some((share, me.config.currency.clone())),
                },
                Change::Chat(ChatChange::Claimed {
                    chat: id.clone(),
                    number,
                    member,
                }),
            ];
            if packet.claimed.len() + 1 == packet.shares.len() {
                changes.push(Change::Chat(ChatChange::PacketEnded { chat: id.clone(), number }));
            }
            // Those who look at it see how much is left.
            for (_, other) in here.here() {
                changes.push(pointer(other, &id, number, packet.until, me.config.limits.chat_pointers));
            }
            Ok((changes, share))
        })
        .await
    }

    /// What the end of red packets comes to: the rest goes back to who sent them.
    pub(crate) fn end_packets(
        &self,
        state: &State,
        id: &ChatId,
        chat: &Chat,
        which: impl Fn(&Packet) -> bool,
        stamp: Stamp,
    ) -> Result<Vec<Change>, Failure> {
        let mut changes = Vec::new();
        for (number, packet) in chat.packets.iter().filter(|(_, packet)| !packet.ended && which(packet)) {
            let back = self.host.number(&[b"chat-back", id.as_str().as_bytes(), &number.to_be_bytes()]);
            let payer = packet.payer.as_ref().filter(|payer| state.people.contains_key(*payer));
            let to = payer.map_or(FUNDING, |payer| self.wallet(payer));
            let left = packet.left();
            if left > 0 {
                let transfer = Transfer::new(back, packet.account, to, left.into(), self.ledger_number, code::RETURN);
                if let Some((_, error)) = state.ledger.check(&[transfer], stamp.at).fault() {
                    return Err(ledger_refused(&error));
                }
                changes.push(Change::Transfers(vec![transfer]));
                changes.extend(payer.map(|payer| Change::Audit {
                    person: payer.clone(),
                    program: None,
                    act: "payment.returned".to_owned(),
                    about: Vec::new(),
                    purpose: None,
                    amount: Some((left, self.config.currency.clone())),
                }));
            }
            changes.push(Change::Chat(ChatChange::PacketEnded {
                chat: id.clone(),
                number: *number,
            }));
        }
        Ok(changes)
    }

    /// Ends red packets whose time is over, and says so to who sent them.
    pub(crate) async fn end_due_packets(&self) {
        let now = self.now();
        let due: Vec<(ChatId, u64)> = {
            let state = self.state.read();
            let due = state.chats.due.iter().take_while(|(at, ..)| *at <= now).take(ROUND);
            due.map(|(_, chat, number)| (chat.clone(), *number)).collect()
        };
        for (chat, number) in due {
            if let Err(failure) = self.end_packet_of(&chat, number).await {
                tracing::warn!(%failure, "a red packet whose time is over waits for the next round");
            }
        }
    }

    /// Ends all red packets of a person, before their key goes.
    pub(crate) async fn end_packets_from(&self, person: &PersonId) -> Result<(), Failure> {
        let theirs: Vec<(ChatId, u64)> = {
            let state = self.state.read();
            state.packets_from(person).map(|(chat, number)| (chat.clone(), number)).collect()
        };
        for (chat, number) in theirs {
            self.end_packet_of(&chat, number).await?;
        }
        Ok(())
    }

    async fn end_packet_of(&self, chat: &ChatId, number: u64) -> Result<(), Failure> {
        let known = {
            let state = self.state.read();
            let packet = state.chats.all.get(chat).and_then(|chat| chat.packets.get(&number));
            packet.map(|packet| (packet.payer.clone(), packet.left()))
        };
        let Some((payer, left)) = known else { return Ok(()) };
        let message = match payer.filter(|payer| left > 0 && self.alive(payer)) {
            Some(payer) => {
                let amount = money::with_sign(left, &self.config.currency);
                let program = ProgramId::from(HOST);
                Some(self.say(&program, &payer, Say::PacketBack, &amount, &Names::default(), self.now())?)
            }
            None => None,
        };
        let (id, me) = (chat.clone(), self.me.clone());
        self.commit(move |state, stamp| {
            let Some(chat) = state.chats.all.get(&id) else {
                return Ok((Vec::new(), ()));
            };
            let Some(packet) = chat.packets.get(&number).filter(|packet| !packet.ended) else {
                return Ok((Vec::new(), ()));
            };
            // Somebody took a share meanwhile: what was to be said is not right any more.
            let message = message.filter(|_| packet.left() == left);
            let me = me.upgrade().ok_or_else(nobody)?;
            let account = packet.account;
            let mut changes = me.end_packets(state, &id, chat, |one| one.account == account, stamp)?;
            changes.extend(message);
            Ok((changes, ()))
        })
        .await
    }
}

impl State {
    /// Red packets of a person that are not ended.
    pub(crate) fn packets_from(&self, person: &PersonId) -> impl Iterator<Item = (&ChatId, u64)> {
        let open = self.chats.due.iter().filter(move |(_, chat, number)| {
            let packet = self.chats.all.get(chat).and_then(|chat| chat.packets.get(number));
            packet.is_some_and(|packet| packet.payer.as_ref() == Some(person))
        });
        open.map(|(_, chat, number)| (chat, *number))
    }
}
