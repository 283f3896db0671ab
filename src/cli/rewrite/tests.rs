use super::*;
use crate::config::Config;

/// Exit code, standard output, standard error.
fn run(sql: &[u8], explain: bool, format: RewriteFormat) -> (u8, Vec<u8>, String) {
    run_of("dms", sql, explain, format)
}

fn run_of(source: &str, sql: &[u8], explain: bool, format: RewriteFormat) -> (u8, Vec<u8>, String) {
    let config: Config = toml::from_str(&format!("mapping.source = \"{source}\"")).unwrap();
    let policy = config.policy().unwrap();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let input = Input { name: "a.sql".into(), reader: Box::new(sql) };
    let options = RewriteOptions { explain, format, ..RewriteOptions::default() };
    let code = rewrite(&policy, options, [input], &mut stdout, &mut stderr).unwrap();
    (code, stdout, String::from_utf8(stderr).unwrap())
}

/// The output of a run in which everything has to be fine, and what is explained.
fn explained(source: &str, sql: &str) -> (String, Vec<String>) {
    let (code, stdout, stderr) = run_of(source, sql.as_bytes(), true, RewriteFormat::Text);
    assert_eq!(code, 0, "{stderr}");
    let said = stderr.lines().map(str::to_owned).collect();
    (String::from_utf8(stdout).unwrap(), said)
}

#[test]
fn changes_are_explained_by_line_and_column() {
    let sql = "-- Größe\nCREATE TABLE \"ä\" (a UINT4,\n\tb STRING\n (5));\nSELECT 1;\n";
    let (code, stdout, stderr) = run(sql.as_bytes(), true, RewriteFormat::Text);
    assert_eq!(code, 0);
    assert_eq!(
        String::from_utf8(stdout).unwrap(),
        "-- Größe\nCREATE TABLE \"ä\" (a BIGINT,\n\tb VARCHAR(5));\nSELECT 1;\n"
    );
    assert_eq!(
        stderr,
        "a.sql:2:21: UINT4 -> BIGINT (uint4)\n\
             a.sql:3:4: STRING  (5) -> VARCHAR(5) (string-1-21845)\n\
             \x20      1  string-1-21845: STRING -> VARCHAR(n)\n\
             \x20      1  uint4: UINT4 -> BIGINT\n\
             \x20      2  changes in 2 statements; 0 not understood, 0 with a type that cannot be \
             mapped\n\
             \x20      1  of 1 CREATE TABLEs understood\n"
    );
}

#[test]
fn every_statement_with_an_unmappable_type_is_named_and_left_alone() {
    let sql = "CREATE TABLE t (a UINT4, b STRING(0));\nCREATE TABLE u (a UINT4);\n\
                   CREATE TABLE v (a DATETIME(10));\n";
    let (code, stdout, stderr) = run(sql.as_bytes(), false, RewriteFormat::Text);
    assert_eq!(code, 1);
    assert_eq!(String::from_utf8(stdout).unwrap(), sql.replace("u (a UINT4)", "u (a BIGINT)"));
    let errors: Vec<_> = stderr.lines().filter(|line| line.contains(": error: ")).collect();
    assert_eq!(errors.len(), 2);
    assert!(errors[0].starts_with("a.sql:1:28: ") && errors[1].starts_with("a.sql:3:19: "));
    assert_eq!(stderr.lines().filter(|line| line.contains(": hint: Write ")).count(), 2);
}

#[test]
fn rows_and_meta_commands_of_psql_pass_through() {
    let sql = "\\connect 'it\nCREATE TABLE t (a UINT4);\n\
                   COPY t (a, b) FROM stdin;\n1\tCREATE TABLE x (a UINT4);\n\\.x\n'\t/*\n\\.\n\
                   \\echo it's ::uint4\nCOPY u FROM stdin;\n\\.\nCREATE TABLE u (a CLOB);\n";
    let (code, stdout, _) = run(sql.as_bytes(), false, RewriteFormat::Text);
    let expected = sql.replace("t (a UINT4)", "t (a BIGINT)").replace("CLOB", "TEXT");
    assert_eq!((code, String::from_utf8(stdout).unwrap()), (0, expected));
}

