//! `youji new`: a mini-program from a template.

use crate::{author, out, place};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use youji_dev::{NewProject, scaffold};

#[derive(clap::Args)]
#[command(after_help = "\
The SDK is unpacked from this program: nothing is fetched. A project in Rust builds with cargo alone; one in TypeScript needs nothing \
but this program, neither cargo nor Node nor npm.

Examples:
  youji new tea-house
  youji new tea-house --lang ts --template shop
  youji new sign-up --template form --id org.example.sign-up
  cd tea-house && youji dev")]
pub(crate) struct Arguments {
    /// Name of the folder and the crate: a-z, 0-9 and "-"
    name: String,
    /// Language of the source
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
    /// What to begin with
    #[arg(long, default_value = "counter", value_parser = clap::builder::PossibleValuesParser::new(scaffold::templates()))]
    template: String,
    /// Id of the program, which people's data and codes hang on [default: example.NAME]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Folder that the project's folder goes into
    #[arg(long, value_name = "DIR", default_value = ".")]
    parent: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Language {
    Rust,
    #[value(alias = "typescript")]
    Ts,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    author::finish(arguments.json, create(&arguments))
}

fn create(arguments: &Arguments) -> Result<ExitCode> {
    let language = match arguments.lang {
        Language::Rust => scaffold::Language::Rust,
        Language::Ts => scaffold::Language::TypeScript,
    };
    let new = NewProject {
        name: &arguments.name,
        template: &arguments.template,
        id: arguments.id.as_deref(),
        parent: &arguments.parent,
        home: &place::user_folder()?,
    };
    let created = scaffold::create_in(language, &new)?;
    if arguments.json {
        out::line(serde_json::to_string(&created)?);
        return Ok(ExitCode::SUCCESS);
    }
    out::line(format_args!("Made {} with the id {}:", created.folder.display(), created.id));
    for file in &created.files {
        out::line(format_args!("  {file}"));
    }
    out::line(format_args!("\nNow: cd {} && youji dev", created.folder.display()));
    Ok(ExitCode::SUCCESS)
}
