//! Types that SQL Server and SAP ASE make of others: what becomes of them, and of columns that have them.

use super::definitions::{both_roads, dry_run, runs, source, sqlstate};
use super::field;

/// The columns of `t`, with their types and whether they take NULL.
const COLUMNS: &str = "SELECT attname::text, format_type(atttypid, atttypmod), attnotnull \
                       FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum";

#[test]
fn columns_get_the_type_that_was_made_another_one() {
    // Two of the names are types of PostgreSQL, which hold something else.
    let statements = [
        "CREATE TYPE Name FROM nvarchar(50) NOT NULL",
        "CREATE TYPE [Flag] FROM bit",
        "EXEC sp_addtype 'tid', 'varchar(6)', 'NOT NULL'",
        "execute sys.sp_addtype @typename = N'Price', @nulltype='null', @phystype = N'money'",
        "CREATE TABLE t (a Name, b Name NULL, c [name] NOT NULL, d FLAG DEFAULT 1, e tid DEFAULT 'x', \
         f \"Price\" DEFAULT $0, g [public].[Name] CONSTRAINT u UNIQUE, h name DEFAULT NULL)",
        "ALTER TABLE t ADD i Name NULL, j flag NOT NULL",
        "ALTER TABLE t ALTER COLUMN i TYPE Price USING NULL",
        "INSERT INTO t (a, c, g, h, j) VALUES ('a', 'c', 'g', 'h', 1)",
    ];
    let found = both_roads("sqlserver", "unknown = \"error\"\n", &statements, COLUMNS);
    let name = "character varying(50)";
    assert_eq!(
        found,
        [
            ["a", name, "t"],
            ["b", name, "f"],
            ["c", name, "t"],
            ["d", "boolean", "f"],
            ["e", "character varying(6)", "t"],
            ["f", "numeric(19,4)", "f"],
            ["g", name, "t"],
            ["h", name, "t"],
            ["i", "numeric(19,4)", "f"],
            ["j", "boolean", "t"],
        ]
    );
    let domains = "SELECT typname::text, format_type(typbasetype, typtypmod), typnotnull FROM pg_type \
                   WHERE typtype = 'd' AND typnamespace = 'public'::regnamespace ORDER BY 1";
    let found = both_roads("sqlserver", "", statements.get(..4).unwrap(), domains);
    assert_eq!(
        found,
        [
            ["Flag", "boolean", "f"],
            ["name", name, "t"],
            ["price", "numeric(19,4)", "f"],
            ["tid", "character varying(6)", "t"],
        ]
    );
}

#[test]
fn types_of_ase_are_made_by_its_procedure() {
    let statements = [
        "sp_addtype id, \"varchar(11)\", \"not null\"",
        "exec sp_addtype 'birth day', datetime, null",
        "execute sybsystemprocs..sp_addtype amount, 'numeric(12,0)', nonull",
        "EXEC sp_addtype note , 'unitext'",
        "CREATE TABLE t (a id, b \"birth day\" NULL, c amount NULL, d note)",
        "INSERT INTO t VALUES ('1', NULL, NULL, NULL)",
    ];
    let found = both_roads("sap-ase", "unknown = \"error\"\n", &statements, COLUMNS);
    assert_eq!(
        found,
        [
            ["a", "character varying(11)", "t"],
            ["b", "timestamp without time zone", "f"],
            ["c", "numeric(12,0)", "f"],
            ["d", "text", "f"],
        ]
    );
    // As scripts of its client have them, without anything between two statements of a batch.
    let script = "execute sp_addtype tid, 'varchar(6)', 'NOT NULL'\nexecute sp_addtype empid, 'char(9)'\ngo\n\
                  create table t (a tid not null, b empid)\ngo";
    let expected = "CREATE DOMAIN tid AS varchar(6) NOT NULL\nCREATE DOMAIN empid AS VARCHAR(9)\ngo\n\
                    create table t (a varchar(6) not null, b VARCHAR(9))\ngo;\n";
    assert_eq!(dry_run("sap-ase", "", &[script]), expected);
}

#[test]
fn types_that_cannot_be_made_are_refused_or_stay_the_servers() {
    let (_proxy, _database, mut wire) = source("sap-ase", "unknown = \"error\"\n");
    runs(&mut wire, &["sp_addtype id, int"]);
    let said = wire.query("exec sp_addtype 'key', 'numeric(10,0)', 'identity'").until_ready();
    assert_eq!(sqlstate(&said), "0A000");
    assert!(field(&said, b'E', b'H').unwrap().contains("IDENTITY"), "{said:?}");
    for (sql, code) in [
        ("exec sp_addtype 'a', 'bits', 'maybe'", "42601"),
        ("exec sp_addtype 'a'", "42601"),
        ("exec sp_addtype 'a', 'varchar(5)' exec sp_addtype 'b', 'int'", "42601"),
        ("exec sp_addtype 'a', 'varchar(5) CHECK (b', 'null'", "42601"),
        ("exec sp_addtype 'id', 'int'", "42710"),
        ("CREATE TABLE t (a id, b other)", "0A000"),
        ("CREATE TABLE t (a id)", ""),
    ] {
        assert_eq!(sqlstate(&wire.query(sql).until_ready()), code, "{sql}");
    }
    // To other sources it is not known.
    let (_proxy, _database, mut wire) = source("mysql", "");
    assert_eq!(sqlstate(&wire.query("exec sp_addtype 'a', 'int'").until_ready()), "42601");
    // An override of the column goes first.
    let more = "[mapping.types]\n\"sqlserver:name\" = \"TEXT\"\n";
    let statements = ["CREATE TYPE name FROM nvarchar(9)", "CREATE TABLE t (a name)"];
    assert_eq!(both_roads("sqlserver", more, &statements, COLUMNS), [["a", "text", "f"]]);
}
