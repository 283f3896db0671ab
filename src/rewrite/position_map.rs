//! Positions in a rewritten text, moved back to the client's own text, and what the text calls relations.

use std::collections::HashMap;
use std::sync::Arc;

use super::reply_names::ReplyNames;
use crate::encoding::Encoding;
use crate::statement::Replacement;

/// Where a text was changed, counted in characters: the unit of positions in an ErrorResponse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionMap {
    changes: Vec<MovedEdit>,
    /// Relations under other names that the target may tell of: on the target, and in the client's text.
    tables: HashMap<String, String>,
    /// What names of the target are called in the client's text, where replies have those.
    names: Option<Arc<ReplyNames>>,
    /// How the text that it starts from was changed before.
    earlier: Option<Arc<PositionMap>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct MovedEdit {
    /// Characters before the changed span in the client's text.
    start: usize,
    /// Characters of the span in the client's text.
    before: usize,
    /// Characters of what stands there now.
    after: usize,
}

impl PositionMap {
    /// What it takes in memory, in bytes.
    pub fn bytes(&self) -> usize {
        let earlier = self.earlier.as_ref().map_or(0, |earlier| earlier.bytes());
        let names = self.tables.iter().map(|(target, source)| {
            target.len() + source.len() + size_of_val(target) + size_of_val(source)
        });
        let tables = names.sum::<usize>();
        let replies = self.names.as_ref().map_or(0, |names| names.bytes());
        size_of_val(self.changes.as_slice()) + tables + replies + earlier
    }

    /// The same for a text that was changed before.
    #[must_use]
    pub fn behind(self, earlier: &Arc<PositionMap>) -> PositionMap {
        PositionMap { earlier: Some(Arc::clone(earlier)), ..self }
    }

    /// The same, with relations under other names that the target may tell of: on the target, and as the text
    /// calls them.
    #[must_use]
    pub fn naming(self, tables: Vec<(String, String)>) -> PositionMap {
        let mut by_target: HashMap<String, String> = HashMap::new();
        let mut unsure = Vec::new();
        for (target, source) in tables {
            let other = by_target.insert(target.clone(), source.clone());
            if other.is_some_and(|other| other != source) {
                unsure.push(target);
            }
        }
        // One name may stand in two schemas.
        unsure.iter().for_each(|target| drop(by_target.remove(target)));
        PositionMap { tables: by_target, ..self }
    }

    /// The same, with the names that replies have.
    #[must_use]
    pub fn replying(self, names: Option<Arc<ReplyNames>>) -> PositionMap {
        PositionMap { names, ..self }
    }

    /// The names that replies have, where they are the client's.
    pub fn reply_names(&self) -> Option<&ReplyNames> {
        let earlier = || self.earlier.as_ref()?.reply_names();
        self.names.as_deref().or_else(earlier)
    }

    /// The relation that the text creates or prepares under another name and that a message of the target is
    /// about: what it is called on the target, and in the client's text.
    pub fn table_in(&self, message: &str) -> Option<(&str, &str)> {
        let mut quoted = message.split('"').skip(1).step_by(2);
        let own = quoted.find_map(|name| self.tables.get_key_value(name));
        let earlier = || self.earlier.as_ref()?.table_in(message);
        own.map(|(target, source)| (target.as_str(), source.as_str())).or_else(earlier)
    }

    /// The map for `replacements` made in `sql`, which are in order.
    pub fn new(sql: &[u8], replacements: &[Replacement], encoding: Encoding) -> PositionMap {
        let characters = |range: std::ops::Range<usize>| {
            encoding.count_characters(sql.get(range).unwrap_or_default())
        };
        let (mut bytes_seen, mut characters_seen) = (0, 0);
        let changes = replacements
            .iter()
            .map(|edit| {
                let start = characters_seen + characters(bytes_seen..edit.span.start);
                let before = characters(edit.span.clone());
                (bytes_seen, characters_seen) = (edit.span.end, start + before);
                MovedEdit { start, before, after: encoding.count_characters(&edit.text) }
            })
            .collect();
        PositionMap { changes, tables: HashMap::new(), names: None, earlier: None }
    }

    /// The position in the client's text for a position in the rewritten one, both from 1. A
    /// position inside a replacement becomes the start of what the client wrote there.
    pub fn to_client(&self, position: usize) -> usize {
        let position = self.to_text(position);
        self.earlier.as_ref().map_or(position, |earlier| earlier.to_client(position))
    }

    fn to_text(&self, position: usize) -> usize {
        let Some(target) = position.checked_sub(1) else { return position };
        let (mut removed, mut added) = (0, 0);
        for change in &self.changes {
            let start = change.start + added - removed;
            if target < start {
                break;
            }
            if target < start + change.after {
                return change.start + 1;
            }
            removed += change.before;
            added += change.after;
        }
        target + removed - added + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(span: std::ops::Range<usize>, text: &str) -> Replacement {
        Replacement { span, text: text.as_bytes().to_vec() }
    }

    #[test]
    fn positions_behind_a_change_move_back() {
        // CREATE TABLE t (a STRING(5), b nope)  ->  a VARCHAR(5)
        let sql = b"CREATE TABLE t (a STRING(5), b UINT4, c nope)";
        let edits = [edit(18..27, "VARCHAR(5)"), edit(31..36, "BIGINT")];
        let map = PositionMap::new(sql, &edits, Encoding::Utf8);
        let rewritten = "CREATE TABLE t (a VARCHAR(5), b BIGINT, c nope)";
        let at = |text: &str, word: &str| text.find(word).unwrap() + 1;
        let sql = std::str::from_utf8(sql).unwrap();
        assert_eq!(map.to_client(at(rewritten, "nope")), at(sql, "nope"));
        assert_eq!(map.to_client(at(rewritten, "b BIGINT")), at(sql, "b UINT4"));
        assert_eq!(map.to_client(at(rewritten, "CREATE")), 1);
        assert_eq!(map.to_client(at(rewritten, "IGINT")), at(sql, "UINT4"));
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        let sql = "CREATE TABLE ä (ö STRING, x nope)".as_bytes();
        let start = sql.windows(6).position(|w| w == b"STRING").unwrap();
        let map =
            PositionMap::new(sql, &[edit(start..start + 6, "VARCHAR(65535)")], Encoding::Utf8);
        let rewritten = "CREATE TABLE ä (ö VARCHAR(65535), x nope)";
        let position = rewritten.chars().position(|c| c == 'x').unwrap() + 3;
        let expected = "CREATE TABLE ä (ö STRING, x ".chars().count() + 1;
        assert_eq!(map.to_client(position), expected);
    }
}
