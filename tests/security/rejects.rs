//! Rows that were set aside: who may write them down, and whose code runs when they are loaded again.

use super::*;

/// A table of the lesser role, and a row of it that waits.
fn with_row(statements: &str) -> Scene {
    let scene = Scene::new();
    assert_eq!(
        scene
            .target()
            .run("init-target --role {lesser}".replace("{lesser}", &scene.lesser).as_str())
            .status,
        Some(0)
    );
    let name = &scene.database.endpoint().database;
    scene.query(&format!("GRANT CREATE ON DATABASE {name} TO {{lesser}}"));
    let evil = scene.evil("$1");
    let trigger = scene.evil("NEW");
    scene.as_lesser(&format!(
        "CREATE SCHEMA m;
         CREATE FUNCTION m.evil(int) RETURNS int LANGUAGE plpgsql AS $f${evil}$f$;
         CREATE FUNCTION m.evil() RETURNS trigger LANGUAGE plpgsql AS $f${trigger}$f$;
         CREATE TABLE m.t (id int, x int); {statements}"
    ));
    scene.as_lesser(&note("m", "t", "text", "31", "it failed"));
    scene
}

/// What a session runs that sets a row aside.
fn note(schema: &str, table: &str, format: &str, hex: &str, message: &str) -> String {
    format!(
        "SELECT dms_proxy.note_rejects(json_build_object('run', 'r', 'session', 's', 'schema_name', '{schema}',
            'table_name', '{table}', 'operation', 'COPY', 'column_names', json_build_array('id'),
            'format', '{format}'),
         json_build_array(json_build_object('bytes', '{hex}', 'line', 1, 'sqlstate', '22P02',
            'message', E'{message}', 'state', 'open')))"
    )
}

#[test]
fn only_who_may_load_a_table_sets_rows_of_it_aside() {
    let scene = with_row("");
    scene.query("CREATE TABLE public.secret (id int); REVOKE ALL ON public.secret FROM PUBLIC");
    let lesser = scene.target().as_user(&scene.lesser);
    let refused = |format| {
        let refused = lesser.try_query(&note("public", "secret", format, "31", "x")).unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501", "{refused:?}");
    };
    refused("text");
    refused("sql");
    scene.query("GRANT DELETE ON public.secret TO {lesser}");
    refused("text");
    assert!(lesser.try_query(&note("public", "secret", "sql", "31", "x")).is_ok());
    scene.query("GRANT INSERT (id) ON public.secret TO {lesser}");
    assert!(lesser.try_query(&note("public", "secret", "text", "31", "x")).is_ok());
    assert!(lesser.try_query(&note("public", "missing", "text", "31", "x")).is_err());
}

#[test]
fn a_table_that_runs_code_of_others_is_not_loaded_again() {
    for trap in [
        "CREATE TRIGGER t BEFORE INSERT ON m.t FOR EACH ROW EXECUTE FUNCTION m.evil()",
        "ALTER TABLE m.t ALTER x SET DEFAULT m.evil(1)",
        "ALTER TABLE m.t ADD CHECK (m.evil(id) > 0)",
        "CREATE DOMAIN m.d AS int CHECK (m.evil(VALUE) > 0); ALTER TABLE m.t ALTER id TYPE m.d",
        "CREATE RULE r AS ON INSERT TO m.t DO ALSO SELECT m.evil(1)",
        "DROP TABLE m.t; CREATE TABLE m.base (id int, x int);
         CREATE VIEW m.t AS SELECT id, m.evil(x) AS x FROM m.base;
         CREATE TRIGGER t INSTEAD OF INSERT ON m.t FOR EACH ROW EXECUTE FUNCTION m.evil()",
    ] {
        let scene = with_row(trap);
        let retried = scene.target().run("rejects retry");
        scene.assert_lesser(trap);
        assert_eq!(retried.status, Some(2), "{trap}: {retried:?}");
        let said = format!("\"m\".\"t\": not loaded: code of role {}", scene.lesser);
        assert!(retried.stderr.contains(&said), "{trap}: {retried:?}");
        let waiting = "SELECT state FROM dms_proxy.rejected_rows";
        assert_eq!(scene.query(waiting), [["open"]], "{trap}");
    }
    let scene = with_row("");
    assert_eq!(scene.target().json("rejects retry", 0)[0]["loaded"], 1);
}

#[test]
fn what_others_wrote_down_cannot_leave_its_comment() {
    let scene = with_row("CREATE TABLE m.\"a\nDROP TABLE m.t; --\" (id int)");
    let message = r"bad\nALTER ROLE x SUPERUSER; --\x1b[2J";
    scene.as_lesser(&note("m", "t", "text", "32", message));
    scene.as_lesser(&note("m", "a\nDROP TABLE m.t; --", "binary", "32", message));
    let sql = scene.target().run("rejects export --as sql").stdout;
    let starts_well = |line: &str| line.starts_with("-- ") || line.starts_with("INSERT INTO ");
    assert!(sql.lines().all(starts_well), "{sql}");
    for words in ["rejects list", "rejects show", "finish"] {
        let said = scene.target().run(words).stdout;
        assert!(!said.contains('\x1b') && !said.contains("\nALTER"), "{words}: {said}");
    }
}
