//! A table since the start: its figures, its rates and its state.

use std::collections::VecDeque;

use super::table::{Fate, TableDelta};

/// Seconds of which the rates are kept.
pub const RATE_SECONDS: usize = 60;

/// Seconds after which a table counts as quiet, and over which rates are averaged.
const QUIET_SECONDS: u64 = 5;

pub(super) const MICROS: u64 = 1_000_000;

/// What a table is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableState {
    /// Seen, without rows.
    New,
    /// Rows come in a full load.
    Loading,
    /// Changes come.
    Changing,
    /// It has rows and is quiet.
    Idle,
    /// Its last writing statement failed.
    Error,
    /// It is filled again.
    Reloading,
    /// It was dropped.
    Gone,
}

impl TableState {
    /// All of them.
    pub const ALL: [TableState; 7] = [
        TableState::New,
        TableState::Loading,
        TableState::Changing,
        TableState::Idle,
        TableState::Error,
        TableState::Reloading,
        TableState::Gone,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            TableState::New => "new",
            TableState::Loading => "loading",
            TableState::Changing => "changing",
            TableState::Idle => "idle",
            TableState::Error => "error",
            TableState::Reloading => "reloading",
            TableState::Gone => "gone",
        }
    }

    /// AWS DMS's name for it.
    pub fn dms_name(self) -> &'static str {
        match self {
            TableState::New => "Before load",
            TableState::Loading => "Full load",
            TableState::Changing => "Table updates",
            TableState::Idle => "Table completed",
            TableState::Error => "Table error",
            TableState::Reloading => "Table is being reloaded",
            TableState::Gone => "Table does not exist",
        }
    }
}

/// A table since the start.
#[derive(Clone, Debug)]
pub struct Table {
    /// What was counted.
    pub counted: TableDelta,
    /// When it was first seen, in microseconds since 1970.
    pub first_seen: u64,
    /// When rows of a full load first and last came; 0 for never.
    pub full_load: (u64, u64),
    /// Rows that are not committed.
    pub uncommitted: u64,
    /// Sessions that write to it.
    pub sessions: usize,
    /// A session writes to it at this moment.
    pub is_written: bool,
    /// It was emptied or dropped after it had rows, and has none since.
    pub is_reloaded: bool,
    /// How often it was loaded again.
    pub reloads: u64,
    /// Rows and bytes in each of the last seconds, the oldest first.
    pub seconds: VecDeque<(u64, u64)>,
    /// Rows and bytes when the last second was closed.
    pub(super) last_rows: (u64, u64),
    /// The step in which it last changed.
    pub changed: u64,
    /// Its last state that was seen.
    pub seen_state: TableState,
    /// Its rows as the target estimates them, where it was asked.
    pub estimated_rows: Option<u64>,
}

impl Table {
    pub(super) fn new(now: u64) -> Table {
        Table {
            counted: TableDelta::default(),
            first_seen: now,
            full_load: (0, 0),
            uncommitted: 0,
            sessions: 0,
            is_written: false,
            is_reloaded: false,
            reloads: 0,
            seconds: VecDeque::new(),
            last_rows: (0, 0),
            changed: 0,
            seen_state: TableState::New,
            estimated_rows: None,
        }
    }

    /// What it is doing at a moment, in microseconds since 1970.
    pub fn state(&self, now: u64) -> TableState {
        let counted = &self.counted;
        let is_fresh = now.saturating_sub(counted.last_activity) < QUIET_SECONDS * MICROS;
        let has_rows = counted.all_rows() > 0;
        let is_cdc = counted.phase == 1;
        if self.is_written {
            return match (is_cdc, self.is_reloaded) {
                (true, _) => TableState::Changing,
                (_, true) => TableState::Reloading,
                _ => TableState::Loading,
            };
        }
        if counted.fate == Some(Fate::Dropped) {
            return TableState::Gone;
        }
        if counted.has_failed == Some(true) {
            return TableState::Error;
        }
        if counted.fate.is_some() && self.uncommitted == 0 {
            return if self.is_reloaded { TableState::Reloading } else { TableState::New };
        }
        if !has_rows && self.uncommitted == 0 {
            return TableState::New;
        }
        match (is_fresh || self.uncommitted > 0, is_cdc) {
            (true, true) => TableState::Changing,
            (true, false) => TableState::Loading,
            (false, _) => TableState::Idle,
        }
    }

