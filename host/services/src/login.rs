//! Login codes: a program hands one to its publisher's own server, which exchanges it for a token that names the person by open id.

use crate::change::Change;
use crate::people::nobody;
use crate::services::{Services, invalid};
use crate::tokens::{TOKEN_SECONDS, key_set};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use youji_api::caller::Caller;
use youji_api::{Failure, Fields, PersonId, ProgramId, PublisherId, codes};

/// How long a login code is good for, in milliseconds.
const CODE_MS: u64 = 5 * 60 * 1_000;
/// Codes of one person in one program that were not exchanged; the oldest go first.
const CODES_MOST: usize = 8;
/// Bytes of a nonce.
const NONCE_MOST: usize = 128;
/// How far ahead an assertion may expire, in seconds.
const ASSERTION_SECONDS: u64 = 10 * 60;
/// Bytes of an assertion.
const ASSERTION_MOST: usize = 4_096;

/// A code that was not exchanged yet. Stands under the keyed hash of the code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LoginCode {
    pub(crate) person: PersonId,
    pub(crate) program: ProgramId,
    pub(crate) publisher: PublisherId,
    /// Milliseconds since 1970.
    pub(crate) expires: u64,
    /// The program's own, which the token repeats; empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) nonce: String,
}

/// What a publisher's server gets for a login code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exchanged {
    /// A JWT (EdDSA) with `iss` (this host), `aud` (the program), `sub` (the open id), `union_id`, `iat`, `exp`, `jti`, and `nonce` where the program gave one.
    pub id_token: String,
    /// Seconds until it expires.
    pub expires_in: u64,
    /// The person as the program knows them.
    pub open_id: String,
    /// The person as the publisher knows them.
    pub union_id: String,
}

/// What a publisher's server says about itself, after RFC 7523: signed with the publisher's key, and good for one login code only.
#[derive(Deserialize)]
struct Assertion {
    /// The publisher's key id.
    iss: String,
    /// The program.
    sub: String,
    /// This host.
    aud: Value,
    /// Seconds since 1970.
    exp: u64,
    /// The login code: what was overheard is of no use for another one.
    jti: String,
}

fn refused(why: &str) -> Failure {
    Failure::new(codes::DENIED, format!("{why}; nothing was exchanged"))
}

/// One answer for every code that is not to be exchanged, so that nobody learns which of them exist.
fn no_code() -> Failure {
    refused(
        "the login code is unknown, was exchanged before, has expired after 5 minutes, or belongs to another program; ask the program for a fresh one",
    )
}

