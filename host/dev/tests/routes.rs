//! The tools below `/dev`: every route × who asks, from here and from elsewhere, on a kiosk that was started with them and on one that was not.

use std::net::IpAddr;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use youji_dev::simulator::tools::ROUTES;
use youji_dev::{NewProject, Project, Simulator, scaffold};
use youji_kiosk::{Host, HostConfig, Server, lan_address};
use youji_runtime::Compiler;

/// Status for whoever is at this machine, whether nobody, a person or the operator: who uses the kiosk makes no difference.
const EXPECTED: [(&str, &str, u16); 4] = [
    ("/dev", "/dev", 200),
    ("/dev/files/{*file}", "/dev/files/main.js", 200),
    // Asked for without an upgrade.
    ("/dev/socket", "/dev/socket", 400),
    ("/dev/recording/{session}", "/dev/recording/0000000000000001", 404),
];

struct Answer {
    status: u16,
    text: String,
}

async fn ask(at: (IpAddr, u16), method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut stream = TcpStream::connect(at).await.expect("connected");
    let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: 2\r\ncontent-type: application/json\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n{}");
    stream.write_all(request.as_bytes()).await.expect("asked");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("answered");
    let text = String::from_utf8_lossy(&answer).into_owned();
    Answer {
        status: text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"),
        text,
    }
}

fn cookie(answer: &Answer) -> String {
    let line = answer
        .text
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .expect("a cookie");
    line.split(';').next().expect("a value").to_owned()
}

async fn config(folder: &Path, lan: bool) -> (HostConfig, tokio::net::TcpListener) {
    let mut config = HostConfig {
        address: (if lan { [0, 0, 0, 0] } else { [127, 0, 0, 1] }, 0).into(),
        lan,
        compiler: Compiler::InProcess,
        ..HostConfig::new(folder)
    };
    let listener = Server::bind(&mut config).await.expect("a port");
    (config, listener)
}

async fn simulator(folder: &Path, lan: bool) -> (Simulator, Server) {
    let created = scaffold::create(&NewProject {
        name: if lan { "there" } else { "here" },
        template: "counter",
        id: None,
        parent: folder,
        home: folder,
    })
    .expect("a project");
    let project = Project::find(&created.folder).expect("a project");
    let (config, listener) = config(&created.folder.join("data"), lan).await;
    let simulator = Simulator::open(project, config).await.expect("a simulator");
    let server = simulator.serve(listener);
    (simulator, server)
}

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_and_principal() {
    let known: Vec<&str> = EXPECTED.iter().map(|(route, ..)| *route).collect();
    assert_eq!(known, ROUTES, "every route has a row, and every row a route");
    let folder = tempfile::tempdir().expect("a folder");
    let (simulator, server) = simulator(folder.path(), false).await;
    let port = server.address().port();
    let own = format!("localhost:{port}");
    let origin = format!("http://{own}");
    let act = [("host", own.as_str()), ("origin", origin.as_str())];
    let person = cookie(&ask((HERE, port), "POST", "/api/visitor", &act).await);
    let pin = simulator.host().operator().new_pin().expect("a PIN");
    let operator = {
        let mut stream = TcpStream::connect((HERE, port)).await.expect("connected");
        let body = format!("{{\"pin\":\"{pin}\"}}");
        let request = format!(
            "POST /api/operator/sign-in HTTP/1.1\r\nhost: {own}\r\norigin: {origin}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("asked");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("answered");
        cookie(&Answer { status: 200, text })
    };
    for (_, path, wanted) in EXPECTED {
        for cookie in ["", &person, &operator] {
            let answer = ask((HERE, port), "GET", path, &[("host", &own), ("cookie", cookie)]).await;
            assert_eq!(answer.status, wanted, "{path} with \"{cookie}\": {}", answer.text);
            assert!(answer.text.contains("x-frame-options: DENY"), "{path}: {}", answer.text);
            let answer = ask(
                (HERE, port),
                "POST",
                path,
                &[("host", &own), ("origin", &origin), ("cookie", cookie)],
            )
            .await;
            assert_eq!(answer.status, 405, "nothing is done by POST: {path}");
        }
        for host in [
            format!("evil.example:{port}"),
            "localhost".to_owned(),
            format!("localhost:{}", port.wrapping_add(1)),
        ] {
            let answer = ask((HERE, port), "GET", path, &[("host", &host), ("cookie", &operator)]).await;
            assert_eq!(answer.status, 403, "{path} as {host}");
        }
        for headers in [
            [("origin", "http://evil.example"), ("x-none", "")],
            [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
        ] {
            let mut all = vec![("host", own.as_str())];
            all.extend(headers);
            assert_eq!(ask((HERE, port), "GET", path, &all).await.status, 403, "{path} {headers:?}");
        }
    }
    // A socket needs to say that it comes from the own page.
    let upgrade = [
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for origin in ["http://evil.example", "null", "http://localhost:1"] {
        let mut headers = vec![("host", own.as_str()), ("origin", origin)];
        headers.extend(upgrade);
        assert_eq!(ask((HERE, port), "GET", "/dev/socket", &headers).await.status, 403, "{origin}");
    }
    let mut headers = vec![("host", own.as_str())];
    headers.extend(upgrade);
    assert_eq!(ask((HERE, port), "GET", "/dev/socket", &headers).await.status, 403, "no origin");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tool_is_reached_from_another_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(lan) = lan_address() else {
        let what = "tools for authors from another machine: this one has no address on a network";
        eprintln!("!! NOT CHECKED: {what}");
        // What `tests/run` says at its end.
        if let Some(file) = std::env::var_os("YOUJI_NOT_CHECKED") {
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).expect("the file");
            std::io::Write::write_all(&mut file, format!("{what}\n").as_bytes()).expect("written");
        }
        return;
    };
    let (_simulator, server) = simulator(folder.path(), true).await;
    let port = server.address().port();
    let at = (lan, port);
    let theirs = format!("{lan}:{port}");
    let answer = ask(at, "GET", "/", &[("host", &theirs)]).await;
    assert_eq!(answer.status, 200, "the kiosk itself answers there");
    for (_, path, _) in EXPECTED {
        for host in [theirs.clone(), format!("localhost:{port}")] {
            let answer = ask(at, "GET", path, &[("host", &host)]).await;
            assert_eq!(answer.status, 403, "{path} as {host}: {}", answer.text);
            assert!(answer.text.contains("this-machine"), "{path} as {host}: {}", answer.text);
        }
        // From here, but under the name that others use: a page of another machine could have been sent here.
        let answer = ask((HERE, port), "GET", path, &[("host", &theirs)]).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kiosk_has_no_tools() {
    let folder = tempfile::tempdir().expect("a folder");
    let (config, listener) = config(&folder.path().join("data"), false).await;
    let host = Host::new(config).await.expect("a host");
    let server = Server::start(host, listener);
    let port = server.address().port();
    for (_, path, _) in EXPECTED {
        let answer = ask((HERE, port), "GET", path, &[("host", &format!("localhost:{port}"))]).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
    server.stop().await;
}
