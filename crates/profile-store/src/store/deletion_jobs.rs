//! Deletion jobs, as they are read.

use profile_protocol::{CompanyId, ProfileId};

use super::Store;
use crate::{
    DeletionJob,
    engine::{EngineError, Order, Scan},
    layout::{
        key::{self, KeyKind, ParsedKey},
        record,
    },
    limits,
};

impl Store {
    /// The deletion job with this id.
    pub async fn deletion_job(
        &self,
        company: &CompanyId,
        id: ProfileId,
    ) -> Result<Option<DeletionJob>, EngineError> {
        let value = self.value(&key::deletion_job(company, id)).await?;
        Ok(value.map(|value| record::decode_deletion_job(id, &value)).transpose()?)
    }

    /// The deletion jobs of a company by age, beginning after `from`, or with the first. At most
    /// [`limits::LIST_PAGE`] and one more.
    pub async fn deletion_jobs(
        &self,
        company: &CompanyId,
        from: Option<ProfileId>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<DeletionJob>, EngineError> {
        let scan = Scan {
            prefix: key::prefix(company, KeyKind::DeletionJob),
            after: from.map(|id| key::deletion_job(company, id)),
            order,
            limit: limit.min(limits::LIST_PAGE + 1),
        };
        let entries = self.shared.engine.scan(scan).await?;
        let jobs = entries.iter().map(|(key, value)| {
            let Some(ParsedKey::DeletionJob(_, id)) = key::parse(key) else {
                return Err(EngineError::Damaged("a key of no deletion job".to_owned()));
            };
            Ok(record::decode_deletion_job(id, value)?)
        });
        jobs.collect()
    }
}
