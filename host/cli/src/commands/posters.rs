//! `youji posters`: a sheet of table codes to print.

use crate::local::DataFolder;
use crate::out;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use youji_kiosk::Host;
use youji_kiosk::posters::{Paper, Poster, Style, is_this_machine_only, page};
use youji_kiosk::qr::Code;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  youji posters --out posters                    one card for each program
  youji posters --out posters --program youji.restaurant --tables 12")]
pub(crate) struct Arguments {
    /// Folder to write into; made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only this program
    #[arg(long, value_name = "ID")]
    program: Option<String>,
    /// A card for each of the tables T1 to TN of that program
    #[arg(long, value_name = "N", requires = "program", value_parser = clap::value_parser!(u32).range(1..=200))]
    tables: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folder: DataFolder,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let posters = arguments
        .folder
        .with_host(async |host| posters(&host, arguments.program.as_deref(), arguments.tables))?;
    let files = write(&arguments.out, &posters)?;
    if arguments.json {
        out::line(json!({"posters": posters.len(), "files": files}));
    } else {
        for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "html")) {
            out::line(format_args!("{}", file.display()));
        }
        if posters.iter().any(|poster| poster.this_machine_only) {
            out::note(
                "These codes only work on this machine. For phones, add --public-url with an address that they reach, or use `youji demo --lan`.",
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One poster a program, or a table of one program.
///
/// # Errors
/// No such program.
pub(crate) fn posters(host: &Arc<Host>, only: Option<&str>, tables: Option<u32>) -> Result<Vec<Poster>> {
    let address = host.public_url();
    let mut posters = Vec::new();
    for program in host
        .programs()
        .into_iter()
        .filter(|program| only.is_none_or(|only| program.id.as_str() == only))
    {
        let places = match tables {
            Some(tables) => (1..=tables).map(|table| format!("T{table}")).collect(),
            None => vec![String::new()],
        };
        for place in places {
            posters.push(Poster {
                name_zh: program.name.zh.clone(),
                name_en: program.name.en.clone(),
                code: host.code_for(&program.id, "", &place)?,
                place,
                address: address.clone(),
                this_machine_only: is_this_machine_only(&address),
            });
        }
    }
    ensure!(
        !posters.is_empty(),
        "there is no program{} to make posters of; run `youji demo` once",
        only.map(|id| format!(" {id}")).unwrap_or_default()
    );
    Ok(posters)
}

/// A sheet of A4, tent cards of A6, and each code as SVG and PNG.
///
/// # Errors
/// A file can't be written.
pub(crate) fn write(folder: &Path, posters: &[Poster]) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
    let mut files = Vec::new();
    let mut put = |name: String, bytes: &[u8]| -> Result<()> {
        let path = folder.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("{} can't be written", path.display()))?;
        files.push(path);
        Ok(())
    };
    put("sheet-a4.html".to_owned(), page(posters, Paper::SheetA4, Style::Inline)?.as_bytes())?;
    put("tents-a6.html".to_owned(), page(posters, Paper::TentA6, Style::Inline)?.as_bytes())?;
    for (number, poster) in posters.iter().enumerate() {
        let code = Code::new(&poster.code)?;
        let name: String = poster.name_en.chars().filter(char::is_ascii_alphanumeric).collect();
        let name = format!("{:02}-{name}-{}", number + 1, poster.place).to_ascii_lowercase();
        let name = name.trim_end_matches('-');
        put(format!("{name}.svg"), code.svg().as_bytes())?;
        put(format!("{name}.png"), &code.png(8)?)?;
    }
    Ok(files)
}
