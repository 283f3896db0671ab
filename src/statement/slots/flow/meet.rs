//! What an expression is to the server, and the column that it meets: of one that is one of several, the parts
//! meet it where the server could not say what the whole is.

use std::ops::Range;

use super::level::Named;
use super::operand::{Operand, OperandShape};
use super::reader::{FlowReader, MetColumns};
use super::typed::Typed;
use super::{Leaf, MeetingKind, MetValue};
use crate::value::assignment::is_string;
use crate::value::type_oid::{
    DATE, JSON, JSONB, TEXT, TIMESTAMP, TIMESTAMPTZ, UNKNOWN, VARCHAR, array_of,
};

impl FlowReader<'_, '_> {
    /// What the tokens of an expression are.
    pub(super) fn typed_of(&mut self, tokens: &Range<usize>, nested: usize) -> Typed {
        match self.operand_of(tokens, nested) {
            Some(operand) => self.typed(&operand, nested),
            None => Typed::default(),
        }
    }

    /// What an operand is.
    pub(super) fn typed(&mut self, operand: &Operand, nested: usize) -> Typed {
        match &operand.shape {
            OperandShape::Parameter(number) => {
                let index = usize::from(*number).wrapping_sub(1);
                let declared = self.declared.get(index).copied().unwrap_or(0);
                let type_oid = if declared == 0 { UNKNOWN } else { declared };
                Typed::leaf(Some(type_oid), Leaf::Parameter(*number))
            }
            OperandShape::Constant(typed) => typed.clone(),
            OperandShape::Column(name) => match self.named(name) {
                Named::Rows(typed) => typed,
                Named::Relations(..) | Named::Unknown => Typed::default(),
            },
            OperandShape::Common(parts) => self.common(parts, nested),
            OperandShape::NullIf(parts) => self.null_if(parts, nested),
            OperandShape::Cast(inner, type_oid) => {
                let inner = self.typed(inner, nested + 1);
                let reads = |oid: u32| is_string(oid) || matches!(oid, UNKNOWN | JSON | JSONB);
                match (*type_oid, inner.type_oid) {
                    (Some(to), Some(from)) if reads(to) && reads(from) => {
                        Typed { type_oid: *type_oid, ..inner }
                    }
                    (Some(DATE | TIMESTAMP | TIMESTAMPTZ), Some(UNKNOWN)) if inner.is_of_leaves => {
                        Typed::leaf(*type_oid, Leaf::Constant(self.span(&operand.tokens)))
                    }
                    _ => Typed::of(*type_oid),
                }
            }
            OperandShape::Array(parts) => {
                let common = self.common(parts, nested);
                Typed { type_oid: common.type_oid.and_then(array_of), ..common }
            }
            OperandShape::Elements(inside) => {
                let inside = inside.clone();
                match self.operand_of(&inside, nested + 1) {
                    Some(array) => self.elements_of(&array, nested + 1),
                    None => Typed::default(),
                }
            }
            OperandShape::Row(_) | OperandShape::Query(_) | OperandShape::Other => Typed::default(),
        }
    }

    /// What the elements of an array are.
    pub(super) fn elements_of(&mut self, array: &Operand, nested: usize) -> Typed {
        // Each element of a parameter is a value by itself.
        let is_listed = matches!(array.shape, OperandShape::Array(_));
        let array = self.typed(array, nested);
        let element = |oid: u32| {
            let all = [TEXT, VARCHAR, JSON, JSONB];
            all.into_iter().find(|element| array_of(*element) == Some(oid))
        };
        let type_oid = array.type_oid.and_then(element);
        Typed { type_oid, is_of_leaves: is_listed && array.is_of_leaves, ..array }
    }

    /// The parts one by one.
    fn common(&mut self, parts: &[Range<usize>], nested: usize) -> Typed {
        let parts: Vec<Typed> = parts.iter().map(|part| self.typed_of(part, nested + 1)).collect();
        Typed::common(parts.iter())
    }

    /// The first one, whose value stays, where it can be compared with the second.
    fn null_if(&mut self, parts: &[Range<usize>], nested: usize) -> Typed {
        let [first, second] = parts else { return Typed::default() };
        let [first, second] = [first, second].map(|part| self.typed_of(part, nested + 1));
        let both = Typed::common([&first, &second].into_iter());
        let type_oid = match first.type_oid {
            Some(UNKNOWN) => both.type_oid,
            known => known.filter(|_| both.type_oid.is_some()),
        };
        Typed { type_oid, ..first }
    }

    /// An expression whose tokens are these meets a column.
    pub(super) fn meet(&mut self, tokens: &Range<usize>, met: &MetColumns) {
        self.meet_nested(tokens, met, 0);
    }

    fn meet_nested(&mut self, tokens: &Range<usize>, met: &MetColumns, nested: usize) {
        let Some(operand) = self.operand_of(tokens, nested) else { return };
        if let OperandShape::Query(inside) = &operand.shape {
            let _ = self.query_within(inside, Some(&met.within()));
            return;
        }
        let typed = self.typed(&operand, nested);
        let parts = match (&operand.shape, typed.type_oid) {
            (OperandShape::Common(parts), None) => parts.as_slice(),
            (OperandShape::NullIf(parts), None) => parts.get(..1).unwrap_or_default(),
            _ => {
                let is_plain =
                    matches!(operand.shape, OperandShape::Parameter(_) | OperandShape::Constant(_));
                let span = self.span(tokens);
                return self.note(MetValue::Expression { span, is_plain }, &typed, met);
            }
        };
        for part in parts {
            self.meet_part(part, met, nested + 1);
        }
    }

    /// An item of a select list meets a column: within another query it has become text where it has no
    /// type.
    pub(super) fn meet_item(&mut self, tokens: &Range<usize>, met: &MetColumns) {
        let typed = self.typed_of(tokens, 0);
        if met.kind == MeetingKind::Slot || typed.type_oid != Some(UNKNOWN) {
            return self.meet(tokens, met);
        }
        let value = MetValue::Expression { span: self.span(tokens), is_plain: true };
        self.note(value, &typed.resolved(), met);
    }

    /// A part of an expression: a constant without a type is read as that of the others.
    fn meet_part(&mut self, part: &Range<usize>, met: &MetColumns, nested: usize) {
        self.meet_nested(part, &met.within(), nested);
    }

    /// Looks for queries and comparisons in an expression, whose value meets nothing.
    pub(super) fn look_into(&mut self, tokens: &Range<usize>) {
        let _ = self.within(tokens, |reader| reader.conditions(&[]));
    }

    /// An expression that is assigned to a column.
    pub(super) fn assign(&mut self, tokens: &Range<usize>, met: &MetColumns) {
        let is_query = tokens.len() > 2
            && self
                .operand_of(tokens, 0)
                .is_some_and(|operand| matches!(operand.shape, OperandShape::Query(_)));
        if !is_query {
            self.look_into(tokens);
        }
        self.meet(tokens, met);
    }
}
