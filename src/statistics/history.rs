//! What has gone in the last minute, so that who was away for a moment can go on.

use std::collections::VecDeque;

use super::table::TableKey;

/// How long it is remembered, in microseconds.
const KEPT_MICROS: u64 = 60_000_000;

/// What is remembered at most; beyond it nobody can go on.
const ENTRIES_MAX: usize = 10_000;

/// What has gone, by the collections since.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Collections with their moments.
    steps: VecDeque<(u64, u64)>,
    tables: VecDeque<(u64, TableKey)>,
    sessions: VecDeque<(u64, u64)>,
}

/// What has gone since a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoneSince {
    /// Tables.
    pub tables: Vec<TableKey>,
    /// Sessions.
    pub sessions: Vec<u64>,
}

impl History {
    /// A collection has begun at this moment.
    pub(super) fn on_step(&mut self, step: u64, now: u64) {
        self.steps.push_back((step, now));
        while self.steps.len() > ENTRIES_MAX
            || self.steps.front().is_some_and(|(_, at)| at + KEPT_MICROS < now)
        {
            self.steps.pop_front();
        }
        let first = self.steps.front().map_or(step, |(step, _)| *step);
        while self.tables.pop_front_if(|(step, _)| *step <= first).is_some() {}
        while self.sessions.pop_front_if(|(step, _)| *step <= first).is_some() {}
    }

    /// A table is gone as of this collection.
    pub(super) fn on_table_gone(&mut self, step: u64, key: TableKey) {
        self.tables.push_back((step, key));
        self.bound();
    }

    /// A session is gone as of this collection.
    pub(super) fn on_session_gone(&mut self, step: u64, id: u64) {
        self.sessions.push_back((step, id));
        self.bound();
    }

    fn bound(&mut self) {
        if self.tables.len().max(self.sessions.len()) > ENTRIES_MAX {
            *self = History::default();
        }
    }

    /// What has gone since a collection; `None` where that is too long ago.
    pub(super) fn since(&self, step: u64) -> Option<GoneSince> {
        self.steps.iter().find(|(kept, _)| *kept == step)?;
        let tables = self.tables.iter().filter(|(gone, _)| *gone > step);
        let sessions = self.sessions.iter().filter(|(gone, _)| *gone > step);
        Some(GoneSince {
            tables: tables.map(|(_, key)| key.clone()).collect(),
            sessions: sessions.map(|(_, id)| *id).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_gone_is_told_for_a_minute() {
        let mut history = History::default();
        let key = |table: &str| TableKey { table: table.into(), ..TableKey::default() };
        history.on_step(1, 0);
        history.on_step(2, 1_000_000);
        history.on_table_gone(2, key("a"));
        history.on_session_gone(2, 7);
        history.on_step(3, 2_000_000);
        history.on_table_gone(3, key("b"));
        let all = GoneSince { tables: vec![key("a"), key("b")], sessions: vec![7] };
        assert_eq!(history.since(1), Some(all));
        assert_eq!(history.since(2).unwrap().tables, [key("b")]);
        assert_eq!(history.since(3), Some(GoneSince::default()));
        assert_eq!(history.since(4), None);
        history.on_step(4, 61_500_000);
        assert_eq!((history.since(1), history.since(2)), (None, None));
        assert_eq!(history.since(3), Some(GoneSince::default()));
        assert!(history.tables.is_empty() && history.sessions.is_empty());
    }

    #[test]
    fn what_is_too_much_is_forgotten_as_a_whole() {
        let mut history = History::default();
        history.on_step(1, 0);
        for id in 0..=ENTRIES_MAX as u64 {
            history.on_session_gone(1, id);
        }
        assert_eq!(history.since(1), None);
    }
}
