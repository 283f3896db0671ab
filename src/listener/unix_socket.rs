//! The Unix socket that clients connect to: its file and its permissions; takes no clients.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use crate::config::Permissions;

/// A listening Unix socket. A file that was made here is removed with it.
#[derive(Debug)]
pub(super) struct UnixSocket {
    pub(super) listener: UnixListener,
    pub(super) path: PathBuf,
    /// Whoever has started this process removes the file.
    is_inherited: bool,
}

impl UnixSocket {
    /// Replaces a socket file that no process listens on.
    ///
    /// # Errors
    /// Another process listens there, the file is not a socket, or it cannot be made.
    pub(super) fn bind(path: &Path, permissions: Permissions) -> io::Result<UnixSocket> {
        let failed = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot listen on {}: {error}", path.display()))
        };
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(failed(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another process listens there",
            )));
        }
        if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
            std::fs::remove_file(path).map_err(failed)?;
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        let socket = UnixSocket { listener, path: path.to_owned(), is_inherited: false };
        let mode = std::fs::Permissions::from_mode(permissions.0);
        std::fs::set_permissions(path, mode).map_err(failed)?;
        Ok(socket)
    }

    /// One that this process was started with.
    ///
    /// # Errors
    /// It is of no use to this process.
    pub(super) fn inherited(socket: std::os::unix::net::UnixListener) -> io::Result<UnixSocket> {
        socket.set_nonblocking(true)?;
        let path = socket.local_addr()?.as_pathname().map(Path::to_owned).unwrap_or_default();
        Ok(UnixSocket { listener: UnixListener::from_std(socket)?, path, is_inherited: true })
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        if self.is_inherited {
            return;
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(event = "socket_not_removed", file = %self.path.display(), %error, "the socket was not removed");
        }
    }
}
