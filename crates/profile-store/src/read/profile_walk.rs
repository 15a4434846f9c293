//! All profiles of a company, some at a time, in the order of their ids.

use profile_protocol::{CompanyId, ProfileId};

use crate::{
    Profile,
    engine::{Engine, EngineError, Key, Order, Scan},
    layout::key::{self, KeyKind, ParsedKey},
    limits,
    read::profiles::profile_record,
};

/// A profile whose record is damaged.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("profile {id} cannot be read: {reason}")]
pub struct DamagedProfile {
    /// The profile.
    pub id: ProfileId,
    /// What is wrong with its record.
    pub reason: String,
}

/// The profiles of one read, each as far as its record can be read. `None` after the last.
pub type ProfilesRead = Result<Option<Vec<Result<Profile, DamagedProfile>>>, EngineError>;

/// How far a reader of all profiles of a company is.
#[derive(Clone, Debug, Default)]
pub struct ProfileWalk {
    after: Option<Key>,
}

/// A profile that has the id, as far as its record can be read. `None` if it was there a moment
/// ago, and is gone.
pub(crate) type FoundProfile = (ProfileId, Option<Result<Profile, DamagedProfile>>);

impl ProfileWalk {
    /// The next profiles of a company, at most [`limits::LIST_CHUNK`].
    pub(crate) async fn next(
        &mut self,
        engine: &dyn Engine,
        company: &CompanyId,
    ) -> Result<Option<Vec<FoundProfile>>, EngineError> {
        let scan = Scan {
            prefix: key::prefix(company, KeyKind::Profile),
            after: self.after.clone(),
            order: Order::Ascending,
            limit: limits::LIST_CHUNK,
        };
        let entries = engine.scan(scan).await?;
        let Some((last, _)) = entries.last() else { return Ok(None) };
        let last = last.clone();
        let mut found = Vec::with_capacity(entries.len());
        for (key, _) in &entries {
            if let Some(ParsedKey::Profile(_, id)) = key::parse(key) {
                found.push((id, read(engine, company, id).await?));
            }
        }
        // What failed is read again.
        self.after = Some(last);
        Ok(Some(found))
    }
}

async fn read(
    engine: &dyn Engine,
    company: &CompanyId,
    id: ProfileId,
) -> Result<Option<Result<Profile, DamagedProfile>>, EngineError> {
    let damaged = |reason: String| Err(DamagedProfile { id, reason });
    let record = match profile_record(engine, company, id).await {
        Ok(Some(record)) => record,
        Ok(None) => return Ok(None),
        Err(EngineError::Damaged(reason)) => return Ok(Some(damaged(reason))),
        Err(error) => return Err(error),
    };
    let decoded = record.decode(id).and_then(|profile| Ok(profile.decode()?));
    Ok(Some(decoded.or_else(|error| damaged(error.to_string()))))
}
