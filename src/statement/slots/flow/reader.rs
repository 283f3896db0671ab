//! What reads the meetings of a statement: where it stands, and what the names around it mean. Walks tokens; a
//! query within another one is a level, of which there are few.

use std::ops::Range;
use std::rc::Rc;

use super::level::{FromItem, Level, NameParts, Named, RowColumn, TextRows, named, with_query};
use super::typed::Typed;
use super::{Meeting, MeetingKind, MetValue, RowsSpan};
use crate::encoding::Encoding;
use crate::statement::Edit;
use crate::statement::cursor::{Cursor, NotUnderstood, Understood, narrow};
use crate::statement::name::kept_at;
use crate::statement::slots::SlotColumn;
use crate::statement::slots::walker::Walker;
use crate::value::type_oid::UNKNOWN;

/// Queries within each other; deeper ones are the server's.
const LEVELS_MAX: usize = 12;

/// Meetings that are given for one statement; further ones are the server's.
const MEETINGS_MAX: usize = 200_000;

/// Reads one statement.
pub(super) struct FlowReader<'a, 'd> {
    pub(super) walker: Walker<'a, 'static>,
    /// The types of the parameters.
    pub(super) declared: &'d [u32],
    pub(super) edits: &'d [Edit],
    pub(super) levels: Vec<Level>,
    pub(super) found: Vec<Meeting>,
}

/// The columns that the columns of a query meet.
#[derive(Clone, Debug)]
pub(super) struct MetColumns {
    pub(super) relations: Rc<Vec<NameParts>>,
    /// By their order; none for all columns of the only relation, in its order.
    pub(super) columns: Vec<SlotColumn>,
    pub(super) kind: MeetingKind,
}

impl MetColumns {
    /// One column.
    pub(super) fn one(
        relations: Rc<Vec<NameParts>>,
        column: SlotColumn,
        kind: MeetingKind,
    ) -> Self {
        MetColumns { relations, columns: vec![column], kind }
    }

    /// The same for what is no slot by itself.
    pub(super) fn within(&self) -> Self {
        let kind = match self.kind {
            MeetingKind::Slot => MeetingKind::Assigned,
            kind => kind,
        };
        MetColumns { kind, ..self.clone() }
    }

    fn column(&self, index: usize) -> Option<SlotColumn> {
        match self.columns.is_empty() {
            true => Some(SlotColumn::Index(index)),
            false => self.columns.get(index).cloned(),
        }
    }

    /// The one of them that the column of a place meets.
    pub(super) fn at(&self, index: usize) -> Option<MetColumns> {
        let column = self.column(index)?;
        Some(MetColumns::one(Rc::clone(&self.relations), column, self.kind))
    }
}

impl<'a, 'd> FlowReader<'a, 'd> {
    pub(super) fn new(
        statement: Cursor<'a>,
        encoding: Encoding,
        declared: &'d [u32],
        edits: &'d [Edit],
    ) -> FlowReader<'a, 'd> {
        let walker = Walker::new(statement, encoding, None);
        FlowReader { walker, declared, edits, levels: Vec::new(), found: Vec::new() }
    }

    /// Reads on in a level of its own. What is not understood of it gives no meetings.
    pub(super) fn in_level<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, NotUnderstood>,
    ) -> Result<T, NotUnderstood> {
        if self.levels.len() >= LEVELS_MAX {
            return Err(NotUnderstood);
        }
        let (levels, found) = (self.levels.len(), self.found.len());
        self.levels.push(Level::default());
        let read = read(self);
        self.levels.truncate(levels);
        if read.is_err() {
            self.found.truncate(found);
        }
        read
    }

    /// Names something in the innermost level.
    pub(super) fn name_item(&mut self, alias: Vec<u8>, item: FromItem) {
        if let Some(level) = self.levels.last_mut() {
            level.items.push((alias, item));
        }
    }

    /// What the name of a column stands for, of which the tokens are these.
    pub(super) fn named(&self, name: &Range<usize>) -> Named {
        named(&self.levels, self.walker.kept_parts(&(narrow(name.start)..narrow(name.end))))
    }

    pub(super) fn with_query(&self, name: &[u8]) -> Option<FromItem> {
        with_query(&self.levels, name)
    }

    /// The name that the token of an index is.
    pub(super) fn kept(&self, index: usize) -> Vec<u8> {
        kept_at(self.walker.cursor, narrow(index), self.walker.encoding).into_owned()
    }

    /// Notes that a value meets a column.
    pub(super) fn note(&mut self, value: MetValue, typed: &Typed, met: &MetColumns) {
        let Some(type_oid) = typed.type_oid.filter(|oid| *oid != UNKNOWN) else { return };
        let Some(column) = met.column(0).filter(|_| self.found.len() < MEETINGS_MAX) else {
            return;
        };
        self.found.push(Meeting {
            relations: Rc::clone(&met.relations),
            column,
            value,
            type_oid,
            leaves: Rc::clone(&typed.leaves),
            is_of_leaves: typed.is_of_leaves,
            kind: met.kind,
        });
    }

    /// Notes that all columns of rows meet columns.
    pub(super) fn note_rows(&mut self, rows: &TextRows, met: &MetColumns) {
        for (index, RowColumn { typed, .. }) in rows.columns.iter().enumerate() {
            if let Some(met) = met.at(index) {
                self.note(MetValue::Rows(Rc::clone(&rows.at), index), typed, &met);
            }
        }
    }

    /// The bytes of tokens.
    pub(super) fn span(&self, tokens: &Range<usize>) -> Range<usize> {
        let mut cursor = self.walker.cursor;
        cursor.go_to(tokens.start);
        let start = cursor.token.start;
        cursor.go_to(tokens.end);
        start..cursor.previous().end
    }

    /// The place of rows whose tokens are these.
    pub(super) fn rows_at(
        &self,
        tokens: &Range<usize>,
        is_function: bool,
        columns: &[RowColumn],
    ) -> Rc<RowsSpan> {
        let names = columns.iter().map(|column| column.name.clone()).collect();
        Rc::new(RowsSpan { span: self.span(tokens), is_function, names })
    }

    /// Reads something else and comes back.
    pub(super) fn aside<T>(&mut self, at: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        let here = self.walker.cursor;
        self.walker.cursor.go_to(at);
        let read = read(self);
        self.walker.cursor = here;
        read
    }

    /// Reads a part of the statement as if it ended there, and comes back.
    pub(super) fn within<T>(
        &mut self,
        tokens: &Range<usize>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let here = self.walker.cursor;
        self.walker.cursor = here.up_to(tokens.end);
        self.walker.cursor.go_to(tokens.start);
        let read = read(self);
        self.walker.cursor = here;
        read
    }

    /// Passes a name; gives it as it is kept.
    pub(super) fn eat_name(&mut self) -> Result<Vec<u8>, NotUnderstood> {
        let index = self.walker.column_name()?;
        Ok(self.walker.kept(index))
    }

    pub(super) fn expect(&mut self, word: &str) -> Understood {
        self.walker.expect(word)
    }
}
