//! The event file: one JSON object a line, versioned, with its data dictionary beside it. No person stands in it.

use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Version of the lines; raised when a member changes its meaning or goes.
const VERSION: u32 = 1;
/// Lines that may wait for the disk; then lines are dropped and counted.
const QUEUE: usize = 4_096;
/// Lines wait so long for others: who writes one wakes no thread for it, which on an idle machine takes longer than all the rest.
const TOGETHER: Duration = Duration::from_millis(250);

/// What each line means, for whoever evaluates the file.
const DICTIONARY: &str = include_str!("journal.dictionary.json");

/// Writes lines on a thread of its own: no request waits for the disk.
pub(crate) struct Journal {
    waiting: Arc<Waiting>,
    writer: Mutex<Option<JoinHandle<()>>>,
    lost: Arc<AtomicU64>,
}

#[derive(Default)]
struct Waiting {
    lines: Mutex<Lines>,
    /// Many wait, or it is over.
    hurry: Condvar,
}

#[derive(Default)]
struct Lines {
    all: Vec<String>,
    over: bool,
}

impl Journal {
    /// In that folder; an earlier file is continued.
    pub(crate) fn open(folder: &Path, bytes_max: u64) -> std::io::Result<Journal> {
        std::fs::write(folder.join("events.dictionary.json"), DICTIONARY)?;
        let file = Rotating::open(folder, bytes_max)?;
        let (waiting, lost) = (Arc::<Waiting>::default(), Arc::new(AtomicU64::new(0)));
        let (queue, counted) = (Arc::clone(&waiting), Arc::clone(&lost));
        let writer = std::thread::Builder::new()
            .name("youji-journal".to_owned())
            .spawn(move || write_all(&queue, file, &counted))?;
        Ok(Journal {
            waiting,
            writer: Mutex::new(Some(writer)),
            lost,
        })
    }

    /// A line of that kind. Members as the dictionary says.
    pub(crate) fn write(&self, at_ms: u64, kind: &str, members: Value) {
        let mut line = json!({"v": VERSION, "at": at_ms, "kind": kind});
        if let (Some(line), Value::Object(members)) = (line.as_object_mut(), members) {
            line.extend(members);
        }
        let line = line.to_string();
        let mut lines = self.waiting.lines.lock();
        if lines.over || lines.all.len() >= QUEUE {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        lines.all.push(line);
        if lines.all.len() == QUEUE / 2 {
            self.waiting.hurry.notify_one();
        }
    }

    /// Lines that could not be written, since the start.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Writes what waits and ends. Blocks for the disk.
    pub(crate) fn close(&self) {
        self.waiting.lines.lock().over = true;
        self.waiting.hurry.notify_one();
        let writer = self.writer.lock().take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

fn write_all(waiting: &Waiting, mut file: Rotating, lost: &AtomicU64) {
    let mut failing = false;
    loop {
        let (lines, over) = {
            let mut lines = waiting.lines.lock();
            if !lines.over && lines.all.len() < QUEUE / 2 {
                waiting.hurry.wait_for(&mut lines, TOGETHER);
            }
            (std::mem::take(&mut lines.all), lines.over)
        };
        if lines.is_empty() && !over {
            continue;
        }
        let mut failed = None;
        for line in &lines {
            if let Err(error) = file.line(line) {
                lost.fetch_add(1, Ordering::Relaxed);
                failed = Some(error);
            }
        }
        let flushed = file.out.flush();
        match failed.or(flushed.err()) {
            None => failing = false,
            // Once, not for each line: a full disk stays full for a while.
            Some(error) if !failing => {
                failing = true;
                tracing::error!(%error, "events.jsonl can't be written; free some space on that disk");
            }
            Some(_) => {}
        }
        if over {
            return;
        }
    }
}

/// A file that becomes `events.1.jsonl` when it is full.
struct Rotating {
    path: PathBuf,
    older: PathBuf,
    out: BufWriter<File>,
    bytes: u64,
    bytes_max: u64,
}

impl Rotating {
    fn open(folder: &Path, bytes_max: u64) -> std::io::Result<Rotating> {
        let path = folder.join("events.jsonl");
        let mut file = append(&path)?;
        let bytes = file.metadata()?.len();
        let mut last = [b'\n'];
        if bytes > 0 {
            file.read_exact_at(&mut last, bytes - 1)?;
        }
        // A kill may have cut the last line short; the next one begins anew.
        if last != [b'\n'] {
            file.write_all(b"\n")?;
        }
        Ok(Rotating {
            bytes,
            older: folder.join("events.1.jsonl"),
            path,
            out: BufWriter::new(file),
            bytes_max,
        })
    }

    fn line(&mut self, line: &str) -> std::io::Result<()> {
        if self.bytes + line.len() as u64 + 1 > self.bytes_max {
            self.out.flush()?;
            std::fs::rename(&self.path, &self.older)?;
            self.out = BufWriter::new(append(&self.path)?);
            self.bytes = 0;
        }
        writeln!(self.out, "{line}")?;
        self.bytes += line.len() as u64 + 1;
        Ok(())
    }
}

fn append(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_versioned_and_the_file_stays_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), 2_000).unwrap();
        for number in 0..100 {
            journal.write(number, "test", json!({"number": number}));
        }
        journal.close();
        assert_eq!(journal.lost(), 0);
        let text = std::fs::read_to_string(folder.path().join("events.jsonl")).unwrap();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last, json!({"v": 1, "at": 99, "kind": "test", "number": 99}));
        let older = std::fs::metadata(folder.path().join("events.1.jsonl")).unwrap().len();
        assert!(text.len() as u64 <= 2_000 && older <= 2_000);
    }

    #[test]
    fn a_line_that_a_kill_cut_short_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        std::fs::write(&path, "{\"v\":1,\"at\":7,\"ki").unwrap();
        for number in 0..2 {
            let journal = Journal::open(folder.path(), 2_000).unwrap();
            journal.write(number, "test", json!({}));
        }
        let text = std::fs::read_to_string(path).unwrap();
        let whole = text.lines().map(|line| serde_json::from_str::<Value>(line).is_ok());
        assert_eq!(whole.collect::<Vec<_>>(), [false, true, true], "{text}");
    }
}
