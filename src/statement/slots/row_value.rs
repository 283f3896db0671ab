//! One value of a row, as tokens or as a run of plain constants gave it, and the slot that it becomes. Data; reads
//! no rows.

use std::ops::Range;

use super::element::Element;
use super::{Slot, SlotColumn, SlotValue};
use crate::statement::constant::{Spelling, StringConstant};
use crate::statement::constant_kinds::ConstantKinds;
use crate::statement::cursor::Cursor;
use crate::statement::plain_rows::{PlainItem, PlainKind};

/// The most values that a row or a select list of PostgreSQL has (MaxTupleAttributeNumber).
pub(super) const VALUES_MAX: usize = 1664;

/// A slot of the row that is read, and the tokens of its expression; none for one in a run of plain
/// constants.
#[derive(Debug)]
pub(super) struct RowValue {
    pub(super) slot: Slot,
    pub(super) tokens: Range<usize>,
}

/// A value of a row.
pub(super) enum Value {
    /// One that was read token by token.
    Element(Element),
    /// One of a run of plain constants.
    Plain(PlainItem),
}

impl Value {
    /// The value as that of a column; `cursor` is anywhere in the text.
    pub(super) fn in_row(self, column: SlotColumn, cursor: Cursor<'_>) -> RowValue {
        match self {
            Value::Element(element) => {
                let (core, constant) = (element.core(cursor), element.constant(cursor));
                let Element { tokens, span, value, .. } = element;
                RowValue { slot: Slot { column, span, core, value, constant }, tokens }
            }
            Value::Plain(PlainItem { span, constant }) => {
                let (core, kind) = constant.unzip();
                let value = kind.map_or(SlotValue::Other, SlotValue::from);
                let core = core.unwrap_or_else(|| span.clone());
                let spelling = kind.and_then(Spelling::of_plain);
                let constant =
                    spelling.map(|spelling| StringConstant { span: core.clone(), spelling });
                RowValue { slot: Slot { column, span, core, value, constant }, tokens: 0..0 }
            }
        }
    }

    /// The bytes that it has in the text.
    pub(super) fn span(&self) -> Range<usize> {
        match self {
            Value::Element(element) => element.span.clone(),
            Value::Plain(item) => item.span.clone(),
        }
    }

    /// Whether it is neither a parameter nor a constant nor a keyword.
    pub(super) fn is_expression(&self) -> bool {
        matches!(self, Value::Element(Element { value: SlotValue::Other, .. }))
    }

    /// The kind of the constant that it is.
    pub(super) fn constant_kind(&self, sql: &[u8]) -> ConstantKinds {
        match self {
            Value::Element(element) => constant_kind(element.value, sql.get(element.span.start)),
            Value::Plain(PlainItem { constant: Some((_, kind)), .. }) => (*kind).into(),
            Value::Plain(PlainItem { constant: None, .. }) => ConstantKinds::OTHER,
        }
    }

    /// The number of the parameter that it is.
    pub(super) fn parameter(&self) -> Option<u16> {
        match self {
            Value::Element(Element { value: SlotValue::Parameter(number), .. }) => Some(*number),
            _ => None,
        }
    }
}

/// The kind of a constant that begins with this byte. Parameters are not constants, and numbers with a point, NULL
/// and DEFAULT are the same in all columns.
fn constant_kind(value: SlotValue, first: Option<&u8>) -> ConstantKinds {
    match value {
        SlotValue::Integer => ConstantKinds::INTEGER,
        SlotValue::Boolean => ConstantKinds::BOOLEAN,
        SlotValue::BitString | SlotValue::HexInteger => ConstantKinds::BITS,
        SlotValue::String => match first {
            Some(b'\'' | b'e' | b'E') => ConstantKinds::STRING,
            _ => ConstantKinds::OTHER_STRING,
        },
        SlotValue::Other => ConstantKinds::OTHER,
        SlotValue::Parameter(_)
        | SlotValue::SourceParameter(_)
        | SlotValue::Number
        | SlotValue::Null
        | SlotValue::Default => ConstantKinds::default(),
    }
}

impl From<PlainKind> for SlotValue {
    fn from(kind: PlainKind) -> SlotValue {
        match kind {
            PlainKind::Text | PlainKind::EscapeText => SlotValue::String,
            PlainKind::Integer => SlotValue::Integer,
            PlainKind::Decimal => SlotValue::Number,
            PlainKind::Null => SlotValue::Null,
            PlainKind::Boolean => SlotValue::Boolean,
            PlainKind::Default => SlotValue::Default,
        }
    }
}
