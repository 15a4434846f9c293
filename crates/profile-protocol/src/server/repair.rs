//! Repairs: which sender's requests are undone.

use std::{fmt, net::IpAddr, str::FromStr};

use super::body_reader::{self, BodyReader, KnownObject};
use crate::{
    AnonymousId, Fault, Violations,
    filter::NamedTime,
    grammar::{FieldName, IdentifierField, REPAIR},
};

/// A body of `POST /api/profile-repair`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProfileRepair {
    /// Whether anything is changed.
    pub mode: RepairMode,
    /// The time since when requests are undone, in milliseconds since 1970, UTC.
    pub since_millis: u64,
    /// The sender of these requests.
    pub sender: RepairSubject,
}

/// Whether a repair changes anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RepairMode {
    /// The response says what would be undone.
    Preview,
    /// The requests are undone.
    Apply,
}

/// The sender whose requests are undone.
#[derive(Clone, Eq, PartialEq)]
pub enum RepairSubject {
    /// The network of this address.
    Address(IpAddr),
    /// This device.
    Device(AnonymousId),
    /// The network or device that an outcome names by these bits.
    Digest(u64),
}

impl fmt::Debug for RepairSubject {
    /// Names the kind of the sender, and no address.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            RepairSubject::Address(_) => "Address(..)",
            RepairSubject::Device(_) => "Device(..)",
            RepairSubject::Digest(_) => "Digest(..)",
        })
    }
}

impl ProfileRepair {
    /// Parses a body. The error has every violation. Exactly one sender must be given.
    pub fn parse(body: &[u8]) -> Result<ProfileRepair, Violations> {
        body_reader::read(body, &REPAIR, |reader, data| {
            let attributes = reader.object_in(data, FieldName::Attributes)?;
            let mode = attributes.get(FieldName::Mode);
            let mode = mode.and_then(|mode| reader.choice(&mode, "'preview' or 'apply'"));
            let since: Option<Since> = reader.parsed_in(&attributes, FieldName::Since);
            let sender = sender(reader, &attributes);
            let mode = if mode? == "apply" { RepairMode::Apply } else { RepairMode::Preview };
            let since_millis = since?.0.unix_millis();
            Some(ProfileRepair { mode, since_millis, sender: sender? })
        })
    }
}

fn sender(reader: &mut BodyReader, attributes: &KnownObject<'_>) -> Option<RepairSubject> {
    let address = attributes
        .get(FieldName::ClientAddress)
        .map(|value| reader.parsed(&value).map(|Address(address)| RepairSubject::Address(address)));
    let device = attributes
        .get(IdentifierField::AnonymousId)
        .map(|value| reader.parsed(&value).map(RepairSubject::Device));
    let digest = attributes
        .get(FieldName::Sender)
        .map(|value| reader.parsed(&value).map(|Digest(bits)| RepairSubject::Digest(bits)));
    let mut given = [address, device, digest].into_iter().flatten();
    if let (Some(sender), None) = (given.next(), given.next()) {
        return sender;
    }
    reader.add(&attributes.at, Fault::NotOneSender);
    None
}

struct Since(NamedTime);

impl FromStr for Since {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Since, Fault> {
        let expected = "a time such as '2026-11-30T12:00:00Z'";
        text.parse().map(Since).or(Err(Fault::WrongType { expected }))
    }
}

struct Address(IpAddr);

impl FromStr for Address {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Address, Fault> {
        let expected = "an address of IPv4 or IPv6";
        text.parse().map(Address).or(Err(Fault::WrongType { expected }))
    }
}

struct Digest(u64);

impl FromStr for Digest {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Digest, Fault> {
        let is_digest = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = if is_digest { u64::from_str_radix(text, 16).ok() } else { None };
        let expected = "the 16 hexadecimal digits by which an outcome names a sender";
        bits.map(Digest).ok_or(Fault::WrongType { expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_sender() {
        let subject = RepairSubject::Address(IpAddr::from([192, 0, 2, 66]));
        assert_eq!(format!("{subject:?}"), "Address(..)");
    }
}
