//! Bulk imports, kept and read.

use profile_protocol::{CompanyId, ProfileId};

use super::Store;
use crate::{
    ImportBody, ImportHead, ImportJob, StoreError,
    engine::{EngineError, Order, Scan},
    lane::job::Job,
    layout::key::{self, KeyKind, ParsedKey},
    layout::record,
    limits,
};

impl Store {
    /// Keeps the record of a bulk import, in place of what was kept of it before.
    /// Of more than [`limits::IMPORTS`] of a company the oldest leaves. Waits for room
    /// in the queue: what it tells of is stored already.
    pub async fn keep_import(&self, company: CompanyId, job: ImportJob) -> Result<(), StoreError> {
        let job = Box::new(job);
        self.wait_and_ask(|ticket| Job::KeepImport(company, job, ticket)).await
    }

    /// How far a bulk import got.
    pub async fn import_job(
        &self,
        company: &CompanyId,
        id: ProfileId,
    ) -> Result<Option<ImportHead>, EngineError> {
        let value = self.value(&key::import(company, id)).await?;
        Ok(value.map(|value| record::decode_import(id, &value)).transpose()?)
    }

    /// What came of a bulk import.
    pub async fn import_job_body(
        &self,
        company: &CompanyId,
        id: ProfileId,
    ) -> Result<Option<ImportBody>, EngineError> {
        let value = self.value(&key::import_body(company, id)).await?;
        Ok(value.map(|value| record::decode_import_body(&value)).transpose()?)
    }

    /// Bulk imports by age, from the one after `from` in that order, or from the
    /// first. At most [`limits::IMPORTS`].
    pub async fn import_jobs(
        &self,
        company: &CompanyId,
        from: Option<ProfileId>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<ImportHead>, EngineError> {
        let scan = Scan {
            prefix: key::prefix(company, KeyKind::Import),
            after: from.map(|id| key::import(company, id)),
            order,
            limit: limit.min(limits::IMPORTS),
        };
        let entries = self.shared.engine.scan(scan).await?;
        let heads = entries.iter().map(|(key, value)| match key::parse(key) {
            Some(ParsedKey::Import(_, id)) => Ok(record::decode_import(id, value)?),
            _ => Err(EngineError::Damaged("a key that is no import's".to_owned())),
        });
        heads.collect()
    }
}
