//! Which columns the source's tables have, in order, by the texts of the session that create them. Plain data;
//! knows no rules.

use std::collections::HashMap;

/// Columns that are remembered at most; then all are forgotten.
const COLUMNS_MAX: usize = 20_000;

/// A table by the names of the source: its schema, where the text names it, and its own.
pub type OrderedTable = (Option<String>, String);

/// What a text says of the columns of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderChange {
    /// It is created with these columns.
    Created(OrderedTable, Vec<String>),
    /// It may have others now.
    Forget(OrderedTable),
    /// Names without a schema may stand for other tables.
    ForgetUnqualified,
    /// Any table may have others.
    ForgetAll,
}

/// The columns of tables.
#[derive(Debug, Default)]
pub(super) struct ColumnOrders {
    tables: HashMap<OrderedTable, Vec<String>>,
    columns: usize,
}

impl ColumnOrders {
    pub(super) fn note(&mut self, change: OrderChange) {
        match change {
            OrderChange::Created(table, columns) => {
                self.forget(&table);
                if self.columns + columns.len() > COLUMNS_MAX {
                    self.clear();
                }
                self.columns += columns.len();
                self.tables.insert(table, columns);
            }
            OrderChange::Forget(table) => self.forget(&table),
            OrderChange::ForgetUnqualified => {
                self.tables.retain(|(schema, _), _| schema.is_some());
                self.columns = self.tables.values().map(Vec::len).sum();
            }
            OrderChange::ForgetAll => self.clear(),
        }
    }

    fn forget(&mut self, table: &OrderedTable) {
        let gone = self.tables.remove(table);
        self.columns -= gone.map_or(0, |columns| columns.len());
    }

    pub(super) fn clear(&mut self) {
        self.tables.clear();
        self.columns = 0;
    }

    pub(super) fn of(&self, table: &OrderedTable) -> Option<&[String]> {
        self.tables.get(table).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_forgotten_one_by_one_and_together() {
        let named =
            |schema: Option<&str>, table: &str| (schema.map(str::to_owned), table.to_owned());
        let columns = |count: usize| (0..count).map(|at| at.to_string()).collect::<Vec<_>>();
        let (one, other, bare) = (named(Some("s"), "a"), named(Some("s"), "b"), named(None, "a"));
        let mut orders = ColumnOrders::default();
        for table in [&one, &other, &bare, &one] {
            orders.note(OrderChange::Created(table.clone(), columns(2)));
        }
        assert_eq!(orders.columns, 6);
        orders.note(OrderChange::Forget(other.clone()));
        orders.note(OrderChange::ForgetUnqualified);
        assert_eq!((orders.of(&one), orders.columns), (Some(&columns(2)[..]), 2));
        assert!(orders.of(&other).is_none() && orders.of(&bare).is_none());
        orders.note(OrderChange::Created(bare.clone(), columns(COLUMNS_MAX)));
        assert!(orders.of(&one).is_none() && orders.of(&bare).is_some());
        orders.note(OrderChange::ForgetAll);
        assert!(orders.of(&bare).is_none() && orders.columns == 0);
    }
}
