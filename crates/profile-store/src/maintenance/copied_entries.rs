//! What a copy has of the entries of a store: records of profiles without changes.
//!
//! A record with changes has values that were replaced since. A copy has the record as if it had
//! been written whole.

use profile_protocol::{CompanyId, ProfileId};

use crate::{
    engine::{Engine, EngineError, Key, Value},
    layout::{
        key::{self, ParsedKey},
        profile_record::{UnfinishedRecord, is_large},
        record::{self, ProfileTail},
    },
};

type Entry = (Key, Value);

/// What a copy has of these entries. A record whose changes are damaged is copied with them as they
/// are.
pub(super) async fn copied(
    from: &dyn Engine,
    entries: Vec<Entry>,
) -> Result<Vec<Entry>, EngineError> {
    let mut copied = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        match key::parse(&key) {
            Some(ParsedKey::Profile(company, id)) if is_large(&value) => {
                copied.extend(large_profile(from, &company, id, (key, value)).await?);
            }
            // The two are copied with the profile.
            Some(ParsedKey::ProfileOutcome(company, id))
                if tail_of(&value).is_some() && is_large_profile(from, &company, id).await? => {}
            Some(ParsedKey::ProfileChange(company, id, number))
                if number <= changes_of(from, &company, id).await? => {}
            _ => copied.push((key, value)),
        }
    }
    Ok(copied)
}

/// The tail of a profile, if it says that the record has changes.
fn tail_of(value: &[u8]) -> Option<ProfileTail> {
    record::decode_profile_tail(value).ok().filter(|tail| tail.changes != 0)
}

/// How many changes the record of a profile is said to have.
async fn changes_of(
    from: &dyn Engine,
    company: &CompanyId,
    id: ProfileId,
) -> Result<u16, EngineError> {
    let tail = from.read(vec![key::profile_outcome(company, id)]).await?;
    let tail = tail.into_iter().next().flatten();
    Ok(tail.as_deref().and_then(tail_of).map_or(0, |tail| tail.changes))
}

async fn is_large_profile(
    from: &dyn Engine,
    company: &CompanyId,
    id: ProfileId,
) -> Result<bool, EngineError> {
    let record = from.read(vec![key::profile(company, id)]).await?;
    Ok(record.into_iter().flatten().any(|record| is_large(&record)))
}

/// The entries of a large profile that a copy has in place of its record and changes.
async fn large_profile(
    from: &dyn Engine,
    company: &CompanyId,
    id: ProfileId,
    (key, record): Entry,
) -> Result<Vec<Entry>, EngineError> {
    let tail_key = key::profile_outcome(company, id);
    let tail = from.read(vec![tail_key.clone()]).await?.into_iter().next().flatten();
    let Some(tail) = tail.as_deref().and_then(tail_of) else { return Ok(vec![(key, record)]) };
    let value = record::encode_profile_tail(tail);
    let Ok(unfinished) = UnfinishedRecord::new(record.clone(), Some(&value)) else {
        return Ok(vec![(key, record)]);
    };
    let keys = unfinished.change_keys(company, id);
    let changes = from.read(keys.clone()).await?;
    let mut entries = Vec::new();
    if let Ok(whole) = unfinished.finish(changes.clone()) {
        let is_newer =
            record::decode_last_outcome(&whole.bytes).is_ok_and(|last| last < Some(tail.newest));
        let tail = record::encode_profile_tail(ProfileTail { changes: 0, ..tail });
        entries.extend(is_newer.then_some((tail_key, tail)));
        entries.push((key, whole.bytes));
    } else {
        let changes = keys.into_iter().zip(changes);
        entries.extend(changes.filter_map(|(key, value)| Some((key, value?))));
        entries.extend([(tail_key, value), (key, record)]);
    }
    Ok(entries)
}
