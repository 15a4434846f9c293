//! Keys, byte by byte as docs/STORAGE.md describes them. No other module knows their layout.
//!
//! Every key starts with its company, so that the data of one company are contiguous.

use std::num::NonZeroU32;

use profile_protocol::{
    AnonymousId, CompanyId, Email, EmailPrefix, ExternalId, PhoneNumber, ProfileId,
};

use crate::{
    Identifier, ProfileRef, PushTokenId, Timestamp,
    engine::{Key, Place},
};

/// The end of the company's name, which cannot contain this byte.
const END: u8 = 0;

/// The first byte of an email address among the identifiers.
const EMAIL: u8 = b'e';

/// The byte before a profile id among the names of a failed row.
const PROFILE_ID: u8 = b'i';

/// The kind of an entry: the byte after the company's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum KeyKind {
    /// From the id of an absorbed profile to the id of its survivor.
    Alias = b'a',
    /// The time of a profile's creation, if it differs from the time in the id, and the id.
    Created = b'c',
    /// From the id of a deletion job to its record.
    DeletionJob = b'e',
    /// The id of a profile, and an identifier that leads to it although it has lost it.
    FormerIdentifier = b'f',
    /// From an identifier to the id of the profile that holds it, or held it last.
    Identifier = b'i',
    /// From the id of a bulk import to its progress.
    Import = b'j',
    /// From the id of a bulk import to its result.
    ImportBody = b'J',
    /// From the id of a bulk import and the number of a row to what names the row, which failed.
    ImportRow = b'q',
    /// The id or identifier in such a row, the id of the import and the number of the row.
    ImportRowName = b'g',
    /// From the id of an absorbed profile to the record of its merge.
    Merge = b'm',
    /// The number and the time of the newest outcome of the company.
    NewestOutcome = b'N',
    /// The id of a profile without a primary email address.
    NoEmail = b'n',
    /// From the number of the last outcome of a segment to the segment.
    Outcomes = b'o',
    /// From the id of a profile to the profile.
    Profile = b'p',
    /// From the id of the profile that got a push token, and the id of the token, to the token.
    PushToken = b't',
    /// From the id of a push token to the id of the profile that got it.
    PushTokenHolder = b'T',
    /// From the id of a profile and a number to a change of its record.
    ProfileChange = b'd',
    /// From the id of a profile to the number of its newest outcome, if that is newer than the
    /// record of the profile, and to how many changes the record has.
    ProfileOutcome = b'l',
    /// From the number of an outcome to the values that its request replaced.
    KeptValues = b'v',
    /// The time of the last update of a profile, and its id.
    Updated = b'u',
}

/// The key of the version of this layout. It belongs to no company, since the name of a company
/// is never empty.
pub(crate) const FORMAT: &[u8] = b"\0format";

/// The key of the newest time at which the wall clock was trusted. It belongs to no company, and
/// follows the key of the format, so that a copy includes it.
pub(crate) const TRUSTED_TIME: &[u8] = b"\0trusted time";

/// The key of the key for the digests of senders. It belongs to no company, and follows the key of
/// the format, so that a copy includes it.
pub(crate) const SENDER_KEY: &[u8] = b"\0sender key";

/// The key of the position of a backup. It belongs to no company, and precedes the key of the
/// format, so that a compacted copy does not have it: what is in the journal after the position
/// does not fit such a copy.
pub(crate) const BACKUP_POSITION: &[u8] = b"\0backup";

/// The version of this layout.
pub(crate) const FORMAT_VERSION: u8 = 8;

/// The common prefix of the keys of companies whose deletion was begun. Such a key belongs to no
/// company, either, and is greater than the key of the format, so that a copy has it.
pub(crate) const COMPANY_DELETIONS: &[u8] = b"\0remove-company\0";

/// Greater than the keys of no company, and smaller than the keys of all companies.
pub(crate) const BEFORE_COMPANIES: &[u8] = &[END + 1];

/// Greater than the keys of this company, and smaller than the keys of the next one.
pub(crate) fn past(company: &CompanyId) -> Key {
    let mut key = company.as_str().as_bytes().to_vec();
    key.push(END + 1);
    key
}

