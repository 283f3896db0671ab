//! Whether an output gets colours, and whether it can be drawn on: the one place that decides, for commands and for the
//! log. Writes nothing.

use std::io::IsTerminal;

use anstream::{AutoStream, ColorChoice, stream::RawStream};

use crate::keyword::keywords;

/// `--color`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// On a terminal, as NO_COLOR, CLICOLOR_FORCE and TERM say.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

keywords!(Colour { "auto" => Auto, "always" => Always, "never" => Never });

impl Colour {
    /// From now on this decides for the whole process.
    pub fn decide(self) {
        match self {
            Colour::Auto => ColorChoice::Auto,
            Colour::Always => ColorChoice::Always,
            Colour::Never => ColorChoice::Never,
        }
        .write_global();
    }
}

/// Whether this output is a terminal whose lines can be drawn anew.
pub fn can_draw(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}

/// Whether this output gets colours.
pub fn is_wanted(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}
