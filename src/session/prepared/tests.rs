use super::*;
use crate::statement::Effects;

fn plan() -> Option<Plan> {
    Some(Plan { effects: Effects::TOUCHES_SETTINGS, ..Plan::default() })
}

#[test]
fn plans_take_bytes_until_nothing_holds_them() {
    let bytes = plan().unwrap().bytes();
    let mut names = Prepared::new(2 * bytes);
    let first = names.prepare(b"", plan()).unwrap();
    assert!(names.bind(b"portal", b"").is_some());
    let second = names.prepare(b"", plan()).unwrap();
    assert!(!names.has_room(1), "the portal still holds the first plan");
    names.close_portals();
    assert!(!names.has_room(1), "and so does what would put it back");
    drop((first, second));
    assert!(names.has_room(bytes) && !names.has_room(bytes + 1));
    names.close(b'S', b"");
    assert!(names.has_room(2 * bytes));
}

#[test]
fn kinds_beyond_the_bytes_replace_those_that_are_known() {
    let kinds = || vec![ValueKind::Character; 60].into();
    let mut names = Prepared::new(60 * size_of::<ValueKind>());
    names.set_kinds(b"a", kinds());
    names.set_kinds(b"b", kinds());
    assert!(names.of(b"a").kinds.is_none() && names.of(b"b").kinds.is_some());
    names.note_declared(b"c", Some(kinds()));
    assert!(names.of(b"c").kinds.is_none());
}

#[test]
fn a_name_used_again_for_a_plain_statement_is_forgotten() {
    let mut names = Prepared::new(1_000_000);
    names.prepare(b"s", plan());
    assert!(names.bind(b"", b"s").is_some());
    names.prepare(b"s", None);
    assert!(names.bind(b"", b"s").is_none());
    assert!(!names.is_known());
}

#[test]
fn a_refused_parse_leaves_what_was_there() {
    let mut names = Prepared::new(1_000_000);
    names.prepare(b"s", plan());
    let undo = names.prepare(b"s", None).unwrap();
    assert!(names.statement(b"s").is_none());
    names.undo(undo);
    assert!(names.statement(b"s").is_some());
    let undo = names.prepare(b"new", plan()).unwrap();
    names.undo(undo);
    assert!(names.statement(b"new").is_none());
}

#[test]
fn behind_a_sync_a_name_is_unsure_until_its_parse_is_answered() {
    let mut names = Prepared::new(1_000_000);
    names.prepare(b"s", plan());
    assert!(!names.is_unsure(b"s", 0), "what follows is skipped with it");
    names.on_sync(0);
    assert!(names.has_unsure(0) && names.is_unsure(b"s", 0) && !names.is_unsure(b"t", 0));
    names.prepare(b"t", plan());
    assert!(!names.is_unsure(b"s", 1) && !names.has_unsure(1));
    assert!(!names.is_unsure(b"t", 1), "no Sync is behind it");
    names.on_sync(1);
    assert!(names.has_unsure(1) && names.is_unsure(b"t", 1) && !names.is_unsure(b"s", 1));
    assert!(!names.has_unsure(2));
}

#[test]
fn undoing_leaves_a_later_unnamed_statement() {
    let mut names = Prepared::new(1_000_000);
    let first = names.prepare(b"", plan()).unwrap();
    let second = names.prepare(b"", plan()).unwrap();
    names.undo(first);
    assert!(names.statement(b"").is_some());
    names.undo(second);
    names.close_unnamed();
    let third = names.prepare(b"", plan()).unwrap();
    names.close_unnamed();
    names.undo(third);
    assert!(names.statement(b"").is_none());
}

#[test]
fn plain_statements_cost_nothing() {
    let mut names = Prepared::new(1_000_000);
    assert!(names.prepare(b"plain", None).is_none());
    assert!(!names.is_known());
}

#[test]
fn a_simple_query_ends_the_unnamed_ones_only() {
    let mut names = Prepared::new(1_000_000);
    names.prepare(b"", plan());
    names.prepare(b"s", plan());
    names.bind(b"p", b"s");
    names.close_unnamed();
    assert!(names.statement(b"").is_none() && names.statement(b"s").is_some());
    assert!(names.portal(b"p").is_some());
    names.close_portals();
    assert!(names.portal(b"p").is_none());
}

#[test]
fn long_names_are_told_apart_as_the_target_does() {
    let mut names = Prepared::new(1_000_000);
    names.prepare(&[b'a'; 1_000_000], plan());
    assert!(names.bind(b"", &[b'a'; 63]).is_some());
    assert!(names.bind(b"", &[b'a'; 62]).is_none());
    names.close(b'S', &[b'a'; 64]);
    assert_eq!(names.statements.len(), 0);
}
