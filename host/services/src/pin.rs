//! PINs: memory-hard hashes, and a lock after a few wrong tries that a restart does not lift.

use crate::blob::Blob;
use crate::change::Change;
use crate::people::Profile;
use crate::services::{Services, invalid, limit};
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use youji_api::{Failure, PersonId, codes};

/// Codes that nobody has and that were tried: at most so many are counted.
const STRANGERS: usize = 10_000;

pub(crate) fn check_pin(pin: &str) -> Result<(), Failure> {
    if (4..=12).contains(&pin.len()) && pin.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(invalid("a PIN has 4 to 12 digits"))
}

fn locked(until: u64, now: u64) -> Failure {
    let wait = until.saturating_sub(now);
    let mut failure = limit(format!("too many wrong tries; wait {} s", wait.div_ceil(1_000)));
    failure.fields.set("retry-after-ms", i64::try_from(wait).unwrap_or(i64::MAX));
    failure
}

pub(crate) fn wrong() -> Failure {
    Failure::new(codes::DENIED, "the code or the PIN is wrong")
}

impl Services {
    pub(crate) async fn hash_pin(&self, pin: &str) -> Result<String, Failure> {
        let pin = zeroize::Zeroizing::new(pin.to_owned());
        self.hash_heavy(move || {
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).ok()?;
            let salt = SaltString::encode_b64(&salt).ok()?;
            Some(Argon2::default().hash_password(pin.as_bytes(), &salt).ok()?.to_string())
        })
        .await?
        .ok_or_else(|| Failure::new(codes::FAILED, "the PIN could not be hashed"))
    }

    async fn hash_heavy<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        let busy = |_| Failure::new(codes::FAILED, "the host is closing");
        let _turn = self.hashing.acquire().await.map_err(busy)?;
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Failure::new(codes::FAILED, error.to_string()))
    }

    async fn matches(&self, hash: Option<String>, pin: &str) -> Result<bool, Failure> {
        let pin = zeroize::Zeroizing::new(pin.to_owned());
        self.hash_heavy(move || match &hash {
            Some(hash) => {
                let hash = PasswordHash::new(hash);
                hash.is_ok_and(|hash| Argon2::default().verify_password(pin.as_bytes(), &hash).is_ok())
            }
            // As long as for a code that somebody has.
            None => {
                let salt = SaltString::encode_b64(&[0; 16]);
                let _ = salt.map(|salt| Argon2::default().hash_password(pin.as_bytes(), &salt).map(|hash| hash.to_string()));
                false
            }
        })
        .await
    }

    /// Whether that is the person's PIN. The try is counted before it is judged, so that many at once are no way around.
    pub(crate) async fn check_pin_of(&self, person: &PersonId, pin: &str) -> Result<(), Failure> {
        let (limits, id) = (&self.config.limits, person.clone());
        let (most, lock) = (limits.pin_tries, u64::try_from(limits.pin_lock.as_millis()).unwrap_or(u64::MAX));
        let locks = self.commit(move |state, stamp| {
            let Some(person) = state.people.get(&id) else { return Err(wrong()) };
            let now = stamp.millis();
            if now < person.locked_until {
                return Err(locked(person.locked_until, now));
            }
            let tries = if person.tries >= most { 1 } else { person.tries + 1 };
            let locked_until = if tries >= most { now.saturating_add(lock) } else { 0 };
            let change = Change::Tries {
                person: id,
                tries,
                locked_until,
            };
            Ok((vec![change], locked_until > 0))
        });
        let locks = locks.await?;
        let hash = self.profile(person).ok_or_else(wrong)?.pin;
        if !self.matches(Some(hash), pin).await? {
            // Somebody guesses: from here on nothing goes without the PIN.
            if locks {
                self.end_spendings_of(person).await;
                self.withdraw_presented(person);
            }
            return Err(wrong());
        }
        let change = Change::Tries {
            person: person.clone(),
            tries: 0,
            locked_until: 0,
        };
        self.write(vec![change]).await
    }

    /// Counts and refuses a try with a code that nobody has, as if somebody had it.
    pub(crate) async fn refuse_stranger(&self, code: &str, pin: &str) -> Failure {
        let now = self.now();
        let limits = &self.config.limits;
        {
            let mut strangers = self.strangers.lock();
            if strangers.len() >= STRANGERS && !strangers.contains_key(code) {
                strangers.clear();
            }
            let (tries, until) = strangers.entry(code.to_owned()).or_default();
            if now < *until {
                return locked(*until, now);
            }
            *tries = if *tries >= limits.pin_tries { 1 } else { *tries + 1 };
            if *tries >= limits.pin_tries {
                *until = now.saturating_add(u64::try_from(limits.pin_lock.as_millis()).unwrap_or(u64::MAX));
            }
        }
        match self.matches(None, pin).await {
            Err(failure) => failure,
            Ok(_) => wrong(),
        }
    }

    pub(crate) fn profile(&self, person: &PersonId) -> Option<Profile> {
        let sealed = self.state.read().people.get(person)?.profile.clone();
        self.open_profile(person, &sealed)
    }

    pub(crate) fn open_profile(&self, person: &PersonId, sealed: &Blob) -> Option<Profile> {
        let opened = self.unseal(person, "profile", &sealed.0).ok()?;
        serde_json::from_slice(&opened).ok()
    }
}
