//! `youji`, the command that people type.
fn main() {}
