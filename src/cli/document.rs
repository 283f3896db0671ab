//! A report in sections, as text for a terminal, as Markdown, or as a page of HTML that needs nothing else. Knows
//! no target; whatever names hold is spelt out.

use super::close_out::plain;

/// How the first word of a report looks on a terminal.
const COLOURS: [(&str, &str); 4] =
    [("CLEAN", "32"), ("OPEN", "33"), ("FAILED", "31"), ("INTERRUPTED", "33")];

/// A report.
#[derive(Debug, Default)]
pub(super) struct FinishDocument {
    /// What comes out, in a line that begins with a word in capitals.
    pub(super) verdict: String,
    /// What it is about.
    pub(super) about: String,
    /// Its sections.
    pub(super) sections: Vec<Section>,
}

/// A part of a report.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// Its title.
    pub(super) title: String,
    /// Its lines.
    pub(super) items: Vec<ReportItem>,
}

/// A line with more about it.
#[derive(Debug, Default)]
pub(super) struct ReportItem {
    /// The line.
    pub(super) head: String,
    /// Words and what they stand in front of: SQL, or a command.
    pub(super) more: Vec<(&'static str, String)>,
}

impl Section {
    pub(super) fn new(title: impl Into<String>) -> Section {
        Section { title: title.into(), items: Vec::new() }
    }

    /// Adds a line.
    pub(super) fn line(&mut self, head: impl Into<String>) {
        self.items.push(ReportItem { head: head.into(), more: Vec::new() });
    }
}

impl FinishDocument {
    /// For a terminal or a file.
    pub(super) fn text(&self, coloured: bool) -> String {
        let verdict = plain(&self.verdict);
        let shown = if coloured { painted(&verdict) } else { verdict.clone() };
        let width = 60_usize.saturating_sub(verdict.chars().count()).max(4);
        let mut text = format!("{shown}{:width$}{}\n", "", plain(&self.about));
        for section in self.sections.iter().filter(|section| !section.items.is_empty()) {
            text.push_str(&format!("\n{}\n", plain(&section.title)));
            for ReportItem { head, more } in &section.items {
                text.push_str(&format!("  {}\n", plain(head)));
                for (word, what) in more {
                    text.push_str(&format!("    {word:<7} {}\n", plain(what)));
                }
            }
        }
        text
    }

    /// For a ticket.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!("# {}\n\n{}\n", marked(&self.verdict), marked(&self.about));
        for section in self.sections.iter().filter(|section| !section.items.is_empty()) {
            text.push_str(&format!("\n## {}\n\n", marked(&section.title)));
            for ReportItem { head, more } in &section.items {
                text.push_str(&format!("- {}\n", marked(head)));
                for (word, what) in more {
                    text.push_str(&format!("  - {word}: {}\n", code(what)));
                }
            }
        }
        text
    }

    /// A page of its own.
    pub(super) fn html(&self) -> String {
        let (verdict, about) = (escaped(&self.verdict), escaped(&self.about));
        let mut text =
            format!("{HEAD}<title>{verdict}</title>\n<h1>{verdict}</h1>\n<p>{about}</p>\n");
        for section in self.sections.iter().filter(|section| !section.items.is_empty()) {
            text.push_str(&format!("<h2>{}</h2>\n<ul>\n", escaped(&section.title)));
            for ReportItem { head, more } in &section.items {
                text.push_str(&format!("<li>{}", escaped(head)));
                for (word, what) in more {
                    text.push_str(&format!("<br>{word} <code>{}</code>", escaped(what)));
                }
                text.push_str("</li>\n");
            }
            text.push_str("</ul>\n");
        }
        text + "</html>\n"
    }
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<style>\nbody { font: 1rem/1.4 \
    system-ui, sans-serif; margin: 2rem; max-width: 70rem }\ncode { overflow-wrap: anywhere }\n</style>\n";

/// The verdict with its word in colour.
fn painted(verdict: &str) -> String {
    let found = COLOURS.iter().find_map(|(word, colour)| {
        let rest = verdict.strip_prefix(word)?;
        Some(format!("\u{1b}[1;{colour}m{word}\u{1b}[0m{rest}"))
    });
    found.unwrap_or_else(|| verdict.to_owned())
}

/// Text in which nothing is Markdown.
fn marked(text: &str) -> String {
    let mut marked = String::new();
    for character in plain(text).chars() {
        if "\\`*_{}[]<>#|~&".contains(character) {
            marked.push('\\');
        }
        marked.push(character);
    }
    marked
}

/// A span of code, whatever backticks it has.
fn code(text: &str) -> String {
    let text = plain(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in plain(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> FinishDocument {
        let more = vec![("look", "SELECT `a`".to_owned())];
        let head = "<b>*x*\u{1b}[2J\ny".to_owned();
        let section =
            Section { title: "Left to do".into(), items: vec![ReportItem { head, more }] };
        let (verdict, about) = ("OPEN: 1 thing left to do".to_owned(), "db".to_owned());
        FinishDocument { verdict, about, sections: vec![section, Section::new("Nothing")] }
    }

    #[test]
    fn names_cannot_leave_their_place() {
        let text = document().text(false);
        assert!(text.starts_with("OPEN: 1 thing left to do    "), "{text}");
        assert!(text.contains("\n  <b>*x*\\u{1b}[2J\\ny\n    look    SELECT `a`\n"), "{text}");
        assert!(document().text(true).starts_with("\u{1b}[1;33mOPEN\u{1b}[0m: 1"));
        let markdown = document().markdown();
        assert!(markdown.contains("- \\<b\\>\\*x\\*\\\\u\\{1b\\}\\[2J\\\\ny\n"), "{markdown}");
        assert!(markdown.contains("  - look: `` SELECT `a` ``\n"), "{markdown}");
        let html = document().html();
        assert!(html.contains("<li>&lt;b&gt;*x*"), "{html}");
        assert!(!html.contains("Nothing") && html.ends_with("</html>\n"), "{html}");
    }
}
