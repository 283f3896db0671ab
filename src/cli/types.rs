//! `dms-proxy types`: the mapping in force, written out.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::{ConfigArguments, exit_code};
use crate::mapping::{Mapping, json_table, markdown_table, name_list, text_table};

#[derive(Debug, Args)]
pub(super) struct TypesArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// How the table is written
    #[arg(long, value_enum, default_value_t = TypesFormat::Text)]
    format: TypesFormat,
}

/// How the mapping is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TypesFormat {
    /// Aligned columns.
    #[default]
    Text,
    /// A JSON array, one object a row.
    Json,
    /// A Markdown table.
    Markdown,
}

impl TypesArguments {
    pub(super) fn run(&self) -> ExitCode {
        let policy = match self.config.policy() {
            Ok(policy) => policy,
            Err(code) => return code,
        };
        let mut stdout = io::stdout().lock();
        let written = types(&policy.mapping, self.format, &mut stdout);
        let names = name_list(&policy.names);
        // The other formats hold one table.
        let written = written.and_then(|code| match self.format {
            TypesFormat::Text if !names.is_empty() => {
                writeln!(stdout, "\nNames by rule:\n  {}", names.join("\n  ")).map(|()| code)
            }
            _ => Ok(code),
        });
        exit_code(written)
    }
}

/// Writes the mapping in force and gives the exit code, 0.
///
/// # Errors
/// Those of the writer.
pub fn types(mapping: &Mapping, format: TypesFormat, stdout: &mut dyn Write) -> io::Result<u8> {
    let table = match format {
        TypesFormat::Text => text_table(mapping),
        TypesFormat::Json => json_table(mapping)?,
        TypesFormat::Markdown => markdown_table(mapping),
    };
    stdout.write_all(table.as_bytes())?;
    Ok(0)
}
