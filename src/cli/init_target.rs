//! `dms-proxy init-target`.

use std::process::ExitCode;

use clap::Args;

use super::close_out::{TargetArguments, run as run_command};
use crate::close_out::{Connection, init_target};
use crate::ledger::target::init_sql;

#[derive(Debug, Args)]
pub(super) struct InitTargetArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Roles that load: they may add to dms_proxy.rewrites by its function, and park foreign keys
    #[arg(long, value_name = "ROLE", num_args = 1..)]
    role: Vec<String>,
    /// Print the SQL, run nothing
    #[arg(long)]
    print: bool,
}

pub(super) fn run(arguments: &InitTargetArguments) -> ExitCode {
    let sql = init_sql(&arguments.role);
    if arguments.print {
        return run_command(async { Ok((sql, 0)) });
    }
    let (target, _) = match arguments.target.resolve(&[]) {
        Ok(resolved) => resolved,
        Err(code) => return code,
    };
    run_command(async {
        init_target(&Connection::open(&target).await?, &sql).await?;
        Ok(("schema dms_proxy is ready\n".to_owned(), 0))
    })
}
