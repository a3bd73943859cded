//! The ZIP around a package, read strictly.
//!
//! A ZIP says most things twice and leaves room between them. Here every byte has one meaning: local headers follow
//! each other from the first byte without gaps, repeat what the directory says, and carry no extras, comments or
//! data descriptors; the signature block of [`BLOCK`] bytes stands right before the directory, as in W3C MiniApp
//! Packaging; the end record closes the file. Inflating is left to the `zip` crate.

use crate::digest::Digest;
use crate::keys::Seal;
use crate::package::{PackageError, PackageLimits};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use unicode_normalization::UnicodeNormalization;
use zip::write::SimpleFileOptions;

/// Magic, public key, signature.
const BLOCK: usize = 8 + 32 + 64;
const MAGIC: &[u8; 8] = b"YJSIGN01";
const END: usize = 22;
const CENTRAL: usize = 46;
const LOCAL: usize = 30;
/// Longest name, in bytes.
const NAME: usize = 255;

/// Name and inflated bytes of one entry.
pub(crate) type File = (String, Vec<u8>);

/// What a container holds, before anything is said about its meaning.
pub(crate) struct Opened {
    pub(crate) files: Vec<File>,
    pub(crate) seal: Seal,
}

struct Directory {
    entries: Vec<Header>,
    block_at: usize,
    central_at: usize,
}

struct Header {
    name: String,
    inflated: u64,
}

/// Little-endian numbers out of a slice that may be too short.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        self.0.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
    }
    fn u32(&self, at: usize) -> Option<u32> {
        self.0.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
    }
}

fn malformed(found: impl Into<String>) -> PackageError {
    PackageError::Malformed { found: found.into() }
}

pub(crate) fn refuse(name: &str, problem: impl Into<String>, remedy: &str) -> PackageError {
    PackageError::Entry {
        name: name.chars().take(300).collect(),
        problem: problem.into(),
        remedy: remedy.to_owned(),
    }
}

pub(crate) fn too_large(what: &str, limit: usize, found: u64) -> PackageError {
    PackageError::TooLarge {
        what: what.to_owned(),
        limit: limit as u64,
        found,
    }
}

/// Walks all structures, inflates within the limits, and returns what the block says. The signature is not checked here.
pub(crate) fn open(bytes: &[u8], limits: &PackageLimits) -> Result<Opened, PackageError> {
    if bytes.len() > limits.packed_bytes {
        return Err(too_large("packed bytes", limits.packed_bytes, bytes.len() as u64));
    }
    let directory = walk(bytes, limits)?;
    let seal = read_block(bytes, &directory).ok_or(PackageError::Unsigned)?;
    let files = inflate(bytes, &directory, limits)?;
    Ok(Opened { files, seal })
}

fn read_block(bytes: &[u8], directory: &Directory) -> Option<Seal> {
    let rest = bytes.get(directory.block_at..directory.central_at)?.strip_prefix(MAGIC)?;
    let (public_key, signature) = rest.split_first_chunk::<32>()?;
    Some(Seal {
        public_key: *public_key,
        container: container_digest(bytes, directory.block_at, directory.central_at),
        signature: signature.try_into().ok()?,
    })
}

/// Over everything but the block.
fn container_digest(bytes: &[u8], block_at: usize, central_at: usize) -> Digest {
    let mut hash = Sha256::new();
    let body = bytes.get(..block_at).unwrap_or_default();
    let tail = bytes.get(central_at..).unwrap_or_default();
    hash.update(b"youji package container v1\0");
    hash.update((body.len() as u64).to_be_bytes());
    hash.update(body);
    hash.update(tail);
    Digest(hash.finalize().into())
}

