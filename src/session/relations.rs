//! What the relations that a client writes to are made of, asked of the catalog in the client's own
//! session just before they are needed: only that session sees its uncommitted tables, its
//! search_path and its rights. Answers are kept until something may have changed them.

use std::collections::HashMap;
use std::sync::Arc;

use super::Session;
use super::own_statement::{OwnAnswer, OwnStatement};
use crate::encoding::Encoding;
use crate::policy::TablePrep;
use crate::statement::{self, CopyIn, NewColumn, NewTable, Script};
use crate::value::{Column, CopyOptions, ValueKind, type_oid};
use crate::wire;

/// Relations remembered at most in one session; then all of them are asked for anew.
const RELATIONS_MAX: usize = 1_000;

/// Seconds after which an answer is old: definitions that other sessions change on a road that does
/// not lead through this proxy are noticed that late.
const SECONDS_MAX: u64 = 10;

/// The parts of a relation's name, as PostgreSQL keeps them.
pub(super) type Name = Vec<Vec<u8>>;

/// The parts of a name that no relation has.
const PREPARED_PARTS: usize = 4;

/// The name under which a prepared statement is asked for, whose parameters count as columns.
pub(super) fn name_of_prepared(statement: &[u8]) -> Name {
    let mut name = vec![Vec::new(); PREPARED_PARTS - 1];
    name.push(statement.to_vec());
    name
}

/// A relation of the target. One that is not there has no columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) schema: String,
    pub(super) table: String,
    pub(super) columns: Vec<RelationColumn>,
}

/// A column, and how it gets its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RelationColumn {
    /// Its name in the client's encoding.
    pub(super) name: Vec<u8>,
    pub(super) column: Column,
    /// `GENERATED ALWAYS AS IDENTITY`
    pub(super) is_identity_always: bool,
    /// `GENERATED ALWAYS AS (...) STORED`
    pub(super) is_generated: bool,
}

impl Relation {
    /// The index of the column that a list of names, or with none of them the table's own order, has
    /// at `index`.
    pub(super) fn position_of(&self, listed: &[Vec<u8>], index: usize) -> Option<usize> {
        match listed {
            [] => Some(index),
            listed => self.position(listed.get(index)?),
        }
    }

    /// The index of the column of this name.
    pub(super) fn position(&self, name: &[u8]) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    fn from_text(table: &NewTable) -> Relation {
        let part = |at: usize| table.name.iter().rev().nth(at).map(|part| wire::printable(part));
        Relation {
            schema: part(1).unwrap_or_default(),
            table: part(0).unwrap_or_default(),
            columns: table.columns.iter().map(RelationColumn::from_text).collect(),
        }
    }

    fn from_answer(answer: &OwnAnswer) -> Relation {
        let text = |value: &Option<Vec<u8>>| wire::printable(value.as_deref().unwrap_or_default());
        let mut relation = Relation::default();
        for row in &answer.rows {
            let [schema, table, name, oid, element, modifier, not_null, identity, generated] =
                row.as_slice()
            else {
                continue;
            };
            (relation.schema, relation.table) = (text(schema), text(table));
            relation.columns.push(RelationColumn {
                name: name.clone().unwrap_or_default(),
                column: Column {
                    name: text(name),
                    type_oid: text(oid).parse().unwrap_or_default(),
                    element_oid: text(element).parse().unwrap_or_default(),
                    modifier: text(modifier).parse().unwrap_or(-1),
                    is_nullable: text(not_null) != "t",
                },
                is_identity_always: text(identity) == "a",
                is_generated: text(generated) == "s",
            });
        }
        relation
    }
}

impl RelationColumn {
    fn from_text(column: &NewColumn) -> RelationColumn {
        // One of a type that is not known here has no OID, so that nothing is done to its values.
        let (type_oid, modifier) =
            type_oid::named(&column.type_name, &column.modifiers).unwrap_or((0, -1));
        let array = column.is_array.then(|| type_oid::array_of(type_oid).unwrap_or_default());
        RelationColumn {
            name: column.name.clone(),
            column: Column {
                name: wire::printable(&column.name),
                type_oid: array.unwrap_or(type_oid),
                element_oid: if column.is_array { type_oid } else { 0 },
                modifier,
                is_nullable: !column.is_not_null,
            },
            is_identity_always: column.is_identity_always,
            is_generated: column.is_generated,
        }
    }
}

/// The relations that were asked for.
#[derive(Debug, Default)]
pub(super) struct Relations {
    known: HashMap<Name, Arc<Relation>>,
    /// The one that is asked for at the moment.
    asking: Option<Name>,
    /// A text waits for answers; it is judged again with each of them.
    text_waits: bool,
    /// What a prepared statement takes is known, for the text at hand: the next one may find another
    /// statement under its name.
    knows_prepared: bool,
    /// A definition has changed in the transaction under way, whose end may undo that.
    changed: bool,
    /// When the first of the answers came, in seconds of the proxy's clock.
    since_seconds: u64,
    /// How many changes of definitions the proxy had seen then.
    definitions: u64,
}

impl Relations {
    /// Whether a text waits for answers.
    pub(super) fn text_waits(&self) -> bool {
        self.text_waits
    }

    /// Whether nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// What is known of a relation.
    pub(super) fn get(&self, name: &Name) -> Option<&Arc<Relation>> {
        self.known.get(name)
    }

    /// A statement passes that may change what names stand for.
    pub(super) fn on_change(&mut self) {
        self.changed = true;
        self.known.clear();
    }

    /// Whether a definition has changed in the transaction under way.
    pub(super) fn has_changed(&self) -> bool {
        self.changed
    }

