//! What the company itself does to whole profiles, and the records of bulk imports:
//! one command at a time.

use profile_protocol::CompanyId;

use super::{Lane, unreadable};
use crate::{
    Delete, ImportJob, MergeProfiles, Outcome, ProfileRef, StoreError,
    batch::Batch,
    engine::{EngineError, Key, Order, Scan, Write},
    layout::key::{self, KeyKind, ParsedKey},
    layout::record,
    limits,
};

impl Lane {
    pub(super) async fn merge(&mut self, asked: &MergeProfiles) -> Result<Outcome, StoreError> {
        self.require_health()?;
        let company = &asked.company;
        let named = [asked.destination, asked.source].map(ProfileRef::Id);
        let named = named.iter().map(|named| (company, named));
        let view = Batch::load_named(self.engine.as_ref(), named).await;
        let mut view = view.map_err(unreadable)?;
        let context = self.context(company).await?;
        let outcome = view.join(asked, context)?;
        self.number(company, context);
        self.write(view.into_writes()).await?;
        Ok(outcome)
    }

    pub(super) async fn delete(&mut self, asked: &Delete) -> Result<Option<Outcome>, StoreError> {
        self.require_health()?;
        let view = Batch::load_whom(self.engine.as_ref(), asked).await;
        let mut view = view.map_err(unreadable)?;
        let context = self.context(&asked.company).await?;
        let Some(outcome) = view.delete(asked, context)? else { return Ok(None) };
        self.number(&asked.company, context);
        self.write(view.into_writes()).await?;
        Ok(Some(outcome))
    }

    /// Keeps the record of a bulk import, and lets the oldest go if that makes too
    /// many.
    pub(super) async fn keep_import(
        &mut self,
        company: &CompanyId,
        job: ImportJob,
    ) -> Result<(), StoreError> {
        self.require_health()?;
        let ImportJob { head, body } = job;
        let key = key::import(company, head.id);
        let mut writes = self.outdated_imports(company, &key).await.map_err(unreadable)?;
        writes.push(Write { key, value: Some(record::encode_import(&head)) });
        let value = Some(record::encode_import_body(&body.bounded()));
        writes.push(Write { key: key::import_body(company, head.id), value });
        self.write(writes).await
    }

    /// The removal of the oldest bulk imports, as far as there is no room for the
    /// one at this key.
    async fn outdated_imports(
        &self,
        company: &CompanyId,
        new: &Key,
    ) -> Result<Vec<Write>, EngineError> {
        let known = self.engine.read(std::slice::from_ref(new)).await?;
        if known.iter().any(Option::is_some) {
            return Ok(Vec::new());
        }
        let (order, limit) = (Order::Ascending, limits::IMPORTS);
        let prefix = key::prefix(company, KeyKind::Import);
        let kept = self.engine.scan(&Scan { prefix, after: None, order, limit }).await?;
        let excess = (kept.len() + 1).saturating_sub(limits::IMPORTS);
        let leaving = kept.into_iter().take(excess).flat_map(|(key, _)| {
            let body = match key::parse(&key) {
                Some(ParsedKey::Import(company, id)) => Some(key::import_body(&company, id)),
                _ => None,
            };
            body.into_iter().chain([key])
        });
        Ok(leaving.map(|key| Write { key, value: None }).collect())
    }
}
