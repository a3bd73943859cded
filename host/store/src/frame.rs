//! One entry as bytes, and the header of a segment file.
//!
//! The checksum begins from a seed that only this log knows, so that nobody can smuggle in a payload that looks like a frame. The hash
//! chain runs over headers, and a header holds the payload's hash: the chain still verifies where a payload has been dropped.

use sha2::{Digest, Sha256};

use crate::log::{Entry, NewEntry};

pub(crate) const SEGMENT_HEADER: usize = 64;
pub(crate) const FRAME_HEADER: usize = 104;
/// Frames begin at multiples of this.
pub(crate) const ALIGN: usize = 8;
const SEGMENT_MAGIC: &[u8; 8] = b"YOUJILG1";
const FRAME_MAGIC: &[u8; 4] = b"YJF1";

/// What a segment's header says: the log's identity and the sequence of its first entry.
pub(crate) fn segment_header(identity: &[u8; 32], first: u64) -> [u8; SEGMENT_HEADER] {
    let mut bytes = [0; SEGMENT_HEADER];
    bytes[..8].copy_from_slice(SEGMENT_MAGIC);
    bytes[8..40].copy_from_slice(identity);
    bytes[40..48].copy_from_slice(&first.to_le_bytes());
    let sum = crc32c::crc32c(&bytes[..60]);
    bytes[60..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

pub(crate) fn read_segment_header(bytes: &[u8]) -> Option<([u8; 32], u64)> {
    let bytes = bytes.get(..SEGMENT_HEADER)?;
    let sum = u32::from_le_bytes(bytes[60..].try_into().ok()?);
    (bytes[..8] == *SEGMENT_MAGIC && crc32c::crc32c(&bytes[..60]) == sum).then_some(())?;
    Some((bytes[8..40].try_into().ok()?, u64::from_le_bytes(bytes[40..48].try_into().ok()?)))
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

/// A frame's header, and where its payload is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) length: usize,
    sum: u32,
    kind: u16,
    pub(crate) sequence: u64,
    pub(crate) at: u64,
    pub(crate) previous: [u8; 32],
    payload_hash: [u8; 32],
    pub(crate) group: u64,
    pub(crate) hash: [u8; 32],
}

/// Reads a header; `None` if there is none, or its length is beyond the limit.
pub(crate) fn header(bytes: &[u8], max_payload: usize) -> Option<Header> {
    let bytes = bytes.get(..FRAME_HEADER)?;
    (bytes[..4] == *FRAME_MAGIC).then_some(())?;
    let word = |at: usize| bytes[at..at + 4].try_into().map(u32::from_le_bytes).ok();
    let long = |at: usize| bytes[at..at + 8].try_into().map(u64::from_le_bytes).ok();
    let length = usize::try_from(word(8)?).ok().filter(|length| *length <= max_payload)?;
    Some(Header {
        length,
        sum: word(4)?,
        kind: u16::from_le_bytes(bytes[12..14].try_into().ok()?),
        sequence: long(16)?,
        at: long(24)?,
        previous: bytes[32..64].try_into().ok()?,
        payload_hash: bytes[64..96].try_into().ok()?,
        group: long(96)?,
        hash: Sha256::digest(&bytes[8..]).into(),
    })
}

impl Header {
    /// Whether the checksum over `frame` (header and payload) is right.
    pub(crate) fn sound(&self, frame: &[u8], seed: u32) -> bool {
        frame
            .get(8..FRAME_HEADER + self.length)
            .is_some_and(|summed| crc32c::crc32c_append(seed, summed) == self.sum)
    }

    /// Whether the payload is the one whose hash stands in the chain.
    pub(crate) fn true_to_chain(&self, frame: &[u8]) -> bool {
        frame
            .get(FRAME_HEADER..FRAME_HEADER + self.length)
            .is_some_and(|payload| Sha256::digest(payload)[..] == self.payload_hash)
    }

    pub(crate) fn entry(&self, frame: &[u8]) -> Entry {
        let payload = frame[FRAME_HEADER..FRAME_HEADER + self.length].to_vec();
        Entry {
            sequence: self.sequence,
            kind: self.kind,
            at: self.at,
            previous: self.previous,
            hash: self.hash,
            payload,
        }
    }
}
