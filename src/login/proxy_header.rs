//! The PROXY protocol: a balancer in front tells whose connection it is that it passes on. Reads the header
//! and nothing behind it.
//!
//! Source: "The PROXY protocol", versions 1 and 2, <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::AsyncReadExt as _;

use crate::config::{Network, ProxyProtocol};
use crate::stream::Stream;

/// What a header of version 1 begins with.
const V1_START: &[u8] = b"PROXY ";

/// The longest header of version 1, its end of line included.
const V1_BYTES_MAX: usize = 107;

/// What a header of version 2 begins with.
const V2_START: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The longest part behind the fixed one of version 2 that is taken: addresses and what balancers add.
const V2_REST_BYTES_MAX: usize = 4096;

/// Which peers send a header, and of which version.
#[derive(Clone, Debug)]
pub(super) struct Balancers {
    pub(super) version: ProxyProtocol,
    pub(super) from: Vec<Network>,
}

impl Balancers {
    /// Whether this peer has to send a header.
    pub(super) fn send_from(&self, peer: IpAddr) -> bool {
        self.version != ProxyProtocol::Off && self.from.iter().any(|network| network.has(peer))
    }

    /// Reads the header. Gives the address of the client; `None` where the balancer speaks for itself or does
    /// not know. The inner error says what is wrong with it.
    ///
    /// # Errors
    /// The peer has gone.
    pub(super) async fn read(
        &self,
        stream: &mut Stream,
    ) -> io::Result<Result<Option<SocketAddr>, &'static str>> {
        let mut start = [0; V1_START.len()];
        stream.read_exact(&mut start).await?;
        if start == *V1_START && self.version != ProxyProtocol::V2 {
            let mut line = start.to_vec();
            while !line.ends_with(b"\r\n") {
                if line.len() >= V1_BYTES_MAX {
                    return Ok(Err("the PROXY header has no end"));
                }
                line.push(stream.read_u8().await?);
            }
            return Ok(v1(&line));
        }
        if V2_START.starts_with(&start) && self.version != ProxyProtocol::V1 {
            let mut rest = [0; 10];
            stream.read_exact(&mut rest).await?;
            let Some((tail, [version_and_command, family, high, low])) =
                rest.split_first_chunk::<6>()
            else {
                return Ok(Err("the PROXY header is malformed"));
            };
            if !V2_START.ends_with(tail) {
                return Ok(Err("the PROXY header is malformed"));
            }
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if length > V2_REST_BYTES_MAX {
                return Ok(Err("the PROXY header is too long"));
            }
            let mut addresses = vec![0; length];
            stream.read_exact(&mut addresses).await?;
            return Ok(v2(*version_and_command, *family, &addresses));
        }
        Ok(Err("there is no PROXY header"))
    }
}

/// A header of version 1, with its end of line.
fn v1(line: &[u8]) -> Result<Option<SocketAddr>, &'static str> {
    const WRONG: &str = "the PROXY header is malformed";
    let line = std::str::from_utf8(line).map_err(|_| WRONG)?.trim_end_matches("\r\n");
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", family @ ("TCP4" | "TCP6"), source, _, port, _] => {
            let address: IpAddr = source.parse().map_err(|_| WRONG)?;
            if address.is_ipv4() != (*family == "TCP4") {
                return Err(WRONG);
            }
            Ok(Some(SocketAddr::new(address, port.parse().map_err(|_| WRONG)?)))
        }
        _ => Err(WRONG),
    }
}

/// What is behind the signature of version 2.
fn v2(
    version_and_command: u8,
    family: u8,
    addresses: &[u8],
) -> Result<Option<SocketAddr>, &'static str> {
    const WRONG: &str = "the PROXY header is malformed";
    match (version_and_command, family) {
        // The balancer speaks for itself, as for a look at our health.
        (0x20, _) => Ok(None),
        (0x21, 0x11) => {
            let source: &[u8; 4] = addresses.first_chunk().ok_or(WRONG)?;
            let port: &[u8; 2] = addresses.get(8..).and_then(<[u8]>::first_chunk).ok_or(WRONG)?;
            let port = u16::from_be_bytes(*port);
            addresses.get(..12).ok_or(WRONG)?;
            Ok(Some(SocketAddr::from((Ipv4Addr::from(*source), port))))
        }
        (0x21, 0x21) => {
            let source: &[u8; 16] = addresses.first_chunk().ok_or(WRONG)?;
            let port: &[u8; 2] = addresses.get(32..).and_then(<[u8]>::first_chunk).ok_or(WRONG)?;
            let port = u16::from_be_bytes(*port);
            addresses.get(..36).ok_or(WRONG)?;
            Ok(Some(SocketAddr::from((Ipv6Addr::from(*source), port))))
        }
        (0x21, _) => Ok(None),
        _ => Err(WRONG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_client() {
        let read = |line: &str| v1(line.as_bytes()).map(|address| address.map(|a| a.to_string()));
        let v4 = "PROXY TCP4 192.0.2.7 10.0.0.1 56324 5432\r\n";
        assert_eq!(read(v4), Ok(Some("192.0.2.7:56324".into())));
        let v6 = "PROXY TCP6 2001:db8::1 ::1 56324 5432\r\n";
        assert_eq!(read(v6), Ok(Some("[2001:db8::1]:56324".into())));
        assert_eq!(read("PROXY UNKNOWN\r\n"), Ok(None));
        for wrong in [
            "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            "PROXY TCP4 a b 1 2\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 99999 5432\r\n",
            "PROXY TCP4\r\n",
            "PROXY \r\n",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_name_the_client() {
        let mut addresses = vec![192, 0, 2, 7, 10, 0, 0, 1, 0xDC, 0x04, 0x15, 0x38];
        let client = Ok(Some("192.0.2.7:56324".parse().unwrap()));
        assert_eq!(v2(0x21, 0x11, &addresses), client);
        addresses.extend(b"more that balancers add");
        assert_eq!(v2(0x21, 0x11, &addresses), client);
        assert_eq!(v2(0x20, 0, &[]), Ok(None));
        assert_eq!(v2(0x21, 0x31, &[0; 216]), Ok(None), "a Unix socket");
        assert!(v2(0x21, 0x11, &[0; 11]).is_err());
        assert!(v2(0x21, 0x21, &[0; 35]).is_err());
        assert!(v2(0x31, 0x11, &addresses).is_err());
        let mut six = Ipv6Addr::LOCALHOST.octets().to_vec();
        six.extend([0; 16]);
        six.extend([0, 1, 0, 2]);
        assert_eq!(v2(0x21, 0x21, &six), Ok(Some("[::1]:1".parse().unwrap())));
    }
}
