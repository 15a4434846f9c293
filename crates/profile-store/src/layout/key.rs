//! Keys: the one place that knows how they are laid out. docs/STORAGE.md draws
//! them byte by byte.
//!
//! Every key starts with its company, so that one company's data lie together
//! and can one day live on a machine of their own.

use profile_protocol::{AnonymousId, CompanyId, Email, ExternalId, PhoneNumber, ProfileId};

use crate::{Identifier, Timestamp, engine::Key};

/// Ends the company's name, in which this byte cannot occur.
const END: u8 = 0;

/// What an email address starts with among the identifiers.
const EMAIL: u8 = b'e';

/// What kind of entry a key leads to: the byte after the company's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// An absorbed profile's id, leading to its survivor.
    Alias = b'a',
    /// A time that is not the one in a profile's id, and the id: when that profile
    /// was created.
    Created = b'c',
    /// An identifier, leading to the profile that holds it.
    Identifier = b'i',
    /// A bulk import's id, leading to how far it got.
    Import = b'j',
    /// A bulk import's id, leading to what came of it.
    ImportBody = b'J',
    /// An absorbed profile's id, leading to all that is needed to take the merge
    /// back.
    Merge = b'm',
    /// The id of a profile that has no primary address.
    NoEmail = b'n',
    /// The number of the last of a run of outcomes, leading to all of them.
    Outcomes = b'o',
    /// A profile's id, leading to the profile.
    Profile = b'p',
    /// A time, and the id of a profile: when that profile was last updated.
    Updated = b'u',
}

/// The key under which the version of this layout is kept. It starts with no
/// company, since a company's name is never empty.
pub(crate) const FORMAT: &[u8] = b"\0format";

/// The version of this layout.
pub(crate) const FORMAT_VERSION: &[u8] = &[5];

/// Greater than the key of the format, and smaller than every company's.
pub(crate) const BEFORE_COMPANIES: &[u8] = &[END + 1];

/// Greater than every key of this company, and smaller than those of the next.
pub(crate) fn past(company: &CompanyId) -> Key {
    let mut key = company.as_str().as_bytes().to_vec();
    key.push(END + 1);
    key
}

/// The company a key belongs to.
pub(crate) fn company_of(key: &[u8]) -> Option<CompanyId> {
    let name = key.split(|&byte| byte == END).next()?;
    std::str::from_utf8(name).ok()?.parse().ok()
}

fn under(company: &CompanyId, kind: Kind, rest: usize) -> Key {
    let name = company.as_str().as_bytes();
    let mut key = Vec::with_capacity(name.len() + 2 + rest);
    key.extend_from_slice(name);
    key.extend_from_slice(&[END, kind as u8]);
    key
}

/// What all keys of one company and kind start with.
pub(crate) fn prefix(company: &CompanyId, kind: Kind) -> Key {
    under(company, kind, 0)
}

fn by_id(company: &CompanyId, kind: Kind, id: ProfileId) -> Key {
    let mut key = under(company, kind, size_of::<u128>());
    key.extend_from_slice(&id.bits().to_be_bytes());
    key
}

pub(crate) fn profile(company: &CompanyId, id: ProfileId) -> Key {
    by_id(company, Kind::Profile, id)
}

pub(crate) fn alias(company: &CompanyId, id: ProfileId) -> Key {
    by_id(company, Kind::Alias, id)
}

pub(crate) fn merge(company: &CompanyId, absorbed: ProfileId) -> Key {
    by_id(company, Kind::Merge, absorbed)
}

pub(crate) fn no_email(company: &CompanyId, id: ProfileId) -> Key {
    by_id(company, Kind::NoEmail, id)
}

fn by_time(company: &CompanyId, kind: Kind, at: Timestamp, id: ProfileId) -> Key {
    let mut key = under(company, kind, size_of::<u64>() + size_of::<u128>());
    key.extend_from_slice(&at.millis().to_be_bytes());
    key.extend_from_slice(&id.bits().to_be_bytes());
    key
}

