//! Everything that our statements name, planted where everybody may write: operators, functions,
//! types and relations in schema `public`, in front of `pg_catalog` in the search_path. Up to
//! PostgreSQL 14 everybody may create there. Not one of them is called.

mod sessions;

use std::collections::BTreeSet;
use std::path::Path;

use dms_proxy::target::embedded::{Embedded, EmbeddedOptions};

use super::*;
use crate::protocol::{log_in, say};
use crate::support::query;

/// Types whose operators are planted, each pair of them.
const TYPES: &str = "oid,regtype,regclass,regproc,regprocedure,int2,int4,int8,name,\"char\",text,bool,\
    text[],oid[],int4[],int2[],\"char\"[],int2vector,oidvector,float8,numeric,json,timestamptz,\
    anyelement,anyarray,anyrange";

/// The body of all planted functions. The sequence counts calls whose error is caught, too.
const BODY: &str = "BEGIN PERFORM pg_catalog.nextval($s$public.planted_calls$s$); \
    RAISE EXCEPTION USING MESSAGE = $m$planted$m$; END";

const OPERATORS: &str = "=,<>,<,>,<=,>=,||,+,-,~,!~,~~,->>,->,<@,@>,&&";

/// Creates for one operator and one pair of types what counts its calls, and leaves out what there
/// cannot be.
const PLANT_OPERATORS: &str = r#"
DO $$
DECLARE l text; r text; o text; result text;
BEGIN
    PERFORM set_config('search_path', 'pg_catalog', true);
    FOREACH l IN ARRAY string_to_array('{types}', ',') LOOP
    FOREACH r IN ARRAY string_to_array('{types}', ',') LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION public.planted_bool(%s, %s) RETURNS bool
                LANGUAGE plpgsql AS ''{body}''', l, r);
            EXECUTE format('CREATE FUNCTION public.planted_same(%1$s, %2$s) RETURNS %3$s
                LANGUAGE plpgsql AS ''{body}''', l, r,
                CASE WHEN l LIKE 'any%' AND r NOT LIKE 'any%' THEN l ELSE l END);
            -- The server's own take any argument, these exactly such ones.
            EXECUTE format('CREATE FUNCTION public.format(text, %s, %s) RETURNS text
                LANGUAGE plpgsql AS ''{body}''', l, r);
            EXECUTE format('CREATE FUNCTION public.concat(%s, %s) RETURNS text
                LANGUAGE plpgsql AS ''{body}''', l, r);
            FOREACH o IN ARRAY string_to_array('{operators}', ',') LOOP
                result := CASE WHEN o IN ('||', '+', '-', '->>', '->') THEN 'same' ELSE 'bool' END;
                BEGIN
                    EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s,
                        FUNCTION = public.planted_%s)', o, l, r, result);
                EXCEPTION WHEN OTHERS THEN NULL;
                END;
            END LOOP;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
    END LOOP;
END $$"#;

/// The same for functions of these names.
const PLANT_FUNCTIONS: &str = r#"
DO $$
DECLARE f record;
BEGIN
    PERFORM set_config('search_path', 'pg_catalog', true);
    FOR f IN SELECT p.oid, p.proname, pg_get_function_identity_arguments(p.oid) AS arguments,
            pg_get_function_result(p.oid) AS result
        FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace
        AND p.proname = ANY (string_to_array('{names}', ','))
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS
                ''{body}''', f.proname,
                replace(f.arguments, 'VARIADIC ', ''), f.result);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END $$"#;

/// The same for types and relations of these names.
const PLANT_NAMES: &str = r#"
DO $$
DECLARE n text;
BEGIN
    PERFORM set_config('search_path', 'pg_catalog', true);
    CREATE FUNCTION public.planted_value(text) RETURNS bool LANGUAGE plpgsql AS
        $body${body}$body$;
    FOREACH n IN ARRAY string_to_array('{names}', ',') LOOP
        BEGIN
            IF EXISTS (SELECT 1 FROM pg_class WHERE relname = n
                AND relnamespace = 'pg_catalog'::regnamespace)
            THEN
                EXECUTE format('CREATE VIEW public.%I AS SELECT * FROM pg_catalog.%I
                    WHERE public.planted_value(''''::text)', n, n);
            ELSIF EXISTS (SELECT 1 FROM pg_type WHERE typname = n
                AND typnamespace = 'pg_catalog'::regnamespace)
            THEN
                EXECUTE format('CREATE DOMAIN public.%I AS pg_catalog.%I
                    CHECK (public.planted_value(VALUE::text))', n, n);
            END IF;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END $$"#;

/// What stands behind `pg_catalog.` anywhere in the sources.
fn qualified_names() -> BTreeSet<String> {
    fn read(path: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, names);
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            for part in text.split("pg_catalog.").skip(1) {
                let part = part.trim_start_matches(['\\', '"']);
                let name = part.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next();
                names.extend(name.filter(|name| !name.is_empty()).map(str::to_owned));
            }
        }
    }
    let mut names = BTreeSet::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
    names
}

