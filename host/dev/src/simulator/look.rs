//! What stands beside the view: storage, records, messages, payments, permissions, as the program's own person has them.

use super::Inner;
use super::run::Run;
use super::seen::{readable, shown};
use serde_json::{Value, json};
use youji_api::{Call, Capability, Consent, Consents, Fields, Reply};
use youji_kiosk::money;

/// Rows of a collection and keys of the storage that are shown.
const SHOWN: usize = 100;

impl Inner {
    /// Everything at once, as it stands.
    pub(crate) async fn look(&self, run: &Run) -> Value {
        let services = self.host.services();
        let caller = run.session.caller();
        let currency = &self.host.config().currency;
        let permissions: Vec<Value> = caller
            .requested
            .permissions
            .iter()
            .map(|(name, reason)| {
                let asked = name.contains('.') || matches!(name.as_str(), "scanner" | "location");
                let state = match services.consent(&caller.person, &caller.program, name) {
                    _ if !asked => "included",
                    Consent::Granted => "granted",
                    Consent::Denied => "denied",
                    Consent::NotAsked => "not-asked",
                };
                json!({"name": name, "reason": reason, "state": state})
            })
            .collect();
        let messages: Vec<Value> = services
            .inbox(&run.person, 0)
            .await
            .into_iter()
            .map(|message| json!({"title": message.title, "text": message.text, "page": message.page, "at": message.at, "read": message.read}))
            .collect();
        let payments: Vec<Value> = services
            .receipts(&run.person)
            .await
            .into_iter()
            .map(|receipt| json!({"payee": receipt.payee, "amount": receipt.amount, "purpose": receipt.purpose, "at": receipt.at}))
            .collect();
        let balance = services.person(&run.person).map_or(0, |person| person.balance);
        json!({
            "t": "look",
            "permissions": permissions,
            "messages": messages,
            "payments": payments,
            "balance": money::decimal(balance, currency),
            "currency": currency,
            "storage": self.storage(run).await,
            "records": self.records(run).await,
        })
    }

    async fn storage(&self, run: &Run) -> Value {
        let caller = run.session.caller();
        if !caller.requested.has_capability(Capability::Storage.name()) {
            return Value::Null;
        }
        let services = self.host.gate().sessions();
        let Ok(Reply::Keys(keys)) = services.call(&caller, Call::StorageKeys).await else {
            return Value::Null;
        };
        let mut all = Vec::new();
        for key in keys.into_iter().take(SHOWN) {
            if let Ok(Reply::Bytes(Some(value))) = services.call(&caller, Call::StorageGet { key: key.clone() }).await {
                all.push(json!({"key": key, "value": readable(&value), "bytes": value.len()}));
            }
        }
        all.into()
    }

    async fn records(&self, run: &Run) -> Value {
        let caller = run.session.caller();
        if !caller.requested.has_capability(Capability::Records.name()) {
            return Value::Null;
        }
        let services = self.host.gate().sessions();
        let mut all = Vec::new();
        for rule in &caller.requested.collections {
            let list = Call::RecordsList {
                collection: rule.name.clone(),
                options: Fields::new(),
            };
            let (rows, problem) = match services.call(&caller, list).await {
                Ok(Reply::Rows(rows)) => (rows, String::new()),
                Ok(_) => (Vec::new(), String::new()),
                Err(failure) => (Vec::new(), failure.to_string()),
            };
            let rows: Vec<Value> = rows
                .into_iter()
                .take(SHOWN)
                .map(|row| json!({"key": row.key, "value": readable(&row.value), "version": row.version, "stamps": shown(&serde_json::to_value(&row.stamps).unwrap_or_default())}))
                .collect();
            all.push(json!({"collection": rule.name, "rows": rows, "problem": problem}));
        }
        all.into()
    }

    /// Writes or removes a stored value as the program would.
    ///
    /// # Errors
    /// What the services refuse, in their words.
    pub(crate) async fn store(&self, run: &Run, key: String, value: Option<String>) -> Result<(), String> {
        let caller = run.session.caller();
        if !caller.requested.has_capability(Capability::Storage.name()) {
            return Err("the manifest does not request \"storage\"".to_owned());
        }
        let call = match value {
            Some(value) => Call::StorageSet {
                key,
                value: value.into_bytes(),
            },
            None => Call::StorageRemove { key },
        };
        let done = self.host.gate().sessions().call(&caller, call).await;
        done.map(drop).map_err(|failure| failure.to_string())
    }

    /// Grants or withdraws what was asked for once.
    ///
    /// # Errors
    /// What the services refuse, in their words.
    pub(crate) async fn consent(&self, run: &Run, scope: &str, granted: bool) -> Result<(), String> {
        let caller = run.session.caller();
        let services = self.host.services();
        let done = services.set_consent(&caller.person, &caller.program, scope, granted).await;
        done.map_err(|failure| failure.to_string())
    }
}
