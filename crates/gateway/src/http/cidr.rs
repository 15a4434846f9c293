//! Blocks of addresses in the notation of CIDR.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::capacity::client_network::ClientNetwork;

/// A block of addresses: an address and the length of the prefix that all addresses of the block
/// have in common.
///
/// ```
/// use gateway::http::cidr::Cidr;
///
/// let block: Cidr = "10.0.0.0/8".parse()?;
/// assert!(block.contains("10.1.2.3".parse().unwrap()));
/// assert!("10.1.2.3/8".parse::<Cidr>().is_err());
/// # Ok::<(), gateway::http::cidr::InvalidCidr>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cidr {
    // Invariants: the address is canonical, so never one of IPv4 in the notation of IPv6. The
    // prefix is not longer than the address, and all bits after it are zero.
    address: IpAddr,
    prefix: u32,
}

impl Cidr {
    /// Whether an address is in the block. An address of IPv4 that is written as one of IPv6 counts
    /// as the address of IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(block), IpAddr::V4(address)) => {
                let differing = block.to_bits() ^ address.to_bits();
                self.prefix <= differing.leading_zeros()
            }
            (IpAddr::V6(block), IpAddr::V6(address)) => {
                let differing = block.to_bits() ^ address.to_bits();
                self.prefix <= differing.leading_zeros()
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl Cidr {
    /// Whether the block and the network have an address in common.
    pub(crate) fn meets(&self, network: ClientNetwork) -> bool {
        match (self.address, network) {
            (IpAddr::V4(_), ClientNetwork::V4(address)) => self.contains(address.into()),
            (IpAddr::V6(block), ClientNetwork::V6(upper)) => {
                let differing = block.to_bits() ^ u128::from(upper) << 64;
                self.prefix.min(64) <= differing.leading_zeros()
            }
            (IpAddr::V4(_), ClientNetwork::V6(_)) | (IpAddr::V6(_), ClientNetwork::V4(_)) => false,
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// An address without a prefix is a block of one address.
impl FromStr for Cidr {
    type Err = InvalidCidr;

    fn from_str(text: &str) -> Result<Cidr, InvalidCidr> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().or(Err(InvalidCidr::Address))?;
        let (bits, trailing_zeros) = match address {
            IpAddr::V4(address) => (32, address.to_bits().trailing_zeros()),
            IpAddr::V6(address) => (128, address.to_bits().trailing_zeros()),
        };
        let prefix = prefix.map_or(Ok(bits), |prefix| prefix_length(prefix, bits))?;
        if trailing_zeros < bits - prefix {
            return Err(InvalidCidr::HostBits);
        }
        Cidr::canonical(address, prefix)
    }
}

impl Cidr {
    /// The block in the notation of its own version of IP.
    fn canonical(address: IpAddr, prefix: u32) -> Result<Cidr, InvalidCidr> {
        let canonical = address.to_canonical();
        let shortened = if canonical == address { 0 } else { 96 };
        let prefix = prefix.checked_sub(shortened).ok_or(InvalidCidr::HostBits)?;
        Ok(Cidr { address: canonical, prefix })
    }
}

fn prefix_length(text: &str, most: u32) -> Result<u32, InvalidCidr> {
    // The parser of numbers also accepts `+8`.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let length = text.parse().ok().filter(|length| digits && *length <= most);
    length.ok_or(InvalidCidr::Prefix { most })
}

/// Why the text is not a [`Cidr`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCidr {
    /// The address is malformed.
    #[error("must be a block of addresses, as in 10.0.0.0/8 or 2001:db8::/32")]
    Address,
    /// The address has bits after the prefix.
    #[error("must have no bits set after the prefix, as 10.0.0.0/8 has none")]
    HostBits,
    /// The prefix is malformed or too long.
    #[error("must have a prefix of 0 to {most} bits")]
    Prefix {
        /// The length of the address.
        most: u32,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contains(block: &str, address: &str) -> bool {
        block.parse::<Cidr>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_block_has_the_addresses_with_its_prefix_and_no_others() {
        for (block, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("0.0.0.0/0", "255.255.255.255", "::"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::2"),
            ("::/0", "ffff::", "0.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3"),
        ] {
            assert!(contains(block, inside), "{inside} is in {block}");
            assert!(!contains(block, outside), "{outside} is not in {block}");
        }
    }

    #[test]
    fn a_block_meets_the_networks_that_have_an_address_of_it() {
        for (block, address, meets) in [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::7", "2001:db8::1", true),
            ("2001:db8::7", "2001:db8:0:1::7", false),
            ("::/0", "192.0.2.1", false),
        ] {
            let network = ClientNetwork::from(address.parse::<IpAddr>().unwrap());
            assert_eq!(block.parse::<Cidr>().unwrap().meets(network), meets, "{block} {address}");
        }
    }

    #[test]
    fn a_malformed_block_is_refused_with_its_reason() {
        for text in ["", "/8", "10.0.0/8", "localhost/8", "10.0.0.0:80/8", "[::1]/128", "fe80::1%1"]
        {
            assert_eq!(text.parse::<Cidr>(), Err(InvalidCidr::Address), "{text}");
        }
        for (text, most) in [
            ("10.0.0.0/33", 32),
            ("10.0.0.0/", 32),
            ("10.0.0.0/+8", 32),
            ("10.0.0.0/8/8", 32),
            ("::/129", 128),
            ("::/-1", 128),
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(InvalidCidr::Prefix { most }), "{text}");
        }
        for text in ["10.0.0.1/8", "10.0.0.0/4", "2001:db8::1/32", "::ffff:0.0.0.0/95"] {
            assert_eq!(text.parse::<Cidr>(), Err(InvalidCidr::HostBits), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_in_the_block_of_each_of_its_prefixes(bits in any::<u32>(), prefix in 0..=32_u32) {
            let address = IpAddr::from(bits.to_be_bytes());
            let block = bits.checked_shr(32 - prefix).and_then(|bits| bits.checked_shl(32 - prefix));
            let block = IpAddr::from(block.unwrap_or(0).to_be_bytes());
            let block: Cidr = format!("{block}/{prefix}").parse().unwrap();
            prop_assert!(block.contains(address));
            if let Some(flipped) = prefix.checked_sub(1) {
                let outside = IpAddr::from((bits ^ 1 << (31 - flipped)).to_be_bytes());
                prop_assert!(!block.contains(outside));
            }
        }
    }
}
