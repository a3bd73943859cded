//! What outlives an instance: the basket, the note, the table, the page.

use crate::app::{App, Msg, pages};
use crate::cart;
use youji_sdk::{Cause, Ctx, Fields, Json, Launch, Page, Saved};

/// Number of the shape below. Another one means: start fresh.
const SCHEMA: u32 = 1;

pub(crate) fn save(app: &App) -> Saved {
    let query = app.page.query.iter();
    let query = query.fold(Json::object(), |object, (name, value)| object.with(name, value.as_str()));
    let state = Json::object()
        .with("table", app.table.as_str())
        .with("cart", cart::to_json(&app.cart))
        .with("note", app.note.as_str())
        .with("page", app.page.path.as_str())
        .with("query", query);
    Saved {
        schema: SCHEMA,
        bytes: state.write(),
    }
}

pub(crate) fn restore(app: &mut App, launch: &Launch, saved: Option<Saved>, ctx: &mut Ctx<Msg>) {
    let known = saved.filter(|saved| saved.schema == SCHEMA);
    let Some(state) = known.and_then(|saved| Json::read(&saved.bytes)) else {
        return;
    };
    // A dish that has left the menu takes the basket with it: an order that says something else than what was chosen is worse.
    app.cart = cart::from_json(state.get("cart")).unwrap_or_default();
    app.note = state.get("note").as_text().to_owned();
    if app.table.is_empty() {
        app.table = state.get("table").as_text().to_owned();
    }
    // Who comes back finds the page that they left, unless they asked for another one.
    let path = state.get("page").as_text();
    let page = [pages::DISH, pages::CART, pages::ORDER, pages::BILLS]
        .into_iter()
        .find(|page| *page == path);
    if let (Cause::Resume, Some(page), pages::MENU) = (&launch.cause, page, app.page.path.as_str()) {
        let Json::Object(members) = state.get("query") else { return };
        let query = members.iter().map(|(name, value)| (name.clone(), value.as_text().to_owned()));
        let page = Page {
            path: page.to_owned(),
            query: query.collect(),
        };
        let fields = page
            .query
            .iter()
            .fold(Fields::new(), |fields, (name, value)| fields.text(name, value.as_str()));
        let _ = ctx.push(&page.path, fields);
    }
}
