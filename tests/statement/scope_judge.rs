//! The roles of names, judged by a grammar over PostgreSQL's own regression suite: a name has the role that
//! the grammar gives it, or none.

use std::collections::BTreeMap;
use std::fs;

use dms_proxy::mapping::{Mapping, MappingOptions};
use dms_proxy::script::{ClientProgram, SegmentKind, segments};
use dms_proxy::statement::Lexing;
use dms_proxy::statement::scope::NameRole;
use dms_proxy::statement::script::{Scratch, Script};
use squawk_parser::{EntryPoint, LexedStr, StrStep, SyntaxKind};

use crate::support::setup_directory;

/// Starts of statements in which the grammar takes types of arguments, options, or what is no statement at
/// all for columns, as it does with lists behind the schemas of a publication.
const MISREAD: &[&str] = &["create aggregate balk", "analyze (nonexistent", "alter index btree_"];

/// What a name is, as far as both tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Is {
    Relation,
    Column,
    /// A name that the statement gives.
    Alias,
    /// In front of a point.
    Qualifier,
    Nothing,
}

/// The names of a text, by where they start, as the grammar sees them; `None` if it does not accept it.
fn judged(sql: &str) -> Option<BTreeMap<usize, Is>> {
    let lexed = LexedStr::new(sql);
    let output = EntryPoint::SourceFile.parse(&lexed.to_input());
    let mut accepted = lexed.errors().next().is_none();
    let mut open: Vec<(SyntaxKind, usize)> = Vec::new();
    let mut names = BTreeMap::new();
    // Of a name in parts, only the last one is what the whole is.
    let mut last = 0..0;
    let (mut behind_point, mut last_is_field) = (false, false);
    let mut offset = 0;
    lexed.intersperse_trivia(&output, &mut |step| match step {
        StrStep::Token { kind, text } => {
            let start = offset;
            offset += text.len();
            let is_word = text.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '"')
                && !is_blank(kind);
            if is_blank(kind) {
                return;
            }
            if kind == SyntaxKind::DOT {
                let follows_name = last.end == start;
                // A field of a column that is written.
                if open.iter().any(|(kind, _)| *kind == SyntaxKind::COLUMN_TARGET) {
                    behind_point = true;
                    return;
                }
                if follows_name && !last_is_field {
                    names.entry(last.start).and_modify(|is| *is = Is::Qualifier);
                }
                behind_point = !follows_name || last_is_field;
                return;
            }
            let is_field = std::mem::take(&mut behind_point);
            if is_word && let Some(is) = role(&open) {
                let word = text.to_lowercase();
                let stands_for_value = VALUES.contains(&word.as_str());
                let is_nothing =
                    is_field || stands_for_value && (is == Is::Column || word == "uescape");
                names.insert(start, if is_nothing { Is::Nothing } else { is });
                last = start..offset;
                last_is_field = is_field;
            }
        }
        StrStep::Enter { kind } => open.push((kind, offset)),
        StrStep::Exit => {
            open.pop();
        }
        StrStep::Error { .. } => accepted = false,
    });
    accepted.then_some(names)
}

/// Keywords that the grammar takes for columns.
const VALUES: &[&str] = &[
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "maxvalue",
    "minvalue",
    "nfc",
    "nfd",
    "nfkc",
    "nfkd",
    "session_user",
    "system_user",
    "document",
    "uescape",
    "unknown",
    "user",
];

/// The role of a word by the nodes around it; `None` for a keyword.
fn role(open: &[(SyntaxKind, usize)]) -> Option<Is> {
    let is_option = |kind: &SyntaxKind| format!("{kind:?}").starts_with("COPY_OPTION");
    if open.iter().any(|(kind, _)| is_option(kind)) {
        return None;
    }
    let kinds: Vec<String> = open.iter().rev().map(|(kind, _)| format!("{kind:?}")).collect();
    let mut kinds = kinds.iter().map(String::as_str);
    let first = kinds.next()?;
    match first {
        "NAME_REF" => {
            let around: Vec<&str> = kinds.clone().take(2).collect();
            match around.as_slice() {
                ["CALL_EXPR", ..] => Some(Is::Nothing),
                // A trigger has words for arguments.
                ["ARG", "ARG_LIST"]
                    if open.iter().any(|(kind, _)| *kind == SyntaxKind::CREATE_TRIGGER)
                        && !open.iter().any(|(kind, _)| format!("{kind:?}").contains("WHEN")) =>
                {
                    Some(Is::Nothing)
                }
                ["FIELD_EXPR", "CALL_EXPR"] => Some(Is::Nothing),
                _ => Some(Is::Column),
            }
        }
        "COLUMN_NAME_REF" => {
            let names = ["SEARCH_SET_COLUMN", "CYCLE_SET_COLUMN", "CYCLE_PATH", "CYCLE_COLUMN_TO"];
            Some(match kinds.next() {
                Some(kind) if names.contains(&kind) => Is::Alias,
                _ => Is::Column,
            })
        }
        "COLUMN_NAME" => {
            let around: Vec<&str> = kinds.clone().take(2).collect();
            Some(match around.as_slice() {
                ["COLUMN" | "RENAME_COLUMN" | "ADD_COLUMN", ..] => Is::Column,
                ["COLUMN_LIST", "CREATE_VIEW" | "CREATE_MATERIALIZED_VIEW"] => Is::Column,
                // Of what a function returns.
                ["RETURN_TABLE_COLUMN", ..] => Is::Nothing,
                _ => Is::Alias,
            })
        }
        "TABLE_ALIAS" | "CTE_NAME" => Some(Is::Alias),
        "PATH_SEGMENT" | "PATH_SEGMENT_REF" => {
            let named = kinds.find(|kind| !kind.starts_with("PATH") || *kind == "PATH_TYPE")?;
            Some(match named {
                "RELATION_NAME_REF" | "TABLE_NAME_REF" | "TABLE_NAME" | "VIEW_NAME"
                | "SEQUENCE" | "SEQUENCE_REF" | "VIEW" | "VIEW_REF" => Is::Relation,
                "QUALIFIED_COLUMN_NAME_REF" | "PERCENT_TYPE" => Is::Column,
                _ => Is::Nothing,
            })
        }
        kind if kind.ends_with("_NAME") || kind.ends_with("_NAME_REF") => Some(Is::Nothing),
        _ => None,
    }
}

