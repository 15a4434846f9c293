//! Index entries: the keys that put a profile into the sort orders of lists.
//!
//! Profile keys are in the order of `id`, and keys of email addresses in the order of `email`. All
//! other orders need index entries, which are keys without a value. Each entry costs a write, so a
//! profile has as few as possible.

use profile_protocol::{CompanyId, ProfileId};

use crate::{
    Profile, StoredProfile, Timestamp,
    engine::{Key, Value, Write},
    id_generator,
    layout::key::{self, ParsedKey},
};

/// The part of a profile that determines its index entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SortAttributes {
    id: ProfileId,
    created: Timestamp,
    updated: Timestamp,
    has_email: bool,
}

impl From<&Profile> for SortAttributes {
    fn from(profile: &Profile) -> SortAttributes {
        let Profile { id, created, updated, ref identifiers, .. } = *profile;
        SortAttributes { id, created, updated, has_email: identifiers.email.is_some() }
    }
}

impl From<&StoredProfile> for SortAttributes {
    fn from(profile: &StoredProfile) -> SortAttributes {
        let StoredProfile { id, created, updated, ref identifiers, .. } = *profile;
        SortAttributes { id, created, updated, has_email: identifiers.email.is_some() }
    }
}

/// The index entries of a profile.
pub(crate) fn entries(company: &CompanyId, profile: impl Into<SortAttributes>) -> Vec<Key> {
    let SortAttributes { id, created, updated, has_email } = profile.into();
    let mut keys = vec![key::updated(company, updated, id)];
    if !has_email {
        keys.push(key::no_email(company, id));
    }
    // The key of a profile contains the time in its id.
    if created != id_generator::time_of(id) {
        keys.push(key::created(company, created, id));
    }
    keys
}

/// The writes that replace the index entries `before` by those `after`.
pub(crate) fn moves(before: Vec<Key>, after: Vec<Key>) -> impl Iterator<Item = Write> {
    let common: Vec<Key> = before.iter().filter(|key| after.contains(key)).cloned().collect();
    let removals = before.into_iter().map(|key| Write { key, value: None });
    let additions = after.into_iter().map(|key| Write { key, value: Some(Value::new()) });
    removals.chain(additions).filter(move |write| !common.contains(&write.key))
}

/// The name of an index entry in messages.
pub(crate) fn name(key: &Key) -> &'static str {
    match key::parse(key) {
        Some(ParsedKey::Created(..)) => "entry by created",
        Some(ParsedKey::NoEmail(..)) => "entry without email",
        Some(ParsedKey::Updated(..)) => "entry by updated",
        Some(
            ParsedKey::Alias(..)
            | ParsedKey::BackupPosition
            | ParsedKey::CompanyDeletion(_)
            | ParsedKey::DeletionJob(..)
            | ParsedKey::Format
            | ParsedKey::FormerIdentifier(..)
            | ParsedKey::Identifier(..)
            | ParsedKey::Import(..)
            | ParsedKey::ImportBody(..)
            | ParsedKey::ImportRow(..)
            | ParsedKey::ImportRowName(..)
            | ParsedKey::KeptValues(..)
            | ParsedKey::Merge(..)
            | ParsedKey::NewestOutcome(_)
            | ParsedKey::Outcomes(..)
            | ParsedKey::Profile(..)
            | ParsedKey::ProfileChange(..)
            | ParsedKey::ProfileOutcome(..)
            | ParsedKey::PushToken(..)
            | ParsedKey::PushTokenHolder(..)
            | ParsedKey::SenderKey
            | ParsedKey::TrustedTime,
        )
        | None => "entry of unknown form",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company() -> CompanyId {
        "ABC123".parse().unwrap()
    }

    /// A profile without an email address, created at the time in its id.
    fn visitor() -> Profile {
        let now = Timestamp::from_millis(5_000);
        Profile::new(id_generator::profile_id(now, 7), now)
    }

    fn kinds(profile: &Profile) -> Vec<u8> {
        entries(&company(), profile).into_iter().map(|key| key["ABC123\0".len()]).collect()
    }

    #[test]
    fn a_profile_has_only_the_entries_that_no_other_key_replaces() {
        let mut profile = visitor();
        assert_eq!(kinds(&profile), b"un");
        profile.identifiers.secondary_emails = vec!["a@example.com".parse().unwrap()];
        assert_eq!(kinds(&profile), b"un");
        profile.identifiers.email = "b@example.com".parse().ok();
        assert_eq!(kinds(&profile), b"u");
        profile.created = Timestamp::from_millis(4_000);
        assert_eq!(kinds(&profile), b"uc");
        profile.id = ProfileId::from_bits(9);
        assert_eq!(kinds(&profile), b"uc");
    }

    #[test]
    fn only_entries_that_differ_are_written() {
        let before = visitor();
        let after = Profile { updated: Timestamp::from_millis(6_000), ..before.clone() };
        let keys = |profile: &Profile| entries(&company(), profile);
        let (old, new) = (keys(&before)[0].clone(), keys(&after)[0].clone());
        let writes: Vec<Write> = moves(keys(&before), keys(&after)).collect();
        let expected =
            [Write { key: old, value: None }, Write { key: new, value: Some(Value::new()) }];
        assert_eq!(writes, expected);
        assert_eq!(moves(keys(&after), keys(&after)).count(), 0);
        assert_eq!(moves(Vec::new(), keys(&after)).count(), 2);
        assert_eq!(moves(keys(&after), Vec::new()).count(), 2);
    }
}
