//! Money into a conversation, and out of a red packet there.

use super::App;
use super::chats::{Answer, NumberBody};
use super::extract::Object;
use super::guard::AtSeat;
use super::pays::hold;
use super::person::at;
use super::said::sent_json;
use super::visit::complete;
use crate::money::{decimal, minor};
use crate::problem::Problem;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use youji_api::{Sheet, SheetId, codes};
use youji_services::chat::{ChatId, Gift};

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum GiftBody {
    Transfer {
        to: u32,
        amount: String,
        #[serde(default)]
        note: String,
    },
    Packet {
        amount: String,
        shares: u32,
        #[serde(default)]
        random: bool,
        #[serde(default)]
        note: String,
    },
}

impl GiftBody {
    fn gift(self, currency: &str) -> Result<Gift, Problem> {
        let amount = |text: &str| {
            minor(text.trim(), currency).ok_or_else(|| {
                Problem::new(
                    400,
                    codes::INVALID,
                    "Not an amount",
                    format!("An amount such as 12.50 was expected in {currency}; nothing was moved."),
                    "Enter digits, and a point before the decimals.",
                )
            })
        };
        Ok(match self {
            GiftBody::Transfer { to, amount: text, note } => Gift::Transfer {
                to,
                amount: amount(&text)?,
                note,
            },
            GiftBody::Packet {
                amount: text,
                shares,
                random,
                note,
            } => Gift::Packet {
                amount: amount(&text)?,
                shares,
                random,
                note,
            },
        })
    }
}

/// What a sheet was shown for, so that an answer to it can carry out nothing else.
fn shown_for(chat: &str, gift: &Gift) -> String {
    format!("chat/{chat}/{}", serde_json::to_string(gift).unwrap_or_default())
}

pub(crate) async fn sheet(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(body): Object<GiftBody>,
) -> Result<Json<Sheet>, Problem> {
    at(&app, &seat)?;
    let gift = body.gift(&app.host.config.currency)?;
    let sheet = app.host.services.chat_gift_sheet(&seat.person, &ChatId::from(id.as_str()), &gift)?;
    seat.pays.lock().shown(sheet.id, shown_for(&id, &gift));
    seat.touch();
    Ok(Json(sheet))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GiveBody {
    client_id: String,
    sheet: SheetId,
    gift: GiftBody,
    #[serde(default)]
    pin: String,
}

pub(crate) async fn give(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(body): Object<GiveBody>,
) -> Answer {
    let currency = app.host.config.currency.clone();
    let gift = body.gift.gift(&currency)?;
    let held = hold(&app, &seat, body.sheet, &shown_for(&id, &gift), &body.client_id)?;
    complete(async move {
        let chat = ChatId::from(id.as_str());
        let given = app
            .host
            .services
            .chat_give(&seat.person, &chat, &body.client_id, &gift, &body.pin)
            .await?;
        held.done();
        let mut answer = sent_json(&given.sent);
        answer["balance"] = json!(decimal(given.balance, &currency));
        answer["currency"] = json!(currency);
        Ok(Json(answer))
    })
    .await
}

pub(crate) async fn claim(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(body): Object<NumberBody>,
) -> Answer {
    complete(async move {
        let share = app
            .host
            .services
            .chat_claim(&seat.person, &ChatId::from(id.as_str()), body.number)
            .await?;
        let currency = &app.host.config.currency;
        Ok(Json(json!({"share": decimal(share, currency), "currency": currency})))
    })
    .await
}
