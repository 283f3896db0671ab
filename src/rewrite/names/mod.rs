//! Names by rule: a text has the source's names, the target and all that is known of it the target's. A text
//! is renamed before any other rule sees it; sends and asks nothing itself.
//!
//! Certain or refused: in a statement that names something that a rule renames, a name that cannot be
//! placed is an error. Nothing is half renamed.

mod additions;
mod columns;
mod constants;
mod finish;
mod found;
mod look_up_names;
mod look_up_parameters;
mod look_up_rows;
mod look_ups;
mod masks;
mod new_columns;
mod places;
mod put;
mod relations;
mod removed;
mod replies;
mod types;
mod unlisted;

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::catalog::{Catalog, Name, Need, SeenNames};
use crate::mapping::NameRules;
use crate::rewrite::completions::Completions;
use crate::rewrite::masks::MaskedTable;
use crate::rewrite::reply_names::ReplyNames;
use crate::rewrite::{Change, ReplacementReason, Rules};
use crate::statement::Replacement;
use crate::statement::scope::{NameRole, Scopes};
use crate::statement::script::{Script, Statement};
use crate::wire::OwnError;
use relations::{Path, Place};
use removed::RemovedHere;
use replies::NotedNames;

pub use look_up_parameters::NameParameters;
pub use removed::RemovedFields;
pub use unlisted::order_changes;

/// The target's name for a relation that the text calls `name`: the text has been renamed.
pub(super) fn target_of(name: &Name) -> Cow<'_, Name> {
    Cow::Borrowed(name)
}

/// What becomes of the names of a text.
#[derive(Debug)]
pub enum Naming {
    /// No rule is about any of them.
    Untouched,
    /// This has to be known first.
    Ask(Vec<Need>),
    /// A name cannot be placed, or may not be what it would be.
    Refused(Box<OwnError>),
    /// They are the target's now.
    Renamed(Box<Renamed>),
}

/// A text with the target's names and types.
#[derive(Debug, Default)]
pub struct Renamed {
    /// The text.
    pub sql: Vec<u8>,
    /// What stands in the place of names and types of the client's text, in order.
    pub replacements: Vec<Replacement>,
    /// Why each of them is there.
    pub reasons: Vec<ReplacementReason>,
    /// What was done, for counts and the ledger.
    pub changes: Vec<Change>,
    /// Relations under other names that the target may tell of, since the text creates or prepares them: on
    /// the target, and as the text calls them.
    pub tables_by_source: Vec<(String, String)>,
    /// The pairs of names that differ, each once: the source's and the target's.
    pub pairs: Vec<(String, String)>,
    /// Fields of COPYs whose columns do not reach the target.
    pub fields: Vec<RemovedFields>,
    /// What the client gets when its statements are complete: tags of those of which nothing is left.
    pub completions: Completions,
    /// What names of the target are called in it, where replies want to know.
    pub names: Option<Arc<ReplyNames>>,
    /// What it calls names of the target, where that is new to the session and not in `names`.
    pub seen: Option<SeenNames>,
    /// The parameters that hold names.
    pub parameters: Option<NameParameters>,
    /// Columns to which it gives values that are masked.
    pub masked: Vec<MaskedTable>,
}

/// Whether any text may have to be renamed.
pub fn are_ruled(rules: &Rules<'_>) -> bool {
    rules.settings.rewrite && !rules.policy.names.is_empty()
}

/// What becomes of the names and types of a text.
pub fn rename(script: &Script, sql: &[u8], rules: &Rules<'_>, catalog: &Catalog) -> Naming {
    if !are_ruled(rules) {
        return Naming::Untouched;
    }
    if script.is_too_long {
        let error = OwnError::new("54000", "the text has too many tokens to be renamed");
        return Naming::Refused(Box::new(error.with_hint("Send it in several texts.")));
    }
    let names = &rules.policy.names;
    let mut text = RenamedText::new(script, sql, rules, catalog);
    for (number, statement) in script.statements.iter().enumerate() {
        if is_concerned(script, statement, sql, names)
            && let Err(stop) = text.statement(statement, number)
        {
            return match stop {
                Unplaced::Ask => Naming::Ask(text.needs),
                Unplaced::Refuse(error) => Naming::Refused(error),
            };
        }
        text.follow_effects(statement.effects);
    }
    if !text.needs.is_empty() {
        return Naming::Ask(text.needs);
    }
    text.finish()
}

/// Words of a text by which constants are looked at: what they hold may be the name of a relation.
const WORDS_OF_CONSTANTS: &[&[u8]] = &[
    b"regclass",
    b"nextval",
    b"currval",
    b"setval",
    b"search_path",
    b"to_regclass",
    b"pg_get_serial_sequence",
];