/// The company that a key belongs to.
pub(crate) fn company_of(key: &[u8]) -> Option<CompanyId> {
    let name = key.split(|&byte| byte == END).next()?;
    std::str::from_utf8(name).ok()?.parse().ok()
}

/// The place of a company's keys.
pub(crate) fn place_of(company: &CompanyId, places: NonZeroU32) -> Place {
    Place::of_tenant(company.as_str().as_bytes(), places)
}

fn under(company: &CompanyId, kind: KeyKind, rest: usize) -> Key {
    let name = company.as_str().as_bytes();
    let mut key = Vec::with_capacity(name.len() + 2 + rest);
    key.extend_from_slice(name);
    key.extend_from_slice(&[END, kind as u8]);
    key
}

/// The key of the deletion of a company that was begun.
pub(crate) fn company_deletion(company: &CompanyId) -> Key {
    [COMPANY_DELETIONS, company.as_str().as_bytes()].concat()
}

/// The common prefix of all keys of one company.
pub(crate) fn company_prefix(company: &CompanyId) -> Key {
    let mut key = company.as_str().as_bytes().to_vec();
    key.push(END);
    key
}

/// The common prefix of all keys of one company and kind.
pub(crate) fn prefix(company: &CompanyId, kind: KeyKind) -> Key {
    under(company, kind, 0)
}

fn by_id(company: &CompanyId, kind: KeyKind, id: ProfileId) -> Key {
    let mut key = under(company, kind, size_of::<u128>());
    key.extend_from_slice(&id.bits().to_be_bytes());
    key
}

pub(crate) fn profile(company: &CompanyId, id: ProfileId) -> Key {
    by_id(company, KeyKind::Profile, id)
}

/// The key of a change of a profile's record. The first has the number 1.
pub(crate) fn profile_change(company: &CompanyId, id: ProfileId, number: u16) -> Key {
    let mut key = under(company, KeyKind::ProfileChange, size_of::<u128>() + size_of::<u16>());
    key.extend_from_slice(&id.bits().to_be_bytes());
    key.extend_from_slice(&number.to_be_bytes());
    key
}

pub(crate) fn profile_outcome(company: &CompanyId, id: ProfileId) -> Key {
    by_id(company, KeyKind::ProfileOutcome, id)
}

pub(crate) fn newest_outcome(company: &CompanyId) -> Key {
    prefix(company, KeyKind::NewestOutcome)
}

pub(crate) fn alias(company: &CompanyId, id: ProfileId) -> Key {
    by_id(company, KeyKind::Alias, id)
}

pub(crate) fn merge(company: &CompanyId, absorbed: ProfileId) -> Key {
    by_id(company, KeyKind::Merge, absorbed)
}

pub(crate) fn no_email(company: &CompanyId, id: ProfileId) -> Key {
    by_id(company, KeyKind::NoEmail, id)
}

fn by_time(company: &CompanyId, kind: KeyKind, at: Timestamp, id: ProfileId) -> Key {
    let mut key = under(company, kind, size_of::<u64>() + size_of::<u128>());
    key.extend_from_slice(&at.millis().to_be_bytes());
    key.extend_from_slice(&id.bits().to_be_bytes());
    key
}

pub(crate) fn created(company: &CompanyId, at: Timestamp, id: ProfileId) -> Key {
    by_time(company, KeyKind::Created, at, id)
}

pub(crate) fn updated(company: &CompanyId, at: Timestamp, id: ProfileId) -> Key {
    by_time(company, KeyKind::Updated, at, id)
}

pub(crate) fn import(company: &CompanyId, id: ProfileId) -> Key {
    by_id(company, KeyKind::Import, id)
}

pub(crate) fn import_body(company: &CompanyId, id: ProfileId) -> Key {
    by_id(company, KeyKind::ImportBody, id)
}

pub(crate) fn import_row(company: &CompanyId, import: ProfileId, row: u32) -> Key {
    let mut key = import_rows(company, import);
    key.extend_from_slice(&row.to_be_bytes());
    key
}