pub(crate) fn created(company: &CompanyId, at: Timestamp, id: ProfileId) -> Key {
    by_time(company, Kind::Created, at, id)
}

pub(crate) fn updated(company: &CompanyId, at: Timestamp, id: ProfileId) -> Key {
    by_time(company, Kind::Updated, at, id)
}

pub(crate) fn import(company: &CompanyId, id: ProfileId) -> Key {
    by_id(company, Kind::Import, id)
}

pub(crate) fn import_body(company: &CompanyId, id: ProfileId) -> Key {
    by_id(company, Kind::ImportBody, id)
}

pub(crate) fn outcomes(company: &CompanyId, last: u64) -> Key {
    let mut key = under(company, Kind::Outcomes, size_of::<u64>());
    key.extend_from_slice(&last.to_be_bytes());
    key
}

pub(crate) fn identifier(company: &CompanyId, identifier: &Identifier) -> Key {
    let text = identifier.as_str().as_bytes();
    let mut key = under(company, Kind::Identifier, 1 + text.len());
    key.push(match identifier {
        Identifier::AnonymousId(_) => b'a',
        Identifier::Email(_) => EMAIL,
        Identifier::PhoneNumber(_) => b'p',
        Identifier::ExternalId(_) => b'x',
    });
    key.extend_from_slice(text);
    key
}

/// What the keys of one company's email addresses start with.
pub(crate) fn email_prefix(company: &CompanyId) -> Key {
    let mut key = under(company, Kind::Identifier, 1);
    key.push(EMAIL);
    key
}

/// Whether this is the key of a record of outcomes.
pub(crate) fn leads_to_outcomes(key: &[u8]) -> bool {
    let kind = key.iter().position(|&byte| byte == END).and_then(|end| key.get(end + 1));
    kind == Some(&(Kind::Outcomes as u8))
}

/// A key taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Parsed {
    Alias(CompanyId, ProfileId),
    Created(CompanyId, Timestamp, ProfileId),
    Format,
    Identifier(CompanyId, Identifier),
    Import(CompanyId, ProfileId),
    ImportBody(CompanyId, ProfileId),
    Merge(CompanyId, ProfileId),
    NoEmail(CompanyId, ProfileId),
    Outcomes(CompanyId, u64),
    Profile(CompanyId, ProfileId),
    Updated(CompanyId, Timestamp, ProfileId),
}

/// Takes a key apart. Nothing if it is none of ours.
pub(crate) fn parse(key: &[u8]) -> Option<Parsed> {
    if key == FORMAT {
        return Some(Parsed::Format);
    }
    let end = key.iter().position(|&byte| byte == END)?;
    let (_, rest) = key.split_at_checked(end)?;
    let company = company_of(key)?;
    let (&kind, rest) = rest.get(1..)?.split_first()?;
    let id = || Some(ProfileId::from_bits(u128::from_be_bytes(rest.try_into().ok()?)));
    let timed = || {
        let (at, id) = rest.split_first_chunk()?;
        let id = ProfileId::from_bits(u128::from_be_bytes(id.try_into().ok()?));
        Some((Timestamp::from_millis(u64::from_be_bytes(*at)), id))
    };
    match kind {
        b'a' => Some(Parsed::Alias(company, id()?)),
        b'c' => timed().map(|(at, id)| Parsed::Created(company, at, id)),
        b'i' => Some(Parsed::Identifier(company, parse_identifier(rest)?)),
        b'j' => Some(Parsed::Import(company, id()?)),
        b'J' => Some(Parsed::ImportBody(company, id()?)),
        b'm' => Some(Parsed::Merge(company, id()?)),
        b'n' => Some(Parsed::NoEmail(company, id()?)),
        b'o' => Some(Parsed::Outcomes(company, u64::from_be_bytes(rest.try_into().ok()?))),
        b'p' => Some(Parsed::Profile(company, id()?)),
        b'u' => timed().map(|(at, id)| Parsed::Updated(company, at, id)),
        _ => None,
    }
}