#[test]
fn json_holds_files_changes_and_errors() {
    let sql = b"SELECT 1;\nSELECT 'x'::uint4, '\xE4'; SELECT 1::string(0)";
    let (code, stdout, _) = run(sql, false, RewriteFormat::Json);
    let json: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!(code, 1);
    let change = &json["changes"][0];
    assert_eq!(change["file"], "a.sql");
    assert_eq!((&change["statement"], &change["line"]), (&2.into(), &2.into()));
    assert_eq!((&change["column"], &change["offset"]), (&13.into(), &22.into()));
    assert_eq!((&change["before"], &change["after"]), (&"uint4".into(), &"BIGINT".into()));
    assert_eq!(change["rule"], "uint4");
    assert_eq!(json["errors"][0]["statement"], 3);
    assert_eq!(json["files"][0]["encoding"], "LATIN1");
    assert_eq!(json["files"][0]["sql"], "SELECT 1;\nSELECT 'x'::BIGINT, 'ä'; SELECT 1::string(0)");
}

#[test]
fn a_diff_comes_with_a_summary_and_progress_is_wiped_out() {
    let sql = "SELECT 1::uint4;\n".repeat(2500) + "CREATE TABLE t (a VARCHAR2(3));\n";
    let policy = Config::default().policy().unwrap();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let input = Input { name: "a.sql".into(), reader: Box::new(sql.as_bytes()) };
    let format = RewriteFormat::Diff;
    let options = RewriteOptions { format, progress: true, ..RewriteOptions::default() };
    assert_eq!(rewrite(&policy, options, [input], &mut stdout, &mut stderr).unwrap(), 0);
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(stdout.starts_with("--- a/a.sql\n+++ b/a.sql\n@@ -1,2501 +1,2501 @@\n"));
    assert_eq!(stdout.matches("\n+SELECT 1::BIGINT;").count(), 2500);
    let said: Vec<_> = stderr.split('\r').collect();
    assert_eq!(said.get(1), Some(&"a.sql: 1000 statements, 39 %"));
    assert!(said.last().unwrap().starts_with("\x1b[K    2500  uint4: UINT4 -> BIGINT\n"));
    assert!(stderr.contains("       1  columns of a type that nobody knows"), "{stderr}");
}

#[test]
fn bytes_that_are_not_utf8_stay() {
    let sql = b"CREATE TABLE t (\xE4\xFF UINT1, b \x80);";
    let (code, stdout, _) = run(sql, false, RewriteFormat::Text);
    assert_eq!((code, stdout), (0, b"CREATE TABLE t (\xE4\xFF SMALLINT, b \x80);".to_vec()));
}

#[test]
fn a_script_of_sqlcmd_is_read_in_batches() {
    let sql = ":setvar x it's\r\nUSE [shop]\r\nGO\r\nSET ANSI_NULLS ON\r\nGO\r\n\
        CREATE TABLE [dbo].[a] (\r\n\t[id] [int] NOT NULL,\r\n\tb datetime2 NULL) ON [PRIMARY]\r\nGO\r\n\
        CREATE TABLE b (a money)\r\nCREATE TABLE c (a bit)\r\nGO 2\r\n";
    let (text, said) = explained("sqlserver", sql);
    for (before, after) in [
        ("b datetime2 NULL", "b VARCHAR(37) NULL"),
        ("a money", "a DECIMAL(19,4)"),
        ("a bit", "a BOOLEAN"),
    ] {
        assert!(sql.contains(before) && text.contains(after), "{before}: {text}");
    }
    assert!(text.starts_with(":setvar x it's\r\nUSE [shop]\r\nGO\r\n"), "{text}");
    for line in [
        "a.sql:1:1: line for sqlcmd, passed through: :setvar x it's",
        "a.sql:3:1: line for sqlcmd, passed through: GO",
        "a.sql:8:20: not in PostgreSQL: ON [PRIMARY]",
        "       5  lines for sqlcmd, passed through: 1 :setvar, 4 GO",
    ] {
        assert!(said.iter().any(|said| said == line), "{line}: {said:#?}");
    }
    assert_eq!(said.last().unwrap(), "       3  of 3 CREATE TABLEs understood");
    let (_, _, stderr) = run_of("sqlserver", sql.as_bytes(), false, RewriteFormat::Text);
    assert_eq!(stderr, "       5  lines for sqlcmd, passed through: 1 :setvar, 4 GO\n");
}