/// The common prefix of the keys of all failed rows of an import.
pub(crate) fn import_rows(company: &CompanyId, import: ProfileId) -> Key {
    by_id(company, KeyKind::ImportRow, import)
}

pub(crate) fn import_row_name(
    company: &CompanyId,
    name: &ProfileRef,
    import: ProfileId,
    row: u32,
) -> Key {
    let mut key = import_row_names(company, name);
    key.extend_from_slice(&import.bits().to_be_bytes());
    key.extend_from_slice(&row.to_be_bytes());
    key
}

/// The common prefix of the keys of all failed rows that name this. No identifier contains the byte
/// that ends it.
pub(crate) fn import_row_names(company: &CompanyId, name: &ProfileRef) -> Key {
    let mut key = prefix(company, KeyKind::ImportRowName);
    match name {
        ProfileRef::Id(id) => {
            key.push(PROFILE_ID);
            key.extend_from_slice(&id.bits().to_be_bytes());
        }
        ProfileRef::Identifier(identifier) => push_identifier(&mut key, identifier),
    }
    key.push(END);
    key
}

/// The common prefix of the keys of the push tokens that a profile got.
pub(crate) fn push_tokens(company: &CompanyId, holder: ProfileId) -> Key {
    by_id(company, KeyKind::PushToken, holder)
}

pub(crate) fn push_token(company: &CompanyId, holder: ProfileId, id: PushTokenId) -> Key {
    let mut key = push_tokens(company, holder);
    key.extend_from_slice(&id.bits().to_be_bytes());
    key
}

pub(crate) fn push_token_holder(company: &CompanyId, id: PushTokenId) -> Key {
    let mut key = under(company, KeyKind::PushTokenHolder, size_of::<u128>());
    key.extend_from_slice(&id.bits().to_be_bytes());
    key
}

pub(crate) fn outcomes(company: &CompanyId, last: u64) -> Key {
    let mut key = under(company, KeyKind::Outcomes, size_of::<u64>());
    key.extend_from_slice(&last.to_be_bytes());
    key
}

pub(crate) fn kept_values(company: &CompanyId, sequence: u64) -> Key {
    let mut key = under(company, KeyKind::KeptValues, size_of::<u64>());
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

pub(crate) fn deletion_job(company: &CompanyId, id: ProfileId) -> Key {
    by_id(company, KeyKind::DeletionJob, id)
}

pub(crate) fn identifier(company: &CompanyId, identifier: &Identifier) -> Key {
    let mut key = under(company, KeyKind::Identifier, 1 + identifier.as_str().len());
    push_identifier(&mut key, identifier);
    key
}

/// The key of an identifier that a profile has lost and that still leads to it.
pub(crate) fn former_identifier(
    company: &CompanyId,
    id: ProfileId,
    identifier: &Identifier,
) -> Key {
    let mut key = former_identifiers(company, id);
    push_identifier(&mut key, identifier);
    key
}

/// The common prefix of the keys of all identifiers that a profile has lost.
pub(crate) fn former_identifiers(company: &CompanyId, id: ProfileId) -> Key {
    by_id(company, KeyKind::FormerIdentifier, id)
}

fn push_identifier(key: &mut Key, identifier: &Identifier) {
    key.push(match identifier {
        Identifier::AnonymousId(_) => b'a',
        Identifier::Email(_) => EMAIL,
        Identifier::PhoneNumber(_) => b'p',
        Identifier::ExternalId(_) => b'x',
    });
    key.extend_from_slice(identifier.as_str().as_bytes());
}

/// The common prefix of the keys of a company's email addresses.
pub(crate) fn email_prefix(company: &CompanyId) -> Key {
    let mut key = under(company, KeyKind::Identifier, 1);
    key.push(EMAIL);
    key
}

/// The common prefix of the keys of a company's email addresses that begin like this.
pub(crate) fn emails_from(company: &CompanyId, emails: &EmailPrefix) -> Key {
    let mut key = email_prefix(company);
    key.extend_from_slice(emails.as_str().as_bytes());
    key
}

/// The parts of a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ParsedKey {
    Alias(CompanyId, ProfileId),
    BackupPosition,
    CompanyDeletion(CompanyId),
    Created(CompanyId, Timestamp, ProfileId),
    DeletionJob(CompanyId, ProfileId),
    Format,
    FormerIdentifier(CompanyId, ProfileId, Identifier),
    Identifier(CompanyId, Identifier),
    Import(CompanyId, ProfileId),
    ImportBody(CompanyId, ProfileId),
    ImportRow(CompanyId, ProfileId, u32),
    ImportRowName(CompanyId, ProfileRef, ProfileId, u32),
    KeptValues(CompanyId, u64),
    Merge(CompanyId, ProfileId),
    NewestOutcome(CompanyId),
    NoEmail(CompanyId, ProfileId),
    Outcomes(CompanyId, u64),
    Profile(CompanyId, ProfileId),
    ProfileChange(CompanyId, ProfileId, u16),
    ProfileOutcome(CompanyId, ProfileId),
    PushToken(CompanyId, ProfileId, PushTokenId),
    PushTokenHolder(CompanyId, PushTokenId),
    SenderKey,
    TrustedTime,
    Updated(CompanyId, Timestamp, ProfileId),
}

