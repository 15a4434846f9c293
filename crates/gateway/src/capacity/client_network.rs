//! The network of a client, by which strangers are told apart.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// One address of IPv4, or the /64 of an address of IPv6: what one subscriber usually has.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ClientNetwork {
    /// An address of IPv4.
    V4(Ipv4Addr),
    /// The upper 64 bits of an address of IPv6.
    V6(u64),
}

impl From<IpAddr> for ClientNetwork {
    /// An address of IPv4 that is written as one of IPv6 counts as the address of IPv4.
    fn from(address: IpAddr) -> ClientNetwork {
        match address.to_canonical() {
            IpAddr::V4(address) => ClientNetwork::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments().map(u64::from);
                ClientNetwork::V6(a << 48 | b << 32 | c << 16 | d)
            }
        }
    }
}

impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ClientNetwork::V4(address) => address.fmt(f),
            ClientNetwork::V6(upper) => {
                write!(f, "{}/64", Ipv6Addr::from_bits(u128::from(upper) << 64))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> ClientNetwork {
        ClientNetwork::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn addresses_of_ipv6_are_told_apart_by_their_upper_half() {
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
    }

    #[test]
    fn addresses_of_ipv4_are_told_apart_as_a_whole_in_either_notation() {
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_eq!(network("192.0.2.1").to_string(), "192.0.2.1");
    }
}
