//! What the policies of AWS DMS make of rows that the target refuses: tables are suspended, many errors escalate,
//! conflicts are resolved.

use super::set_aside::copy;
use super::set_aside_changes::{aside, prepared};
use super::{log_in, say};
use crate::support::{Database, Proxy, Wire};

fn started(errors: &str) -> (Proxy, Database, Wire) {
    let proxy = Proxy::start(&format!("[errors]\n{errors}\n[fk]\nmode = \"off\"\n"), &[]);
    let database = prepared();
    let wire = log_in(&proxy.endpoint(database.endpoint()));
    (proxy, database, wire)
}

/// The ids of `plain` that were loaded.
fn loaded(database: &Database) -> String {
    database.query("SELECT string_agg(id::text, ',' ORDER BY id) FROM plain WHERE id < 100")[0][0]
        .clone()
}

/// Table, SQLSTATE, state and row of what was set aside, in short.
fn short(database: &Database) -> Vec<String> {
    aside(database)
        .into_iter()
        .map(|row| {
            let words: Vec<&str> = row.splitn(8, ' ').collect();
            [words[0], words[1], words[2], words[7]].join(" ")
        })
        .collect()
}

fn resume(database: &Database, table: &str) {
    let sql = format!(
        "DELETE FROM dms_proxy.suspended_tables WHERE table_name = '{table}' RETURNING sqlstate"
    );
    assert_eq!(database.query(&sql).len(), 1, "{table}");
}

#[test]
fn rows_of_a_suspended_table_are_set_aside_whole() {
    let (proxy, database, mut wire) = started("data_error_policy = \"suspend-table\"");
    let mut other = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut other, "INSERT INTO dated VALUES (1, '2024-01-31')");
    for in_transaction in [false, true] {
        if in_transaction {
            say(&mut wire, "BEGIN");
        }
        let said = copy(&mut wire, "COPY plain FROM STDIN", b"1\ta\nx\tb\n3\tc\n", 4, false);
        assert!(said.contains("COPY 1\n") && said.contains("2 rows were set aside"), "{said}");
        // In this session it holds at once.
        let said = say(&mut wire, "INSERT INTO plain VALUES (4, 'd'), (5, 'e')");
        assert!(said.contains("INSERT 0 0\n"), "{said}");
        let said = say(&mut wire, "UPDATE plain SET v = 'z' WHERE id = 1");
        assert!(said.contains("UPDATE 0\n"), "{said}");
        wire.parse("one", "INSERT INTO plain VALUES ($1, $2)", &[23, 0]);
        wire.bind("", "one", &[], &[Some(b"6"), Some(b"f")], 0).describe(b'P', "");
        let said = crate::support::transcript(&wire.execute("", 0).sync().until_ready());
        let answers: Vec<&str> = said.lines().filter(|line| !line.starts_with("Notice")).collect();
        let status = if in_transaction { "ReadyForQuery T" } else { "ReadyForQuery I" };
        let expected =
            ["ParseComplete", "BindComplete", "NoData", "CommandComplete INSERT 0 0", status];
        assert_eq!(answers, expected, "{said}");
        // What was prepared is there.
        wire.bind("", "one", &[], &[Some(b"x"), Some(b"g")], 0).execute("", 0);
        let said = crate::support::transcript(&wire.sync().until_ready());
        assert!(said.contains("BindComplete") && said.contains("INSERT 0 0"), "{said}");
        // Nothing else stops.
        assert!(say(&mut wire, "INSERT INTO child VALUES (1, 'v1')").contains("INSERT 0 1\n"));
        say(&mut wire, "DELETE FROM child");
        if in_transaction {
            say(&mut wire, "COMMIT");
        }
        let expected = [
            "plain 22P02 open x\tb",
            "plain 55000 open 3\tc",
            "plain 55000 open 4\td",
            "plain 55000 open 5\te",
            "plain 55000 open UPDATE plain SET v = 'z' WHERE id = 1",
            "plain 55000 open 6\tf",
            "plain 55000 open x\tg",
        ];
        assert_eq!(short(&database), expected);
        assert_eq!(loaded(&database), "1");
        // Another session may have asked a moment ago.
        let start = std::time::Instant::now();
        while say(&mut other, "INSERT INTO plain VALUES (7, 'h')").contains("INSERT 0 1\n") {
            say(&mut other, "DELETE FROM plain WHERE id = 7");
            assert!(start.elapsed().as_secs() < 10);
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        short(&database);
        resume(&database, "plain");
        assert!(say(&mut wire, "DELETE FROM plain WHERE id < 100").contains("DELETE 1\n"));
        assert!(say(&mut wire, "DEALLOCATE one").contains("DEALLOCATE"));
    }
}

