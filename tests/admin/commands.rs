//! `status` and `top`, which ask a running proxy.

use std::net::SocketAddr;

use super::{proxy, wait_for};
use crate::protocol::{log_in, say};
use crate::support::{Cluster, Finished, command, run};

fn ask(address: SocketAddr, words: &[&str]) -> Finished {
    let mut program = command(env!("CARGO_BIN_EXE_dms-proxy"));
    program.current_dir(std::env::temp_dir()).args(words);
    program.args(["--admin", &format!("http://{address}")]);
    run(&mut program, b"")
}

#[test]
fn a_running_proxy_says_how_it_is() {
    let database = Cluster::shared().create_database();
    let (proxy, address) = proxy("");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE public.t (a int); INSERT INTO public.t VALUES (1), (2)");
    wait_for(|| {
        let status = ask(address, &["status"]);
        let lines: Vec<&str> = status.stdout.lines().collect();
        status.status == Some(0)
            && lines[0] == "ready"
            && lines.contains(&"sessions  1")
            && lines.iter().any(|line| line.starts_with("rows      2, "))
    });
    let status = ask(address, &["status", "--format", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!((&status["ready"], &status["schema_version"]), (&true.into(), &1.into()));
    assert_eq!(status["totals"]["rows"], 2);
    let top = ask(address, &["top"]);
    assert_eq!(top.status, Some(0), "{}", top.stderr);
    let row = top.stdout.lines().find(|line| line.starts_with("public.t ")).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!((cells[2], cells[4], cells[6]), ("2", "0", "0"), "{row}");
}

/// Runs a program in a terminal of 80 columns and 24 lines, presses q after a while, and prints what it wrote.
#[cfg(client = "psycopg")]
const TERMINAL: &str = "\
import fcntl, os, pty, struct, sys, termios, time
pid, terminal = pty.fork()
if pid == 0:
    # It begins once it has its size.
    sys.stdin.readline()
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
os.write(terminal, b'\\n')
said, pressed = b'', False
while True:
    try:
        some = os.read(terminal, 65536)
    except OSError:
        break
    said += some
    if b'q ends' in said and not pressed:
        pressed = True
        os.write(terminal, b'q')
sys.stdout.buffer.write(said)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

#[test]
#[cfg(client = "psycopg")]
fn tables_fit_a_terminal() {
    let database = Cluster::shared().create_database();
    let (proxy, address) = proxy("");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    for table in 0..30 {
        let name = format!("\"{table:02} a table with a long name \u{1b}[2J and more of it\"");
        say(&mut wire, format!("CREATE TABLE public.{name} (a int)"));
    }
    let mut terminal = command("python3");
    terminal.args(["-c", TERMINAL, env!("CARGO_BIN_EXE_dms-proxy"), "top", "--admin"]);
    let shown = run(terminal.arg(format!("http://{address}")).env("TERM", "xterm"), b"").success();
    // One that cannot move its cursor gets a page, and no more.
    let plain = run(terminal.env("TERM", "dumb"), b"").success();
    assert!(!plain.contains('\u{1b}') && plain.contains("public.29 "), "{plain}");
    let (before, page) = shown.split_once("\u{1b}[H\u{1b}[2J").unwrap();
    assert!(before.ends_with("\u{1b}[?1049h\u{1b}[?25l"), "{before:?}");
    let (page, after) = page.split_once('\u{1b}').unwrap();
    assert_eq!(after, "[?25h\u{1b}[?1049l");
    let lines: Vec<&str> = page.lines().map(|line| line.trim_end_matches('\r')).collect();
    assert_eq!(lines.len(), 23, "{page}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{page}");
    assert!(lines[0].contains("  sessions 1  target ") && lines[22] == "q ends", "{page}");
    assert!(lines[4].starts_with("public.00 a table with a long name \\x1b[2J"), "{page}");
}

#[test]
fn what_is_not_ready_or_not_there_has_a_code_of_its_own() {
    let token = std::env::temp_dir().join(format!("dms-proxy-token-{}", std::process::id()));
    std::fs::write(&token, "secret\n").unwrap();
    let path = token.display();
    let (_proxy, address) = proxy(&format!("token_file = '{path}'\nanonymous = 'none'\n"));
    // The target is looked at first.
    wait_for(|| super::get(address, "/readyz").status == 200);
    // The probe is for everybody, the figures are not.
    let status = ask(address, &["status"]);
    assert_eq!(status.status, Some(0), "{}", status.stderr);
    assert!(status.stdout.contains("wants a token"), "{}", status.stdout);
    assert_eq!(ask(address, &["top"]).status, Some(2));
    let with_token = ask(address, &["status", "--token-file", &path.to_string()]);
    assert!(with_token.stdout.contains("state     running"), "{}", with_token.stdout);
    std::fs::remove_file(&token).unwrap();
    drop(_proxy);
    let gone = ask(address, &["status"]);
    assert_eq!(gone.status, Some(2));
    assert!(gone.stderr.contains("no answer at http://127.0.0.1:"), "{}", gone.stderr);
}

#[test]
fn a_proxy_that_takes_nobody_is_not_ready() {
    let (proxy, address) = proxy("console = []\n");
    proxy.signal("USR1");
    wait_for(|| ask(address, &["status"]).status == Some(1));
    let status = ask(address, &["status"]);
    assert!(status.stdout.starts_with("not ready: paused"), "{}", status.stdout);
}
