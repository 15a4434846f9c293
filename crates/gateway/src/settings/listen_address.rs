//! The address of a listener: a number or a name of this machine, and a port.

use std::net::{SocketAddr, ToSocketAddrs};

/// The text is no address, or a name that has none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum InvalidListenAddress {
    /// The text is no address.
    #[error("must be an address and a port, as in 127.0.0.1:8080")]
    Malformed,
    /// The name has no address.
    #[error("has a name without an address; expected one as in 127.0.0.1:8080")]
    Unknown,
}

/// Parses an address. A name such as `localhost` stands for its first address, or for its first
/// one of IPv4 if it has any.
pub(super) fn parse_listen_address(text: &str) -> Result<SocketAddr, InvalidListenAddress> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (name, port) = text.rsplit_once(':').ok_or(InvalidListenAddress::Malformed)?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let port: u16 = port.parse().or(Err(InvalidListenAddress::Malformed))?;
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(InvalidListenAddress::Malformed);
    }
    let found = (name, port).to_socket_addrs().or(Err(InvalidListenAddress::Unknown))?;
    let found: Vec<SocketAddr> = found.collect();
    let preferred = found.iter().find(|address| address.is_ipv4()).or(found.first());
    preferred.copied().ok_or(InvalidListenAddress::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_numbers_or_a_name_and_a_port() {
        for (text, expected) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::1]:80", "[::1]:80"),
            ("localhost:8080", "127.0.0.1:8080"),
        ] {
            assert_eq!(parse_listen_address(text), Ok(expected.parse().unwrap()), "{text}");
        }
        for text in ["", "8080", ":8080", "localhost", "localhost:http", "localhost:70000", "a b:1"]
        {
            assert_eq!(parse_listen_address(text), Err(InvalidListenAddress::Malformed), "{text}");
        }
    }
}