#[test]
fn what_is_rolled_back_suspends_nothing() {
    let (_proxy, database, mut wire) = started("data_error_policy = \"suspend-table\"");
    say(&mut wire, "BEGIN");
    assert!(say(&mut wire, "INSERT INTO plain VALUES ('x', 'a')").contains("INSERT 0 0\n"));
    assert!(say(&mut wire, "INSERT INTO plain VALUES (1, 'a')").contains("INSERT 0 0\n"));
    say(&mut wire, "ROLLBACK");
    assert!(say(&mut wire, "INSERT INTO plain VALUES (1, 'a')").contains("INSERT 0 1\n"));
    assert_eq!(loaded(&database), "1");
}

#[test]
fn a_load_that_its_table_refuses_suspends_it() {
    let (_proxy, database, mut wire) = started("table_error_policy = \"suspend-table\"");
    let said = copy(&mut wire, "COPY plain (id, w) FROM STDIN", b"1\ta\n2\tb\n", 4, false);
    assert!(said.contains("COPY 0\n") && said.contains("2 rows were set aside"), "{said}");
    assert_eq!(short(&database), ["plain 42703 open 1\ta", "plain 42703 open 2\tb"]);
    assert!(say(&mut wire, "INSERT INTO plain VALUES (3, 'c')").contains("INSERT 0 0\n"));
    resume(&database, "plain");
    short(&database);
    let said = say(&mut wire, "INSERT INTO plain (id, w) VALUES (3, 'c'), (4, 'd')");
    assert!(said.contains("INSERT 0 0\n"), "{said}");
    assert_eq!(short(&database), ["plain 42703 open 3\tc", "plain 42703 open 4\td"]);
    resume(&database, "plain");
    // Errors of rows, and of what is not there, are the server's.
    for sql in ["INSERT INTO plain VALUES ('x', 'c')", "INSERT INTO nowhere VALUES (1)"] {
        assert!(say(&mut wire, sql).contains("ErrorResponse"), "{sql}");
    }
    assert!(aside(&database).is_empty());
}

