//! The records of bulk imports.

use profile_protocol::{CompanyId, ProfileId};

use super::Store;
use crate::{
    ImportBody, ImportHead, ImportJob, StoreError,
    engine::{EngineError, Order, Scan, Value},
    lane::job::Job,
    layout::key::{self, KeyKind, ParsedKey},
    layout::record,
    limits,
};

impl Store {
    /// Stores the record of a bulk import, in place of its earlier record. If a company then has
    /// more than [`limits::IMPORTS`], the oldest is removed. Waits for space in the queue, because
    /// the profiles that the record lists are stored already.
    pub async fn keep_import(&self, company: CompanyId, job: ImportJob) -> Result<(), StoreError> {
        let job = Box::new(job);
        self.wait_and_ask(|ticket| Job::KeepImport(company, job, ticket)).await
    }

    /// The progress of a bulk import.
    pub async fn import_job(
        &self,
        company: &CompanyId,
        id: ProfileId,
    ) -> Result<Option<ImportHead>, EngineError> {
        let value = self.value(&key::import(company, id)).await?;
        Ok(value.map(|value| record::decode_import(id, &value)).transpose()?)
    }

    /// The results of a bulk import: its profiles and errors.
    pub async fn import_job_body(
        &self,
        company: &CompanyId,
        id: ProfileId,
    ) -> Result<Option<ImportBody>, EngineError> {
        let value = self.value(&key::import_body(company, id)).await?;
        Ok(value.map(|value| record::decode_import_body(&value)).transpose()?)
    }

    /// What names these rows of a bulk import, as far as they failed and it is kept.
    pub async fn import_payloads(
        &self,
        company: &CompanyId,
        import: ProfileId,
        rows: &[u32],
    ) -> Result<Vec<Option<String>>, EngineError> {
        let keys = rows.iter().map(|row| key::import_row(company, import, *row)).collect();
        let records = self.shared.engine.read(keys).await?;
        let payload = |(row, record): (&u32, Option<Value>)| {
            let row = record.map(|record| record::decode_import_row(*row, &record));
            Ok(row.transpose()?.map(|row| row.payload))
        };
        rows.iter().zip(records).map(payload).collect()
    }

    /// The bulk imports of a company by age, beginning after `from`, or with the first. At most
    /// [`limits::IMPORTS`].
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
        let heads = entries.iter().map(|(key, value)| {
            let Some(ParsedKey::Import(_, id)) = key::parse(key) else {
                return Err(EngineError::Damaged(
                    "a key that belongs to no bulk import".to_owned(),
                ));
            };
            Ok(record::decode_import(id, value)?)
        });
        heads.collect()
    }
}