fn walk(bytes: &[u8], limits: &PackageLimits) -> Result<Directory, PackageError> {
    let end_at = bytes
        .len()
        .checked_sub(END)
        .ok_or_else(|| malformed(format!("{} bytes", bytes.len())))?;
    let end = Fields(bytes.get(end_at..).unwrap_or_default());
    if end.u32(0) != Some(0x0605_4b50) {
        let found = if bytes.starts_with(b"PK") {
            "a ZIP that is cut off, or has a comment at its end"
        } else {
            "a file that is not a ZIP"
        };
        return Err(malformed(found));
    }
    let number = |at| end.u16(at).unwrap_or(u16::MAX);
    let (disk, central_disk, here, total, comment) = (number(4), number(6), number(8), number(10), number(20));
    if disk != 0 || central_disk != 0 || here != total {
        return Err(malformed("a ZIP that spans several files"));
    }
    if comment != 0 {
        return Err(malformed("a ZIP with a comment"));
    }
    if usize::from(total) > limits.entries {
        return Err(too_large("entries", limits.entries, total.into()));
    }
    let size = end.u32(12).unwrap_or(u32::MAX) as usize;
    let central_at = end.u32(16).unwrap_or(u32::MAX) as usize;
    if central_at.checked_add(size) != Some(end_at) {
        return Err(malformed(
            "a ZIP whose directory is not where its end says (ZIP64 is not used either)",
        ));
    }
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut entries = Vec::with_capacity(total.into());
    let (mut at, mut next_local, mut inflated) = (central_at, 0_usize, 0_u64);
    for _ in 0..total {
        let (header, after, after_local) = entry(bytes.get(..end_at).unwrap_or_default(), at, next_local)?;
        check_name(&header.name)?;
        if let Some(first) = names.insert(folded(&header.name), header.name.clone()) {
            return Err(refuse(
                &header.name,
                format!("has the same name as {first:?}, but for case or Unicode form"),
                "rename one of them",
            ));
        }
        inflated = inflated.saturating_add(header.inflated);
        if inflated > limits.inflated_bytes as u64 {
            return Err(too_large(
                &format!("inflated bytes, at entry {:?}", header.name),
                limits.inflated_bytes,
                inflated,
            ));
        }
        (at, next_local) = (after, after_local);
        entries.push(header);
    }
    if at != end_at {
        return Err(malformed("bytes after the ZIP's directory"));
    }
    // Without a block the entries end right at the directory.
    if next_local == central_at {
        return Err(PackageError::Unsigned);
    }
    if next_local.checked_add(BLOCK) != Some(central_at) {
        return Err(malformed("bytes between the entries and the signature block"));
    }
    Ok(Directory {
        entries,
        block_at: next_local,
        central_at,
    })
}

/// One entry of the directory at `at`, whose local header must stand at `local_at`: header, end of both.
fn entry(bytes: &[u8], at: usize, local_at: usize) -> Result<(Header, usize, usize), PackageError> {
    let cut = || malformed("a ZIP whose directory is cut off");
    let central = Fields(bytes.get(at..).unwrap_or_default());
    let name_length = usize::from(central.u16(28).ok_or_else(cut)?);
    let raw = bytes.get(at + CENTRAL..at + CENTRAL + name_length).ok_or_else(cut)?;
    if central.u32(0) != Some(0x0201_4b50) {
        return Err(malformed("a ZIP whose directory is damaged"));
    }
    let shown = String::from_utf8_lossy(raw);
    let flags = central.u16(8).ok_or_else(cut)?;
    let utf8 = std::str::from_utf8(raw).ok().filter(|name| name.is_ascii() || flags & 0x0800 != 0);
    let name = utf8.ok_or_else(|| refuse(&shown, "the name is not UTF-8", "rename it"))?.to_owned();
    if flags & 0x2041 != 0 {
        return Err(refuse(&name, "it is encrypted", "packages are not encrypted; build it again"));
    }
    if flags & !0x0800 != 0 {
        return Err(refuse(
            &name,
            format!("it has ZIP flags {flags:#06x}"),
            "build it again with `youji build`",
        ));
    }
    let method = central.u16(10).ok_or_else(cut)?;
    if !matches!(method, 0 | 8) {
        return Err(refuse(
            &name,
            format!("it is compressed with method {method}"),
            "only stored and deflated entries are read",
        ));
    }
    let packed = central.u32(20).ok_or_else(cut)? as usize;
    let inflated = central.u32(24).ok_or_else(cut)?;
    if method == 0 && packed != inflated as usize {
        return Err(refuse(&name, "it is stored, but its two sizes differ", "build it again"));
    }
    let kind = central.u32(38).ok_or_else(cut)? >> 16 & 0o170_000;
    if !matches!(kind, 0 | 0o100_000) {
        let what = if kind == 0o120_000 { "a symbolic link" } else { "not a plain file" };
        return Err(refuse(&name, format!("it is {what}"), "put the file itself there"));
    }
    if central.u16(34) != Some(0) {
        return Err(refuse(&name, "it is on another disk of a spanning ZIP", "packages are one file"));
    }
    if central.u16(30) != Some(0) || central.u16(32) != Some(0) {
        return Err(refuse(
            &name,
            "it has extra fields or a comment",
            "build it again with `youji build`",
        ));
    }
    let local = Fields(bytes.get(local_at..).unwrap_or_default());
    let same = local.u32(0) == Some(0x0403_4b50)
        && central.u32(42) == u32::try_from(local_at).ok()
        && bytes.get(at + 6..at + 30) == bytes.get(local_at + 4..local_at + 28)
        && local.u16(28) == Some(0)
        && bytes.get(local_at + LOCAL..local_at + LOCAL + name_length) == Some(raw);
    let after_local = local_at.checked_add(LOCAL + name_length).and_then(|at| at.checked_add(packed));
    match after_local {
        Some(after) if same && after <= bytes.len() => Ok((
            Header {
                name,
                inflated: inflated.into(),
            },
            at + CENTRAL + name_length,
            after,
        )),
        _ => Err(refuse(
            &name,
            "its header and the directory do not say the same",
            "the file is damaged; get or build it again",
        )),
    }
}

