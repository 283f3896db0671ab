use super::*;
use crate::wire::{AnswerRow, Failure};

fn name(text: &str) -> Name {
    text.split('.').map(|part| part.as_bytes().to_vec()).collect()
}

fn need(text: &str, freshness: Freshness) -> Need {
    Need { subject: Subject::Relation(name(text)), freshness }
}

fn old(text: &str) -> Need {
    need(text, Freshness::MayBeOld)
}

fn exact(text: &str) -> Need {
    need(text, Freshness::Exact)
}

/// An answer in which the subjects with these numbers have one column of type text.
fn found(numbers: &[usize]) -> Answer {
    let row = |number: &usize| -> AnswerRow {
        let number = number.to_string();
        let values = [number.as_str(), "1", "s", "t", "a", "25", "0", "-1", "f", "", ""];
        values.into_iter().map(|value| Some(value.as_bytes().to_vec())).collect()
    };
    numbers.iter().map(row).collect::<Vec<_>>().into()
}

fn writes(names: &Arc<[Name]>) -> Sent<'_> {
    Sent { writes: Some(names), ..Sent::default() }
}

const CHANGES: Sent<'static> =
    Sent { changes_relations: true, ends_transaction: false, writes: None };
const ENDS: Sent<'static> = Sent { changes_relations: false, ends_transaction: true, writes: None };

fn at(seconds: u64) -> Moment {
    Moment { seconds, ..Moment::default() }
}

fn open(seconds: u64) -> Moment {
    Moment { status: TransactionStatus::Open, ..at(seconds) }
}

/// Asks for what is missing and says that all of it is there; gives whether anything was.
fn learn(catalog: &mut Catalog, needs: &[Need], now: Moment) -> bool {
    let Some(question) = catalog.missing(needs.to_vec(), now) else { return false };
    let CatalogQuestion::Relations(subjects) = &question else { panic!("{question:?}") };
    let numbers: Vec<usize> = (0..subjects.len()).collect();
    catalog.on_answer(&question, &found(&numbers));
    true
}

#[test]
fn all_that_is_missing_is_asked_at_once() {
    let mut catalog = Catalog::default();
    let needs = vec![old("a"), old("b.c"), old("a"), exact("a")];
    let question = catalog.missing(needs.clone(), at(1)).unwrap();
    let subjects = vec![Subject::Relation(name("a")), Subject::Relation(name("b.c"))];
    assert_eq!(question, CatalogQuestion::Relations(subjects));
    catalog.on_answer(&question, &found(&[1]));
    assert_eq!(catalog.missing(needs.clone(), at(1)), None);
    assert!(catalog.relation(&name("a")).unwrap().is_missing());
    assert!(!catalog.relation(&name("b.c")).unwrap().is_missing());
    assert_eq!(catalog.relation(&name("c")), None);
    // The next text, and a while later.
    catalog.on_sent(Sent::default());
    assert_eq!(catalog.missing(vec![old("a"), old("b.c")], at(3)), None);
    assert!(catalog.missing(vec![old("a")], at(4)).is_some());
    assert_eq!(catalog.missing(vec![old("b.c")], at(11)), None);
    assert!(catalog.missing(vec![old("b.c")], at(12)).is_some());
}

#[test]
fn definitions_that_others_change_are_asked_for_anew() {
    let mut catalog = Catalog::default();
    assert!(learn(&mut catalog, &[old("a")], at(1)));
    catalog.on_sent(Sent::default());
    assert!(!learn(&mut catalog, &[old("a")], at(1)));
    let now = Moment { definitions: 1, ..at(1) };
    assert!(learn(&mut catalog, &[old("a")], now));
    // Changed again while the answer was on its way: the text at hand goes on.
    assert!(!learn(&mut catalog, &[exact("a")], Moment { definitions: 2, ..now }));
}

