use super::*;

/// The parts of a script: `S` and its text for statements, `C` for commands, `T` and `R`.
fn parts(text: &str, program: ClientProgram) -> Vec<String> {
    segments(text.as_bytes(), program)
        .into_iter()
        .map(|segment| {
            let kind = match segment.kind {
                SegmentKind::Statement { has_backslash_escapes: false } => "S",
                SegmentKind::Statement { has_backslash_escapes: true } => "B",
                SegmentKind::Command => "C",
                SegmentKind::Terminator => "T",
                SegmentKind::Rows => "R",
            };
            format!("{kind} {}", &text[segment.span])
        })
        .collect()
}

#[test]
fn batches_of_sqlcmd_end_at_go() {
    let text = "USE [a]\nGO\r\nCREATE TABLE [it's] (a int) -- GO\nINSERT t VALUES ('\nGO\n'); SELECT 1\n\
        /*\nGO\n*/\n  go 5\n:setvar x y\n:r file.sql\nGOTO there\nGO -- done\nSELECT 1";
    let expected = [
        "S USE [a]",
        "T GO\r",
        "S CREATE TABLE [it's] (a int)",
        "S INSERT t VALUES ('\nGO\n'); SELECT 1",
        "T   go 5",
        "C :setvar x y",
        "C :r file.sql",
        "S GOTO there",
        "T GO -- done",
        "S SELECT 1",
    ];
    assert_eq!(parts(text, ClientProgram::Sqlcmd), expected);
    assert_eq!(
        parts("SELECT 1\ngo\nreset\nquit\n", ClientProgram::Isql),
        ["S SELECT 1", "T go", "C reset", "C quit"]
    );
}

#[test]
fn lines_of_sqlplus_are_not_sql() {
    let text = "REM it's\nREMARK x\nPROMPT don't; do\nSET DEFINE OFF\nSET -\n  ECHO ON\n@other.sql\n\
        SET ROLE app;\nCREATE TABLE t (a NUMBER\n  -- it's\n);\nCREATE OR REPLACE PROCEDURE p AS\nBEGIN\n\
        NULL; /* ; */\nEND;\n/\nINSERT INTO t VALUES (q'[it's]');\nexec p(1)\ncol a format a10\n\
        BEGIN p; END;\n/\nCREATE TYPE o AS OBJECT (a NUMBER);\n/\nEXIT\n";
    let expected = [
        "C REM it's",
        "C REMARK x",
        "C PROMPT don't; do",
        "C SET DEFINE OFF",
        "C SET -\n  ECHO ON",
        "C @other.sql",
        "S SET ROLE app",
        "T ;",
        "S CREATE TABLE t (a NUMBER\n  -- it's\n)",
        "T ;",
        "S CREATE OR REPLACE PROCEDURE p AS\nBEGIN\nNULL; /* ; */\nEND;",
        "T /",
        "S INSERT INTO t VALUES (q'[it's]')",
        "T ;",
        "C exec p(1)",
        "C col a format a10",
        "S BEGIN p; END;",
        "T /",
        "S CREATE TYPE o AS OBJECT (a NUMBER);",
        "T /",
        "C EXIT",
    ];
    assert_eq!(parts(text, ClientProgram::SqlPlus), expected);
}

#[test]
fn statements_of_sqlplus_are_not_its_commands() {
    for word in [
        "ALTER",
        "ANALYZE",
        "AUDIT",
        "CALL",
        "COMMENT",
        "COMMIT",
        "CREATE",
        "DELETE",
        "DROP",
        "EXPLAIN",
        "GRANT",
        "INSERT",
        "LOCK",
        "MERGE",
        "PURGE",
        "RENAME",
        "REVOKE",
        "ROLLBACK",
        "SAVEPOINT",
        "SELECT",
        "TRUNCATE",
        "UPDATE",
        "WITH",
    ] {
        let text = format!("{word} x;");
        assert_eq!(parts(&text, ClientProgram::SqlPlus)[0], format!("S {word} x"), "{word}");
    }
}

