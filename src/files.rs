//! Files that are read again once they have changed: certificates, keys, users. Knows nothing of
//! what is in them.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// What tells one state of a file from the next; `None` for a file that cannot be looked at.
type Stamp = Option<(SystemTime, u64, u64)>;

/// Something made from files, made again when one of them has changed, by a thread of its own:
/// until that is done, and where the files cannot be used, what was made before stays in force. A
/// certificate and its key are two files, and the moment between them passes.
pub struct Reloaded<T> {
    files: Vec<PathBuf>,
    make: Arc<Make<T>>,
    state: Arc<Mutex<ReloadedState<T>>>,
}

type Make<T> = dyn Fn() -> io::Result<T> + Send + Sync;

struct ReloadedState<T> {
    /// Of the files that `made` is of, or that are being read.
    stamps: Vec<Stamp>,
    made: Arc<T>,
    is_reading: bool,
}

impl<T: Send + Sync + 'static> Reloaded<T> {
    /// Makes it for the first time, on this thread.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn new(
        files: Vec<PathBuf>,
        make: impl Fn() -> io::Result<T> + Send + Sync + 'static,
    ) -> io::Result<Reloaded<T>> {
        let state =
            ReloadedState { stamps: stamps(&files), made: Arc::new(make()?), is_reading: false };
        Ok(Reloaded { files, make: Arc::new(make), state: Arc::new(Mutex::new(state)) })
    }

    /// What was made last. Looks at every file, so it is for beginnings of connections; reads none.
    pub fn get(&self) -> Arc<T> {
        let mut state = locked(&self.state);
        let now = stamps(&self.files);
        if now != state.stamps && !state.is_reading {
            let before = std::mem::replace(&mut state.stamps, now);
            state.is_reading = true;
            if let Err(error) = self.read_again() {
                tracing::error!(event = "file_not_read", %error, "a changed file cannot be read: no more threads");
                // The next one tries again.
                (state.stamps, state.is_reading) = (before, false);
            }
        }
        Arc::clone(&state.made)
    }

    fn read_again(&self) -> io::Result<()> {
        let (files, make) = (self.files.clone(), Arc::clone(&self.make));
        let shared = Arc::clone(&self.state);
        let read = move || {
            let made = make();
            let mut state = locked(&shared);
            state.is_reading = false;
            match made {
                Ok(made) => {
                    state.made = Arc::new(made);
                    tracing::info!(event = "file_read", ?files, "read again");
                }
                Err(error) => {
                    tracing::error!(event = "file_not_read", %error, "a changed file is of no use; the old one stays");
                }
            }
        };
        std::thread::Builder::new().name("files".into()).spawn(read).map(drop)
    }
}

fn locked<T>(state: &Mutex<ReloadedState<T>>) -> MutexGuard<'_, ReloadedState<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
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
        tracing::warn!(event = "secret_exposed", file = %path.display(), "everybody on this machine can read this secret");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A number in a file, and what lets each reading but the first go on.
    fn number(name: &str) -> (PathBuf, Reloaded<u32>, mpsc::Sender<()>, mpsc::Receiver<()>) {
        let name = format!("dms-proxy-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, "1").unwrap();
        let (go_on, may_go_on) = mpsc::channel();
        let (begins, begun) = mpsc::channel();
        let may_go_on = Mutex::new(may_go_on);
        go_on.send(()).unwrap();
        let file = path.clone();
        let number = Reloaded::new(vec![path.clone()], move || {
            begins.send(()).unwrap();
            may_go_on.lock().unwrap().recv().map_err(io::Error::other)?;
            fs::read_to_string(&file)?.parse::<u32>().map_err(io::Error::other)
        });
        begun.recv().unwrap();
        (path, number.unwrap(), go_on, begun)
    }

    /// What is in force once no reading is under way.
    fn settled(number: &Reloaded<u32>) -> u32 {
        while locked(&number.state).is_reading {
            std::thread::yield_now();
        }
        *locked(&number.state).made
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_bad_one_is_not_taken() {
        let (path, number, go_on, begun) = number("reloaded");
        assert_eq!(*number.get(), 1);
        for (text, expected) in [("22", 22), ("bad", 22), ("333", 333)] {
            fs::write(&path, text).unwrap();
            go_on.send(()).unwrap();
            number.get();
            begun.recv().unwrap();
            assert_eq!(settled(&number), expected);
        }
        fs::remove_file(&path).unwrap();
        go_on.send(()).unwrap();
        number.get();
        begun.recv().unwrap();
        assert_eq!(settled(&number), 333);
        assert_eq!(*number.get(), 333);
    }

    #[test]
    fn nobody_waits_while_a_file_is_read() {
        let (path, number, go_on, begun) = number("slow");
        fs::write(&path, "22").unwrap();
        // Would not come back if the reading were waited for, and begins once.
        assert_eq!([*number.get(), *number.get(), *number.get()], [1, 1, 1]);
        begun.recv().unwrap();
        assert_eq!(*number.get(), 1);
        go_on.send(()).unwrap();
        assert_eq!(settled(&number), 22);
        assert!(begun.try_recv().is_err());
        fs::remove_file(&path).unwrap();
    }
}
