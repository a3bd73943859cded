//! Conversations: what a person sees of theirs and does in them.

use super::App;
use super::extract::Object;
use super::guard::AtSeat;
use super::person::at;
use super::visit::{complete, open_here, opened_json};
use crate::host::Host;
use crate::money::{decimal, minor};
use crate::open::{OpenRequest, Target};
use crate::prepared::language_or;
use crate::problem::Problem;
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;
use youji_api::{Sheet, SheetId, codes};
use youji_services::chat::{AskAnswer, Card, ChatAsk, ChatId, ChatLine, ChatMember, ChatRow, Content, Gift, Said, Sent};

type Answer = Result<Json<Value>, Problem>;

fn nothing() -> Answer {
    Ok(Json(json!({})))
}

fn card_json(host: &Host, card: &Card) -> Value {
    let listed = host
        .registry
        .list()
        .into_iter()
        .find(|listed| listed.current.manifest.app_id == card.program);
    let installed = listed.map(|listed| listed.current);
    json!({
        "program": card.program,
        "title": card.title,
        "summary": card.summary,
        "name": super::person::program_name(host, &card.program),
        "here": installed.is_some(),
        "digest": installed.as_ref().map(|installed| installed.digest.to_string()),
        "icon": installed.as_ref().and_then(|installed| installed.manifest.icons.first().map(|icon| icon.src.clone())),
        "accent": installed.as_ref().and_then(|installed| installed.manifest.accent.clone()),
    })
}

/// A line as a page gets it.
pub(crate) fn line_json(host: &Host, line: &ChatLine) -> Value {
    let currency = &host.config.currency;
    let mut value = json!({
        "number": line.number,
        "at": line.at,
        "member": line.member,
        "name": line.name,
        "mine": line.mine,
    });
    let said = match &line.said {
        Said::Content(Content::Text { text }) => json!({"kind": "text", "text": text}),
        Said::Content(Content::Card(card)) => json!({"kind": "card", "card": card_json(host, card)}),
        Said::Content(Content::Transfer { amount, to, note }) => {
            json!({"kind": "transfer", "amount": decimal(*amount, currency), "currency": currency, "to": to, "note": note})
        }
        Said::Content(Content::Packet { amount, shares, note }) => {
            let now = line.packet.clone().unwrap_or_default();
            json!({
                "kind": "packet",
                "amount": decimal(*amount, currency),
                "currency": currency,
                "shares": shares,
                "note": note,
                "claimed": now.claimed,
                "share": (now.mine > 0).then(|| decimal(now.mine, currency)),
                "open": now.open,
            })
        }
        Said::Joined => json!({"kind": "joined"}),
        Said::Left => json!({"kind": "left"}),
        Said::Removed => json!({"kind": "removed"}),
        Said::Gone => json!({"kind": "gone"}),
        Said::Titled => json!({"kind": "titled"}),
        Said::Erased => json!({"kind": "erased"}),
        Said::Hidden => json!({"kind": "hidden"}),
    };
    if let (Some(value), Value::Object(said)) = (value.as_object_mut(), said) {
        value.extend(said);
    }
    value
}

fn row_json(host: &Host, row: &ChatRow) -> Value {
    json!({
        "id": row.chat,
        "group": row.group,
        "title": row.title,
        "members": row.members,
        "owner": row.owner,
        "unread": row.unread,
        "last": row.last.as_ref().map(|line| line_json(host, line)),
    })
}

fn ask_json(ask: &ChatAsk) -> Value {
    json!({"id": ask.chat, "by": ask.by, "group": ask.group, "title": ask.title, "members": ask.members})
}

fn member_json(member: &ChatMember) -> Value {
    json!({"member": member.member, "name": member.name, "me": member.me, "owner": member.owner, "blocked": member.blocked})
}

fn sent_json(sent: &Sent) -> Value {
    json!({"number": sent.number, "unreached": sent.unreached, "before": sent.before})
}