#[test]
fn mysql_has_delimiters_escapes_and_hash_comments() {
    let text = "# it's\nUSE shop\nINSERT INTO `a;b` VALUES ('it\\'s;', \"x;\\\"'\", 1--1);\nDELIMITER //\n\
        CREATE TRIGGER t BEGIN SET a = 1; END//\ndelimiter ;\nSELECT 1\\G\nSELECT '\n# a';\n\
        /*!40101 SET x = 'a' */;\n-- b;\nSELECT 2 --x;\n";
    let expected = [
        "C USE shop",
        "B INSERT INTO `a;b` VALUES ('it\\'s;', \"x;\\\"'\", 1--1)",
        "T ;",
        "C DELIMITER //",
        "B CREATE TRIGGER t BEGIN SET a = 1; END",
        "T //",
        "C delimiter ;",
        "B SELECT 1",
        "T \\G",
        "B SELECT '\n# a'",
        "T ;",
        "T ;",
        "B SELECT 2 --x",
        "T ;",
    ];
    assert_eq!(parts(text, ClientProgram::Mysql), expected);
}

#[test]
fn psql_has_rows_commands_and_a_setting_for_strings() {
    let text = "\\connect 'it\nCOPY t (a, b) FROM stdin WITH (FORMAT text);\n1\t';\n\\.x\n\\.\nCOPY (SELECT 1 FROM \
        stdin) TO STDOUT;\nSELECT $a$;$a$, E'\\';', a$b FROM t;\\echo it's\nSET standard_conforming_strings = \
        off;\nSELECT 'a\\';b';\nSET LOCAL standard_conforming_strings TO 'x', on;\nSELECT 1 \\gset\nSELECT 'a\\'";
    let expected = [
        "C \\connect 'it",
        "S COPY t (a, b) FROM stdin WITH (FORMAT text)",
        "T ;",
        "R 1\t';\n\\.x\n\\.\n",
        "S COPY (SELECT 1 FROM stdin) TO STDOUT",
        "T ;",
        "S SELECT $a$;$a$, E'\\';', a$b FROM t",
        "T ;",
        "C \\echo it's",
        "S SET standard_conforming_strings = off",
        "T ;",
        "B SELECT 'a\\';b'",
        "T ;",
        "B SET LOCAL standard_conforming_strings TO 'x', on",
        "T ;",
        "S SELECT 1",
        "C \\gset",
        "S SELECT 'a\\'",
    ];
    assert_eq!(parts(text, ClientProgram::Psql), expected);
}

#[test]
fn semicolons_in_brackets_and_bodies_do_not_end_a_statement() {
    let text = "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);\nCREATE FUNCTION f() BEGIN ATOMIC \
        SELECT CASE WHEN a.end THEN 1 END; SELECT 2; END;\nBEGIN;\nSELECT 1\\; SELECT 2;\nEND";
    let expected = [
        "S CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)",
        "T ;",
        "S CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a.end THEN 1 END; SELECT 2; END",
        "T ;",
        "S BEGIN",
        "T ;",
        "S SELECT 1",
        "T \\;",
        "S SELECT 2",
        "T ;",
        "S END",
    ];
    assert_eq!(parts(text, ClientProgram::Psql), expected);
}

#[test]
fn statements_of_a_batch_need_nothing_between_them() {
    let text = "SET ANSI_NULLS ON\nCREATE TABLE a (\n create int)\n  create table b (x int)\nALTER TABLE a\n\
        ALTER COLUMN x int\nALTER TABLE a\nDROP CONSTRAINT y\nINSERT INTO a\nSELECT 1\nUPDATE a\nSET x = 1\n\
        MERGE a USING b ON 1 = 1 WHEN NOT MATCHED THEN\nINSERT (x) VALUES (1)\nGO\n\
        CREATE OR ALTER PROCEDURE p AS\nCREATE TABLE #c (x int)\nDROP TABLE #c\nGO\n";
    let expected = [
        "S SET ANSI_NULLS ON",
        "S CREATE TABLE a (\n create int)",
        "S create table b (x int)",
        "S ALTER TABLE a\nALTER COLUMN x int",
        "S ALTER TABLE a\nDROP CONSTRAINT y",
        "S INSERT INTO a\nSELECT 1",
        "S UPDATE a\nSET x = 1",
        "S MERGE a USING b ON 1 = 1 WHEN NOT MATCHED THEN\nINSERT (x) VALUES (1)",
        "T GO",
        "S CREATE OR ALTER PROCEDURE p AS\nCREATE TABLE #c (x int)\nDROP TABLE #c",
        "T GO",
    ];
    assert_eq!(parts(text, ClientProgram::Sqlcmd), expected);
}

