//! The host is killed at any moment of an order: charged once or not at all, and everybody sees which.

use anyhow::{Result, ensure};
use rand::{Rng, SeedableRng};
use std::time::Duration;
use youji_tests::kiosk::{Kiosk, data};
use youji_tests::order::{PRICE, balance, order, receipts, sit_down};

/// How often the host is killed.
const KILLS: u32 = 25;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_host_has_charged_once_or_not_at_all() -> Result<()> {
    let seed = std::env::var("YOUJI_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random::<u64>);
    println!("seed: YOUJI_SEED={seed}");
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let folder = data().await?;
    let (mut expected_receipts, mut charged_while_killed) = (0, 0);
    let mut kiosk = Kiosk::start("serve", folder.path(), &[]).await?;
    let mut had = balance(&mut kiosk.signed_in("anna").await?).await?;
    for kill in 0..KILLS {
        let mut guest = kiosk.signed_in("anna").await?;
        let code = kiosk.code("restaurant", "")?;
        // Most of them around the moment that counts; the others anywhere from sitting down to the receipt.
        let at_the_answer = kill % 5 != 0;
        let wait = Duration::from_micros(random.random_range(0..if at_the_answer { 25_000 } else { 1_500_000 }));
        if at_the_answer {
            let mut stage = sit_down(&mut guest, &code).await?;
            order(&mut stage).await?;
            stage.answer("payment", true).await?;
            tokio::time::sleep(wait).await;
            kiosk.kill().await?;
        } else {
            let ordering = tokio::spawn(async move {
                let mut stage = sit_down(&mut guest, &code).await?;
                order(&mut stage).await?;
                stage.answer("payment", true).await?;
                stage.sees("The kitchen has it.").await
            });
            tokio::time::sleep(wait).await;
            kiosk.kill().await?;
            // It may have got anywhere; only money and receipts count.
            let _ = ordering.await?;
        }
        kiosk = Kiosk::start("serve", folder.path(), &[]).await?;
        let mut guest = kiosk.signed_in("anna").await?;
        let has = balance(&mut guest).await?;
        ensure!(has == had || has == had - PRICE, "kill {kill} after {wait:?}: had {had}, has {has}");
        let paid = has != had;
        expected_receipts += usize::from(paid);
        charged_while_killed += u32::from(paid);
        let found = receipts(&mut guest).await?.len();
        ensure!(found == expected_receipts, "kill {kill} after {wait:?}: {expected_receipts} payments, {found} receipts");
        had = has;
    }
    // The program sees the same: as many bills as payments.
    let mut guest = kiosk.signed_in("anna").await?;
    let mut stage = sit_down(&mut guest, &kiosk.code("restaurant", "")?).await?;
    stage.tap("My bills").await?;
    stage.until("the bills", |stage| (stage.view.path == "pages/bills").then_some(())).await?;
    let bills = stage.view.text().matches("Ordered").count();
    println!("{charged_while_killed} of {KILLS} were charged; the program shows {bills} bills");
    ensure!(charged_while_killed > 0 && charged_while_killed < KILLS, "the moments do not straddle the payment");
    kiosk.stop().await
}
