//! A file system in a file, mounted by a loop device in a mount namespace that ends with the process that holds it.

use std::any::Any;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use youji_store::{Disk, DiskFile, RealDisk};

/// Far more than is written to one.
const BYTES: u64 = 192 << 20;

/// Said aloud and collected by `tests/run`, so that nothing is skipped silently.
pub(crate) fn not_checked(what: &str) {
    let _ = writeln!(io::stderr().lock(), "!! NOT CHECKED: {what}");
    if let Some(path) = std::env::var_os("YOUJI_NOT_CHECKED") {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(format!("{what}\n").as_bytes()).unwrap();
    }
}

/// The file, removed when nobody needs it any more.
pub(crate) struct Image(PathBuf);

impl Image {
    pub(crate) fn make(path: &Path) -> Result<Image, String> {
        let file = fs::File::create(path).map_err(|error| error.to_string())?;
        file.set_len(BYTES).map_err(|error| error.to_string())?;
        let image = Image(path.to_owned());
        let made = Command::new("mkfs.ext4")
            .args(["-q", "-F", "-E", "lazy_itable_init=1"])
            .arg(path)
            .output();
        match made {
            Ok(made) if made.status.success() => Ok(image),
            Ok(made) => Err(format!("mkfs.ext4: {}", String::from_utf8_lossy(&made.stderr).trim())),
            Err(error) => Err(format!("mkfs.ext4 (of e2fsprogs) can't be run: {error}")),
        }
    }

    /// As it stands: what the kernel still holds back of its files is not in it, as after a power cut.
    pub(crate) fn copy(&self, to: &Path) -> Image {
        let copied = Command::new("cp").arg("--sparse=always").args([&self.0, to]).status().unwrap();
        assert!(copied.success(), "cp failed");
        Image(to.to_owned())
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A mounted image.
pub(crate) struct Mounted {
    holder: Child,
    at: tempfile::TempDir,
    image: Option<Image>,
}

impl Mounted {
    /// The kernel is told to write nothing back by itself within five minutes, so that a copy is of one moment.
    pub(crate) fn new(image: Image) -> Result<Mounted, String> {
        let at = tempfile::tempdir().map_err(|error| error.to_string())?;
        // Whoever used it may take a moment to let go.
        let script = r#"mount -t ext4 -o loop,commit=300 "$1" "$2" && echo ready && cat
            for _ in 1 2 3 4 5 6 7 8 9 10; do umount "$2" && exit; sleep 0.2; done"#;
        let holder = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(&image.0)
            .arg(at.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut holder = holder.map_err(|error| format!("unshare (of util-linux) can't be run: {error}"))?;
        let mut word = [0; 5];
        let ready = holder.stdout.as_mut().map(|out| out.read_exact(&mut word));
        if matches!(ready, Some(Ok(()))) && &word == b"ready" {
            let image = Some(image);
            return Ok(Mounted { holder, at, image });
        }
        let said = holder.wait_with_output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        Err(format!("no loop device can be mounted here (it takes root): {said}"))
    }

    /// The file system as seen from outside of its namespace.
    pub(crate) fn dir(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.at.path().strip_prefix("/").unwrap_or(self.at.path())).join("data")
    }

    pub(crate) fn image(&self) -> &Image {
        self.image.as_ref().unwrap()
    }

    /// In good order.
    pub(crate) fn into_image(mut self) -> Image {
        self.end();
        self.image.take().unwrap()
    }

    fn end(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.end();
    }
}

/// Stops a process; no thread of it is inside the kernel any more.
pub(crate) fn stop(process: &Child) {
    use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
    let pid = Pid::from_child(process);
    kill_process(pid, Signal::STOP).unwrap();
    let stopped = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap();
    assert!(stopped.is_some_and(|(_, status)| status.stopped()), "the process ended by itself");
}

/// A disk whose syncs do nothing.
pub(crate) struct Unsynced;

impl Disk for Unsynced {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(UnsyncedFile(RealDisk.open(path, create)?)))
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.list(dir)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send>> {
        RealDisk.lock(path)
    }
}

struct UnsyncedFile(Box<dyn DiskFile>);

impl DiskFile for UnsyncedFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(buf, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
}
