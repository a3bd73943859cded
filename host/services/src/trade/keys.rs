//! Merchant keys: 256 random bits that are shown once; the host keeps a keyed hash.

use super::MerchantId;
use super::state::{KeyState, TradeChange};
use crate::change::Change;
use crate::services::{Services, check_name, invalid, limit, not_found};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use serde::Serialize;
use subtle::ConstantTimeEq;
use youji_api::{Failure, codes};

/// Good keys of one merchant at once.
const KEYS_MOST: usize = 20;
/// Keys of one merchant in all, revoked ones included; the oldest revoked ones are not counted for ever.
const KEPT_MOST: usize = 200;
const PREFIX: &str = "ymk_";

/// A merchant key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MerchantKey {
    /// Its public part, by which it is revoked.
    pub id: String,
    /// What whoever made it calls it.
    pub name: String,
    /// When, in milliseconds since 1970.
    pub made_at: u64,
    /// When it was revoked, in milliseconds since 1970.
    pub revoked_at: Option<u64>,
}

impl Services {
    fn key_hash(&self, id: &str, secret: &str) -> String {
        self.host.short(&[b"merchant-key", id.as_bytes(), secret.as_bytes()])
    }

    /// Makes a key for a merchant that is enrolled. Answers what the merchant's server sends as `Authorization: Bearer …`: it is kept
    /// nowhere, so it is shown now or never.
    ///
    /// # Errors
    /// "not-found" for a merchant that is not enrolled; "invalid" for the name; "limit" beyond 20 good keys of a merchant.
    pub async fn make_merchant_key(&self, merchant: &MerchantId, name: &str) -> Result<(MerchantKey, String), Failure> {
        check_name("name of the key", name, 64)?;
        let mut bytes = [0; 42];
        getrandom::fill(&mut bytes).map_err(|error| Failure::new(codes::FAILED, format!("the system gave no randomness: {error}")))?;
        let id = BASE32_NOPAD.encode(&bytes[32..]).to_lowercase();
        let secret = BASE64URL_NOPAD.encode(&bytes[..32]);
        let key = KeyState {
            program: merchant.program(),
            hash: self.key_hash(&id, &secret),
            name: name.to_owned(),
            at: self.now(),
            revoked: 0,
        };
        let shown = shown(&id, &key);
        let (merchant, made) = (merchant.clone(), id.clone());
        self.commit(move |state, _| {
            if state.merchant(&merchant.publisher, &merchant.merchant).is_none() {
                return Err(no_merchant(&merchant));
            }
            let (all, good) = state
                .trade
                .keys_of(&merchant)
                .fold((0, 0), |(all, good), (_, key)| (all + 1, good + usize::from(key.revoked == 0)));
            if good >= KEYS_MOST || all >= KEPT_MOST {
                return Err(limit(format!(
                    "a merchant has at most {KEYS_MOST} keys; revoke one that is not used"
                )));
            }
            Ok((vec![Change::Trade(TradeChange::Key { id: made, key })], ()))
        })
        .await?;
        Ok((shown, format!("{PREFIX}{id}_{secret}")))
    }

    /// Keys of a merchant, revoked ones included, oldest first.
    pub fn merchant_keys(&self, merchant: &MerchantId) -> Vec<MerchantKey> {
        let state = self.state.read();
        let mut keys: Vec<MerchantKey> = state.trade.keys_of(merchant).map(|(id, key)| shown(id, key)).collect();
        keys.sort_by_key(|key| key.made_at);
        keys
    }

    /// From now on the key opens nothing. Again: nothing happens.
    ///
    /// # Errors
    /// "not-found".
    pub async fn revoke_merchant_key(&self, merchant: &MerchantId, id: &str) -> Result<(), Failure> {
        let (program, id) = (merchant.program(), id.to_owned());
        self.commit(move |state, stamp| {
            let key = state.trade.keys.get(&id).filter(|key| key.program == program);
            let key = key.ok_or_else(|| not_found("no such key of this merchant; list its keys and name one by its id"))?;
            if key.revoked > 0 {
                return Ok((Vec::new(), ()));
            }
            let at = stamp.millis();
            Ok((vec![Change::Trade(TradeChange::KeyRevoked { id, at })], ()))
        })
        .await
    }

    /// The merchant whose good key that is.
    pub fn merchant_of_key(&self, token: &str) -> Option<MerchantId> {
        if token.len() > 128 {
            return None;
        }
        let (id, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
        let hash = self.key_hash(id, secret);
        let state = self.state.read();
        let key = state.trade.keys.get(id)?;
        let same: bool = key.hash.as_bytes().ct_eq(hash.as_bytes()).into();
        (same && key.revoked == 0).then(|| MerchantId::of_program(&key.program)).flatten()
    }
}

fn shown(id: &str, key: &KeyState) -> MerchantKey {
    MerchantKey {
        id: id.to_owned(),
        name: key.name.clone(),
        made_at: key.at,
        revoked_at: (key.revoked > 0).then_some(key.revoked),
    }
}

pub(crate) fn no_merchant(merchant: &MerchantId) -> Failure {
    let shown: String = merchant.merchant.chars().take(64).collect();
    match shown.is_empty() {
        true => not_found("that publisher itself is not enrolled as a merchant; enrol it first"),
        false => not_found(format!("merchant \"{shown}\" is not enrolled under that publisher; enrol it first")),
    }
}

/// Whether an `Idempotency-Key` is one.
pub(crate) fn check_idempotency_key(key: &str) -> Result<(), Failure> {
    if !key.is_empty() && key.len() <= 128 && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(invalid("an Idempotency-Key has 1 to 128 printable ASCII characters without spaces"))
}
