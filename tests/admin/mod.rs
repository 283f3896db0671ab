//! What an operator sees: figures by HTTP and by the console, compared with what the target has.

mod commands;
mod console;
mod counts;
mod deployed;
mod events_of_log;
mod hostile;
mod http;
mod logins;
mod looks;
mod metrics;
#[cfg(client = "chromium")]
mod page;
mod schema;
#[cfg(client = "psql")]
mod secrets;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::support::Proxy;

/// An answer of the HTTP side.
struct HttpAnswer {
    status: u16,
    head: String,
    body: String,
}

impl HttpAnswer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// A proxy with an operator's side on a free port, with these lines more below `[admin]`.
fn proxy(admin: &str) -> (Proxy, SocketAddr) {
    let proxy = Proxy::start(&format!("[admin]\naddress = '127.0.0.1:0'\n{admin}"), &[]);
    let address = admin_address(&proxy);
    (proxy, address)
}

fn admin_address(proxy: &Proxy) -> SocketAddr {
    for _ in 0..200 {
        let log = proxy.log();
        let found = log
            .split_once("admin listening on ")
            .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
        if let Some(address) = found {
            return address;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the log names no address:\n{}", proxy.log());
}

/// Waits until something holds, which is looked at a few times a second.
fn wait_for(mut holds: impl FnMut() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("it does not hold after 20 seconds");
}

/// Sends a request as it is and reads to the end.
fn exchange(address: SocketAddr, request: &str) -> HttpAnswer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    HttpAnswer { status, head: head.to_lowercase(), body: body.to_owned() }
}

fn get_with(address: SocketAddr, path: &str, headers: &str) -> HttpAnswer {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    exchange(address, &request)
}

fn get(address: SocketAddr, path: &str) -> HttpAnswer {
    get_with(address, path, "")
}

fn post(address: SocketAddr, path: &str, headers: &str, body: &str) -> HttpAnswer {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\
         {headers}\r\n{body}"
    );
    exchange(address, &request)
}
