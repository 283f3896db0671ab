//! What is typed at the console, who may type it, and what comes back. Knows no frames.

use super::super::glob;
use super::super::listing::{Cell, Listing};
use super::super::operator::Operator;
use super::verbs::ConsoleVerb;
use super::{own, pgbouncer, server};
use crate::wire::OwnError;

/// What a console user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleRole {
    /// Show, and command.
    Admin,
    /// Show.
    Stats,
}

/// What a statement of the console comes to.
#[derive(Debug, Default)]
pub(super) struct CommandOutcome {
    /// The rows, if it gives any.
    pub(super) listing: Option<Listing>,
    /// The command tag.
    pub(super) tag: String,
    /// Notices in front of it.
    pub(super) notices: Vec<String>,
    /// Prepared statements that are given up.
    pub(super) forgets: Option<Forgotten>,
}

/// Prepared statements that a client gives up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Forgotten {
    /// All of them.
    All,
    /// The one of this name.
    Statement(String),
}

/// What people may type: command, what it does, and who may.
const HELP: [(&str, &str, &str); 24] = [
    ("SHOW TABLES", "tables, their states and rows", "stats"),
    ("SHOW SESSIONS", "sessions and what they do", "stats"),
    ("SHOW REWRITES", "what was changed, by table, column and rule", "stats"),
    ("SHOW ERRORS", "the last errors", "stats"),
    ("SHOW FOREIGN_KEYS", "foreign keys of the target", "stats"),
    ("SHOW MAPPING", "the type mapping in force", "stats"),
    ("SHOW LATENCY", "what the proxy adds", "stats"),
    ("SHOW TARGET", "the target and whether it answers", "stats"),
    ("SHOW CONFIG", "the configuration in force", "stats"),
    ("SHOW STATS|STATS_TOTALS|STATS_AVERAGES|TOTALS", "as pgbouncer has them", "stats"),
    ("SHOW POOLS|CLIENTS|SERVERS|SOCKETS", "as pgbouncer has them", "stats"),
    ("SHOW DATABASES|USERS|LISTS|STATE|MEM|VERSION", "as pgbouncer has them", "stats"),
    ("... LIKE 'pattern'", "behind a SHOW: rows whose name fits", "stats"),
    ("... FORMAT JSON", "behind a SHOW: one row of JSON", "stats"),
    ("RELOAD", "reads the configuration again", "admin"),
    ("PAUSE [db]", "lets clients that come wait", "admin"),
    ("RESUME [db]", "lets them in", "admin"),
    ("DISABLE db, ENABLE db", "refuses clients that come, or takes them again", "admin"),
    ("DRAIN, SHUTDOWN WAIT_FOR_CLIENTS", "takes no more clients, ends with the last", "admin"),
    ("SHUTDOWN", "ends at once", "admin"),
    ("KILL [db]", "ends sessions", "admin"),
    ("KILL_CLIENT id", "ends one session", "admin"),
    ("SET log.level = '...'", "another log level", "admin"),
    ("RESET STATS [table], RESET REWRITES", "counts from zero", "admin"),
];

/// Statements of a text, without comments and empty ones.
pub(super) fn statements(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let (mut quote, mut rest) = (None, text.chars().peekable());
    while let Some(c) = rest.next() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == ';' => {
                found.push(String::new());
                continue;
            }
            None if c == '-' && rest.peek() == Some(&'-') => {
                while rest.next_if(|c| *c != '\n').is_some() {}
                continue;
            }
            None if c == '/' && rest.peek() == Some(&'*') => {
                skip_comment(&mut rest);
                continue;
            }
            None => {}
        }
        if let Some(last) = found.last_mut() {
            last.push(c);
        }
    }
    found.into_iter().map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

/// Leaves out a comment up to its end, with those in it; its first character has been read.
fn skip_comment(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    rest.next();
    let mut depth = 1;
    while depth > 0
        && let Some(c) = rest.next()
    {
        match c {
            '*' if rest.next_if_eq(&'/').is_some() => depth -= 1,
            '/' if rest.next_if_eq(&'*').is_some() => depth += 1,
            _ => {}
        }
    }
}

/// The words of a statement; quotes hold one together, and `=` stands alone.
fn words(statement: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut quote) = (String::new(), None);
    let mut was_quoted = false;
    for c in statement.chars().chain([' ']) {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.push(c),
            None if c == '\'' || c == '"' => (quote, was_quoted) = (Some(c), true),
            None if c.is_whitespace() || c == '=' => {
                if !word.is_empty() || std::mem::take(&mut was_quoted) {
                    words.push(std::mem::take(&mut word));
                }
                was_quoted = false;
                if c == '=' {
                    words.push("=".into());
                }
            }
            None => word.push(c),
        }
    }
    words
}

fn not_here() -> OwnError {
    OwnError::new("0A000", "this is the console of dms-proxy").with_hint("SHOW HELP")
}

/// The columns of what a statement gives, for who asks before it runs; `None` for one that gives no rows.
/// Runs nothing but a SHOW.
pub(super) fn describe(statement: &str, operator: &Operator) -> Option<Listing> {
    let words = words(statement);
    let first = words.first()?.to_uppercase();
    match first.as_str() {
        "SHOW" => show(&words, operator).ok(),
        "SELECT" => server::select(statement),
        _ => None,
    }
}

