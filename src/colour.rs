//! Whether an output gets colours: the one place that decides, for commands and for the log. Writes nothing.

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

/// Whether this output gets colours.
pub fn is_wanted(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}
