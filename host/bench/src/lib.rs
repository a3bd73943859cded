//! What `youji bench` runs. Every bench goes through the doors that people and programs use, and prints one JSON object.
//!
//! | module | measures |
//! |---|---|
//! | [`decode`] | pictures of codes that are read, and how fast |
//! | [`figures`] | quantiles, the machine, its disk |

pub mod decode;
pub mod figures;
