//! Reading one profile: its record, and the changes of it.
//!
//! Nothing keeps a batch from being committed between two reads. A change names the record that it
//! belongs to, so a record that was replaced meanwhile is noticed, and read again.

use profile_protocol::{CompanyId, ProfileId};

use crate::{
    engine::{Engine, EngineError},
    layout::{
        key,
        profile_record::{ProfileRecord, UnfinishedRecord},
        record::InvalidRecord,
    },
    limits,
};

/// The record of the profile with exactly this id, with all its changes.
pub(crate) async fn profile_record(
    engine: &dyn Engine,
    company: &CompanyId,
    id: ProfileId,
) -> Result<Option<ProfileRecord>, EngineError> {
    let mut attempts = 1;
    loop {
        match attempt(engine, company, id).await? {
            Err(InvalidRecord::Base | InvalidRecord::MissingChange)
                if attempts < limits::READ_ATTEMPTS =>
            {
                attempts += 1;
            }
            Err(error) => return Err(error.into()),
            Ok(record) => return Ok(record),
        }
    }
}

async fn attempt(
    engine: &dyn Engine,
    company: &CompanyId,
    id: ProfileId,
) -> Result<Result<Option<ProfileRecord>, InvalidRecord>, EngineError> {
    let keys = vec![key::profile(company, id), key::profile_outcome(company, id)];
    let mut values = engine.read(keys).await?.into_iter();
    let (record, tail) = (values.next().flatten(), values.next().flatten());
    let Some(record) = record else { return Ok(Ok(None)) };
    let unfinished = match UnfinishedRecord::new(record, tail.as_deref()) {
        Ok(unfinished) => unfinished,
        Err(error) => return Ok(Err(error)),
    };
    if unfinished.changes() != 0 {
        let changes = engine.read(unfinished.change_keys(company, id)).await?;
        return Ok(unfinished.finish(changes).map(Some));
    }
    if unfinished.may_have_changes() {
        // That it has none may have been read after another record replaced it. A record that is
        // still there had none.
        let again = engine.read(vec![key::profile(company, id)]).await?;
        if again.into_iter().next().flatten().as_ref() != Some(unfinished.base()) {
            return Ok(Err(InvalidRecord::Base));
        }
    }
    Ok(unfinished.finish(None).map(Some))
}
