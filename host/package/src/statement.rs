//! What a publisher says of the versions of one program, signed: which package each is, for whom, and which were withdrawn.
//!
//! One statement covers all versions of a program, so that nobody can show one without another; its serial rises, so that an old one is
//! known as old. As text it is a JSON object `{kind, version, key, statement, signature}` in which `statement` is the signed text itself.

use crate::digest::Digest;
use crate::grammar;
use crate::keys::{PublicKey, PublisherKey};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use youji_api::ProgramId;

const KIND: &str = "youji statement";
/// What the signature is over begins so, so that it fits nothing else that the key signs.
const DOMAIN: &[u8] = b"youji statement v1\0";
/// Longest statement as text, in bytes.
pub const STATEMENT_BYTES: usize = 24 << 10;
/// Versions that a statement names; then the oldest goes.
pub const VERSIONS: usize = 32;
/// Longest reason for withdrawing a version, in characters.
pub const REASON: usize = 100;
/// Longest name of a version, in characters, as in a manifest.
const NAME: usize = 32;

/// For whom a version is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Everybody.
    #[default]
    Release,
    /// Whom the publisher gave a role, by a code or link that is marked so.
    Trial,
}

impl Channel {
    /// "release" or "trial".
    pub fn code(self) -> &'static str {
        match self {
            Channel::Release => "release",
            Channel::Trial => "trial",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Channel {
    type Err = String;
    fn from_str(text: &str) -> Result<Channel, String> {
        match text {
            "release" => Ok(Channel::Release),
            "trial" => Ok(Channel::Trial),
            _ => Err("expected release or trial".to_owned()),
        }
    }
}

/// One version in a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedVersion {
    /// `version.code` of the manifest.
    pub code: u32,
    /// `version.name`.
    pub name: String,
    /// For whom.
    pub channel: Channel,
    /// Which package.
    pub digest: Digest,
    /// Withdrawn, and why; the reason may be empty. A host opens it no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
}

/// All that a publisher says of one program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Which.
    pub program: ProgramId,
    /// Of two statements the one with the higher number counts.
    pub serial: u64,
    /// By code, rising; no code twice.
    pub versions: Vec<StatedVersion>,
}

/// Why a statement is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not in the format.
    #[error("expected a publisher's statement, found {0}; get it again from its publisher")]
    Malformed(String),
    /// The signature is not of that key over that text.
    #[error("the publisher's statement was altered, or signed with another key than it names; get it again from its publisher")]
    Altered,
    /// A version number stands for another package already.
    #[error("version code {code} of {program} stands for other content already; raise version.code")]
    CodeTaken {
        /// Which program.
        program: ProgramId,
        /// The number.
        code: u32,
    },
    /// A version that was withdrawn or released does not change its mind.
    #[error("version code {code} of {program} {state}; raise version.code")]
    Settled {
        /// Which program.
        program: ProgramId,
        /// The number.
        code: u32,
        /// What it is: "was withdrawn", "is released already".
        state: &'static str,
    },
    /// There is no such version.
    #[error("the publisher has stated no version {code} of {program}; there are {known}")]
    NoVersion {
        /// Which program.
        program: ProgramId,
        /// Asked for.
        code: u32,
        /// Those that there are.
        known: String,
    },
    /// The reason is not fit to be shown.
    #[error("a reason has at most {REASON} characters and no control characters; shorten it")]
    Reason,
}

impl StatementError {
    /// Stable, for programs: "malformed", "altered", "code-taken", "settled", "no-version", "reason".
    pub fn code(&self) -> &'static str {
        match self {
            StatementError::Malformed(_) => "malformed",
            StatementError::Altered => "altered",
            StatementError::CodeTaken { .. } => "code-taken",
            StatementError::Settled { .. } => "settled",
            StatementError::NoVersion { .. } => "no-version",
            StatementError::Reason => "reason",
        }
    }
}

impl Statement {
    /// That version, if the statement names it.
    pub fn version(&self, code: u32) -> Option<&StatedVersion> {
        self.versions.iter().find(|version| version.code == code)
    }

    /// The version with that package.
    pub fn of(&self, digest: &Digest) -> Option<&StatedVersion> {
        self.versions.iter().find(|version| version.digest == *digest)
    }

    /// The highest version of a channel that was not withdrawn.
    pub fn newest(&self, channel: Channel) -> Option<&StatedVersion> {
        let open = |version: &&StatedVersion| version.channel == channel && version.yanked.is_none();
        self.versions.iter().rev().find(open)
    }

    /// What the publisher says next, once that version is there; a trial version that is released keeps its package. `now_s`: seconds since
    /// 1970, from which the serial is taken where that rises.
    ///
    /// # Errors
    /// The number stands for another package, or the version was withdrawn or released already.
    pub fn publish(
        before: Option<&Statement>,
        program: &ProgramId,
        version: StatedVersion,
        now_s: u64,
    ) -> Result<Statement, StatementError> {
        let mut next = Self::after(before, program, now_s);
        let code = version.code;
        let settled = |state| StatementError::Settled {
            program: program.clone(),
            code,
            state,
        };
        match next.versions.iter_mut().find(|known| known.code == code) {
            Some(known) if known.digest != version.digest => {
                return Err(StatementError::CodeTaken {
                    program: program.clone(),
                    code,
                });
            }
            Some(known) if known.yanked.is_some() => return Err(settled("was withdrawn")),
            Some(known) if known.channel == Channel::Release && version.channel == Channel::Trial => {
                return Err(settled("is released already"));
            }
            Some(known) => known.channel = version.channel,
            None => next.versions.push(version),
        }
        next.versions.sort_by_key(|version| version.code);
        let over = next.versions.len().saturating_sub(VERSIONS);
        next.versions.drain(..over);
        Ok(next)
    }

