//! Loaders write numbered rows in transactions, with retries, while the target and the proxy fail
//! under them: in the end no acknowledged row is missing, and none is there twice.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::SinkExt as _;
use tokio_postgres::{Client, Config, Error, NoTls};

use super::Server;

const LOADERS: i32 = 4;
const ROWS_A_BATCH: i32 = 20;

/// Rows go in only once, whatever is retried; `plain` and `copied` have no key that would hide a
/// second time.
const TABLES: &str = "CREATE TABLE keyed (loader int, n int, note text, PRIMARY KEY (loader, n));
    CREATE TABLE plain (loader int, n int, note text);
    CREATE TABLE copied (loader int, n int, note text)";

const INSERT: &str = "WITH new AS (
        INSERT INTO keyed SELECT $1, n, $4 FROM generate_series($2::int, $3::int) n
        ON CONFLICT DO NOTHING RETURNING *)
    INSERT INTO plain SELECT * FROM new";

/// One transaction; gives what the target has acknowledged.
async fn load(client: &mut Client, loader: i32, first: i32) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    let last = first + ROWS_A_BATCH - 1;
    let new = transaction.execute(INSERT, &[&loader, &first, &last, &"a\0b"]).await?;
    if new > 0 {
        let copy = transaction.copy_in("COPY copied FROM STDIN").await?;
        let mut copy = std::pin::pin!(copy);
        let rows = (first..=last).map(|n| format!("{loader}\t{n}\ta\0b\n"));
        copy.send(bytes::Bytes::from(rows.collect::<String>())).await?;
        copy.finish().await?;
    }
    transaction.commit().await
}

async fn connect(address: SocketAddr) -> Result<Client, Error> {
    let mut config = Config::new();
    config.host("127.0.0.1").port(address.port()).user("postgres").dbname("postgres");
    config.connect_timeout(Duration::from_secs(5));
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Loads until it is told to stop. Gives the batches that were acknowledged, and the failures.
fn run_loader(loader: i32, proxy: &Mutex<SocketAddr>, done: &AtomicBool) -> (i32, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut acknowledged, mut failures) = (0, 0);
        let mut connected = None;
        while !done.load(Ordering::Relaxed) {
            let address = *proxy.lock().unwrap();
            let mut client = match connected.take() {
                Some(client) => client,
                None => match connect(address).await {
                    Ok(client) => client,
                    Err(_) => {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        continue;
                    }
                },
            };
            match load(&mut client, loader, acknowledged * ROWS_A_BATCH).await {
                Ok(()) => {
                    acknowledged += 1;
                    connected = Some(client);
                }
                Err(_) => failures += 1,
            }
        }
        (acknowledged, failures)
    })
}

#[test]
fn no_acknowledged_row_is_lost_and_none_is_doubled() {
    let mut server = Server::start(&[]);
    server.query(TABLES);
    let mut proxy = server.proxy("");
    let address = Mutex::new(proxy.address());
    let done = AtomicBool::new(false);
    let loaded = std::thread::scope(|scope| {
        let (address, done) = (&address, &done);
        let loaders: Vec<_> = (0..LOADERS)
            .map(|loader| scope.spawn(move || run_loader(loader, address, done)))
            .collect();
        let pause = || std::thread::sleep(Duration::from_millis(400));
        for round in 0..2 {
            pause();
            let others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid()
                AND backend_type = 'client backend'";
            server.query(&format!("SELECT pg_terminate_backend(pid) {others}"));
            pause();
            server.query(&format!("SELECT pg_cancel_backend(pid) {others}"));
            pause();
            server.stop(if round == 0 { "INT" } else { "QUIT" });
            server.start_again();
            pause();
            server.kill();
            server.start_again();
            pause();
            proxy.signal("KILL");
            proxy = server.proxy("");
            *address.lock().unwrap() = proxy.address();
            pause();
        }
        let began = Instant::now();
        let counted = |server: &Server| server.query("SELECT count(*) FROM plain");
        let before = counted(&server);
        while counted(&server) == before {
            assert!(began.elapsed() < super::DEADLINE, "nobody loads any more");
        }
        done.store(true, Ordering::Relaxed);
        loaders.into_iter().map(|loader| loader.join().unwrap()).collect::<Vec<_>>()
    });
    for (loader, (batches, failures)) in loaded.iter().enumerate() {
        let rows = batches * ROWS_A_BATCH;
        assert!(*batches > 0 && *failures > 0, "{loaded:?}");
        for table in ["keyed", "plain", "copied"] {
            let acknowledged = format!(
                "SELECT count(*), count(DISTINCT n) FROM {table} WHERE loader = {loader} AND n < {rows}"
            );
            let rows = rows.to_string();
            assert_eq!(server.query(&acknowledged), [[rows.clone(), rows]], "{table}: {loaded:?}");
            // At most the batch whose acknowledgement was lost comes on top, and only once.
            let more = format!(
                "SELECT count(*) = count(DISTINCT n) AND count(*) - {} IN (0, {ROWS_A_BATCH}),
                 bool_and(note = 'a b') FROM {table} WHERE loader = {loader}",
                batches * ROWS_A_BATCH
            );
            assert_eq!(server.query(&more), [["t", "t"]], "{table}: {loaded:?}");
        }
    }
    assert!(!proxy.log().contains("panicked"), "{}", proxy.log());
}
