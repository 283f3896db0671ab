//! The target: the PostgreSQL server that the proxy loads into.

mod dial;
pub mod embedded;
mod login;
mod server_binaries;
mod server_directory;
mod url;

pub use dial::{Target, TargetAddress};
pub use login::{Login, Secret, target_login};
pub use url::{TargetUrl, target_url};
