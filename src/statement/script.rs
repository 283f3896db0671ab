//! What one reading of a text gives: its statements, what has to change in them, and walks over the
//! tokens that are kept with it. Holds spans and no borrows; changes no text.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

use super::cursor::Cursor;
use super::finder::{Finder, FoundStatements};
use super::lexer::Quoting;
use super::name::kept_parts;
use super::noted::{noted_constants, parameters_cast_to_json};
pub use super::parts::{Body, ConstantPurpose, NotedConstant, RoutineReference, Statement};
use super::slots::{
    ParameterUses, RedundantAssignment, definition_items, definitions, for_each_slot_of,
    listed_columns, meetings, new_tables, redundant_assignment, row_change, target_bytes,
    without_columns,
};
use super::tokens::{Extent, TokenEntry, Tokens};
use super::{
    AliasTypes, CopyStatement, DefinedTable, DefinitionItem, DmsSetting, DmsShow, Edit, Effects,
    Fault, FoundTypes, Lexing, Meeting, NewTable, Replacement, RowChange, Slot, TableStatement,
    Write,
};
use crate::mapping::{Dialect, Mapping};

/// What one SQL text (a Query, or the text of a Parse) contains that the proxy acts on.
///
/// It holds spans of the text and no borrow of it, so it can be kept while the target is asked. All
/// methods that take `sql` want the text that was read, or one of the same length in which only
/// constants were mended.
#[derive(Debug, Default)]
pub struct Script {
    pub(super) tokens: Tokens,
    /// Its statements, in order. Empty ones are left out.
    pub statements: Vec<Statement>,
    /// The types to replace, in order, never overlapping.
    pub edits: Vec<Edit>,
    /// The first type that cannot be mapped. Then nothing of the text may be sent.
    pub fault: Option<Box<Fault>>,
    /// String constants that may have to be mended, in order of their purpose, then of the text.
    /// Empty for a text that has neither a backslash nor a `U&'..'`.
    pub constants: Vec<NotedConstant>,
    /// The effects of all its statements.
    pub effects: Effects,
    /// Statements that look like DDL and whose shape is not known; they go through untouched.
    pub not_understood: usize,
    /// Where they, or elements of lists of columns, could not be read, in order; what was read stays.
    pub odd_spots: Vec<usize>,
    /// Types that are in no table; columns that have them go through as they are.
    pub types: FoundTypes,
    /// The text has more tokens than are read, and nothing of it was read: it counts as a statement
    /// that is too long. There are no statements and no edits then, and all effects are set.
    pub is_too_long: bool,
    /// A statement may be an EXECUTE.
    pub may_execute: bool,
    /// How the text was read. If another lexing is in force now, it has to be read again.
    pub lexing: Lexing,
}

/// Memory for readings, which the caller keeps: a text of which nothing is to be changed allocates
/// nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    entries: Vec<TokenEntry>,
    statements: Vec<Statement>,
}

/// Memory that is kept between two readings at most, in tokens and in statements: some 100 kB.
const KEPT_TOKENS_MAX: usize = 4096;
const KEPT_STATEMENTS_MAX: usize = 256;

impl Script {
    /// Cuts `sql` into tokens, once, and reads its statements. `mapping` says which types are
    /// replaced. Takes any bytes, in time and memory linear to their number.
    ///
    /// The memory for tokens and statements is taken from `scratch`; [`Script::give_back`] returns it.
    pub fn read(sql: &[u8], lexing: Lexing, mapping: &Mapping, scratch: &mut Scratch) -> Script {
        Script::read_behind(sql, lexing, mapping, &AliasTypes::default(), scratch)
    }

    /// The same behind texts that have made these types.
    pub fn read_behind(
        sql: &[u8],
        lexing: Lexing,
        mapping: &Mapping,
        aliases: &AliasTypes,
        scratch: &mut Scratch,
    ) -> Script {
        let mut script = Script::cut(sql, 0, lexing, mapping, Extent::Text, scratch);
        let statements = std::mem::take(&mut scratch.statements);
        let mut finder = Finder::new(script.cursor(sql), lexing.encoding, mapping, statements);
        finder.found.aliases = aliases.clone();
        while finder.next_statement() {}
        let found = finder.found;
        script.constants = noted_constants(script.cursor(sql), script.tokens.has_escapes);
        script.with(found)
    }

    /// Reads the first statement from an offset on, which is not behind the end of the text, and nothing
    /// else: what is behind it may not be SQL. Without one there are no statements.
    pub(super) fn read_statement(
        sql: &[u8],
        from: usize,
        lexing: Lexing,
        mapping: &Mapping,
        scratch: &mut Scratch,
    ) -> Script {
        let script = Script::cut(sql, from, lexing, mapping, Extent::Statement, scratch);
        let statements = std::mem::take(&mut scratch.statements);
        let mut finder = Finder::new(script.cursor(sql), lexing.encoding, mapping, statements);
        finder.next_statement();
        let found = finder.found;
        script.with(found)
    }