fn is_blank(kind: SyntaxKind) -> bool {
    matches!(kind, SyntaxKind::COMMENT | SyntaxKind::WHITESPACE)
}

/// Our names of a text with one statement, by where they start, and the offset behind which none are placed.
fn ours(sql: &str, mapping: &Mapping) -> Option<(BTreeMap<usize, Is>, usize)> {
    let script = Script::read(sql.as_bytes(), Lexing::default(), mapping, &mut Scratch::default());
    let [statement] = script.statements.as_slice() else { return None };
    let scopes = script.scopes(statement, sql.as_bytes());
    let mut names = BTreeMap::new();
    for name in &scopes.names {
        let is = match name.role {
            NameRole::Relation | NameRole::NewRelation | NameRole::RelationBeside(_) => {
                Is::Relation
            }
            NameRole::Column
            | NameRole::Shared(_)
            | NameRole::ColumnOf(_)
            | NameRole::NewColumnOf(_)
            | NameRole::RelationColumn => Is::Column,
            NameRole::Alias | NameRole::Label => Is::Alias,
            NameRole::SourceName => Is::Qualifier,
            NameRole::Schema | NameRole::InSchema | NameRole::Other => Is::Nothing,
        };
        let last = name.tokens.end - 1;
        for token in name.tokens.clone().step_by(2) {
            let is = if token == last { is } else { Is::Qualifier };
            names.insert(script.token_span(token, sql.as_bytes()).start, is);
        }
    }
    let lost = scopes.lost.map(|token| script.token_span(token, sql.as_bytes()).start);
    Some((names, lost.unwrap_or(usize::MAX)))
}

/// Whether ours says the same, as far as a place can tell.
fn agrees(theirs: Is, ours: Is) -> bool {
    theirs == ours
        // Only the statement tells a common table expression from a relation.
        || theirs == Is::Relation && ours == Is::Alias
        // `x.*`, `f(x)` over all of x.
        || theirs == Is::Column && ours == Is::Qualifier
        || theirs == Is::Qualifier && ours == Is::Nothing
}

#[test]
fn a_grammar_gives_names_the_same_roles() {
    let mapping = Mapping::new(MappingOptions::default()).unwrap();
    let (mut statements, mut names, mut unplaced) = (0, 0, 0);
    let mut misplaced = Vec::new();
    for entry in fs::read_dir(setup_directory().join("regress")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let Ok(sql) = std::str::from_utf8(&bytes) else { continue };
        for segment in segments(sql.as_bytes(), ClientProgram::Psql) {
            if !matches!(segment.kind, SegmentKind::Statement { .. }) {
                continue;
            }
            let sql = &sql[segment.span];
            let start = sql.get(..40).unwrap_or(sql).to_lowercase();
            let is_misread = start.contains("publication") && sql.contains("IN SCHEMA")
                || start.contains("publication testpub_error");
            if is_misread || MISREAD.iter().any(|misread| start.starts_with(misread)) {
                continue;
            }
            let Some(theirs) = judged(sql) else { continue };
            let Some((ours, end)) = ours(sql, &mapping) else { continue };
            statements += 1;
            for (at, theirs) in theirs {
                names += 1;
                match ours.get(&at) {
                    _ if at >= end => unplaced += 1,
                    Some(ours) if agrees(theirs, *ours) => {}
                    None if matches!(theirs, Is::Nothing | Is::Qualifier) => {}
                    ours => misplaced.push(format!(
                        "{theirs:?} and not {ours:?}: {} in {sql}",
                        &sql[at..].chars().take(20).collect::<String>()
                    )),
                }
            }
        }
    }
    assert!(misplaced.is_empty(), "{} misplaced, the first: {}", misplaced.len(), misplaced[0]);
    assert!(unplaced * 100 <= names, "{unplaced} of {names} names are not placed");
    assert!(statements > 30_000, "only {statements} statements were judged");
}
