//! The only row of an INSERT as a row of COPY.

use std::ops::ControlFlow;

use super::super::bound::BoundValues;
use super::super::facts::LoadFacts;
use super::ChangeText;
use crate::statement::script::{Body, Scratch, Script, Statement};
use crate::statement::{Lexing, RowChangeKind, Slot, SlotColumn, SlotValue};

impl ChangeText {
    /// The only row of an INSERT as a row of COPY, if it has nothing but constants and parameters.
    pub(super) fn plain_row(
        &self,
        sql: &[u8],
        values: &BoundValues,
        facts: &LoadFacts,
    ) -> Option<Vec<u8>> {
        if self.change.rows.is_empty() || self.change.kind != RowChangeKind::Insert {
            return None;
        }
        let mapping = &facts.policy.mapping;
        let script = Script::read(sql, self.lexing, mapping, &mut Scratch::default());
        let [Statement { body: Body::Write(write), .. }] = &*script.statements else { return None };
        let mut row: Vec<u8> = Vec::new();
        let mut count = 0;
        let mut is_plain = true;
        script.slots(write, sql, &mut |slot| {
            if !matches!(slot.column, SlotColumn::Index(index) if index == count) {
                // The assignments behind the row.
                return ControlFlow::Break(());
            }
            if count > 0 {
                row.push(b'\t');
            }
            count += 1;
            is_plain = self.push_field(&slot, sql, values, &mut row);
            if is_plain { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let is_whole = self.change.columns.is_empty() || self.change.columns.len() == count;
        (is_plain && is_whole && count > 0).then_some(row)
    }

    /// Adds the value as a field; whether it can be one.
    fn push_field(&self, slot: &Slot, sql: &[u8], values: &BoundValues, row: &mut Vec<u8>) -> bool {
        let core = sql.get(slot.core.clone()).unwrap_or_default();
        match slot.value {
            SlotValue::Null => row.extend_from_slice(b"\\N"),
            SlotValue::Integer | SlotValue::Number | SlotValue::Boolean => {
                let is_odd = |byte: &u8| matches!(byte, b'_' | b'e' | b'E' | b'+') || *byte < b'-';
                if slot.value != SlotValue::Boolean && core.iter().any(is_odd) {
                    return false;
                }
                row.extend_from_slice(core);
            }
            SlotValue::Parameter(parameter) => match self.text_of(parameter, values) {
                Some(Some(text)) => return push_text(&text, self.lexing, row),
                Some(None) => row.extend_from_slice(b"\\N"),
                None => return false,
            },
            SlotValue::String => {
                let constant = slot.constant.as_ref();
                let value = constant.and_then(|text| text.value(sql, self.lexing.encoding));
                let Some(value) = value else { return false };
                return push_text(&value, self.lexing, row);
            }
            _ => return false,
        }
        true
    }
}

/// Adds a value as a field of COPY's text format; whether it can be one.
fn push_text(value: &[u8], lexing: Lexing, row: &mut Vec<u8>) -> bool {
    // In some encodings of clients a backslash may be the second byte of a character.
    if lexing.encoding.has_ascii_trail() && value.contains(&b'\\') {
        return false;
    }
    for byte in value {
        match byte {
            b'\\' => row.extend_from_slice(b"\\\\"),
            b'\t' => row.extend_from_slice(b"\\t"),
            b'\n' => row.extend_from_slice(b"\\n"),
            b'\r' => row.extend_from_slice(b"\\r"),
            byte => row.push(*byte),
        }
    }
    true
}
