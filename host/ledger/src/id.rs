//! Ids of transfers that sort by time, so that old ones can leave the memory.

const RANDOM_BITS: u32 = 80;

/// An id as in ULID: 48 bits of milliseconds since 1970, then the low 80 bits of `rest`, which are random or a keyed hash of what
/// the transfer is for. A retry must use the time of the first try, such as the time at which the order was made.
#[must_use]
pub fn timed_id(millis: u64, rest: u128) -> u128 {
    // The largest number is no id, and 0 is none either.
    let millis = u128::from(millis.clamp(1, (1 << 48) - 2));
    (millis << RANDOM_BITS) | (rest & ((1 << RANDOM_BITS) - 1))
}

/// The milliseconds since 1970 in an id that [`timed_id`] made.
#[must_use]
pub fn id_millis(id: u128) -> u64 {
    (id >> RANDOM_BITS) as u64
}
