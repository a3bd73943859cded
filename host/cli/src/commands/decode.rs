//! `youji decode`: what a picture of a code says.

use crate::out;
use anyhow::{Context, Result};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use youji_kiosk::decode::{DecodeError, decode};

/// No code in the picture.
pub(crate) const NO_CODE: u8 = 3;

#[derive(clap::Args)]
#[command(after_help = "\
Exit codes: 0 decoded, 1 not a picture that can be read, 3 no code in it

Examples:
  youji decode photo.jpg
  youji decode screenshot.png --json")]
pub(crate) struct Arguments {
    /// PNG or JPEG
    picture: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    match read(&arguments.picture)? {
        Ok(texts) => {
            if arguments.json {
                out::line(json!({ "codes": texts }));
            } else {
                texts.iter().for_each(out::line);
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Ok(refused(&error, arguments.json)),
    }
}

/// The texts of a picture's codes.
///
/// # Errors
/// The file can't be read.
pub(crate) fn read(picture: &Path) -> Result<Result<Vec<String>, DecodeError>> {
    /// Beyond it a file is not read at all.
    const MAX_FILE_BYTES: u64 = 64 << 20;
    let about = || format!("{} can't be read", picture.display());
    let length = std::fs::metadata(picture).with_context(about)?.len();
    anyhow::ensure!(
        length <= MAX_FILE_BYTES,
        "{} has {} MiB, at most 64 can be read; take a smaller picture",
        picture.display(),
        length >> 20
    );
    Ok(decode(&std::fs::read(picture).with_context(about)?))
}

/// Says why there is nothing.
pub(crate) fn refused(error: &DecodeError, as_json: bool) -> ExitCode {
    if as_json {
        out::line(json!({"error": {"code": error.code(), "detail": error.to_string()}}));
    } else {
        out::note(format_args!("youji: {error}"));
    }
    match error {
        DecodeError::NoCode => ExitCode::from(NO_CODE),
        _ => ExitCode::FAILURE,
    }
}
