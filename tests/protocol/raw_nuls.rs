//! The byte 0x00 in the text of a statement, by every policy.

use super::{log_in, run, sqlstate};
use crate::support::{Cluster, Proxy};

#[test]
fn the_text_of_a_parse_is_mended_as_that_of_a_query() {
    for (values, expected) in [
        ("", "a b c"),
        ("nul = \"remove\"", "abc"),
        ("replacements = { \"U+0000\" = \"_\" }", "a_b_c"),
        ("replacements = { \"U+0000\" = \"\" }", "abc"),
    ] {
        let proxy = Proxy::start(&format!("[values]\n{values}\n"), &[]);
        let database = Cluster::shared().create_database();
        let mut wire = log_in(&proxy.endpoint(database.endpoint()));
        run(&mut wire, "CREATE TABLE t (n int, a text, b boolean)", false);
        for by_parse in [false, true] {
            // With a question for the columns, and with a replacement behind the bytes.
            for sql in
                ["INSERT INTO t VALUES (1, 'a\0b\0c', 1)", "INSERT INTO t (a) VALUES ('a\0b\0c')"]
            {
                let said = run(&mut wire, sql, by_parse);
                assert!(said.contains("INSERT 0 1\n"), "{values} {by_parse}: {said}");
            }
        }
        // Named, with declared types and a parameter.
        wire.parse("s", "UPDATE t SET a = 'a\0b\0c' WHERE n = $1", &[23]);
        wire.bind("", "s", &[], &[Some(b"1")], 0).execute("", 0).sync();
        assert!(
            wire.until_ready().iter().any(|frame| frame.to_string() == "CommandComplete UPDATE 2")
        );
        let stored = database.query("SELECT DISTINCT a, b FROM t ORDER BY b");
        assert_eq!(stored, [[expected, "t"], [expected, "NULL"]], "{values}");
    }
}

#[test]
fn refused_where_that_is_asked_for() {
    let proxy = Proxy::start("[values]\nnul = \"reject\"\n", &[]);
    let database = Cluster::shared().create_database();
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    assert_eq!(sqlstate(&wire.query("SELECT 'a\0b'").until_ready()), "22021");
    // The server's own answer to a text that ends too early.
    assert_eq!(sqlstate(&wire.parse("", "SELECT 'a\0b'", &[]).sync().until_ready()), "08P01");
}
