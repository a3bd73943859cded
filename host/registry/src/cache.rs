//! Files that were read lately, by their hash, within a bound of bytes.

use lru::LruCache;
use parking_lot::Mutex;
use std::sync::Arc;
use youji_package::Digest;

#[derive(Debug)]
pub(crate) struct Cache {
    limit: usize,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    files: LruCache<Digest, Arc<[u8]>>,
    bytes: usize,
}

impl Cache {
    pub(crate) fn new(limit: usize) -> Cache {
        Cache {
            limit,
            held: Mutex::new(Held {
                files: LruCache::unbounded(),
                bytes: 0,
            }),
        }
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.held.lock().files.get(digest).cloned()
    }

    /// What would fill a quarter of it alone is not kept.
    pub(crate) fn put(&self, digest: Digest, content: &Arc<[u8]>) {
        if content.len() > self.limit / 4 {
            return;
        }
        let Held { files, bytes } = &mut *self.held.lock();
        *bytes += content.len();
        if let Some(old) = files.put(digest, Arc::clone(content)) {
            *bytes -= old.len();
        }
        while *bytes > self.limit {
            match files.pop_lru() {
                Some((_, old)) => *bytes -= old.len(),
                None => break,
            }
        }
    }
}
