//! One entry as bytes, and the header of a segment file.
//!
//! The checksum begins from a seed that only this log knows, so that nobody can smuggle in a payload that looks like a frame. The hash
//! chain runs over headers, and a header holds the payload's hash: the chain still verifies where a payload has been dropped.
//!
//! A compacted segment says so in its header. Its frames are either as they were, or reduced: the old header, then the length of what
//! stays (all ones for nothing), then what stays.

use sha2::{Digest, Sha256};

use crate::log::{Entry, Kept, NewEntry};

pub(crate) const SEGMENT_HEADER: usize = 64;
pub(crate) const FRAME_HEADER: usize = 104;
/// Frames begin at multiples of this.
pub(crate) const ALIGN: usize = 8;
const SEGMENT_MAGIC: &[u8; 8] = b"YOUJILG1";
const FRAME_MAGIC: &[u8; 4] = b"YJF1";
const REDUCED_MAGIC: &[u8; 4] = b"YJF2";
/// The header of a reduced frame; no header is longer.
pub(crate) const REDUCED_HEADER: usize = FRAME_HEADER + 8;
const NOTHING: u32 = u32::MAX;

/// What a segment's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) identity: [u8; 32],
    /// The sequence of its first entry.
    pub(crate) first: u64,
    pub(crate) compacted: bool,
}

pub(crate) fn segment_header(identity: &[u8; 32], first: u64, compacted: bool) -> [u8; SEGMENT_HEADER] {
    let mut bytes = [0; SEGMENT_HEADER];
    bytes[..8].copy_from_slice(SEGMENT_MAGIC);
    bytes[8..40].copy_from_slice(identity);
    bytes[40..48].copy_from_slice(&first.to_le_bytes());
    bytes[48] = u8::from(compacted);
    let sum = crc32c::crc32c(&bytes[..60]);
    bytes[60..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

pub(crate) fn read_segment_header(bytes: &[u8]) -> Option<SegmentHeader> {
    let bytes = bytes.get(..SEGMENT_HEADER)?;
    let sum = u32::from_le_bytes(bytes[60..].try_into().ok()?);
    (bytes[..8] == *SEGMENT_MAGIC && crc32c::crc32c(&bytes[..60]) == sum && bytes[48] <= 1).then_some(())?;
    Some(SegmentHeader {
        identity: bytes[8..40].try_into().ok()?,
        first: u64::from_le_bytes(bytes[40..48].try_into().ok()?),
        compacted: bytes[48] == 1,
    })
}

/// The bytes that a payload of that length takes in a file, header and padding included.
pub(crate) fn frame_len(payload: usize) -> usize {
    (FRAME_HEADER + payload).next_multiple_of(ALIGN)
}

/// The checksum's seed.
pub(crate) fn seed(identity: &[u8; 32]) -> u32 {
    crc32c::crc32c(identity)
}

/// Appends a frame to `out`; returns the entry's hash. `group` is the sequence of the first entry that is synced with this one.
pub(crate) fn write(out: &mut Vec<u8>, entry: &NewEntry, sequence: u64, group: u64, previous: &[u8; 32], seed: u32) -> [u8; 32] {
    let begin = out.len();
    // The caller keeps payloads far below 4 GiB.
    let length = u32::try_from(entry.payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(FRAME_MAGIC);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&entry.kind.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&entry.at.to_le_bytes());
    out.extend_from_slice(previous);
    out.extend_from_slice(&Sha256::digest(&entry.payload));
    out.extend_from_slice(&group.to_le_bytes());
    let hash = Sha256::digest(&out[begin + 8..begin + FRAME_HEADER]).into();
    out.extend_from_slice(&entry.payload);
    let sum = crc32c::crc32c_append(seed, &out[begin + 8..]);
    out[begin + 4..begin + 8].copy_from_slice(&sum.to_le_bytes());
    out.resize(begin + frame_len(entry.payload.len()), 0);
    hash
}

/// Appends a frame in place of `old`, with what stays of its payload; the entry's hash is the same.
pub(crate) fn write_reduced(out: &mut Vec<u8>, old: &[u8], stays: Option<&[u8]>, seed: u32) {
    let begin = out.len();
    let length = stays.map_or(NOTHING, |stays| u32::try_from(stays.len()).unwrap_or(NOTHING));
    out.extend_from_slice(REDUCED_MAGIC);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&old[8..FRAME_HEADER]);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(stays.unwrap_or_default());
    let sum = crc32c::crc32c_append(seed, &out[begin + 8..]);
    out[begin + 4..begin + 8].copy_from_slice(&sum.to_le_bytes());
    out.resize(out.len().next_multiple_of(ALIGN), 0);
}

/// A frame's header, and where its payload is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    /// Bytes before the payload.
    begin: usize,
    /// Payload bytes that stand in the file.
    length: usize,
    kept: Kept,
    sum: u32,
    pub(crate) kind: u16,
    pub(crate) sequence: u64,
    pub(crate) at: u64,
    pub(crate) previous: [u8; 32],
    payload_hash: [u8; 32],
    pub(crate) group: u64,
    pub(crate) hash: [u8; 32],
}

/// Reads a header; `None` if there is none, or its length is beyond the limit.
pub(crate) fn header(bytes: &[u8], max_payload: usize) -> Option<Header> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let long = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let hashed = bytes.get(8..FRAME_HEADER)?;
    let written = word(8)?;
    let (begin, length, kept) = match bytes.first_chunk::<4>()? {
        FRAME_MAGIC => (FRAME_HEADER, written, Kept::Whole),
        REDUCED_MAGIC => match word(FRAME_HEADER)? {
            NOTHING => (REDUCED_HEADER, 0, Kept::Nothing),
            length => (REDUCED_HEADER, length, Kept::Part),
        },
        _ => return None,
    };
    Some(Header {
        begin,
        length: usize::try_from(length).ok().filter(|length| *length <= max_payload)?,
        kept,
        sum: word(4)?,
        kind: u16::from_le_bytes(bytes[12..14].try_into().ok()?),
        sequence: long(16)?,
        at: long(24)?,
        previous: bytes[32..64].try_into().ok()?,
        payload_hash: bytes[64..96].try_into().ok()?,
        group: long(96)?,
        hash: Sha256::digest(hashed).into(),
    })
}

impl Header {
    /// Header and payload, in bytes.
    pub(crate) fn used(&self) -> usize {
        self.begin + self.length
    }

    pub(crate) fn dropped(&self) -> bool {
        self.kept == Kept::Nothing
    }

    /// Padding included.
    pub(crate) fn frame_len(&self) -> usize {
        self.used().next_multiple_of(ALIGN)
    }

    /// Whether the checksum over `frame` (header and payload) is right.
    pub(crate) fn sound(&self, frame: &[u8], seed: u32) -> bool {
        frame
            .get(8..self.used())
            .is_some_and(|summed| crc32c::crc32c_append(seed, summed) == self.sum)
    }

    /// Whether the payload is the one whose hash stands in the chain. What was reduced is vouched for by its segment's digest.
    pub(crate) fn true_to_chain(&self, frame: &[u8]) -> bool {
        self.kept != Kept::Whole
            || frame
                .get(self.begin..self.used())
                .is_some_and(|payload| Sha256::digest(payload)[..] == self.payload_hash)
    }

    pub(crate) fn entry(&self, frame: &[u8]) -> Entry {
        Entry {
            sequence: self.sequence,
            kind: self.kind,
            at: self.at,
            previous: self.previous,
            hash: self.hash,
            kept: self.kept,
            payload: frame[self.begin..self.used()].to_vec(),
        }
    }
}
