//! Conversations as a page gets them.

use crate::host::Host;
use crate::money::decimal;
use serde_json::{Value, json};
use youji_services::chat::{Card, ChatAsk, ChatLine, ChatMember, ChatRow, Content, Said, Sent};

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

pub(super) fn row_json(host: &Host, row: &ChatRow) -> Value {
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

pub(super) fn ask_json(ask: &ChatAsk) -> Value {
    json!({"id": ask.chat, "by": ask.by, "group": ask.group, "title": ask.title, "members": ask.members})
}

pub(super) fn member_json(member: &ChatMember) -> Value {
    json!({"member": member.member, "name": member.name, "me": member.me, "owner": member.owner, "blocked": member.blocked})
}

pub(super) fn sent_json(sent: &Sent) -> Value {
    json!({"number": sent.number, "unreached": sent.unreached, "before": sent.before})
}
