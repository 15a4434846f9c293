//! Indexes: the orders in which profiles are listed.
//!
//! Profile keys are in order of `id`, and keys of addresses in order of `email`.
//! What these do not say, keys without a value do, and as few of them as possible,
//! since each costs a write.

use profile_protocol::CompanyId;

use crate::{
    Profile,
    engine::{Key, Value, Write},
    id_generator,
    layout::key::{self, Parsed},
};

/// The keys that a profile has beside its own and those of its identifiers.
pub(crate) fn entries(company: &CompanyId, profile: &Profile) -> Vec<Key> {
    let mut keys = vec![key::updated(company, profile.updated, profile.id)];
    if profile.identifiers.email.is_none() {
        keys.push(key::no_email(company, profile.id));
    }
    // Otherwise the profile's own key says when it was created.
    if profile.created != id_generator::time_of(profile.id) {
        keys.push(key::created(company, profile.created, profile.id));
    }
    keys
}

/// What to write so that a profile that had some of these keys has the others.
pub(crate) fn moves(before: Vec<Key>, after: Vec<Key>) -> impl Iterator<Item = Write> {
    let stays: Vec<Key> = before.iter().filter(|key| after.contains(key)).cloned().collect();
    let moves = move |key: &Key| !stays.contains(key);
    let leave = before.into_iter().map(|key| Write { key, value: None });
    let join = after.into_iter().map(|key| Write { key, value: Some(Value::new()) });
    leave.chain(join).filter(move |write| moves(&write.key))
}

/// What to call such a key where people read it.
pub(crate) fn name(key: &Key) -> &'static str {
    match key::parse(key) {
        Some(Parsed::Created(..)) => "entry by created",
        Some(Parsed::NoEmail(..)) => "entry without email",
        Some(Parsed::Updated(..)) => "entry by updated",
        _ => "entry of unknown form",
    }
}

#[cfg(test)]
mod tests {
    use profile_protocol::ProfileId;

    use super::*;
    use crate::Timestamp;

    fn company() -> CompanyId {
        "ABC123".parse().unwrap()
    }

    /// A profile created when its id says, without an address.
    fn visitor() -> Profile {
        let now = Timestamp::from_millis(5_000);
        Profile::new(id_generator::profile_id(now, 7), now)
    }

    fn kinds(profile: &Profile) -> Vec<u8> {
        entries(&company(), profile).into_iter().map(|key| key["ABC123\0".len()]).collect()
    }

    #[test]
    fn a_profile_has_the_keys_that_nothing_else_says() {
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
    fn only_what_differs_is_written() {
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