#[test]
fn a_script_of_isql_is_read_in_batches() {
    let sql = "use shop\ngo\nif exists (select 1 from sysobjects where name = 'a')\n    drop table a\ngo\n\
        create table a (b unitext, c univarchar(9)) lock datarows\ngo\nreset\nif 1 = 1 create table x (y image)\ngo\n";
    let (text, said) = explained("sap-ase", sql);
    assert!(!text.contains("(b unitext"), "{text}");
    assert!(said.contains(&"a.sql:6:45: not in PostgreSQL: lock datarows".to_owned()), "{said:#?}");
    assert!(
        said.contains(&"       5  lines for isql, passed through: 4 GO, 1 RESET".to_owned()),
        "{said:#?}"
    );
    assert!(
        said.contains(&"a.sql:9:10: not understood: create table x (y image)".to_owned()),
        "{said:#?}"
    );
    assert_eq!(said.last().unwrap(), "       1  of 2 CREATE TABLEs understood");
}

#[test]
fn a_script_of_sqlplus_has_lines_and_slashes() {
    let sql = "REM it's\nPROMPT don't stop; here\nSET DEFINE OFF\n@other.sql\nCREATE TABLE a (b NUMBER(4), c CLOB\n)\n\
        STORAGE (INITIAL 1)\n/\nCREATE OR REPLACE TRIGGER t BEFORE INSERT ON a BEGIN\n  :new.b := 1; END;\n/\n\
        INSERT INTO a VALUES (1, q'[it's; \"x\"]');\nCREATE TABLE c (d BLOB);\n";
    let (text, said) = explained("oracle", sql);
    assert!(text.contains("b SMALLINT, c TEXT") && text.contains("d BYTEA"), "{text}");
    assert_eq!(
        text,
        sql.replace("NUMBER(4)", "SMALLINT").replace("CLOB", "TEXT").replace("BLOB", "BYTEA")
    );
    let lines = "       6  lines for SQL*Plus, passed through: 2 /, 1 @, 1 PROMPT, 1 REM, 1 SET";
    assert!(said.contains(&lines.to_owned()), "{said:#?}");
    assert_eq!(said.last().unwrap(), "       2  of 2 CREATE TABLEs understood");
}

#[test]
fn a_script_of_mysql_has_delimiters_escapes_and_hash_comments() {
    let sql = "# it's\nCREATE TABLE `a` (b TINYINT(1), # it's\n c ENUM('x', \"it's\") COMMENT 'it\\'s') \
        ENGINE=InnoDB;\nINSERT INTO `a` VALUES ('it\\'s;', \"\\\"\");\nDELIMITER //\nCREATE TRIGGER t BEFORE INSERT ON a \
        FOR EACH ROW BEGIN SET @a = 1; END//\nDELIMITER ;\nCREATE TABLE c (d LONGBLOB);\n";
    let (text, said) = explained("mysql", sql);
    assert!(text.contains("b SMALLINT, # it's\n c VARCHAR(4) COMMENT 'it\\'s')"), "{text}");
    assert!(text.contains("VALUES ('it\\'s;', \"\\\"\");\nDELIMITER //"), "{text}");
    assert!(text.ends_with("c (d BYTEA);\n"), "{text}");
    assert!(said.contains(&"a.sql:3:39: not in PostgreSQL: ENGINE".to_owned()), "{said:#?}");
    assert!(
        said.contains(&"       2  lines for mysql, passed through: 2 DELIMITER".to_owned()),
        "{said:#?}"
    );
    assert_eq!(said.last().unwrap(), "       2  of 2 CREATE TABLEs understood");
}

