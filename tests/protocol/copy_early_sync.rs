//! Clients that send a Sync right behind the Execute of a COPY. In COPY mode the server ignores it,
//! so two Syncs have one answer; where the COPY never begins they have two.

use super::{exact, exact_until_ready, log_in, say};
use crate::support::{Cluster, Proxy, Wire, both};

fn begin(wire: &mut Wire, sql: &str) {
    wire.parse("", sql, &[]).bind("", "", &[], &[], 0).describe(b'P', "").execute("", 0).sync();
}

#[test]
fn only_the_second_sync_is_answered() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(&mut wire, "CREATE TABLE t (a int)");
        for _ in 0..3 {
            begin(&mut wire, "COPY t FROM STDIN");
            said += &exact(&wire.until(b'G'));
            wire.copy_data("1\n").copy_data("2\n").copy_done().sync();
            said += &exact_until_ready(&mut wire, 1);
            // The session is where it was: the next answers are the next statements'.
            begin(&mut wire, "SELECT count(*) FROM t");
            wire.query("SELECT 'simple'");
            said += &exact_until_ready(&mut wire, 2);
        }
        said
    });
    assert_eq!(said.matches("Z I").count(), 9, "{said}");
}

#[test]
fn rows_are_sent_without_waiting() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(&mut wire, "CREATE TABLE t (a int)");
        begin(&mut wire, "COPY t FROM STDIN");
        wire.copy_data("1\n").copy_done().sync().query("TABLE t");
        said += &exact_until_ready(&mut wire, 2);
        said
    });
}

#[test]
fn client_gives_up() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(&mut wire, "CREATE TABLE t (a int)");
        begin(&mut wire, "COPY t FROM STDIN");
        said += &exact(&wire.until(b'G'));
        wire.copy_data("1\n").copy_fail("enough").sync();
        wire.query("SELECT 'next'");
        said += &exact_until_ready(&mut wire, 2);
        said
    });
}

#[test]
fn error_while_rows_are_sent() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(&mut wire, "CREATE TABLE t (a int)");
        begin(&mut wire, "COPY t FROM STDIN");
        said += &exact(&wire.until(b'G'));
        wire.copy_data("x\n");
        said += &exact(&wire.until(b'E'));
        wire.copy_data("1\n").copy_done().sync();
        wire.query("SELECT 'next'");
        said += &exact_until_ready(&mut wire, 2);
        begin(&mut wire, "SELECT 'extended'");
        said += &exact_until_ready(&mut wire, 1);
        said
    });
}

#[test]
fn copy_never_begins() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = String::new();
        begin(&mut wire, "COPY missing FROM STDIN");
        said += &exact_until_ready(&mut wire, 1);
        // The client learns of it too late.
        wire.copy_data("1\n").copy_done().sync();
        said += &exact_until_ready(&mut wire, 1);
        begin(&mut wire, "SELECT 'next'");
        said += &exact_until_ready(&mut wire, 1);
        said
    });
    assert_eq!(said.matches("Z I").count(), 3, "{said}");
}

#[test]
fn in_a_transaction_and_among_other_statements() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(&mut wire, "CREATE TABLE t (a int); BEGIN");
        wire.parse("", "INSERT INTO t VALUES (0)", &[]).bind("", "", &[], &[], 0).execute("", 0);
        begin(&mut wire, "COPY t FROM STDIN");
        said += &exact(&wire.until(b'G'));
        wire.copy_data("1\n").copy_done();
        wire.parse("", "TABLE t", &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
        said += &exact_until_ready(&mut wire, 1);
        said += &say(&mut wire, "COMMIT");
        said
    });
}

#[test]
fn a_text_that_is_changed() {
    let proxy = Proxy::start("[values]\nnul = \"remove\"\n", &[]);
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE t (a int, b boolean, j jsonb)");
    for _ in 0..2 {
        begin(&mut wire, "COPY t (a, b, j) FROM STDIN");
        wire.until(b'G');
        wire.copy_data("1\t1\t\"\\\\u0000x\"\n").copy_done().sync();
        exact_until_ready(&mut wire, 1);
    }
    assert_eq!(database.query("SELECT j FROM t"), [["\"x\""], ["\"x\""]]);
}
