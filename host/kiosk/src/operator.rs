//! The operator's own PIN and who is signed in with it.

use crate::config::HostLimits;
use crate::folder::{Folder, write_private};
use crate::host::HostError;
use crate::problem::Problem;
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use youji_api::codes;

const FILE: &str = "operator.json";
/// Operators signed in at once; then the oldest is signed out.
const SIGNED_IN_MAX: usize = 8;

#[derive(Serialize, Deserialize)]
struct Stored {
    /// Argon2id, in the PHC string format.
    pin: String,
}

/// A kiosk's operator.
pub struct Operator {
    path: PathBuf,
    state: Mutex<State>,
    tries_max: u32,
    lock: Duration,
    idle: Duration,
}

#[derive(Default)]
struct State {
    hash: Option<String>,
    /// Over the network, and at this machine.
    doors: [Door; 2],
    signed_in: Vec<([u8; 32], Instant)>,
}

#[derive(Default)]
struct Door {
    wrong: u32,
    locked_until: Option<Instant>,
}

impl Operator {
    pub(crate) fn open(folder: &Folder, limits: &HostLimits) -> Result<Operator, HostError> {
        let hash = match folder.read(FILE)? {
            None => None,
            Some(text) => {
                let stored: Stored = serde_json::from_str(&text).map_err(|error| HostError::Folder {
                    path: folder.path().join(FILE).display().to_string(),
                    reason: error.to_string(),
                    remedy: "Remove the file; a new PIN is made at the next start".to_owned(),
                })?;
                Some(stored.pin)
            }
        };
        Ok(Operator {
            path: folder.path().join(FILE),
            state: Mutex::new(State { hash, ..State::default() }),
            tries_max: limits.operator_tries,
            lock: limits.operator_lock,
            idle: limits.operator_idle,
        })
    }

    /// Whether there is a PIN.
    pub fn has_pin(&self) -> bool {
        self.state.lock().hash.is_some()
    }

    /// Makes a PIN of 8 random digits, which is told once and kept as a hash. Takes about 20 ms.
    ///
    /// # Errors
    /// No randomness, or the disk refuses.
    pub fn new_pin(&self) -> Result<String, HostError> {
        let part = |reason: String| HostError::Part {
            part: "operator's PIN",
            reason,
        };
        let mut random = [0; 24];
        getrandom::fill(&mut random).map_err(|error| part(error.to_string()))?;
        let (number, salt) = random.split_at(8);
        // 64 bits over 10^8: no digit is likelier than another by more than one in 10^11.
        let number = u64::from_le_bytes(number.try_into().unwrap_or_default()) % 100_000_000;
        let pin = format!("{number:08}");
        let salt = SaltString::encode_b64(salt).map_err(|error| part(error.to_string()))?;
        let hash = Argon2::default()
            .hash_password(pin.as_bytes(), &salt)
            .map_err(|error| part(error.to_string()))?
            .to_string();
        let text = serde_json::to_string(&Stored { pin: hash.clone() }).map_err(|error| part(error.to_string()))?;
        write_private(&self.path, &text)?;
        let mut state = self.state.lock();
        state.hash = Some(hash);
        state.signed_in.clear();
        Ok(pin)
    }

    /// Checks a PIN. Blocks for about 20 ms of work.
    ///
    /// Tries at this machine and tries over the network lock their own door only: nobody out there can keep the operator out here.
    pub(crate) fn check(&self, pin: &str, here: bool) -> Result<(), Problem> {
        let door = usize::from(here);
        let hash = {
            let mut state = self.state.lock();
            if let Some(until) = state.doors[door].locked_until {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    return Err(Problem::new(
                        429,
                        codes::LIMIT,
                        "Locked for a while",
                        format!("Too many wrong PINs; the door opens again in {} seconds.", left.as_secs() + 1),
                        "Wait until then.",
                    )
                    .with("wait", (left.as_secs() + 1).to_string()));
                }
                state.doors[door].locked_until = None;
            }
            let Some(hash) = state.hash.clone() else {
                return Err(Problem::new(
                    403,
                    "no-operator-pin",
                    "No operator yet",
                    "This host has no operator's PIN.",
                    "Start it with `youji demo` or `youji serve`, which make one and print it.",
                ));
            };
            // Counted before the check, so that many tries at once do not get more than the allowed number.
            let door = &mut state.doors[door];
            door.wrong += 1;
            if door.wrong >= self.tries_max {
                door.locked_until = Some(Instant::now() + self.lock);
                door.wrong = 0;
            }
            hash
        };
        let matches =
            pin.len() <= 64 && PasswordHash::new(&hash).is_ok_and(|hash| Argon2::default().verify_password(pin.as_bytes(), &hash).is_ok());
        if !matches {
            return Err(Problem::new(
                403,
                codes::DENIED,
                "That is not the PIN",
                "The PIN is wrong; nothing was changed.",
                "Look at the terminal where the kiosk was started.",
            ));
        }
        self.state.lock().doors[door] = Door::default();
        Ok(())
    }

    pub(crate) fn sign_in(&self, token: [u8; 32]) {
        let mut state = self.state.lock();
        if state.signed_in.len() >= SIGNED_IN_MAX {
            state.signed_in.remove(0);
        }
        state.signed_in.push((token, Instant::now()));
    }

    pub(crate) fn sign_out(&self, token: &[u8; 32]) {
        self.state.lock().signed_in.retain(|(known, _)| known != token);
    }

    /// Whether that is an operator's, and still in use.
    pub(crate) fn is_signed_in(&self, token: &[u8; 32]) -> bool {
        let mut state = self.state.lock();
        let idle = self.idle;
        state.signed_in.retain(|(_, used)| used.elapsed() < idle);
        let known = state.signed_in.iter_mut().find(|(known, _)| known == token);
        if let Some((_, used)) = known {
            *used = Instant::now();
            return true;
        }
        false
    }
}