    /// What the publisher says next, once that version is withdrawn.
    ///
    /// # Errors
    /// No such version, or a reason that can't be shown.
    pub fn yank(&self, code: u32, reason: &str, now_s: u64) -> Result<Statement, StatementError> {
        if !reason.is_empty() && !grammar::is_shown(reason, REASON) {
            return Err(StatementError::Reason);
        }
        let mut next = Self::after(Some(self), &self.program, now_s);
        let known = next.versions.iter_mut().find(|known| known.code == code);
        let known = known.ok_or_else(|| {
            let known: Vec<String> = self.versions.iter().map(|version| version.code.to_string()).collect();
            StatementError::NoVersion {
                program: self.program.clone(),
                code,
                known: known.join(", "),
            }
        })?;
        known.yanked = Some(reason.to_owned());
        Ok(next)
    }

    /// The same with a serial that is higher, whatever the clock says.
    fn after(before: Option<&Statement>, program: &ProgramId, now_s: u64) -> Statement {
        Statement {
            program: program.clone(),
            serial: now_s.max(before.map_or(0, |before| before.serial.saturating_add(1))),
            versions: before.map(|before| before.versions.clone()).unwrap_or_default(),
        }
    }

    /// Signed, as it is sent and kept.
    pub fn sign(self, key: &PublisherKey) -> SignedStatement {
        let body = serde_json::to_string(&self).unwrap_or_default();
        let signature = key.sign(&message(&body));
        let envelope = Envelope {
            kind: KIND.to_owned(),
            version: 1,
            key: key.public().to_hex(),
            statement: body,
            signature: HEXLOWER.encode(&signature),
        };
        SignedStatement {
            statement: self,
            publisher: key.public(),
            text: Arc::from(serde_json::to_string(&envelope).unwrap_or_default()),
        }
    }

    fn check(&self) -> Result<(), String> {
        if !grammar::is_program_id(self.program.as_str()) {
            return Err("a program's id that is none".to_owned());
        }
        if self.versions.len() > VERSIONS {
            return Err(format!("{} versions, more than {VERSIONS}", self.versions.len()));
        }
        if self.versions.windows(2).any(|pair| pair[0].code >= pair[1].code) {
            return Err("versions out of order, or one twice".to_owned());
        }
        for version in &self.versions {
            let reason = version.yanked.as_deref().unwrap_or_default();
            let fine =
                version.code > 0 && grammar::is_shown(&version.name, NAME) && (reason.is_empty() || grammar::is_shown(reason, REASON));
            if !fine {
                return Err(format!(
                    "a version {} whose number, name or reason is not as it may be",
                    version.code
                ));
            }
        }
        Ok(())
    }
}

/// A statement whose signature was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedStatement {
    /// What it says.
    pub statement: Statement,
    /// Who signed it. Whether they are allowed to is the registry's to say.
    pub publisher: PublicKey,
    text: Arc<str>,
}

impl SignedStatement {
    /// Reads and verifies one.
    ///
    /// # Errors
    /// Not in the format, or the signature does not fit.
    pub fn parse(text: &str) -> Result<SignedStatement, StatementError> {
        let malformed = |found: String| StatementError::Malformed(found);
        if text.len() > STATEMENT_BYTES {
            return Err(malformed(format!("{} bytes, more than {STATEMENT_BYTES}", text.len())));
        }
        let envelope: Envelope = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        if envelope.kind != KIND || envelope.version != 1 {
            let kind: String = envelope.kind.chars().take(64).collect();
            return Err(malformed(format!("\"{kind}\" of version {}", envelope.version)));
        }
        let publisher = PublicKey::from_hex(&envelope.key).map_err(|error| malformed(error.to_string()))?;
        let signature = HEXLOWER.decode(envelope.signature.as_bytes()).ok();
        let signature = signature.and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
        let signature = signature.ok_or_else(|| malformed("a signature that is not 128 hexadecimal digits".to_owned()))?;
        // Before anything of it is read.
        if !publisher.verify(&message(&envelope.statement), &signature) {
            return Err(StatementError::Altered);
        }
        let statement: Statement = serde_json::from_str(&envelope.statement).map_err(|error| malformed(error.to_string()))?;
        statement.check().map_err(malformed)?;
        Ok(SignedStatement {
            statement,
            publisher,
            text: Arc::from(text),
        })
    }

    /// As it is sent and kept.
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    kind: String,
    version: u32,
    key: String,
    statement: String,
    signature: String,
}

fn message(body: &str) -> Vec<u8> {
    [DOMAIN, body.as_bytes()].concat()
}
