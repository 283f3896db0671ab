//! The target: the PostgreSQL server that the proxy loads into.

pub mod embedded;
mod login;
mod server_binaries;
mod server_directory;
mod stream;
mod url;

pub use login::{Login, Secret, target_login};
pub use stream::{TargetAddress, TargetStream, cancel, connect, keep_alive_without_delay};
pub use url::{TargetUrl, target_url};
