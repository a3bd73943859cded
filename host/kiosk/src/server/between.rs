//! Money from one person at a seat to another: by the code that the other one shows, or as a red packet behind a link.

use super::App;
use super::extract::Object;
use super::guard::AtSeat;
use super::merchant::{again, amount};
use super::pays::hold;
use super::person::at;
use super::seats::Seat;
use super::visit::complete;
use crate::money::decimal;
use crate::problem::Problem;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use youji_api::{Sheet, SheetId};
use youji_services::between::Giving;

type Answer = Result<Json<Value>, Problem>;

/// A fresh code with which others give the person money.
pub(crate) async fn receive(State(app): State<Arc<App>>, Extension(AtSeat(seat)): Extension<AtSeat>) -> Answer {
    at(&app, &seat)?;
    seat.touch();
    let (code, until) = app.host.services.receive(&seat.person)?;
    let now = app.host.config.clock.now_ms();
    Ok(Json(json!({
        "address": format!("{}/T/{}", app.host.public_url(), code.to_uppercase()),
        "code": code,
        "inMs": until.saturating_sub(now),
    })))
}

/// The person puts their code away.
pub(crate) async fn receive_end(State(app): State<Arc<App>>, Extension(AtSeat(seat)): Extension<AtSeat>) -> Answer {
    app.host.services.stop_receiving(&seat.person);
    Ok(Json(json!({})))
}

/// What is given; a member of another kind is refused.
pub(crate) trait Gives {
    fn giving(self, currency: &str) -> Result<Giving, Problem>;
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransferBody {
    /// Letters of the other one's code, or its address.
    to: String,
    amount: String,
    #[serde(default)]
    note: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PacketBody {
    amount: String,
    shares: u32,
    /// Drawn by chance; otherwise all shares are equal.
    #[serde(default)]
    random: bool,
    #[serde(default)]
    note: String,
}

impl Gives for TransferBody {
    fn giving(self, currency: &str) -> Result<Giving, Problem> {
        let letters = self.to.trim().trim_end_matches('/');
        let letters = letters.rsplit('/').next().unwrap_or_default();
        Ok(Giving::Transfer {
            to: letters.chars().take(64).collect::<String>().to_ascii_lowercase(),
            amount: amount("amount", self.amount.trim(), currency)?,
            note: self.note.trim().to_owned(),
        })
    }
}

impl Gives for PacketBody {
    fn giving(self, currency: &str) -> Result<Giving, Problem> {
        Ok(Giving::Packet {
            amount: amount("amount", self.amount.trim(), currency)?,
            shares: self.shares,
            random: self.random,
            note: self.note.trim().to_owned(),
        })
    }
}

/// What a sheet was shown for, so that an answer to it can carry out nothing else.
fn shown_for(giving: &Giving) -> String {
    format!("between/{}", serde_json::to_string(giving).unwrap_or_default())
}

fn show(app: &App, seat: &Seat, giving: &Giving) -> Result<Json<Sheet>, Problem> {
    at(app, seat)?;
    let sheet = app.host.services.giving_sheet(&seat.person, giving)?;
    seat.pays.lock().shown(sheet.id, shown_for(giving));
    seat.touch();
    Ok(Json(sheet))
}

/// The sheet that asks for a transfer.
pub(crate) async fn transfer_sheet(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<TransferBody>,
) -> Result<Json<Sheet>, Problem> {
    show(&app, &seat, &body.giving(&app.host.config.currency)?)
}

/// The sheet that asks for a red packet.
pub(crate) async fn packet_sheet(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<PacketBody>,
) -> Result<Json<Sheet>, Problem> {
    show(&app, &seat, &body.giving(&app.host.config.currency)?)
}

/// The person's yes on a sheet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GiveBody<T> {
    sheet: SheetId,
    /// As the sheet was asked for it.
    gift: T,
    #[serde(default)]
    pin: String,
}

async fn give<T: Gives>(app: Arc<App>, seat: Arc<Seat>, headers: HeaderMap, body: GiveBody<T>) -> Answer {
    at(&app, &seat)?;
    let currency = app.host.config.currency.clone();
    let GiveBody { sheet, gift, pin } = body;
    let giving = gift.giving(&currency)?;
    let key = again(&headers, &[shown_for(&giving).as_bytes()])?.key;
    complete(async move {
        let services = &app.host.services;
        // Sent once more: what came of it, whatever became of its sheet.
        let given = match services.given(&seat.person, &key, &giving).await? {
            Some(given) => given,
            None => match hold(&app, &seat, sheet, &shown_for(&giving), &key) {
                Ok(held) => {
                    let given = services.give(&seat.person, &key, &giving, &pin).await?;
                    held.done();
                    given
                }
                // The same request, sent at once, may have been done since the look above.
                Err(problem) => services.given(&seat.person, &key, &giving).await?.ok_or(problem)?,
            },
        };
        let mut answer = json!({
            "id": given.id,
            "state": given.state,
            "receipt": given.receipt,
            "document": given.document,
            "balance": decimal(given.balance, &currency),
            "currency": currency,
            "before": given.before,
        });
        if matches!(giving, Giving::Packet { .. }) {
            answer["address"] = json!(format!("{}/R/{}", app.host.public_url(), given.id.to_uppercase()));
        }
        Ok(Json(answer))
    })
    .await
}

/// Money to whoever shows that code.
pub(crate) async fn transfer(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    headers: HeaderMap,
    Object(body): Object<GiveBody<TransferBody>>,
) -> Answer {
    give(app, seat, headers, body).await
}

/// A red packet for whoever has its link.
pub(crate) async fn packet(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    headers: HeaderMap,
    Object(body): Object<GiveBody<PacketBody>>,
) -> Answer {
    give(app, seat, headers, body).await
}

/// What the person at the seat sees of a red packet.
pub(crate) async fn packet_seen(State(app): State<Arc<App>>, Extension(AtSeat(seat)): Extension<AtSeat>, Path(id): Path<String>) -> Answer {
    at(&app, &seat)?;
    let seen = app.host.services.packet_seen(&seat.person, &id.to_ascii_lowercase()).await?;
    let currency = &app.host.config.currency;
    Ok(Json(json!({
        "by": seen.by,
        "note": seen.note,
        "shares": seen.shares,
        "claimed": seen.claimed,
        "share": seen.mine.map(|share| decimal(share, currency)),
        "currency": currency,
        "own": seen.own,
        "open": seen.open,
        "until": seen.until,
    })))
}

/// Takes a share. There is one for each person, so that the person is its key.
pub(crate) async fn packet_claim(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    at(&app, &seat)?;
    again(&headers, &[b"claim", id.as_bytes()])?;
    complete(async move {
        let share = app.host.services.packet_claim(&seat.person, &id.to_ascii_lowercase()).await?;
        let person = at(&app, &seat)?;
        let currency = &app.host.config.currency;
        Ok(Json(json!({
            "share": decimal(share, currency),
            "balance": decimal(person.balance, currency),
            "currency": currency,
        })))
    })
    .await
}