/// Runs a statement.
///
/// # Errors
/// It is not known here, or not allowed, or cannot be done now.
pub(super) async fn run(
    statement: &str,
    role: ConsoleRole,
    operator: &Operator,
) -> Result<CommandOutcome, OwnError> {
    let words = words(statement);
    let upper: Vec<String> = words.iter().map(|word| word.to_uppercase()).collect();
    let first = upper.first().map_or("", String::as_str);
    let tagged = |tag: &str| CommandOutcome { tag: tag.to_owned(), ..CommandOutcome::default() };
    match first {
        "SHOW" => {
            operator.refresh().await;
            let is_help = upper.get(1).is_some_and(|name| name == "HELP");
            let notices = if is_help { vec![usage()] } else { Vec::new() };
            let listing = Some(show(&words, operator)?);
            let outcome = CommandOutcome { listing, notices, ..tagged("SHOW") };
            return Ok(outcome);
        }
        "SELECT" => {
            let listing = Some(server::select(statement).ok_or_else(not_here)?);
            return Ok(CommandOutcome { listing, ..tagged("SELECT 1") });
        }
        "BEGIN" | "START" => return Ok(tagged("BEGIN")),
        "COMMIT" | "END" => return Ok(tagged("COMMIT")),
        "ROLLBACK" | "ABORT" => return Ok(tagged("ROLLBACK")),
        "DISCARD" | "DEALLOCATE" => {
            return Ok(CommandOutcome { forgets: forgotten(&words, &upper), ..tagged(first) });
        }
        "CLOSE" => return Ok(tagged(first)),
        "SET" if upper.get(1).is_none_or(|name| name != "LOG.LEVEL") => return Ok(tagged("SET")),
        "RESET" if !matches!(upper.get(1).map(String::as_str), Some("STATS" | "REWRITES")) => {
            return Ok(tagged("RESET"));
        }
        _ => {}
    }
    let Some(verb) = ConsoleVerb::of(first) else { return Err(not_here()) };
    if role != ConsoleRole::Admin {
        return Err(OwnError::new("42501", "only users of admin.users may command"));
    }
    let notices = verb.obey(&words, operator).await?;
    Ok(CommandOutcome { tag: first.to_owned(), notices, ..CommandOutcome::default() })
}

/// What `DISCARD ALL`, `DEALLOCATE ALL` or `DEALLOCATE [PREPARE] name` gives up.
fn forgotten(words: &[String], upper: &[String]) -> Option<Forgotten> {
    let upper: Vec<&str> = upper.iter().map(String::as_str).collect();
    match upper.as_slice() {
        ["DISCARD", "ALL"] | ["DEALLOCATE", "ALL"] | ["DEALLOCATE", "PREPARE", "ALL"] => {
            Some(Forgotten::All)
        }
        ["DEALLOCATE", "PREPARE", _] | ["DEALLOCATE", _] => {
            words.last().cloned().map(Forgotten::Statement)
        }
        _ => None,
    }
}

fn usage() -> String {
    let lines: Vec<String> =
        HELP.iter().map(|(command, what, _)| format!("\t{command}: {what}")).collect();
    format!("Console usage\n{}", lines.join("\n"))
}

fn show(words: &[String], operator: &Operator) -> Result<Listing, OwnError> {
    let mut words = words;
    let mut is_json = false;
    if let [front @ .., format, json] = words
        && format.eq_ignore_ascii_case("format")
        && json.eq_ignore_ascii_case("json")
    {
        (words, is_json) = (front, true);
    }
    let mut pattern = None;
    if let [front @ .., like, text] = words
        && like.eq_ignore_ascii_case("like")
    {
        (words, pattern) = (front, Some(text));
    }
    let name = words.get(1..).unwrap_or_default().join(" ").to_uppercase();
    let mut listing = match name.as_str() {
        "HELP" => help(),
        name => own::show(name, operator)
            .or_else(|| pgbouncer::show(name, operator))
            .or_else(|| server::show(name))
            .ok_or_else(|| {
                let message =
                    format!("unrecognized configuration parameter \"{}\"", name.to_lowercase());
                OwnError::new("42704", message).with_hint("SHOW HELP")
            })?,
    };
    if let Some(pattern) = pattern {
        let columns = own::like_columns(&name);
        if columns.is_empty() {
            return Err(not_here());
        }
        listing.retain(columns, |text| glob::is_like(pattern, text));
    }
    Ok(if is_json { listing.into_json() } else { listing })
}

fn help() -> Listing {
    let mut listing = Listing::new("command what who");
    for (command, what, who) in HELP {
        listing.rows.push([command, what, who].map(|text| Cell::Text(text.to_owned())).into());
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_into_statements_and_words() {
        let found = statements("SHOW TABLES; -- x;y\n show sessions like 'a;b' ;; ");
        assert_eq!(found, ["SHOW TABLES", "show sessions like 'a;b'"]);
        let found = statements("/* by; /* an */ exporter */ SHOW '/*'; SHOW MEM /* end");
        assert_eq!(found, ["SHOW '/*'", "SHOW MEM"]);
        assert_eq!(words("SET log.level='de bug'"), ["SET", "log.level", "=", "de bug"]);
        assert_eq!(words("x ''"), ["x", ""]);
    }
}
