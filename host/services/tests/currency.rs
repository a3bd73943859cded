//! A data folder keeps the currency that it began with.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use youji_services::{OpenError, Services, ServicesConfig};
use youji_store::StoreError;

/// Waits until threads of services that are gone have let go of the folder.
fn open(folder: &Path, currency: &str) -> Result<Arc<Services>, OpenError> {
    loop {
        let opened = tokio::task::block_in_place(|| {
            Services::open(ServicesConfig {
                currency: currency.to_owned(),
                ..ServicesConfig::new(folder)
            })
        });
        match opened {
            Err(OpenError::Store(StoreError::InUse { .. })) => std::thread::sleep(Duration::from_millis(10)),
            other => return other,
        }
    }
}

fn refuse(folder: &Path, asked: &str, kept: &str) {
    let refused = open(folder, asked).map(drop).expect_err("another currency");
    assert!(matches!(&refused, OpenError::OtherCurrency { wanted, found } if wanted == asked && found == kept));
    let words = format!("hold {kept}, and {asked} was asked for");
    assert!(refused.to_string().contains(&words), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_keeps_its_currency() {
    let folder = tempfile::tempdir().expect("a folder");
    let services = open(folder.path(), "JPY").expect("a fresh folder");
    let visitor = services.create_visitor("en").await.expect("a visitor");
    assert_eq!(visitor.currency, "JPY");
    services.shutdown().await;
    drop(services);

    refuse(folder.path(), "EUR", "JPY");
    for currency in ["", "JPY"] {
        let services = open(folder.path(), currency).expect("its own currency");
        assert_eq!(services.currency(), "JPY", "asked for \"{currency}\"");
        services.shutdown().await;
    }
    // As a version left it that did not write the currency down: the wallets tell.
    let currency = folder.path().join("currency");
    std::fs::remove_file(&currency).expect("it was written down");
    assert_eq!(open(folder.path(), "").expect("wallets of JPY").currency(), "JPY");
    refuse(folder.path(), "EUR", "JPY");

    let refused = open(folder.path(), "BTC").map(drop).expect_err("no such currency");
    assert!(
        refused.to_string().contains("BTC") && refused.to_string().contains("CNY, EUR"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_keeps_its_currency_before_there_is_a_wallet() {
    for (began, kept, other) in [("EUR", "EUR", "JPY"), ("", "CNY", "EUR")] {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(folder.path(), began).expect("a fresh folder");
        assert_eq!(services.currency(), kept);
        services.shutdown().await;
        drop(services);

        refuse(folder.path(), other, kept);
        let services = open(folder.path(), "").expect("its own currency");
        assert_eq!(services.currency(), kept);
        let visitor = services.create_visitor("en").await.expect("a visitor");
        assert_eq!(visitor.currency, kept);
        services.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_currency_that_cannot_be_read_is_not_guessed() {
    let folder = tempfile::tempdir().expect("a folder");
    let services = open(folder.path(), "EUR").expect("a fresh folder");
    services.shutdown().await;
    drop(services);
    std::fs::write(folder.path().join("currency"), "E").expect("written");
    let refused = open(folder.path(), "").map(drop).expect_err("no currency").to_string();
    assert!(
        refused.contains("currency: one of CNY, EUR") && refused.contains("backup"),
        "{refused}"
    );
}
