//! Types in a statement about a routine that is there: as they are written where the routine has them, else as
//! the mapping spells them, which is how the proxy makes routines. Finds no routines.

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

/// The edits without those of routines that have the types as they are written. `None` where all stay.
pub(super) fn fit(script: &Script, sql: &[u8], catalog: &Catalog) -> Option<Vec<Edit>> {
    let mut dropped = Vec::new();
    for reference in references(script) {
        let name = names::target_of(&script.routine(reference, sql)).into_owned();
        let Some(known) = catalog.routine(&name) else { continue };
        let written: Vec<Option<u32>> = reference
            .arguments
            .iter()
            .map(|span| {
                let (name, modifiers) = type_words(sql.get(span.clone()).unwrap_or_default());
                named(&name, &modifiers).map(|(oid, _)| oid)
            })
            .collect();
        // A type that is not known here may be any.
        let is_it = |types: &Vec<u32>| {
            let mut pairs = types.iter().zip(&written);
            types.len() == written.len()
                && pairs.all(|(known, written)| written.is_none_or(|written| written == *known))
        };
        if known.iter().any(is_it) {
            dropped.extend(edits_of(reference, &script.edits).map(|(at, _)| at));
        }
    }
    if dropped.is_empty() {
        return None;
    }
    let kept = script.edits.iter().enumerate().filter(|(at, _)| !dropped.contains(at));
    Some(kept.map(|(_, edit)| edit.clone()).collect())
}
