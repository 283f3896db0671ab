//! The `dms-proxy` program: arguments, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    dms_proxy::cli::run_command_line()
}