/// The parts of a key, or nothing if the key is unknown.
pub(crate) fn parse(key: &[u8]) -> Option<ParsedKey> {
    if key == BACKUP_POSITION {
        return Some(ParsedKey::BackupPosition);
    }
    if key == FORMAT {
        return Some(ParsedKey::Format);
    }
    if key == SENDER_KEY {
        return Some(ParsedKey::SenderKey);
    }
    if key == TRUSTED_TIME {
        return Some(ParsedKey::TrustedTime);
    }
    if let Some(company) = key.strip_prefix(COMPANY_DELETIONS) {
        let company = std::str::from_utf8(company).ok()?.parse().ok()?;
        return Some(ParsedKey::CompanyDeletion(company));
    }
    let end = key.iter().position(|&byte| byte == END)?;
    let (_, rest) = key.split_at_checked(end)?;
    let (&kind, rest) = rest.get(1..)?.split_first()?;
    parse_of_company(company_of(key)?, kind, rest)
}

/// The parts of a key of this company and kind, which ends with these bytes.
fn parse_of_company(company: CompanyId, kind: u8, rest: &[u8]) -> Option<ParsedKey> {
    let id = || Some(ProfileId::from_bits(u128::from_be_bytes(rest.try_into().ok()?)));
    let timed = || {
        let (at, id) = rest.split_first_chunk()?;
        let id = ProfileId::from_bits(u128::from_be_bytes(id.try_into().ok()?));
        Some((Timestamp::from_millis(u64::from_be_bytes(*at)), id))
    };
    match kind {
        b'a' => Some(ParsedKey::Alias(company, id()?)),
        b'c' => timed().map(|(at, id)| ParsedKey::Created(company, at, id)),
        b'd' => {
            let (id, number) = rest.split_first_chunk()?;
            let id = ProfileId::from_bits(u128::from_be_bytes(*id));
            let number = u16::from_be_bytes(number.try_into().ok()?);
            Some(ParsedKey::ProfileChange(company, id, number))
        }
        b'e' => Some(ParsedKey::DeletionJob(company, id()?)),
        b'f' => {
            let (id, identifier) = rest.split_first_chunk()?;
            let id = ProfileId::from_bits(u128::from_be_bytes(*id));
            Some(ParsedKey::FormerIdentifier(company, id, parse_identifier(identifier)?))
        }
        b'g' => {
            let (rest, row) = rest.split_last_chunk()?;
            let (name, import) = rest.split_last_chunk()?;
            let import = ProfileId::from_bits(u128::from_be_bytes(*import));
            let name = parse_name(name.strip_suffix(&[END])?)?;
            Some(ParsedKey::ImportRowName(company, name, import, u32::from_be_bytes(*row)))
        }
        b'i' => Some(ParsedKey::Identifier(company, parse_identifier(rest)?)),
        b'j' => Some(ParsedKey::Import(company, id()?)),
        b'J' => Some(ParsedKey::ImportBody(company, id()?)),
        b'l' => Some(ParsedKey::ProfileOutcome(company, id()?)),
        b'm' => Some(ParsedKey::Merge(company, id()?)),
        b'N' if rest.is_empty() => Some(ParsedKey::NewestOutcome(company)),
        b'n' => Some(ParsedKey::NoEmail(company, id()?)),
        b'o' => Some(ParsedKey::Outcomes(company, u64::from_be_bytes(rest.try_into().ok()?))),
        b'p' => Some(ParsedKey::Profile(company, id()?)),
        b'q' => {
            let (import, row) = rest.split_first_chunk()?;
            let import = ProfileId::from_bits(u128::from_be_bytes(*import));
            let row = u32::from_be_bytes(row.try_into().ok()?);
            Some(ParsedKey::ImportRow(company, import, row))
        }
        b't' => {
            let (holder, id) = rest.split_first_chunk()?;
            let holder = ProfileId::from_bits(u128::from_be_bytes(*holder));
            let id = PushTokenId::from_bits(u128::from_be_bytes(id.try_into().ok()?));
            Some(ParsedKey::PushToken(company, holder, id))
        }
        b'T' => {
            let id = PushTokenId::from_bits(u128::from_be_bytes(rest.try_into().ok()?));
            Some(ParsedKey::PushTokenHolder(company, id))
        }
        b'v' => Some(ParsedKey::KeptValues(company, u64::from_be_bytes(rest.try_into().ok()?))),
        b'u' => timed().map(|(at, id)| ParsedKey::Updated(company, at, id)),
        _ => None,
    }
}