    fn cut(
        sql: &[u8],
        from: usize,
        lexing: Lexing,
        mapping: &Mapping,
        extent: Extent,
        scratch: &mut Scratch,
    ) -> Script {
        let memory = std::mem::take(&mut scratch.entries);
        match Tokens::cut(sql, from, lexing, quoting(mapping), extent, memory) {
            Ok(tokens) => Script { tokens, lexing, ..Script::default() },
            Err(_) => {
                let effects = Effects::ALL;
                Script { is_too_long: true, effects, lexing, ..Script::default() }
            }
        }
    }

    fn with(self, found: FoundStatements) -> Script {
        Script {
            effects: found.statements.iter().fold(self.effects, |all, one| all | one.effects),
            statements: found.statements,
            edits: found.edits,
            fault: found.fault,
            not_understood: found.not_understood,
            odd_spots: found.odd_spots,
            types: FoundTypes { unknown: found.unknown_types, aliases: found.aliases },
            may_execute: found.may_execute,
            ..self
        }
    }

    /// The same for a text whose types are those of the target already: none of them is replaced.
    #[must_use]
    pub fn without_types(mut self) -> Script {
        self.edits.clear();
        self.fault = None;
        self
    }

    /// Ends the use of this reading: the next one can have its memory.
    pub fn give_back(self, scratch: &mut Scratch) {
        let entries = self.tokens.into_memory();
        if entries.capacity() <= KEPT_TOKENS_MAX {
            scratch.entries = entries;
        }
        let mut statements = self.statements;
        statements.clear();
        if statements.capacity() <= KEPT_STATEMENTS_MAX {
            scratch.statements = statements;
        }
    }

    /// Whether it has nothing that a rule acts on: no type to replace, no constant to mend, and no
    /// statement that writes or prepares a table.
    pub fn is_plain(&self) -> bool {
        let acts = |body: &Body| !matches!(body, Body::Other | Body::Setting(_) | Body::Show(_));
        self.edits.is_empty()
            && self.constants.is_empty()
            && !self.may_execute
            && !self.statements.iter().any(|statement| acts(&statement.body))
    }

    /// Whether it was read to its end and has nothing but queries, of which the proxy acts on nothing.
    pub fn is_plain_query(&self) -> bool {
        let is_plain = |one: &Statement| one.may_be_query && matches!(one.body, Body::Other);
        self.effects == Effects::default()
            && self.edits.is_empty()
            && self.constants.is_empty()
            && !self.may_execute
            && self.fault.is_none()
            && self.odd_spots.is_empty()
            && (self.not_understood, self.types.unknown) == (0, 0)
            && self.statements.iter().all(is_plain)
    }

    /// Whether it has a constant `N'..'`, which is `character` to the server.
    pub fn has_national(&self) -> bool {
        self.tokens.has_national
    }

    /// The statements that write, in order.
    pub fn writes(&self) -> impl Iterator<Item = (&Statement, &Write)> {
        self.statements.iter().filter_map(|statement| match &statement.body {
            Body::Write(write) => Some((statement, &**write)),
            _ => None,
        })
    }

    /// The COPY streams that the text asks for, in order.
    pub fn copies(&self) -> impl Iterator<Item = &CopyStatement> {
        self.statements.iter().filter_map(|statement| match &statement.body {
            Body::Copy(copy) => Some(&**copy),
            _ => None,
        })
    }

    /// The statements that prepare tables for a load, in order.
    pub fn table_statements(&self) -> impl Iterator<Item = &TableStatement> {
        self.statements.iter().filter_map(|statement| match &statement.body {
            Body::Table(table) => Some(&**table),
            _ => None,
        })
    }

    /// The dms.* settings that the text states by a constant or puts back by DEFAULT, in order.
    pub fn settings(&self) -> impl Iterator<Item = &DmsSetting> {
        self.statements.iter().filter_map(|statement| match &statement.body {
            Body::Setting(setting) => Some(&**setting),
            _ => None,
        })
    }

    /// The statements that ask for a value of the proxy's, with their numbers, in order.
    pub fn shows(&self) -> impl Iterator<Item = (usize, &DmsShow)> {
        self.statements.iter().enumerate().filter_map(|(number, statement)| match &statement.body {
            Body::Show(show) => Some((number, &**show)),
            _ => None,
        })
    }

