//! `[listen]`: where clients come in, and TLS with them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::problem::Complaint;
use crate::keyword::keywords;
use crate::tls::{ClientSslMode, ClientTlsSettings};

/// `[listen]`
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// Host and port; port 0 takes a free one, which the first log line names.
    #[serde(deserialize_with = "address")]
    pub address: SocketAddr,
    /// A Unix socket to listen on as well.
    pub unix_socket: Option<PathBuf>,
    /// Who may connect to the Unix socket.
    pub unix_socket_permissions: Permissions,
    /// TLS with clients.
    pub sslmode: ClientSslMode,
    /// Which header of the PROXY protocol balancers send in front of a connection.
    pub proxy_protocol: ProxyProtocol,
    /// The balancers: addresses, and networks such as 10.0.0.0/8.
    pub proxy_protocol_from: Vec<Network>,
    /// The proxy's certificate.
    pub sslcert: Option<PathBuf>,
    /// The key of the certificate.
    pub sslkey: Option<PathBuf>,
    /// The authorities of clients' certificates.
    pub sslrootcert: Option<PathBuf>,
}

/// Reads an address and a port: `127.0.0.1:6432`, `[::1]:6432`, `localhost:6432`, or `:6432` for all
/// IPv4 addresses.
///
/// # Errors
/// A sentence that says what may be written.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let allowed = || {
        "it is an address and a port such as 127.0.0.1:6432, [::1]:6432, localhost:6432, or :6432 for \
         all IPv4 addresses"
            .to_owned()
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(allowed)?;
    let host = match host {
        "localhost" => Ipv4Addr::LOCALHOST,
        "" | "*" => Ipv4Addr::UNSPECIFIED,
        _ => return Err(allowed()),
    };
    port.parse().map(|port: u16| SocketAddr::from((host, port))).map_err(|_| allowed())
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    listen_address(&text).map_err(D::Error::custom)
}

impl Default for Listen {
    fn default() -> Self {
        Listen {
            address: SocketAddr::from(([127, 0, 0, 1], 6432)),
            unix_socket: None,
            unix_socket_permissions: Permissions(0o777),
            sslmode: ClientSslMode::default(),
            proxy_protocol: ProxyProtocol::Off,
            proxy_protocol_from: Network::loopback(),
            sslcert: None,
            sslkey: None,
            sslrootcert: None,
        }
    }
}

impl Listen {
    /// What TLS with clients needs; `None` where there is none.
    pub fn tls(&self) -> Option<ClientTlsSettings> {
        if self.sslmode == ClientSslMode::Disable {
            return None;
        }
        Some(ClientTlsSettings {
            mode: self.sslmode,
            certificate: self.sslcert.clone().unwrap_or_default(),
            key: self.sslkey.clone().unwrap_or_default(),
            authorities: self.sslrootcert.clone(),
        })
    }

    /// What the keys about TLS lack.
    pub(super) fn check(&self) -> Vec<Complaint> {
        let mode = self.sslmode;
        let needed = [
            ("sslcert", &self.sslcert, ClientSslMode::Allow),
            ("sslkey", &self.sslkey, ClientSslMode::Allow),
            ("sslrootcert", &self.sslrootcert, ClientSslMode::VerifyCa),
        ];
        let missing = needed.iter().filter(|(_, path, from)| mode >= *from && path.is_none());
        let complaint = |(key, ..): &(&str, _, _)| {
            let key = format!("listen.{key}");
            let reason = format!("listen.sslmode = \"{mode}\" needs {key}");
            (key, reason)
        };
        missing.map(complaint).collect()
    }

    /// The files are next to `proxy.toml`.
    pub(super) fn resolve_from(&mut self, directory: &Path) {
        for path in
            [&mut self.sslcert, &mut self.sslkey, &mut self.sslrootcert, &mut self.unix_socket]
        {
            *path = path.take().map(|path| directory.join(path));
        }
    }
}

/// Which header of the PROXY protocol is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// None.
    #[default]
    Off,
    /// That of version 1 or 2.
    On,
    /// That of version 1, a line.
    V1,
    /// That of version 2.
    V2,
}

keywords!(ProxyProtocol { "off" => Off, "on" => On, "v1" => V1, "v2" => V2 });

/// An address, or a network of them.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    fn loopback() -> Vec<Network> {
        let [four, six] = [IpAddr::from([127, 0, 0, 0]), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        vec![Network { address: four, bits: 8 }, Network { address: six, bits: 128 }]
    }

    /// Whether the address is in it. An IPv4 address that came by an IPv6 socket is one of IPv4.
    pub fn has(&self, address: IpAddr) -> bool {
        let (own, other, width) = match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (u128::from(own.to_bits()), u128::from(other.to_bits()), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128),
            _ => return false,
        };
        let differ = own ^ other;
        differ.checked_shr(width - u32::from(self.bits)).unwrap_or(0) == 0
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Network, String> {
        let wrong = || format!("{text:?} is neither an address nor a network such as 10.0.0.0/8");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.as_str(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if bits > most { Err(wrong()) } else { Ok(Network { address, bits }) }
    }
}

/// The permissions of a file, as chmod takes them: octal digits.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Permissions(pub u32);

impl TryFrom<String> for Permissions {
    type Error = String;

    fn try_from(text: String) -> Result<Permissions, String> {
        match u32::from_str_radix(&text, 8) {
            Ok(mode) if mode <= 0o777 => Ok(Permissions(mode)),
            _ => Err(format!("{text:?} are not permissions such as \"0777\" or \"0770\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_addresses() {
        let network = |text: &str| Network::try_from(text.to_owned());
        let has = |text: &str, address: &str| network(text).unwrap().has(address.parse().unwrap());
        assert!(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.1"));
        assert!(has("192.0.2.7", "192.0.2.7") && !has("192.0.2.7", "192.0.2.8"));
        assert!(has("0.0.0.0/0", "192.0.2.7") && !has("0.0.0.0/0", "::1"));
        assert!(has("2001:db8::/32", "2001:db8:ffff::1") && has("::/0", "::1"));
        assert!(has("10.0.0.0/8", "::ffff:10.0.0.1"));
        for wrong in ["", "host", "10.0.0.0/33", "::1/129", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_may_be_short() {
        let read = |text: &str| listen_address(text).map(|address| address.to_string());
        for (text, address) in [
            ("127.0.0.1:6432", "127.0.0.1:6432"),
            ("[::1]:6432", "[::1]:6432"),
            ("localhost:6432", "127.0.0.1:6432"),
            (":6432", "0.0.0.0:6432"),
            ("*:0", "0.0.0.0:0"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(address));
        }
        for wrong in ["", "6432", "localhost", "db.example:6432", ":70000", "127.0.0.1", "::1:a"] {
            assert!(read(wrong).unwrap_err().contains("localhost:6432"), "{wrong}");
        }
    }
}
