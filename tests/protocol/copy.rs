//! COPY by simple and by extended queries, in every format, ended in every way.

use super::{exact, exact_until_ready, log_in, say, say_exactly};
use crate::support::{Wire, both};

const BINARY: &[u8] = b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0\
    \0\x02\0\0\0\x04\0\0\0\x07\0\0\0\x03abc\0\x02\xFF\xFF\xFF\xFF\0\0\0\0\xFF\xFF";

/// Sends the rows of a COPY that the server has begun, in pieces of so many bytes.
fn rows(wire: &mut Wire, data: &[u8], piece: usize) {
    for piece in data.chunks(piece) {
        wire.copy_data(piece);
    }
}

#[test]
fn every_format_by_a_simple_query() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(&mut wire, "CREATE TABLE t (a int, b text)");
        let copies: [(&str, &[u8]); 8] = [
            ("COPY t FROM STDIN", "1\ttext ä\n2\t\\N\n\\N\ta\\tb\\\\c\\n\n".as_bytes()),
            ("COPY t FROM STDIN", b"3\tno end of line"),
            ("COPY t FROM STDIN", b"4\twith an end\n\\.\n"),
            ("COPY t FROM STDIN", b""),
            ("COPY t (b, a) FROM STDIN CSV HEADER", b"b,a\n\"x,\"\"y\"\"\nz\",5\n,6\n\"\",7\n"),
            (
                "COPY t FROM STDIN WITH DELIMITER ',' CSV NULL 'attNULL' ESCAPE '\\'",
                b"8,attNULL\n9,\"a\\\"b\"\n",
            ),
            ("COPY t FROM STDIN (FORMAT binary)", BINARY),
            ("COPY t FROM STDIN BINARY", BINARY),
        ];
        for (sql, data) in copies {
            for piece in [1, 3, 1000] {
                wire.query(sql);
                said += &exact(&wire.until(b'G'));
                rows(&mut wire, data, piece);
                wire.copy_done();
                said += &exact_until_ready(&mut wire, 1);
            }
        }
        for sql in [
            "COPY t TO STDOUT",
            "COPY t TO STDOUT CSV HEADER",
            "COPY t TO STDOUT BINARY",
            "COPY (SELECT 1 WHERE false) TO STDOUT",
            "COPY (SELECT 1/a FROM (VALUES (1), (0)) v (a)) TO STDOUT",
        ] {
            said += &say_exactly(&mut wire, sql);
        }
        said
    });
    assert!(said.contains("8\\t\\\\N\\n"), "{said}");
}

#[test]
fn extended_query_asks_for_a_copy() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(&mut wire, "CREATE TABLE t (a int, b text)");
        for (sql, data) in [
            ("COPY t FROM STDIN", &b"1\tx\n"[..]),
            ("COPY t FROM STDIN CSV", b"2,y\n"),
            ("COPY t FROM STDIN BINARY", BINARY),
        ] {
            wire.parse("copy", sql, &[])
                .describe(b'S', "copy")
                .bind("", "copy", &[], &[], 0)
                .describe(b'P', "");
            wire.execute("", 0).flush();
            said += &exact(&wire.until(b'G'));
            rows(&mut wire, data, 2);
            wire.copy_done().sync();
            said += &exact_until_ready(&mut wire, 1);
            wire.close(b'S', "copy").sync();
            said += &exact_until_ready(&mut wire, 1);
        }
        wire.parse("", "COPY t TO STDOUT", &[]).bind("", "", &[], &[], 0).execute("", 0);
        wire.parse("", "SELECT count(*) FROM t", &[])
            .bind("", "", &[], &[], 0)
            .execute("", 0)
            .sync();
        said += &exact_until_ready(&mut wire, 1);
        said
    });
}

#[test]
fn client_gives_up() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(&mut wire, "CREATE TABLE t (a int)");
        wire.query("COPY t FROM STDIN");
        said += &exact(&wire.until(b'G'));
        wire.copy_data("1\n2").copy_fail("no more ä");
        said += &exact_until_ready(&mut wire, 1);
        wire.parse("", "COPY t FROM STDIN", &[]).bind("", "", &[], &[], 0).execute("", 0).flush();
        said += &exact(&wire.until(b'G'));
        wire.copy_data("1\n").copy_fail("").execute("", 0).sync();
        said += &exact_until_ready(&mut wire, 1);
        said += &say(&mut wire, "SELECT count(*) FROM t");
        said
    });
    assert!(said.contains("COPY from stdin failed: no more"), "{said}");
    assert!(said.ends_with("DataRow 0\nCommandComplete SELECT 1\nReadyForQuery I\n"), "{said}");
}

