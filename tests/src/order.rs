//! A person who orders at the restaurant, by what the English page says.

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use youji_bench::client::{Seat, Stage};
use youji_bench::view::Wanted;

/// What is ordered, as the menu names it.
pub const DISH: &str = "Braised beef noodles";
/// What it costs, in minor units.
pub const PRICE: u64 = 3_600;

/// Opens the restaurant at a table.
///
/// # Errors
/// The kiosk refuses.
pub async fn sit_down(seat: &mut Seat, code: &str) -> Result<Stage> {
    seat.open(&json!({"code": code, "language": "en"})).await
}

/// Puts one dish into the cart and asks to pay; the payment sheet is open afterwards.
///
/// # Errors
/// The page is not as expected.
pub async fn order(stage: &mut Stage) -> Result<Value> {
    to_menu(stage).await?;
    stage.tap(DISH).await?;
    stage.tap("Add to basket").await?;
    stage.tap("Basket").await?;
    stage.tap("Pay").await?;
    stage.sheet("payment").await
}

/// Goes to the menu: what became of an order before a crash is told at the next launch, and then the program shows that order first.
///
/// # Errors
/// The page is not as expected.
pub async fn to_menu(stage: &mut Stage) -> Result<()> {
    stage.caught_up().await?;
    if stage.view.path != "pages/menu" {
        stage.tap("Order something more").await?;
        stage
            .until("the menu", |stage| (stage.view.path == "pages/menu").then_some(()))
            .await?;
    }
    Ok(())
}

/// What the person at a seat has, in minor units.
///
/// # Errors
/// Nobody sits there.
pub async fn balance(seat: &mut Seat) -> Result<u64> {
    let person = seat.get("/api/person").await?.ok()?;
    minor(&person["balance"])
}

/// Receipts of the person at a seat.
///
/// # Errors
/// Nobody sits there.
pub async fn receipts(seat: &mut Seat) -> Result<Vec<Value>> {
    let receipts = seat.get("/api/person/receipts").await?.ok()?;
    Ok(receipts["receipts"].as_array().cloned().unwrap_or_default())
}

/// A decimal amount in minor units.
///
/// # Errors
/// It is none.
pub fn minor(amount: &Value) -> Result<u64> {
    let text = amount
        .as_str()
        .ok_or_else(|| anyhow!("expected a decimal amount, found {amount}"))?;
    Ok(text.replace('.', "").parse()?)
}

/// A node that listens for `event` and says `label`.
pub fn wanted<'a>(event: &'a str, label: &'a str) -> Wanted<'a> {
    Wanted { event, label, within: "" }
}
