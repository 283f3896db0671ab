//! Passwords go through the proxy to the server, and so do its answers.

use tokio_postgres::{Config, NoTls};

use super::{exact, say};
use crate::support::{Body, Cluster, Endpoint, Proxy, Wire, both_through};

/// These roles may not set `session_replication_role`, which is a matter of its own.
const NO_SETTINGS: &str = "[fk]\nmode = \"off\"\n";

fn role(endpoint: &Endpoint, name: &str) -> Endpoint {
    Endpoint { user: name.to_owned(), ..endpoint.clone() }
}

#[test]
fn password_in_the_clear() {
    let said = both_through(&Proxy::start(NO_SETTINGS, &[]), |endpoint| {
        let endpoint = role(endpoint, "password");
        [Cluster::PASSWORD, "wrong", ""].map(|password| {
            let mut wire = Wire::open(&endpoint);
            wire.startup(&endpoint, &[]);
            let mut said = exact(&[wire.read_frame().unwrap()]);
            wire.send(b'p', Body::default().string(password));
            said += &exact(&wire.until_ready());
            if said.ends_with("Z I\n") {
                said += &say(&mut wire, "SELECT current_user");
            }
            said
        })
    });
    assert!(said[0].contains("DataRow password\n"), "{}", said[0]);
    assert!(said[1].contains("28P01"), "{}", said[1]);
}

#[test]
fn hashed_passwords() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let said = both_through(&Proxy::start(NO_SETTINGS, &[]), |endpoint| {
        let log_in = async |method: &str, password: &str| {
            let mut config = Config::new();
            config.host(endpoint.address.ip().to_string()).port(endpoint.address.port());
            config.user(method).password(password).dbname(&endpoint.database);
            let (client, connection) = config.connect(NoTls).await.map_err(|error| {
                let error = error.as_db_error().unwrap();
                format!("{} {}", error.code().code(), error.message())
            })?;
            let running = tokio::spawn(connection);
            let row = client.query_one("SELECT current_user::text", &[]).await.unwrap();
            drop(client);
            running.await.unwrap().unwrap();
            Ok(row.get(0))
        };
        runtime.block_on(async {
            let mut said: Vec<Result<String, String>> = Vec::new();
            for method in Cluster::LOGIN_METHODS {
                for password in [Cluster::PASSWORD, "wrong"] {
                    said.push(log_in(method, password).await);
                }
            }
            said
        })
    });
    for (method, said) in Cluster::LOGIN_METHODS.iter().zip(said.chunks(2)) {
        let refused = format!("28P01 password authentication failed for user \"{method}\"");
        assert_eq!(said, [Ok((*method).to_owned()), Err(refused)]);
    }
}

#[test]
fn client_that_leaves_in_the_middle_of_its_login() {
    both_through(&Proxy::start(NO_SETTINGS, &[]), |endpoint| {
        let endpoint = role(endpoint, "scram-sha-256");
        let mut wire = Wire::open(&endpoint);
        wire.startup(&endpoint, &[]);
        let asked = exact(&[wire.read_frame().unwrap()]);
        wire.send(b'p', Body::default().string("SCRAM-SHA-256").int32(3).bytes("n,,"));
        (asked, exact(&wire.until_ready()))
    });
}