#[test]
fn a_script_of_db2_sets_its_terminator() {
    let sql = "CONNECT TO x;\n--#SET TERMINATOR @\nCREATE TABLE a (b DBCLOB(9)) IN USERSPACE NOT LOGGED@\n\
        CREATE TRIGGER t BEGIN ATOMIC SET a = 1; END@\n--#SET TERMINATOR ;\nCREATE TABLE c (d GRAPHIC(3));\n";
    let (text, said) = explained("db2-luw", sql);
    assert!(!text.contains("DBCLOB") && !text.contains("GRAPHIC"), "{text}");
    let lines = "       3  lines for db2, passed through: 2 --#SET, 1 CONNECT";
    assert!(said.contains(&lines.to_owned()), "{said:#?}");
}

#[test]
fn a_setting_of_the_script_says_how_strings_are_read() {
    let sql = "SET standard_conforming_strings = off;\nSELECT 'it\\'s; ', 1::uint4, 'x\\000y';\n\
        SET standard_conforming_strings = on;\nSELECT '\\', 1::uint4;\n";
    let (text, _) = explained("dms", sql);
    assert_eq!(text, sql.replace("uint4", "BIGINT").replace("x\\000y", "x\\040y"));
}

#[test]
fn everything_unknown_is_named_with_its_place() {
    let sql = "CREATE TABLE a (b VARCHAR2(3), č_č NVARCHAR2(3),\n c int, d x, e VARCHAR2);\n\
        CREATE TABLE b (a UINT4,\n ,);\nCREATE OR REPLACE DIRECTORY d AS 'x' '';\n";
    let (text, said) = explained("dms", sql);
    // What was read in front of the odd spot keeps its rewrite.
    assert_eq!(text, sql.replace("UINT4", "BIGINT"));
    for line in [
        "a.sql:4:2: not understood from here: ,)",
        "a.sql:1:19: unknown type, left alone: VARCHAR2",
        "a.sql:1:36: unknown type, left alone: NVARCHAR2",
        "a.sql:2:11: unknown type, left alone: x",
        "a.sql:2:16: unknown type, left alone: VARCHAR2",
        "a.sql:3:1: not understood: CREATE TABLE b (a UINT4,  ,)",
    ] {
        assert!(said.iter().any(|said| said == line), "{line}: {said:#?}");
    }
    assert_eq!(said.last().unwrap(), "       1  of 2 CREATE TABLEs understood");
    let (_, stdout, _) = run(sql.as_bytes(), false, RewriteFormat::Json);
    let json: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
    let file = &json["files"][0];
    assert_eq!((&file["create_tables"], &file["create_tables_understood"]), (&2.into(), &1.into()));
    let note = &json["notes"][1];
    assert_eq!((&note["kind"], &note["text"]), (&"unknown-type".into(), &"NVARCHAR2".into()));
    assert_eq!((&note["line"], &note["offset"]), (&1.into(), &37.into()));
}