#[test]
fn definitions_in_blocks_of_a_batch_are_statements() {
    let text = "IF OBJECT_ID('a') IS NULL\nBEGIN\n  CREATE TABLE a (b int)\nEND\nELSE\n  DROP TABLE a\nSELECT 1\n";
    let expected = [
        "S IF OBJECT_ID('a') IS NULL\nBEGIN",
        "S CREATE TABLE a (b int)",
        "S END\nELSE",
        "S DROP TABLE a",
        "S SELECT 1",
    ];
    assert_eq!(parts(text, ClientProgram::Isql), expected);
}

#[test]
fn clauses_of_other_engines_are_found_and_columns_of_their_names_are_not() {
    let found = |text: &str, program| -> Vec<String> {
        let spans = foreign_clauses(text.as_bytes(), program);
        spans.into_iter().map(|span| text[span].to_owned()).collect()
    };
    assert_eq!(
        found(
            "CREATE TABLE `t` (id int AUTO_INCREMENT, comment text COMMENT 'engine', PRIMARY KEY (id), KEY k \
             (comment), UNIQUE  KEY u (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8 # engine",
            ClientProgram::Mysql
        ),
        ["AUTO_INCREMENT", "COMMENT", "KEY", "UNIQUE  KEY", "ENGINE", "CHARSET"]
    );
    assert_eq!(
        found(
            "CREATE TABLE [t] ([id] int IDENTITY(1,1) NOT NULL, CONSTRAINT p PRIMARY KEY CLUSTERED (id)) ON \
             [PRIMARY] TEXTIMAGE_ON [PRIMARY]",
            ClientProgram::Sqlcmd
        ),
        ["IDENTITY", "CLUSTERED", "ON [PRIMARY]", "TEXTIMAGE_ON"]
    );
    assert_eq!(
        found(
            "create table t (cache number) storage (initial 1) nologging",
            ClientProgram::SqlPlus
        ),
        ["storage", "nologging"]
    );
    assert!(found("SELECT storage FROM t", ClientProgram::SqlPlus).is_empty());
    assert!(found("CREATE TABLE t (a int) ENGINE x", ClientProgram::Psql).is_empty());
}

#[test]
fn definitions_of_tables_are_found_wherever_they_stand() {
    let found = |text: &str| -> Vec<(usize, bool)> {
        let found = table_definitions(text.as_bytes(), ClientProgram::Sqlcmd);
        found.into_iter().map(|table| (table.start, table.is_whole)).collect()
    };
    assert_eq!(found("CREATE TABLE t (a int)"), [(0, true)]);
    assert_eq!(found("create /* x */ unlogged table t (a int)"), [(0, true)]);
    assert_eq!(found("CREATE COLUMN TABLE t (a int)"), [(0, false)]);
    assert_eq!(found("IF 1 = 1 CREATE TABLE t (a int)"), [(9, false)]);
    assert!(found("SELECT 'CREATE TABLE t'; -- CREATE TABLE t").is_empty());
    assert!(found("GRANT CREATE ON a TO table").is_empty());
    assert!(found("GRANT CREATE TABLE TO a").is_empty());
}

#[test]
fn what_nothing_ends_is_found() {
    let found = |text: &str, program| unterminated(text.as_bytes(), program);
    for ended in ["", "SELECT 'it''s'", "SELECT '' /* x */ ", "a \"b\"", "-- it's", "$a$ ' $a$"] {
        assert_eq!(found(ended, ClientProgram::Psql), None, "{ended}");
    }
    for (text, at) in [("SELECT 'it''", 7), ("a /* ' /* */", 2), ("a \"", 2), ("$a$ $b$", 0)] {
        assert_eq!(found(text, ClientProgram::Psql), Some(at), "{text}");
    }
    assert_eq!(found("SELECT 'it\\'", ClientProgram::Mysql), Some(7));
    assert_eq!(found("SELECT [it", ClientProgram::Sqlcmd), Some(7));
    assert_eq!(found("# it's", ClientProgram::Db2), Some(4));
}

