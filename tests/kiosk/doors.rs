//! Who is let in, and who is told that somebody is there already.

use anyhow::Result;
use serde_json::json;
use youji_tests::kiosk::{Kiosk, data, workspace, youji};

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
    let error = refused("serve", &["--port", &port, "--data", &other.path().display().to_string()]).await?;
    assert!(error.contains(&port) && error.contains("--port"), "{error}");
    let error = refused("serve", &["--port", "0", "--data", &folder.path().display().to_string()]).await?;
    assert!(
        error.contains("in use by another youji") && error.contains(&kiosk.process().to_string()) && error.contains("--data"),
        "{error}"
    );
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
