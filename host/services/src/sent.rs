//! The messages that somebody sent last in a program, so that a repetition is known.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;

/// How many of one sender in one program are remembered.
const KEPT: usize = 500;

/// Digests rather than texts, next to each other: every send looks through all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// Of the client ids, oldest first.
    ids: VecDeque<u128>,
    /// Of the content, and the sequence at the recipient.
    messages: VecDeque<(u128, u64)>,
}

fn digest(text: &str) -> u128 {
    let hash = Sha256::digest(text);
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    u128::from_be_bytes(first)
}

impl Sent {
    pub(crate) fn add(&mut self, client_id: &str, hash: &str, sequence: u64) {
        if self.ids.len() >= KEPT {
            self.ids.pop_front();
            self.messages.pop_front();
        }
        self.ids.push_back(digest(client_id));
        self.messages.push_back((digest(hash), sequence));
    }

    /// The sequence of the message with that client id, and whether its content had that hash.
    pub(crate) fn find(&self, client_id: &str, hash: &str) -> Option<(u64, bool)> {
        let id = digest(client_id);
        let place = self.ids.iter().position(|known| *known == id)?;
        let (content, sequence) = self.messages.get(place)?;
        Some((*sequence, *content == digest(hash)))
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Sent};

    #[test]
    fn the_newest_are_known() {
        let mut sent = Sent::default();
        for number in 0..=KEPT as u64 {
            sent.add(&number.to_string(), "content", number + 7);
        }
        assert_eq!(sent.find("0", "content"), None, "the oldest made room");
        assert_eq!(sent.find("1", "content"), Some((8, true)));
        assert_eq!(sent.find("500", "other"), Some((507, false)));
        assert_eq!((sent.ids.len(), sent.messages.len()), (KEPT, KEPT));
    }
}
