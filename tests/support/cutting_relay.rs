//! A relay that cuts what it passes into pieces at random: what one side writes at once arrives in parts, with
//! pauses between, and the parts of several writes arrive together.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Bytes that are read at once at most.
const PIECE_BYTES_MAX: usize = 4096;

/// The longest pause between two pieces.
const PAUSE_MAX: Duration = Duration::from_micros(300);

/// Listens for connections to `target`, and gives the address; the same seed gives the same lengths of pieces.
pub fn cutting_relay(target: SocketAddr, seed: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (number, client) in (1..).zip(listener.incoming()) {
            let client = client.unwrap();
            let Ok(target) = TcpStream::connect(target) else { continue };
            client.set_nodelay(true).unwrap();
            target.set_nodelay(true).unwrap();
            let back = (target.try_clone().unwrap(), client.try_clone().unwrap());
            let cuts = Cuts(seed.wrapping_mul(7919).wrapping_add(number));
            let cuts_back = Cuts(seed.wrapping_mul(104_729).wrapping_add(number));
            thread::spawn(move || relay(client, target, cuts));
            thread::spawn(move || relay(back.0, back.1, cuts_back));
        }
    });
    address
}

fn relay(mut from: TcpStream, mut to: TcpStream, mut cuts: Cuts) {
    let mut bytes = vec![0; PIECE_BYTES_MAX];
    loop {
        let most = match cuts.below(4) {
            0 => 8,
            1 => 100,
            _ => PIECE_BYTES_MAX,
        };
        let length = 1 + cuts.below(most);
        match from.read(&mut bytes[..length]) {
            Ok(count) if count > 0 && to.write_all(&bytes[..count]).is_ok() => {}
            _ => break,
        }
        if cuts.below(8) == 0 {
            thread::sleep(PAUSE_MAX.mul_f64(cuts.below(100) as f64 / 100.0));
        }
    }
    // The other side learns of the end, whatever became of its own.
    let _ = to.shutdown(Shutdown::Write);
}

/// Numbers that look random (xorshift).
struct Cuts(u64);

impl Cuts {
    fn below(&mut self, most: usize) -> usize {
        self.0 |= 1;
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 20).unwrap() % most
    }
}
