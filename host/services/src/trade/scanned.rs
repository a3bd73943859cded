//! A merchant's printed payment code, scanned by a person: it becomes an intent, and the intent's sheet asks. The code itself moves nothing.

use super::{Idempotency, Intent, MerchantId, NewIntent};
use crate::model::Names;
use crate::money;
use crate::services::{Services, not_found};
use youji_api::{Failure, codes};
use youji_package::EmvCode;
use youji_package::emv::{Account, Initiation, Localised, Object};

/// The code of a failure: the scheme is another one's.
pub const FOREIGN_SCHEME: &str = "foreign-scheme";
/// How long a person has to pay what they scanned at a static code, in milliseconds.
const STATIC_MS: u64 = 10 * 60 * 1_000;
/// For how long a code for one payment can be paid, once somebody scanned it, in milliseconds.
const DYNAMIC_MS: u64 = 24 * 60 * 60 * 1_000;

/// What a payment code comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Scanned {
    /// Stored name of who is paid, never the one in the code.
    pub payee: Names,
    /// Whom.
    pub merchant: MerchantId,
    /// In minor units; none: the person says how much.
    pub amount: Option<u64>,
    /// ISO 4217.
    pub currency: String,
    /// What it is for, in the code's words; may be empty.
    pub reference: String,
    /// To be paid on its sheet; none until there is an amount.
    pub intent: Option<Intent>,
}

/// What a printed payment code says beside whom it pays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// In minor units: for one payment; none: printed once, and each payer says how much.
    pub amount: Option<u64>,
    /// A bill's number, at most 25 characters; may be empty.
    pub reference: String,
    /// At most 15 characters.
    pub city: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// What the merchant sells: four digits, ISO 18245.
    pub category: String,
}

impl Services {
    /// The text of a payment code for a merchant that is enrolled, in what wallets here hold.
    ///
    /// # Errors
    /// "not-found" for another merchant; "invalid" for what a code can't say.
    pub fn print_payment_code(&self, merchant: &MerchantId, printed: &Printed) -> Result<String, Failure> {
        let invalid = |error: youji_package::EmvError| Failure::new(codes::INVALID, error.to_string());
        let name = self.state.read().merchant(&merchant.publisher, &merchant.merchant).cloned();
        let name = name.ok_or_else(|| super::keys::no_merchant(merchant))?;
        let short = |text: &str| text.chars().take(25).collect::<String>();
        let initiation = match printed.amount {
            Some(_) => Initiation::Dynamic,
            None => Initiation::Static,
        };
        let bill = Object {
            id: 1,
            value: printed.reference.clone(),
        };
        let code = EmvCode {
            initiation: Some(initiation),
            accounts: vec![Account::youji(&merchant.publisher, &merchant.merchant).map_err(invalid)?],
            category: Some(printed.category.clone()),
            currency: u16::try_from(self.ledger_number).unwrap_or(0),
            amount: printed.amount,
            country: printed.country.clone(),
            name: Some(short(name.in_language("en"))),
            city: Some(printed.city.clone()),
            additional: if printed.reference.is_empty() { Vec::new() } else { vec![bill] },
            localised: (!name.zh.is_empty()).then(|| Localised {
                language: "zh".to_owned(),
                name: short(&name.zh),
                city: String::new(),
            }),
            ..EmvCode::default()
        };
        code.issue().map_err(invalid)
    }

    /// The intent of a payment code of ours. A code for one payment always comes to the same intent, so that it is paid once; `amount`,
    /// in minor units, is the person's, where the code has none.
    ///
    /// # Errors
    /// [`FOREIGN_SCHEME`] for a code of others, with "schemes"; "not-found" for a merchant that is not enrolled here; "unsupported" for
    /// another currency, or a tip; "invalid" for an amount beside the code's own, or a code that is not whole; as
    /// [`Services::make_intent`].
    pub async fn scan_payment_code(&self, code: &EmvCode, amount: Option<u64>) -> Result<Scanned, Failure> {
        let Some((publisher, merchant)) = code.ours() else {
            let schemes = code.schemes();
            let mut failure = Failure::new(
                FOREIGN_SCHEME,
                format!("this code is for {schemes}, which this host can't pay; nothing was paid"),
            );
            failure.fields.set("schemes", schemes);
            return Err(failure);
        };
        let invalid = |why: String| Failure::new(codes::INVALID, why);
        code.complete().map_err(|error| invalid(error.to_string()))?;
        let unsupported = |why: String| Err(Failure::new(codes::UNSUPPORTED, why));
        let merchant = MerchantId::new(publisher.clone(), merchant);
        let payee = self.state.read().merchant(&merchant.publisher, &merchant.merchant).cloned();
        let payee = payee.ok_or_else(|| not_found("the merchant of this code is not enrolled on this host; nothing was paid"))?;
        let currency = self.config.currency.clone();
        if money::code_of(code.currency.into()) != Some(currency.as_str()) {
            return unsupported(format!(
                "this code is in currency {:03}, and wallets here hold {currency}; nothing was paid",
                code.currency
            ));
        }
        if code.tip.is_some() {
            return unsupported("this code asks for a tip, which this host does not add; nothing was paid".to_owned());
        }
        let amount = match (code.amount, amount) {
            (Some(fixed), Some(said)) if fixed != said => {
                return Err(invalid(format!(
                    "the code says {}, and {} came; nothing was paid",
                    money::decimal(fixed, &currency),
                    money::decimal(said, &currency)
                )));
            }
            (fixed, said) => fixed.or(said),
        };
        let intent = match amount {
            None => None,
            Some(amount) => Some(self.intent_of_code(code, &merchant, &payee, amount).await?),
        };
        Ok(Scanned {
            payee,
            merchant,
            amount,
            currency,
            reference: code.reference().to_owned(),
            intent,
        })
    }

    async fn intent_of_code(&self, code: &EmvCode, merchant: &MerchantId, payee: &Names, amount: u64) -> Result<Intent, Failure> {
        let once = code.initiation == Some(Initiation::Dynamic) && code.amount.is_some();
        // By all that the code says: another one with the same reference and another amount is another intent.
        let order = match once {
            true => format!("code-{}", self.host.short(&[b"payment-code", format!("{code:?}").as_bytes()])),
            false => format!("code-{}", self.draw_id()),
        };
        let description = match code.reference() {
            "" => payee.in_language("en").to_owned(),
            reference => reference.to_owned(),
        };
        let again = Idempotency::new(order.clone(), &[order.as_bytes()]);
        let age = if once { DYNAMIC_MS } else { STATIC_MS };
        let new = NewIntent {
            order,
            description,
            amount,
            currency: self.config.currency.clone(),
            expires_at: Some(self.now().saturating_add(age)),
            ..NewIntent::default()
        };
        self.make_intent(merchant, new, &again).await
    }
}
