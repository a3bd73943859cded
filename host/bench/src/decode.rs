//! `youji bench decode DIR`: how many photographs of codes are read, and how fast.

use crate::figures::Quantiles;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What came of a folder of pictures.
#[derive(Debug, Serialize)]
pub struct Decode {
    /// Pictures in four rotations each.
    pub images: usize,
    /// Of these, read exactly as the text beside them says.
    pub decoded: usize,
    /// Read, but as something else. A decoder that guesses would show here.
    pub wrong: usize,
    /// Milliseconds from grey pixels to text or to "no code", one after the other on one core.
    pub ms: Quantiles,
    /// Pictures that were not read in some rotation, with those rotations in degrees.
    pub missed: Vec<(String, Vec<u32>)>,
}

/// Reads every picture below `folder` that has a `.txt` or `.bin` beside it.
///
/// # Errors
/// The folder can't be read, or holds no such picture.
pub fn run(folder: &Path) -> Result<Decode> {
    let mut pictures = Vec::new();
    collect(folder, &mut pictures, 0)?;
    pictures.sort();
    if pictures.is_empty() {
        bail!(
            "{} holds no PNG or JPEG with a .txt beside it; name a folder of photographs with what each says",
            folder.display()
        );
    }
    let mut outcome = Decode {
        images: 0,
        decoded: 0,
        wrong: 0,
        ms: Quantiles::default(),
        missed: Vec::new(),
    };
    let mut times = Vec::new();
    for path in &pictures {
        let expected = expected_text(path)?;
        let mut picture = grey(path)?;
        let mut missed = Vec::new();
        for degrees in [0, 90, 180, 270] {
            let started = Instant::now();
            let found = youji_kiosk::decode::decode_luma(picture.as_raw(), picture.width(), picture.height());
            times.push(started.elapsed().as_secs_f64() * 1_000.0);
            outcome.images += 1;
            match found {
                Ok(texts) if texts.iter().any(|text| expected.matches(text)) => outcome.decoded += 1,
                Ok(_) => {
                    outcome.wrong += 1;
                    missed.push(degrees);
                }
                Err(_) => missed.push(degrees),
            }
            picture = image::imageops::rotate90(&picture);
        }
        if !missed.is_empty() {
            outcome
                .missed
                .push((path.strip_prefix(folder).unwrap_or(path).display().to_string(), missed));
        }
    }
    outcome.ms = Quantiles::of(&mut times);
    Ok(outcome)
}

fn collect(folder: &Path, pictures: &mut Vec<PathBuf>, depth: usize) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let is_picture = path
            .extension()
            .is_some_and(|ending| ["png", "jpg", "jpeg"].iter().any(|known| ending.eq_ignore_ascii_case(known)));
        if path.is_dir() && depth < 8 {
            collect(&path, pictures, depth + 1)?;
        } else if is_picture && (path.with_extension("txt").exists() || path.with_extension("bin").exists()) {
            pictures.push(path);
        }
    }
    Ok(())
}

enum Expected {
    Text(String),
    Bytes(Vec<u8>),
}

impl Expected {
    /// Bytes that are no text reach us as the characters of the same numbers.
    fn matches(&self, text: &str) -> bool {
        match self {
            Expected::Text(expected) => text == expected,
            Expected::Bytes(expected) => {
                text.chars().map(u32::from).eq(expected.iter().map(|byte| u32::from(*byte))) || text.as_bytes() == expected
            }
        }
    }
}

fn expected_text(picture: &Path) -> Result<Expected> {
    let text = picture.with_extension("txt");
    let path = if text.exists() { text } else { picture.with_extension("bin") };
    let bytes = std::fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?;
    if path.extension().is_some_and(|ending| ending == "bin") {
        return Ok(Expected::Bytes(bytes));
    }
    Ok(Expected::Text(
        String::from_utf8(bytes).with_context(|| format!("{} is no UTF-8 text; name it .bin", path.display()))?,
    ))
}

fn grey(path: &Path) -> Result<image::GrayImage> {
    let picture = image::open(path).with_context(|| format!("{} is no picture", path.display()))?;
    if !picture.color().has_alpha() {
        return Ok(picture.to_luma8());
    }
    let with_alpha = picture.to_luma_alpha8();
    Ok(image::GrayImage::from_fn(with_alpha.width(), with_alpha.height(), |x, y| {
        let [luma, alpha] = with_alpha.get_pixel(x, y).0.map(u16::from);
        image::Luma([((luma * alpha + 255 * (255 - alpha) + 127) / 255) as u8])
    }))
}
