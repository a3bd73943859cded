//! An author at work: edits, broken edits, edits that change the state's shape, a trap, a recording. For real: files, cargo or the script
//! engine, a host, a page.
//!
//! The short form plays a few edits; `YOUJI_EDITS=200 cargo test -p youji-dev --test simulator` the long one. The seed is printed, and
//! `YOUJI_SEED` repeats it.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use youji_dev::watch::Watch;
use youji_dev::{Developer, NewProject, Project, Recording, Simulator, replay, scaffold};
use youji_kiosk::{HostConfig, Server};
use youji_package::PublisherKey;
use youji_runtime::Compiler;

/// Nothing here is measured; a slow machine only must not hang for ever.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the author writes in, and how the same thing is said in it.
#[derive(Clone, Copy)]
struct Language {
    language: scaffold::Language,
    /// Both halves of a program.
    files: (&'static str, &'static str),
    source: fn(u32, u32, &str) -> (String, String),
    /// Does not compile; the number stands in what the compiler says about the first line.
    broken: fn(u32) -> String,
    /// At which column.
    column: u32,
    /// Stops the second tap.
    boom: &'static str,
    /// What is said of it when the next version begins.
    stopped: &'static str,
    /// A line that is reached at the launch, and what it becomes to stop there.
    launch: (&'static str, &'static str),
}

const RUST: Language = Language {
    language: scaffold::Language::Rust,
    files: ("src/lib.rs", "src/part.rs"),
    source: in_rust,
    broken: |version| format!("compile_error!(\"broken {version}\");"),
    column: 1,
    boom: "assert!(self.0 < 2, \"boom\");",
    stopped: "stopped",
    launch: (
        "let saved = saved.filter",
        "panic!();\n#[allow(unreachable_code)]\nlet saved = saved.filter",
    ),
};

const TYPESCRIPT: Language = Language {
    language: scaffold::Language::TypeScript,
    files: ("src/main.ts", "src/part.ts"),
    source: in_typescript,
    broken: |version| format!("enum \"broken {version}\";"),
    column: 6,
    boom: "if (model >= 1) throw new Error(\"boom\");",
    stopped: "Error: boom",
    launch: ("const count =", "throw new Error(\"at once\"); const count ="),
};

/// The same program in TypeScript; the name of an export keeps halves of two versions apart.
fn in_typescript(version: u32, schema: u32, more: &str) -> (String, String) {
    let main = format!(
        r#"import {{ number, program }} from "youji";
import {{ widgets }} from "youji/widgets";
import {{ words{version} }} from "./part";
const {{ button, page, stack, text }} = widgets<"more">();
export default program<number, "more">({{
    schema: {schema},
    init(_launch, saved) {{
        const count = typeof saved === "number" ? saved : 0;
        return count;
    }},
    update(model) {{
        {more}
        return model + 1;
    }},
    view(model) {{
        const count: string = `count ${{number(model)}}`;
        return page(
            {{ title: "lib {version}" }},
            stack({{}}, text({{ text: words{version}() }}), text({{ text: count }}), button({{ label: "More", onTap: "more" }})),
        );
    }},
    save: (model) => model,
}});
"#
    );
    let part = format!("export function words{version}(): string {{\n    return \"part {version}\";\n}}\n");
    (main, part)
}

/// A program that says in two places which version it is, and does not compile from halves of two. What it keeps depends on `schema`.
fn in_rust(version: u32, schema: u32, more: &str) -> (String, String) {
    let lib = format!(
        r#"mod part;
use youji_sdk::text::number;
use youji_sdk::widgets::{{Parent, button, page, stack, text}};
use youji_sdk::{{Ctx, Element, Launch, Program, Saved}};
const _: () = assert!(part::VERSION == {version});
pub struct App(u32);
impl Program for App {{
    type Msg = ();
    fn launched(_: Launch, saved: Option<Saved>, _: &mut Ctx<()>) -> Self {{
        let saved = saved.filter(|saved| saved.schema == {schema});
        App(saved.and_then(|saved| saved.bytes.try_into().ok()).map_or(0, u32::from_le_bytes))
    }}
    fn update(&mut self, (): (), _: &mut Ctx<()>) {{
        self.0 += 1;
        {more}
    }}
    fn view(&self) -> Element<()> {{
        let count = format!("count {{}}", number(u64::from(self.0)));
        page()
            .title("lib {version}")
            .child(stack().child(text().text(part::words())).child(text().text(count)).child(button().label("More").on_tap(())))
            .into()
    }}
    fn save(&self) -> Option<Saved> {{
        Some(Saved {{ schema: {schema}, bytes: self.0.to_le_bytes().to_vec() }})
    }}
}}
youji_sdk::export!(App);
"#
    );
    let part = format!("pub const VERSION: u32 = {version};\npub fn words() -> String {{ \"part {version}\".to_owned() }}\n");
    (lib, part)
}

