//! `youji qr`: a code of a program's page, or of any text.

use crate::local::DataFolder;
use crate::out;
use anyhow::{Context, Result};
use serde_json::json;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use youji_api::ProgramId;
use youji_kiosk::qr::{Code, MAX_MODULE_PIXELS, MIN_MODULE_PIXELS, Terminal};
use youji_services::trade::Printed;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  youji qr --program youji.restaurant --scene T7             on the terminal
  youji qr --program youji.restaurant --scene T7 --svg t7.svg
  youji qr --emv --program youji.restaurant --amount 36.00 --reference T7
  youji qr HTTPS://EXAMPLE.ORG --png example.png --module 8")]
pub(crate) struct Arguments {
    /// Any text instead of a program
    #[arg(value_name = "TEXT", conflicts_with = "program", required_unless_present = "program")]
    text: Option<String>,
    /// Id of the program that the code opens
    #[arg(long, value_name = "ID")]
    program: Option<String>,
    /// Path of the page; home unless told
    #[arg(long, value_name = "PATH", requires = "program", default_value = "")]
    page: String,
    /// What the program is told, such as a table; at most 12 bytes
    #[arg(long, value_name = "TEXT", requires = "program", default_value = "")]
    scene: String,
    /// For the trial version: it opens for people to whom the publisher gave a role
    #[arg(long, requires = "program")]
    trial: bool,
    /// A payment code after EMVCo instead: it pays the program's publisher, or a merchant under it
    #[arg(long, requires = "program", conflicts_with_all = ["page", "scene", "trial"])]
    emv: bool,
    /// Id of a merchant under the publisher; the publisher itself unless told
    #[arg(long, value_name = "ID", requires = "emv", default_value = "")]
    merchant: String,
    /// Amount, for one payment; unless told, the code is for many and each payer says how much
    #[arg(long, value_name = "DECIMAL", requires = "emv")]
    amount: Option<String>,
    /// Number of the bill; at most 25 characters
    #[arg(long, value_name = "TEXT", requires = "emv", default_value = "")]
    reference: String,
    /// Where the merchant is; at most 15 characters
    #[arg(long, value_name = "CITY", requires = "emv", default_value = "BEIJING")]
    city: String,
    /// ISO 3166-1
    #[arg(long, value_name = "CODE", requires = "emv", default_value = "CN")]
    country: String,
    /// What the merchant sells: four digits, ISO 18245 (5812: restaurants)
    #[arg(long, value_name = "DIGITS", requires = "emv", default_value = "5812")]
    category: String,
    /// Write an SVG picture
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write a PNG picture
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Pixels a module in the PNG
    #[arg(long, value_name = "PIXELS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(i64::from(MIN_MODULE_PIXELS)..=i64::from(MAX_MODULE_PIXELS)))]
    module: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folder: DataFolder,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let text = match (&arguments.text, &arguments.program) {
        (Some(text), _) => text.clone(),
        (None, Some(program)) if arguments.emv => {
            let program = ProgramId::from(program.as_str());
            let printed = Printed {
                amount: None,
                reference: arguments.reference.clone(),
                city: arguments.city.clone(),
                country: arguments.country.clone(),
                category: arguments.category.clone(),
            };
            let amount = arguments.amount.as_deref();
            arguments
                .folder
                .with_host(async |host| Ok(host.payment_code(&program, &arguments.merchant, amount, printed)?))?
        }
        (None, program) => {
            let program = ProgramId::from(program.as_deref().unwrap_or_default());
            arguments.folder.with_host(async |host| {
                let (page, scene) = (&arguments.page, &arguments.scene);
                Ok(match arguments.trial {
                    true => host.trial_code_for(&program, page, scene)?,
                    false => host.code_for(&program, page, scene)?,
                })
            })?
        }
    };
    let code = Code::new(&text)?;
    let write = |path: &PathBuf, bytes: &[u8]| std::fs::write(path, bytes).with_context(|| format!("{} can't be written", path.display()));
    if let Some(path) = &arguments.svg {
        write(path, code.svg().as_bytes())?;
    }
    if let Some(path) = &arguments.png {
        write(path, &code.png(arguments.module)?)?;
    }
    if arguments.json {
        out::line(json!({"text": text, "version": code.version(), "modules": code.width(), "svg": arguments.svg, "png": arguments.png}));
    } else if arguments.svg.is_none() && arguments.png.is_none() {
        let terminal = if std::io::stdout().is_terminal() {
            Terminal::Colours
        } else {
            Terminal::LightBackground
        };
        out::drawing(code.terminal(terminal).trim_end_matches('\n'));
        out::line(&text);
    }
    Ok(ExitCode::SUCCESS)
}
