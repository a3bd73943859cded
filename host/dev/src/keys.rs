//! The demonstration publisher's key, kept in the data folder.

use crate::BuildError;
use std::io::Write;
use std::path::Path;
use youji_package::{KeyError, PublisherKey};

/// The publisher's key in `file`; made and kept (mode 0600) when there is none.
///
/// # Errors
/// The file can't be read or written, or holds no key.
pub fn publisher_key(file: &Path) -> Result<PublisherKey, BuildError> {
    let wrong = |error: KeyError| BuildError::Key {
        path: file.to_owned(),
        error,
    };
    match std::fs::read_to_string(file) {
        Ok(text) => PublisherKey::load(&text).map_err(wrong),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = PublisherKey::generate().map_err(wrong)?;
            write_private(file, key.save().as_bytes()).map_err(|error| BuildError::file(file, error))?;
            Ok(key)
        }
        Err(error) => Err(BuildError::file(file, error)),
    }
}

fn write_private(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    // A key that another process made in the meantime is kept: two publishers would be worse than an error.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}