    /// Nothing is known any more, and no text waits.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.asking = None;
        self.text_waits = false;
    }

    /// A transaction has ended; gives whether it changed definitions, which others see now.
    pub(super) fn on_transaction_end(&mut self) -> bool {
        if self.changed {
            self.known.clear();
        }
        std::mem::take(&mut self.changed)
    }
}

impl Session {
    /// Sees to it that the relations of these names are known as far as they can be. Where one has to
    /// be asked for first, gives the frames that ask; the client waits then, and the text is judged
    /// again. `extended` says that the text came in a Parse.
    pub(super) fn know_relations<'a>(
        &mut self,
        names: impl IntoIterator<Item = &'a Name>,
        extended: bool,
    ) -> Result<(), Vec<u8>> {
        let common = &self.policy.common;
        let (definitions, seconds) = (common.definitions(), common.clock_seconds());
        let relations = &mut self.relations;
        let is_old = seconds.saturating_sub(relations.since_seconds) > SECONDS_MAX
            || definitions != relations.definitions
            || relations.known.len() > RELATIONS_MAX;
        if is_old && !relations.text_waits {
            relations.known.clear();
            (relations.since_seconds, relations.definitions) = (seconds, definitions);
        }
        if !relations.text_waits && std::mem::take(&mut relations.knows_prepared) {
            relations.known.retain(|name, _| name.len() != PREPARED_PARTS);
        }
        // A transaction that is aborted answers nothing, and what waits is refused as well.
        let can_ask = self.transaction_status != b'E';
        let unknown = names.into_iter().find(|name| !relations.known.contains_key(*name));
        let Some(name) = unknown.filter(|_| can_ask) else {
            relations.text_waits = false;
            return Ok(());
        };
        relations.text_waits = true;
        relations.asking = Some(name.clone());
        let question = self.question_for(name);
        // A Sync would end a pipeline that is under way.
        Err(if self.in_pipeline {
            self.ask_in_pipeline(question)
        } else {
            self.ask(question, extended)
        })
    }

    /// Tables that a text of several statements creates and writes to are known from its own words,
    /// as the target gets them, for the length of this text: it changes definitions, so nothing is
    /// known any more behind it.
    pub(super) fn know_new_tables(&mut self, sql: &[u8], script: &Script) {
        let may_write = script.loads && script.changes_relations && script.statements > 1;
        if !may_write || !self.settings.rewrite {
            return;
        }
        let mapped = statement::apply(sql, &script.edits);
        // Else what is there may stay, whatever the text says.
        let creates = self.settings.table_prep == TablePrep::PassThrough;
        for table in statement::new_tables(&mapped, self.lexing) {
            let known = self.relations.known.get(&table.name);
            let is_missing = known.is_some_and(|known| known.columns.is_empty());
            if is_missing || creates && !table.may_be_there {
                let relation = Relation::from_text(&table);
                self.relations.known.insert(table.name, Arc::new(relation));
            }
        }
    }

    /// The question is answered.
    pub(super) fn on_relation(&mut self, answer: &OwnAnswer) {
        if let Some(name) = self.relations.asking.take() {
            self.relations.knows_prepared |= name.len() == PREPARED_PARTS;
            self.relations.known.insert(name, Arc::new(Relation::from_answer(answer)));
        }
        if answer.error.is_some() {
            // The text that waits goes on without it; the next one asks again.
            self.relations.definitions = u64::MAX;
        }
    }

    /// The COPY stream that a statement asks for, as far as its relation is known.
    pub(super) fn copy_stream(&self, copy: &CopyIn) -> CopyStream {
        let relation = self.relations.get(&copy.name).cloned();
        let fields = relation.as_ref().map_or_else(Vec::new, |relation| {
            match copy.columns.as_slice() {
                // COPY leaves generated columns out where none are listed.
                [] => {
                    let columns = relation.columns.iter().enumerate();
                    let given = columns.filter(|(_, column)| !column.is_generated);
                    given.map(|(index, _)| Some(index)).collect()
                }
                listed => listed.iter().map(|name| relation.position(name)).collect(),
            }
        });
        let kind = |index: &Option<usize>| {
            let column = relation.as_ref().and_then(|relation| relation.columns.get((*index)?));
            column.map_or(ValueKind::Other, |column| column.column.kind())
        };
        let kinds = fields.iter().map(kind).collect();
        CopyStream { options: copy.options.clone(), kinds, fields, relation }
    }

    fn question_for(&self, name: &Name) -> OwnStatement {
        let major = self.server_version.split(|c: char| !c.is_ascii_digit()).next();
        let major = major.and_then(|major| major.parse().ok()).unwrap_or(0);
        // A name in another encoding than UTF-8 cannot be spelled here, and finds nothing.
        let spelled = |name: &[u8]| {
            let speaks = self.lexing.encoding == Encoding::Utf8 || name.is_ascii();
            String::from_utf8(name.to_vec()).ok().filter(|_| speaks).unwrap_or_default()
        };
        if let [_, _, _, statement] = name.as_slice() {
            return OwnStatement::Prepared(spelled(statement));
        }
        let mut parts = name.iter().rev().map(|part| spelled(part));
        let table = parts.next().unwrap_or_default();
        OwnStatement::Columns { schema: parts.next(), table, major }
    }
}

/// A COPY stream that the client will send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CopyStream {
    pub(super) options: CopyOptions,
    /// What each field holds; none where it could not be found out.
    pub(super) kinds: Arc<[ValueKind]>,
    /// The index of each field's column in the relation.
    pub(super) fields: Vec<Option<usize>>,
    pub(super) relation: Option<Arc<Relation>>,
}
