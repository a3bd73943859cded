//! The main job over the wire: ordered, paid, cooked, called.

use anyhow::Result;
use serde_json::json;
use youji_tests::kiosk::{Kiosk, data};
use youji_tests::order::{PRICE, balance, order, receipts, sit_down};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_paid_once_cooked_and_called() -> Result<()> {
    let folder = data().await?;
    let kiosk = Kiosk::start("serve", folder.path(), &[]).await?;
    let code = kiosk.code("restaurant", "")?;

    let mut guest = kiosk.signed_in("anna").await?;
    let had = balance(&mut guest).await?;
    let mut stage = sit_down(&mut guest, &code).await?;
    order(&mut stage).await?;
    stage.answer("payment", true).await?;
    stage.sees("The kitchen has it.").await?;
    stage.answer("subscribe", true).await?;
    assert_eq!(balance(&mut guest).await?, had - PRICE);
    assert_eq!(receipts(&mut guest).await?.len(), 1);

    let mut cook = kiosk.signed_in("chef").await?;
    let restaurant = stage.opened["program"]["id"].clone();
    let mut kitchen = cook
        .open(&json!({"program": restaurant, "page": "pages/kitchen", "query": {}, "language": "en"}))
        .await?;
    kitchen.tap("Start").await?;
    stage.sees("It is on the stove.").await?;
    kitchen.tap("Ready").await?;
    stage.sees("Eat while it is hot!").await?;
    let inbox = guest.get("/api/person/inbox?after=0").await?.ok()?;
    assert!(inbox.to_string().contains("Your order is ready"), "{inbox}");

    let ended = stage.close().await?;
    assert_eq!(ended["receipt"]["reason"], "closed");
    assert_eq!(balance(&mut guest).await?, had - PRICE);
    kiosk.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_payment_costs_nothing_and_can_be_made_again() -> Result<()> {
    let folder = data().await?;
    let kiosk = Kiosk::start("serve", folder.path(), &[]).await?;
    let mut guest = kiosk.signed_in("anna").await?;
    let had = balance(&mut guest).await?;
    let mut stage = sit_down(&mut guest, &kiosk.code("restaurant", "")?).await?;
    order(&mut stage).await?;
    stage.answer("payment", false).await?;
    stage
        .until("the sheet to go", |stage| stage.sheets.is_empty().then_some(()))
        .await?;
    assert_eq!(balance(&mut guest).await?, had);
    assert!(receipts(&mut guest).await?.is_empty());
    stage.tap("Pay").await?;
    stage.answer("payment", true).await?;
    stage.sees("The kitchen has it.").await?;
    assert_eq!(balance(&mut guest).await?, had - PRICE);
    kiosk.stop().await
}
