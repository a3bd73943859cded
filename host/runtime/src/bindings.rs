//! The contract's host side, generated from `sdk/wit`, and how its types become plain ones.

use youji_api::{Event, Failure, Fields, Row, SavedState, Scalar, View, call, tree};

wasmtime::component::bindgen!({
    path: "../../sdk/wit",
    world: "mini-program",
    imports: { default: async | trappable },
    exports: { default: async },
});

pub(crate) use youji::miniapp::{
    clock, identity, location, log, messaging, navigation, payment, random, records, scanner, storage, timer, types,
};

/// Of two with one name the last counts. Not by comparing all with all: a hostile list has tens of thousands.
pub(crate) fn fields_in(fields: Vec<types::Field>) -> Fields {
    let mut named: Vec<(String, Scalar)> = fields.into_iter().map(|field| (field.name, scalar_in(field.value))).collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    named.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            std::mem::swap(later, kept);
        }
        same
    });
    Fields(named)
}

pub(crate) fn fields_out(fields: Fields) -> Vec<types::Field> {
    fields
        .0
        .into_iter()
        .map(|(name, value)| types::Field {
            name,
            value: scalar_out(value),
        })
        .collect()
}

fn scalar_in(value: types::Scalar) -> Scalar {
    match value {
        types::Scalar::Flag(flag) => Scalar::Flag(flag),
        types::Scalar::Integer(number) => Scalar::Integer(number),
        types::Scalar::Number(number) => Scalar::Number(number),
        types::Scalar::Text(text) => Scalar::Text(text),
    }
}

fn scalar_out(value: Scalar) -> types::Scalar {
    match value {
        Scalar::Flag(flag) => types::Scalar::Flag(flag),
        Scalar::Integer(number) => types::Scalar::Integer(number),
        Scalar::Number(number) => types::Scalar::Number(number),
        Scalar::Text(text) => types::Scalar::Text(text),
    }
}

pub(crate) fn failure_out(failure: Failure) -> types::Failure {
    types::Failure {
        code: failure.code,
        message: failure.message,
        fields: fields_out(failure.fields),
    }
}

pub(crate) fn event_out(event: Event) -> types::Event {
    types::Event {
        code: event.code,
        handler: event.handler,
        ticket: event.ticket,
        fields: fields_out(event.fields),
        body: event.body,
    }
}

pub(crate) fn saved_in(saved: types::SavedState) -> SavedState {
    SavedState {
        schema: saved.schema,
        bytes: saved.bytes,
    }
}

pub(crate) fn saved_out(saved: SavedState) -> types::SavedState {
    types::SavedState {
        schema: saved.schema,
        bytes: saved.bytes,
    }
}

pub(crate) fn row_out(row: Row) -> records::Row {
    records::Row {
        key: row.key,
        value: row.value,
        version: row.version,
        stamps: fields_out(row.stamps),
    }
}

pub(crate) fn order_in(order: payment::Order) -> call::Order {
    call::Order {
        order_no: order.order_no,
        merchant: order.merchant,
        amount: order.amount,
        currency: order.currency,
        lines: order
            .lines
            .into_iter()
            .map(|line| call::OrderLine {
                title: line.title,
                quantity: line.quantity,
                amount: line.amount,
                options: fields_in(line.options),
            })
            .collect(),
        options: fields_in(order.options),
    }
}

pub(crate) fn view_in(tree: types::Tree) -> View {
    let span = |span: types::Span| tree::Span {
        at: span.at,
        length: span.length,
    };
    let value = |value: types::AttributeValue| match value {
        types::AttributeValue::Flag(flag) => tree::Value::Flag(flag),
        types::AttributeValue::Integer(number) => tree::Value::Integer(number),
        types::AttributeValue::Number(number) => tree::Value::Number(number),
        types::AttributeValue::Text(text) => tree::Value::Text(span(text)),
    };
    let node = |node: types::Node| tree::Node {
        kind: span(node.kind),
        key: span(node.key),
        attributes: node.attributes,
        handlers: node.handlers,
        children: node.children,
    };
    let attribute = |attribute: types::Attribute| tree::Attribute {
        name: span(attribute.name),
        value: value(attribute.value),
    };
    let handler = |handler: types::Handler| tree::Handler {
        event: span(handler.event),
        id: handler.id,
    };
    View {
        text: tree.text,
        nodes: tree.nodes.into_iter().map(node).collect(),
        attributes: tree.attributes.into_iter().map(attribute).collect(),
        handlers: tree.handlers.into_iter().map(handler).collect(),
    }
}
