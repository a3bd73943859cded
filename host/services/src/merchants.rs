//! Merchants: who may be paid, under which name. Never from a program's text.

use crate::change::Change;
use crate::model::{Merchant, Names};
use crate::people::code;
use crate::services::{Services, check_name, invalid, limit};
use crate::state::State;
use youji_api::{Failure, PublisherId};

impl Services {
    pub(crate) fn merchant_account(&self, publisher: &PublisherId, merchant: &str) -> u128 {
        self.host.number(&[b"merchant", publisher.as_str().as_bytes(), merchant.as_bytes()])
    }

    pub(crate) fn merchant_balance(&self, state: &State, publisher: &PublisherId, merchant: &str) -> u64 {
        let account = state.ledger.account(self.merchant_account(publisher, merchant));
        account.map_or(0, |account| u64::try_from(account.available()).unwrap_or(u64::MAX))
    }

    /// Enrols a merchant, or the publisher itself (empty id), under its stored name. Again: renames it.
    ///
    /// # Errors
    /// "invalid" for a malformed id or name; "limit" beyond 1,000 merchants of a publisher.
    pub async fn enrol_merchant(&self, merchant: Merchant) -> Result<(), Failure> {
        let well_formed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        if merchant.id.len() > 64 || !merchant.id.bytes().all(well_formed) {
            return Err(invalid("a merchant id has at most 64 of a-z, 0-9, \"-\" and \".\""));
        }
        if merchant.name.zh.is_empty() && merchant.name.en.is_empty() {
            return Err(invalid("a merchant needs a name in Chinese or English"));
        }
        for name in [&merchant.name.zh, &merchant.name.en] {
            if !name.is_empty() {
                check_name("merchant's name", name, 64)?;
            }
        }
        let account = self.wallet_account(self.merchant_account(&merchant.publisher, &merchant.id), code::MERCHANT);
        self.commit(move |state, _| {
            let known = state.merchants.get(&merchant.publisher);
            if known.and_then(|known| known.get(&merchant.id)) == Some(&merchant.name) {
                return Ok((Vec::new(), ()));
            }
            if known.is_some_and(|known| known.len() >= 1_000) {
                return Err(limit("a publisher has at most 1,000 merchants"));
            }
            let change = Change::Merchant {
                publisher: merchant.publisher,
                merchant: merchant.id,
                name: merchant.name,
            };
            Ok((vec![account, change], ()))
        })
        .await
    }

    /// The stored name of a merchant; its id where it is not enrolled.
    pub fn merchant_name(&self, merchant: &crate::trade::MerchantId) -> Names {
        let state = self.state.read();
        let known = state.merchant(&merchant.publisher, &merchant.merchant).cloned();
        known.unwrap_or_else(|| Names::new(merchant.merchant.clone(), merchant.merchant.clone()))
    }

    /// What a merchant's account holds and may give out, in minor units.
    pub fn merchant_holds(&self, merchant: &crate::trade::MerchantId) -> u64 {
        self.merchant_balance(&self.state.read(), &merchant.publisher, &merchant.merchant)
    }

    /// Merchants of a publisher with what they hold, in minor units.
    pub fn merchants(&self, publisher: &PublisherId) -> Vec<(Merchant, u64)> {
        let state = self.state.read();
        let enrolled = state.merchants.get(publisher).into_iter().flatten();
        let merchant = |(id, name): (&String, &crate::model::Names)| {
            let holds = self.merchant_balance(&state, publisher, id);
            let merchant = Merchant {
                publisher: publisher.clone(),
                id: id.clone(),
                name: name.clone(),
            };
            (merchant, holds)
        };
        enrolled.map(merchant).collect()
    }
}
