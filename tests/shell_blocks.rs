//! Every block of shell in README and docs is run as it stands, on a server of its own. One that cannot be run
//! here has a comment in front of it: `<!-- not run: REASON -->`.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use dms_proxy::target::embedded::{Embedded, EmbeddedOptions};

use crate::support::{command, query, run};

/// What stands in front of each block: the program is the one under test, `serve` runs beside what follows, and
/// cargo has built it already.
const BEFORE: &str = r#"
set -eu
dms-proxy() {
    if [ "$1" != serve ]; then
        # It says so by 1 while keys are parked.
        "$PROGRAM" "$@" || [ "$? $1 ${2-}" = "1 fk status" ]
        return
    fi
    shift
    if [ -e proxy.toml ]; then sed -i 's/9632/0/' proxy.toml; fi
    case " $* " in *" --listen "*) ;; *) set -- "$@" --listen "127.0.0.1:$PORT" ;; esac
    "$PROGRAM" serve "$@" 2>serve.log &
    SERVED=$!
    trap 'kill "$SERVED"; wait "$SERVED" || true' EXIT
    until grep -q 'listening on' serve.log; do
        kill -0 "$SERVED" || { cat serve.log >&2; exit 1; }
        sleep 0.1
    done
}
cargo() { if [ "$1" = run ]; then shift 2; "$PROGRAM" "$@"; fi; }
"#;

const SCHEMA: &str = "CREATE TABLE t (a NUMBER(5), b VARCHAR2(10), c \"UINT4\");\n";

/// What a load has left: a key, a sequence, rows.
const LOADED: &str = "CREATE SCHEMA sales AUTHORIZATION app; SET ROLE app;
    CREATE TABLE sales.parent (id serial PRIMARY KEY);
    CREATE TABLE sales.child (id int REFERENCES sales.parent);
    INSERT INTO sales.parent VALUES (1), (2); INSERT INTO sales.child VALUES (1); RESET ROLE";

struct Block {
    line: usize,
    text: String,
    /// Why it is not run.
    not_run: Option<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The blocks of shell of a page.
fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = page.lines().enumerate();
    let mut comment = None;
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        if let Some(language) = line.strip_prefix("```") {
            let inside =
                lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
            let text: String = inside.flat_map(|line| [line.trim_start(), "\n"]).collect();
            if ["sh", "bash", "shell", "console"].contains(&language) {
                found.push(Block { line: number + 1, text, not_run: comment.take() });
            }
        }
        if !line.is_empty() {
            let marked = line.strip_prefix("<!-- not run: ");
            comment = marked.and_then(|rest| rest.strip_suffix(" -->")).map(str::to_owned);
        }
    }
    found
}

fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> =
        docs.filter(|path| path.extension().is_some_and(|it| it == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

/// The server that the pages speak of, with a database as a load leaves it.
struct Server(Embedded);

impl Server {
    fn start() -> Self {
        let options = EmbeddedOptions { listen_tcp: Some(0), ..EmbeddedOptions::default() };
        let server = Self(Embedded::start(&options).unwrap());
        let role = "CREATE ROLE app LOGIN; GRANT SET ON PARAMETER session_replication_role TO app";
        query(&server.0, "postgres", role);
        server
    }

    fn load(&self) {
        query(&self.0, "postgres", "DROP DATABASE IF EXISTS mydb");
        query(&self.0, "postgres", "CREATE DATABASE mydb OWNER app");
        query(&self.0, "mydb", LOADED);
    }

    fn place(&self) -> String {
        self.0.tcp_address().unwrap().to_string()
    }
}

#[test]
fn blocks_are_found_with_their_marks() {
    let page = "```sh\na\n```\n<!-- not run: no -->\n```sh\nb\n```\n\n  ```sh\n  c\n  ```\n```toml\nd\n```\n";
    let found = blocks(page);
    let seen: Vec<_> =
        found.iter().map(|it| (it.line, it.text.as_str(), it.not_run.as_deref())).collect();
    assert_eq!(seen, [(1, "a\n", None), (5, "b\n", Some("no")), (9, "c\n", None)]);
}

#[test]
#[cfg(client = "psql")]
fn blocks_of_shell_do_what_they_say() {
    let server = Server::start();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let (mut ran, mut left) = (0, 0);
    for page in pages() {
        let name = page.file_stem().unwrap().to_string_lossy().into_owned();
        let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("shell_blocks").join(&name);
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir_all(&scratch).unwrap();
        fs::write(scratch.join("schema.sql"), SCHEMA).unwrap();
        let found = blocks(&fs::read_to_string(&page).unwrap());
        if found.iter().any(|block| block.not_run.is_none()) {
            server.load();
        }
        for Block { line, text, not_run } in found {
            if let Some(reason) = not_run {
                assert!(reason.len() > 10, "{name}:{line}: say why it is not run");
                left += 1;
                continue;
            }
            let superuser = format!("{}@{}", server.0.superuser(), server.place());
            let text = text
                .replace("target/release/dms-proxy", "dms-proxy")
                .replace("postgres@db.example.com", &superuser)
                .replace("db.example.com:5432", &server.place())
                .replace("db.example.com", &server.place())
                .replace("6432", &port);
            let mut shell = command("bash");
            shell.arg("-c").arg(format!("{BEFORE}{text}")).current_dir(&scratch);
            shell.env("PROGRAM", env!("CARGO_BIN_EXE_dms-proxy")).env("PORT", &port);
            let finished = run(&mut shell, b"");
            let said = format!("{}{}", finished.stdout, finished.stderr);
            assert_eq!(finished.status, Some(0), "{name}.md:{line}:\n{text}{said}");
            ran += 1;
        }
    }
    // A mark is for what cannot be run, not for what is not wanted to.
    assert!(ran > left, "{ran} {left}");
}
