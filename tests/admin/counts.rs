//! Figures of tables are what the tables have.

use serde_json::Value;

use super::{get, proxy, wait_for};
use crate::protocol::{log_in, say};
use crate::support::{Cluster, Endpoint};

/// The figures of a table.
fn figures(address: std::net::SocketAddr, database: &str, table: &str) -> Value {
    let answer = get(address, &format!("/api/tables?database={database}&table={table}"));
    let json = answer.json();
    let tables = json["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 1, "{json}");
    tables[0].clone()
}

#[test]
fn rows_are_counted_when_they_are_committed() {
    let database = Cluster::shared().create_database();
    let (proxy, address) = proxy("");
    let direct: &Endpoint = database.endpoint();
    let mut wire = log_in(&proxy.endpoint(direct));
    say(&mut wire, "CREATE TABLE public.t (a int PRIMARY KEY, b STRING(20))");
    say(&mut wire, "BEGIN; INSERT INTO public.t SELECT g, 'x' FROM generate_series(1, 10) g");
    let open = figures(address, &direct.database, "t");
    assert_eq!((&open["insert_rows"], &open["uncommitted_rows"]), (&0.into(), &10.into()));
    for sql in [
        "SAVEPOINT s",
        "INSERT INTO public.t SELECT g, 'x' FROM generate_series(11, 30) g",
        "ROLLBACK TO s",
        "INSERT INTO public.t VALUES (11, 'x')",
        "RELEASE SAVEPOINT s",
        "COMMIT",
        "BEGIN; DELETE FROM public.t; ROLLBACK",
        "DELETE FROM public.t WHERE a = 1",
        "UPDATE public.t SET b = 'y' WHERE a < 4",
        // All of it is one transaction, and fails.
        "INSERT INTO public.t VALUES (100, 'x'); INSERT INTO public.t VALUES (2, 'x')",
        // What is committed in front of an error stays.
        "BEGIN; INSERT INTO public.t VALUES (200, 'x'); COMMIT; SELECT 1/0",
    ] {
        say(&mut wire, sql);
    }
    wire.parse("p", "INSERT INTO public.t VALUES ($1, 'x')", &[23]);
    for value in [300, 301, 2] {
        let text = value.to_string();
        wire.bind("", "p", &[], &[Some(text.as_bytes())], 0).execute("", 0).sync();
        wire.until_ready();
    }
    wire.query("COPY public.t FROM STDIN").until(b'G');
    let found = figures(address, &direct.database, "t");
    assert_eq!(found["state"], "loading", "{found}");
    wire.copy_data("400\tx\n401\tx\n").copy_done();
    wire.until_ready();
    let found = figures(address, &direct.database, "t");
    let number = |name: &str| found[name].as_u64().unwrap();
    assert_eq!(number("insert_rows"), 10 + 1 + 1 + 2, "{found}");
    assert_eq!(number("copy_rows"), 2, "{found}");
    assert_eq!((number("delete_rows"), number("update_rows")), (1, 2), "{found}");
    assert_eq!(number("rolled_back_rows"), 20 + 11 + 1, "{found}");
    assert_eq!(number("uncommitted_rows"), 0, "{found}");
    assert_eq!(number("errors"), 2, "{found}");
    assert_eq!((&found["last_sqlstate"], &found["schema"]), (&"23505".into(), &"public".into()));
    let count: u64 = database.query("SELECT count(*) FROM public.t")[0][0].parse().unwrap();
    assert_eq!(number("insert_rows") + number("copy_rows") - number("delete_rows"), count);
}

#[test]
fn rows_set_aside_are_counted_when_they_are_committed() {
    let database = Cluster::shared().create_database();
    let (proxy, address) = proxy("");
    let direct: &Endpoint = database.endpoint();
    let mut wire = log_in(&proxy.endpoint(direct));
    say(&mut wire, "CREATE TABLE public.t (a int PRIMARY KEY)");
    say(&mut wire, "SET dms.errors = 'set-aside'");
    let copy = |wire: &mut crate::support::Wire, rows: &str| {
        wire.query("COPY public.t FROM STDIN").until(b'G');
        wire.copy_data(rows).copy_done();
        wire.until_ready();
    };
    copy(&mut wire, "1\nx\n2\n2\n");
    say(&mut wire, "INSERT INTO public.t VALUES (2), (3), (1)");
    say(&mut wire, "BEGIN; INSERT INTO public.t VALUES (1)");
    say(&mut wire, "ROLLBACK");
    say(&mut wire, "BEGIN");
    copy(&mut wire, "x\n4\n");
    let found = figures(address, &direct.database, "t");
    assert_eq!(found["set_aside_rows"], 2 + 2, "{found}");
    say(&mut wire, "COMMIT");
    let found = figures(address, &direct.database, "t");
    let count = &database.query("SELECT count(*) FROM dms_proxy.rejected_rows")[0][0];
    assert_eq!(found["set_aside_rows"].to_string(), *count, "{found}");
    assert_eq!((&found["set_aside_rows"], &found["copy_rows"]), (&5.into(), &3.into()), "{found}");
    let metrics = get(address, "/metrics").body;
    let line =
        metrics.lines().find(|line| line.starts_with("dms_proxy_table_set_aside_rows_total"));
    assert!(line.unwrap_or_default().ends_with(" 5"), "{metrics}");
}

#[test]
fn a_lost_session_leaves_rolled_back_rows() {
    let database = Cluster::shared().create_database();
    let (proxy, address) = proxy("");
    let endpoint = proxy.endpoint(database.endpoint());
    let mut wire = log_in(&endpoint);
    say(&mut wire, "CREATE TABLE public.t (a int)");
    say(&mut wire, "BEGIN; INSERT INTO public.t VALUES (1), (2), (3)");
    drop(wire);
    for _ in 0..200 {
        let found = figures(address, &endpoint.database, "t");
        if found["rolled_back_rows"] == 3 {
            assert_eq!((&found["insert_rows"], &found["sessions"]), (&0.into(), &0.into()));
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{}", figures(address, &endpoint.database, "t"));
}

#[test]
fn many_tables_of_many_loaders_are_counted_right() {
    const TABLES: usize = 40;
    let database = Cluster::shared().create_database();
    let (proxy, address) = proxy("");
    let endpoint = proxy.endpoint(database.endpoint());
    let mut wire = log_in(&endpoint);
    for table in 0..TABLES {
        say(&mut wire, format!("CREATE TABLE public.t{table} (a int)"));
    }
    std::thread::scope(|scope| {
        for loader in 0..8 {
            let endpoint = &endpoint;
            scope.spawn(move || {
                let mut wire = log_in(endpoint);
                for table in 0..TABLES {
                    let rows = loader + 1;
                    let insert =
                        format!("INSERT INTO public.t{table} SELECT generate_series(1, {rows})");
                    let end = match (loader + table) % 6 {
                        0 => "ROLLBACK",
                        1 => "SELECT 1/0; COMMIT",
                        2 => "SAVEPOINT a; INSERT INTO public.nowhere VALUES (1)",
                        3 => "SELECT pg_terminate_backend(pg_backend_pid())",
                        _ => "COMMIT",
                    };
                    wire.query(format!("BEGIN; {insert}; {end}"));
                    match end.contains("terminate") {
                        true => {
                            wire.until(b'E');
                            wire = log_in(endpoint);
                        }
                        false => drop(wire.until_ready()),
                    }
                    // Half of what follows is undone, and nothing of the table stays but this.
                    say(&mut wire, "ROLLBACK");
                    say(&mut wire, format!("BEGIN; SAVEPOINT a; {insert}; SAVEPOINT b; {insert}"));
                    say(&mut wire, "ROLLBACK TO b; RELEASE a; COMMIT");
                }
            });
        }
    });
    // A session that was cut is counted out by its thread.
    wait_for(|| {
        let sessions = get(address, "/api/sessions").json();
        sessions["sessions"].as_array().unwrap().len() == 1
    });
    let json = get(address, "/api/tables").json();
    let tables = json["tables"].as_array().unwrap();
    let tables: Vec<_> = tables.iter().filter(|table| table["table"] != "nowhere").collect();
    assert_eq!(tables.len(), TABLES);
    for table in tables {
        let name = table["table"].as_str().unwrap();
        let sql = format!("SELECT count(*) FROM public.{name}");
        let count: u64 = database.query(&sql)[0][0].parse().unwrap();
        assert_eq!(table["insert_rows"].as_u64(), Some(count), "{table}");
        assert_eq!(table["rolled_back_rows"].as_u64(), Some(3 * 36 - count), "{table}");
    }
}
