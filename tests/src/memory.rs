//! What a process still holds.

use anyhow::{Context, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Read at once.
const PIECE: usize = 1 << 20;

/// Where a text stands in the memory of a process, as "address in mapping"; every readable mapping is searched, for UTF-8 and UTF-16.
///
/// # Errors
/// The process is gone, or its memory may not be read.
pub fn in_process(process: u32, text: &str) -> Result<Vec<String>> {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).context("the process is gone")?;
    let memory = File::open(format!("/proc/{process}/mem")).context("its memory may not be read")?;
    let needles = needles(text);
    let mut found = Vec::new();
    let mut searched = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else {
            continue;
        };
        let Some((from, to)) = range.split_once('-') else { continue };
        let (from, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
        let name = words.nth(3).unwrap_or("");
        // The kernel's own pages can't be read, and reserved address space holds nothing.
        if !rights.starts_with('r') || name.starts_with("[v") {
            continue;
        }
        let mut at = from;
        let mut piece = vec![0; PIECE + 256];
        while at < to {
            let length = usize::try_from(to - at)?.min(piece.len());
            // A page that goes away meanwhile can't be read, and holds nothing any more.
            if let Ok(read) = memory.read_at(&mut piece[..length], at) {
                searched += read;
                for needle in &needles {
                    if let Some(place) = find(&piece[..read], needle) {
                        found.push(format!("{:x} in {range} {name}", at + place as u64));
                    }
                }
            }
            at += PIECE as u64;
        }
    }
    anyhow::ensure!(searched > 0, "nothing of the process could be read");
    Ok(found)
}

/// Files below a folder that hold a text, in UTF-8 or UTF-16.
///
/// # Errors
/// A file can't be read.
pub fn in_folder(folder: &Path, text: &str) -> Result<Vec<String>> {
    any_in_folder(folder, &needles(text))
}

/// Files below a folder that hold any of these bytes.
///
/// # Errors
/// A file can't be read.
pub fn any_in_folder(folder: &Path, needles: &[Vec<u8>]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                let bytes = std::fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?;
                if needles.iter().any(|needle| find(&bytes, needle).is_some()) {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    Ok(found)
}

fn needles(text: &str) -> [Vec<u8>; 2] {
    [text.as_bytes().to_vec(), text.encode_utf16().flat_map(u16::to_le_bytes).collect()]
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_memory_and_in_files() {
        let canary = format!("canary-{}", std::process::id());
        assert!(!in_process(std::process::id(), &canary).expect("readable").is_empty());
        let folder = tempfile::tempdir().expect("a folder");
        assert!(in_folder(folder.path(), &canary).expect("readable").is_empty());
        std::fs::create_dir(folder.path().join("deep")).expect("made");
        std::fs::write(folder.path().join("deep/file"), format!("xx{canary}yy")).expect("written");
        assert_eq!(in_folder(folder.path(), &canary).expect("readable").len(), 1);
    }
}