pub(crate) async fn list(State(app): State<Arc<App>>, Extension(AtSeat(seat)): Extension<AtSeat>) -> Answer {
    at(&app, &seat)?;
    let services = &app.host.services;
    let chats = services.chats(&seat.person).await?;
    let asks = services.chat_asks(&seat.person)?;
    let blocked = services.chat_blocked(&seat.person)?;
    Ok(Json(json!({
        "chats": chats.iter().map(|row| row_json(&app.host, row)).collect::<Vec<_>>(),
        "asks": asks.iter().map(ask_json).collect::<Vec<_>>(),
        "blocked": blocked.iter().map(|(id, name)| json!({"id": id, "name": name})).collect::<Vec<_>>(),
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MakeBody {
    /// Of a group; a conversation of two has none.
    #[serde(default)]
    title: Option<String>,
}

pub(crate) async fn make(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<MakeBody>,
) -> Answer {
    at(&app, &seat)?;
    complete(async move {
        let id = app.host.services.chat_make(&seat.person, body.title.as_deref()).await?;
        Ok(Json(json!({"id": id})))
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct Window {
    #[serde(default)]
    before: Option<u64>,
    #[serde(default)]
    after: Option<u64>,
}

pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Query(window): Query<Window>,
) -> Answer {
    at(&app, &seat)?;
    let (services, chat) = (&app.host.services, ChatId::from(id.as_str()));
    let members = services.chat_members(&seat.person, &chat)?;
    let lines = services.chat_lines(&seat.person, &chat, window.before, window.after).await?;
    let row = services.chats(&seat.person).await?.into_iter().find(|row| row.chat == chat);
    Ok(Json(json!({
        "chat": row.map(|row| row_json(&app.host, &row)),
        "members": members.iter().map(member_json).collect::<Vec<_>>(),
        "lines": lines.iter().map(|line| line_json(&app.host, line)).collect::<Vec<_>>(),
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SayBody {
    /// Drawn by the page: the same again is said once.
    client_id: String,
    #[serde(default)]
    text: Option<String>,
    /// A session that is open at this seat, or a program that is listed: its card.
    #[serde(default)]
    card: Option<CardBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CardBody {
    #[serde(default)]
    session: Option<String>,
    #[serde(default)]
    program: Option<String>,
}

pub(crate) async fn say(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(body): Object<SayBody>,
) -> Answer {
    let person = at(&app, &seat)?;
    seat.touch();
    let content = match (body.text, body.card) {
        (Some(text), None) => Content::Text { text },
        (None, Some(card)) => Content::Card(own_card(&app, &seat, &card, &person.language)?),
        _ => {
            return Err(Problem::new(
                400,
                codes::INVALID,
                "Nothing to say",
                "Either \"text\" or \"card\" was expected; nothing was sent.",
                "Send one of them.",
            ));
        }
    };
    complete(async move {
        let sent = app
            .host
            .services
            .chat_say(&seat.person, &ChatId::from(id.as_str()), &body.client_id, &content)
            .await?;
        Ok(Json(sent_json(&sent)))
    })
    .await
}

/// The card of what is open at the seat, or listed: named by what the host knows of it.
fn own_card(app: &App, seat: &super::seats::Seat, body: &CardBody, language: &str) -> Result<Card, Problem> {
    let no_such = || {
        Problem::new(
            404,
            codes::NOT_FOUND,
            "No such program",
            "No such program is open here or listed; nothing was sent.",
            "Open it, or choose one of the list.",
        )
    };
    if let Some(session) = &body.session {
        let here = seat
            .live()
            .into_iter()
            .find(|here| here.session.id().to_string() == *session)
            .ok_or_else(no_such)?;
        return Ok(Card {
            // With its table, if it was opened by a code.
            code: here.code.clone(),
            ..Card::new(here.prepared.card.id.clone(), here.prepared.card.name.in_language(language))
        });
    }
    let wanted = body.program.as_deref().ok_or_else(no_such)?;
    let listed = app
        .host
        .registry
        .list()
        .into_iter()
        .find(|listed| listed.current.manifest.app_id.as_str() == wanted);
    let listed = listed.ok_or_else(no_such)?;
    Ok(Card::new(listed.current.manifest.app_id.clone(), listed.current.name(language)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumberBody {
    number: u64,
}

pub(crate) async fn mark_read(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(body): Object<NumberBody>,
) -> Answer {
    complete(async move {
        app.host
            .services
            .chat_read(&seat.person, &ChatId::from(id.as_str()), body.number)
            .await?;
        Ok(Json(json!({"unread": app.host.services.chats_unread(&seat.person)})))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TitleBody {
    title: String,
}

pub(crate) async fn title(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(body): Object<TitleBody>,
) -> Answer {
    complete(async move {
        app.host
            .services
            .chat_title(&seat.person, &ChatId::from(id.as_str()), &body.title)
            .await?;
        nothing()
    })
    .await
}

/// Takes nothing, but is an object all the same, so that no form of another origin can send it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoBody {}

/// An invitation: its letters, and the address that a code of it holds.
pub(crate) async fn invite(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(NoBody {}): Object<NoBody>,
) -> Answer {
    complete(async move {
        let (code, until) = app.host.services.chat_invite(&seat.person, &ChatId::from(id.as_str())).await?;
        let now = app.host.config.clock.now_ms();
        let address = format!("{}/C/{}", app.host.public_url(), code.to_ascii_uppercase());
        Ok(Json(json!({"code": code, "address": address, "inMs": until.saturating_sub(now)})))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeBody {
    code: String,
}

/// The letters of an invitation, with or without the address before them.
fn letters(code: &str) -> &str {
    code.trim().rsplit('/').next().unwrap_or_default()
}

pub(crate) async fn invitation(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<CodeBody>,
) -> Answer {
    at(&app, &seat)?;
    Ok(Json(ask_json(
        &app.host.services.chat_invitation(&seat.person, letters(&body.code))?,
    )))
}

pub(crate) async fn join(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<CodeBody>,
) -> Answer {
    at(&app, &seat)?;
    complete(async move {
        let id = app.host.services.chat_join(&seat.person, letters(&body.code)).await?;
        Ok(Json(json!({"id": id})))
    })
    .await
}

/// The same answer whether or not anybody has that code.
pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(body): Object<CodeBody>,
) -> Answer {
    complete(async move {
        app.host
            .services
            .chat_ask(&seat.person, &ChatId::from(id.as_str()), body.code.trim())
            .await?;
        nothing()
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerBody {
    answer: AskAnswer,
}

pub(crate) async fn answer(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(body): Object<AnswerBody>,
) -> Answer {
    complete(async move {
        app.host
            .services
            .chat_answer(&seat.person, &ChatId::from(id.as_str()), body.answer)
            .await?;
        nothing()
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberBody {
    member: u32,
}

pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(body): Object<MemberBody>,
) -> Answer {
    complete(async move {
        app.host
            .services
            .chat_remove(&seat.person, &ChatId::from(id.as_str()), body.member)
            .await?;
        nothing()
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockBody {
    member: u32,
    blocked: bool,
}

pub(crate) async fn block(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(body): Object<BlockBody>,
) -> Answer {
    complete(async move {
        let chat = ChatId::from(id.as_str());
        app.host.services.chat_block(&seat.person, &chat, body.member, body.blocked).await?;
        nothing()
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnblockBody {
    id: String,
}

pub(crate) async fn unblock(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Object(body): Object<UnblockBody>,
) -> Answer {
    complete(async move {
        app.host.services.chat_unblock(&seat.person, &body.id).await?;
        nothing()
    })
    .await
}

pub(crate) async fn leave(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(NoBody {}): Object<NoBody>,
) -> Answer {
    complete(async move {
        app.host.services.chat_leave(&seat.person, &ChatId::from(id.as_str())).await?;
        nothing()
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenBody {
    number: u64,
    #[serde(default)]
    language: String,
}

/// Opens what a card shows: the way of a scan, and the program learns who sent it.
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Path(id): Path<String>,
    Object(body): Object<OpenBody>,
) -> Answer {
    let person = at(&app, &seat)?;
    let opened = app
        .host
        .services
        .chat_card(&seat.person, &ChatId::from(id.as_str()), body.number)
        .await?;
    let language = language_or(&body.language, &person.language).to_owned();
    let request = OpenRequest {
        cause: "card".to_owned(),
        target: Target::Card {
            card: opened.card,
            referrer: opened.referrer,
        },
        language: language.clone(),
        from_program: None,
        accepted: None,
    };
    let here = open_here(&app, &seat, request, None).await?;
    Ok(Json(opened_json(&app.host, &here, &language)))
}

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
    let shown = seat.pays.lock().at(body.sheet, &shown_for(&id, &gift)).ok_or_else(|| {
        Problem::new(
            409,
            "no-sheet",
            "Look at the sheet first",
            "This was not shown at this seat, or its sheet was answered; nothing was moved.",
            "Get the sheet, show it to the person, and name it in \"sheet\".",
        )
    })?;
    let guard = app.host.config.limits.sheet_guard;
    if Instant::now().saturating_duration_since(shown) < guard {
        return Err(Problem::new(
            409,
            "too-soon",
            "Too soon",
            format!(
                "An answer that comes within {} ms of its sheet confirms nothing; nothing was moved.",
                guard.as_millis()
            ),
            "Let the person read the sheet, then send it again.",
        ));
    }
    complete(async move {
        let chat = ChatId::from(id.as_str());
        let given = app
            .host
            .services
            .chat_give(&seat.person, &chat, &body.client_id, &gift, &body.pin)
            .await?;
        seat.pays.lock().answered(body.sheet);
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
