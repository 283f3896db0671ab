//! The page in a real browser, while three tables are loaded.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::proxy;
use crate::protocol::{log_in, say};
use crate::support::{Cluster, program, setup_directory};

/// Where pictures of the page go, for a person to look at.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_browser_follows_a_load() {
    let database = Cluster::shared().create_database();
    let file = folder().join("token");
    std::fs::write(&file, "sesame\n").unwrap();
    let lines = format!("anonymous = 'metrics'\ntoken_file = '{}'\n", file.display());
    let (proxy, address) = proxy(&lines);
    let endpoint = proxy.endpoint(database.endpoint());
    let mut node = program("node");
    node.current_dir(setup_directory().with_file_name("clients")).arg("watch_page.js");
    node.arg(format!("http://{address}")).arg("sesame").arg(folder());
    let mut browser = node.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(browser.stdout.take().unwrap()).lines();
    let mut wire = log_in(&endpoint);
    let mut next = |wanted: &str| {
        let line = said.next().map(Result::unwrap).unwrap_or_default();
        if line != wanted {
            let mut error = String::new();
            browser.stderr.take().unwrap().read_to_string(&mut error).unwrap();
            panic!("{wanted}: {line}\n{error}");
        }
    };
    next("empty");
    for table in ["one", "two", "three"] {
        say(&mut wire, format!("CREATE TABLE public.{table} (a int PRIMARY KEY, b text)"));
    }
    let mut other = log_in(&endpoint);
    say(&mut other, "BEGIN");
    for batch in 0..20 {
        say(&mut wire, format!("INSERT INTO public.two VALUES ({batch}, 'x')"));
        say(&mut wire, format!("INSERT INTO public.three VALUES ({batch}, 'x')"));
        say(&mut other, format!("INSERT INTO public.one VALUES ({batch}, 'x')"));
        std::thread::sleep(Duration::from_millis(100));
    }
    // The browser looks for a state that ends: the load goes on until it has seen it.
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for row in 100..1300 {
                if is_over.load(Ordering::Acquire) {
                    return;
                }
                say(&mut wire, format!("INSERT INTO public.two VALUES ({row}, 'x')"));
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        next("loading");
        is_over.store(true, Ordering::Release);
    });
    say(&mut wire, "INSERT INTO public.three VALUES (1000 / 0, 'x')");
    wire.query("COPY public.one FROM STDIN").until(b'G');
    wire.copy_data(b"2000\t\\000\n").copy_done().until_ready();
    next("seen");
    assert!(browser.wait().unwrap().success());
}
