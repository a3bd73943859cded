//! Where each kind of value stands in the projection, and which purpose seals it.
//!
//! Parts are joined by NUL, which no part can contain: ids and keys are checked where they come in.

/// The largest piece of a value that stands under one key; larger values are cut.
const PIECE: usize = 64 << 10;

fn join(parts: &[&str]) -> Vec<u8> {
    parts.join("\0").into_bytes()
}

pub(crate) fn row(program: &str, collection: &str, key: &str) -> Vec<u8> {
    join(&["row", program, collection, key])
}

pub(crate) fn row_value(program: &str, collection: &str, key: &str) -> Vec<u8> {
    join(&["value", program, collection, key])
}

pub(crate) fn storage(person: &str, program: &str, hash: &str) -> Vec<u8> {
    join(&["storage", person, program, hash])
}

pub(crate) fn saved(person: &str, program: &str) -> Vec<u8> {
    join(&["saved", person, program])
}

pub(crate) fn outcome(person: &str, program: &str, ticket: u64) -> Vec<u8> {
    join(&["outcome", person, program, &format!("{ticket:016x}")])
}

pub(crate) fn message(person: &str, sequence: u64) -> Vec<u8> {
    join(&["message", person, &format!("{sequence:016x}")])
}

pub(crate) fn audit(person: &str, number: u64) -> Vec<u8> {
    join(&["audit", person, &format!("{number:016x}")])
}

pub(crate) fn receipt(person: &str, number: u64) -> Vec<u8> {
    join(&["receipt", person, &format!("{number:016x}")])
}

pub(crate) fn receipts(person: &str) -> Vec<u8> {
    join(&["receipt", person, ""])
}

pub(crate) fn order(program: &str, order_no: &str) -> Vec<u8> {
    join(&["order", program, order_no])
}

/// What was said in a conversation.
pub(crate) fn chat_line(chat: &str, number: u64) -> Vec<u8> {
    join(&["chat", chat, &format!("{number:016x}")])
}

/// What a merchant's intent is for.
pub(crate) fn intent(id: &str) -> Vec<u8> {
    join(&["intent", id])
}

/// Intents of a merchant in the order in which they were made.
pub(crate) fn intent_of(program: &str, number: u64) -> Vec<u8> {
    join(&["intents", program, &format!("{number:016x}")])
}

pub(crate) fn intents_of(program: &str) -> Vec<u8> {
    join(&["intents", program, ""])
}

/// The first answer to an `Idempotency-Key`.
pub(crate) fn answer(id: u128) -> Vec<u8> {
    join(&["answer", &format!("{id:032x}")])
}

/// The keys of the pieces of a value of that length: never none.
pub(crate) fn pieces(key: &[u8], len: usize) -> Vec<Vec<u8>> {
    (0..len.div_ceil(PIECE).max(1))
        .map(|at| {
            let mut piece = key.to_vec();
            piece.extend_from_slice(format!("\0{at:02}").as_bytes());
            piece
        })
        .collect()
}

/// A value cut into its pieces, each with its key.
pub(crate) fn cut<'a>(key: &[u8], value: &'a [u8]) -> Vec<(Vec<u8>, &'a [u8])> {
    let mut chunks = value.chunks(PIECE);
    pieces(key, value.len())
        .into_iter()
        .map(|piece| (piece, chunks.next().unwrap_or_default()))
        .collect()
}