struct Author {
    project: Project,
    manifest: Value,
    language: Language,
}

impl Author {
    fn new(language: Language, parent: &Path, home: &Path) -> Author {
        let new = NewProject {
            name: "tea-house",
            template: "counter",
            id: None,
            parent,
            home,
        };
        let created = scaffold::create_in(language.language, &new).expect("a new project");
        let project = Project::find(&created.folder).expect("a project");
        let manifest = std::fs::read(project.dir.join("manifest.json")).expect("a manifest");
        let author = Author {
            project,
            manifest: serde_json::from_slice(&manifest).expect("JSON"),
            language,
        };
        author.write("i18n/en.json", "{}");
        author.save(0, 1, "");
        author
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.project.dir.join(path), text).expect("written");
    }

    fn save(&self, version: u32, schema: u32, more: &str) {
        let (lib, part) = (self.language.source)(version, schema, more);
        let mut manifest = self.manifest.clone();
        manifest["name"] = format!("name {version}").into();
        self.write("manifest.json", &manifest.to_string());
        let (first, second) = self.language.files;
        self.write(second, &part);
        self.write(first, &lib);
    }
}

/// A page that trusts nothing: every frame is held against what the run that it belongs to began with.
struct Page {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    address: String,
    run: u64,
    session: String,
    /// What the run on the stage calls itself, and how far it has counted.
    version: Option<u32>,
    count: u32,
    button: u64,
    name: String,
    kept: Value,
    build: Value,
    ended: Value,
    refused: Value,
    events: u32,
    acks: Vec<(String, bool)>,
    entries: Vec<Value>,
}

impl Page {
    async fn open(address: &str) -> Page {
        let mut request = format!("ws://{address}/dev/socket").into_client_request().expect("an address");
        request
            .headers_mut()
            .insert("origin", format!("http://{address}").parse().expect("a header"));
        let (socket, _) = tokio_tungstenite::connect_async(request).await.expect("the page's socket");
        Page {
            socket,
            address: address.to_owned(),
            run: 0,
            session: String::new(),
            version: None,
            count: 0,
            button: 0,
            name: String::new(),
            kept: Value::Null,
            build: Value::Null,
            ended: Value::Null,
            refused: Value::Null,
            events: 0,
            acks: Vec::new(),
            entries: Vec::new(),
        }
    }

    async fn send(&mut self, frame: Value) {
        self.socket.send(Message::text(frame.to_string())).await.expect("sent");
    }

    /// Taps the button of a run; whether it counted.
    async fn tap(&mut self, run: u64) -> bool {
        self.events += 1;
        let id = format!("tap-{}", self.events);
        let frame = json!({"t": "event", "run": run, "id": self.button, "kind": "tap", "eventId": id});
        self.send(frame).await;
        self.until("an answer to the tap", |page| {
            page.acks.iter().any(|(known, _)| *known == id) || !page.ended.is_null()
        })
        .await;
        self.acks.iter().any(|(known, applied)| *known == id && *applied)
    }

