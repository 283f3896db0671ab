//! `dms-proxy completions` and `dms-proxy man`: made from the commands and from the shipped `proxy.toml`.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::roff::{Roff, bold, roman};

use super::{CommandLine, exit_code};
use crate::config::shipped_keys;

/// The name of the program.
const PROGRAM: &str = "dms-proxy";

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// Where to write a page for each command, and proxy.toml(5); without it dms-proxy(1) is printed
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Prints a script for a shell.
pub(super) fn completions(arguments: &CompletionsArguments) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut CommandLine::command(), PROGRAM, &mut script);
    exit_code(io::stdout().write_all(&script).map(|()| 0))
}

/// Prints or writes the manual.
pub(super) fn man(arguments: &ManArguments) -> ExitCode {
    exit_code(
        match &arguments.directory {
            None => page(&CommandLine::command()).and_then(|page| io::stdout().write_all(&page)),
            Some(directory) => write_pages(directory),
        }
        .map(|()| 0),
    )
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}

fn write_pages(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    // The pages of commands without `help`, which has nothing to say of its own.
    let command = CommandLine::command().disable_help_subcommand(true);
    clap_mangen::generate_to(command, directory)?;
    std::fs::write(directory.join("proxy.toml.5"), file_page()?)
}

/// proxy.toml(5).
fn file_page() -> io::Result<Vec<u8>> {
    let mut roff = Roff::new();
    roff.control("TH", ["proxy.toml", "5", "", PROGRAM]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("proxy.toml - the configuration of dms-proxy")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "Flags go before the environment, and the environment goes before this file. Every key has a \
         default. Unknown keys and values that are not allowed are errors. SIGHUP reads the file again.",
    )]);
    let mut section = None;
    for entry in shipped_keys() {
        if section.as_ref() != Some(&entry.section) && !entry.section.is_empty() {
            roff.control("SH", [format!("[{}]", entry.section).as_str()]);
            section = Some(entry.section.clone());
        }
        let default = entry.default.as_ref().map(|default| format!(" = {default}"));
        roff.control("TP", []);
        roff.text([bold(entry.key.clone()), roman(default.unwrap_or_default())]);
        for line in entry.text.lines() {
            roff.text([roman(line)]);
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold(PROGRAM), roman("(1)")]);
    let mut page = Vec::new();
    roff.to_writer(&mut page)?;
    Ok(page)
}
