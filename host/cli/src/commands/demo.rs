//! `youji demo`: from a fresh clone to an open kiosk.

use crate::serving::{self, Known, Options, Report, Secrets};
use crate::{author, out, place};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use youji_api::{ProgramId, PublisherId};
use youji_dev::{Built, Progress};
use youji_kiosk::{Host, PosterPlace};
use youji_package::Channel;
use youji_registry::RegistryError;
use youji_services::{Merchant, Names, NewPerson};

/// The program whose tables have codes.
const RESTAURANT: &str = "youji.restaurant";
/// Where its staff see orders come in.
const KITCHEN: &str = "pages/kitchen";
/// Tables that posters are made for.
const TABLES: u32 = 12;
/// What the demonstration's publisher is called.
const PUBLISHER: &str = "有机示范 Youji Demo";

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  youji demo                               on http://localhost:8080
  youji demo --lan                         phones on this network can open the printed codes
  youji demo --data /tmp/trial --port 0    on a throw-away folder and a free port
  youji demo --json --no-open              for scripts: one line of JSON when it is open")]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let begun = Instant::now();
    let options = arguments.options;
    let root = place::workspace().context(
        "there are no mini-programs to build here. Run `youji demo` in the project's folder, or open a data folder as it is with `youji serve`",
    )?;
    serving::run(async move {
        let (mut config, listener) = options.prepare(true).await?;
        config.places = places();
        let host = Host::new(config).await?;
        let publisher = publish(&host, root, options.json).await?;
        let mut secrets = Secrets::open(&host)?;
        let first = secrets.people.is_empty();
        people(&host, &publisher, &mut secrets).await?;
        let mut report = Report::new(&host, secrets, begun)?;
        report.since_build_ms = first.then(since_build).flatten();
        options.serve(host, listener, report).await
    })
}

/// Milliseconds since cargo began to build this program, where that was a moment ago: what a newcomer waited from their first command on.
fn since_build() -> Option<u64> {
    const A_MOMENT: Duration = Duration::from_secs(3_600);
    let program = std::env::current_exe().ok()?;
    // Cargo makes this file when it makes the folder.
    let tag = program.ancestors().nth(2)?.join("CACHEDIR.TAG");
    let begun = std::fs::metadata(tag).and_then(|file| file.modified()).ok()?;
    let since = begun.elapsed().ok().filter(|since| *since < A_MOMENT)?;
    u64::try_from(since.as_millis()).ok()
}

/// A code for each table, and one for the kitchen.
fn places() -> Vec<PosterPlace> {
    let place = |page: &str, scene: String| PosterPlace {
        program: ProgramId::from(RESTAURANT),
        page: page.to_owned(),
        scene,
    };
    let tables = (1..=TABLES).map(|table| place("", format!("T{table}")));
    tables.chain([place(KITCHEN, "kitchen".to_owned())]).collect()
}

/// Builds what changed and publishes it.
async fn publish(host: &Arc<Host>, root: PathBuf, quiet: bool) -> Result<PublisherId> {
    let data = host.config().data_dir.clone();
    let key = youji_dev::publisher_key(&data.join("demo-publisher.json"))?;
    let (public, signer) = (key.public(), key.clone());
    let built = tokio::task::spawn_blocking(move || build(&root, &data.join("packages"), &key, quiet)).await??;
    let publisher = public.id();
    let known = host.registry().publishers().into_iter().any(|known| known.id == publisher);
    // Once: if the operator has disallowed it since, that stands.
    if !known {
        host.registry().allow_publisher(PUBLISHER, &public).await?;
    }
    for program in built {
        let before = host.registry().statement(&program.app_id.as_str().into());
        // A version that changed without another number is told below, by the registry.
        let stated = author::stated(before.as_ref(), &program.bytes, Channel::Release).ok().flatten();
        let published = match stated {
            Some(statement) => host.registry().publish_stated(Some(program.bytes), statement.sign(&signer)).await,
            None => host.registry().publish(program.bytes).await,
        };
        match published {
            Ok(_) => {}
            Err(RegistryError::Downgrade {
                program,
                installed,
                offered,
            }) if installed == offered => out::note(format_args!(
                "{program} changed, but its version.code is {offered} as before: the published one stays. Raise version.code in its manifest.json."
            )),
            Err(RegistryError::Disallowed { .. }) => {
                out::note(format_args!(
                    "{}: its publisher is not allowed any more; allow it on the operator's page",
                    program.app_id
                ));
            }
            Err(error) => return Err(error).with_context(|| format!("{} could not be published", program.app_id)),
        }
    }
    host.programs_changed();
    // Who is paid is shown under the name that guests know from the door.
    let restaurant = host.programs().into_iter().find(|card| card.id.as_str() == RESTAURANT);
    let merchant = Merchant {
        publisher: publisher.clone(),
        id: String::new(),
        name: restaurant.map_or_else(|| Names::new(PUBLISHER, PUBLISHER), |card| card.name),
    };
    if !host.services().merchants(&publisher).iter().any(|(known, _)| *known == merchant) {
        host.services().enrol_merchant(merchant).await?;
    }
    Ok(publisher)
}

fn build(root: &std::path::Path, out: &std::path::Path, key: &youji_package::PublisherKey, quiet: bool) -> Result<Vec<Built>> {
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    let built = youji_dev::build_all(&youji_dev::Options::new(root, out, key), &mut |progress| match progress {
        Progress::Unchanged(_) => {}
        Progress::AddingTarget(target) => bar.set_message(format!("Adding Rust's target {target}")),
        Progress::Compiling(krate) => bar.set_message(format!("Building mini-programs: {krate}")),
        Progress::Packing(program) => bar.set_message(format!("Signing {program}")),
        Progress::Built(program) => bar.println(format!("built and signed {program}")),
    });
    bar.finish_and_clear();
    Ok(built?)
}

/// Name in both languages, code, role, language, balance in minor units.
const PEOPLE: [(&str, &str, &str, &str, u64); 3] = [
    ("小厨 Chef", "chef", "staff", "zh-CN", 0),
    ("小明 Ming", "ming", "", "zh-CN", 50_000),
    ("Anna 安娜", "anna", "", "en", 50_000),
];

/// Makes those who are not there yet, each with a PIN that only the terminal is told.
async fn people(host: &Arc<Host>, publisher: &PublisherId, secrets: &mut Secrets) -> Result<()> {
    for (name, code, role, language, balance) in PEOPLE {
        if secrets.people.iter().any(|known| known.code == code) {
            continue;
        }
        let mut random = [0; 8];
        host.config().random.fill(&mut random);
        let pin = format!("{:06}", u64::from_le_bytes(random) % 1_000_000);
        let person = host
            .services()
            .create_person(NewPerson {
                name: name.to_owned(),
                code: code.to_owned(),
                pin: pin.clone(),
                language: language.to_owned(),
                balance,
                profile: Vec::new(),
            })
            .await?;
        if !role.is_empty() {
            host.services().set_role(&person.id, publisher, role, true).await?;
        }
        secrets.people.push(Known {
            name: name.to_owned(),
            code: code.to_owned(),
            pin,
            role: role.to_owned(),
        });
        secrets.save(host)?;
    }
    Ok(())
}