/// One look at each name token: whether a rule could be about any.
fn is_concerned(script: &Script, statement: &Statement, sql: &[u8], names: &NameRules) -> bool {
    let mut looked_at = 0;
    let found = script.name_tokens(statement, sql).any(|token| {
        looked_at += 1;
        is_ruled(script, token, sql, names) || may_be_added_to(script, token, sql, names) || {
            let span = script.token_span(token, sql);
            let word = sql.get(span).unwrap_or_default();
            let lists = [WORDS_OF_CONSTANTS, look_up_names::SCHEMAS, look_up_names::TABLES];
            let mut words = lists.into_iter().flatten();
            words.any(|known| word.eq_ignore_ascii_case(known))
        }
    });
    found || looked_at == 1 && script.runs_code(statement, sql)
}

/// Whether a rule could be about a name token. One that cannot be read could be anything.
fn is_ruled(script: &Script, token: u32, sql: &[u8], names: &NameRules) -> bool {
    let Some(name) = script.name_part(token, sql) else { return true };
    match std::str::from_utf8(&name) {
        Ok(name) => names.may_change(name),
        Err(_) => true,
    }
}

/// Whether a name token could be that of a table which gets or loses something, or
/// whose values are masked.
fn may_be_added_to(script: &Script, token: u32, sql: &[u8], names: &NameRules) -> bool {
    let name = script.name_part(token, sql);
    let name = name.as_ref().and_then(|name| std::str::from_utf8(name).ok());
    name.is_some_and(|name| {
        names.may_add_to(name) || names.may_remove_from(name) || names.may_mask_in(name)
    })
}

/// Why the names of a statement are not all known.
enum Unplaced {
    Ask,
    Refuse(Box<OwnError>),
}

type Placed<T> = Result<T, Unplaced>;

/// A text whose names are being replaced.
struct RenamedText<'t> {
    script: &'t Script,
    sql: &'t [u8],
    rules: &'t Rules<'t>,
    names: &'t NameRules,
    catalog: &'t Catalog,
    /// Where names without a schema are looked up in the next statement.
    path: Path,
    /// A statement of the text has set it.
    path_is_set: bool,
    /// Tables that it drops or empties may be prepared by a rule.
    prepares_tables: bool,
    needs: Vec<Need>,
    replaced: Vec<Replacement>,
    noted: NotedHere,
    removed: RemovedHere,
}

/// What is noted of a text.
#[derive(Debug, Default)]
struct NotedHere {
    /// The pairs of names that differ, each once.
    pairs: Vec<(String, String)>,
    /// How many names were replaced that are those of a relation or of columns listed for it: by its name on the
    /// target, and by its schema where that is known.
    renamed: HashMap<String, Vec<(String, u64)>>,
    /// Constants with code that holds names which rules rename.
    bodies: u64,
    /// Tables that it creates, by the names of the target.
    tables: Vec<(String, String)>,
    /// Relations under other names that the target may tell of: on the target, and as the text calls them.
    tables_by_source: Vec<(String, String)>,
    /// Names for its replies.
    replies: NotedNames,
    /// The parameters of its only statement that hold names.
    parameters: Option<NameParameters>,
    /// Columns to which it gives values that are masked.
    masked: Vec<MaskedTable>,
}

/// The statement that is being renamed.
struct Placing {
    scopes: Scopes,
    /// What each name stands for that is one of a relation, by its number.
    places: Vec<Option<Place>>,
    /// Look-ups that are still allowed.
    budget: Cell<u32>,
    /// Queries inside of queries that are being looked into.
    depth: Cell<u32>,
}

impl Placing {
    fn new(scopes: Scopes) -> Placing {
        let places = vec![None; scopes.names.len()];
        Placing { scopes, places, budget: Cell::new(LOOK_UPS_MAX), depth: Cell::new(0) }
    }
}

/// Queries inside of queries that are looked into.
const DEPTH_MAX: u32 = 64;

/// Look-ups of columns in one statement, at most.
const LOOK_UPS_MAX: u32 = 200_000;

/// The longest name that PostgreSQL keeps, in bytes.
const NAME_BYTES_MAX: usize = 63;