fn parse_identifier(bytes: &[u8]) -> Option<Identifier> {
    let (kind, text) = bytes.split_first()?;
    let text = std::str::from_utf8(text).ok()?;
    let identifier = match kind {
        b'a' => Identifier::AnonymousId(text.parse::<AnonymousId>().ok()?),
        &EMAIL => Identifier::Email(text.parse::<Email>().ok()?),
        b'p' => Identifier::PhoneNumber(text.parse::<PhoneNumber>().ok()?),
        b'x' => Identifier::ExternalId(text.parse::<ExternalId>().ok()?),
        _ => return None,
    };
    // An identifier whose text is not canonical would never be looked up.
    (identifier.as_str() == text).then_some(identifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company(text: &str) -> CompanyId {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_taken_apart_is_what_it_was_made_of() {
        let (a, id) = (company("ABC123"), ProfileId::from_bits(7));
        let email = Identifier::Email("a@example.com".parse().unwrap());
        let at = Timestamp::from_millis(300);
        let cases = [
            (profile(&a, id), Parsed::Profile(a.clone(), id)),
            (alias(&a, id), Parsed::Alias(a.clone(), id)),
            (merge(&a, id), Parsed::Merge(a.clone(), id)),
            (created(&a, at, id), Parsed::Created(a.clone(), at, id)),
            (no_email(&a, id), Parsed::NoEmail(a.clone(), id)),
            (updated(&a, at, id), Parsed::Updated(a.clone(), at, id)),
            (import(&a, id), Parsed::Import(a.clone(), id)),
            (import_body(&a, id), Parsed::ImportBody(a.clone(), id)),
            (outcomes(&a, 9), Parsed::Outcomes(a.clone(), 9)),
            (identifier(&a, &email), Parsed::Identifier(a.clone(), email)),
            (FORMAT.to_vec(), Parsed::Format),
        ];
        for (key, parsed) in cases {
            let outcomes = matches!(parsed, Parsed::Outcomes(..));
            assert_eq!(leads_to_outcomes(&key), outcomes);
            assert_eq!(parse(&key), Some(parsed));
        }
    }

    #[test]
    fn no_companys_keys_start_with_those_of_another() {
        let (short, long) = (company("ABC"), company("ABC1"));
        assert!(
            !profile(&long, ProfileId::from_bits(1)).starts_with(&prefix(&short, Kind::Profile))
        );
    }

    #[test]
    fn a_companys_keys_lie_before_the_next_companys() {
        let (short, long) = (company("ABC"), company("ABC1"));
        let last = [prefix(&short, Kind::Profile), vec![0xff; 20]].concat();
        assert!(BEFORE_COMPANIES < last.as_slice());
        assert!(last < past(&short));
        assert!(past(&short) < prefix(&long, Kind::Alias));
        assert_eq!(company_of(&last), Some(short));
    }

    #[test]
    fn keys_that_put_profiles_into_an_order_are_laid_out_as_they_always_were() {
        let (a, id) = (company("A"), ProfileId::from_bits(7));
        let at = Timestamp::from_millis(300);
        let id_bytes = [[0; 15].as_slice(), &[7]].concat();
        let timed = [&[0, 0, 0, 0, 0, 0, 1, 44][..], &id_bytes].concat();
        assert_eq!(created(&a, at, id), [b"A\0c", timed.as_slice()].concat());
        assert_eq!(updated(&a, at, id), [b"A\0u", timed.as_slice()].concat());
        assert_eq!(no_email(&a, id), [b"A\0n", id_bytes.as_slice()].concat());
        let email = Identifier::Email("a@example.com".parse().unwrap());
        assert!(identifier(&a, &email).starts_with(&email_prefix(&a)));
    }

    #[test]
    fn what_is_none_of_ours_is_not_taken_apart() {
        for key in
            [&b""[..], b"ABC", b"ABC\0", b"ABC\0p", b"ABC\0z1", b"ABC\0u1", b"A-C\0a", b"\0\0"]
        {
            assert_eq!(parse(key), None, "{key:?}");
        }
        assert_eq!(parse(b"ABC\0ieA@Example.com"), None);
    }
}
