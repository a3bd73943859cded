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

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_keeps_its_currency() {
    let folder = tempfile::tempdir().expect("a folder");
    let services = open(folder.path(), "JPY").expect("a fresh folder");
    let visitor = services.create_visitor("en").await.expect("a visitor");
    assert_eq!(visitor.currency, "JPY");
    services.shutdown().await;
    drop(services);

    let refused = open(folder.path(), "EUR").map(drop).expect_err("wallets of JPY");
    assert!(matches!(&refused, OpenError::OtherCurrency { wanted, found } if wanted == "EUR" && found == "JPY"));
    assert!(refused.to_string().contains("hold JPY, and EUR was asked for"), "{refused}");
    for currency in ["", "JPY"] {
        let services = open(folder.path(), currency).expect("its own currency");
        assert_eq!(services.currency(), "JPY", "asked for \"{currency}\"");
        services.shutdown().await;
    }
    let refused = open(folder.path(), "BTC").map(drop).expect_err("no such currency");
    assert!(
        refused.to_string().contains("BTC") && refused.to_string().contains("CNY, EUR"),
        "{refused}"
    );

    let fresh = tempfile::tempdir().expect("a folder");
    assert_eq!(open(fresh.path(), "").expect("a fresh folder").currency(), "CNY");
}