    /// Rows and bytes a second, over the last seconds.
    pub fn rates(&self) -> (u64, u64) {
        let taken = usize::try_from(QUIET_SECONDS).unwrap_or(5);
        let last = self.seconds.iter().rev().take(taken);
        let (rows, bytes) = last.fold((0, 0), |sum, second| (sum.0 + second.0, sum.1 + second.1));
        (rows / QUIET_SECONDS, bytes / QUIET_SECONDS)
    }

    /// Rows that came in a full load.
    pub fn full_load_rows(&self) -> u64 {
        self.counted.rows.first().map_or(0, |rows| rows.iter().take(2).sum())
    }

    /// Adds the figures of another table, to show both as one.
    pub fn absorb(&mut self, other: &Table) {
        self.counted.merge(other.counted.clone());
        self.uncommitted += other.uncommitted;
    }

    /// Adds what was counted since.
    pub(super) fn add(&mut self, delta: TableDelta, now: u64) {
        let had_rows = self.counted.all_rows() > 0;
        let loaded = delta.rows.first().map_or(0, |rows| rows.iter().take(2).sum::<u64>());
        if had_rows && delta.fate.is_some_and(|fate| fate != Fate::Created) {
            self.is_reloaded = true;
            self.reloads += 1;
        }
        if delta.all_rows() > 0 {
            self.counted.fate = None;
        }
        if loaded > 0 {
            if self.full_load.0 == 0 {
                self.full_load.0 = now;
            }
            self.full_load.1 = now;
        }
        if delta.all_rows() > 0 && delta.fate.is_none() {
            self.is_reloaded = false;
        }
        self.counted.merge(delta);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: u64 = 100 * MICROS;

    fn rows(count: u64, at: u64) -> TableDelta {
        let mut delta =
            TableDelta { last_activity: at, has_failed: Some(false), ..TableDelta::default() };
        delta.rows[0][0] = count;
        delta
    }

    #[test]
    fn a_table_goes_from_new_to_idle() {
        let mut table = Table::new(MICROS);
        assert_eq!(table.state(LATER), TableState::New);
        table.add(rows(5, LATER), LATER);
        assert_eq!(table.state(LATER + MICROS), TableState::Loading);
        assert_eq!(table.state(LATER + 6 * MICROS), TableState::Idle);
        assert_eq!((table.full_load_rows(), table.full_load), (5, (LATER, LATER)));
        let cdc = TableDelta { phase: 1, last_activity: LATER + MICROS, ..TableDelta::default() };
        table.add(cdc, LATER);
        assert_eq!(table.state(LATER + 2 * MICROS), TableState::Changing);
    }

    #[test]
    fn a_failed_write_is_an_error_until_one_succeeds() {
        let mut table = Table::new(MICROS);
        table.add(rows(5, LATER), LATER);
        let failed = TableDelta { has_failed: Some(true), ..TableDelta::default() };
        table.add(failed, LATER);
        assert_eq!(table.state(LATER), TableState::Error);
        table.add(rows(1, LATER), LATER);
        assert_eq!(table.state(LATER), TableState::Loading);
    }

    #[test]
    fn what_is_emptied_is_loaded_again() {
        let fate =
            |fate| TableDelta { fate: Some(fate), last_activity: LATER, ..TableDelta::default() };
        let mut table = Table::new(MICROS);
        table.add(fate(Fate::Created), LATER);
        assert_eq!(table.state(LATER), TableState::New);
        table.add(rows(5, LATER), LATER);
        table.add(fate(Fate::Emptied), LATER);
        assert_eq!((table.state(LATER), table.reloads), (TableState::Reloading, 1));
        table.add(rows(5, LATER), LATER);
        assert_eq!(table.state(LATER), TableState::Loading);
        table.add(fate(Fate::Dropped), LATER);
        assert_eq!(table.state(LATER), TableState::Gone);
    }

    #[test]
    fn rates_are_those_of_the_last_seconds() {
        let mut table = Table::new(MICROS);
        table.seconds.extend([(100, 1000), (0, 0), (50, 0), (0, 0), (0, 0), (0, 500)]);
        assert_eq!(table.rates(), (10, 100));
    }
}
