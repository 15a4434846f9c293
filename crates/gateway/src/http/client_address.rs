//! The address of a client, which trusted proxies report in headers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use actix_web::http::header::{self, HeaderMap, HeaderName};

use crate::{
    capacity::client_network::ClientNetwork,
    http::{
        cidr::Cidr,
        forwarded::{elements, parameter},
        peer::Peer,
    },
    limits,
};

/// The proxies whose reports about the addresses of clients are believed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TrustedProxies {
    blocks: Box<[Cidr]>,
}

impl TrustedProxies {
    /// Whether no proxy is trusted.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The addresses of the proxies.
    pub(crate) fn blocks(&self) -> &[Cidr] {
        &self.blocks
    }

    /// Whether the peer is a trusted proxy. The mode of a unix socket decides which programs are.
    pub(crate) fn trusts(&self, peer: Peer) -> bool {
        match peer {
            Peer::Tcp(address) | Peer::Tls(address) => self.contains(address),
            Peer::Unix => true,
        }
    }

    /// Whether a trusted proxy may be in this network: of IPv6, in the same /64.
    pub(crate) fn may_be_in(&self, network: ClientNetwork) -> bool {
        self.blocks.iter().any(|block| block.meets(network))
    }

    /// Whether a proxy at this address is trusted.
    fn contains(&self, address: IpAddr) -> bool {
        self.blocks.iter().any(|block| block.contains(address))
    }
}

impl From<Vec<Cidr>> for TrustedProxies {
    fn from(blocks: Vec<Cidr>) -> TrustedProxies {
        TrustedProxies { blocks: blocks.into() }
    }
}

/// The address to which requests without an address of a peer are counted. It is that of no client.
const NO_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The address of the client that sent a request.
///
/// It is the address of the peer, unless the peer is a trusted proxy, as any peer is that connects
/// to a unix socket. Then it is the rightmost
/// address in the header of the proxies, `Forwarded` or `X-Forwarded-For`, that is not a trusted
/// proxy itself. Each proxy adds the address of its own peer on the right, so an address left of
/// it can be invented by that peer. An element that is no address ends the search, and the proxy
/// that added it counts as the client. If both headers are present, a client may have sent one of
/// them: unless both lead to the same address, the peer counts as the client.
pub fn client_address(peer: Option<Peer>, headers: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    let Some(peer) = peer else { return NO_ADDRESS };
    let is_trusted = trusted.trusts(peer);
    let peer = peer.address();
    if !is_trusted {
        return peer;
    }
    let reported = |name: &HeaderName, read: fn(&str) -> Option<IpAddr>| {
        // From right to left.
        let addresses = || elements(headers, name).rev().map(read);
        headers.contains_key(name).then(|| first_untrusted(peer, addresses(), trusted))
    };
    match (reported(&header::FORWARDED, forwarded_address), reported(&X_FORWARDED_FOR, address)) {
        (Some(address), None) | (None, Some(address)) => address,
        (Some(one), Some(other)) if one == other => one,
        (Some(_), Some(_)) | (None, None) => peer,
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whether a header reports the address of a client, believed or not.
pub(crate) fn reports_address(headers: &HeaderMap) -> bool {
    headers.contains_key(header::FORWARDED) || headers.contains_key(X_FORWARDED_FOR)
}

/// The first address that is not a trusted proxy, or the last trusted proxy before the addresses
/// end.
fn first_untrusted(
    peer: IpAddr,
    forwarded: impl Iterator<Item = Option<IpAddr>>,
    trusted: &TrustedProxies,
) -> IpAddr {
    let mut client = peer;
    for address in forwarded.take(limits::FORWARDED_HOPS) {
        let Some(address) = address else { return client };
        client = address;
        if !trusted.contains(address) {
            return client;
        }
    }
    client
}

/// The address in an element of `Forwarded`.
fn forwarded_address(element: &str) -> Option<IpAddr> {
    address(parameter(element, "for")?)
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`
/// or `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let address = text.parse().ok().or_else(in_brackets);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    address.or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests;