#[test]
fn error_while_rows_are_sent() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(&mut wire, "CREATE TABLE t (a int)");
        // The rest of the rows is on its way, and the next statement too.
        wire.query("COPY t FROM STDIN");
        said += &exact(&wire.until(b'G'));
        wire.copy_data("1\n").copy_data("x\n").copy_data("2\n").copy_done().query("SELECT 'next'");
        said += &exact_until_ready(&mut wire, 2);
        wire.parse("", "COPY t FROM STDIN", &[]).bind("", "", &[], &[], 0).execute("", 0).flush();
        said += &exact(&wire.until(b'G'));
        wire.copy_data("1\nx\n").copy_data("2\n").copy_done();
        wire.parse("", "SELECT 'skipped'", &[]).sync().query("SELECT 'next'");
        said += &exact_until_ready(&mut wire, 2);
        // Another message in the middle of the rows.
        wire.query("COPY t FROM STDIN");
        said += &exact(&wire.until(b'G'));
        wire.copy_data("1\n").query("SELECT 'in between'");
        said += &exact(&wire.until(b'E'));
        said
    });
}

#[test]
fn copies_among_several_statements() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(&mut wire, "CREATE TABLE t (a int); CREATE TABLE u (b text)");
        wire.query("SELECT 'before'; COPY t FROM STDIN; SELECT 'after'");
        said += &exact(&wire.until(b'G'));
        wire.copy_data("1\n2\n").copy_done();
        said += &exact_until_ready(&mut wire, 1);
        // Two of them.
        wire.query("COPY t FROM STDIN; COPY u FROM STDIN CSV; COPY t TO STDOUT; TABLE u");
        said += &exact(&wire.until(b'G'));
        wire.copy_data("3\n").copy_done();
        said += &exact(&wire.until(b'G'));
        wire.copy_data("\"a\"\"b\"\n").copy_done();
        said += &exact_until_ready(&mut wire, 1);
        // The first one fails, so the second one never begins.
        wire.query("COPY t FROM STDIN; COPY u FROM STDIN");
        said += &exact(&wire.until(b'G'));
        wire.copy_data("x\n").copy_done();
        said += &exact_until_ready(&mut wire, 1);
        said += &say(&mut wire, "SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM u)");
        // One of them in a transaction that is undone.
        wire.query("BEGIN; COPY t FROM STDIN; ROLLBACK; SELECT count(*) FROM t");
        said += &exact(&wire.until(b'G'));
        wire.copy_data("4\n").copy_done();
        said += &exact_until_ready(&mut wire, 1);
        said
    });
    assert!(said.contains("DataRow 3 1\n"), "{said}");
}

#[test]
fn copy_that_never_begins() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = String::new();
        for sql in ["COPY missing FROM STDIN", "COPY pg_class (nope) FROM STDIN", "COPY FROM STDIN"]
        {
            // A client that does not wait for the server to ask.
            wire.query(sql).copy_data("1\n").copy_done().query("SELECT 'simple'");
            said += &exact_until_ready(&mut wire, 2);
            wire.parse("", sql, &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
            wire.copy_data("1\n").copy_done().sync();
            said += &exact_until_ready(&mut wire, 2);
        }
        said += &say(&mut wire, "BEGIN; SELECT nope");
        said += &say(&mut wire, "COPY pg_class FROM STDIN");
        said += &say(&mut wire, "ROLLBACK");
        // CopyData that nobody asked for.
        wire.copy_data("1\n").copy_fail("x").copy_done().query("SELECT 'end'");
        said += &exact_until_ready(&mut wire, 1);
        said
    });
}

#[test]
fn client_that_does_not_wait_for_the_server_to_ask() {
    let said = both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(&mut wire, "CREATE TABLE t (a int)");
        wire.query("COPY t FROM STDIN").copy_data("1\n2\n").copy_done().query("TABLE t");
        said += &exact_until_ready(&mut wire, 2);
        wire.query("COPY t FROM STDIN; COPY t FROM STDIN").copy_data("3\n").copy_done();
        wire.copy_data("4\n").copy_done().query("TABLE t");
        said += &exact_until_ready(&mut wire, 2);
        wire.parse("", "COPY t FROM STDIN", &[]).bind("", "", &[], &[], 0).execute("", 0);
        wire.copy_data("5\n").copy_done();
        wire.parse("", "TABLE t", &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
        said += &exact_until_ready(&mut wire, 1);
        said
    });
    assert!(said.contains("SELECT 5"), "{said}");
}

#[test]
fn trigger_fails_before_the_first_row() {
    both(|endpoint| {
        let mut wire = log_in(endpoint);
        let mut said = say(
            &mut wire,
            "CREATE TABLE t (a int);
             CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE 'refused' USING ERRCODE = 'YY002'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON t EXECUTE FUNCTION refuse();
             ALTER TABLE t ENABLE ALWAYS TRIGGER refuse",
        );
        wire.query("COPY t FROM STDIN; SELECT 'never'");
        said += &exact(&wire.until(b'E'));
        wire.copy_data("1\n").copy_done().query("SELECT 'next'");
        said += &exact_until_ready(&mut wire, 2);
        wire.parse("", "COPY t FROM STDIN", &[]).bind("", "", &[], &[], 0).execute("", 0).sync();
        wire.copy_data("1\n").copy_done().sync();
        said += &exact_until_ready(&mut wire, 2);
        said += &say(&mut wire, "SELECT count(*) FROM t");
        said
    });
}
