//! A real pgbouncer between the proxy and the server.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use crate::protocol::{log_in, say};
use crate::support::setup_directory;
use crate::support::{
    Cluster, Database, Endpoint, Finished, Proxy, Wire, command, run, transcript,
};

/// Starts pgbouncer in front of the server of the tests.
fn pgbouncer(pool_mode: &str) -> Proxy {
    let server = Cluster::shared().embedded();
    let (address, user) = (server.tcp_address().unwrap(), server.superuser());
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!(
        "[databases]\n* = host={} port={} user={user}\n[pgbouncer]\nlisten_addr = {}\nlisten_port = {}\n\
         unix_socket_dir =\nauth_type = any\npool_mode = {pool_mode}\ndefault_pool_size = 2\n\
         server_reset_query = DISCARD ALL\nignore_startup_parameters = extra_float_digits\n",
        address.ip(),
        address.port(),
        free.ip(),
        free.port()
    );
    // It refuses to run as root, and becomes another user before it reads the file again.
    let name = format!("pgbouncer-{}-{}.ini", std::process::id(), free.port());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, config).unwrap();
    let bouncer = setup_directory().join("bin/pgbouncer");
    let mut words = vec![bouncer.to_str().unwrap()];
    let is_root = run(command("id").arg("-u"), b"").success().trim() == "0";
    if is_root {
        words.extend(["-u", "postgres"]);
    }
    words.push(file.to_str().unwrap());
    Proxy::start_program("", &words).unwrap_or_else(|log| panic!("no pgbouncer:\n{log}"))
}

/// A proxy whose target is this pooler.
fn proxy_before(bouncer: &Proxy, config: &str) -> Proxy {
    let target = format!("postgresql://{}?sslmode=disable", bouncer.address());
    Proxy::start_to(&target, config)
}

/// A command with the pooler as its target.
fn commanded(words: &[&str], bouncer: SocketAddr, database: &Database, pooler: &str) -> Finished {
    let Endpoint { user, database, .. } = database.endpoint();
    let folder = std::env::temp_dir().join(format!("pgbouncer-{}-{pooler}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let config = format!("[target]\npooler = \"{pooler}\"\n");
    std::fs::write(folder.join("proxy.toml"), config).unwrap();
    let mut program = command(env!("CARGO_BIN_EXE_dms-proxy"));
    program.current_dir(&folder).args(words).args(["--config", "proxy.toml", "--target"]);
    program.arg(format!("postgresql://{user}@{bouncer}/{database}?sslmode=disable"));
    run(&mut program, b"")
}

/// Settings that the proxy makes, as another client of the pooler sees them.
fn leaks(bouncer: &Proxy, database: &Database) -> Vec<String> {
    let endpoint = Endpoint { address: bouncer.address(), ..database.endpoint().clone() };
    // One for each session of the pool.
    let mut wires = [log_in(&endpoint), log_in(&endpoint)];
    let ask = "BEGIN; SELECT current_setting('session_replication_role')";
    wires
        .iter_mut()
        .map(|wire| say(wire, ask))
        .filter(|said| !said.contains("DataRow origin"))
        .collect()
}

#[test]
fn in_transaction_mode_a_login_is_refused() {
    let bouncer = pgbouncer("transaction");
    let database = Cluster::shared().create_database();
    for config in
        ["", "fk.mode = \"replica-role\"\n", "fk.mode = \"park\"\n", "fk.mode = \"off\"\n"]
    {
        let proxy = proxy_before(&bouncer, config);
        let (_, greeting) = Wire::log_in(&proxy.endpoint(database.endpoint()), &[]);
        let said = transcript(&greeting);
        assert!(said.contains("S=\"FATAL\"") && said.contains("C=\"0A000\""), "{config}: {said}");
        assert!(said.contains("the target is behind a pooler"), "{said}");
        assert!(said.contains("Connect the proxy to the server itself"), "{said}");
    }
    assert_eq!(leaks(&bouncer, &database), [""; 0]);
    for words in [&["check"][..], &["finish"], &["fk", "park"], &["fk", "status"]] {
        let told = commanded(words, bouncer.address(), &database, "none");
        assert!(told.status != Some(0) && told.stderr.contains("is behind a pooler"), "{told:?}");
    }
}

#[test]
fn in_session_mode_a_pooler_that_is_named_is_fine() {
    let bouncer = pgbouncer("session");
    let database = Cluster::shared().create_database();
    database
        .query("CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p int REFERENCES p, t text)");
    // What it is not told it refuses here, too: the login looks the same.
    let proxy = proxy_before(&bouncer, "");
    let (_, greeting) = Wire::log_in(&proxy.endpoint(database.endpoint()), &[]);
    assert!(transcript(&greeting).contains("C=\"0A000\""), "{greeting:?}");
    drop(proxy);
    for mode in ["auto", "replica-role", "park"] {
        let config = format!("[target]\npooler = \"session\"\n[fk]\nmode = \"{mode}\"\n");
        let proxy = proxy_before(&bouncer, &config);
        let mut wire = log_in(&proxy.endpoint(database.endpoint()));
        for (sql, expected) in [
            ("INSERT INTO c VALUES (7, E'a\\0b')", "CommandComplete INSERT 0 1"),
            ("COPY c FROM STDIN", "CopyInResponse"),
        ] {
            wire.query(sql);
            let said = match expected {
                "CopyInResponse" => {
                    wire.until(b'G');
                    wire.copy_data(b"8\tx\n").copy_done();
                    transcript(&wire.until_ready())
                }
                _ => transcript(&wire.until_ready()),
            };
            let expected = expected.replace("CopyInResponse", "CommandComplete COPY 1");
            assert!(said.contains(&expected), "{mode}: {said}");
        }
        wire.parse("s", "INSERT INTO c VALUES ($1, $2)", &[23, 25]).sync().until_ready();
        wire.bind("", "s", &[], &[Some(b"9"), Some(b"a\0b")], 0).execute("", 0).sync();
        assert!(transcript(&wire.until_ready()).contains("INSERT 0 1"), "{mode}");
        assert_eq!(database.query("SELECT count(*), min(t) FROM c"), [["3", "a b"]], "{mode}");
        wire.terminate();
        drop(proxy);
        if mode == "park" {
            let told = commanded(&["fk", "restore"], bouncer.address(), &database, "session");
            assert!(
                told.stdout.contains("c_p_fkey") || told.stderr.contains("c_p_fkey"),
                "{told:?}"
            );
        }
        database.query("TRUNCATE c");
        // What the session had is gone when it goes back to the pool.
        let began = Instant::now();
        while !leaks(&bouncer, &database).is_empty() {
            assert!(began.elapsed() < Duration::from_secs(10), "{mode}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let told = commanded(&["check"], bouncer.address(), &database, "session");
    assert!(told.stdout.contains("advice   pooler"), "{told:?}");
}
