//! Who is let in, and who is told that somebody is there already.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use youji_bench::client::Seat;
use youji_tests::kiosk::{Kiosk, data, workspace, youji};
use youji_tests::not_checked::not_checked;
use youji_tests::order::{order, sit_down};

async fn refused(command: &str, arguments: &[&str]) -> Result<String> {
    let output = tokio::process::Command::new(youji())
        .arg(command)
        .args(["--json", "--no-open"])
        .args(arguments)
        .current_dir(workspace())
        .output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(300), output).await??;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_and_a_taken_folder_are_named() -> Result<()> {
    let folder = data().await?;
    let kiosk = Kiosk::start("serve", folder.path(), &[]).await?;
    let other = data().await?;
    let port = kiosk.address.port().to_string();
    for command in ["serve", "demo"] {
        let error = refused(command, &["--port", &port, "--data", &other.path().display().to_string()]).await?;
        assert!(error.contains(&port) && error.contains("--port"), "{command}: {error}");
        let error = refused(command, &["--port", "0", "--data", &folder.path().display().to_string()]).await?;
        assert!(
            error.contains("in use by another youji") && error.contains(&kiosk.process().to_string()) && error.contains("--data"),
            "{command}: {error}"
        );
    }
    // Whoever was there first notices nothing.
    kiosk.seat().visitor("en").await?;
    kiosk.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_origin_and_another_host_name_are_refused() -> Result<()> {
    let folder = data().await?;
    let kiosk = Kiosk::start("serve", folder.path(), &[]).await?;
    let mut seat = kiosk.seat();
    let body = json!({"language": "en"}).to_string();
    let own = format!("http://localhost:{}", kiosk.address.port());
    let mut check = async |headers: &[(&str, &str)], origin: &str, let_in: bool| -> Result<()> {
        let mut headers = headers.to_vec();
        headers.push(("content-type", "application/json"));
        let answer = seat
            .request("POST", "/api/visitor", &headers, body.as_bytes(), Some(origin))
            .await?;
        assert_eq!(answer.status == 200, let_in, "{headers:?}, origin {origin}: {answer:?}");
        Ok(())
    };
    check(&[], &own, true).await?;
    check(&[], "https://evil.example", false).await?;
    check(&[], "null", false).await?;
    check(&[], "", false).await?;
    // DNS rebinding: another name that leads here.
    check(&[("host", "evil.example")], "http://evil.example", false).await?;
    let rebound = seat
        .request("GET", "/api/state", &[("host", "evil.example")], b"", Some(""))
        .await?;
    assert!(rebound.status >= 400, "{rebound:?}");
    kiosk.stop().await
}

/// When each package below a data folder was written.
fn packages(data: &Path) -> Result<BTreeMap<PathBuf, SystemTime>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(data.join("packages"))? {
        let entry = entry?;
        all.insert(entry.path(), entry.metadata()?.modified()?);
    }
    ensure!(!all.is_empty(), "a demonstration has packages");
    Ok(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_demonstration_builds_nothing_and_is_the_same() -> Result<()> {
    let folder = data().await?;
    let before = packages(folder.path())?;
    let kiosk = Kiosk::start("demo", folder.path(), &[]).await?;
    assert_eq!(packages(folder.path())?, before, "nothing was built again");
    let first = (
        kiosk.report["people"].clone(),
        kiosk.report["operatorPin"].clone(),
        kiosk.report["programs"].clone(),
    );
    kiosk.stop().await?;
    let kiosk = Kiosk::start("demo", folder.path(), &[]).await?;
    let second = (
        kiosk.report["people"].clone(),
        kiosk.report["operatorPin"].clone(),
        kiosk.report["programs"].clone(),
    );
    assert_eq!(first, second);
    eprintln!("a further start took {} ms", kiosk.report["startMs"]);
    kiosk.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_on_the_network_opens_the_printed_code_and_orders() -> Result<()> {
    let folder = data().await?;
    let Some(ip) = youji_kiosk::lan_address() else {
        not_checked("a phone on the network: this machine has no address on one");
        return Ok(());
    };
    let kiosk = Kiosk::start("demo", folder.path(), &["--lan"]).await?;
    let address = SocketAddr::new(ip, kiosk.address.port());
    let code = kiosk.code("restaurant", "T7")?;
    let (own, path) = code.split_at(code.to_ascii_lowercase().find("/m/").context("a link")?);
    assert_eq!(own.to_ascii_lowercase(), format!("http://{address}"), "codes lead to this machine");

    // The phone's camera opens the link, and the page that comes opens the code.
    let mut phone = Seat::calling(address, &ip.to_string());
    let page = phone.get(path).await?;
    ensure!(page.status == 200 && page.body.contains("<script"), "{page:?}");
    phone.visitor("en").await?;
    let mut stage = sit_down(&mut phone, &code).await?;
    stage.sees("Table 7").await?;
    order(&mut stage).await?;
    stage.answer("payment", true).await?;
    stage.sees("The kitchen has it.").await?;
    // Without --lan nobody else is let in.
    kiosk.stop().await?;
    let kiosk = Kiosk::start("demo", folder.path(), &[]).await?;
    let mut phone = Seat::calling(SocketAddr::new(ip, kiosk.address.port()), &ip.to_string());
    assert!(phone.get("/").await.is_err(), "it listens on this machine only");
    kiosk.stop().await
}
