//! Conversations: what a person sees of theirs and does in them.

use super::App;
use super::extract::Object;
use super::guard::AtSeat;
use super::person::at;
use super::said::{ask_json, line_json, member_json, row_json, sent_json};
use super::visit::{complete, open_here, opened_json};
use crate::open::{OpenRequest, Target};
use crate::prepared::language_or;
use crate::problem::Problem;
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use youji_api::codes;
use youji_services::chat::{AskAnswer, Card, ChatId, Content};

pub(super) type Answer = Result<Json<Value>, Problem>;

fn nothing() -> Answer {
    Ok(Json(json!({})))
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
    pub(super) number: u64,
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