#[test]
fn an_exact_answer_is_one_for_the_text_at_hand() {
    let mut catalog = Catalog::default();
    assert!(learn(&mut catalog, &[old("a")], at(1)));
    assert!(catalog.is_exact(&name("a")));
    assert!(!learn(&mut catalog, &[exact("a")], at(1)));
    catalog.on_sent(writes(&[name("a")].into()));
    assert!(!catalog.is_exact(&name("a")));
    assert!(!learn(&mut catalog, &[old("a")], at(1)));
    assert!(learn(&mut catalog, &[exact("a")], at(1)));
    assert!(catalog.is_exact(&name("a")) && !catalog.is_exact(&name("b")));
    // One that has not changed is the same one.
    let relation = catalog.relation(&name("a")).unwrap().clone();
    catalog.on_sent(Sent::default());
    assert!(learn(&mut catalog, &[exact("a")], at(1)));
    assert!(Arc::ptr_eq(catalog.relation(&name("a")).unwrap(), &relation));
}

#[test]
fn a_lock_keeps_an_answer_exact() {
    let mut catalog = Catalog::default();
    // Before the first write to it anything may happen to the relation.
    assert!(learn(&mut catalog, &[exact("a")], open(1)));
    catalog.on_sent(writes(&[name("a")].into()));
    assert!(learn(&mut catalog, &[exact("a"), exact("b")], open(1)));
    catalog.on_sent(writes(&[name("a")].into()));
    assert!(!learn(&mut catalog, &[exact("a")], open(90)));
    assert!(learn(&mut catalog, &[exact("b")], open(90)));
    catalog.on_ready(TransactionStatus::Open);
    assert!(catalog.is_exact(&name("a")));
    catalog.on_ready(TransactionStatus::Idle);
    catalog.on_sent(Sent::default());
    assert!(learn(&mut catalog, &[exact("a")], open(90)));
}

#[test]
fn a_lock_that_may_be_gone_keeps_nothing() {
    for end in [
        |catalog: &mut Catalog| catalog.on_error(),
        |catalog: &mut Catalog| {
            catalog.on_sent(ENDS);
        },
    ] {
        let mut catalog = Catalog::default();
        catalog.on_sent(writes(&[name("a")].into()));
        assert!(learn(&mut catalog, &[exact("a")], open(1)));
        end(&mut catalog);
        assert!(!catalog.is_exact(&name("a")));
        assert!(!learn(&mut catalog, &[old("a")], open(1)));
        assert!(learn(&mut catalog, &[exact("a")], open(1)));
    }
    // Nor does one that may be one of a transaction that has ended on the way.
    let mut catalog = Catalog::default();
    catalog.on_sent(writes(&[name("a")].into()));
    assert!(learn(&mut catalog, &[exact("a")], Moment { is_owed: true, ..open(1) }));
    catalog.on_sent(Sent::default());
    assert!(!catalog.is_exact(&name("a")));
}

#[test]
fn an_error_that_defines_nothing_forgets_nothing() {
    let mut catalog = Catalog::default();
    let question = catalog.missing(vec![old("a"), old("gone")], at(1)).unwrap();
    catalog.on_answer(&question, &found(&[0]));
    catalog.on_error();
    assert!(!catalog.on_ready(TransactionStatus::Idle));
    assert_eq!(catalog.missing(vec![old("a"), old("gone")], at(2)), None);
    catalog.on_sent(CHANGES);
    assert!(catalog.has_changed() && catalog.is_empty());
    assert!(learn(&mut catalog, &[old("a")], at(2)));
    catalog.on_error();
    assert!(catalog.is_empty());
}

#[test]
fn changes_are_seen_by_others_when_their_transaction_ends() {
    let mut catalog = Catalog::default();
    catalog.on_sent(ENDS);
    assert!(!catalog.on_ready(TransactionStatus::Idle));
    catalog.on_sent(CHANGES);
    assert!(!catalog.on_ready(TransactionStatus::Open));
    assert!(learn(&mut catalog, &[old("a")], open(1)));
    // The end may bring back what was there before.
    catalog.on_sent(ENDS);
    assert!(catalog.relation(&name("a")).is_none());
    assert!(catalog.on_ready(TransactionStatus::Idle));
    assert!(!catalog.on_ready(TransactionStatus::Idle));
}

