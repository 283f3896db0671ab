//! A sequence of messages, and the text file that it can be kept in.

use std::fmt::{self, Display, Formatter};

use super::by_design;
use super::message::Message;

/// What one client does in one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// The configuration of the proxy, one of [`POLICIES`].
    pub policies: String,
    /// Where the stream of bytes is cut: a seed, 0 for nowhere.
    pub cuts: u64,
    pub messages: Vec<Message>,
}

/// Names of configurations and their `proxy.toml`. None of them changes what a legal sequence is
/// answered, but for what [`by_design`] lists.
pub const POLICIES: [(&str, &str); 7] = [
    ("default", ""),
    // Statements that are not read.
    ("short", "[limits]\nstatement_bytes = 300"),
    ("pipeline", "[limits]\npipeline_messages = 5"),
    ("park", "[fk]\nmode = 'park'"),
    (
        "values",
        "[values]\nnul = 'remove'\ntoo_long = 'truncate'\nbad_dates = 'null'\nlob_bytes = 100000\n\
         generated = 'leave-out'\nidentity_always = 'override'\nsilent_loss = 'warn'\nsamples = true",
    ),
    ("relay", "rewrite = 'off'\n[fk]\nmode = 'off'"),
    // Each load goes in parts and savepoints, and its errors are the server's.
    (
        by_design::POLICIES,
        "[fk]\nmode = 'off'\n[errors]\ndata_error_policy = 'stop-task'\nbatch_bytes = 1024\n\
         [[errors.sessions]]\nerrors = 'set-aside'",
    ),
];

/// The `proxy.toml` of a name.
pub fn configuration(policies: &str) -> Option<&'static str> {
    POLICIES.iter().find(|(name, _)| *name == policies).map(|(_, text)| *text)
}

impl Sequence {
    /// The sequence that [`Display`] has written.
    pub fn parse(text: &str) -> Result<Sequence, String> {
        let mut sequence =
            Sequence { policies: POLICIES[0].0.to_owned(), cuts: 0, messages: Vec::new() };
        for (number, line) in text.lines().enumerate() {
            let fault = |error: String| format!("line {}: {error}", number + 1);
            match line.trim().split_once(' ') {
                _ if line.trim().is_empty() || line.starts_with('#') => {}
                Some(("policies", name)) => sequence.policies = name.to_owned(),
                Some(("cuts", seed)) => {
                    sequence.cuts = seed.parse().map_err(|_| fault(format!("seed {seed:?}")))?;
                }
                _ => sequence.messages.push(Message::parse(line).map_err(fault)?),
            }
        }
        match configuration(&sequence.policies) {
            Some(_) => Ok(sequence),
            None => Err(format!("no policies {:?}", sequence.policies)),
        }
    }
}

impl Display for Sequence {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "policies {}", self.policies)?;
        if self.cuts != 0 {
            writeln!(f, "cuts {}", self.cuts)?;
        }
        self.messages.iter().try_for_each(|message| writeln!(f, "{message}"))
    }
}
