//! A load of which rows are set aside, cut anywhere by the end of the proxy or of the server: what is loaded and what is
//! set aside is all of it or nothing, and never a row twice.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::SinkExt as _;
use tokio_postgres::{Config, Error, NoTls};

use super::Server;

const CONFIG: &str = "[errors]\ndata_error_policy = \"log-error\"\nbatch_bytes = 2048\n\
    [fk]\nmode = \"off\"\n";

/// The points at which a load is cut: so far into its pieces, and behind them in the time of its end.
const POINTS: usize = 20;
const PIECES: usize = 15;
const ROWS_A_PIECE: usize = 200;

/// Each tenth row is refused.
fn piece(number: usize) -> String {
    let row = |at: usize| match at % 10 {
        3 => format!("x{at}\n"),
        _ => format!("{at}\n"),
    };
    (0..ROWS_A_PIECE).map(|at| row(number * ROWS_A_PIECE + at)).collect()
}

/// Whether the load was acknowledged.
async fn load(address: SocketAddr, in_transaction: bool, sent: &AtomicUsize) -> Result<(), Error> {
    let mut config = Config::new();
    config.host("127.0.0.1").port(address.port()).user("postgres").dbname("postgres");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    if in_transaction {
        client.batch_execute("BEGIN").await?;
    }
    let copy = client.copy_in("COPY t FROM STDIN").await?;
    let mut copy = std::pin::pin!(copy);
    for number in 0..PIECES {
        copy.send(bytes::Bytes::from(piece(number))).await?;
        sent.store(number + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    copy.finish().await?;
    // By the extended protocol the end of the COPY is told before the commit: ReadyForQuery acknowledges it.
    client.batch_execute(if in_transaction { "COMMIT" } else { "SELECT 1" }).await?;
    Ok(())
}

#[test]
fn a_load_that_is_cut_is_there_as_a_whole_or_not_at_all() {
    let mut server = Server::start(&[]);
    server.query("CREATE TABLE t (id int)");
    let mut proxy = server.proxy(CONFIG);
    let (mut whole, mut none) = (0, 0);
    // The first load makes the table of what is set aside.
    for point in 0..=POINTS {
        let (address, sent) = (proxy.address(), AtomicUsize::new(0));
        let is_acknowledged = std::thread::scope(|scope| {
            let loader = scope.spawn(|| {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(load(address, point % 4 > 1, &sent)).is_ok()
            });
            while point > 0 && sent.load(Ordering::SeqCst) < point.min(PIECES) {
                std::thread::sleep(Duration::from_micros(100));
            }
            std::thread::sleep(Duration::from_millis(4 * point.saturating_sub(PIECES) as u64));
            match point {
                0 => {}
                _ if point % 2 == 0 => server.kill(),
                _ => proxy.signal("KILL"),
            }
            loader.join().unwrap()
        });
        match point {
            0 => assert!(is_acknowledged),
            _ if point % 2 == 0 => server.start_again(),
            _ => proxy = server.proxy(CONFIG),
        }
        // What the session of a proxy that is gone has sent may still run.
        let others = "SELECT count(*) FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'";
        super::wait_for("the load to end", || server.query(others) == [["0"]]);
        let counts = server.query(
            "SELECT count(*), count(DISTINCT id), (SELECT count(*) FROM dms_proxy.rejected_rows),
                (SELECT count(DISTINCT \"row\") FROM dms_proxy.rejected_rows) FROM t",
        );
        let all = PIECES * ROWS_A_PIECE;
        let (loaded, aside) = ((all * 9 / 10).to_string(), (all / 10).to_string());
        if counts == [[loaded.clone(), loaded, aside.clone(), aside]] {
            whole += 1;
        } else {
            assert_eq!(counts, [["0", "0", "0", "0"]], "{point}");
            assert!(!is_acknowledged, "{point}");
            none += 1;
        }
        server.query("TRUNCATE t; TRUNCATE dms_proxy.rejected_rows");
    }
    assert!(whole > 0 && none > POINTS / 2, "{whole} {none}");
}