fn parse_name(bytes: &[u8]) -> Option<ProfileRef> {
    match bytes {
        [PROFILE_ID, id @ ..] => {
            let bits = u128::from_be_bytes(id.try_into().ok()?);
            Some(ProfileRef::Id(ProfileId::from_bits(bits)))
        }
        identifier => parse_identifier(identifier).map(ProfileRef::Identifier),
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
    // An identifier that is not canonical would never be found.
    (identifier.as_str() == text).then_some(identifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company(text: &str) -> CompanyId {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_is_parsed_into_its_parts() {
        let (a, id) = (company("ABC123"), ProfileId::from_bits(7));
        let email = Identifier::Email("a@example.com".parse().unwrap());
        let (at, token) = (Timestamp::from_millis(300), PushTokenId::from_bits(9));
        let cases = [
            (profile(&a, id), ParsedKey::Profile(a.clone(), id)),
            (alias(&a, id), ParsedKey::Alias(a.clone(), id)),
            (profile_outcome(&a, id), ParsedKey::ProfileOutcome(a.clone(), id)),
            (profile_change(&a, id, 258), ParsedKey::ProfileChange(a.clone(), id, 258)),
            (newest_outcome(&a), ParsedKey::NewestOutcome(a.clone())),
            (push_token(&a, id, token), ParsedKey::PushToken(a.clone(), id, token)),
            (push_token_holder(&a, token), ParsedKey::PushTokenHolder(a.clone(), token)),
            (merge(&a, id), ParsedKey::Merge(a.clone(), id)),
            (created(&a, at, id), ParsedKey::Created(a.clone(), at, id)),
            (no_email(&a, id), ParsedKey::NoEmail(a.clone(), id)),
            (updated(&a, at, id), ParsedKey::Updated(a.clone(), at, id)),
            (import(&a, id), ParsedKey::Import(a.clone(), id)),
            (import_body(&a, id), ParsedKey::ImportBody(a.clone(), id)),
            (kept_values(&a, 9), ParsedKey::KeptValues(a.clone(), 9)),
            (deletion_job(&a, id), ParsedKey::DeletionJob(a.clone(), id)),
            (
                former_identifier(&a, id, &email),
                ParsedKey::FormerIdentifier(a.clone(), id, email.clone()),
            ),
            (import_row(&a, id, 258), ParsedKey::ImportRow(a.clone(), id, 258)),
            (
                import_row_name(&a, &ProfileRef::Id(id), id, 258),
                ParsedKey::ImportRowName(a.clone(), ProfileRef::Id(id), id, 258),
            ),
            (
                import_row_name(&a, &ProfileRef::Identifier(email.clone()), id, 9),
                ParsedKey::ImportRowName(a.clone(), ProfileRef::Identifier(email.clone()), id, 9),
            ),
            (outcomes(&a, 9), ParsedKey::Outcomes(a.clone(), 9)),
            (identifier(&a, &email), ParsedKey::Identifier(a.clone(), email)),
            (BACKUP_POSITION.to_vec(), ParsedKey::BackupPosition),
            (FORMAT.to_vec(), ParsedKey::Format),
            (SENDER_KEY.to_vec(), ParsedKey::SenderKey),
            (TRUSTED_TIME.to_vec(), ParsedKey::TrustedTime),
            (company_deletion(&a), ParsedKey::CompanyDeletion(a.clone())),
        ];
        for (key, parsed) in cases {
            assert_eq!(parse(&key), Some(parsed));
        }
    }

    #[test]
    fn no_companys_keys_start_with_those_of_another() {
        let (short, long) = (company("ABC"), company("ABC1"));
        assert!(
            !profile(&long, ProfileId::from_bits(1)).starts_with(&prefix(&short, KeyKind::Profile))
        );
    }

    #[test]
    fn the_keys_of_a_company_precede_those_of_the_next_company() {
        let (short, long) = (company("ABC"), company("ABC1"));
        let last = [prefix(&short, KeyKind::Profile), vec![0xff; 20]].concat();
        assert!(
            FORMAT < COMPANY_DELETIONS && company_deletion(&long).as_slice() < BEFORE_COMPANIES
        );
        assert!(BEFORE_COMPANIES < last.as_slice());
        assert!(last.starts_with(&company_prefix(&short)));
        assert!(!prefix(&long, KeyKind::Profile).starts_with(&company_prefix(&short)));
        assert!(last < past(&short));
        assert!(past(&short) < prefix(&long, KeyKind::Alias));
        assert_eq!(company_of(&last), Some(short));
    }

    #[test]
    fn the_layout_of_index_entries_never_changes() {
        let (a, id) = (company("A"), ProfileId::from_bits(7));
        let at = Timestamp::from_millis(300);
        let id_bytes = [[0; 15].as_slice(), &[7]].concat();
        let timed = [&[0, 0, 0, 0, 0, 0, 1, 44][..], &id_bytes].concat();
        assert_eq!(created(&a, at, id), [b"A\0c", timed.as_slice()].concat());
        assert_eq!(updated(&a, at, id), [b"A\0u", timed.as_slice()].concat());
        assert_eq!(no_email(&a, id), [b"A\0n", id_bytes.as_slice()].concat());
        let (token, nine) = (PushTokenId::from_bits(9), [[0; 15].as_slice(), &[9]].concat());
        let held = [b"A\0t", id_bytes.as_slice(), &nine].concat();
        assert_eq!(push_token(&a, id, token), held);
        assert!(held.starts_with(&push_tokens(&a, id)));
        assert_eq!(push_token_holder(&a, token), [b"A\0T", nine.as_slice()].concat());
        let email = Identifier::Email("a@example.com".parse().unwrap());
        assert!(identifier(&a, &email).starts_with(&email_prefix(&a)));
    }

    #[test]
    fn an_unknown_key_is_not_parsed() {
        for key in [
            &b""[..],
            b"ABC",
            b"ABC\0",
            b"ABC\0p",
            b"ABC\0z1",
            b"ABC\0u1",
            b"ABC\0d1",
            b"ABC\0f1",
            b"ABC\0f0123456789abcdefeA@Example.com",
            b"ABC\0t1",
            b"ABC\0T1",
            b"A-C\0a",
            b"\0\0",
            b"\0remove-company\0",
        ] {
            assert_eq!(parse(key), None, "{key:?}");
        }
        assert_eq!(parse(b"ABC\0ieA@Example.com"), None);
    }
}
