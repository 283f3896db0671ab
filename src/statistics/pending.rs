//! What a transaction has done and not yet committed: it becomes rows at COMMIT, and rolled-back rows
//! otherwise. Savepoints are followed.

use std::collections::HashMap;
use std::sync::Arc;

use super::counted_words::Operation;
use super::table::{TableDelta, TableKey};

/// Savepoints that are told apart; the lowest ones become one with what is below them.
const LEVELS_MAX: usize = 64;

/// What was done behind a savepoint, or since the transaction began.
#[derive(Debug, Default)]
struct PendingLevel {
    name: Vec<u8>,
    done: HashMap<(Arc<TableKey>, Operation, usize), u64>,
    /// The order of what is done to tables themselves.
    order: Vec<(Arc<TableKey>, Operation)>,
}

impl PendingLevel {
    fn merge(&mut self, other: PendingLevel) {
        for (what, count) in other.done {
            *self.done.entry(what).or_default() += count;
        }
        self.order.extend(other.order);
    }
}

/// What a transaction has done so far.
#[derive(Debug, Default)]
pub struct Pending {
    /// Without one, nothing is pending.
    levels: Vec<PendingLevel>,
}

impl Pending {
    /// Something was done to a table.
    pub fn add(&mut self, table: &Arc<TableKey>, operation: Operation, phase: usize, count: u64) {
        if self.levels.is_empty() {
            self.levels.push(PendingLevel::default());
        }
        let Some(level) = self.levels.last_mut() else { return };
        if operation.is_of_table() {
            level.order.push((Arc::clone(table), operation));
        }
        *level.done.entry((Arc::clone(table), operation, phase)).or_default() += count;
    }

    /// `SAVEPOINT name`
    pub fn savepoint(&mut self, name: &[u8]) {
        if self.levels.is_empty() {
            self.levels.push(PendingLevel::default());
        }
        if self.levels.len() > LEVELS_MAX {
            let lowest = self.levels.remove(1);
            if let Some(base) = self.levels.first_mut() {
                base.merge(lowest);
            }
        }
        self.levels.push(PendingLevel { name: name.to_vec(), ..PendingLevel::default() });
    }

    /// The index of a savepoint's level.
    fn find(&self, name: &[u8]) -> Option<usize> {
        let found = self.levels.iter().skip(1).rposition(|level| level.name == name);
        found.map(|index| index + 1)
    }

    /// `RELEASE name`: what is behind it belongs to what is in front of it.
    pub fn release(&mut self, name: &[u8]) {
        let Some(index) = self.find(name) else { return };
        let released = self.levels.split_off(index);
        if let Some(below) = self.levels.last_mut() {
            released.into_iter().for_each(|level| below.merge(level));
        }
    }

    /// `ROLLBACK TO name`: gives the rows that were written behind it.
    pub fn roll_back_to(&mut self, name: &[u8]) -> Vec<(Arc<TableKey>, u64)> {
        // One that has become one with what is below it leaves that alone.
        let index = self.find(name).unwrap_or(1).min(self.levels.len());
        let undone = rows(self.levels.split_off(index));
        self.levels.push(PendingLevel { name: name.to_vec(), ..PendingLevel::default() });
        undone
    }

    /// The transaction is rolled back: gives the rows that it wrote.
    pub fn roll_back(&mut self) -> Vec<(Arc<TableKey>, u64)> {
        rows(std::mem::take(&mut self.levels))
    }

    /// The transaction is committed.
    pub fn commit(
        &mut self,
        mut table: impl FnMut(&Arc<TableKey>, &mut dyn FnMut(&mut TableDelta)),
    ) {
        for level in std::mem::take(&mut self.levels) {
            for (key, operation) in &level.order {
                table(key, &mut |delta| delta.commit(*operation, 0, 1));
            }
            let of_rows =
                |((_, operation, _), _): &(&(_, Operation, _), _)| !operation.is_of_table();
            for ((key, operation, phase), count) in level.done.iter().filter(of_rows) {
                table(key, &mut |delta| delta.commit(*operation, *phase, *count));
            }
        }
    }

