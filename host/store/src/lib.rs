//! A durable log, an ordered map, and the keys that seal personal values.
//!
//! The log is the one truth of a host. A service is a [`Machine`]; [`Commit`] runs it: it decides on commands one after the other, writes
//! what they change as entries of the log, syncs once for all that queued meanwhile, projects them into a [`Map`], and only then answers. One
//! entry holds everything that one command changes, so that a payment, its receipt and its message happen together or not at all.
//!
//! ```
//! use std::io::Read;
//! use std::sync::Arc;
//! use serde::{Deserialize, Serialize};
//! use youji_store::{Commit, CommitOptions, Decision, Effects, Machine, RunMap, Snapshot, Stamp};
//!
//! #[derive(Default)]
//! struct Till { coins: u64 }
//!
//! enum Command { PutIn(u64), TakeOut(u64) }
//!
//! #[derive(Serialize, Deserialize)]
//! enum Entry { Changed { to: u64, receipt: String } }
//!
//! impl Machine for Till {
//!     type Command = Command;
//!     type Entry = Entry;
//!     type Answer = Result<u64, &'static str>;
//!     type Notice = u64;
//!
//!     fn decide(&self, command: Command, stamp: Stamp) -> Decision<Entry, Self::Answer> {
//!         let to = match command {
//!             Command::PutIn(coins) => self.coins.checked_add(coins),
//!             Command::TakeOut(coins) => self.coins.checked_sub(coins),
//!         };
//!         match to {
//!             None => Decision::Answer(Err("not enough in the till, or too much for it")),
//!             Some(to) => Decision::Commit { entry: Entry::Changed { to, receipt: format!("no. {}", stamp.sequence) }, answer: Ok(to) },
//!         }
//!     }
//!
//!     fn apply(&mut self, entry: &Entry, stamp: Stamp, effects: &mut Effects<u64>) -> Result<(), String> {
//!         let Entry::Changed { to, receipt } = entry;
//!         self.coins = *to;
//!         effects.put(format!("receipt/{:020}", stamp.sequence), receipt.as_bytes());
//!         effects.notify(*to);
//!         Ok(())
//!     }
//!
//!     fn save(&self) -> Result<Snapshot, String> {
//!         Ok(Snapshot::of(self.coins.to_le_bytes().to_vec()))
//!     }
//!
//!     fn load(&mut self, from: &mut dyn Read) -> Result<(), String> {
//!         let mut coins = [0; 8];
//!         from.read_exact(&mut coins).map_err(|error| error.to_string())?;
//!         self.coins = u64::from_le_bytes(coins);
//!         Ok(())
//!     }
//! }
//!
//! # async fn run() -> youji_store::Result<()> {
//! let dir = tempfile::tempdir().expect("a scratch folder");
//! let map = Arc::new(RunMap::open(&dir.path().join("map"))?);
//! let (till, recovery) = Commit::open(CommitOptions::new(dir.path()), map, Till::default)?;
//! assert_eq!(recovery.sequence, 0);
//! assert_eq!(till.submit(Command::PutIn(5)).await?, Ok(5));
//! assert_eq!(till.read(|till| till.coins).await?, 5);
//! let receipts = till.map().scan(b"receipt/", None, 10).await?;
//! assert_eq!(receipts.len(), 1);
//! till.close().await
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
//! ```

mod checkpoint;
mod commit;
mod compact;
mod core;
mod disk;
mod error;
mod flush;
mod frame;
mod keeper;
mod keyring;
mod log;
mod machine;
mod map;
mod reader;
mod recover;
mod replay;
mod run;
mod run_map;
mod sled_map;
mod writer;

pub use checkpoint::Checkpoint;
pub use commit::{Commit, CommitOptions, Health, Recovery};
pub use compact::Compaction;
pub use disk::{Disk, DiskFile, RealDisk};
pub use error::{Result, StoreError};
pub use keyring::{KeyError, Keyring};
pub use log::{COMMAND, Entry, Head, Kept, Log, LogOptions, NewEntry, Verified};
pub use machine::{Decision, Effects, Keep, Machine, Reduce, Reducer, Snapshot, Stamp};
pub use map::{MAX_KEY_BYTES, MAX_VALUE_BYTES, Map, MapOp, Pair, Watermark};
pub use reader::LogReader;
pub use run_map::RunMap;
pub use sled_map::SledMap;