impl Services {
    /// A code for the caller's person and program. Options: "nonce", which the token repeats.
    pub(crate) async fn login_code(&self, caller: &Caller, options: &Fields) -> Result<String, Failure> {
        let nonce = options.text("nonce").to_owned();
        if nonce.len() > NONCE_MOST || !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid(format!(
                "\"nonce\": at most {NONCE_MOST} visible ASCII characters expected; draw it at random"
            )));
        }
        let mut bytes = [0; 20];
        getrandom::fill(&mut bytes).map_err(|error| Failure::new(codes::FAILED, format!("the system gave no randomness: {error}")))?;
        let code = BASE32_NOPAD.encode(&bytes).to_lowercase();
        let change = Change::LoginCode {
            hash: self.login_hash(&code),
            code: LoginCode {
                person: caller.person.clone(),
                program: caller.program.clone(),
                publisher: caller.publisher.clone(),
                expires: self.now().saturating_add(CODE_MS),
                nonce,
            },
            keep: CODES_MOST,
        };
        let person = caller.person.clone();
        self.commit(move |state, _| match state.people.contains_key(&person) {
            true => Ok((vec![change], ())),
            false => Err(nobody()),
        })
        .await?;
        Ok(code)
    }

    fn login_hash(&self, code: &str) -> String {
        self.host.short(&[b"login-code", code.as_bytes()])
    }

    /// Exchanges a login code, once, for a token that any JWT library verifies with [`Services::token_keys`].
    ///
    /// `assertion` is a JWT that the publisher's server signs with the publisher's key (EdDSA): `iss` the publisher's key id, `sub` the
    /// program, `aud` this host as `issuer` names it, `exp` at most 10 minutes ahead, `jti` the login code itself.
    ///
    /// # Errors
    /// "invalid" for what is no such assertion; "denied" when it is not the publisher's, or the code is not to be exchanged. A refused try
    /// does not use the code up.
    pub async fn exchange_login_code(&self, code: &str, assertion: &str, issuer: &str) -> Result<Exchanged, Failure> {
        if code.is_empty() || code.len() > 64 {
            return Err(invalid(
                "\"code\" is what identity.login-code gave the program: 32 letters and digits",
            ));
        }
        let said = self.check_assertion(assertion, issuer)?;
        if said.jti != code {
            return Err(refused("the assertion's \"jti\" is not the login code"));
        }
        let (program, publisher) = (ProgramId::from(said.sub.as_str()), PublisherId::from(said.iss.as_str()));
        let hash = self.login_hash(code);
        let (of, by, used) = (program.clone(), publisher.clone(), hash.clone());
        let now = self.now();
        let (person, nonce) = self
            .commit(move |state, stamp| {
                let known = state
                    .login_codes
                    .get(&hash)
                    .filter(|known| known.program == of && known.publisher == by);
                let known = known.filter(|known| now.max(stamp.millis()) < known.expires).ok_or_else(no_code)?;
                let (person, nonce) = (known.person.clone(), known.nonce.clone());
                let audit = Change::Audit {
                    person: person.clone(),
                    program: Some(of),
                    act: "identity.login-code".to_owned(),
                    about: vec!["open-id".to_owned(), "union-id".to_owned()],
                    purpose: None,
                    amount: None,
                };
                Ok((vec![Change::LoginCodeUsed { hash: used }, audit], (person, nonce)))
            })
            .await?;
        let (open_id, union_id) = (self.open_id(&person, &program), self.union_id(&person, &publisher, &program));
        let issued = self.now() / 1_000;
        let mut claims = json!({
            "iss": issuer,
            "aud": program,
            "sub": open_id,
            "union_id": union_id,
            "iat": issued,
            "exp": issued + TOKEN_SECONDS,
            "jti": self.draw_id(),
        });
        if !nonce.is_empty() {
            claims["nonce"] = nonce.into();
        }
        let id_token = self.tokens.sign(&claims);
        Ok(Exchanged {
            id_token,
            expires_in: TOKEN_SECONDS,
            open_id: open_id.to_string(),
            union_id: union_id.to_string(),
        })
    }

    fn check_assertion(&self, assertion: &str, issuer: &str) -> Result<Assertion, Failure> {
        let malformed = || {
            invalid(
                "\"client_assertion\" is a JWT signed with the publisher's key (EdDSA), with iss, sub, aud, exp and jti as the protocol says",
            )
        };
        if assertion.len() > ASSERTION_MOST {
            return Err(malformed());
        }
        let (signed, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| malformed());
        let header: Value = serde_json::from_slice(&decode(header)?).map_err(|_| malformed())?;
        if header.get("alg").and_then(Value::as_str) != Some("EdDSA") || header.get("crit").is_some() {
            return Err(malformed());
        }
        let said: Assertion = serde_json::from_slice(&decode(claims)?).map_err(|_| malformed())?;
        let key = self.publisher_key(&PublisherId::from(said.iss.as_str()));
        let key = key.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        let signature = Signature::from_slice(&decode(signature)?).map_err(|_| malformed())?;
        let verified = key.is_some_and(|key| key.verify_strict(signed.as_bytes(), &signature).is_ok());
        if !verified {
            return Err(refused("the assertion is not signed by a publisher whom this host allows"));
        }
        let named = said.aud.as_str() == Some(issuer)
            || said
                .aud
                .as_array()
                .is_some_and(|all| all.len() <= 8 && all.iter().any(|aud| aud.as_str() == Some(issuer)));
        if !named {
            return Err(refused(&format!("the assertion's \"aud\" is not \"{issuer}\"")));
        }
        let now = self.now() / 1_000;
        if said.exp <= now || said.exp > now + ASSERTION_SECONDS {
            return Err(refused("the assertion has expired, or \"exp\" is more than 10 minutes ahead"));
        }
        Ok(said)
    }

    /// The public keys of tokens and receipts, as a JWK set (RFC 7517).
    pub fn token_keys(&self) -> Value {
        let mut keys = self.tokens.public();
        keys.push(self.host.public());
        key_set(&keys)
    }

    /// Puts the next token key into use now. Tokens that were given out stay good; a key is replaced by itself after 30 days.
    ///
    /// # Errors
    /// "failed" when the disk refuses; then the old key goes on.
    pub async fn rotate_token_keys(&self) -> Result<(), Failure> {
        self.rotate_tokens(true).await
    }

    pub(crate) async fn rotate_tokens(&self, always: bool) -> Result<(), Failure> {
        let now = self.now();
        let Some(me) = self.me.upgrade() else { return Ok(()) };
        let rotated = tokio::task::spawn_blocking(move || me.tokens.rotate(now, always)).await;
        let failed = |error: String| {
            tracing::error!(error, "the token keys were not rotated");
            Failure::new(codes::FAILED, "the host's disk refused a key")
        };
        rotated
            .map_err(|error| failed(error.to_string()))?
            .map_err(|error| failed(error.to_string()))
    }
}
