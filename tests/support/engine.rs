//! Other engines that speak PostgreSQL's protocol, as far as the proxy can tell them from it: a relay in
//! front of the server that tells another version and refuses what they refuse.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// An engine as data.
#[derive(Debug)]
pub struct Engine {
    pub name: &'static str,
    /// The `server_version` that it tells.
    pub version: &'static str,
    /// Its keys for cancels name processes of its own, as those of a pooler do.
    pub gives_own_keys: bool,
    /// What it refuses: all of these words in a text, the SQLSTATE, the message.
    pub refuses: &'static [(&'static [&'static str], &'static str, &'static str)],
}

const NO_MISSING_OK: (&[&str], &str, &str) = (
    &["current_setting(", ", true)"],
    "42883",
    "function pg_catalog.current_setting(unknown, boolean) does not exist",
);

/// The engines. Sources: their documentation of compatibility, and errors in reports of their users.
pub const ENGINES: &[Engine] = &[
    Engine {
        name: "PostgreSQL 9.4",
        version: "9.4.26",
        gives_own_keys: false,
        refuses: &[
            NO_MISSING_OK,
            (&["pg_blocking_pids"], "42883", "function pg_blocking_pids(integer) does not exist"),
            (&["ON CONFLICT"], "42601", "syntax error at or near \"ON\""),
            (&["pg_sequences"], "42P01", "relation \"pg_catalog.pg_sequences\" does not exist"),
        ],
    },
    Engine {
        name: "PostgreSQL 9.5",
        version: "9.5.25",
        gives_own_keys: false,
        refuses: &[
            NO_MISSING_OK,
            (&["pg_blocking_pids"], "42883", "function pg_blocking_pids(integer) does not exist"),
            (&["pg_sequences"], "42P01", "relation \"pg_catalog.pg_sequences\" does not exist"),
        ],
    },
    Engine {
        name: "Greenplum 6",
        version: "9.4.26",
        gives_own_keys: false,
        refuses: &[
            NO_MISSING_OK,
            (&["session_replication_role"], "42501", "permission denied to set parameter"),
            (&["pg_blocking_pids"], "42883", "function pg_blocking_pids(integer) does not exist"),
            (&["ON CONFLICT"], "42601", "syntax error at or near \"ON\""),
        ],
    },
    Engine {
        name: "Amazon Redshift",
        version: "8.0.2",
        gives_own_keys: false,
        refuses: &[
            NO_MISSING_OK,
            (
                &["session_replication_role"],
                "42704",
                "unrecognized configuration parameter \"session_replication_role\"",
            ),
            (&["DO $"], "42601", "syntax error at or near \"DO\""),
            (&["OPERATOR(pg_catalog"], "42601", "syntax error at or near \"pg_catalog\""),
            (&["SAVEPOINT"], "0A000", "SQL command \"SAVEPOINT\" not supported."),
            (&["statement_timeout ="], "22023", "invalid value for parameter"),
        ],
    },
    Engine {
        name: "CockroachDB",
        version: "13.0.0",
        gives_own_keys: false,
        refuses: &[
            (
                &["session_replication_role"],
                "22023",
                "invalid value for parameter \"session_replication_role\": \"replica\"",
            ),
            (&["DO $"], "0A000", "unimplemented: DO statements are not supported"),
            (&["LOCK TABLE"], "0A000", "unimplemented: this syntax"),
            (&["OPERATOR(pg_catalog"], "42601", "at or near \"pg_catalog\": syntax error"),
        ],
    },
    Engine {
        name: "YugabyteDB",
        version: "11.2-YB-2.20.1.0-b0",
        gives_own_keys: false,
        refuses: &[
            (
                &["session_replication_role"],
                "42501",
                "permission denied to set parameter \"session_replication_role\"",
            ),
            (&["pg_advisory"], "0A000", "advisory locks are not yet implemented"),
            (&["LOCK TABLE"], "0A000", "SHARE ROW EXCLUSIVE not supported yet"),
        ],
    },
    Engine {
        name: "Amazon Aurora DSQL",
        version: "16.9",
        gives_own_keys: false,
        refuses: &[
            (&["current_setting("], "0A000", "function current_setting is not supported"),
            (
                &["session_replication_role"],
                "0A000",
                "setting configuration parameter \"session_replication_role\" not supported",
            ),
            (&["DO $"], "0A000", "unsupported statement: Do"),
            (&["TRUNCATE"], "0A000", "unsupported statement: Truncate"),
            (&["SAVEPOINT"], "0A000", "unsupported statement: Savepoint"),
        ],
    },
];

impl Engine {
    /// Relays connections to the server until the tests end. Gives where it listens.
    pub fn start(&'static self, server: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(target) = TcpStream::connect(server) else { continue };
                for stream in [&client, &target] {
                    stream.set_nodelay(true).unwrap();
                }
                let back = (target.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || self.to_server(client, target));
                thread::spawn(move || self.to_client(back.0, back.1));
            }
        });
        address
    }

    /// The place of what refuses the text.
    fn refusal(&self, text: &[u8]) -> Option<usize> {
        let text = text.escape_ascii().to_string().to_uppercase();
        let all_in = |words: &[&str]| words.iter().all(|word| text.contains(&word.to_uppercase()));
        self.refuses.iter().position(|(words, ..)| all_in(words))
    }

    /// In place of a refused text the server gets one that can only fail.
    fn to_server(&self, from: TcpStream, mut to: TcpStream) {
        let mut from = BufReader::new(from);
        let Some(startup) = packet(&mut from) else { return };
        let mut frame = Some(startup);
        while let Some(bytes) = frame {
            if to.write_all(&bytes).is_err() {
                break;
            }
            frame = tagged(&mut from).map(|(tag, body)| match (tag, self.refusal(&body)) {
                (b'Q', Some(place)) => encoded(tag, format!("refused_{place}_\0").as_bytes()),
                (b'P', Some(place)) => {
                    let name = body.split(|&byte| byte == 0).next().unwrap_or_default();
                    let text = format!("\0refused_{place}_\0\0\0");
                    encoded(tag, &[name, text.as_bytes()].concat())
                }
                _ => encoded(tag, &body),
            });
        }
        let _ = to.shutdown(Shutdown::Write);
    }

    /// Its version takes the place of the server's, and its error of the server's about a refused text.
    fn to_client(&self, from: TcpStream, mut to: TcpStream) {
        let mut from = BufReader::new(from);
        while let Some((tag, body)) = tagged(&mut from) {
            let body = match tag {
                b'S' if body.starts_with(b"server_version\0") => {
                    format!("server_version\0{}\0", self.version).into_bytes()
                }
                b'K' if self.gives_own_keys => [b"\x01\x02\x03\x04", &body[4..]].concat(),
                b'E' => self.error(&body).unwrap_or(body),
                _ => body,
            };
            if to.write_all(&encoded(tag, &body)).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }

    fn error(&self, body: &[u8]) -> Option<Vec<u8>> {
        let text = body.escape_ascii().to_string();
        let (_, rest) = text.split_once("\"refused_")?;
        let place: usize = rest.split('_').next()?.parse().ok()?;
        let (_, sqlstate, message) = self.refuses.get(place)?;
        Some(format!("SERROR\0VERROR\0C{sqlstate}\0M{message}\0\0").into_bytes())
    }
}

/// A packet without a tag.
fn packet(from: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let mut rest = vec![0; u32::from_be_bytes(length).checked_sub(4)? as usize];
    from.read_exact(&mut rest).ok()?;
    Some([&length[..], &rest].concat())
}

fn tagged(from: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let mut tag = [0];
    from.read_exact(&mut tag).ok()?;
    Some((tag[0], packet(from)?.split_off(4)))
}

fn encoded(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body].concat()
}
