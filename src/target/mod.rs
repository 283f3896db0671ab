//! The target: the PostgreSQL server that the proxy loads into.

mod demands;
mod dial;
pub mod embedded;
mod embedded_error;
mod keywords;
mod secret;
mod server_binaries;
mod server_directory;
mod url;

pub use demands::{AuthMethod, BindingDemand, LoginDemands};
pub use dial::{Target, TargetAddress};
pub use secret::{Secret, without_os_errors, without_passwords};
pub use url::{TargetLogin, TargetPlace, TargetUrl};
