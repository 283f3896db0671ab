//! What becomes of the statements of a script, one by one and without a target: the rules that sessions use,
//! with no more known than the script itself has said. Reads no files and writes nothing.

use std::ops::Range;
use std::sync::Arc;

use crate::catalog::{Catalog, Relation};
use crate::policy::{Policy, Settings};
use crate::rewrite::{
    MisfitKey, NAMES_RULE, Naming, Renamed, ReplacementReason, Rewrite, Rules, fitted_types,
    order_changes, plan, refusal, rename,
};
use crate::statement::script::{Body, Scratch, Script};
use crate::statement::{
    DefinedTable, DefinitionKind, Edit, FoundTypes, Lexing, Replacement, TableStatementKind,
    compose,
};
use crate::value::NUL_RULE;

/// The statements of one script after the other.
#[derive(Debug)]
pub(super) struct DryRun<'p> {
    policy: &'p Policy,
    settings: Settings,
    /// The tables that the script has created.
    catalog: Catalog,
    /// The schemas of the target in which names without one are looked up.
    search_path: Vec<String>,
    /// The names that differ.
    pairs: Vec<(String, String)>,
    scratch: Scratch,
    /// The types that the script has made of others, and how many of the last statement are not known.
    types: FoundTypes,
    misfit_keys: Vec<MisfitKey>,
}

/// A change in a statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) replacement: Replacement,
    pub(super) reason: ReplacementReason,
}

/// Why a statement stays as it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) hint: String,
}

/// The schemas in which names without one are looked up, as long as a script does not say otherwise: that of
/// the rules, where they are about one.
fn search_path(policy: &Policy) -> Vec<String> {
    let only = policy.names.only_schema();
    vec![only.map_or("public".to_owned(), |schema| policy.names.schema(&schema).into_owned())]
}

/// The rule of constants in which U+0000 was mended.
const NUL_REASON: ReplacementReason = ReplacementReason::Rule(NUL_RULE);