#[test]
fn byte_order_marks_and_utf_16_stay() {
    let (before, after) = ("-- é\nSELECT 1::uint4, '𝄞';\n", "-- é\nSELECT 1::BIGINT, '𝄞';\n");
    let utf16 = |text: &str, mark: &str, to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("{mark}{text}").encode_utf16().flat_map(to_bytes).collect()
    };
    let marked = |text: &str| format!("\u{feff}{text}").into_bytes();
    for (encoding, before, after) in [
        ("UTF8", marked(before), marked(after)),
        (
            "UTF16LE",
            utf16(before, "\u{feff}", u16::to_le_bytes),
            utf16(after, "\u{feff}", u16::to_le_bytes),
        ),
        (
            "UTF16BE",
            utf16(before, "\u{feff}", u16::to_be_bytes),
            utf16(after, "\u{feff}", u16::to_be_bytes),
        ),
        ("UTF16LE", utf16(before, "", u16::to_le_bytes), utf16(after, "", u16::to_le_bytes)),
    ] {
        let (code, stdout, stderr) = run(&before, true, RewriteFormat::Text);
        assert_eq!((code, stdout), (0, after));
        assert!(stderr.starts_with("a.sql:2:11: uint4 -> BIGINT (uint4)\n"), "{stderr}");
        let (_, stdout, _) = run(&before, false, RewriteFormat::Json);
        let json: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
        assert_eq!(json["files"][0]["encoding"], encoding);
    }
    let (_, stdout, _) = run(&marked("SELECT 1::uint4"), false, RewriteFormat::Diff);
    let diff = String::from_utf8(stdout).unwrap();
    assert!(
        diff.contains("\n-\u{feff}SELECT 1::uint4\n")
            && diff.contains("\n+\u{feff}SELECT 1::BIGINT\n")
    );
    let policy = Config::default().policy().unwrap();
    let input = Input { name: "a.sql".into(), reader: Box::new(&b"\xFF\xFEa\0\x00\xD8"[..]) };
    let options = RewriteOptions::default();
    let error = rewrite(&policy, options, [input], &mut Vec::new(), &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "a.sql: character 2 is not UTF-16");
}

#[test]
fn a_script_that_is_lost_says_where() {
    let sql = "SELECT 1;\n# you'll see\nCREATE TABLE a (b DBCLOB);\n";
    let (text, said) = explained("db2-luw", sql);
    assert_eq!(text, sql);
    let line = "a.sql:2:6: not ended: 'll see CREATE TABLE a (b DBCLOB);";
    assert!(said.contains(&line.to_owned()), "{said:#?}");
    assert!(said.iter().any(|said| said.contains("; 1 not understood, ")), "{said:#?}");
    let (_, said) = explained("oracle", "SELECT 1 FROM dual;\n/* CREATE TABLE a (b CLOB);\nEXIT\n");
    assert!(said[0].starts_with("a.sql:2:1: not ended: /* CREATE"), "{said:#?}");
}

#[test]
fn foreign_keys_that_may_not_fit_name_both_columns() {
    let sql = "CREATE TABLE c (a NUMERIC(9) REFERENCES p, b NUMERIC(9), FOREIGN KEY (b) REFERENCES q (x));\n";
    let (_, said) = explained("oracle", &sql.replace("NUMERIC", "NUMBER"));
    let named = |said: &[String]| -> Vec<String> {
        let keys = said.iter().filter(|line| line.contains("foreign key of decimals"));
        keys.cloned().collect()
    };
    let expected = [
        "a.sql:1:17: foreign key of decimals, which must refer to decimals: c.a refers to p.(its primary key)",
        "a.sql:1:71: foreign key of decimals, which must refer to decimals: c.b refers to q.x",
    ];
    // Numbers of nine digits are integers to Oracle's mapping.
    let decimals = sql.replace("NUMERIC(9)", "NUMBER");
    assert!(named(&said).is_empty(), "{said:?}");
    let (_, said) = explained("oracle", &decimals);
    let found = named(&said);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].ends_with("c.a refers to p.(its primary key)"), "{found:?}");
    // Types of PostgreSQL's own scripts stay, and what does not fit is named.
    for source in ["dms", "postgresql"] {
        let parents = "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE q (x int8 UNIQUE);\n";
        let (_, said) = explained(source, &(parents.to_owned() + sql));
        let known = [", which is INTEGER", ", which is BIGINT"];
        let expected = expected
            .iter()
            .zip(known)
            .map(|(line, known)| format!("{}{known}", line.replace("a.sql:1", "a.sql:2")));
        assert_eq!(named(&said), expected.collect::<Vec<_>>(), "{source}");
        assert!(named(&explained(source, sql).1).is_empty());
    }
}
