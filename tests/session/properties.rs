//! What holds for every stream: how it is cut makes no difference, and where no rule applies the
//! bytes go through as they are.

use proptest::prelude::*;

use super::message::{Side, encode};
use super::{exchange, step};

/// What a target says at login, so that the session is ready.
const LOGIN: &[&str] = &[
    "Authentication 0",
    "ReadyForQuery I",
    "DataRow 4 null null null null",
    "CommandComplete \"SELECT 1\"",
    "ReadyForQuery I",
    "CommandComplete \"SET\"",
    "ReadyForQuery I",
];

pub fn ready_exchange() -> dms_proxy::session::Exchange {
    let mut exchange = exchange("");
    for line in LOGIN {
        step(&mut exchange, Side::Target, &encode(Side::Target, line));
    }
    exchange
}

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag][..], &length, body].concat()
}

/// A frame that no rule touches, from the client.
fn plain_client_frame() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "SELECT [a-z]{1,20}( FROM [a-z]{1,20})?"
            .prop_map(|sql| frame(b'Q', &[sql.as_bytes(), b"\0"].concat())),
        "[a-z]{0,5}".prop_map(|name| frame(b'E', &[name.as_bytes(), b"\0\0\0\0\0"].concat())),
        proptest::collection::vec(1_u8.., 0..300).prop_map(|body| frame(b'd', &body)),
        Just(frame(b'S', b"")),
        Just(frame(b'H', b"")),
        Just(frame(b'c', b"")),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(|body| frame(b'F', &body)),
        proptest::collection::vec(1_u8.., 0..300).prop_map(|value| {
            let length = u32::try_from(value.len()).unwrap().to_be_bytes();
            let head = b"\0\0\0\0\0\x01";
            frame(b'B', &[&head[..], &length, &value, b"\0\0"].concat())
        }),
    ]
}

/// Any frame at all, with a length that is right.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..80))
        .prop_map(|(tag, body)| frame(tag, &body))
}

/// Runs `bytes` through a ready session in pieces that end at `cuts`.
fn run(side: Side, bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, Vec<u8>) {
    let mut exchange = ready_exchange();
    let (mut to_target, mut to_client) = (Vec::new(), Vec::new());
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let mut start = 0;
    for end in ends {
        let (target, client) = step(&mut exchange, side, &bytes[start..end]);
        to_target.extend(target);
        to_client.extend(client);
        start = end;
    }
    (to_target, to_client)
}

proptest! {
    #[test]
    fn where_no_rule_applies_bytes_out_are_bytes_in(
        frames in proptest::collection::vec(plain_client_frame(), 1..30),
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        let bytes = frames.concat();
        let (to_target, to_client) = run(Side::Client, &bytes, &cuts);
        prop_assert_eq!(to_target, bytes);
        prop_assert!(to_client.is_empty());
    }

    #[test]
    fn replies_go_through_as_they_are(
        frames in proptest::collection::vec(any_frame(), 1..30),
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        let bytes = frames.concat();
        let (to_target, to_client) = run(Side::Target, &bytes, &cuts);
        prop_assert_eq!(to_client, bytes);
        prop_assert!(to_target.is_empty());
    }

    #[test]
    fn how_the_client_cuts_its_stream_makes_no_difference(
        frames in proptest::collection::vec(any_frame(), 1..30),
        cuts in proptest::collection::vec(any::<usize>(), 0..40),
    ) {
        let bytes = frames.concat();
        prop_assert_eq!(run(Side::Client, &bytes, &cuts), run(Side::Client, &bytes, &[]));
    }

    #[test]
    fn any_bytes_from_both_peers_end_without_a_panic(
        pieces in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..60)), 0..40),
    ) {
        let mut exchange = ready_exchange();
        for (from_client, bytes) in pieces {
            let side = if from_client { Side::Client } else { Side::Target };
            if exchange.has_failed() || (from_client && exchange.client_waits()) {
                break;
            }
            step(&mut exchange, side, &bytes);
        }
    }
}
