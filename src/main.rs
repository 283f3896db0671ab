//! The `dms-proxy` program: arguments, run, exit code.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    dms_proxy::cli::Arguments::parse().run()
}