impl<'p> DryRun<'p> {
    pub(super) fn new(policy: &'p Policy) -> DryRun<'p> {
        let settings = policy.defaults;
        DryRun {
            policy,
            settings,
            catalog: Catalog::without_target(),
            search_path: search_path(policy),
            pairs: Vec::new(),
            scratch: Scratch::default(),
            types: FoundTypes::default(),
            misfit_keys: Vec::new(),
        }
    }

    /// What becomes of a statement, in order. Spans count from its start.
    ///
    /// # Errors
    /// The statement is refused.
    pub(super) fn statement(
        &mut self,
        sql: &[u8],
        lexing: Lexing,
    ) -> Result<Vec<Planned>, Refused> {
        let policy = self.policy;
        let (aliases, scratch) = (&self.types.aliases, &mut self.scratch);
        let script = Script::read_behind(sql, lexing, &policy.mapping, aliases, scratch);
        self.types = script.types.clone();
        let rules = Rules { policy, settings: self.settings, lexing, masks: &[] };
        self.catalog.define_search_path(self.search_path.clone());
        let naming = rename(&script, sql, &rules, &self.catalog);
        for change in order_changes(&script, sql, &rules, &self.catalog, false) {
            self.catalog.note_column_order(change);
        }
        match naming {
            Naming::Untouched => {
                let planned = planned(&script, sql, &self.catalog, &rules);
                self.note_fitted(&script, sql, &rules);
                script.give_back(&mut self.scratch);
                planned
            }
            Naming::Renamed(renamed) => {
                // Errors about types are about the text as it is written.
                refused(&script, sql, &rules)?;
                script.give_back(&mut self.scratch);
                self.renamed(sql, *renamed, lexing)
            }
            Naming::Refused(error) => Err(Refused {
                span: word_at(sql, error.position, lexing),
                message: error.message,
                hint: error.hint.unwrap_or_default(),
            }),
            // There is no target to ask.
            Naming::Ask(_) => Err(Refused {
                span: 0..sql.len(),
                message: "which names the rules are about depends on what is on the target"
                    .to_owned(),
                hint: "A session asks the target. Here, names with their schemas and columns with \
                       their tables are certain."
                    .to_owned(),
            }),
        }
    }

    /// What becomes of a statement whose names have been replaced, in terms of the statement as it was.
    fn renamed(
        &mut self,
        sql: &[u8],
        renamed: Renamed,
        lexing: Lexing,
    ) -> Result<Vec<Planned>, Refused> {
        let policy = self.policy;
        let rules = Rules { policy, settings: self.settings, lexing, masks: &[] };
        let script = Script::read(&renamed.sql, lexing, &policy.mapping, &mut self.scratch);
        let script = script.without_types();
        let outcome = planned(&script, &renamed.sql, &self.catalog, &rules);
        self.note_fitted(&script, &renamed.sql, &rules);
        for (source, target) in renamed.pairs {
            if !self.pairs.contains(&(source.clone(), target.clone())) {
                self.pairs.push((source, target));
            }
        }
        script.give_back(&mut self.scratch);
        let later = outcome.map_err(|refused| Refused { span: 0..sql.len(), ..refused })?;
        let (second, reasons): (Vec<_>, Vec<_>) =
            later.into_iter().map(|planned| (planned.replacement, planned.reason)).unzip();
        let composed = compose(sql, &renamed.replacements, &second);
        let planned = |(replacement, first, second): (_, Option<usize>, Option<usize>)| {
            let later = second.and_then(|number| reasons.get(number));
            let earlier = first.and_then(|number| renamed.reasons.get(number));
            let reason = later.or(earlier).copied().unwrap_or(ReplacementReason::Rule(NAMES_RULE));
            Planned { replacement, reason }
        };
        Ok(composed.into_iter().map(planned).collect())
    }

    /// The names that differ, the source's and the target's, in the order in which they were met.
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// The types that the script has made of others, and how many of the last statement are not known.
    pub(super) fn types(&self) -> &FoundTypes {
        &self.types
    }

    /// The foreign keys of the last statement about whose parents nothing is known.
    pub(super) fn take_misfit_keys(&mut self) -> Vec<MisfitKey> {
        std::mem::take(&mut self.misfit_keys)
    }

    /// Takes note of what holds for the statements behind this one. `edits` are the types that the target
    /// gets.
    fn note(&mut self, script: &Script, sql: &[u8], edits: &[Edit]) {
        for statement in &script.statements {
            if let Some(path) = script.stated_path(statement, sql) {
                self.search_path = path;
            }
            match &statement.body {
                Body::Setting(setting) => {
                    if let Some(value) = &setting.value {
                        // A value that means nothing has been refused.
                        let _ = self.settings.set(&setting.name, value);
                    } else {
                        self.settings = self.policy.defaults;
                    }
                }
                Body::Table(table) => match table.kind {
                    TableStatementKind::Drop { .. } => {
                        table
                            .tables
                            .iter()
                            .for_each(|table| self.catalog.forget(Some(&table.name)));
                    }
                    TableStatementKind::Create { .. } | TableStatementKind::Truncate { .. } => {}
                },
                Body::Other if alters(sql) => self.catalog.forget(None),
                Body::Other
                | Body::Write(_)
                | Body::Copy(_)
                | Body::Show(_)
                | Body::Definition
                | Body::Routines(_) => {}
            }
        }
        for definition in script.definitions(sql, edits) {
            if definition.kind == DefinitionKind::Alter {
                self.alter(&definition);
            }
        }
        for table in script.new_tables(sql, edits) {
            self.catalog.forget(Some(&table.name));
            if !table.may_be_there {
                let relation = Relation::from_text(&table);
                self.catalog.define(table.name, relation);
            }
        }
    }
}

impl DryRun<'_> {
    /// Takes note of a statement with the types that the target gets.
    fn note_fitted(&mut self, script: &Script, sql: &[u8], rules: &Rules<'_>) {
        let defined = script.definitions(sql, &script.edits);
        let (edits, unknown) = fitted_types(script, sql, &defined, &self.catalog, rules);
        self.note(script, sql, &edits);
        self.misfit_keys = unknown;
    }

    /// Takes note of what an ALTER TABLE leaves behind.
    fn alter(&mut self, definition: &DefinedTable) {
        let known = self.catalog.relation(&definition.name).map(Arc::clone);
        match known.filter(|_| definition.is_certain) {
            Some(known) => {
                self.catalog.define(definition.name.clone(), known.behind(definition));
            }
            // It may have another name now.
            None if !definition.is_certain => self.catalog.forget(None),
            None => {}
        }
    }
}

/// Whether a statement may change what the names of tables or their types stand for, and is not an ALTER
/// TABLE.
fn alters(sql: &[u8]) -> bool {
    let mut words = sql.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let is_alter = words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"alter"));
    let kinds: &[&[u8]] =
        &[b"domain", b"extension", b"foreign", b"materialized", b"schema", b"type", b"view"];
    let kind = words.next().unwrap_or_default();
    is_alter && kinds.iter().any(|known| kind.eq_ignore_ascii_case(known))
}

/// The error that a statement deserves as it is written.
fn refused(script: &Script, sql: &[u8], rules: &Rules<'_>) -> Result<(), Refused> {
    let refused = |span, message, hint| Err(Refused { span, message, hint });
    if let Some(fault) = script.fault.clone().filter(|_| rules.settings.rewrite) {
        return refused(fault.span, fault.message, fault.hint);
    }
    if let Some(error) = refusal(script, sql, rules) {
        let span = script.settings().next().map_or(0..0, |setting| setting.span.clone());
        return refused(span, error.message, error.hint.unwrap_or_default());
    }
    Ok(())
}

/// The word at a position, counted in characters from 1.
fn word_at(sql: &[u8], position: Option<usize>, lexing: Lexing) -> Range<usize> {
    let characters = position.map_or(0, |position| position - 1);
    let mut start = 0;
    for _ in 0..characters {
        let rest = sql.get(start..).unwrap_or_default();
        start += if rest.is_empty() { 0 } else { lexing.encoding.character_length(rest) };
    }
    let start = start.min(sql.len());
    let rest = sql.get(start..).unwrap_or_default();
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'.' | b',' | b'(' | b')');
    start..start + rest.iter().position(ends).unwrap_or(rest.len())
}

