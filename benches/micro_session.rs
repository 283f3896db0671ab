//! What it costs to cut and judge frames that nothing is done to.

use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use dms_proxy::config::Config;
use dms_proxy::session::{Direction, Exchange, Session};
use dms_proxy::wire::{RelayBuffer, StartupParameters};

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag][..], &length, body].concat()
}

fn drain(buffer: &mut RelayBuffer) {
    let count = buffer.outgoing().len();
    buffer.mark_sent(count);
}

/// A session past its login.
fn ready() -> Exchange {
    let policy = Arc::new(Config::default().policy().unwrap());
    let mut exchange =
        Exchange::new(Session::new(policy, Arc::default(), StartupParameters::default()));
    exchange.buffer(Direction::ToTarget).attach(vec![0; 64 * 1024]);
    exchange.buffer(Direction::ToClient).attach(vec![0; 64 * 1024]);
    let ready = frame(b'Z', b"I");
    let complete = frame(b'C', b"SET\0");
    let login = [&ready[..], &complete, &ready, &complete, &ready].concat();
    exchange.buffer(Direction::ToClient).extend(&login);
    exchange.judge_target();
    drain(exchange.buffer(Direction::ToClient));
    drain(exchange.buffer(Direction::ToTarget));
    exchange
}

/// Rows of 100 bytes on their way to the client, 32 KiB at a time.
#[divan::bench]
fn data_rows(bencher: Bencher<'_, '_>) {
    let row = frame(b'D', &[0; 100]);
    let rows = row.repeat(32 * 1024 / row.len());
    let mut exchange = ready();
    bencher.counter(BytesCount::new(rows.len())).bench_local(|| {
        exchange.buffer(Direction::ToClient).extend(black_box(&rows));
        exchange.judge_target();
        drain(exchange.buffer(Direction::ToClient));
    });
}

/// One prepared statement executed: what the client sends and what the target answers.
#[divan::bench]
fn prepared_round_trip(bencher: Bencher<'_, '_>) {
    let bind = frame(b'B', b"\0P0_1\0\0\0\0\x01\0\0\0\x0512345\0\x01\0\0");
    let request =
        [&bind[..], &frame(b'D', b"P\0"), &frame(b'E', b"\0\0\0\0\0"), &frame(b'S', b"")].concat();
    let reply = [
        &frame(b'2', b"")[..],
        &frame(b'T', &[0; 30]),
        &frame(b'D', &[0; 10]),
        &frame(b'C', b"SELECT 1\0"),
        &frame(b'Z', b"I"),
    ]
    .concat();
    round_trip(bencher, &request, &reply);
}

/// One short simple query, its text read.
#[divan::bench]
fn simple_round_trip(bencher: Bencher<'_, '_>) {
    let sql = b"SELECT abalance FROM pgbench_accounts WHERE aid = 123456;\0";
    let reply = [
        &frame(b'T', &[0; 30])[..],
        &frame(b'D', &[0; 10]),
        &frame(b'C', b"SELECT 1\0"),
        &frame(b'Z', b"I"),
    ]
    .concat();
    round_trip(bencher, &frame(b'Q', sql), &reply);
}

fn round_trip(bencher: Bencher<'_, '_>, request: &[u8], reply: &[u8]) {
    let mut exchange = ready();
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        exchange.buffer(Direction::ToTarget).extend(black_box(request));
        exchange.judge_client();
        drain(exchange.buffer(Direction::ToTarget));
        exchange.buffer(Direction::ToClient).extend(black_box(reply));
        exchange.judge_target();
        drain(exchange.buffer(Direction::ToClient));
    });
}
