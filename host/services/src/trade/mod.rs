//! What merchants' own servers do without a mini-program: orders that a person pays by a link or a code, and what becomes of them.
//!
//! An intent is an order that nobody has paid yet. Whoever pays it makes it an order like any other, under a pseudo program of the
//! merchant's own, so that holds, refunds, receipts and the payer's audit are the ones that mini-programs have too.
//!
//! | module | holds |
//! |---|---|
//! | `state` | what decisions look at, and what entries do to it |
//! | `keys` | merchant keys: shown once, kept as hashes |
//! | `make` | making, finding, listing and closing intents |
//! | `view` | an intent as its merchant reads it, and its receipt |
//! | `pay` | the sheet of an intent and the payer's yes |
//! | `act` | capture, cancel, refund and ship by the merchant; release and dispute by the payer |
//! | `scanned` | a merchant's printed payment code, scanned by a person |
//! | `presented` | codes that a person presents and a merchant collects with |
//! | `counter` | staff who collect with such codes, in a program or at their seat |
//! | `notices` | notifications: what is due, what came of it |

pub(crate) mod act;
pub(crate) mod counter;
pub(crate) mod keys;
pub(crate) mod make;
pub(crate) mod notices;
pub(crate) mod pay;
pub(crate) mod presented;
pub(crate) mod scanned;
pub(crate) mod state;
pub(crate) mod view;

pub use keys::MerchantKey;
pub use make::{IDEMPOTENCY_MISMATCH, NewIntent};
pub use notices::{ATTEMPTS_MOST, Attempt, DueNotification, Notification, RETRIES_MS};
pub use pay::{Agreed, EXPIRED, PaidIntent};
pub use presented::{CODE_USED, Collected, PRESENTED_DIGITS, PRESENTED_MS, Presented, PresentedState};
pub use scanned::{FOREIGN_SCHEME, Printed, Scanned};
pub use view::{Held, Intent, IntentLine, IntentRefund};

use sha2::{Digest, Sha256};
use youji_api::{ProgramId, PublisherId};

/// How long answers to an `Idempotency-Key` are kept, in milliseconds.
pub(crate) const ANSWERS_MS: u64 = 25 * 60 * 60 * 1_000;

/// Who is paid by an intent: a merchant of a publisher.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MerchantId {
    /// Under whom it is enrolled.
    pub publisher: PublisherId,
    /// Empty: the publisher itself.
    pub merchant: String,
}

const PREFIX: &str = "merchant:";

impl MerchantId {
    /// From both.
    pub fn new(publisher: impl Into<PublisherId>, merchant: impl Into<String>) -> Self {
        MerchantId {
            publisher: publisher.into(),
            merchant: merchant.into(),
        }
    }

    /// Under which name its orders stand among those of programs. No program has a ":" in its name.
    pub(crate) fn program(&self) -> ProgramId {
        ProgramId::from(format!("{PREFIX}{}/{}", self.publisher, self.merchant).as_str())
    }

    /// The merchant behind such a name; none for a program.
    pub fn of_program(program: &ProgramId) -> Option<MerchantId> {
        let (publisher, merchant) = program.as_str().strip_prefix(PREFIX)?.rsplit_once('/')?;
        Some(MerchantId::new(publisher, merchant))
    }
}

/// What makes a request the same one when it is sent again.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// What the caller calls it: 1 to 128 printable ASCII characters.
    pub key: String,
    /// Hash of everything that was asked.
    pub asked: [u8; 32],
}

impl Idempotency {
    /// Of a request, by what it is and says.
    pub fn new(key: impl Into<String>, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Idempotency {
            key: key.into(),
            asked: hash.finalize().into(),
        }
    }

    /// The first half of the hash.
    pub(crate) fn short(&self) -> u128 {
        let mut half = [0; 16];
        half.copy_from_slice(&self.asked[..16]);
        u128::from_be_bytes(half)
    }
}
