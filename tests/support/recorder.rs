//! A relay that notes what is sent to the server, to stand between the proxy and its target.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Relays connections to the server until the tests end.
pub struct Recorder {
    address: SocketAddr,
    to_server: Arc<Mutex<Vec<u8>>>,
}

impl Recorder {
    /// Listens on a free port.
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let recorder = Self { address: listener.local_addr().unwrap(), to_server: Arc::default() };
        let noted = Arc::clone(&recorder.to_server);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(target) = TcpStream::connect(server) else { continue };
                for stream in [&client, &target] {
                    stream.set_nodelay(true).unwrap();
                }
                let back = (target.try_clone().unwrap(), client.try_clone().unwrap());
                let noted = Arc::clone(&noted);
                thread::spawn(move || copy(client, target, Some(&noted)));
                thread::spawn(move || copy(back.0, back.1, None));
            }
        });
        recorder
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bytes sent to the server since this was last asked. Those that are answered are there.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.to_server.lock().unwrap())
    }
}

/// Either end may close first.
fn copy(mut from: TcpStream, mut to: TcpStream, noted: Option<&Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if let Some(noted) = noted {
            noted.lock().unwrap().extend_from_slice(&buffer[..count]);
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
