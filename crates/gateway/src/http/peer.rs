//! The other side of a connection.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;

/// The other side of a connection, and how it is connected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Peer {
    /// It is at this address, and the connection is not encrypted.
    Tcp(IpAddr),
    /// It is at this address, and the connection is encrypted.
    Tls(IpAddr),
    /// It is a program on this machine that may write to a unix socket.
    Unix,
}

impl Peer {
    /// The peer of the connection of a request.
    pub(crate) fn of_request(request: &HttpRequest) -> Option<Peer> {
        let noted = request.conn_data::<Peer>().copied();
        noted.or_else(|| request.peer_addr().map(|address| Peer::Tcp(address.ip())))
    }

    /// The address of the peer. A program on this machine has that of the machine itself.
    pub(crate) fn address(self) -> IpAddr {
        match self {
            Peer::Tcp(address) | Peer::Tls(address) => address,
            Peer::Unix => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_encrypted(self) -> bool {
        match self {
            Peer::Tls(_) => true,
            Peer::Tcp(_) | Peer::Unix => false,
        }
    }
}
