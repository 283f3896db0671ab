//! The rules about characters and JSON of one value: bytes that are none, U+0000, replacements, length. Knows
//! the column and what is asked of it.

use super::characters::{self, NulAction};
use super::judged_value::JudgedValue;
use super::*;

impl ColumnJudge {
    /// Characters and JSON, in either format.
    pub(super) fn judge_characters(
        &self,
        judged: &mut JudgedValue<'_>,
    ) -> Result<(), ValueVerdict> {
        self.mend_characters(judged)?;
        if self.column.kind() == ValueKind::Character
            && let Some((mended, count)) =
                self.policies.replacements.apply_in(&judged.value, self.encoding)
        {
            judged.change(ValueRule::CharacterReplaced, count, mended);
        }
        let is_cut = self.cut_characters(judged)?;
        if let Some(limit) = self.lob_bytes_max()
            && let Some(kept) = length::first_bytes(&judged.value, limit, self.encoding)
        {
            let kept = kept.to_vec();
            judged.change(ValueRule::LobTruncated, 1, kept);
            return Ok(());
        }
        if !self.guards_loss() || is_cut {
            return Ok(());
        }
        if self.column.type_oid == type_oid::JSONB {
            let keys = duplicate_keys::count(&judged.value, self.encoding);
            return self.note_loss(judged, ValueRule::LossOfDuplicateKeys, keys);
        }
        if self.column.kind() == ValueKind::Character
            && length::is_suspicious(
                &judged.value,
                &self.column,
                self.lob_bytes_max(),
                self.encoding,
            )
        {
            // A hint: the value itself loses nothing here, so it is never refused.
            judged.noted.note(ValueRule::SuspiciousLength, 1);
        }
        Ok(())
    }

    /// UTF-8 and U+0000, in a value of any type.
    pub(super) fn mend_characters(&self, judged: &mut JudgedValue<'_>) -> Result<(), ValueVerdict> {
        // A `bytea` in its escape form can hold any byte but 0x00.
        if self.encoding == Encoding::Utf8 && self.column.type_oid != type_oid::BYTEA {
            match self.policies.invalid_utf8 {
                InvalidUtf8::Reject => {}
                InvalidUtf8::Replace => {
                    if let Some((mended, count)) = characters::replace_invalid(&judged.value) {
                        judged.change(ValueRule::InvalidUtf8Replaced, count, mended);
                    }
                    let kind = self.column.kind();
                    if matches!(kind, ValueKind::Json | ValueKind::JsonArray)
                        && let Some((mended, count)) =
                            characters::replace_half_surrogates(&judged.value, kind)
                    {
                        judged.change(ValueRule::InvalidUtf8Replaced, count, mended);
                    }
                }
                InvalidUtf8::Cp1252 => {
                    if let Some(decoded) = characters::decode_cp1252(&judged.value) {
                        judged.change(ValueRule::InvalidUtf8AsCp1252, 1, decoded);
                    }
                }
            }
        }
        let (action, rule) = self.nul_action();
        let kind = self.column.kind();
        let put = match action {
            NulAction::Put(' ') if kind == ValueKind::JsonArray => {
                let (mut array, length) = (judged.value.to_vec(), judged.value.len());
                let replaced = JsonArrayText::new(self.encoding).scan(&mut array, 0, length);
                if replaced > 0 {
                    judged.change(rule, replaced, array);
                }
                return Ok(());
            }
            NulAction::Put(character) => Some(character),
            NulAction::Remove => None,
            NulAction::Refuse if characters::has_nul(&judged.value, kind, self.encoding) => {
                return Err(ValueVerdict::Refuse(ValueRefusal::of_nul()));
            }
            NulAction::Refuse => return Ok(()),
        };
        if let Some((mended, count)) =
            characters::mend_nuls(&judged.value, kind, self.encoding, put)
        {
            judged.change(rule, count, mended);
        }
        Ok(())
    }

    /// What becomes of U+0000. A replacement of it goes before the policy, where the encoding of the
    /// client is known to have the character.
    fn nul_action(&self) -> (NulAction, ValueRule) {
        match self.policies.replacements.of_nul() {
            Some(None) => return (NulAction::Remove, ValueRule::CharacterReplaced),
            Some(Some(put)) if put.is_ascii() || self.encoding == Encoding::Utf8 => {
                return (NulAction::Put(put), ValueRule::CharacterReplaced);
            }
            _ => {}
        }
        match self.policies.nul {
            NulPolicy::Space => (NulAction::Put(' '), ValueRule::NulToSpace),
            NulPolicy::Remove => (NulAction::Remove, ValueRule::NulRemoved),
            NulPolicy::Reject => (NulAction::Refuse, ValueRule::NulRemoved),
        }
    }

    /// Cuts a value to the characters that its column takes, and says whether it did. Surplus blanks
    /// are the server's to cut.
    fn cut_characters(&self, judged: &mut JudgedValue<'_>) -> Result<bool, ValueVerdict> {
        let Some(limit) = length::characters_max(&self.column) else { return Ok(false) };
        let split = length::split_at_characters(&judged.value, limit, self.encoding);
        if let Some((kept, rest)) = split
            && rest.iter().any(|byte| *byte != b' ')
        {
            if self.policies.too_long != TooLong::Truncate {
                return Ok(false);
            }
            let kept = kept.to_vec();
            judged.change(ValueRule::Truncated, 1, kept);
            return Ok(true);
        }
        if self.guards_loss() && judged.value.ends_with(b" ") {
            let characters = self.encoding.count_characters(&judged.value);
            let is_padded = self.column.type_oid == type_oid::BPCHAR;
            if loss::loses_blanks(&judged.value, characters, limit, is_padded) {
                self.note_loss(judged, ValueRule::LossOfBlanks, 1)?;
            }
        }
        Ok(false)
    }

    /// The JSON text behind the version byte.
    pub(super) fn judge_jsonb(&self, judged: &mut JudgedValue<'_>) -> Result<(), ValueVerdict> {
        let value = std::mem::take(&mut judged.value);
        let mut text = JudgedValue::new(value.get(1..).unwrap_or_default());
        let outcome = self.judge_characters(&mut text);
        for (rule, count) in text.noted.take() {
            judged.noted.note(rule, count);
        }
        judged.value = match text.value {
            Cow::Owned(text) => Cow::Owned([&[1], text.as_slice()].concat()),
            Cow::Borrowed(_) => value,
        };
        outcome
    }
}
