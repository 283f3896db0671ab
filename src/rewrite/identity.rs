//! Values for columns GENERATED ALWAYS AS IDENTITY: OVERRIDING SYSTEM VALUE where they are inserted, and no
//! assignment where that changes nothing. Finds no columns.

use super::ReplacementReason;
use super::values::WritePlan;
use crate::catalog::RelationColumn;
use crate::parking::spelling::quoted_identifier;
use crate::statement::{Slot, SlotColumn, WriteKind};
use crate::value::ValueRule;

impl<'p> WritePlan<'p> {
    /// Lets the inserts of the statement give values to the column that has got one.
    pub(super) fn overriding_clauses(&mut self) {
        let overrides = self.rules.policy.overrides_identity;
        let column = self.identity.or_else(|| self.identity_of_query());
        let Some(column) = column.filter(|_| overrides) else {
            return;
        };
        let places = std::mem::take(&mut self.overriding);
        for at in self.write.overriding_at.into_iter().chain(places) {
            let rule = ValueRule::OverridingSystemValue;
            self.written.replace(
                at..at,
                b" OVERRIDING SYSTEM VALUE ",
                ReplacementReason::Rule(rule.name()),
            );
            self.written.note(self.relation, column, rule, 1, None);
        }
    }

    /// The column of an INSERT that gets values from a query: these are never DEFAULT.
    fn identity_of_query(&self) -> Option<&'p RelationColumn> {
        let word = self.sql.get(self.write.overriding_at?..)?.get(..b"values".len())?;
        let is_query =
            self.write.kind == WriteKind::Insert && !word.eq_ignore_ascii_case(b"values");
        let columns = self.relation.columns();
        let mut listed = self.listed.iter().flatten().filter_map(|index| columns.get(*index));
        listed.find(|column| is_query && column.is_identity_always)
    }

    /// A column GENERATED ALWAYS AS IDENTITY gets a value: where it is inserted it may, where it is assigned it
    /// may not, so that an assignment that changes nothing goes. Whether it does.
    pub(super) fn overrides(&mut self, slot: &Slot, column: &'p RelationColumn) -> bool {
        let (script, write, sql) = (self.script, self.write, self.sql);
        let at = slot.span.start;
        let insert = write.merge_inserts.iter().find(|insert| insert.contains(&at));
        let is_insert = match write.kind {
            WriteKind::Insert => matches!(slot.column, SlotColumn::Index(_)),
            WriteKind::Update => false,
            WriteKind::Merge => insert.is_some(),
        };
        if is_insert {
            self.identity.get_or_insert(column);
            let place = insert.map(|insert| insert.start);
            self.overriding.extend(place.filter(|place| self.overriding.last() != Some(place)));
            return false;
        }
        if !self.rules.policy.overrides_identity {
            return false;
        }
        let Some(found) = script.redundant_assignment(write, sql, at, &column.name) else {
            return false;
        };
        let text = match found.is_only {
            false => Vec::new(),
            // Some assignment has to stand there.
            true => match self.assignment_to_itself() {
                Some(text) => text,
                None => return false,
            },
        };
        let rule = ValueRule::OverridingSystemValue;
        self.written.replace(found.span, &text, ReplacementReason::Rule(rule.name()));
        self.written.note(self.relation, column, rule, 1, None);
        true
    }

    /// An assignment that gives a column the value that it has, and that the server takes.
    fn assignment_to_itself(&self) -> Option<Vec<u8>> {
        let takes = |column: &&RelationColumn| !column.is_identity_always && !column.is_generated;
        let column = self.relation.columns().iter().find(takes)?;
        let quoted = quoted_identifier(std::str::from_utf8(&column.name).ok()?).into_bytes();
        let target = self.script.target_name(self.write, self.sql);
        Some([&quoted, b" = ".as_slice(), target, b".", &quoted].concat())
    }
}