#[test]
fn db2_has_a_terminator_of_the_script() {
    let text = "CONNECT TO x;\n--#SET TERMINATOR @\nCREATE TRIGGER t BEGIN ATOMIC a; END@\n--#set terminator ;\n\
        SELECT 1;\n!ls\nTERMINATE\n-- it's\n";
    let expected = [
        "C CONNECT TO x;",
        "C --#SET TERMINATOR @",
        "S CREATE TRIGGER t BEGIN ATOMIC a; END",
        "T @",
        "C --#set terminator ;",
        "S SELECT 1",
        "T ;",
        "C !ls",
        "C TERMINATE",
    ];
    assert_eq!(parts(text, ClientProgram::Db2), expected);
}

#[test]
fn parts_are_in_order_for_every_text() {
    let pieces =
        ["'", "\"", "/*", "*/", "\n", "GO", ";", "$a$", "\\", "q'[", "--", "#", "a ", "[", "`"];
    let mut number = 7_usize;
    for program in [
        ClientProgram::Psql,
        ClientProgram::Sqlcmd,
        ClientProgram::Isql,
        ClientProgram::SqlPlus,
        ClientProgram::Mysql,
        ClientProgram::Db2,
    ] {
        for _ in 0..500 {
            let text: String = (0..20)
                .map(|_| {
                    number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    pieces[(number >> 33) % pieces.len()]
                })
                .collect();
            let mut last = 0;
            for Segment { span, .. } in segments(text.as_bytes(), program) {
                assert!(last <= span.start && span.start < span.end, "{program:?} {text:?}");
                assert!(span.end <= text.len(), "{program:?} {text:?}");
                last = span.end;
            }
            assert_eq!(readable(text.as_bytes(), program).len(), text.len());
        }
    }
}

#[test]
fn a_readable_text_has_its_tokens_at_the_same_places() {
    let said = |text: &str, program| {
        String::from_utf8(readable(text.as_bytes(), program).into_owned()).unwrap()
    };
    assert_eq!(
        said("a INT, # it's\nb ENUM('x\\'y', \"it's\", \"\\\"'\")", ClientProgram::Mysql),
        "a INT,       \nb ENUM('x''y', \"it's\", '''_')"
    );
    assert_eq!(
        said("SELECT q'[it's]', 'a''b'", ClientProgram::SqlPlus),
        "SELECT  '[it_s]', 'a''b'"
    );
    assert!(matches!(readable(b"a 'b'", ClientProgram::Mysql), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn byte_order_marks_and_utf_16_are_read() {
    let utf16 = |text: &str, to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    };
    let sql = "SELECT 'ä€𝄞'";
    for (bytes, units, is_marked) in [
        (sql.as_bytes().to_vec(), TextUnits::Bytes, false),
        ([b"\xEF\xBB\xBF", sql.as_bytes()].concat(), TextUnits::Bytes, true),
        (utf16(&format!("\u{feff}{sql}"), u16::to_le_bytes), TextUnits::Utf16Le, true),
        (utf16(&format!("\u{feff}{sql}"), u16::to_be_bytes), TextUnits::Utf16Be, true),
        (utf16(sql, u16::to_le_bytes), TextUnits::Utf16Le, false),
        (utf16(sql, u16::to_be_bytes), TextUnits::Utf16Be, false),
    ] {
        let (found, text) = decode(&bytes).unwrap();
        assert_eq!((found, &*text), (FileEncoding { units, is_marked }, sql.as_bytes()));
        assert_eq!(encode(&text, found).unwrap(), bytes);
    }
    assert_eq!(decode(b"\xFF\xFEa\0\x00\xD8").unwrap_err(), 1);
    assert_eq!(decode(b"\xFF\xFEa\0b").unwrap_err(), 1);
    let utf16le = FileEncoding { units: TextUnits::Utf16Le, is_marked: false };
    assert!(encode(b"\xFF", utf16le).is_err());
    assert_eq!(decode(b"").unwrap().0, FileEncoding::default());
}
