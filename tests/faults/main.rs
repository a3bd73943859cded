//! Bad input and faults, through the doors that people and strangers use: each test names what is seen by whoever caused it, and
//! that neighbours and data are as before.

mod attacks;
mod codes;
mod compact;
mod disk;
mod fuzz;
mod guests;
mod left;
mod mail;
mod money;
mod packages;
mod page;
mod signals;
mod support;
