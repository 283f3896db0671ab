use super::*;

fn queue(requests: &[Request]) -> Replies {
    let mut replies = Replies::default();
    for &request in requests {
        replies.push(Expected::new(request));
    }
    replies
}

fn requests(replies: &Replies) -> Vec<Request> {
    replies.queue.iter().map(|expected| expected.request).collect()
}

#[test]
fn an_extended_query_is_answered_piece_by_piece() {
    use Request::*;
    let mut replies = queue(&[Parse, Bind, Describe, Execute, Sync]);
    for completion in [b'1', b'2', b'T', b'D', b'C'] {
        replies.on_completion(completion);
    }
    assert_eq!(requests(&replies), [Sync]);
    replies.on_ready();
    assert_eq!(replies.len(), 0);
}

#[test]
fn an_error_drops_everything_up_to_the_sync() {
    use Request::*;
    let mut replies = queue(&[Parse, Bind, Execute, Sync, Parse]);
    assert_eq!(replies.on_error().len(), 3);
    assert!(!replies.is_skipping());
    replies.on_ready();
    assert_eq!(requests(&replies), [Parse]);
}

#[test]
fn what_follows_a_failed_message_goes_on_unless_it_is_skipped() {
    use Request::*;
    for (sent, goes_on) in [
        (&[FunctionCall, Query, Query][..], true),
        (&[Query], false),
        (&[Parse, Query], false),
        (&[Parse, Sync, Query], true),
        (&[Parse, Execute, Sync], false),
    ] {
        let mut replies = queue(sent);
        replies.on_error();
        assert_eq!(replies.goes_on_behind_error(), goes_on, "{sent:?}");
    }
}

#[test]
fn without_a_sync_the_target_skips_until_one_comes() {
    use Request::*;
    let mut replies = queue(&[Parse, Bind]);
    replies.on_error();
    assert!(replies.is_skipping());
    replies.push(Expected::new(Execute));
    assert_eq!(replies.len(), 0);
    replies.push(Expected::new(Sync));
    assert_eq!(requests(&replies), [Sync]);
    assert!(!replies.is_skipping());
}

#[test]
fn a_simple_query_ends_with_its_ready_for_query_only() {
    use Request::*;
    let mut replies = queue(&[Query, Query]);
    replies.on_completion(b'C');
    assert!(replies.on_error().is_empty());
    assert_eq!(replies.len(), 2);
    replies.on_ready();
    assert_eq!(replies.len(), 1);
}

#[test]
fn an_early_sync_behind_a_copy_is_not_answered() {
    use Request::*;
    let mut replies = queue(&[Execute, Sync]);
    replies.on_copy_in();
    assert_eq!(requests(&replies), [Execute, EarlySync]);
    replies.push(Expected::new(Sync));
    replies.on_completion(b'C');
    assert_eq!(requests(&replies), [Sync]);
    replies.on_ready();
    assert_eq!(replies.len(), 0);
}

#[test]
fn what_may_start_a_copy_is_known_wherever_it_stands() {
    use Request::*;
    let may = || Expected::new(Execute).starting(CopyStart::Unread);
    let mut replies = queue(&[Execute, Sync]);
    assert!(!replies.may_start_copy());
    replies.push(may());
    replies.push(Expected::new(Sync));
    assert!(replies.may_start_copy());
    replies.on_copy_in();
    assert_eq!(requests(&replies), [Execute, EarlySync, Execute, Sync]);
    assert!(replies.may_start_copy());
    replies.on_completion(b'C');
    assert!(replies.may_start_copy());
    replies.front_mut().unwrap().forget_copies();
    assert!(!replies.may_start_copy());
    replies.push(may());
    assert!(replies.may_start_copy());
    replies.on_error();
    assert_eq!(requests(&replies), [Sync, Execute]);
    assert!(replies.may_start_copy());
    replies.on_ready();
    replies.on_completion(b'C');
    assert!(!replies.may_start_copy());
}

#[test]
fn a_ready_for_query_does_not_end_a_question() {
    let mut replies = queue(&[Request::Own(Delivery::Query)]);
    replies.on_ready();
    assert_eq!(replies.len(), 1);
}

#[test]
fn what_failed_is_handed_back_first() {
    use Request::*;
    let mut replies = queue(&[Execute, Own(Delivery::Pipeline), Sync]);
    let dropped: Vec<Request> = replies.on_error().iter().map(|e| e.request).collect();
    assert_eq!(dropped, [Execute, Own(Delivery::Pipeline)]);
}

#[test]
fn syncs_among_the_rows_of_a_copy_that_ends_well_are_not_answered() {
    use Request::*;
    let mut replies = queue(&[Execute, EarlySync, EarlySync, Sync]);
    assert!(replies.has_early_syncs());
    replies.on_completion(tag::COMMAND_COMPLETE);
    assert_eq!(requests(&replies), [Sync]);
    assert_eq!(replies.doubt(), None);
}

#[test]
fn syncs_among_the_rows_of_a_copy_that_fails_are_in_doubt_until_answered() {
    use Request::*;
    let mut replies = queue(&[Execute, EarlySync]);
    replies.on_error();
    assert_eq!(replies.doubt(), Some(Doubt { protocol: Protocol::Extended, readies: 0 }));
    replies.push(Expected::new(Sync));
    replies.on_ready();
    assert_eq!(replies.doubt(), Some(Doubt { protocol: Protocol::Extended, readies: 1 }));
    replies.end_doubt(false);
    assert!(replies.is_empty() && replies.doubt().is_none());

    let mut replies = queue(&[Query, EarlySync]);
    replies.on_error();
    replies.on_ready();
    assert_eq!(replies.doubt(), Some(Doubt { protocol: Protocol::Simple, readies: 0 }));
    replies.on_ready();
    assert_eq!(replies.doubt(), None, "each of them is answered");
}

#[test]
fn the_lexing_is_unsure_behind_a_setting() {
    let mut replies = Replies::default();
    replies.push(Expected::new(Request::Query));
    replies.note_lexing_change();
    assert_eq!(replies.lexing(), LexingState::Changing);
    replies.push(Expected::new(Request::Query));
    replies.on_ready();
    assert_eq!(replies.lexing(), LexingState::Unsure, "what came later changes nothing");
    replies.note_lexing_known();
    assert_eq!(replies.lexing(), LexingState::Known);
    replies.on_ready();
    replies.push(Expected::new(Request::Execute));
    replies.note_lexing_change();
    replies.on_error();
    assert_eq!(replies.lexing(), LexingState::Unsure);
}