#[test]
fn prepared_statements_are_known_for_one_text() {
    let mut catalog = Catalog::default();
    let subject = Subject::Prepared(b"p".to_vec());
    let needs = vec![Need { subject, freshness: Freshness::MayBeOld }];
    let question = catalog.missing(needs.clone(), at(1)).unwrap();
    catalog.on_answer(&question, &found(&[0]));
    assert_eq!(catalog.prepared(b"p").unwrap().columns().len(), 1);
    assert_eq!(catalog.missing(needs.clone(), at(1)), None);
    catalog.on_sent(Sent::default());
    assert!(catalog.missing(needs, at(1)).is_some());
}

#[test]
fn a_question_that_fails_is_asked_again_by_the_next_text() {
    let mut catalog = Catalog::default();
    let failure = Failure { sqlstate: "55P03".to_owned(), message: String::new() };
    let mut failed = Answer::default();
    failed.failure = Some(failure);
    for knows in [false, true] {
        if knows {
            assert!(learn(&mut catalog, &[exact("a")], at(1)));
            catalog.on_sent(Sent::default());
        }
        let question = catalog.missing(vec![exact("a")], at(1)).unwrap();
        catalog.on_answer(&question, &failed);
        assert_eq!(catalog.missing(vec![exact("a")], at(1)), None);
        // What was known before is better than nothing, and not exact.
        assert_eq!(catalog.relation(&name("a")).unwrap().is_missing(), !knows);
        assert!(!catalog.is_exact(&name("a")));
        catalog.on_sent(Sent::default());
        assert!(catalog.missing(vec![old("a")], at(1)).is_some());
        catalog.on_sent(Sent::default());
    }
}

#[test]
fn a_transaction_that_has_failed_is_asked_nothing() {
    let mut catalog = Catalog::default();
    let now = Moment { status: TransactionStatus::Aborted, ..at(1) };
    assert_eq!(catalog.missing(vec![exact("a")], now), None);
}

#[test]
fn what_is_asked_and_kept_has_a_bound() {
    let mut catalog = Catalog::default();
    let needs = |from: usize, count: usize| -> Vec<Need> {
        (from..from + count).map(|number| old(&format!("t{number}"))).collect()
    };
    assert!(learn(&mut catalog, &needs(0, SUBJECTS_MAX + 5), at(1)));
    assert_eq!(catalog.unread(), 5);
    assert!(!learn(&mut catalog, &needs(0, SUBJECTS_MAX + 5), at(1)));
    assert_eq!(catalog.unread(), 5);
    assert!(!learn(&mut catalog, &[], at(1)), "nothing else is needed");
    assert_eq!(catalog.unread(), 5);
    catalog.on_sent(Sent::default());
    assert!(learn(&mut catalog, &needs(SUBJECTS_MAX, 5), at(1)));
    assert_eq!((catalog.unread(), catalog.relations.len()), (0, SUBJECTS_MAX + 5));
    // The text at hand keeps what it was told.
    assert!(!learn(&mut catalog, &needs(SUBJECTS_MAX, 5), at(1)));
    assert_eq!(catalog.relations.len(), 5);
}

#[test]
fn functions_and_types_are_kept() {
    let mut catalog = Catalog::default();
    let rows = vec![vec![Some(b"25 23".to_vec())]];
    catalog.on_answer(&CatalogQuestion::Arguments(957), &Answer::from(rows));
    let kinds = catalog.function(957).unwrap();
    assert_eq!(kinds.as_ref(), [ValueKind::Character, ValueKind::Other]);
    assert!(catalog.lacks_type(20_000) && !catalog.lacks_type(25));
    let rows = vec![vec![Some(b"20000".to_vec()), Some(b"3802".to_vec())]];
    let question = CatalogQuestion::UserTypes(vec![20_000, 20_001]);
    catalog.on_answer(&question, &Answer::from(rows));
    assert!(!catalog.lacks_type(20_000) && !catalog.lacks_type(20_001));
    assert_eq!(catalog.kind_of(20_000), ValueKind::Json);
    assert_eq!(catalog.kind_of(20_001), ValueKind::Other);
}
