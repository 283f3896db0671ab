//! What the client gets when statements of a text are complete: another command tag, and notices about columns
//! of JSON that became text. Counts and sends nothing.

use std::collections::VecDeque;

use super::Rules;
use super::type_changes::column_places;
use crate::ledger::Place;
use crate::statement::script::Script;
use crate::statement::{DefinedTable, Edit};
use crate::wire::OwnError;

/// What the client gets when statements of a text are complete, in the order of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completions {
    /// Command tags in the place of the target's, by the number of the statement in the text.
    pub tags: VecDeque<(usize, &'static str)>,
    /// Columns of JSON that became text.
    pub json: VecDeque<JsonColumns>,
}

/// Columns of one table that a statement calls JSON and that are text on the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonColumns {
    /// The number of the statement in its text.
    statement: usize,
    schema: String,
    table: String,
    columns: Vec<String>,
}

/// Columns that a notice names.
const NAMED_MAX: usize = 20;

/// The columns of JSON that a text makes text, where the client is to be told.
pub(super) fn json_columns(
    script: &Script,
    edits: &[Edit],
    defined: &[DefinedTable],
    rules: &Rules<'_>,
) -> VecDeque<JsonColumns> {
    let mapping = &rules.policy.mapping;
    let mut found: VecDeque<JsonColumns> = VecDeque::new();
    if !rules.settings.notices || !edits.iter().any(|edit| mapping.is_json_rule(edit.rule)) {
        return found;
    }
    let places = column_places(defined);
    for edit in edits.iter().filter(|edit| mapping.is_json_rule(edit.rule)) {
        let at = edit.span.start;
        let is_behind = places.partition_point(|(from, _, _)| *from <= at);
        let column = is_behind.checked_sub(1).and_then(|index| places.get(index));
        let Some((_, _, place)) = column.filter(|(_, until, _)| at < *until) else { continue };
        let behind = script.statements.partition_point(|statement| statement.span.start <= at);
        let Some(statement) = behind.checked_sub(1) else { continue };
        let Place { schema, table, column, .. } = place.clone();
        match found.back_mut() {
            Some(last)
                if (last.statement, &last.schema, &last.table) == (statement, &schema, &table) =>
            {
                last.columns.push(column);
            }
            _ => found.push_back(JsonColumns { statement, schema, table, columns: vec![column] }),
        }
    }
    found
}

impl Completions {
    /// Whether nothing is left to say.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.json.is_empty()
    }

    /// What it takes in memory beside itself, in bytes.
    pub fn bytes(&self) -> usize {
        let json = self.json.iter().map(|one| {
            let names = one.columns.iter().chain([&one.schema, &one.table]);
            size_of_val(one) + names.map(|name| size_of_val(name) + name.len()).sum::<usize>()
        });
        self.tags.len() * size_of::<(usize, &str)>() + json.sum::<usize>()
    }

    /// Adds what concerns the same statements.
    pub fn extend(&mut self, others: &Completions) {
        self.tags.extend(&others.tags);
        self.tags.make_contiguous().sort_by_key(|(number, _)| *number);
        self.json.extend(others.json.iter().cloned());
        self.json.make_contiguous().sort_by_key(|one| one.statement);
    }

    /// The statement of this number is complete: the notices that go in front, and the command tag in the
    /// place of the target's.
    pub fn take(&mut self, number: usize) -> (Vec<OwnError>, Option<&'static str>) {
        let mut notices = Vec::new();
        while let Some(one) = self.json.pop_front_if(|one| one.statement <= number) {
            notices.extend((!one.columns.is_empty()).then(|| one.notice()));
        }
        let tag = self.tags.pop_front_if(|(due, _)| *due == number);
        (notices, tag.map(|(_, tag)| tag))
    }

    /// The target tells of something while the statement of this number is at work. A table or a column that
    /// is there already has not changed.
    pub fn on_notice(&mut self, number: usize, sqlstate: &[u8], message: &str) {
        let Some(one) = self.json.front_mut().filter(|one| one.statement == number) else { return };
        match sqlstate {
            b"42P07" => one.columns.clear(),
            b"42701" => {
                let named = message.split('"').nth(1).unwrap_or_default();
                one.columns.retain(|column| column != named);
            }
            _ => {}
        }
    }
}

impl JsonColumns {
    /// The NOTICE for the client.
    fn notice(&self) -> OwnError {
        let named = self.columns.iter().take(NAMED_MAX).map(|column| format!("\"{column}\""));
        let mut named = named.collect::<Vec<_>>().join(", ");
        if let Some(more) = self.columns.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
            named += &format!(" and {more} more");
        }
        let (columns, have) = match self.columns.len() {
            1 => ("column", "has"),
            _ => ("columns", "have"),
        };
        let mut table = format!("\"{}\"", self.table);
        if !self.schema.is_empty() {
            table = format!("\"{}\".{table}", self.schema);
        }
        let message = format!(
            "{columns} {named} of {table} {have} the type TEXT on the target in place of JSON, as AWS DMS \
             makes it"
        );
        OwnError::new("00000", message).with_hint(
            "mapping.json = \"keep\" keeps JSON; SET dms.notices = off leaves this notice out.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(statement: usize, columns: &[&str]) -> JsonColumns {
        let columns = columns.iter().map(ToString::to_string).collect();
        JsonColumns { statement, schema: String::new(), table: "t".into(), columns }
    }

    fn messages(notices: &[OwnError]) -> String {
        notices.iter().map(|notice| notice.message.as_str()).collect()
    }

    #[test]
    fn tags_and_notices_go_by_the_number_of_their_statement() {
        let mut completions = Completions {
            tags: [(1, "DROP TABLE")].into(),
            json: [of(1, &["a"]), of(2, &["b", "c"])].into(),
        };
        assert_eq!(completions.take(0), (Vec::new(), None));
        let (notices, tag) = completions.take(1);
        assert_eq!((notices.len(), tag), (1, Some("DROP TABLE")));
        assert!(messages(&notices).starts_with("column \"a\" of \"t\" has"));
        let (notices, tag) = completions.take(2);
        assert!(messages(&notices).starts_with("columns \"b\", \"c\" of \"t\" have"));
        assert!(tag.is_none() && completions.is_empty());
    }

    #[test]
    fn what_is_there_already_is_not_told() {
        let mut completions =
            Completions { json: [of(0, &["a", "b"]), of(1, &["c"])].into(), ..Default::default() };
        let there = "relation \"t\" already exists, skipping";
        completions.on_notice(
            0,
            b"42701",
            "column \"a\" of relation \"b\" already exists, skipping",
        );
        completions.on_notice(1, b"42P07", there);
        assert!(messages(&completions.take(0).0).starts_with("column \"b\" of"));
        completions.on_notice(1, b"42P07", there);
        assert_eq!(completions.take(1), (Vec::new(), None));
    }

    #[test]
    fn a_notice_names_no_more_than_it_has_room_for() {
        let many: Vec<String> = (0..NAMED_MAX + 3).map(|number| format!("c{number}")).collect();
        let columns = JsonColumns { columns: many, ..of(0, &[]) };
        let message = columns.notice().message;
        assert!(message.contains("\"c19\" and 3 more of"), "{message}");
    }
}