#[test]
fn many_errors_escalate() {
    let (_proxy, database, mut wire) = started(
        "data_error_policy = \"ignore-record\"\ndata_error_escalation_count = 3\n\
         data_error_escalation_policy = \"suspend-table\"\ntable_error_escalation_count = 2",
    );
    let data = b"a\ta\n1\tb\nb\tc\nc\td\n4\te\n";
    let said = copy(&mut wire, "COPY plain FROM STDIN", data, 4, false);
    assert!(said.contains("COPY 1\n"), "{said}");
    let states: Vec<String> = short(&database)
        .iter()
        .map(|row| row[6..].split('\t').next().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["22P02 ignored a", "22P02 ignored b", "22P02 open c", "55000 open 4"]);
    // The second table that is to be suspended stops the load.
    let said = say(&mut wire, "INSERT INTO dated VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    assert!(said.contains("22007") && !said.contains("INSERT"), "{said}");
    assert_eq!(database.query("SELECT count(*) FROM dated"), [["0"]]);
    assert!(aside(&database).is_empty());
}

#[test]
fn many_errors_stop_the_load() {
    let (_proxy, database, mut wire) = started(
        "data_error_policy = \"log-error\"\ndata_error_escalation_count = 2\n\
         data_error_escalation_policy = \"stop-task\"",
    );
    for in_transaction in [false, true] {
        if in_transaction {
            say(&mut wire, "BEGIN");
        }
        let said = copy(&mut wire, "COPY plain FROM STDIN", b"1\ta\nx\tb\ny\tc\n", 4, false);
        assert!(said.contains("22P02") && said.contains("line 3"), "{said}");
        let status = if in_transaction { "ReadyForQuery E\n" } else { "ReadyForQuery I\n" };
        assert!(said.ends_with(status), "{said}");
        say(&mut wire, "ROLLBACK");
        assert_eq!(loaded(&database), "NULL");
        let said = say(&mut wire, "INSERT INTO plain VALUES ('x', 'a'), (2, 'b'), ('y', 'c')");
        assert!(said.contains("22P02") && !said.contains("INSERT"), "{said}");
    }
    let there = database.query("SELECT to_regclass('dms_proxy.rejected_rows')::text");
    assert_eq!(there, [["NULL"]]);
}

#[test]
fn an_update_without_its_row_inserts_it() {
    let (_proxy, database, mut wire) =
        started("apply_error_update_policy = \"UPDATE_RECORD\"\ndata_error_policy = \"log-error\"");
    for in_transaction in [false, true] {
        if in_transaction {
            say(&mut wire, "BEGIN");
        }
        let said = say(&mut wire, "UPDATE plain SET v = 'a' WHERE id = 1");
        assert!(said.contains("UPDATE 1\n") && !said.contains("set aside"), "{said}");
        wire.parse("", "UPDATE plain SET v = $1, id = $3 WHERE id = $2", &[0, 23, 0]);
        let values: [Option<&[u8]>; 3] = [Some(b"b"), Some(&[0, 0, 0, 2]), Some(b"3")];
        wire.bind("", "", &[0, 1, 0], &values, 0).execute("", 0).sync();
        let said = crate::support::transcript(&wire.until_ready());
        assert!(said.contains("UPDATE 1\n"), "{said}");
        // What the statement does not state plainly, and a row that is refused, are set aside.
        for sql in
            ["UPDATE plain SET v = 'c' WHERE id > 200", "UPDATE plain SET v = 'bad' WHERE id = 4"]
        {
            assert!(say(&mut wire, sql).contains("UPDATE 0\n"), "{sql}");
        }
        if in_transaction {
            say(&mut wire, "COMMIT");
        }
        assert_eq!(loaded(&database), "1,3");
        let rows = database.query("SELECT id, v FROM plain WHERE id < 100 ORDER BY 1");
        assert_eq!(rows, [["1", "a"], ["3", "b"]]);
        let expected =
            ["UPDATE plain SET v = 'c' WHERE id > 200", "UPDATE plain SET v = 'bad' WHERE id = 4"]
                .map(|sql| format!("plain 02000 open {sql}"));
        assert_eq!(short(&database), expected);
        say(&mut wire, "DELETE FROM plain WHERE id < 100");
    }
}

#[test]
fn conflicts_of_a_full_load_are_ignored() {
    let (_proxy, database, mut wire) = started(
        "full_load_ignore_conflicts = true\napply_error_delete_policy = \"log-error\"\n\
         apply_error_insert_policy = \"stop-task\"",
    );
    for (sql, tag, kept) in [
        (
            "INSERT INTO plain VALUES (1, 'a'), (100, 'b')",
            "INSERT 0 1",
            "plain 23505 ignored 100\tb",
        ),
        (
            "DELETE FROM plain WHERE id = 7",
            "DELETE 0",
            "plain 02000 ignored DELETE FROM plain WHERE id = 7",
        ),
        (
            "UPDATE plain SET v = 'c' WHERE id = 7",
            "UPDATE 0",
            "plain 02000 ignored UPDATE plain SET v = 'c' WHERE id = 7",
        ),
    ] {
        let said = say(&mut wire, sql);
        assert!(said.contains(&format!("CommandComplete {tag}\n")), "{said}");
        assert_eq!(short(&database), [kept]);
    }
    // In the phase of changes the other policies hold.
    say(&mut wire, "SET dms.phase = 'cdc'");
    assert!(say(&mut wire, "INSERT INTO plain VALUES (100, 'b')").contains("23505"));
    assert!(say(&mut wire, "DELETE FROM plain WHERE id = 7").contains("DELETE 0\n"));
    assert_eq!(short(&database), ["plain 02000 open DELETE FROM plain WHERE id = 7"]);
}

#[test]
fn rows_are_written_to_the_table_of_aws_dms() {
    let (_proxy, database, mut wire) = started(
        "data_error_policy = \"log-error\"\ndata_truncation_error_policy = \"log-error\"\n\
         control_schema = \"Control\"",
    );
    let said = say(&mut wire, "INSERT INTO plain VALUES ('x', 'a')");
    assert!(said.contains("22P02"), "{said}");
    database.query("CREATE SCHEMA \"Control\"");
    let rows = || {
        database.query(
            "WITH gone AS (DELETE FROM \"Control\".awsdms_apply_exceptions RETURNING *)
            SELECT \"TABLE_OWNER\", \"TABLE_NAME\", \"STATEMENT\", \"ERROR\" FROM gone ORDER BY \"STATEMENT\"",
        )
    };
    for in_transaction in [false, true] {
        if in_transaction {
            say(&mut wire, "BEGIN");
        }
        let said = copy(&mut wire, "COPY plain FROM STDIN", b"1\ttoo long\n", 4, false);
        assert!(said.contains("COPY 0\n"), "{said}");
        say(&mut wire, "INSERT INTO plain (v, id) VALUES ('a', 1), ('b', 'x')");
        say(&mut wire, "UPDATE plain SET v = NULL WHERE id = 100");
        if in_transaction {
            say(&mut wire, "COMMIT");
        }
        let found = rows();
        let statements: Vec<&str> = found.iter().map(|row| &*row[2]).collect();
        let expected = [
            "COPY plain FROM STDIN 1\\ttoo long",
            "INSERT INTO plain (v, id) VALUES ('b', 'x')",
            "UPDATE plain SET v = NULL WHERE id = 100",
        ];
        assert_eq!(statements, expected);
        assert_eq!((&*found[0][0], &*found[0][1]), ("public", "plain"));
        assert!(found[0][3].starts_with("22001 value too long"), "{found:?}");
        assert_eq!(aside(&database).len(), 3);
        say(&mut wire, "DELETE FROM plain WHERE id < 100");
    }
    let columns = database.query(
        "SELECT string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = '\"Control\".awsdms_apply_exceptions'::regclass AND attnum > 0",
    );
    assert_eq!(
        columns,
        [["\"TASK_NAME\" character varying(128), \"TABLE_OWNER\" character varying(128), \
           \"TABLE_NAME\" character varying(128), \"ERROR_TIME\" timestamp without time zone, \
           \"STATEMENT\" text, \"ERROR\" text"]]
    );
}

#[test]
fn the_key_of_a_row_is_kept_where_that_is_asked() {
    let (_proxy, database, mut wire) = started(
        "data_error_policy = \"log-error\"\nkeep = \"key\"\ndata_truncation_error_policy = \"log-error\"",
    );
    database.query("CREATE TABLE two (a text, secret varchar(3), b int, PRIMARY KEY (b, a))");
    let kept = || {
        let rows = database.query(
            "WITH aside AS (DELETE FROM dms_proxy.rejected_rows RETURNING *)
            SELECT concat_ws(' ', message, state, array_to_string(column_names, ','),
                encode(\"row\", 'escape')) FROM aside ORDER BY line, \"row\"",
        );
        rows.into_iter().flatten().collect::<Vec<_>>()
    };
    copy(&mut wire, "COPY two FROM STDIN", b"a\\tb\tsecret\t1\nx\ty\n", 5, false);
    assert_eq!(kept(), ["SQLSTATE 22001 cut a,b a\\\\tb\t1", "SQLSTATE 22P04 cut a,b"]);
    let sql = "COPY two (b, secret, a) FROM STDIN (FORMAT csv, DELIMITER ';')";
    copy(&mut wire, sql, b"1;secret;\"a;\"\n", 5, false);
    assert_eq!(kept(), ["SQLSTATE 22001 cut b,a 1;\"a;\""]);
    let tuple = b"\0\x03\0\0\0\x01a\0\0\0\x06secret\0\0\0\x04\0\0\0\x07";
    let stream = [&b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0"[..], tuple, b"\xFF\xFF"].concat();
    copy(&mut wire, "COPY two FROM STDIN (FORMAT binary)", &stream, 50, false);
    let key = "\\000\x02\\000\\000\\000\x01a\\000\\000\\000\x04\\000\\000\\000\x07";
    assert_eq!(kept(), [format!("SQLSTATE 22001 cut a,b {key}")]);
    say(&mut wire, "INSERT INTO two VALUES ('a', 'secret', 1), ('b', 's', 2)");
    say(&mut wire, "UPDATE two SET secret = 'secret' WHERE a = 'b'");
    let expected = ["SQLSTATE 22001 cut a,b a\t1", "SQLSTATE 22001 cut a,secret,b"];
    assert_eq!(kept(), expected);
    // Where there is no key, nothing is kept.
    copy(&mut wire, "COPY apart FROM STDIN", b"1\ttoo long\n", 5, false);
    assert_eq!(kept(), ["SQLSTATE 22001 cut "]);
}
