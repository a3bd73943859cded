//! Storage: private to one person in one program, sealed, within a quota.

use crate::change::Change;
use crate::keys;
use crate::people::nobody;
use crate::services::{Services, check_name, limit};
use youji_api::caller::Caller;
use youji_api::{Failure, Reply};

impl Services {
    /// Keys may be personal too, so that only a keyed hash of them stands outside the seal.
    fn storage_key(&self, caller: &Caller, key: &str) -> Result<String, Failure> {
        check_name("storage key", key, self.config.limits.key_chars)?;
        Ok(self.host.short(&[b"storage", caller.person.as_str().as_bytes(), key.as_bytes()]))
    }

    fn storage_purpose(caller: &Caller, hash: &str) -> String {
        format!("storage/{}/{hash}", caller.program)
    }

    async fn storage_open(&self, caller: &Caller, hash: &str) -> Result<Option<(String, Vec<u8>)>, Failure> {
        let len = {
            let state = self.state.read();
            let mine = state.in_program(&caller.person, &caller.program);
            mine.and_then(|mine| mine.storage.get(hash)).map(|(_, sealed)| *sealed)
        };
        let Some(len) = len else { return Ok(None) };
        let place = keys::storage(&caller.person.0, &caller.program.0, hash);
        let Some(sealed) = self.fetch_pieces(&place, len).await? else {
            return Ok(None);
        };
        let name = self.own_name(&caller.person, &caller.program);
        let mut opened = self.unseal(&name, &Self::storage_purpose(caller, hash), &sealed)?;
        // Length of the key, the key, the value.
        let (length, _) = opened.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
        let end = 4 + u32::from_be_bytes(*length) as usize;
        if opened.len() < end {
            return Ok(None);
        }
        let value = opened.split_off(end);
        Ok(Some((String::from_utf8_lossy(&opened[4..]).into_owned(), value)))
    }

    pub(crate) async fn storage_get(&self, caller: &Caller, key: &str) -> Result<Reply, Failure> {
        let hash = self.storage_key(caller, key)?;
        // A writer may be between the length and the pieces; then the pieces do not fit, and the next look sees both.
        let mut found = self.storage_open(caller, &hash).await;
        for _ in 0..3 {
            if found.is_ok() {
                break;
            }
            found = self.storage_open(caller, &hash).await;
        }
        Ok(Reply::Bytes(found?.map(|(_, value)| value)))
    }

    pub(crate) async fn storage_keys(&self, caller: &Caller) -> Result<Reply, Failure> {
        let hashes: Vec<String> = {
            let state = self.state.read();
            let mine = state.in_program(&caller.person, &caller.program);
            mine.map_or_else(Vec::new, |mine| mine.storage.keys().cloned().collect())
        };
        let mut names = Vec::with_capacity(hashes.len());
        for hash in hashes {
            names.extend(self.storage_open(caller, &hash).await?.map(|(key, _)| key));
        }
        names.sort_unstable();
        Ok(Reply::Keys(names))
    }

    pub(crate) async fn storage_set(&self, caller: &Caller, key: &str, value: &[u8]) -> Result<Reply, Failure> {
        let hash = self.storage_key(caller, key)?;
        let limits = self.config.limits.clone();
        if value.len() > limits.storage_value_bytes {
            return Err(limit(format!(
                "a stored value has at most {} bytes, {} came",
                limits.storage_value_bytes,
                value.len()
            )));
        }
        let mut plain = u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
        plain.extend_from_slice(key.as_bytes());
        plain.extend_from_slice(value);
        let name = self.own_key(&caller.person, &caller.program).await?;
        let sealed = self.seal(&name, &Self::storage_purpose(caller, &hash), &plain)?;
        let bytes = u32::try_from(key.len() + value.len()).unwrap_or(u32::MAX);
        let (person, program) = (caller.person.clone(), caller.program.clone());
        self.commit(move |state, _| {
            if !state.people.contains_key(&person) {
                return Err(nobody());
            }
            let storage = state.in_program(&person, &program).map(|mine| &mine.storage);
            let others = storage.into_iter().flatten().filter(|(other, _)| **other != hash);
            let (count, sum) = others.fold((1, bytes as usize), |(count, sum), (_, (own, _))| (count + 1, sum + *own as usize));
            if count > limits.storage_keys {
                return Err(limit(format!("at most {} keys; remove some", limits.storage_keys)));
            }
            if sum > limits.storage_bytes {
                return Err(limit(format!(
                    "this program may store {} bytes for a person; it would be {sum}: remove some",
                    limits.storage_bytes
                )));
            }
            let change = Change::Stored {
                person,
                program,
                key: hash,
                bytes,
                value: Some(sealed),
            };
            Ok((vec![change], ()))
        })
        .await?;
        Ok(Reply::Done)
    }

    pub(crate) async fn storage_remove(&self, caller: &Caller, key: &str) -> Result<Reply, Failure> {
        let hash = self.storage_key(caller, key)?;
        let (person, program) = (caller.person.clone(), caller.program.clone());
        self.commit(move |state, _| {
            let known = state
                .in_program(&person, &program)
                .is_some_and(|mine| mine.storage.contains_key(&hash));
            let change = Change::Stored {
                person,
                program,
                key: hash,
                bytes: 0,
                value: None,
            };
            Ok((if known { vec![change] } else { Vec::new() }, ()))
        })
        .await?;
        Ok(Reply::Done)
    }
}