    /// The rows that wait to be committed, by table.
    pub fn by_table(&self) -> impl Iterator<Item = (&Arc<TableKey>, u64)> {
        let all = self.levels.iter().flat_map(|level| &level.done);
        all.filter(|((_, operation, _), _)| operation.row_index().is_some())
            .map(|((key, ..), count)| (key, *count))
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.levels.iter().all(|level| level.done.is_empty())
    }
}

fn rows(levels: Vec<PendingLevel>) -> Vec<(Arc<TableKey>, u64)> {
    let all = levels.into_iter().flat_map(|level| level.done);
    all.filter(|((_, operation, _), _)| operation.row_index().is_some())
        .map(|((key, ..), count)| (key, count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Arc<TableKey> {
        Arc::new(TableKey { table: "t".into(), ..TableKey::default() })
    }

    fn committed(mut pending: Pending) -> TableDelta {
        let mut delta = TableDelta::default();
        pending.commit(|_, change| change(&mut delta));
        assert!(pending.is_empty());
        delta
    }

    #[test]
    fn tags_say_what_was_done() {
        assert_eq!(Operation::of_tag("INSERT 0 12"), Some((Operation::Insert, 12)));
        assert_eq!(Operation::of_tag("COPY 7"), Some((Operation::Copy, 7)));
        assert_eq!(Operation::of_tag("DROP TABLE"), Some((Operation::Drop, 0)));
        assert_eq!(Operation::of_tag("BEGIN"), None);
    }

    #[test]
    fn savepoints_give_back_what_is_behind_them() {
        let (table, mut pending) = (table(), Pending::default());
        pending.add(&table, Operation::Insert, 0, 1);
        pending.savepoint(b"a");
        pending.add(&table, Operation::Insert, 0, 10);
        pending.savepoint(b"b");
        pending.add(&table, Operation::Insert, 0, 100);
        let undone = |rows: Vec<(_, u64)>| rows.iter().map(|(_, count)| count).sum::<u64>();
        assert_eq!(undone(pending.roll_back_to(b"b")), 100);
        pending.add(&table, Operation::Insert, 1, 1000);
        pending.release(b"b");
        assert_eq!(undone(pending.roll_back_to(b"a")), 1010);
        pending.add(&table, Operation::Copy, 0, 5);
        pending.release(b"a");
        let delta = committed(pending);
        assert_eq!(delta.rows, [[5, 1, 0, 0, 0], [0; 5]]);
    }

    #[test]
    fn of_two_savepoints_of_one_name_the_later_counts() {
        let (table, mut pending) = (table(), Pending::default());
        for count in [1, 10] {
            pending.savepoint(b"s");
            pending.add(&table, Operation::Delete, 0, count);
        }
        assert_eq!(pending.roll_back_to(b"s"), [(Arc::clone(&table), 10)]);
        assert_eq!(committed(pending).rows[0][3], 1);
    }

    #[test]
    fn many_savepoints_take_little() {
        let (table, mut pending) = (table(), Pending::default());
        for number in 0..1000 {
            pending.savepoint(format!("s{number}").as_bytes());
            pending.add(&table, Operation::Insert, 0, 1);
        }
        assert!(pending.levels.len() <= LEVELS_MAX + 1);
        pending.roll_back_to(b"s999");
        assert_eq!(committed(pending).all_rows(), 999);
    }

    #[test]
    fn what_becomes_of_a_table_is_known_at_the_end() {
        let (table, mut pending) = (table(), Pending::default());
        pending.add(&table, Operation::Create, 0, 1);
        pending.add(&table, Operation::Truncate, 0, 1);
        pending.add(&table, Operation::Drop, 0, 1);
        let delta = committed(pending);
        assert_eq!(
            (delta.ddls, delta.truncates, delta.fate),
            (2, 1, Some(super::super::Fate::Dropped))
        );
    }
}
