//! The OpenAPI 3.1 description of what servers and pages may ask about payments. A test holds it against the one table of routes.

use serde_json::{Map, Value, json};

/// Which routes it describes: those whose path begins with one of these.
pub const DESCRIBED: [&str; 6] = [
    "/v1/",
    "/api/payments/",
    "/api/receive",
    "/api/transfers",
    "/api/packets",
    "/api/operator/merchants",
];

const DECIMAL: &str = r"^[0-9]{1,12}(\.[0-9]{1,2})?$";

struct Operation {
    method: &'static str,
    path: &'static str,
    id: &'static str,
    says: &'static str,
    /// "merchant", "seat", "operator" or "".
    who: &'static str,
    /// Name of the schema of its body.
    body: &'static str,
    answer: &'static str,
    status: &'static str,
    idempotent: bool,
    list: bool,
}

const fn read(path: &'static str, id: &'static str, who: &'static str, answer: &'static str, says: &'static str) -> Operation {
    Operation {
        method: "get",
        path,
        id,
        says,
        who,
        body: "",
        answer,
        status: "200",
        idempotent: false,
        list: false,
    }
}

const fn act(
    path: &'static str,
    id: &'static str,
    who: &'static str,
    body: &'static str,
    answer: &'static str,
    says: &'static str,
) -> Operation {
    Operation {
        method: "post",
        body,
        ..read(path, id, who, answer, says)
    }
}

const fn moves(path: &'static str, id: &'static str, body: &'static str, says: &'static str) -> Operation {
    Operation {
        idempotent: true,
        ..act(path, id, "merchant", body, "PaymentIntent", says)
    }
}

const OPERATIONS: [Operation; 27] = [
    read("/v1/openapi.json", "description", "", "Any", "This description."),
    read(
        "/v1/balance",
        "balance",
        "merchant",
        "Balance",
        "What the merchant's account holds.",
    ),
    Operation {
        status: "201",
        ..moves(
            "/v1/payment_intents",
            "createPaymentIntent",
            "NewPaymentIntent",
            "Asks for a payment. The order number is the merchant's own and stands for one content.",
        )
    },
    Operation {
        list: true,
        ..read(
            "/v1/payment_intents",
            "listPaymentIntents",
            "merchant",
            "PaymentIntents",
            "Newest first.",
        )
    },
    read(
        "/v1/payment_intents/{id}",
        "getPaymentIntent",
        "merchant",
        "PaymentIntent",
        "One of them.",
    ),
    moves(
        "/v1/payment_intents/{id}/cancel",
        "cancelPaymentIntent",
        "Reason",
        "Nobody can pay it any more; or what is held goes back.",
    ),
    moves(
        "/v1/payment_intents/{id}/capture",
        "capturePaymentIntent",
        "Capture",
        "Charges what is held of a deposit, or of an escrow in dispute: all, or a part.",
    ),
    moves(
        "/v1/payment_intents/{id}/refund",
        "refundPaymentIntent",
        "Refund",
        "Gives back what was captured: all that is left of it, or a part.",
    ),
    moves(
        "/v1/payment_intents/{id}/ship",
        "shipPaymentIntent",
        "Ship",
        "Says that what an escrow holds money for was sent.",
    ),
    read(
        "/v1/payment_intents/{id}/receipt",
        "getReceipt",
        "merchant",
        "Receipt",
        "The receipt as of now, signed by the host (JWS with EdDSA).",
    ),
    Operation {
        idempotent: true,
        ..act(
            "/v1/collect",
            "collect",
            "merchant",
            "Collect",
            "Collected",
            "Collects with the code that a customer presents: up to this host's limit at once, more once the customer has said yes.",
        )
    },
    Operation {
        list: true,
        ..read(
            "/v1/events",
            "listEvents",
            "merchant",
            "Events",
            "Notifications with what came of each attempt, newest first.",
        )
    },
    read("/v1/events/{id}", "getEvent", "merchant", "Event", "One of them."),
    read(
        "/api/payments/{id}",
        "getPaymentSheet",
        "seat",
        "Any",
        "The sheet that the host draws for the person at the seat.",
    ),
    act(
        "/api/payments/{id}/confirm",
        "confirmPayment",
        "seat",
        "Confirm",
        "Paid",
        "The person's yes. It counts once: the same person again learns what came of it.",
    ),
    act(
        "/api/payments/{id}/release",
        "releasePayment",
        "seat",
        "Pin",
        "Any",
        "The payer gives what is held to the merchant.",
    ),
    act(
        "/api/payments/{id}/dispute",
        "disputePayment",
        "seat",
        "Pin",
        "Any",
        "The payer disputes what is held: it is not released by time.",
    ),
    act(
        "/api/receive",
        "receive",
        "seat",
        "Nothing",
        "Receive",
        "A fresh code with which others give the person at the seat money, for half an hour; an older one is good for nothing from now on.",
    ),
    act(
        "/api/receive/end",
        "receiveEnd",
        "seat",
        "Nothing",
        "Any",
        "The person puts it away.",
    ),
    act(
        "/api/transfers/sheet",
        "getTransferSheet",
        "seat",
        "Transfer",
        "Any",
        "The sheet that the host draws for a transfer to whoever shows that code.",
    ),
    Operation {
        idempotent: true,
        ..act(
            "/api/transfers",
            "transfer",
            "seat",
            "GiveTransfer",
            "Given",
            "The person's yes: who showed the code has the money at once.",
        )
    },
    act(
        "/api/packets/sheet",
        "getPacketSheet",
        "seat",
        "Packet",
        "Any",
        "The sheet that the host draws for a red packet.",
    ),
    Operation {
        idempotent: true,
        ..act(
            "/api/packets",
            "sendPacket",
            "seat",
            "GivePacket",
            "Given",
            "The person's yes: a red packet for whoever has its address, for a day; the rest comes back.",
        )
    },
    read(
        "/api/packets/{id}",
        "getPacket",
        "seat",
        "PacketSeen",
        "A red packet, as the person at the seat sees it.",
    ),
    Operation {
        idempotent: true,
        ..act(
            "/api/packets/{id}/claim",
            "claimPacket",
            "seat",
            "",
            "Share",
            "Takes a share: one for each person, the same when asked again.",
        )
    },
    read(
        "/api/operator/merchants",
        "listMerchants",
        "operator",
        "Any",
        "Merchants with their keys.",
    ),
    act(
        "/api/operator/merchants/keys",
        "merchantKeys",
        "operator",
        "Key",
        "Any",
        "Makes a key, which is shown once, or revokes one.",
    ),
];

