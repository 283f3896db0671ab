//! The commands: arguments in, exit code out. Everything that prints for a person lives here.

mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Source, Url};

/// The exit code of a wrong configuration or a wrong call.
const EXIT_USAGE: u8 = 2;

/// Load into PostgreSQL the way AWS DMS would, with any tool.
///
/// Point a migration tool at the proxy instead of at its PostgreSQL target. The proxy rewrites the
/// types in incoming DDL by the DMS type table, turns U+0000 in row values into a space, silences
/// foreign keys for the load, and forwards everything else byte for byte.
#[derive(Debug, Parser)]
#[command(name = "dms-proxy", version, max_term_width = 100)]
#[command(after_help = "Without a command the proxy is served. Try `dms-proxy demo` first.")]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy (also the default)
    ///
    /// Clients connect to the listening address with their usual user, password and database; each
    /// gets its own connection to the target. SIGTERM and SIGINT stop taking clients and let
    /// running sessions end.
    #[command(after_help = "Example:\n  \
        dms-proxy serve --listen 127.0.0.1:6432 --target postgresql://db.example.com:5432\n  \
        psql -h 127.0.0.1 -p 6432 -U app mydb")]
    Serve(ServeArguments),
}

#[derive(Debug, Args)]
struct ServeArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Where clients connect; port 0 takes a free one
    #[arg(long, value_name = "ADDR", env = "DMS_PROXY_LISTEN")]
    listen: Option<std::net::SocketAddr>,
    /// What is loaded into: a libpq URI, or "embedded" for a throw-away server
    #[arg(long, value_name = "URL", env = "DMS_PROXY_TARGET")]
    target: Option<Url>,
    /// Keep the data of the embedded target in this directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ConfigArguments {
    /// The configuration file; ./proxy.toml if there is one
    #[arg(long, value_name = "FILE", env = "DMS_PROXY_CONFIG")]
    config: Option<PathBuf>,
    /// The dialect of the incoming type names
    #[arg(long, value_name = "NAME", env = "DMS_PROXY_SOURCE")]
    source: Option<Source>,
}

impl ConfigArguments {
    /// The file, with the flags on top. A person has been told what is wrong when there is none.
    fn load(&self) -> Result<Config, ExitCode> {
        let mut config = Config::load(self.config.as_deref()).map_err(|error| {
            say(&format!("dms-proxy: {error}"));
            ExitCode::from(EXIT_USAGE)
        })?;
        if let Some(source) = &self.source {
            config.mapping.source = source.clone();
        }
        Ok(config)
    }
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        match self.command {
            None => serve::run(&self.serve),
            Some(Command::Serve(arguments)) => serve::run(&arguments),
        }
    }
}

/// Tells a person something, on stderr.
fn say(text: &str) {
    use std::io::Write as _;
    // Nobody is left to be told that stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
