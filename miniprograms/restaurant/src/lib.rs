//! 一盏小馆, Lantern Kitchen: a small restaurant. Guests order at their table and pay; the kitchen sees what is paid, cooks it and
//! tells them.
//!
//! | module | holds |
//! |---|---|
//! | `app` | the model, its messages, what changes it |
//! | `paying` | from a basket to a paid order |
//! | `kitchen` | what staff do |
//! | `menu`, `words` | dishes; texts, in Chinese and English |
//! | `cart`, `order` | a basket; an order in the collection "orders" |
//! | `state` | what outlives an instance |
//! | `view` | one file a page |

mod app;
mod cart;
mod kitchen;
mod menu;
mod order;
mod paying;
mod state;
mod view;
mod words;

pub use app::{App, Msg};

youji_sdk::export!(App);