fn planned(
    script: &Script,
    sql: &[u8],
    catalog: &Catalog,
    rules: &Rules<'_>,
) -> Result<Vec<Planned>, Refused> {
    refused(script, sql, rules)?;
    listed(&mut plan(script, sql, &[], catalog, rules))
}

/// What a plan changes, in order.
fn listed(rewrite: &mut Rewrite) -> Result<Vec<Planned>, Refused> {
    let replacements = std::mem::take(&mut rewrite.replacements).into_iter();
    let replacements = replacements.zip(std::mem::take(&mut rewrite.reasons));
    let mut planned: Vec<Planned> =
        replacements.map(|(replacement, reason)| Planned { replacement, reason }).collect();
    if let Some(error) = rewrite.refused.take() {
        let refused =
            planned.into_iter().find(|planned| planned.reason == ReplacementReason::Refused);
        let span = refused.map_or(0..0, |planned| planned.replacement.span);
        return Err(Refused { span, message: error.message, hint: error.hint.unwrap_or_default() });
    }
    if let Some(mended) = rewrite.mended.take() {
        let kept = std::mem::take(&mut rewrite.mends).into_iter().filter(|span| {
            // In the place of a constant that is spelled anew there is nothing to mend.
            let behind =
                planned.partition_point(|planned| planned.replacement.span.start <= span.start);
            let last = behind.checked_sub(1).and_then(|at| planned.get(at));
            last.is_none_or(|planned| planned.replacement.span.end <= span.start)
        });
        let mends: Vec<Planned> = kept
            .map(|span| {
                let text = mended.get(span.clone()).unwrap_or_default().to_vec();
                Planned { replacement: Replacement { span, text }, reason: NUL_REASON }
            })
            .collect();
        planned.extend(mends);
        planned.sort_by_key(|planned| planned.replacement.span.start);
    }
    Ok(planned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::statement::replace;

    fn run(toml: &str, statements: &[&str]) -> Vec<String> {
        let config: Config = toml::from_str(toml).unwrap();
        let policy = config.policy().unwrap();
        let mut run = DryRun::new(&policy);
        let mut each = |sql: &&str| match run.statement(sql.as_bytes(), Lexing::default()) {
            Ok(planned) => {
                let list: Vec<Replacement> =
                    planned.into_iter().map(|planned| planned.replacement).collect();
                String::from_utf8(replace(sql.as_bytes(), &list)).unwrap()
            }
            Err(refused) => format!("{}: {}", &sql[refused.span], refused.message),
        };
        statements.iter().map(&mut each).collect()
    }

    #[test]
    fn tables_of_the_script_are_known() {
        let statements = [
            "INSERT INTO t VALUES (1)",
            "CREATE TABLE t (a BOOL, j jsonb)",
            r#"INSERT INTO t VALUES (1, '"\u0000"')"#,
            "ALTER TABLE t DROP j",
            "INSERT INTO t VALUES (1)",
            "CREATE TABLE t (a int)",
            "INSERT INTO t VALUES (1)",
            "DROP TABLE t",
            "CREATE TABLE IF NOT EXISTS t (a BOOL)",
            "INSERT INTO t VALUES (1)",
        ];
        let mut expected = statements.map(str::to_owned);
        expected[2] = r#"INSERT INTO t VALUES ('1', '"\u0020"')"#.to_owned();
        assert_eq!(run("", &statements), expected);
    }

    #[test]
    fn settings_of_the_script_are_in_force() {
        let statements = [
            "CREATE TABLE t (a UINT4)",
            "SET dms.table_prep = 'do-nothing'",
            "CREATE TABLE t (a UINT4)",
            "SET dms.rewrite = off",
            "CREATE TABLE t (a UINT4)",
            "SET dms.fk = 'nope'",
        ];
        let mut expected = statements.map(str::to_owned);
        expected[0] = "CREATE TABLE t (a BIGINT)".to_owned();
        expected[2] = "CREATE TABLE IF NOT EXISTS t (a BIGINT)".to_owned();
        expected[4] = "CREATE TABLE IF NOT EXISTS t (a UINT4)".to_owned();
        expected[5] = "'nope': invalid value for parameter \"dms.fk\": \"nope\"".to_owned();
        assert_eq!(run("", &statements), expected);
    }

    #[test]
    fn values_are_refused_where_policies_say_so() {
        let statements =
            ["CREATE TABLE t (a varchar(3))", r"INSERT INTO t VALUES ('a'), (E'\000')"];
        let said = run("values.nul = \"reject\"", &statements);
        assert!(said[1].starts_with(r"E'\000': "), "{said:?}");
        let said = run("values.nul = \"remove\"", &statements);
        assert_eq!(said[1], "INSERT INTO t VALUES ('a'), ('')");
    }
}
