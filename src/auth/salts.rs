//! Salts for users who have none of their own, those who are not there among them. A salt that
//! changed from one start to the next, or from one instance to another, would tell them from users
//! whose stored secret has its own.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::files::{file_error, warn_if_public};

/// The length of a salt, in bytes, as PostgreSQL's.
const SALT_BYTES: usize = 16;

/// The length of a key that is made here, in bytes, and the least that a file may have.
const KEY_BYTES: usize = 32;

/// How much of a file is read, in bytes.
const KEY_BYTES_READ: u64 = 4096;

/// Makes salts. The key is not derived from passwords, or a salt would let a stranger test guesses
/// offline.
#[derive(Clone)]
pub struct Salts(hmac::Key);

impl Salts {
    /// Salts that stay the same as long as this file does. It is made where it is missing; another
    /// instance takes a copy of it.
    ///
    /// # Errors
    /// The file can be neither read nor made, or has less than 32 bytes.
    pub fn of_file(path: &Path) -> io::Result<Salts> {
        let key = match read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
            read => read.map_err(|error| file_error(path, error))?,
        };
        if key.len() < KEY_BYTES {
            let reason = format!("a key for salts has at least {KEY_BYTES} bytes");
            return Err(file_error(path, reason));
        }
        warn_if_public(path);
        Ok(Salts(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// Salts that stay the same until the process ends.
    ///
    /// # Errors
    /// The operating system has no random numbers.
    pub fn of_process() -> io::Result<Salts> {
        random().map(|key| Salts(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The salt that belongs to this name.
    pub(super) fn of(&self, name: &str) -> Vec<u8> {
        let salt = hmac::sign(&self.0, name.as_bytes());
        salt.as_ref().get(..SALT_BYTES).unwrap_or_default().to_vec()
    }
}

fn random() -> io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(key)
}

/// The beginning of a file, since a device may have no end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut key = Vec::new();
    File::open(path)?.take(KEY_BYTES_READ).read_to_end(&mut key)?;
    Ok(key)
}

/// Makes the file; one that another instance has made meanwhile is as good.
fn make(path: &Path) -> io::Result<Vec<u8>> {
    let failed = |error| file_error(path, error);
    let key = random()?;
    let partial = path.with_added_extension(format!("{}.part", std::process::id()));
    let mut file =
        File::options().write(true).create_new(true).mode(0o600).open(&partial).map_err(failed)?;
    let linked = file.write_all(&key).and_then(|()| match fs::hard_link(&partial, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    let removed = fs::remove_file(&partial);
    linked.and(removed).and_then(|()| read(path)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn salts_of_a_file_are_the_same_at_every_start() {
        let name = format!("dms-proxy-salts-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let made = Salts::of_file(&path).unwrap().of("a");
        assert_eq!(made.len(), SALT_BYTES);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = Salts::of_file(&path).unwrap();
        assert_eq!(read.of("a"), made);
        assert_ne!(read.of("b"), made);
        fs::write(&path, "short").unwrap();
        assert!(Salts::of_file(&path).is_err());
        fs::remove_file(&path).unwrap();
        assert_ne!(Salts::of_file(&path).unwrap().of("a"), made);
        fs::remove_file(&path).unwrap();
        assert!(Salts::of_file(Path::new("/nowhere/salts")).is_err());
        assert_ne!(Salts::of_process().unwrap().of("a"), made);
    }
}