impl<'t> RenamedText<'t> {
    fn new(
        script: &'t Script,
        sql: &'t [u8],
        rules: &'t Rules<'t>,
        catalog: &'t Catalog,
    ) -> RenamedText<'t> {
        let names = &rules.policy.names;
        RenamedText {
            script,
            sql,
            rules,
            names,
            catalog,
            path: Path::of(names, catalog),
            path_is_set: false,
            prepares_tables: rules.may_prepare_tables(script),
            needs: Vec::new(),
            replaced: Vec::new(),
            noted: NotedHere::default(),
            removed: RemovedHere::default(),
        }
    }

    /// Replaces the names of one statement.
    fn statement(&mut self, statement: &Statement, number: usize) -> Placed<()> {
        let scopes = self.script.scopes(statement, self.sql);
        self.check_lost(statement, &scopes)?;
        let mut at_hand = Placing::new(scopes);
        self.place_relations(&mut at_hand)?;
        self.note_seen(&at_hand, number)?;
        self.remove_columns(statement, number, &at_hand)?;
        self.add_to_tables(statement, &at_hand)?;
        self.check_additions(statement, &at_hand)?;
        self.mask_columns(statement, &at_hand)?;
        self.replace_constants(&at_hand)?;
        self.replace_look_ups(statement, &at_hand)?;
        self.replace_listed(statement, &at_hand)?;
        for number in 0..at_hand.scopes.names.len() {
            self.replace_name(&at_hand, number)?;
        }
        self.check_new_columns(&at_hand)?;
        self.note_bodies(&at_hand.scopes);
        self.follow_path(&at_hand.scopes)
    }

    fn replace_name(&mut self, at_hand: &Placing, number: usize) -> Placed<()> {
        let Some(name) = at_hand.scopes.names.get(number) else { return Ok(()) };
        let first = self.script.token_span(name.tokens.start, self.sql);
        if self.removed.holds(&first) {
            return Ok(());
        }
        let tokens: Vec<u32> = name.tokens.clone().step_by(2).collect();
        let block = name.block;
        match (name.role, tokens.as_slice()) {
            (NameRole::Relation, parts) => {
                let place = at_hand.places.get(number).and_then(Option::as_ref);
                if self.prepares_tables {
                    self.noted.tables_by_source.extend(place.and_then(Place::new_name));
                }
                self.put_relation(parts, place)
            }
            (NameRole::NewRelation, parts) => {
                let place = at_hand.places.get(number).and_then(Option::as_ref);
                self.noted.tables_by_source.extend(place.and_then(Place::new_name));
                self.put_relation(parts, place)
            }
            (NameRole::RelationBeside(other), [token]) => {
                let Some(Some(place)) = at_hand.places.get(other as usize) else { return Ok(()) };
                let source = self.part(*token)?;
                let target = self.names.table(&place.source_schema, &source).into_owned();
                self.put(*token, &source, &target)
            }
            (NameRole::Schema, [token]) => self.put_schema(*token),
            (NameRole::InSchema, [.., schema, _]) => self.put_schema(*schema),
            (NameRole::Column, parts) => self.put_column(at_hand, block, number, parts),
            (NameRole::Shared(sources), [token]) => {
                let source = self.part(*token)?;
                let target = self.shared(at_hand, block, sources, *token, &source)?;
                self.put(*token, &source, &target)
            }
            (NameRole::SourceName, parts) => self.put_qualifier(at_hand, block, parts),
            (NameRole::ColumnOf(relation) | NameRole::NewColumnOf(relation), [token]) => {
                let Some(Some(place)) = at_hand.places.get(relation as usize) else {
                    return Ok(());
                };
                let source = self.part(*token)?;
                let (target, before) = (place.column(self.names, &source), self.replaced.len());
                self.put(*token, &source, &target)?;
                self.note_renamed(place, before);
                Ok(())
            }
            (NameRole::RelationColumn, [relation @ .., column]) => {
                let place = at_hand.places.get(number).and_then(Option::as_ref);
                self.put_relation(relation, place)?;
                let source = self.part(*column)?;
                let target = place.map(|place| place.column(self.names, &source));
                self.put(*column, &source, target.as_deref().unwrap_or(&source))
            }
            _ => Ok(()),
        }
    }

    fn put_schema(&mut self, token: u32) -> Placed<()> {
        if self.script.is_constant(token, self.sql) {
            return self.put_schema_constant(token);
        }
        let source = self.part(token)?;
        let target = self.names.schema(&source).into_owned();
        self.put(token, &source, &target)
    }

    fn put_relation(&mut self, parts: &[u32], place: Option<&Place>) -> Placed<()> {
        let Some(place) = place else { return Ok(()) };
        let before = self.replaced.len();
        if let [.., schema, _] = parts {
            self.put(*schema, &place.source_schema, &place.target_schema)?;
        }
        if let [.., table] = parts {
            self.put(*table, &place.source_table, &place.target_table)?;
        }
        self.note_renamed(place, before);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
