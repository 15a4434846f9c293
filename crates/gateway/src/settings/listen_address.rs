//! The address of a listener: a number or a name of this machine and a port, with or without TLS,
//! or the path of a unix socket.

use std::{
    fmt,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::limits;

/// How an address begins at which TLS is spoken.
const TLS: &str = "https://";

/// How the path of a unix socket begins.
const UNIX: &str = "unix:";

/// Where a listener accepts connections.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ListenAddress {
    /// Connections over TCP.
    Tcp(SocketAddr),
    /// Connections over TCP that are encrypted.
    Tls(SocketAddr),
    /// Connections to a unix socket, by its path.
    Unix(PathBuf),
}

impl ListenAddress {
    /// The address in the network, if it has any.
    pub(crate) fn socket_address(&self) -> Option<SocketAddr> {
        match self {
            ListenAddress::Tcp(address) | ListenAddress::Tls(address) => Some(*address),
            ListenAddress::Unix(_) => None,
        }
    }

    /// Whether TLS is spoken there.
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, ListenAddress::Tls(_))
    }

    /// Whether only programs of this machine can connect.
    pub(super) fn is_of_this_machine(&self) -> bool {
        self.socket_address().is_none_or(|address| address.ip().is_loopback())
    }

    /// Whether both cannot be listened at. Port 0 stands for any free port.
    pub(super) fn collides_with(&self, other: &ListenAddress) -> bool {
        if let (ListenAddress::Unix(path), ListenAddress::Unix(other)) = (self, other) {
            return path == other;
        }
        let address = self.socket_address();
        address == other.socket_address() && address.is_some_and(|address| address.port() != 0)
    }

    /// The options of curl, and the beginning of a URL, that reach this listener from this machine.
    pub(super) fn for_curl(&self) -> (String, String) {
        let host = |address: SocketAddr| match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => format!("localhost:{}", address.port()),
            IpAddr::V6(ip) if ip.is_unspecified() => format!("localhost:{}", address.port()),
            IpAddr::V4(_) | IpAddr::V6(_) => address.to_string(),
        };
        match self {
            ListenAddress::Tcp(address) => (String::new(), format!("http://{}", host(*address))),
            // Nothing has signed the certificate of a development machine.
            ListenAddress::Tls(address) => ("-k ".into(), format!("https://{}", host(*address))),
            ListenAddress::Unix(path) => {
                (format!("--unix-socket '{}' ", path.display()), "http://localhost".into())
            }
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Tcp(address) => address.fmt(f),
            ListenAddress::Tls(address) => write!(f, "{TLS}{address}"),
            ListenAddress::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = InvalidListenAddress;

    fn from_str(text: &str) -> Result<ListenAddress, InvalidListenAddress> {
        if let Some(path) = text.strip_prefix(UNIX) {
            socket_path(path).map(ListenAddress::Unix)
        } else if let Some(address) = text.strip_prefix(TLS) {
            socket_address(address).map(ListenAddress::Tls)
        } else {
            socket_address(text).map(ListenAddress::Tcp)
        }
    }
}

/// Why the text is not a [`ListenAddress`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidListenAddress {
    /// The text is no address.
    #[error(
        "must be an address and a port, as in 127.0.0.1:8080 or https://0.0.0.0:8443, or the path \
         of a unix socket, as in unix:/run/gateway/clients.sock"
    )]
    Malformed,
    /// The path of the socket depends on the working directory, or names no file.
    #[error("must have an absolute path, as in unix:/run/gateway/clients.sock")]
    RelativePath,
    /// The path of the socket is longer than the system takes.
    #[error("must have a path of at most {} bytes", limits::SOCKET_PATH_BYTES)]
    LongPath,
    /// The name has no address.
    #[error("has a name without an address; expected one as in 127.0.0.1:8080")]
    Unknown,
}

/// Parses an address and a port. A name such as `localhost` stands for its first address, or for
/// its first one of IPv4 if it has any.
fn socket_address(text: &str) -> Result<SocketAddr, InvalidListenAddress> {
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

/// Parses the path of a unix socket.
fn socket_path(text: &str) -> Result<PathBuf, InvalidListenAddress> {
    let path = Path::new(text);
    let names_file = path.file_name().is_some() && !text.ends_with('/') && !text.contains('\0');
    if !path.is_absolute() || !names_file {
        return Err(InvalidListenAddress::RelativePath);
    }
    if limits::SOCKET_PATH_BYTES < text.len() {
        return Err(InvalidListenAddress::LongPath);
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ListenAddress, InvalidListenAddress> {
        text.parse()
    }

    #[test]
    fn an_address_is_numbers_or_a_name_and_a_port() {
        for (text, expected) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::1]:80", "[::1]:80"),
            ("localhost:8080", "127.0.0.1:8080"),
        ] {
            let expected: SocketAddr = expected.parse().unwrap();
            assert_eq!(parse(text), Ok(ListenAddress::Tcp(expected)), "{text}");
            assert_eq!(parse(&format!("https://{text}")), Ok(ListenAddress::Tls(expected)));
        }
        for text in ["", "8080", ":8080", "localhost", "localhost:http", "localhost:70000", "a b:1"]
        {
            assert_eq!(parse(text), Err(InvalidListenAddress::Malformed), "{text}");
        }
        for text in ["http://127.0.0.1:80", "https://127.0.0.1:80/", "https://", "HTTPS://[::1]:1"]
        {
            assert_eq!(parse(text), Err(InvalidListenAddress::Malformed), "{text}");
        }
    }

    #[test]
    fn a_unix_socket_has_an_absolute_path_that_the_system_takes() {
        let text = "unix:/run/gateway/clients.sock";
        let address = parse(text).unwrap();
        assert_eq!(address, ListenAddress::Unix("/run/gateway/clients.sock".into()));
        assert_eq!(address.to_string(), text);
        for text in ["unix:", "unix:clients.sock", "unix:/", "unix:/run/", "unix:/run/.."] {
            assert_eq!(parse(text), Err(InvalidListenAddress::RelativePath), "{text}");
        }
        let longest = format!("unix:/{}", "a".repeat(limits::SOCKET_PATH_BYTES - 1));
        assert!(parse(&longest).is_ok());
        assert_eq!(parse(&format!("{longest}a")), Err(InvalidListenAddress::LongPath));
    }

    #[test]
    fn addresses_collide_that_cannot_both_be_listened_at() {
        let collide = |one: &str, other: &str| {
            let (one, other) = (parse(one).unwrap(), parse(other).unwrap());
            assert_eq!(one.collides_with(&other), other.collides_with(&one));
            one.collides_with(&other)
        };
        assert!(collide("127.0.0.1:80", "127.0.0.1:80"));
        assert!(collide("127.0.0.1:80", "https://127.0.0.1:80"));
        assert!(collide("unix:/a", "unix:/a"));
        assert!(!collide("127.0.0.1:0", "127.0.0.1:0"));
        assert!(!collide("127.0.0.1:80", "127.0.0.2:80"));
        assert!(!collide("unix:/a", "unix:/b"));
        assert!(!collide("unix:/a", "127.0.0.1:80"));
    }
}
