//! The directories of the embedded server and the user who owns them. Makes and removes
//! directories, starts nothing.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::embedded::EmbeddedError;

/// Bytes in the name of a Unix socket: 108 with the final NUL on Linux, 104 elsewhere.
const SOCKET_PATH_BYTES_MAX: usize = 103;

/// Who runs the server when we are root.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerUser {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl ServerUser {
    /// `postgres` if it exists, else `nobody`.
    fn of_machine() -> Result<Self, EmbeddedError> {
        let passwd =
            fs::read("/etc/passwd").map_err(file_error("read", Path::new("/etc/passwd")))?;
        let find = |name| passwd.split(|byte| *byte == b'\n').find_map(|line| named(line, name));
        find("postgres").or_else(|| find("nobody")).ok_or(EmbeddedError::NoUser)
    }
}

/// The ids in a line of `/etc/passwd`, if it is about this user.
fn named(line: &[u8], name: &str) -> Option<ServerUser> {
    let mut fields = std::str::from_utf8(line).ok()?.split(':');
    (fields.next()? == name).then_some(())?;
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(ServerUser { uid, gid })
}

/// The private directory of one server: socket, log, and data unless they are kept. Removed when
/// dropped before the supervisor has taken it over.
pub(super) struct Scratch {
    pub(super) path: PathBuf,
    pub(super) user: Option<ServerUser>,
    kept: bool,
}

impl Scratch {
    pub(super) fn create() -> Result<Self, EmbeddedError> {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let parent = scratch_parent();
        let path = loop {
            let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("dms-proxy-{}-{serial}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => break path,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(file_error("make", &path)(error)),
            }
        };
        let mut scratch = Self { path, user: None, kept: false };
        let owner = fs::metadata(&scratch.path).map_err(file_error("look at", &scratch.path))?;
        if owner.uid() == 0 {
            let user = ServerUser::of_machine()?;
            give_to(&scratch.path, user)?;
            scratch.user = Some(user);
        }
        Ok(scratch)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<File, EmbeddedError> {
        let path = self.path.join(name);
        let write = || {
            let mut file = File::options().create(true).append(true).read(true).open(&path)?;
            file.write_all(text.as_bytes())?;
            Ok(file)
        };
        let file = write().map_err(file_error("write", &path))?;
        if let Some(user) = self.user {
            give_to(&path, user)?;
        }
        Ok(file)
    }

    pub(super) fn keep(mut self) -> PathBuf {
        self.kept = true;
        self.path.clone()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.kept {
            // An error on the way is being returned already; this one would add nothing to it.
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

/// The temporary directory, or `/tmp` when its name is too long for a socket or another user
/// cannot get there.
fn scratch_parent() -> PathBuf {
    let named = std::env::temp_dir();
    let longest_name = "/dms-proxy-4294967295-4294967295/.s.PGSQL.65535".len();
    let short = named.as_os_str().len() + longest_name <= SOCKET_PATH_BYTES_MAX;
    let open = named.ancestors().all(|directory| {
        fs::metadata(directory).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
    });
    if short && open { named } else { PathBuf::from("/tmp") }
}

/// Makes the directory that outlives the server; only an empty one changes its owner.
pub(super) fn kept_directory(
    named: &Path,
    user: Option<ServerUser>,
) -> Result<PathBuf, EmbeddedError> {
    let path = std::path::absolute(named).map_err(file_error("find", named))?;
    fs::create_dir_all(&path).map_err(file_error("make", &path))?;
    if path.join("PG_VERSION").exists() {
        return Ok(path);
    }
    let mut entries = fs::read_dir(&path).map_err(file_error("read", &path))?;
    if entries.next().is_some() {
        return Err(EmbeddedError::DataDirectory(path));
    }
    let private = Permissions::from_mode(0o700);
    fs::set_permissions(&path, private).map_err(file_error("change the mode of", &path))?;
    if let Some(user) = user {
        give_to(&path, user)?;
    }
    Ok(path)
}

fn give_to(path: &Path, user: ServerUser) -> Result<(), EmbeddedError> {
    std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
        .map_err(file_error("change the owner of", path))
}

pub(super) fn file_error<P>(
    action: &'static str,
    path: P,
) -> impl FnOnce(io::Error) -> EmbeddedError
where
    P: AsRef<Path>,
{
    move |source| EmbeddedError::File { action, path: path.as_ref().to_path_buf(), source }
}