fn schemas() -> Value {
    let text = |most: u32| json!({"type": "string", "maxLength": most});
    let named = |most: u32| json!({"type": "string", "minLength": 1, "maxLength": most});
    let decimal = json!({"type": "string", "pattern": DECIMAL, "examples": ["36.00"]});
    let moment = json!({"type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64, "description": "Milliseconds since 1970"});
    let flag = json!({"type": "boolean"});
    let currency = json!({"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["CNY"]});
    let object = |members: Value, required: &[&str]| json!({"type": "object", "properties": members, "required": required});
    let closed = |members: Value, required: &[&str]| json!({"type": "object", "properties": members, "required": required, "additionalProperties": false});
    let line = json!({"title": named(128), "quantity": {"type": "integer", "minimum": 1, "maximum": 4_294_967_295_u32}, "amount": decimal,
        "kind": {"type": "string", "enum": ["", "item", "discount", "fee", "tax"]}});
    let attempt = object(
        json!({"at": moment, "status": {"type": "integer"}, "error": text(64), "took_ms": {"type": "integer"}}),
        &["at", "status"],
    );
    let mode = json!({"type": "string", "enum": ["pay", "escrow", "deposit"]});
    let sheet = json!({"type": "string", "pattern": "^[0-9a-f]{16}$"});
    let pin = json!({"type": "string", "pattern": "^([0-9]{4,12})?$"});
    let note = text(60);
    let transfer = json!({"to": {"type": "string", "maxLength": 200, "description": "The code's letters, or its address"}, "amount": decimal, "note": note});
    let packet = json!({"amount": decimal, "shares": {"type": "integer", "minimum": 1, "maximum": 100}, "random": flag, "note": note});
    json!({
        "Any": {"type": "object"},
        "Problem": object(json!({"type": text(64), "title": text(200), "status": {"type": "integer"}, "detail": text(2_000), "code": text(64),
            "remedy": text(1_000), "fields": {"type": "object"}}), &["type", "title", "status", "detail", "code", "remedy"]),
        "NewPaymentIntent": closed(json!({
            "order": {"type": "string", "minLength": 1, "maxLength": 64, "description": "The merchant's own number. Nothing personal."},
            "description": {"type": "string", "minLength": 1, "maxLength": 200, "description": "What the payer reads. Nothing personal."},
            "amount": decimal, "currency": currency,
            "lines": {"type": "array", "maxItems": 50, "items": closed(line.clone(), &["title", "amount"])},
            "mode": mode, "expires_at": moment, "hold_until": moment,
            "at_hold_end": {"type": "string", "enum": ["", "capture", "cancel"]},
            "notify_url": {"type": "string", "maxLength": 512, "description": "Where notifications are sent: http or https"},
        }), &["order", "description", "amount", "currency"]),
        "PaymentIntent": object(json!({
            "id": text(64), "order": text(64), "description": text(200), "mode": mode,
            "state": {"type": "string", "enum": ["requires_payment_method", "requires_capture", "succeeded", "canceled"]},
            "reason": {"type": "string", "enum": ["", "canceled", "expired", "returned"]},
            "amount": decimal, "currency": currency, "lines": {"type": "array", "items": object(line, &["title", "amount"])},
            "created_at": moment, "expires_at": moment, "hold_until": moment, "notify_url": text(512), "pay_url": text(200),
            "held": decimal, "captured": decimal, "refunded": decimal, "shipped": flag, "disputed": flag, "receipt": text(64), "payer": text(64),
            "refunds": {"type": "array", "items": object(json!({"reference": text(64), "amount": decimal}), &["reference", "amount"])},
        }), &["id", "order", "state", "amount", "currency", "captured", "refunded", "pay_url"]),
        "PaymentIntents": object(json!({"payment_intents": {"type": "array", "items": {"$ref": "#/components/schemas/PaymentIntent"}}, "more": flag}),
            &["payment_intents", "more"]),
        "Reason": closed(json!({"reason": named(200)}), &[]),
        "Capture": closed(json!({"amount": decimal, "final": flag}), &[]),
        "Refund": closed(json!({"amount": decimal, "reference": named(64), "reason": named(200)}), &[]),
        "Ship": closed(json!({"tracking": named(200)}), &[]),
        "Collect": closed(json!({"code": {"type": "string", "pattern": "^[0-9 ]{18,32}$", "description": "18 digits, with spaces or without"},
            "order": named(64), "description": named(200), "amount": decimal, "currency": currency,
            "notify_url": {"type": "string", "maxLength": 512}}), &["code", "order", "description", "amount", "currency"]),
        "Collected": object(json!({"payment_intent": text(64), "state": {"type": "string", "enum": ["succeeded", "requires_confirmation"]},
            "receipt": text(64), "before": flag}), &["payment_intent", "state"]),
        "Receipt": object(json!({"receipt": text(64), "order": text(64), "payer": text(64), "amount": decimal, "captured": decimal, "refunded": decimal,
            "currency": currency, "state": text(32), "at": moment, "document": text(8_192)}), &["receipt", "document"]),
        "Balance": object(json!({"merchant": text(64), "publisher": text(64), "name": {"type": "object"}, "available": decimal, "currency": currency}),
            &["available", "currency"]),
        "Event": object(json!({"id": text(32), "type": text(64), "intent": text(64), "created_at": moment,
            "delivery": {"type": "string", "enum": ["pending", "delivered", "failed"]}, "next_attempt_at": {"type": ["integer", "null"]},
            "attempts": {"type": "array", "items": attempt}}), &["id", "type", "intent", "delivery", "attempts"]),
        "Events": object(json!({"events": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}}, "more": flag}), &["events", "more"]),
        "Confirm": closed(json!({"sheet": {"type": "string", "pattern": "^[0-9a-f]{16}$"}, "amount": decimal, "currency": currency,
            "pin": {"type": "string", "pattern": "^([0-9]{4,12})?$"}, "spending": decimal}), &["amount", "currency"]),
        "Paid": object(json!({"state": text(32), "receipt": text(64), "document": text(8_192), "balance": decimal, "currency": currency, "before": flag}),
            &["state", "receipt", "document"]),
        "Nothing": closed(json!({}), &[]),
        "Receive": object(json!({"code": text(64), "address": text(200), "inMs": {"type": "integer"}}), &["code", "address", "inMs"]),
        "Transfer": closed(transfer.clone(), &["to", "amount"]),
        "GiveTransfer": closed(json!({"sheet": sheet, "pin": pin, "gift": closed(transfer, &["to", "amount"])}), &["sheet", "gift"]),
        "Packet": closed(packet.clone(), &["amount", "shares"]),
        "GivePacket": closed(json!({"sheet": sheet, "pin": pin, "gift": closed(packet, &["amount", "shares"])}), &["sheet", "gift"]),
        "Given": object(json!({"id": text(64), "state": text(32), "receipt": text(64), "document": text(8_192), "balance": decimal, "currency": currency,
            "before": flag, "address": text(200)}), &["id", "state", "receipt", "document", "balance", "currency", "before"]),
        "PacketSeen": object(json!({"by": text(64), "note": text(60), "shares": {"type": "integer"}, "claimed": {"type": "integer"},
            "share": {"type": ["string", "null"]}, "currency": currency, "own": flag, "open": flag, "until": moment}), &["shares", "claimed", "open"]),
        "Share": object(json!({"share": decimal, "balance": decimal, "currency": currency}), &["share", "balance", "currency"]),
        "Pin": closed(json!({"pin": {"type": "string", "pattern": "^([0-9]{4,12})?$"}}), &[]),
        "Key": object(json!({"publisher": text(64), "merchant": text(64), "name": named(64), "revoke": text(64)}), &["publisher"]),
    })
}

fn operation(one: &Operation) -> Value {
    let mut parameters = Vec::new();
    if one.path.contains("{id}") {
        parameters
            .push(json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string", "pattern": "^[a-z0-9_]{1,64}$"}}));
    }
    if one.idempotent {
        parameters.push(json!({"name": "Idempotency-Key", "in": "header", "required": true,
            "description": "Kept for a day: the first answer is given again, another request under the same key is refused.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"}}));
    }
    if one.list {
        parameters.push(json!({"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}}));
        parameters.push(json!({"name": "before", "in": "query", "schema": {"type": "string", "maxLength": 64}}));
    }
    let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let mut responses = Map::new();
    responses.insert(
        one.status.to_owned(),
        json!({"description": "Done", "content": {"application/json": {"schema": reference(one.answer)}}}),
    );
    responses.insert(
        "default".to_owned(),
        json!({"description": "What was expected, what came, what to do (RFC 9457)",
            "content": {"application/problem+json": {"schema": reference("Problem")}}}),
    );
    let mut said = json!({"operationId": one.id, "summary": one.says, "parameters": parameters, "responses": responses});
    if !one.body.is_empty() {
        said["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": reference(one.body)}}});
    }
    said["security"] = match one.who {
        "merchant" => json!([{"merchantKey": []}]),
        "seat" => json!([{"seat": []}]),
        "operator" => json!([{"operator": []}]),
        _ => json!([]),
    };
    said
}

/// The whole description, with that address.
pub(crate) fn description(url: &str) -> Value {
    let mut paths = Map::new();
    for one in &OPERATIONS {
        let path = paths.entry(one.path).or_insert_with(|| json!({}));
        path[one.method] = operation(one);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Youji payments",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Money is a decimal string, moments are milliseconds since 1970, errors are problem documents. Notifications carry \
                webhook-id, webhook-timestamp and webhook-signature (v1a: Ed25519 over id.timestamp.body with this host's key, which stands in \
                /.well-known/jwks.json); they come at least once.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "merchantKey": {"type": "http", "scheme": "bearer", "description": "A key that the operator made for the merchant"},
                "seat": {"type": "apiKey", "in": "cookie", "name": "youji-8080", "description": "youji-PORT: the person at the seat; POST needs Origin"},
                "operator": {"type": "apiKey", "in": "cookie", "name": "youji-operator-8080", "description": "youji-operator-PORT; POST needs Origin"},
            },
        },
    })
}

/// Method and path of everything that it describes.
pub fn operations() -> Vec<(&'static str, &'static str)> {
    OPERATIONS.iter().map(|one| (one.method, one.path)).collect()
}
