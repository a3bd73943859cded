//! The restaurant of this workspace, built from source, opens at its table and serves.

mod support;

use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use support::Kiosk;
use youji_api::ProgramId;

const RESTAURANT: &str = "youji.restaurant";

#[tokio::test(flavor = "multi_thread")]
async fn the_restaurant_opens_at_its_table() {
    let kiosk = Kiosk::open(|_| {}).await;
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let out = kiosk.folder.path().join("packages");
    let built =
        tokio::task::spawn_blocking(move || youji_dev::build_all(&youji_dev::Options::new(&root, &out, &support::key()), &mut |_| {}));
    for program in built.await.unwrap().unwrap_or_else(|error| panic!("{error}")) {
        kiosk
            .host
            .registry()
            .publish(program.bytes)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }
    let code = kiosk.host.code_for(&ProgramId::from(RESTAURANT), "", "T7").unwrap();
    assert!(code.len() <= 90, "{code}");

    let mut device = kiosk.visitor().await;
    let opened = device.open(&code).await;
    assert_eq!(opened["program"]["id"], RESTAURANT);
    assert!(
        opened["permissions"]
            .as_array()
            .unwrap()
            .iter()
            .any(|permission| permission["name"] == "payment"),
        "{opened}"
    );
    let icon = opened["program"]["icon"].as_str().unwrap();
    let digest = opened["program"]["digest"].as_str().unwrap();
    let picture = device.get(&format!("/program/{digest}/{icon}")).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, "image/svg+xml"));
    assert!(picture.header("cache-control").contains("immutable"));
    assert!(picture.header("content-security-policy").contains("sandbox"));
    assert_eq!(
        device.get(&format!("/program/{digest}/manifest.json")).await.status,
        404,
        "only pictures are served"
    );

    let mut page = device.page(&opened, 0).await;
    let full = page.until("full").await;
    assert!(page.tree.len() >= 100, "{} nodes", page.tree.len());
    assert!(full.to_string().to_lowercase().contains("table 7"), "the menu knows its table");
    let tapped = page
        .tree
        .iter()
        .find(|node| node["on"].as_array().is_some_and(|on| on.contains(&json!("tap"))))
        .unwrap()["id"]
        .clone();
    page.say(json!({"t": "event", "id": tapped, "kind": "tap", "value": null, "eventId": "dish"}))
        .await;
    assert_eq!(page.until("ack").await["applied"], true);

    let mut operator = kiosk.operator().await;
    let summary = operator.get("/api/operator/summary").await.json();
    assert_eq!(
        (&summary["day"]["scans"], &summary["day"]["opens"]),
        (&json!(1), &json!(1)),
        "{summary}"
    );
    assert_eq!(summary["live"].as_array().unwrap().len(), 1, "{summary}");
    let again = Arc::clone(&kiosk.host);
    page.say(json!({"t": "close"})).await;
    assert_eq!(page.until("ended").await["reason"], "closed");
    assert!(again.runtime().sessions().is_empty());
    drop(again);
    kiosk.server.stop().await;
}
