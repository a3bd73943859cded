//! What crosses crates: end to end, browser, hostile guests, faults, load.
