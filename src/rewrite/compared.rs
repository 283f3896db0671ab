//! Which expressions of a text meet columns so that something may have to be done, what has to be known for it,
//! and which parameters that are compared with columns the target is left to infer. Finds no meetings.

use std::borrow::Cow;
use std::sync::Arc;

use memchr::{memchr, memchr2_iter};

use super::Needs;
use super::parameters::ParameterUse;
use super::text_relations::TextRelations;
use crate::catalog::{Freshness, Name, Relation};
use crate::statement::script::{Body, Script, Statement};
use crate::statement::{Leaf, Meeting, MeetingKind, MetValue, ParameterUses, SlotColumn, Write};
use crate::value::assignment::{is_string, should_be_inferred};
use crate::value::cast_for_comparison;
use crate::value::type_oid::{BYTEA, TEXT_ARRAY, TIMESTAMP, TIMESTAMPTZ, VARCHAR_ARRAY};

/// The types of the parameters of a statement: those that it declares if it is a PREPARE, or else those of the Parse.
pub(super) fn types_of<'d>(
    script: &Script,
    statement: &Statement,
    sql: &[u8],
    declared: &'d [u32],
) -> Cow<'d, [u32]> {
    if !statement.is_prepare {
        return Cow::Borrowed(declared);
    }
    script.prepared_types(statement, sql).into_iter().map(|(_, oid)| oid).collect()
}

/// Whether expressions of a statement may meet columns so that anything has to be done.
pub(super) fn may_meet(
    script: &Script,
    statement: &Statement,
    sql: &[u8],
    declared: &[u32],
) -> bool {
    const OTHERS: &[u32] = &[TEXT_ARRAY, VARCHAR_ARRAY, TIMESTAMP, TIMESTAMPTZ];
    let is_compared = |oid: &u32| is_string(*oid) || OTHERS.contains(oid);
    let declared = &*types_of(script, statement, sql, declared);
    // What is `character` may be compared, be it a parameter or `N'..'`.
    let compares = script.has_national() || declared.iter().any(is_compared);
    match &statement.body {
        Body::Write(write) => {
            let Write { may_meet, has_conditions, .. } = **write;
            let is_cast = |oid: &u32| matches!(*oid, BYTEA | TEXT_ARRAY | VARCHAR_ARRAY);
            let casts = declared.iter().any(is_cast);
            may_meet || casts || has_conditions && compares
        }
        Body::Other if statement.is_prepare => compares,
        // One with parameters stands alone.
        Body::Other if statement.is_query() => {
            let is_alone = script.statements.len() == 1;
            compares || is_alone && memchr(b'$', sql).is_some() && holds(sql, b"values")
        }
        _ => false,
    }
}

/// Whether a word, which is in lower case, stands anywhere in a text, in any case.
fn holds(sql: &[u8], word: &[u8]) -> bool {
    let Some(&first) = word.first() else { return true };
    let mut starts = memchr2_iter(first, first.to_ascii_uppercase(), sql);
    starts.any(|start| {
        sql.get(start..start + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word))
    })
}

/// Whether parameters of a text may be cast to JSON.
pub(super) fn may_hold_json(sql: &[u8]) -> bool {
    memchr(b'$', sql).is_some() && holds(sql, b"json")
}

/// Whether statements that nothing else is done about may have meetings.
pub(super) fn may_be_in(script: &Script, sql: &[u8], declared: &[u32]) -> bool {
    script.statements.iter().any(|statement| may_meet(script, statement, sql, declared))
}

/// What has to be known about the columns that expressions meet.
pub(super) fn needs(script: &Script, sql: &[u8], declared: &[u32], needs: &mut Needs) {
    for statement in &script.statements {
        if !may_meet(script, statement, sql, declared) {
            continue;
        }
        let declared = types_of(script, statement, sql, declared);
        for meeting in script.meetings(statement, sql, &declared) {
            if may_matter(&meeting) {
                for name in &*meeting.relations {
                    needs.relation(name, Freshness::MayBeOld);
                }
            }
        }
    }
}

