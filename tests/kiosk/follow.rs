//! `youji drive` on programs of another workspace, one of which opens the other.

use anyhow::{Result, ensure};
use std::path::Path;
use youji_tests::kiosk::{run, workspace};

const WORKSPACE: &str = r#"
[workspace]
resolver = "3"
members = ["miniprograms/door", "miniprograms/room"]

[profile.miniprogram]
inherits = "release"
opt-level = "s"
lto = true
codegen-units = 1
panic = "abort"
strip = true
debug = false
"#;

const DOOR: &str = r#"
use youji_sdk::widgets::{Parent, Widget, button, page, text};
use youji_sdk::{Ctx, Element, Fields, Launch, Outcome, Program, Saved};

struct Door(&'static str);

#[derive(Clone, Debug)]
enum Msg {
    Open,
    Opened(Outcome),
}

impl Program for Door {
    type Msg = Msg;

    fn launched(_: Launch, _: Option<Saved>, _: &mut Ctx<Msg>) -> Self {
        Door("Nobody went in")
    }

    fn update(&mut self, message: Msg, ctx: &mut Ctx<Msg>) {
        match message {
            Msg::Open => {
                ctx.open("example.room", "", Fields::new().text("guest", "Anna"), Msg::Opened);
            }
            Msg::Opened(outcome) => self.0 = if outcome.is_done() { "Somebody went in" } else { "They stayed" },
        }
    }

    fn view(&self) -> Element<Msg> {
        page().title("Door").child(text().text(self.0)).child(button().label("Open").on_tap(Msg::Open)).into()
    }
}

youji_sdk::export!(Door);
"#;

const ROOM: &str = r#"
use youji_sdk::widgets::{Parent, Widget, page, text};
use youji_sdk::{Ctx, Element, Launch, Program, Saved};

struct Room(String);

impl Program for Room {
    type Msg = ();

    fn launched(launch: Launch, _: Option<Saved>, _: &mut Ctx<()>) -> Self {
        Room(format!("{} is here from {}", launch.page.query("guest"), launch.from_program))
    }

    fn update(&mut self, (): (), _: &mut Ctx<()>) {}

    fn view(&self) -> Element<()> {
        page().title("Room").child(text().text(self.0.as_str())).into()
    }
}

youji_sdk::export!(Room);
"#;

const SCENARIO: &str = r#"{ "name": "in and out", "persons": { "anna": {} }, "steps": [
  { "who": "anna", "open": { "program": "example.door" } },
  { "who": "anna", "tap": { "label": "Open" } },
  { "who": "anna", "answer": { "sheet": "open", "accept": false } },
  { "who": "anna", "expect": { "text": "They stayed" } },
  { "who": "anna", "tap": { "label": "Open" } },
  { "who": "anna", "answer": { "sheet": "open", "accept": true } },
  { "who": "anna", "expect": { "text": "Anna is here from example.door" } },
  { "who": "anna", "close": {} },
  { "who": "anna", "expect": { "text": "Somebody went in" } }
] }"#;

/// A mini-program below that workspace.
fn write(root: &Path, name: &str, permissions: &str, source: &str) -> Result<()> {
    let folder = root.join("miniprograms").join(name);
    std::fs::create_dir_all(folder.join("src"))?;
    std::fs::create_dir_all(folder.join("common"))?;
    std::fs::copy(
        workspace().join("miniprograms/counter/common/icon.svg"),
        folder.join("common/icon.svg"),
    )?;
    std::fs::write(folder.join("src/lib.rs"), source)?;
    let sdk = workspace().join("sdk/rust");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\nyouji-sdk = {{ path = {sdk:?} }}\n\n\
         [lib]\ncrate-type = [\"cdylib\"]\n"
    );
    std::fs::write(folder.join("Cargo.toml"), manifest)?;
    let manifest = format!(
        r#"{{ "app_id": "example.{name}", "name": "{name}", "short_name": "{name}", "description": "For a test.", "lang": "en",
             "icons": [{{ "src": "common/icon.svg" }}], "version": {{ "code": 1, "name": "1.0" }}, "platform_version": {{ "min_code": 1 }},
             "pages": ["pages/home"], "req_permissions": [{permissions}] }}"#
    );
    std::fs::write(folder.join("manifest.json"), manifest)?;
    Ok(())
}

#[test]
fn a_scenario_follows_a_program_into_another_one_and_back() -> Result<()> {
    let root = tempfile::tempdir()?;
    std::fs::write(root.path().join("Cargo.toml"), WORKSPACE)?;
    // The same dependencies as here, which are on this machine.
    std::fs::copy(workspace().join("Cargo.lock"), root.path().join("Cargo.lock"))?;
    // With the same profile, what was built for the sample programs need not be built again.
    let built = workspace().join("target/miniprograms");
    std::fs::create_dir_all(&built)?;
    std::fs::create_dir(root.path().join("target"))?;
    std::os::unix::fs::symlink(built, root.path().join("target/miniprograms"))?;
    write(
        root.path(),
        "door",
        r#"{ "name": "navigation", "reason": "To open the room" }"#,
        DOOR,
    )?;
    write(root.path(), "room", "", ROOM)?;
    let scenario = root.path().join("scenario.json");
    std::fs::write(&scenario, SCENARIO)?;
    let path = |path: &Path| path.display().to_string();
    let output = run(&["drive", &path(&scenario), "--root", &path(root.path()), "--json"]);
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(outcome["steps"], 9);
    let programs: Vec<&str> = outcome["receipts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|receipt| receipt["program"].as_str())
        .collect();
    assert_eq!(programs, ["example.room", "example.door"], "the one on top is closed first");
    Ok(())
}
