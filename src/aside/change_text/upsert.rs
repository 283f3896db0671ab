//! The INSERT by which a row that is there takes the values of another one. Pure text.

use super::super::bound::BoundValues;
use super::super::transaction::BoundStatement;
use super::{ChangeText, quoted};
use crate::encoding::Encoding;
use crate::parking::spelling::name_constant;
use crate::statement::RowChange;

impl ChangeText {
    /// The assignments by which a row takes the values for the columns that the INSERT lists; `None` where it lists
    /// none.
    pub(in super::super) fn assigned(&self) -> Option<Vec<u8>> {
        let assigned = |column: &Vec<u8>| {
            let column = quoted(column);
            [&column[..], b" = EXCLUDED.", &column].concat()
        };
        let assigned: Vec<Vec<u8>> = self.change.columns.iter().map(assigned).collect();
        (!assigned.is_empty()).then(|| assigned.join(&b", "[..]))
    }

    /// The query for these assignments: the first columns of the table, without those that cannot be assigned to.
    pub(in super::super) fn assigned_question(&self, encoding: Encoding) -> Vec<u8> {
        let front = b"SELECT pg_catalog.string_agg(
                pg_catalog.format('%I = EXCLUDED.%I', a.attname, a.attname), ', ' ORDER BY a.attnum)
            FROM (SELECT b.attname, b.attnum, pg_catalog.row_to_json(b) AS shown
                FROM pg_catalog.pg_attribute b WHERE b.attrelid OPERATOR(pg_catalog.=) ";
        let back = format!(
            "::pg_catalog.regclass::pg_catalog.oid
                    AND b.attnum OPERATOR(pg_catalog.>) 0 AND NOT b.attisdropped
                ORDER BY b.attnum LIMIT {}) a
            WHERE COALESCE(a.shown OPERATOR(pg_catalog.->>) 'attgenerated', '')
                    OPERATOR(pg_catalog.=) ''
                AND COALESCE(a.shown OPERATOR(pg_catalog.->>) 'attidentity', '')
                    OPERATOR(pg_catalog.<>) 'a'",
            self.change.width
        );
        [&front[..], &name_constant(&self.change.relation, encoding), back.as_bytes()].concat()
    }

    /// Whether the row's INSERT can be one that says what becomes of a conflict with this constraint.
    pub(in super::super) fn can_upsert(&self, constraint: &[u8]) -> bool {
        let RowChange { columns, width, has_conflict_clause, .. } = &self.change;
        let has_columns = !columns.is_empty() || *width > 0;
        has_columns && !has_conflict_clause && !constraint.is_empty()
    }

    /// The row's INSERT, by which a row that is there takes its values.
    pub(in super::super) fn upsert(
        &self,
        row: usize,
        constraint: &[u8],
        assigned: &[u8],
        values: &BoundValues,
    ) -> BoundStatement {
        let mut bound = self.bound(&(row..row + 1), values);
        bound.sql.extend_from_slice(b" ON CONFLICT ON CONSTRAINT ");
        bound.sql.extend(quoted(constraint));
        bound.sql.extend_from_slice(b" DO UPDATE SET ");
        bound.sql.extend_from_slice(assigned);
        bound
    }
}
