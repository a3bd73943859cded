//! Conversations between people, two of them or a group.
//!
//! Nobody can be looked up. Who is to come in is asked by a personal code that they gave away themselves, and the answer is the same
//! whether or not anybody has it; or gets an invitation, which is good once. Each line is sealed once, with its author's key, so that it
//! goes with them; the others see that something stood there. Members hear of a line through their mailbox, in the order of its numbers.
//!
//! | module | holds |
//! |---|---|
//! | `state` | what decisions look at, and what entries do to it |
//! | `room` | making, leaving, removing; who is there |
//! | `invite` | inviting, asking, coming in |
//! | `block`, `rate` | whom somebody does not want to hear; how often somebody may speak, ask and guess |
//! | `lines` | what is said: once, in order; reading it |
//! | `card` | a mini-program offers a card, and somebody opens one |
//! | `money`, `packet` | transfers and red packets |

pub(crate) mod block;
pub(crate) mod card;
pub(crate) mod invite;
pub(crate) mod lines;
pub(crate) mod money;
pub(crate) mod packet;
pub(crate) mod rate;
pub(crate) mod room;
pub(crate) mod state;

pub use card::OpenedCard;
pub use money::{ChatPayment, Gift};

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use youji_api::ProgramId;

/// Identifies a conversation. Random, and good for nothing to anybody who is not in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChatId(Arc<str>);

impl ChatId {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ChatId {
    fn from(text: &str) -> Self {
        ChatId(text.into())
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A card: a page of a mini-program that whoever taps on it may open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Which program.
    pub program: ProgramId,
    /// What it says: the program's name, or the program's own words when it offered the card.
    pub title: String,
    /// A second line; empty: none.
    #[serde(default)]
    pub summary: String,
    /// Path of the page; empty: home.
    #[serde(default)]
    pub page: String,
    /// Its parameters.
    #[serde(default)]
    pub query: Vec<(String, String)>,
    /// The text of the scan code that opens it, where the sender opened it with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Collection and key of the row whose party the one who opens it becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joins: Option<(String, String)>,
}

impl Card {
    /// Of a program's home.
    pub fn new(program: ProgramId, title: impl Into<String>) -> Card {
        Card {
            program,
            title: title.into(),
            summary: String::new(),
            page: String::new(),
            query: Vec::new(),
            code: None,
            joins: None,
        }
    }
}

/// What somebody says: sealed with their key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Content {
    /// Words.
    Text {
        /// At most [`ServiceLimits::chat_text`](crate::ServiceLimits::chat_text) characters.
        text: String,
    },
    /// A card.
    Card(Card),
    /// Money for one of the others, which they have.
    Transfer {
        /// In minor units.
        amount: u64,
        /// Number of the member who has it.
        to: u32,
        /// A sentence with it; may be empty.
        note: String,
    },
    /// Money for whoever takes a share.
    Packet {
        /// In minor units, all shares together.
        amount: u64,
        /// How many shares.
        shares: u32,
        /// A sentence with it; may be empty.
        note: String,
    },
}

/// What a line is, to the one who reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Somebody said it.
    Content(Content),
    /// Somebody came in.
    Joined,
    /// Somebody left.
    Left,
    /// Somebody was taken out.
    Removed,
    /// Somebody left this host, and what they said is erased.
    Gone,
    /// The title was changed.
    Titled,
    /// Somebody who is gone said it.
    Erased,
    /// Somebody whom the reader blocked said it.
    Hidden,
}

/// A line of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatLine {
    /// Rises by one with each line.
    pub number: u64,
    /// Milliseconds since 1970.
    pub at: u64,
    /// Whose line it is, or about whom.
    pub member: u32,
    /// Their nickname; empty for who is gone.
    pub name: String,
    /// Whether the reader is that member.
    pub mine: bool,
    /// What it is.
    pub said: Said,
    /// Of a red packet: what became of it so far.
    pub packet: Option<PacketNow>,
}

/// What became of a red packet, to the one who looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PacketNow {
    /// Shares that are taken.
    pub claimed: u32,
    /// The reader's own share, in minor units; 0: none.
    pub mine: u64,
    /// Whether there is a share to take for the reader.
    pub open: bool,
}

/// A member, as another one sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMember {
    /// Good within the conversation.
    pub member: u32,
    /// Nickname.
    pub name: String,
    /// Whether it is the reader.
    pub me: bool,
    /// Whether they may remove others and change the title.
    pub owner: bool,
    /// Whether the reader blocked them.
    pub blocked: bool,
}

/// A conversation in somebody's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatRow {
    /// Which.
    pub chat: ChatId,
    /// Of many; otherwise of two.
    pub group: bool,
    /// Its title; of two people, the other's nickname. May be empty.
    pub title: String,
    /// How many are here.
    pub members: u32,
    /// Whether the reader may remove others and change the title.
    pub owner: bool,
    /// Lines that the reader has not read.
    pub unread: u64,
    /// The newest line that the reader may read.
    pub last: Option<ChatLine>,
}

/// Somebody asks somebody into a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatAsk {
    /// Which.
    pub chat: ChatId,
    /// Nickname of who asks.
    pub by: String,
    /// Of many; otherwise of two.
    pub group: bool,
    /// Its title; may be empty.
    pub title: String,
    /// How many are here.
    pub members: u32,
}

/// What became of what somebody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its number in the conversation.
    pub number: u64,
    /// Nicknames of members who do not get it, since they blocked its author.
    pub unreached: Vec<String>,
    /// Whether the same was said before under the same client id: nothing more was said.
    pub before: bool,
}

/// An answer to being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskAnswer {
    /// Come in.
    Accept,
    /// Stay out.
    Decline,
    /// Stay out, and hear nothing of that person any more.
    Block,
}
