//! Files that are read again once they have changed: certificates, keys, users. Knows nothing of
//! what is in them.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// What tells one state of a file from the next; `None` for a file that cannot be looked at.
type Stamp = Option<(SystemTime, u64, u64)>;

/// Something made from files, made again when one of them has changed.
///
/// A state of the files that cannot be used is logged once, and what was made before stays in
/// force: a certificate and its key are two files, and the moment between them passes.
pub struct Reloaded<T> {
    files: Vec<PathBuf>,
    make: Box<dyn Fn() -> io::Result<T> + Send + Sync>,
    state: Mutex<(Vec<Stamp>, Arc<T>)>,
}

impl<T> Reloaded<T> {
    /// Makes it for the first time.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn new(
        files: Vec<PathBuf>,
        make: impl Fn() -> io::Result<T> + Send + Sync + 'static,
    ) -> io::Result<Reloaded<T>> {
        let stamps = stamps(&files);
        let made = Arc::new(make()?);
        Ok(Reloaded { files, make: Box::new(make), state: Mutex::new((stamps, made)) })
    }

    /// What the files say now. Looks at every file, so it is for beginnings of connections.
    pub fn get(&self) -> Arc<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.files);
        if now != state.0 {
            state.0 = now;
            match (self.make)() {
                Ok(made) => {
                    state.1 = Arc::new(made);
                    tracing::info!(files = ?self.files, "read again");
                }
                Err(error) => {
                    tracing::error!(%error, "a changed file is of no use; the old one stays");
                }
            }
        }
        Arc::clone(&state.1)
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |file| {
        let metadata = fs::metadata(file).ok()?;
        Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
    };
    files.iter().map(stamp).collect()
}

impl<T> fmt::Debug for Reloaded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What was made may be secret.
        f.debug_struct("Reloaded").field("files", &self.files).finish_non_exhaustive()
    }
}

/// An error that names the file.
pub fn file_error(path: &std::path::Path, reason: impl fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {reason}", path.display()))
}

/// Says so where everybody on this machine can read the secrets in a file.
pub fn warn_if_public(path: &std::path::Path) {
    if fs::metadata(path).is_ok_and(|file| file.mode() & 0o007 != 0) {
        tracing::warn!(file = %path.display(), "everybody on this machine can read this secret");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_read_again_and_a_bad_one_is_not_taken() {
        let path = std::env::temp_dir().join(format!("dms-proxy-reloaded-{}", std::process::id()));
        fs::write(&path, "1").unwrap();
        let file = path.clone();
        let number = Reloaded::new(vec![path.clone()], move || {
            fs::read_to_string(&file)?.parse::<u32>().map_err(io::Error::other)
        })
        .unwrap();
        assert_eq!(*number.get(), 1);
        fs::write(&path, "22").unwrap();
        assert_eq!(*number.get(), 22);
        fs::write(&path, "bad").unwrap();
        assert_eq!(*number.get(), 22);
        fs::remove_file(&path).unwrap();
        assert_eq!(*number.get(), 22);
    }
}
