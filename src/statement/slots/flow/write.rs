//! Statements: what INSERT, UPDATE, MERGE and DELETE write to, the values that they write, and the rows that
//! they look for.

use std::ops::Range;
use std::rc::Rc;

use super::MeetingKind;
use super::level::{FromItem, NameParts};
use super::reader::{FlowReader, MetColumns};
use crate::statement::cursor::{NotUnderstood, Understood};
use crate::statement::lexer::TokenKind;
use crate::statement::slots::SlotColumn;
use crate::statement::slots::element::{Ends, element};
use crate::statement::slots::row_value::VALUES_MAX;
use crate::statement::slots::walker::ColumnSpelled;

impl FlowReader<'_, '_> {
    /// Reads the statement at the cursor.
    pub(super) fn statement(&mut self) -> Understood {
        self.walker.pass_prefix()?;
        self.in_level(|reader| reader.writes(MeetingKind::Slot))
    }

    /// A statement in a WITH.
    pub(super) fn inner_statement(&mut self) -> Understood {
        self.in_level(|reader| reader.writes(MeetingKind::Assigned))
    }

    fn writes(&mut self, kind: MeetingKind) -> Understood {
        if self.walker.cursor.is("with") {
            self.with()?;
        }
        let cursor = &mut self.walker.cursor;
        if cursor.eat_all(&["insert", "into"]) {
            self.insert(kind)
        } else if cursor.eat("update") {
            self.update(kind)
        } else if cursor.eat_all(&["delete", "from"]) {
            self.delete()
        } else if cursor.eat_all(&["merge", "into"]) {
            self.merge(kind)
        } else if cursor.is_any(&["select", "values"]) || cursor.at(TokenKind::Open) {
            self.query(None).map(|_| ())
        } else {
            Err(NotUnderstood)
        }
    }

    /// The relation that is written to, with its alias, in a level of its own.
    fn written(&mut self, ends: &[&str]) -> Result<Rc<Vec<NameParts>>, NotUnderstood> {
        let name = self.walker.target()?;
        let parts = self.walker.kept_parts(&name);
        let mut alias = parts.last().cloned().unwrap_or_default();
        let is_alias = self.walker.cursor.at_name() && !self.walker.cursor.is_any(ends);
        if self.walker.cursor.eat("as") || is_alias {
            alias = self.eat_name()?;
        }
        self.name_item(alias, FromItem::Relation(parts.clone()));
        Ok(Rc::new(vec![parts]))
    }

    fn insert(&mut self, kind: MeetingKind) -> Understood {
        const BEHIND: &[&str] = &["values", "select", "with", "table", "default", "overriding"];
        let relations = self.written(BEHIND)?;
        let mut columns = Vec::new();
        if self.walker.cursor.at(TokenKind::Open) && !self.is_query(self.walker.cursor.index() + 1)
        {
            columns = self.whole_columns()?;
        }
        self.walker.overriding()?;
        let met = MetColumns { relations, columns, kind };
        if self.walker.cursor.is("values") {
            self.inserted_rows(&met)?;
        } else if !self.walker.cursor.eat_all(&["default", "values"]) {
            // Of the target's columns a query sees none.
            let target = self.levels.last_mut().and_then(|level| level.items.pop());
            let read = self.query(Some(&met));
            let target = target.ok_or(NotUnderstood)?;
            self.name_item(target.0, target.1);
            read?;
        }
        let excluded = met.relations.first().cloned().unwrap_or_default();
        self.name_item(b"excluded".to_vec(), FromItem::Relation(excluded));
        if self.walker.cursor.eat_all(&["on", "conflict"]) {
            self.conditions(&["do"])?;
            if self.walker.cursor.eat_all(&["do", "update", "set"]) {
                self.assignments(&met.relations, kind)?;
            }
        }
        self.conditions(&[])
    }

    /// A list of columns; one that is not whole is one that does not exist.
    fn whole_columns(&mut self) -> Result<Vec<SlotColumn>, NotUnderstood> {
        let listed = self.walker.column_list()?;
        Ok(listed.into_iter().map(|column| self.slot_column(column)).collect())
    }

    fn slot_column(&self, column: ColumnSpelled) -> SlotColumn {
        let name = if column.is_whole { self.walker.kept(column.name) } else { Vec::new() };
        SlotColumn::Named(name)
    }

    /// The rows behind VALUES, each value by itself.
    fn inserted_rows(&mut self, met: &MetColumns) -> Understood {
        let mut behind = self.walker.cursor;
        behind.bump();
        while behind.at(TokenKind::Open) {
            behind.skip_brackets()?;
            while behind.eat_kind(TokenKind::PlainRows) {}
            if !behind.eat_kind(TokenKind::Comma) {
                break;
            }
        }
        let is_whole =
            matches!(behind.token.kind, TokenKind::End | TokenKind::Semicolon | TokenKind::Close)
                || behind.is_any(&["on", "returning"]);
        if !is_whole {
            // ORDER BY or a set operation makes another query of it.
            return self.query(Some(met)).map(|_| ());
        }
        self.walker.cursor.bump();
        while self.walker.cursor.at(TokenKind::Open) {
            let inside = self.inside()?;
            self.inserted_row(&inside, met)?;
            while self.walker.cursor.eat_kind(TokenKind::PlainRows) {}
            self.walker.cursor.eat_kind(TokenKind::Comma);
        }
        Ok(())
    }