    /// Whether the dms.* settings behind this text are known without asking the target, if no
    /// statement of it fails: each statement that touches them states one by a constant.
    pub fn states_settings(&self) -> bool {
        self.statements.iter().all(|statement| match &statement.body {
            Body::Setting(setting) => setting.value.is_some(),
            _ => !statement.effects.touches_settings(),
        })
    }

    /// The parts of the name of a routine, as PostgreSQL keeps them.
    pub fn routine(&self, reference: &RoutineReference, sql: &[u8]) -> Vec<Vec<u8>> {
        kept_parts(self.cursor(sql), &reference.name, self.lexing.encoding)
    }

    /// The columns that an INSERT lists, as PostgreSQL keeps their names; empty for all of them in the
    /// table's order, and for UPDATE and MERGE.
    pub fn listed_columns<'a>(&'a self, write: &Write, sql: &'a [u8]) -> Vec<Cow<'a, [u8]>> {
        listed_columns(self.cursor(sql), write, self.lexing.encoding)
    }

    /// Gives `each` the values that a statement writes, in the order of the text but for
    /// [`super::SlotValue::SourceParameter`], until it breaks off. Walks the tokens that are there.
    ///
    /// A statement whose shape is not known to its end has none, and neither has a row whose number of
    /// values is not that of the columns.
    pub fn slots(&self, write: &Write, sql: &[u8], each: &mut dyn FnMut(Slot) -> ControlFlow<()>) {
        if write.is_understood {
            for_each_slot_of(self.statement(&write.tokens, sql), self.lexing.encoding, each);
        }
    }

    /// The numbers of the parameters that casts make JSON, wherever they stand.
    pub fn json_parameters(&self, sql: &[u8]) -> Vec<u16> {
        parameters_cast_to_json(self.cursor(sql))
    }

    /// The same of any statement.
    pub fn all_parameters(&self, statement: &Statement, sql: &[u8]) -> ParameterUses {
        ParameterUses::of(self.statement(&statement.tokens, sql))
    }

    /// The assignment whose value begins at an offset, if it gives the column the value that it has.
    pub fn redundant_assignment(
        &self,
        write: &Write,
        sql: &[u8],
        value_at: usize,
        column: &[u8],
    ) -> Option<RedundantAssignment> {
        let statement = self.statement(&write.tokens, sql);
        redundant_assignment(statement, self.lexing.encoding, write.kind, value_at, column)
    }

    /// The name that a statement has for the relation that it writes to, as written: its alias, or the last
    /// part of its name.
    pub fn target_name<'a>(&'a self, write: &Write, sql: &'a [u8]) -> &'a [u8] {
        target_bytes(self.statement(&write.tokens, sql), write)
    }

    /// The parameters of a statement, each as often as it stands there. Linear in the length of the
    /// statement.
    pub fn parameter_uses(&self, write: &Write, sql: &[u8]) -> ParameterUses {
        ParameterUses::of(self.statement(&write.tokens, sql))
    }

    /// The expressions of a statement that meet columns, as far as its text says what they are. `declared`
    /// are the types of its parameters. Linear in the length of the statement.
    pub fn meetings(&self, statement: &Statement, sql: &[u8], declared: &[u32]) -> Vec<Meeting> {
        let cursor = self.statement(&statement.tokens, sql);
        meetings(cursor, self.lexing.encoding, declared, &self.edits)
    }

    /// What a statement changes of rows that its text or its parameters have, if it is one that does.
    pub fn row_change(&self, statement: &Statement, sql: &[u8]) -> Option<RowChange> {
        let cursor = self.statement(&statement.tokens, sql);
        row_change(cursor, statement.span.clone(), self.lexing.encoding)
    }

    /// The replacements that take columns out of an `INSERT INTO ... SELECT`, and which they are, by place
    /// in its list or, without one, in the table. `names` are all columns of the table, as PostgreSQL
    /// keeps them; `is_left_out` tells of a place in its list, or in theirs, whether it is to go.
    ///
    /// `None` for any other statement, where nothing is to go, and where the rows or the meaning of other
    /// parts of the query might be others afterwards: `*`, DISTINCT, set operations, GROUP BY, ORDER BY,
    /// and items that have parameters inside, subqueries, or calls of functions other than well-known
    /// plain ones.
    pub fn without_columns(
        &self,
        write: &Write,
        sql: &[u8],
        names: &[&[u8]],
        is_left_out: &dyn Fn(usize) -> bool,
    ) -> Option<(Vec<Replacement>, Vec<usize>)> {
        let statement = self.statement(&write.tokens, sql);
        without_columns(statement, self.lexing.encoding, names, is_left_out)
    }

