//! Types in a statement about a routine that is there: as they are written where the routine has them, else as
//! the mapping spells them, which is how the proxy makes routines. Finds no routines.

use std::ops::Range;

use super::{Needs, names};
use crate::catalog::Catalog;
use crate::statement::script::{Body, RoutineReference, Script};
use crate::statement::{Edit, type_words};
use crate::value::type_oid::named;

fn references(script: &Script) -> impl Iterator<Item = &RoutineReference> {
    script.statements.iter().flat_map(|statement| match &statement.body {
        Body::Routines(references) => references.as_slice(),
        _ => &[],
    })
}

/// The edits of the types of a routine's arguments.
fn edits_of<'e>(
    reference: &'e RoutineReference,
    edits: &'e [Edit],
) -> impl Iterator<Item = (usize, &'e Edit)> {
    let is_argument = |edit: &Edit| reference.arguments.contains(&edit.span);
    edits.iter().enumerate().filter(move |(_, edit)| is_argument(edit))
}

/// The routines that have to be known: those of which a type is replaced.
pub(super) fn needs(script: &Script, sql: &[u8], needs: &mut Needs) {
    for reference in references(script) {
        if edits_of(reference, &script.edits).next().is_some() {
            needs.routine(&script.routine(reference, sql));
        }
    }
}

/// The types of the arguments, spelled so; `None` for one that is not known here.
fn types_by<'t>(
    reference: &RoutineReference,
    spelled: impl Fn(&Range<usize>) -> &'t [u8],
) -> Vec<Option<u32>> {
    let of = |span: &Range<usize>| {
        let (name, modifiers) = type_words(spelled(span));
        named(&name, &modifiers).map(|(oid, _)| oid)
    };
    reference.arguments.iter().map(of).collect()
}

/// Whether one of the routines has these types. One that is not known here may be any.
fn has(known: &[Vec<u32>], types: &[Option<u32>]) -> bool {
    let is_it = |routine: &&Vec<u32>| {
        let mut pairs = routine.iter().zip(types);
        routine.len() == types.len()
            && pairs.all(|(known, one)| one.is_none_or(|one| one == *known))
    };
    known.iter().any(|routine| is_it(&routine))
}

/// The edits without those of routines that have the types as they are written. `None` where all stay.
pub(super) fn fit(script: &Script, sql: &[u8], catalog: &Catalog) -> Option<Vec<Edit>> {
    let mut dropped = Vec::new();
    for reference in references(script) {
        let name = names::target_of(&script.routine(reference, sql)).into_owned();
        let Some(known) = catalog.routine(&name) else { continue };
        let written = |span: &Range<usize>| sql.get(span.clone()).unwrap_or_default();
        let as_written = types_by(reference, written);
        let as_mapped = types_by(reference, |span| {
            let edit = script.edits.iter().find(|edit| edit.span == *span);
            edit.map_or(written(span), |edit| edit.text.as_bytes())
        });
        let is_exact = !as_written.contains(&None) && has(known, &as_written);
        if is_exact || !has(known, &as_mapped) && has(known, &as_written) {
            dropped.extend(edits_of(reference, &script.edits).map(|(at, _)| at));
        }
    }
    if dropped.is_empty() {
        return None;
    }
    let kept = script.edits.iter().enumerate().filter(|(at, _)| !dropped.contains(at));
    Some(kept.map(|(_, edit)| edit.clone()).collect())
}