    async fn until(&mut self, what: &str, done: impl Fn(&Page) -> bool) {
        let wait = async {
            while !done(self) {
                let message = self.socket.next().await.expect("the page stays connected").expect("a frame");
                if let Message::Text(text) = message {
                    self.take(&serde_json::from_str(&text).expect("JSON"));
                }
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!(
                "{what} did not come; the last build: {}, on the stage: {:?}",
                self.build, self.version
            );
        }
    }

    fn take(&mut self, frame: &Value) {
        match frame["t"].as_str().expect("a kind") {
            "run" => {
                let number = frame["run"].as_u64().expect("a number");
                assert!(number > self.run, "runs rise");
                self.run = number;
                self.session = frame["session"].as_str().expect("a session").to_owned();
                self.name = frame["program"]["name"]["en"].as_str().expect("a name").to_owned();
                self.kept = frame["state"].clone();
                self.version = None;
                self.ended = Value::Null;
                self.refused = Value::Null;
            }
            "refused" => {
                self.run = frame["run"].as_u64().expect("a number");
                self.version = None;
                self.refused = frame.clone();
            }
            "stage" => {
                let inner = &frame["frame"];
                if inner["t"] == "ack" {
                    let id = inner["eventId"].as_str().expect("an id").to_owned();
                    return self.acks.push((id, inner["applied"] == true));
                }
                assert_eq!(frame["run"].as_u64(), Some(self.run), "a frame of another run: {frame}");
                match inner["t"].as_str() {
                    Some("full") => self.full(inner),
                    Some("patch") => self.patch(inner),
                    Some("ended") => self.ended = inner.clone(),
                    _ => {}
                }
            }
            "build" => self.build = frame.clone(),
            "seen" => self.entries.push(frame.clone()),
            _ => {}
        }
    }

    fn full(&mut self, frame: &Value) {
        for node in frame["tree"].as_array().expect("a tree") {
            if node["kind"] == "button" {
                self.button = node["id"].as_u64().expect("a number");
            }
        }
        self.words(&frame["tree"]);
        let version = self.version.expect("the program says which version it is");
        assert_eq!(self.name, format!("name {version}"), "manifest and code of one version");
    }

    fn patch(&mut self, frame: &Value) {
        self.words(&frame["ops"]);
    }

    /// Every text of a frame: all of them are of the version with which the run began.
    fn words(&mut self, value: &Value) {
        match value {
            Value::String(text) => match text.split_once(' ') {
                Some(("lib" | "part", number)) => {
                    let number: u32 = number.parse().expect("a version");
                    assert_eq!(*self.version.get_or_insert(number), number, "two versions in one run");
                }
                Some(("count", number)) => self.count = number.parse().expect("a count"),
                _ => {}
            },
            Value::Array(list) => list.iter().for_each(|one| self.words(one)),
            Value::Object(members) => members.values().for_each(|one| self.words(one)),
            _ => {}
        }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await.expect("asked");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("answered");
        let answer = String::from_utf8(answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let body = match head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            true => body.split("\r\n").skip(1).step_by(2).collect(),
            false => body.to_owned(),
        };
        (status, body)
    }
}

/// Small and good enough for choosing edits.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_author_edits_breaks_and_records() {
    let folder = tempfile::tempdir().expect("a folder");
    check(RUST, folder.path(), folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_author_does_the_same_in_typescript() {
    let folder = tempfile::tempdir().expect("a folder");
    // Kept between runs: what is made once on a machine.
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/typescript");
    std::fs::create_dir_all(&home).expect("a folder");
    check(TYPESCRIPT, folder.path(), &home).await;
}

async fn check(language: Language, folder: &Path, home: &Path) {
    let author = Author::new(language, folder, home);
    let cache = author.project.compiled();
    let first = language.files.0;
    let mut config = HostConfig {
        address: ([127, 0, 0, 1], 0).into(),
        compiler: Compiler::InProcess,
        language: "en".to_owned(),
        compiled: Some(cache.clone()),
        ..HostConfig::new(folder.join("data"))
    };
    let listener = Server::bind(&mut config).await.expect("a port");
    let address = format!("localhost:{}", config.address.port());
    let watch = Watch::new(&author.project).expect("watched");
    let simulator = Simulator::open(author.project.clone(), config).await.expect("a simulator");
    let server = simulator.serve(listener);
    let mut page = Page::open(&address).await;
    let developer = Developer::new(author.project.clone(), PublisherKey::from_seed(&[7; 32]));
    let work = simulator.clone();
    let working = tokio::spawn(async move { work.work(developer, watch).await });
    page.until("the first view", |page| page.version == Some(0)).await;

    let seed = number("YOUJI_SEED", u64::from(std::process::id()) + 1);
    eprintln!("YOUJI_SEED={seed}");
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (mut schema, mut good, mut expected) = (1, 0, 0);
    for version in 1..=u32::try_from(number("YOUJI_EDITS", 6)).expect("a number of edits") {
        if dice.roll(2) == 0 && !page.ended.is_object() {
            assert!(page.tap(page.run).await, "a tap counts");
            expected += 1;
        }
        let before = page.run;
        match if version <= 3 { u64::from(version - 1) } else { dice.roll(3) } {
            0 => {
                author.write(first, &(language.broken)(version));
                let wanted = format!("broken {version}");
                page.until("the compiler's words", |page| {
                    page.build["phase"] == "failed" && page.build["message"].as_str().is_some_and(|text| text.contains(&wanted))
                })
                .await;
                assert_eq!(page.build["places"][0], format!("{first}:1:{}", language.column), "{}", page.build);
                assert_eq!((page.run, page.version), (before, Some(good)), "the last good one stays");
                continue;
            }
            1 => {
                schema += 1;
                expected = 0;
            }
            _ => {}
        }
        if dice.roll(3) == 0 {
            // A version that nobody must see for long, and never a half of it.
            author.save(version + 1_000_000, schema, "");
            tokio::time::sleep(Duration::from_millis(dice.roll(900))).await;
        }
        author.save(version, schema, "");
        good = version;
        page.until("the new version", |page| page.version == Some(good)).await;
        assert!(page.run > before);
        assert_eq!(page.count, expected, "what the one before counted: {}", page.kept);
        assert_eq!(page.kept["kept"], true, "{}", page.kept);
        // What was meant for the view before is done to no other.
        let (count, late) = (page.count, page.run - 1);
        assert!(!page.tap(late).await, "an event for a run that is over");
        assert_eq!(page.count, count);
    }

    breaks(&author, &mut page).await;
    plays_again(&author, &mut page, &cache).await;

    working.abort();
    server.stop().await;
}

/// A trap says file and line; a new version without it begins fresh and says why.
async fn breaks(author: &Author, page: &mut Page) {
    let language = author.language;
    let (first, second) = language.files;
    author.save(2_000_001, 9, language.boom);
    page.until("the version that breaks", |page| page.version == Some(2_000_001)).await;
    let (lib, _) = (language.source)(2_000_001, 9, language.boom);
    let line = lib.lines().position(|line| line.contains("boom")).expect("it is there") + 1;
    while page.ended.is_null() {
        let run = page.run;
        page.tap(run).await;
    }
    let fault = page.ended["fault"].clone();
    assert_eq!(fault["code"], "trap", "{fault}");
    let at = fault["at"].as_str().unwrap_or_default();
    assert!(at.starts_with(&format!("{first}:{line}")), "line {line}: {fault}");
    author.save(2_000_002, 9, "");
    page.until("the version after", |page| page.version == Some(2_000_002)).await;
    assert_eq!(page.kept["kept"], false);
    let why = page.kept["why"].as_str().expect("why");
    assert!(why.contains(language.stopped), "{why}");

    // One that breaks at once is not on the stage, and says where.
    let (lib, part) = (language.source)(2_000_003, 9, "");
    let (there, stops) = language.launch;
    let line = lib.lines().position(|line| line.contains(there)).expect("it is there") + 1;
    author.write(second, &part);
    author.write(first, &lib.replacen(there, stops, 1));
    page.until("a refusal", |page| !page.refused.is_null()).await;
    let fault = &page.refused["problem"]["fault"];
    assert!(
        fault["at"].as_str().unwrap_or_default().starts_with(&format!("{first}:{line}")),
        "{}",
        page.refused
    );
    author.save(2_000_004, 9, "");
    page.until("one that opens", |page| page.version == Some(2_000_004)).await;
}

/// A session in a file gives the same views again, and another program does not.
async fn plays_again(author: &Author, page: &mut Page, cache: &Path) {
    for _ in 0..3 {
        let run = page.run;
        assert!(page.tap(run).await);
    }
    let (status, text) = page.get(&format!("/dev/recording/{}", page.session)).await;
    assert_eq!(status, 200);
    let file: PathBuf = author.project.dir.join("session.youji.jsonl");
    std::fs::write(&file, &text).expect("written");
    let recording = Recording::read(&file).expect("a recording");
    let outcome = replay(&recording, cache, Compiler::InProcess).await.expect("played");
    assert!(outcome.same, "{:?}", outcome.difference);
    assert_eq!((outcome.views, outcome.lines), (4, 8), "a launch and three taps, each with a view");

    let changed = text.replace("count 2", "count 7");
    assert_ne!(changed, text);
    std::fs::write(&file, changed).expect("written");
    let recording = Recording::read(&file).expect("still a recording");
    let outcome = replay(&recording, cache, Compiler::InProcess).await.expect("played");
    let difference = outcome.difference.expect("another view");
    assert!(
        difference.recorded.contains("count 7") && difference.replayed.contains("count 2"),
        "{difference:?}"
    );
    std::fs::write(&file, "no recording").expect("written");
    let said = Recording::read(&file).expect_err("no recording").to_string();
    assert!(said.contains("session.youji.jsonl") && said.contains("line 1"), "{said}");
    assert_eq!(page.get("/dev/recording/0000000000000000").await.0, 404);
}
