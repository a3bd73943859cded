//! The books from the command line, and the ledger behind the conformance kit's contract.

use anyhow::{Context, Result};
use serde_json::Value;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use youji_tests::kiosk::{data, run, workspace, youji};

#[tokio::test(flavor = "multi_thread")]
async fn the_books_of_a_host_hold_and_an_altered_byte_is_told() -> Result<()> {
    let folder = data().await?;
    let data = folder.path().display().to_string();
    let output = run(&["ledger", "verify", "--json", "--data", &data]);
    assert!(output.status.success(), "{output:?}");
    let verified: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(verified["holds"], true, "{verified}");
    assert!(verified["transfers"].as_u64().is_some_and(|transfers| transfers > 0), "{verified}");

    let codes = std::fs::read_to_string(folder.path().join("terminal.json"))?;
    let codes: Value = serde_json::from_str(&codes)?;
    let mut people = codes["people"].as_array().into_iter().flatten();
    let customer = people.find(|person| person["role"] == "").context("the demonstration's people")?;
    let code = customer["code"].as_str().context("a code")?;
    let output = run(&["ledger", "statement", code, "--json", "--data", &data]);
    assert!(output.status.success(), "{output:?}");
    let statement: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(statement["lines"][0]["kind"], "top-up", "{statement}");
    assert_eq!(statement["lines"][0]["balance"], statement["balance"], "{statement}");
    assert_eq!(run(&["ledger", "statement", "NOBODY", "--data", &data]).status.code(), Some(4));

    let csv = run(&["ledger", "export", "--format", "csv", "--data", &data]);
    let lines = String::from_utf8(csv.stdout)?.lines().count() as u64;
    assert_eq!(verified["transfers"], lines - 1, "a line for each, and a header");
    let to = folder.path().join("out.json").display().to_string();
    assert!(
        run(&["ledger", "export", "--format", "json", "--to", &to, "--data", &data])
            .status
            .success()
    );
    assert!(
        !run(&["ledger", "export", "--format", "json", "--to", &to, "--data", &data])
            .status
            .success(),
        "a file that is there stays"
    );

    let mut logs = std::fs::read_dir(folder.path().join("services/log"))?.filter_map(|file| Some(file.ok()?.path()));
    let log = logs.find(|path| path.extension().is_some_and(|is| is == "log")).context("a log")?;
    let mut bytes = std::fs::read(&log)?;
    bytes[64 + 120] ^= 1;
    std::fs::write(&log, bytes)?;
    let output = run(&["ledger", "verify", "--json", "--data", &data]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(told["divergence"]["entry"], 1, "{told}");
    let elsewhere = tempfile::tempdir()?;
    assert_eq!(
        run(&["ledger", "verify", "--data", &elsewhere.path().display().to_string()])
            .status
            .code(),
        Some(1)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_conformance_contract_is_served_on_a_scratch_folder_only() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("host.key"), "of a host")?;
    let serve = ["serve", "--ledger-conformance", "--port", "0", "--json", "--data"];
    let refused = run(&[&serve[..], &[&folder.path().display().to_string()]].concat());
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("no scratch folder"),
        "{refused:?}"
    );
    assert!(!run(&serve[..5]).status.success(), "a folder is named, never taken by default");
    std::fs::remove_file(folder.path().join("host.key"))?;

    let mut child = tokio::process::Command::new(tokio::task::spawn_blocking(youji).await?)
        .args(serve)
        .arg(folder.path())
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let report: Value = serde_json::from_str(&lines.next_line().await?.context("it ended")?)?;
    let address = report["address"]
        .as_str()
        .and_then(|address| address.strip_prefix("http://"))
        .context("an address")?;
    let mut socket = TcpStream::connect(address).await?;
    let request = format!("GET /_lck/journal HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n[]"), "{answer}");
    Ok(())
}
