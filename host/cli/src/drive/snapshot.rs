//! Views that were kept, one text file each.

use anyhow::{Context, Result, bail};
use std::cell::Cell;
use std::path::PathBuf;

/// Most lines of a difference that are shown.
const LINES: usize = 20;

/// The kept views of one scenario.
pub(crate) struct Snapshots {
    /// Where, up to the snapshot's name.
    prefix: PathBuf,
    /// What is seen becomes what is kept.
    update: bool,
    /// What is missing is an error rather than kept.
    locked: bool,
    written: Cell<usize>,
}

impl Snapshots {
    /// Those in `folder` of the scenario of that name.
    pub(crate) fn new(folder: &std::path::Path, scenario: &str, update: bool, locked: bool) -> Snapshots {
        Snapshots {
            prefix: folder.join(scenario),
            update,
            locked,
            written: Cell::new(0),
        }
    }

    /// How many were written.
    pub(crate) fn written(&self) -> usize {
        self.written.get()
    }

    /// Holds a view against what was kept.
    ///
    /// # Errors
    /// It differs, and where; or it was not kept and may not be.
    pub(crate) fn check(&self, name: &str, view: &str) -> Result<()> {
        let mut path = self.prefix.clone().into_os_string();
        path.push(format!(".{name}.txt"));
        let path = PathBuf::from(path);
        match std::fs::read_to_string(&path) {
            Ok(kept) if kept == view => return Ok(()),
            Ok(kept) if !self.update => {
                bail!(
                    "the view is not the one in {} (- kept, + seen). If it is right now, run `youji test --update`\n{}",
                    path.display(),
                    difference(&kept, view)
                );
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("{} can't be read", path.display()));
            }
            Err(_) if self.locked => bail!(
                "{} does not exist; run `youji test` without --locked once to keep it",
                path.display()
            ),
            _ => {}
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
        }
        std::fs::write(&path, view).with_context(|| format!("{} can't be written", path.display()))?;
        self.written.set(self.written.get() + 1);
        Ok(())
    }
}

/// What is between the lines that both begin and both end with.
fn difference(kept: &str, seen: &str) -> String {
    let (mut old, mut new): (Vec<&str>, Vec<&str>) = (kept.lines().collect(), seen.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    old.drain(..same);
    new.drain(..same);
    while old.last().is_some() && old.last() == new.last() {
        old.pop();
        new.pop();
    }
    let marked = |mark: &str, lines: Vec<&str>| {
        lines
            .into_iter()
            .take(LINES)
            .map(|line| format!("  {mark} {line}"))
            .collect::<Vec<_>>()
    };
    let mut shown = vec![format!("  line {}:", same + 1)];
    shown.extend(marked("-", old));
    shown.extend(marked("+", new));
    shown.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_kept_once_and_then_held_against() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let snapshots = |update, locked| Snapshots::new(folder.path(), "buys", update, locked);
        assert!(snapshots(false, true).check("menu", "a\nb\nc").is_err(), "nothing is kept yet");
        let first = snapshots(false, false);
        first.check("menu", "a\nb\nc").expect("kept");
        assert_eq!(first.written(), 1);
        snapshots(false, true).check("menu", "a\nb\nc").expect("the same");
        let differs = snapshots(false, false)
            .check("menu", "a\nB\nc")
            .expect_err("another view")
            .to_string();
        assert!(differs.contains("line 2:\n  - b\n  + B") && !differs.contains("- c"), "{differs}");
        snapshots(true, false).check("menu", "a\nB\nc").expect("kept anew");
        snapshots(false, false).check("menu", "a\nB\nc").expect("the same");
    }
}