/// What two names have in common that some file system takes for one.
fn folded(name: &str) -> String {
    name.nfkc()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfc()
        .collect()
}

fn check_name(name: &str) -> Result<(), PackageError> {
    let problem = if name.is_empty() {
        "the name is empty"
    } else if name.len() > NAME {
        return Err(refuse(
            name,
            format!("the name has {} bytes, at most {NAME} are allowed", name.len()),
            "shorten it",
        ));
    } else if name.starts_with('/') || name.contains(':') {
        "the name is absolute"
    } else if name.contains('\\')
        || name
            .chars()
            .any(|char| char.is_control() || matches!(char, '<' | '>' | '"' | '|' | '?' | '*'))
    {
        "the name has a character that is not allowed"
    } else if name.ends_with('/') {
        "it is a folder"
    } else if name.split('/').any(|part| matches!(part, "." | "..")) {
        "the name leads out of the package"
    } else if name.split('/').any(|part| part.is_empty() || part.ends_with(['.', ' '])) {
        "a part of the name is empty or ends in a dot or space"
    } else {
        return Ok(());
    };
    Err(refuse(
        name,
        problem,
        "name files by their path in the package, such as \"common/logo.svg\"",
    ))
}

fn inflate(bytes: &[u8], directory: &Directory, limits: &PackageLimits) -> Result<Vec<File>, PackageError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| malformed(format!("a ZIP that can't be read: {error}")))?;
    if archive.len() != directory.entries.len() {
        return Err(malformed("a ZIP with two directories"));
    }
    let mut files = Vec::with_capacity(directory.entries.len());
    let mut left = limits.inflated_bytes as u64;
    for (at, header) in directory.entries.iter().enumerate() {
        let damaged = |error: String| {
            refuse(
                &header.name,
                format!("it was altered or damaged: {error}"),
                "get or build the package again",
            )
        };
        let file = archive.by_index(at).map_err(|error| damaged(error.to_string()))?;
        if file.name() != header.name {
            return Err(malformed("a ZIP with two directories"));
        }
        // One byte more than declared is enough to know that the declaration lies.
        let mut content = Vec::with_capacity(usize::try_from(header.inflated.min(left)).unwrap_or(0));
        file.take(header.inflated.min(left) + 1)
            .read_to_end(&mut content)
            .map_err(|error| damaged(error.to_string()))?;
        if content.len() as u64 != header.inflated {
            return Err(refuse(
                &header.name,
                format!("it inflates to other than the {} bytes that it declares", header.inflated),
                "build the package again",
            ));
        }
        left = left.saturating_sub(header.inflated);
        files.push((header.name.clone(), content));
    }
    Ok(files)
}

/// Writes the container without its signature block. The same files always give the same bytes.
fn zip_up(files: &BTreeMap<String, Vec<u8>>) -> zip::result::ZipResult<Vec<u8>> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let packs = !matches!(crate::image::extension(name), "png" | "jpg" | "jpeg" | "webp");
        let method = if packs {
            zip::CompressionMethod::Deflated
        } else {
            zip::CompressionMethod::Stored
        };
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .compression_level(packs.then_some(9))
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o644)
            .large_file(false);
        writer.start_file(name.as_str(), options)?;
        writer.write_all(content)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// Writes the container; `seal` signs its digest.
pub(crate) fn write(files: &BTreeMap<String, Vec<u8>>, seal: impl FnOnce(&Digest) -> Seal) -> Result<Vec<u8>, PackageError> {
    for name in files.keys() {
        check_name(name)?;
    }
    let plain = zip_up(files).map_err(|error| malformed(format!("files that can't be zipped: {error}")))?;
    let end_at = plain.len().checked_sub(END).ok_or_else(|| malformed("nothing"))?;
    let central_at = Fields(plain.get(end_at..).unwrap_or_default()).u32(16).unwrap_or(u32::MAX) as usize;
    let (Some(body), Some(tail), Ok(moved)) = (plain.get(..central_at), plain.get(central_at..), u32::try_from(central_at + BLOCK)) else {
        return Err(malformed("files of more than 4 GiB"));
    };
    let mut signed = Vec::with_capacity(plain.len() + BLOCK);
    signed.extend_from_slice(body);
    signed.extend_from_slice(&[0; BLOCK]);
    signed.extend_from_slice(tail);
    let offset_at = signed.len() - END + 16;
    if let Some(offset) = signed.get_mut(offset_at..offset_at + 4) {
        offset.copy_from_slice(&moved.to_le_bytes());
    }
    let seal = seal(&container_digest(&signed, central_at, central_at + BLOCK));
    let block = [MAGIC.as_slice(), &seal.public_key, &seal.signature].concat();
    if let Some(place) = signed.get_mut(central_at..central_at + BLOCK) {
        place.copy_from_slice(&block);
    }
    Ok(signed)
}
