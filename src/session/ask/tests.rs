use super::settle::Settle;
use super::*;
use crate::wire::tag;

const NAME: &str = "ours";

fn asking() -> Asking {
    Asking::new(NAME.to_owned())
}

fn settings() -> Question {
    Question::Settle(Settle::Settings)
}

/// Asks, and gives the frames that went.
fn asked(question: Question, delivery: Delivery) -> (Asking, Vec<u8>) {
    let mut asking = asking();
    let frames = asking.ask(question, delivery, 15, Encoding::Utf8);
    (asking, frames)
}

/// The frames of an answer, by their tags; gives with which of them it is there.
fn ends_at(asking: &mut Asking, tags: &[u8]) -> Option<usize> {
    tags.iter().position(|tag| asking.on_frame(*tag, b"").unwrap().is_some())
}

fn cancelled(question: Question, client_waits: bool) -> (Asking, Asked) {
    let (mut asking, _) = asked(question, Delivery::Query);
    if client_waits {
        asking.note_waiting();
    }
    assert!(asking.on_frame(tag::ERROR_RESPONSE, b"C57014\0Mcancel\0\0").unwrap().is_none());
    let answered = asking.on_frame(tag::READY_FOR_QUERY, b"I").unwrap().unwrap();
    (asking, answered)
}

#[test]
fn a_query_ends_with_the_ready_for_query_behind_its_first_frame() {
    let (mut asking, frames) = asked(settings(), Delivery::Query);
    assert!(frames.starts_with(b"Q"));
    // The first one belongs to an earlier message.
    assert_eq!(ends_at(&mut asking, b"ZTDCZ"), Some(4));
    assert!(!asking.is_asked());
}

#[test]
fn a_group_has_a_name_and_a_sync_and_ends_with_its_ready_for_query() {
    let (mut asking, frames) = asked(settings(), Delivery::Group);
    assert!(frames.starts_with(b"C\0\0\0\x0aSours\0P") && frames.ends_with(b"S\0\0\0\x04"));
    assert_eq!(ends_at(&mut asking, b"312DC33Z"), Some(7));
}

#[test]
fn in_a_pipeline_no_sync_goes_and_the_third_close_ends_the_answer() {
    let (mut asking, frames) = asked(settings(), Delivery::Pipeline);
    assert!(frames.ends_with(b"H\0\0\0\x04"));
    assert_eq!(ends_at(&mut asking, b"312DC33"), Some(6));
}

#[test]
fn a_describe_names_the_clients_statement_and_ends_with_its_rows() {
    let (mut asking, frames) = asked(Question::Parameters((*b"s").into()), Delivery::Describe);
    assert_eq!(frames, b"D\0\0\0\x07Ss\0H\0\0\0\x04");
    let answered = asking.on_frame(tag::PARAMETER_DESCRIPTION, b"\0\x01\0\0\0\x17").unwrap();
    assert!(answered.is_none());
    let answered = asking.on_frame(tag::NO_DATA, b"").unwrap().unwrap();
    assert_eq!(answered.answer.parameters, [23]);
    assert_eq!(answered.next_delivery(), Delivery::Pipeline);
}

#[test]
fn a_probe_ends_with_its_close() {
    let (mut asking, frames) = asked(Question::Probe(b'Q'), Delivery::Probe);
    assert_eq!(frames, b"S\0\0\0\x04C\0\0\0\x0aSours\0H\0\0\0\x04");
    assert_eq!(asking.probed_tag(), Some(b'Q'));
    assert_eq!(ends_at(&mut asking, b"ZZ3"), Some(2));
}

#[test]
fn an_error_of_the_pipeline_sweeps_the_question_away() {
    let (mut asking, _) = asked(settings(), Delivery::Pipeline);
    asking.on_dropped(false);
    assert!(!asking.is_asked() && !asking.is_swept(), "a message of the client's has failed");
    let (mut asking, _) = asked(settings(), Delivery::Pipeline);
    asking.on_dropped(true);
    assert!(!asking.is_asked() && asking.is_swept(), "the question has failed itself");
}

#[test]
fn what_settles_is_asked_again_when_it_is_cancelled() {
    let (mut asking, mut answered) = cancelled(settings(), false);
    for _ in 0..TRIES_MAX {
        assert_eq!(asking.on_cancelled(&mut answered, false), Cancelled::Again);
        assert!(!asking.has_failure(), "nothing has waited for it");
    }
    assert_eq!(asking.on_cancelled(&mut answered, false), Cancelled::Failed);
}

#[test]
fn the_message_that_waits_fails_with_a_cancelled_question() {
    let (mut asking, mut answered) = cancelled(settings(), true);
    assert_eq!(asking.on_cancelled(&mut answered, false), Cancelled::Again);
    assert_eq!(asking.take_failure().as_deref(), Some("cancel"));

    let question = Question::Park { sql: "SELECT 1".into(), all: true };
    let (mut asking, mut answered) = cancelled(question, false);
    assert_eq!(asking.on_cancelled(&mut answered, false), Cancelled::Failed);
    assert!(asking.has_failure());
}

#[test]
fn in_a_failed_transaction_nothing_is_asked_again() {
    let (mut asking, mut answered) = cancelled(settings(), false);
    assert_eq!(asking.on_cancelled(&mut answered, true), Cancelled::Failed);
    assert!(asking.has_failure());
}

#[test]
fn a_cancel_of_the_ledger_concerns_no_message() {
    let (mut asking, mut answered) = cancelled(Question::Ledger("SELECT 1".into()), true);
    for _ in 0..TRIES_MAX {
        assert_eq!(asking.on_cancelled(&mut answered, false), Cancelled::Again);
    }
    assert_eq!(asking.on_cancelled(&mut answered, false), Cancelled::No);
    assert!(!asking.has_failure());
}

#[test]
fn an_answer_without_an_end_ends_the_session() {
    let (mut asking, _) = asked(settings(), Delivery::Query);
    asking.on_long_frame(tag::DATA_ROW, 2_000_000).unwrap();
    assert_eq!(asking.on_long_frame(tag::DATA_ROW, 2_000_000_000).unwrap_err().sqlstate, "08P01");
}
