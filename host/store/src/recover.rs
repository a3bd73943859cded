//! Where a segment ends: telling a torn, unacknowledged tail from damage.

use std::path::Path;

use crate::disk::DiskFile;
use crate::error::{At, Result, StoreError};
use crate::frame::{self, ALIGN, FRAME_HEADER, SEGMENT_HEADER};
use crate::log::Head;

/// What was found in a segment.
#[derive(Debug)]
pub(crate) struct Found {
    /// The last whole entry; the one before the segment if it holds none.
    pub(crate) head: Head,
    /// Where the next frame goes.
    pub(crate) end: u64,
    /// Bytes after `end`, up to the last that is not zero.
    pub(crate) torn: u64,
}

/// Walks through the last segment of a log. `first` is the sequence that it begins with.
///
/// A bad frame is a torn tail only if nothing whole behind it was synced later than it: every frame says with which group it was synced,
/// and a group is written only after the sync of the one before.
pub(crate) fn scan(file: &dyn DiskFile, path: &Path, identity: &[u8; 32], first: u64, max_payload: usize) -> Result<Found> {
    let len = usize::try_from(file.len().at("reading", path)?).unwrap_or(usize::MAX);
    let mut bytes = vec![0; len];
    let got = file.read_at(&mut bytes, 0).at("reading", path)?;
    bytes.truncate(got);
    let seed = frame::seed(identity);
    let mut head = Head {
        sequence: first - 1,
        hash: *identity,
        at: 0,
    };
    let mut offset = SEGMENT_HEADER;
    let whole = |offset: usize| frame::header(bytes.get(offset..)?, max_payload).filter(|header| header.sound(&bytes[offset..], seed));
    while let Some(header) = whole(offset) {
        let chained = (offset == SEGMENT_HEADER && first > 1) || header.previous == head.hash;
        if header.sequence != head.sequence + 1 || !chained {
            let reason = format!(
                "expected entry {} chained to the one before, found entry {}",
                head.sequence + 1,
                header.sequence
            );
            return Err(StoreError::Corrupt {
                file: path.to_owned(),
                offset: offset as u64,
                reason,
            });
        }
        head = Head {
            sequence: header.sequence,
            hash: header.hash,
            at: header.at,
        };
        offset += header.frame_len();
    }
    let last = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut later = offset + ALIGN;
    while later + FRAME_HEADER <= last {
        if let Some(header) = whole(later)
            && header.group > head.sequence + 1
        {
            let reason = format!(
                "expected entry {}, found no whole frame, but entry {} stands at byte {later}",
                head.sequence + 1,
                header.sequence
            );
            return Err(StoreError::Corrupt {
                file: path.to_owned(),
                offset: offset as u64,
                reason,
            });
        }
        later += ALIGN;
    }
    Ok(Found {
        head,
        end: offset as u64,
        torn: last.saturating_sub(offset) as u64,
    })
}
