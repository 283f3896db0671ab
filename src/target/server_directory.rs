//! The directories of the embedded server and the user who owns them. Makes and removes
//! directories, starts nothing.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{CWD, Dir, DirEntry, Mode, OFlags, openat};

use super::embedded_error::EmbeddedError;

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
///
/// As root it is the server user's own only from [`ScratchDirectory::give`] on, and root writes nothing into
/// it after that: what stands there by then may be a link to anywhere.
pub(super) struct ScratchDirectory {
    pub(super) path: PathBuf,
    pub(super) user: Option<ServerUser>,
    directory: File,
    kept: bool,
}

impl ScratchDirectory {
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
        let directory = open_directory(&path, false).map_err(file_error("open", &path))?;
        let mut scratch = Self { path, user: None, directory, kept: false };
        let owner = scratch.directory.metadata().map_err(file_error("look at", &scratch.path))?;
        if owner.uid() == 0 {
            scratch.user = Some(ServerUser::of_machine()?);
        }
        Ok(scratch)
    }

    /// Makes a file that is not there, for the server's user.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<File, EmbeddedError> {
        let write = || {
            let flags = OFlags::CREATE
                | OFlags::EXCL
                | OFlags::NOFOLLOW
                | OFlags::APPEND
                | OFlags::RDWR
                | OFlags::CLOEXEC;
            let mut file = File::from(openat(&self.directory, name, flags, Mode::from(0o600))?);
            file.write_all(text.as_bytes())?;
            give_to(&file, self.user)?;
            Ok(file)
        };
        write().map_err(file_error("write", self.path.join(name)))
    }

    /// Hands it to the server's user.
    pub(super) fn give(&self) -> Result<(), EmbeddedError> {
        give_to(&self.directory, self.user).map_err(file_error("change the owner of", &self.path))
    }

    pub(super) fn keep(mut self) -> PathBuf {
        self.kept = true;
        self.path.clone()
    }
}

impl Drop for ScratchDirectory {
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

/// Makes the directory that outlives the server; only an empty one changes its owner. Once it is
/// open, what its name leads to does not matter.
pub(super) fn kept_directory(
    named: &Path,
    user: Option<ServerUser>,
) -> Result<PathBuf, EmbeddedError> {
    let path = std::path::absolute(named).map_err(file_error("find", named))?;
    fs::create_dir_all(&path).map_err(file_error("make", &path))?;
    // What root hands over is what stands under this name, not what a link there leads to.
    let directory = open_directory(&path, user.is_none()).map_err(file_error("open", &path))?;
    let read = || Dir::read_from(&directory)?.collect::<Result<Vec<DirEntry>, _>>();
    let entries = read().map_err(io::Error::from).map_err(file_error("read", &path))?;
    let mut names = entries.iter().map(DirEntry::file_name);
    if names.clone().any(|name| name == c"PG_VERSION") {
        return Ok(path);
    }
    if names.any(|name| name != c"." && name != c"..") {
        return Err(EmbeddedError::DataDirectory(path));
    }
    let make_private = || {
        if let Some(user) = user {
            let owner = directory.metadata()?.uid();
            if owner != 0 && owner != user.uid {
                return Err(io::Error::other("it belongs to another user"));
            }
        }
        directory.set_permissions(Permissions::from_mode(0o700))?;
        give_to(&directory, user)
    };
    make_private().map_err(file_error("change the owner of", &path))?;
    Ok(path)
}

fn open_directory(path: &Path, follow_link: bool) -> io::Result<File> {
    let mut flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    flags.set(OFlags::NOFOLLOW, !follow_link);
    Ok(File::from(openat(CWD, path, flags, Mode::empty())?))
}

/// Changes the owner of what is open, whatever its name leads to by now.
fn give_to(file: &File, user: Option<ServerUser>) -> io::Result<()> {
    match user {
        Some(user) => std::os::unix::fs::fchown(file, Some(user.uid), Some(user.gid)),
        None => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn place(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("dms-proxy-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn a_file_is_never_written_through_a_link() {
        let place = place("links");
        let secret = place.join("secret");
        fs::write(&secret, "precious").unwrap();
        let before = fs::metadata(&secret).unwrap();
        let scratch = ScratchDirectory::create().unwrap();
        symlink(&secret, scratch.path.join("server.log")).unwrap();
        assert!(scratch.write("server.log", "x").is_err());
        // Wherever the name of the directory leads by now, the file lies in the directory.
        let moved = place.join("moved");
        fs::rename(&scratch.path, &moved).unwrap();
        symlink(&place, &scratch.path).unwrap();
        scratch.write("pg_hba.conf", "y").unwrap();
        assert_eq!(fs::read_to_string(moved.join("pg_hba.conf")).unwrap(), "y");
        assert!(!place.join("pg_hba.conf").exists());
        assert_eq!(fs::read_to_string(&secret).unwrap(), "precious");
        assert_eq!(fs::metadata(&secret).unwrap().uid(), before.uid());
        fs::remove_file(&scratch.path).unwrap();
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn only_an_empty_directory_is_handed_over_and_no_link_to_one() {
        let place = place("kept");
        let user =
            fs::metadata(&place).map(|place| ServerUser { uid: place.uid(), gid: place.gid() });
        let user = Some(user.unwrap());
        for name in ["empty", "full", "cluster"] {
            fs::create_dir(place.join(name)).unwrap();
            fs::set_permissions(place.join(name), Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(place.join("full/file"), "x").unwrap();
        fs::write(place.join("cluster/PG_VERSION"), "15").unwrap();
        symlink(place.join("empty"), place.join("link")).unwrap();
        let mode = |name: &str| fs::metadata(place.join(name)).unwrap().mode() & 0o777;
        assert!(kept_directory(&place.join("link"), user).is_err());
        assert!(kept_directory(&place.join("full"), user).is_err());
        assert!(kept_directory(&place.join("cluster"), user).is_ok());
        assert_eq!([mode("empty"), mode("full"), mode("cluster")], [0o755; 3]);
        assert!(kept_directory(&place.join("empty"), user).is_ok());
        assert!(kept_directory(&place.join("made/below"), user).is_ok());
        assert_eq!([mode("empty"), mode("made/below")], [0o700; 2]);
        // Who is not root follows a link of its own.
        assert!(kept_directory(&place.join("link"), None).is_ok());
        fs::remove_dir_all(place).unwrap();
    }
}