    fn inserted_row(&mut self, inside: &Range<usize>, met: &MetColumns) -> Understood {
        let values = self.parts_of_row(inside)?;
        let Some(values) = values else { return Ok(()) };
        for (index, value) in values.into_iter().enumerate() {
            if let Some(met) = met.at(index) {
                self.assign(&value, &met);
            }
        }
        Ok(())
    }

    /// The values of a row; `None` where runs of plain constants are among them.
    fn parts_of_row(
        &mut self,
        inside: &Range<usize>,
    ) -> Result<Option<Vec<Range<usize>>>, NotUnderstood> {
        self.within(inside, |reader| {
            let mut parts = Vec::new();
            loop {
                let first = reader.walker.cursor.index();
                element(&mut reader.walker.cursor, Ends::Clause)?;
                parts.push(first..reader.walker.cursor.index());
                if parts.len() > VALUES_MAX {
                    return Err(NotUnderstood);
                }
                match reader.walker.cursor.token.kind {
                    TokenKind::Comma => reader.walker.cursor.bump(),
                    TokenKind::End => return Ok(Some(parts)),
                    _ => return Ok(None),
                }
            }
        })
    }

    fn update(&mut self, kind: MeetingKind) -> Understood {
        let relations = self.written(&["set"])?;
        self.expect("set")?;
        let first = self.walker.cursor.index();
        // What the values may name comes behind them.
        while element(&mut self.walker.cursor, Ends::Clause).is_ok()
            && self.walker.cursor.eat_kind(TokenKind::Comma)
        {}
        if self.walker.cursor.eat("from") {
            self.from()?;
        }
        self.aside(first, |reader| reader.assignments(&relations, kind))?;
        self.conditions(&[])
    }

    fn delete(&mut self) -> Understood {
        self.written(&["using", "where", "returning"])?;
        if self.walker.cursor.eat("using") {
            self.from()?;
        }
        self.conditions(&[])
    }

    fn merge(&mut self, kind: MeetingKind) -> Understood {
        let relations = self.written(&["using"])?;
        self.expect("using")?;
        self.item_of_from()?;
        self.expect("on")?;
        self.conditions(&["when"])?;
        while self.walker.cursor.eat("when") {
            self.conditions(&["then"])?;
            self.expect("then")?;
            let cursor = &mut self.walker.cursor;
            if cursor.eat_all(&["update", "set"]) {
                self.assignments(&relations, kind)?;
            } else if cursor.eat("insert") {
                let columns = match self.walker.cursor.at(TokenKind::Open) {
                    true => self.whole_columns()?,
                    false => Vec::new(),
                };
                self.walker.overriding()?;
                let met = MetColumns { relations: Rc::clone(&relations), columns, kind };
                if self.walker.cursor.eat("values") {
                    let inside = self.inside()?;
                    self.inserted_row(&inside, &met)?;
                } else if !self.walker.cursor.eat_all(&["default", "values"]) {
                    return Err(NotUnderstood);
                }
            } else if !cursor.eat("delete") && !cursor.eat_all(&["do", "nothing"]) {
                return Err(NotUnderstood);
            }
        }
        self.conditions(&[])
    }

    /// `column = value, (column, ...) = (value, ...)`, up to the next clause.
    fn assignments(&mut self, relations: &Rc<Vec<NameParts>>, kind: MeetingKind) -> Understood {
        loop {
            let several = self.walker.cursor.at(TokenKind::Open);
            let columns = match several {
                true => self.whole_columns()?,
                false => {
                    let column = self.walker.column()?;
                    vec![self.slot_column(column)]
                }
            };
            self.walker.expect_assignment()?;
            let met = MetColumns { relations: Rc::clone(relations), columns, kind };
            let first = self.walker.cursor.index();
            element(&mut self.walker.cursor, Ends::Clause)?;
            let value = first..self.walker.cursor.index();
            match several {
                true => self.assigned_row(&value, &met)?,
                false => self.assign(&value, &met),
            }
            if !self.walker.cursor.eat_kind(TokenKind::Comma) {
                return Ok(());
            }
        }
    }

    /// The source of an assignment to several columns.
    fn assigned_row(&mut self, value: &Range<usize>, met: &MetColumns) -> Understood {
        self.within(value, |reader| {
            reader.walker.cursor.eat("row");
            let inside = reader.inside()?;
            if reader.is_query(inside.start) {
                reader.query_within(&inside, Some(&met.within()));
                return Ok(());
            }
            reader.inserted_row(&inside, met)
        })
    }
}