/// A server of its own, which logs every statement, with everything planted in the first database.
fn planted() -> Embedded {
    let settings = [
        ("log_statement", "all"),
        ("log_line_prefix", "@@%a@@"),
        ("max_locks_per_transaction", "4096"),
    ];
    let options = EmbeddedOptions {
        listen_tcp: Some(0),
        settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..EmbeddedOptions::default()
    };
    let server = Embedded::start(&options).unwrap();
    let names = qualified_names();
    assert!(names.len() > 60, "{names:?}");
    let names = names.into_iter().collect::<Vec<_>>().join(",");
    query(&server, "postgres", "CREATE ROLE lesser LOGIN; GRANT CREATE ON SCHEMA public TO PUBLIC");
    let lesser = Target::of(&server).as_user("lesser");
    lesser.query(
        "CREATE SEQUENCE public.planted_calls; GRANT USAGE ON public.planted_calls TO PUBLIC",
    );
    for plant in [PLANT_NAMES, PLANT_FUNCTIONS, PLANT_OPERATORS] {
        let sql = plant.replace("{types}", TYPES).replace("{operators}", OPERATORS);
        let sql = sql.replace("{body}", BODY);
        lesser.query(&sql.replace("{names}", &names));
    }
    query(&server, "postgres", "ALTER DATABASE postgres SET search_path = public, pg_catalog");
    let planted = plain(&server, "SELECT
        (SELECT count(*) FROM pg_operator WHERE oprnamespace = 'public'::regnamespace),
        (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
        (SELECT count(*) FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'd'),
        (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace)");
    let counts: Vec<u32> = planted[0].iter().map(|count| count.parse().unwrap()).collect();
    assert!(counts[0] > 3000 && counts[1] > 600 && counts[2] > 10 && counts[3] > 15, "{counts:?}");
    server
}

/// Asks past everything that is planted.
fn plain(server: &Embedded, sql: &str) -> Vec<Vec<String>> {
    let target = Target::of(server);
    target.query(&format!("SET search_path = pg_catalog; {sql}"))
}

/// Nothing of what is planted has been called so far.
fn assert_no_calls(server: &Embedded, when: &str) {
    assert_eq!(plain(server, "SELECT is_called FROM public.planted_calls"), [["f"]], "{when}");
}

/// The statements that the proxy and its commands have sent, from the server's log, with the values
/// of their parameters in place.
fn own_statements(server: &Embedded) -> BTreeSet<String> {
    let log = std::fs::read_to_string(server.log_path()).unwrap();
    let mut statements = BTreeSet::new();
    let mut last: Option<String> = None;
    for entry in log.split("@@dms-proxy@@").skip(1) {
        let entry = entry.split("\n@@").next().unwrap().replace("\n\t", "\n");
        let text = ["LOG:  statement: ", "LOG:  execute <unnamed>: "]
            .iter()
            .find_map(|head| entry.strip_prefix(head))
            .or_else(|| {
                entry
                    .strip_prefix("LOG:  execute s")
                    .and_then(|rest| rest.split_once(": ").map(|(_, text)| text))
            });
        if let Some(text) = text {
            statements.extend(last.replace(text.trim().to_owned()));
        } else if let (Some(values), Some(text)) = (values_of(&entry), last.as_mut()) {
            for value in values.trim().split(", $") {
                if let Some((number, value)) = value.trim_start_matches('$').split_once(" = ") {
                    *text = text.replace(&format!("${number}"), value);
                }
            }
        }
    }
    statements.extend(last);
    statements
}

/// The values of parameters, as the versions of the server write them.
fn values_of(entry: &str) -> Option<&str> {
    let behind = entry.strip_prefix("DETAIL:  ")?;
    behind.strip_prefix("parameters: ").or_else(|| behind.strip_prefix("Parameters: "))
}

const TABLES: &str = "CREATE SCHEMA app;
    CREATE TABLE app.p (id pg_catalog.int4 PRIMARY KEY);
    CREATE TABLE app.c (id pg_catalog.int4 CONSTRAINT fk REFERENCES app.p, n pg_catalog.int4);
    CREATE SEQUENCE app.s OWNED BY app.c.n;
    CREATE TABLE app.e (id pg_catalog.int4);
    CREATE TABLE app.d (id pg_catalog.int4)";

#[test]
fn nothing_that_is_planted_is_called() {
    let server = planted();
    let target = Target::of(&server);
    plain(&server, TABLES);
    // Sessions whose search_path says the same: what they do of their own.
    let config = "[table_prep]\nmode = \"truncate-before-load\"\n";
    let proxy = Proxy::start_before(server.tcp_address().unwrap(), config, &[]);
    let endpoint = Endpoint {
        address: proxy.address(),
        user: server.superuser().to_owned(),
        database: "postgres".to_owned(),
    };
    for _ in 0..2 {
        let mut wire = log_in(&endpoint);
        for sql in ["TRUNCATE app.e RESTART IDENTITY", "TRUNCATE app.p", "DROP TABLE app.e, app.d"]
        {
            let said = say(&mut wire, sql);
            assert!(!said.contains("ERROR"), "{sql}: {said}");
        }
        wire.terminate();
        wire.read_to_end();
    }
    assert!(!proxy.log().contains("could not be written"), "{}", proxy.log());
    assert_eq!(plain(&server, "SELECT count(*) FROM dms_proxy.rewrites"), [["4"]]);
    for (words, code) in [
        ("check", 0),
        ("init-target --role lesser", 0),
        ("fk status", 0),
        ("fk park", 0),
        ("fk validate", 0),
        ("finish --dry-run", 1),
        ("fk restore", 0),
        ("fk validate", 0),
        ("finish --revalidate", 0),
        ("fk park", 0),
    ] {
        let finished = target.run(words);
        assert_eq!(finished.status, Some(code), "{words}: {finished:?}");
    }
    assert_no_calls(&server, "commands and sessions");

    // A command sets its search_path first; so each statement again where it has not.
    let statements = own_statements(&server);
    assert!(statements.len() > 40, "{statements:#?}");
    let mut ran = 0;
    for statement in &statements {
        let head = statement.split_whitespace().next().unwrap_or_default();
        if matches!(head, "SET" | "BEGIN" | "COMMIT" | "ROLLBACK" | "ANALYZE") {
            continue;
        }
        match target.try_query(&format!("BEGIN; {statement}; ROLLBACK")) {
            Ok(_) => ran += 1,
            Err(error) => {
                let said = format!("{error:?}");
                assert!(!said.contains("planted"), "{statement}: {said}");
                // A few depend on what was there when they ran; none on what a name means.
                let state = error.code().unwrap().code();
                assert!(
                    matches!(state, "42P01" | "42710" | "25001" | "2BP01" | "42704"),
                    "{statement}: {said}"
                );
            }
        }
    }
    assert!(ran > 25, "{ran} of {}", statements.len());
    assert_no_calls(&server, "statements on their own");
}

#[test]
fn what_is_planted_counts() {
    let server = planted();
    let target = Target::of(&server);
    for sql in [
        "SELECT 1 FROM pg_catalog.pg_class WHERE oid = 16384",
        "SELECT format('%s %s', 'x'::pg_catalog.text, 'x'::pg_catalog.name)",
        "SELECT 'x'::text",
        "SELECT 1 FROM pg_class",
        "SELECT ARRAY['a'::pg_catalog.text] || 'b'::pg_catalog.text",
        "SELECT 'a'::pg_catalog.text IN ('b')",
        "SELECT NULLIF(1::pg_catalog.oid, 0)",
    ] {
        let error = target.try_query(sql).expect_err(sql);
        assert!(error.as_db_error().unwrap().message().contains("planted"), "{sql}: {error:?}");
    }
    assert_eq!(plain(&server, "SELECT last_value FROM public.planted_calls"), [["7"]]);
}
