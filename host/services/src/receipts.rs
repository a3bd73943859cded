//! Receipts: signed by the host, and signed again whenever more is known of the order.

use crate::change::Change;
use crate::flow::FlowChange;
use crate::keys;
use crate::model::{Names, Receipt};
use crate::money;
use crate::services::{Services, store_failure};
use crate::state::OrderState;
use serde::{Deserialize, Serialize};
use youji_api::{Failure, PersonId};

const RECEIPT: &str = "youji-receipt";

/// What stands in a receipt, in the order in which it is signed.
#[derive(Serialize, Deserialize)]
struct Signed {
    receipt: String,
    payee: Names,
    publisher: String,
    merchant: String,
    /// Decimal, as people read it.
    amount: String,
    currency: String,
    program: String,
    order: String,
    payer: String,
    /// Milliseconds since 1970.
    at: u64,
    /// Of the order when this was signed.
    state: String,
    /// Decimal: what reached the payee, and what went back of it.
    captured: String,
    refunded: String,
    /// When this was signed, in milliseconds since 1970.
    as_of: u64,
}

impl Services {
    /// Signs what a receipt says, as of then.
    pub(crate) fn sign_receipt(&self, receipt: &mut Receipt, as_of: u64) {
        let decimal = |amount: u64| money::decimal(amount, &receipt.currency);
        let signed = Signed {
            receipt: receipt.receipt.clone(),
            payee: receipt.payee.clone(),
            publisher: receipt.merchant.0.to_string(),
            merchant: receipt.merchant.1.clone(),
            amount: decimal(receipt.amount),
            currency: receipt.currency.clone(),
            program: receipt.program.to_string(),
            order: receipt.order.clone(),
            payer: receipt.payer.clone(),
            at: receipt.at,
            state: receipt.state.clone(),
            captured: decimal(receipt.captured),
            refunded: decimal(receipt.refunded),
            as_of,
        };
        receipt.document = self.host.sign(RECEIPT, &signed);
    }

    pub(crate) fn seal_receipt(&self, person: &PersonId, receipt: &Receipt) -> Result<crate::blob::Blob, Failure> {
        self.seal(person, "receipt", &serde_json::to_vec(receipt).unwrap_or_default())
    }

    /// The payer's receipt as it becomes with the order; none where there is none.
    pub(crate) async fn receipt_again(&self, order: &OrderState, as_of: u64) -> Result<Option<Change>, Failure> {
        let (person, place) = (&order.person, order.flow.receipt_at);
        if place == 0 {
            return Ok(None);
        }
        let at = [keys::receipt(&person.0, place)];
        let mut sealed = self.fetch(&at).await?.pop().flatten();
        if sealed.is_none() {
            // Signed a moment ago: it stands in the projection once what is queued before this is durable.
            self.log.read(|_| ()).await.map_err(|error| store_failure(&error))?;
            sealed = self.fetch(&at).await?.pop().flatten();
        }
        let Some(sealed) = sealed else { return Ok(None) };
        let opened = self.unseal(person, "receipt", &sealed)?;
        let Ok(mut receipt) = serde_json::from_slice::<Receipt>(&opened) else {
            return Ok(None);
        };
        receipt.state = order.phase.code().to_owned();
        receipt.captured = order.captured();
        receipt.refunded = order.flow.refunded;
        self.sign_receipt(&mut receipt, as_of);
        Ok(Some(Change::Flow(FlowChange::ReceiptAgain {
            person: person.clone(),
            place,
            receipt: self.seal_receipt(person, &receipt)?,
        })))
    }

    /// Receipts of a person, newest first; at most 500.
    pub async fn receipts(&self, person: &PersonId) -> Vec<Receipt> {
        let found = self.log.map().scan_back(&keys::receipts(&person.0), None, 500).await;
        let open = |sealed: &[u8]| serde_json::from_slice(&self.unseal(person, "receipt", sealed).ok()?).ok();
        found.unwrap_or_default().iter().filter_map(|(_, sealed)| open(sealed)).collect()
    }

    /// Whether the document is a receipt of this host, unaltered.
    pub fn verify_receipt(&self, document: &str) -> bool {
        document.len() < 8_192 && self.host.verify(RECEIPT, document).is_some()
    }
}
