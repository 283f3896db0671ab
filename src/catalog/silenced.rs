//! What the replica role keeps from acting on a relation and on the partitions and children under it, as the
//! catalog says it. Plain data.

use super::rows::{number, text};
use crate::wire::AnswerRow;

/// What the replica role would silence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Silenced {
    /// Its foreign keys, at either end.
    pub keys: Vec<KeyName>,
    /// All else that acts otherwise under the role than without it.
    pub others: Vec<Act>,
}

/// A foreign key, by the table that it stands on; of partitions, the one that they have it from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName {
    /// The schema of the table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The constraint.
    pub name: String,
}

/// Something that acts when rows are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// What it is.
    pub kind: ActKind,
    /// Its name.
    pub name: String,
}

/// What acts when rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActKind {
    /// A deferrable PRIMARY KEY or UNIQUE constraint, which is looked at by a trigger.
    Unique,
    /// A deferrable EXCLUDE constraint.
    Exclusion,
    /// A trigger of a user's for rows or statements.
    Trigger,
    /// A trigger for TRUNCATE alone.
    TruncateTrigger,
    /// A rule.
    Rule,
    /// It is a view, whose rows go elsewhere.
    View,
}

impl ActKind {
    fn words(self) -> &'static str {
        match self {
            ActKind::Unique => "deferrable key",
            ActKind::Exclusion => "deferrable exclusion constraint",
            ActKind::Trigger | ActKind::TruncateTrigger => "trigger",
            ActKind::Rule => "rule",
            ActKind::View => "view",
        }
    }
}

/// Names that a sentence lists.
const NAMES_MAX: usize = 10;

impl Silenced {
    /// A row about something that the role silences. Its kind is a letter, and behind it when it is enabled: that of
    /// the trigger's constraint, if it has one, or that of the rule's event.
    ///
    /// Source: PostgreSQL, `src/include/catalog/pg_constraint.h`, `pg_trigger.h`, `pg_rewrite.h`, `primnodes.h`.
    pub(super) fn note(&mut self, row: &AnswerRow) {
        /// The bits of a trigger for INSERT, DELETE and UPDATE.
        const ROWS: i16 = 4 | 8 | 16;
        let [_, _, schema, table, name, _, _, _, _, _, _, kind, ..] = row.as_slice() else {
            return;
        };
        let (schema, table, name) = (text(schema), text(table), text(name));
        let only_truncates = number::<i16>(row, 7).is_some_and(|events| events & ROWS == 0);
        let kind = match text(kind).as_bytes() {
            b"fO" => {
                let key = KeyName { schema, table, name };
                if !self.keys.contains(&key) {
                    self.keys.push(key);
                }
                return;
            }
            [b'p' | b'u', b'O' | b'R'] => ActKind::Unique,
            [b'x', b'O' | b'R'] => ActKind::Exclusion,
            [b'O' | b'R'] if only_truncates => ActKind::TruncateTrigger,
            [b'O' | b'R'] | [b't', b'O' | b'R'] => ActKind::Trigger,
            [b'1', _] => ActKind::View,
            [b'2'..=b'4', b'O' | b'R'] => ActKind::Rule,
            _ => return,
        };
        let name = if kind == ActKind::View { table } else { name };
        let act = Act { kind, name };
        if !self.others.contains(&act) {
            self.others.push(act);
        }
    }

    /// Whether the role would silence more than foreign keys when rows are written.
    pub fn is_more_than_keys(&self) -> bool {
        self.others.iter().any(|act| act.kind != ActKind::TruncateTrigger)
    }

    /// The same when the relation is emptied.
    pub fn is_more_when_emptied(&self) -> bool {
        !self.others.is_empty()
    }

    /// The foreign keys and the rest, listed for a person; empty where there is nothing.
    pub fn listed(&self, with_keys: bool) -> String {
        let keys = self.keys.iter().filter(|_| with_keys);
        let keys = keys.map(|key| format!("foreign key \"{}\"", key.name));
        let others = self.others.iter().map(|act| format!("{} \"{}\"", act.kind.words(), act.name));
        let mut all: Vec<String> = keys.chain(others).collect();
        all.dedup();
        let more = all.len().saturating_sub(NAMES_MAX);
        all.truncate(NAMES_MAX);
        match more {
            0 => all.join(", "),
            more => format!("{} and {more} more", all.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_what_is_silenced() {
        let mut silenced = Silenced::default();
        let mut note = |name: &str, events: &str, kind: &str| {
            let events = Some(events.as_bytes().to_vec()).filter(|_| !events.is_empty());
            let mut row: AnswerRow =
                ["0", "0", "s", "t", name].map(|value| Some(value.into())).into();
            row.extend([None, None, events, None, None, None, Some(kind.into()), None]);
            silenced.note(&row);
        };
        for (name, events, kind) in [
            ("key", "", "fO"),
            ("key", "", "fO"),
            ("key that is off", "", "fD"),
            ("key that stays", "", "fA"),
            ("unique", "", "uO"),
            ("exclusion", "", "xO"),
            ("constraint trigger", "", "tO"),
            ("trigger", "7", "O"),
            ("trigger for replicas", "17", "R"),
            ("trigger that stays", "17", "A"),
            ("truncate", "34", "O"),
            ("rule", "", "3O"),
            ("rule that is off", "", "3D"),
            ("_RETURN", "", "1O"),
        ] {
            note(name, events, kind);
        }
        assert_eq!(silenced.keys.len(), 1);
        let others: Vec<(ActKind, &str)> =
            silenced.others.iter().map(|act| (act.kind, act.name.as_str())).collect();
        let expected = [
            (ActKind::Unique, "unique"),
            (ActKind::Exclusion, "exclusion"),
            (ActKind::Trigger, "constraint trigger"),
            (ActKind::Trigger, "trigger"),
            (ActKind::Trigger, "trigger for replicas"),
            (ActKind::TruncateTrigger, "truncate"),
            (ActKind::Rule, "rule"),
            (ActKind::View, "t"),
        ];
        assert_eq!(others, expected);
    }

    #[test]
    fn what_is_silenced_is_listed() {
        let act = |kind, name: &str| Act { kind, name: name.into() };
        let key = KeyName { schema: "s".into(), table: "t".into(), name: "fk".into() };
        let mut silenced = Silenced { keys: vec![key], others: Vec::new() };
        assert_eq!((silenced.listed(false), silenced.is_more_than_keys()), (String::new(), false));
        silenced.others.push(act(ActKind::TruncateTrigger, "a"));
        assert!(!silenced.is_more_than_keys() && silenced.is_more_when_emptied());
        silenced.others.push(act(ActKind::Rule, "b"));
        assert!(silenced.is_more_than_keys());
        assert_eq!(silenced.listed(true), "foreign key \"fk\", trigger \"a\", rule \"b\"");
        silenced.others = (0..12).map(|n| act(ActKind::Rule, &n.to_string())).collect();
        assert!(silenced.listed(false).ends_with("rule \"9\" and 2 more"));
    }
}