/// Whether it depends on the column what becomes of an expression.
pub(super) fn may_matter(meeting: &Meeting) -> bool {
    let is_plain = matches!(meeting.value, MetValue::Expression { is_plain: true, .. });
    match meeting.kind {
        // Constants are spelled anew, and most parameters inferred.
        MeetingKind::Slot if is_plain => {
            matches!(meeting.leaves.as_slice(), [Leaf::Parameter(_)])
        }
        MeetingKind::Slot | MeetingKind::Assigned => true,
        MeetingKind::Compared => {
            is_string(meeting.type_oid)
                || is_plain && matches!(meeting.type_oid, TIMESTAMP | TIMESTAMPTZ)
        }
        MeetingKind::Elements => matches!(meeting.type_oid, TEXT_ARRAY | VARCHAR_ARRAY),
    }
}

/// The column of a meeting, and the relation that has it. Where several may have it and one of them is not
/// known, it is not known either.
pub(super) fn column_of<'m>(
    meeting: &'m Meeting,
    known: &TextRelations<'_>,
) -> Option<(&'m Name, Arc<Relation>, usize)> {
    let mut found = None;
    for name in &*meeting.relations {
        let relation = known.relation(name).filter(|relation| !relation.is_missing())?;
        let index = match &meeting.column {
            SlotColumn::Named(column) => relation.position(column),
            SlotColumn::Index(at) => Some(*at),
        };
        if let Some(index) = index.filter(|index| *index < relation.columns().len()) {
            if found.is_some() {
                return None;
            }
            found = Some((name, relation, index));
        }
    }
    found
}

/// The parameters of a statement that are compared with columns of a relation and whose types the target can
/// infer, and which of their uses that leaves. Without a `name` it is the first relation of which there are
/// any, and its name is given.
pub(super) fn compared(
    (script, statement, sql): (&Script, &Statement, &[u8]),
    declared: &[u32],
    known: &TextRelations<'_>,
    name: Option<&Name>,
    elsewhere: &mut ParameterUses,
) -> (Option<Name>, Vec<ParameterUse>) {
    let (mut found_name, mut uses) = (None, Vec::new());
    if declared.is_empty() || !may_meet(script, statement, sql, declared) {
        return (found_name, uses);
    }
    for meeting in script.meetings(statement, sql, declared) {
        let MetValue::Expression { is_plain: true, .. } = meeting.value else { continue };
        let [Leaf::Parameter(number)] = meeting.leaves.as_slice() else { continue };
        let (number, is_compared) = (*number, meeting.kind == MeetingKind::Compared);
        let found = column_of(&meeting, known).filter(|_| is_compared && may_matter(&meeting));
        let Some((of, relation, index)) = found else { continue };
        let column = relation.columns().get(index).map(|column| &*column.column);
        let can_be_left = column.is_some_and(|column| {
            should_be_inferred(meeting.type_oid, column)
                && (!is_string(meeting.type_oid)
                    || cast_for_comparison(meeting.type_oid, column, false).is_some())
        });
        if can_be_left && name.is_none() && found_name.is_none() {
            found_name = Some(of.clone());
        }
        if can_be_left && name.or(found_name.as_ref()) == Some(of) {
            elsewhere.leave_out_one(number);
            uses.push(ParameterUse {
                index: usize::from(number).saturating_sub(1),
                column: index,
                is_left_out: false,
                is_read: false,
                is_compared: true,
            });
        }
    }
    (found_name, uses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_case() {
        for text in ["json", "JSON", "Json", "jSoN", "x jjson", "xJsonb"] {
            assert!(holds(text.as_bytes(), b"json"), "{text}");
        }
        for text in ["", "j", "jso", "js on", "nosj"] {
            assert!(!holds(text.as_bytes(), b"json"), "{text}");
        }
        assert!(may_hold_json(b"SELECT $1::Json") && !may_hold_json(b"SELECT '{}'::Json"));
    }
}