    /// The tables that the text creates and of which it is certain that they have these columns, with the
    /// types that the target gets, wherever the text names them.
    ///
    /// A table is left out that the text writes to before it creates it, and where the text changes
    /// definitions or settings behind it; so is one whose columns stand elsewhere (AS, LIKE, INHERITS,
    /// OF).
    ///
    /// `edits` are the types that the target gets instead of those that are written.
    pub fn new_tables(&self, sql: &[u8], edits: &[Edit]) -> Vec<NewTable> {
        new_tables(&self.statements, self.cursor(sql), self.lexing.encoding, edits)
    }

    /// What its CREATE TABLEs and ALTER TABLEs define, in order, with the types of `edits`.
    pub fn definitions(&self, sql: &[u8], edits: &[Edit]) -> Vec<DefinedTable> {
        definitions(&self.statements, self.cursor(sql), self.lexing.encoding, edits)
    }

    /// Gives `each` what in the expressions of a definition has to be of the type of a column. `is_column`
    /// says whether a name is that of a column of the table.
    pub fn definition_items(
        &self,
        definition: &DefinedTable,
        sql: &[u8],
        is_column: &dyn Fn(&[u8]) -> bool,
        each: &mut dyn FnMut(DefinitionItem),
    ) {
        definition_items(self.cursor(sql), self.lexing.encoding, definition, is_column, each);
    }

    /// Whether a statement of the text begins a transaction.
    pub fn begins_transaction(&self, sql: &[u8]) -> bool {
        let begins = |statement: &Statement| {
            self.statement(&statement.tokens, sql).is_any(&["begin", "start"])
        };
        self.statements.iter().any(begins)
    }

    /// A cursor at the start of the text.
    pub(super) fn cursor<'a>(&'a self, sql: &'a [u8]) -> Cursor<'a> {
        Cursor::new(sql, self.tokens.entries(), 0)
    }

    /// A cursor at the start of a statement, whose end is that of the text for it.
    pub(super) fn statement_cursor<'a>(
        &'a self,
        statement: &Statement,
        sql: &'a [u8],
    ) -> Cursor<'a> {
        self.statement(&statement.tokens, sql)
    }

    /// The same for the tokens of one.
    pub(super) fn statement<'a>(&'a self, tokens: &Range<u32>, sql: &'a [u8]) -> Cursor<'a> {
        let mut cursor = self.cursor(sql).up_to(tokens.end as usize);
        cursor.go_to(tokens.start as usize);
        cursor
    }
}

/// The quotes of names that the source has beside those of PostgreSQL.
pub(super) fn quoting(mapping: &Mapping) -> Quoting {
    match mapping.dialect() {
        Dialect::Source(table) => Quoting { backticks: table.backticks, brackets: table.brackets },
        Dialect::Dms | Dialect::PostgreSql(_) => Quoting::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::MappingOptions;

    fn read(sql: &[u8], scratch: &mut Scratch) -> Script {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        Script::read(sql, Lexing::default(), &mapping, scratch)
    }

    #[test]
    fn memory_is_lent_and_given_back() {
        let mut scratch = Scratch::default();
        read(b"SELECT 1", &mut scratch).give_back(&mut scratch);
        let memory = |scratch: &Scratch| (scratch.entries.as_ptr(), scratch.statements.as_ptr());
        let before = memory(&scratch);
        let script = read(b"SELECT 2", &mut scratch);
        assert_eq!((scratch.entries.capacity(), scratch.statements.capacity()), (0, 0));
        script.give_back(&mut scratch);
        assert_eq!(memory(&scratch), before);
        // A long text leaves nothing behind.
        let script = read(&b"SELECT 4; ".repeat(10_000), &mut scratch);
        assert_eq!(script.statements.len(), 10_000);
        script.give_back(&mut scratch);
        assert_eq!((scratch.entries.capacity(), scratch.statements.capacity()), (0, 0));
    }

    #[test]
    fn a_text_of_too_many_tokens_is_not_read() {
        let sql = b"SET dms.fk = off; ".repeat(crate::statement::TOKENS_MAX / 6);
        let script = read(&sql, &mut Scratch::default());
        assert!(script.is_too_long && script.statements.is_empty() && script.edits.is_empty());
        assert_eq!(script.effects, Effects::ALL);
    }

    #[test]
    fn settings_are_stated_by_constants_alone() {
        let stated = |sql: &str| read(sql.as_bytes(), &mut Scratch::default()).states_settings();
        assert!(stated("SET dms.fk = 'off'; SET LOCAL dms.phase TO cdc; SELECT 1"));
        assert!(!stated("SET dms.fk = 'off'; RESET dms.phase"));
        assert!(!stated("SET dms.fk TO DEFAULT"));
        assert!(!stated("SELECT set_config('dms.fk', 'off', false)"));
        assert!(!stated("SET dms.x = a, b"));
    }
}
