//! What is shown of a difference.

use std::fmt::Write;

use super::arena::Difference;
use super::sequence::Sequence;

/// Lines of either side that are shown from the first difference on.
const LINES: usize = 6;

/// A sequence that can be replayed, and what the two sides said to it.
pub fn report(heading: &str, sequence: &Sequence, difference: &Difference) -> String {
    let mut text = String::new();
    for line in heading.lines() {
        let _ = writeln!(text, "# {line}");
    }
    let how = if difference.timed_out { ", and the proxied session times out" } else { "" };
    let _ = writeln!(text, "# The same up to reply {}{how}.", difference.at);
    for (name, lines) in [("direct", &difference.direct), ("proxied", &difference.proxied)] {
        for line in lines.iter().skip(difference.at).take(LINES) {
            let _ = writeln!(text, "#   {name:<8}{}", line.replace(['\n', '\r'], "\\n"));
        }
        if lines.len() <= difference.at {
            let _ = writeln!(text, "#   {name:<8}(nothing)");
        }
    }
    let _ = write!(text, "{sequence}");
    text
}
