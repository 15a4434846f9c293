//! The deletion of a company: every entry of it, in bounded steps.
//!
//! The first commit stores a marker, which is no entry of the company. Each step removes some
//! entries and adds their counts to those in the marker. The last commit removes the marker. A
//! deletion that was cut off leaves the marker. The next process finishes it, and its receipt
//! counts what both have removed.

use profile_protocol::CompanyId;

use super::{
    backup::forget_backup_position,
    commit::commit,
    entry_pages::EntryPages,
    format::{self, FormatError, Layout},
};
use crate::{
    IdGenerator, NoEntropy, StoreError,
    engine::{BatchId, Durability, Engine, EngineError, Key, Order, Scan, Value, Write},
    id_generator::writers,
    layout::{
        key::{self, ParsedKey},
        record::{self, Pointer},
    },
    limits,
    model::deleted_company::DeletedCompany,
};

/// Why a company was not deleted, or not as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteCompanyError {
    /// There is no entropy to name the batches by.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The engine failed, or the layout of the data cannot be used.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// What the company had asked for before was not stored.
    #[error("requests of the company wait, and cannot be stored")]
    Waiting(#[source] StoreError),
}

impl From<EngineError> for DeleteCompanyError {
    fn from(error: EngineError) -> DeleteCompanyError {
        DeleteCompanyError::Format(error.into())
    }
}

/// Deletes a company: every entry of it, and nothing else. Nothing may write to the company
/// meanwhile. The deletion is on disk when this returns. `None` if the engine has no data of the
/// company, and no deletion of it was begun.
///
/// A deletion that ended early is continued by the next call, or finished when a store is opened.
/// The result counts what all of them have removed. A backup becomes an ordinary store, to which no
/// batches of the journal are added any more.
pub async fn delete_company(
    engine: &dyn Engine,
    company: &CompanyId,
    id_generator: &dyn IdGenerator,
) -> Result<Option<DeletedCompany>, DeleteCompanyError> {
    delete_company_in_steps(engine, company, id_generator, |_| {}).await
}

/// As [`delete_company`], and tells after each step how many entries it has removed.
pub async fn delete_company_in_steps(
    engine: &dyn Engine,
    company: &CompanyId,
    id_generator: &dyn IdGenerator,
    step: impl FnMut(u64),
) -> Result<Option<DeletedCompany>, DeleteCompanyError> {
    let [writer, forgetter] = writers(id_generator)?;
    if format::layout(engine).await? == Layout::Empty || !is_known(engine, company).await? {
        return Ok(None);
    }
    // What is added to a backup would bring back a part of the company.
    forget_backup_position(engine, forgetter).await?;
    format::open(engine, id_generator, writer).await?;
    Ok(Some(Deletion::resume(engine, company, writer).await?.run(step).await?))
}

/// Finishes the deletions that were begun.
pub(crate) async fn finish_begun(
    engine: &dyn Engine,
    id_generator: &dyn IdGenerator,
) -> Result<(), DeleteCompanyError> {
    while let Some(company) = first_begun(engine).await? {
        tracing::warn!(%company, "finishing a deletion of this company that was cut off");
        let [writer, _] = writers(id_generator)?;
        let deleted = Deletion::resume(engine, &company, writer).await?.run(|_| {}).await?;
        tracing::info!(%company, %deleted, "deleted the company");
    }
    Ok(())
}

/// Finishes the deletion of a company, if it was begun.
pub(super) async fn finish(
    engine: &dyn Engine,
    company: &CompanyId,
    ids: &dyn IdGenerator,
) -> Result<(), DeleteCompanyError> {
    if begun(engine, company).await?.is_some() {
        let [writer, _] = writers(ids)?;
        Deletion::resume(engine, company, writer).await?.run(|_| {}).await?;
    }
    Ok(())
}

async fn first_begun(engine: &dyn Engine) -> Result<Option<CompanyId>, EngineError> {
    let prefix = key::COMPANY_DELETIONS.to_vec();
    let markers = engine.scan(Scan { prefix, after: None, order: Order::Ascending, limit: 1 });
    let markers = markers.await?;
    let Some((marker, _)) = markers.first() else { return Ok(None) };
    let Some(ParsedKey::CompanyDeletion(company)) = key::parse(marker) else {
        return Err(EngineError::Damaged("a key of a deletion names no company".to_owned()));
    };
    Ok(Some(company))
}

/// Begins the deletion of a company, of which the engine has no data. Entries that it gets from
/// then on are removed when a store is opened, until [`forget`] is called.
pub(super) async fn foresee(
    engine: &dyn Engine,
    company: &CompanyId,
    id: BatchId,
) -> Result<(), EngineError> {
    mark(engine, company, id, Some(record::encode_deleted_company(&DeletedCompany::NOTHING))).await
}

/// Keeps the entries of a company whose deletion was [foreseen](foresee).
pub(super) async fn forget(
    engine: &dyn Engine,
    company: &CompanyId,
    id: BatchId,
) -> Result<(), EngineError> {
    mark(engine, company, id, None).await
}

async fn mark(
    engine: &dyn Engine,
    company: &CompanyId,
    id: BatchId,
    value: Option<Value>,
) -> Result<(), EngineError> {
    let write = Write { key: key::company_deletion(company), value };
    let place = key::place_of(company, engine.places());
    commit(engine, place, id, vec![write], Durability::Flushed).await
}

/// Whether the engine has data of a company, or a deletion of it was begun.
pub(super) async fn is_known(
    engine: &dyn Engine,
    company: &CompanyId,
) -> Result<bool, EngineError> {
    let (prefix, order) = (key::company_prefix(company), Order::Ascending);
    let first = engine.scan(Scan { prefix, after: None, order, limit: 1 }).await?;
    Ok(!first.is_empty() || begun(engine, company).await?.is_some())
}

/// The counts of a deletion that was begun.
pub(super) async fn begun(
    engine: &dyn Engine,
    company: &CompanyId,
) -> Result<Option<DeletedCompany>, EngineError> {
    let values = engine.read(vec![key::company_deletion(company)]).await?;
    let Some(marker) = values.into_iter().next().flatten() else { return Ok(None) };
    Ok(Some(record::decode_deleted_company(&marker)?))
}

struct Deletion<'a> {
    engine: &'a dyn Engine,
    company: &'a CompanyId,
    next: BatchId,
    removed: DeletedCompany,
}

impl<'a> Deletion<'a> {
    /// A deletion that goes on where the one before ended.
    async fn resume(
        engine: &'a dyn Engine,
        company: &'a CompanyId,
        writer: u64,
    ) -> Result<Deletion<'a>, EngineError> {
        let removed = begun(engine, company).await?.unwrap_or(DeletedCompany::NOTHING);
        // A migration of the layout may have used the first numbers.
        let next = BatchId { writer, number: 1 << 32 };
        Ok(Deletion { engine, company, next, removed })
    }

    async fn run(mut self, mut step: impl FnMut(u64)) -> Result<DeletedCompany, EngineError> {
        self.commit(vec![self.marker()], Durability::Flushed).await?;
        // Until one pass from the first key on has found nothing.
        while self.remove_all(&mut step).await? {}
        let marker = Write { key: key::company_deletion(self.company), value: None };
        self.commit(vec![marker], Durability::Flushed).await?;
        Ok(self.removed)
    }

    /// Removes all entries that there are. Returns whether there were any.
    async fn remove_all(&mut self, step: &mut impl FnMut(u64)) -> Result<bool, EngineError> {
        let prefix = key::company_prefix(self.company);
        let mut pages = EntryPages::of(self.engine, prefix, limits::DELETE_STEP);
        let mut found = false;
        while let Some(entries) = pages.next().await? {
            found = true;
            let removed = entries.len() as u64;
            self.remove(entries).await?;
            step(removed);
        }
        Ok(found)
    }

    /// Removes some entries, and counts them in the marker. A crash undoes the newest steps first.
    async fn remove(&mut self, entries: Vec<(Key, Value)>) -> Result<(), EngineError> {
        entries.iter().for_each(|(key, value)| count(&mut self.removed, key, value));
        let removals = entries.into_iter().map(|(key, _)| Write { key, value: None });
        let writes = removals.chain([self.marker()]).collect();
        self.commit(writes, Durability::Relaxed).await
    }

    fn marker(&self) -> Write {
        let value = Some(record::encode_deleted_company(&self.removed));
        Write { key: key::company_deletion(self.company), value }
    }

    async fn commit(
        &mut self,
        writes: Vec<Write>,
        durability: Durability,
    ) -> Result<(), EngineError> {
        let id = self.next;
        self.next.number += 1;
        let place = key::place_of(self.company, self.engine.places());
        commit(self.engine, place, id, writes, durability).await
    }
}

fn count(removed: &mut DeletedCompany, key: &[u8], value: &[u8]) {
    removed.entries += 1;
    match key::parse(key) {
        Some(ParsedKey::Profile(..)) => removed.profiles += 1,
        Some(ParsedKey::Identifier(..)) => match record::decode_pointer(value) {
            Ok(Pointer::Held(_)) => removed.identifiers += 1,
            Ok(Pointer::Former(_)) => {}
            Err(_) => removed.unreadable += 1,
        },
        Some(ParsedKey::Import(..)) => removed.imports += 1,
        Some(ParsedKey::Merge(..)) => removed.merges += 1,
        Some(ParsedKey::Outcomes(_, last)) => match record::decode_segment(last, value) {
            Ok(outcomes) => removed.outcomes += outcomes.len() as u64,
            Err(_) => removed.unreadable += 1,
        },
        Some(
            ParsedKey::Alias(..)
            | ParsedKey::BackupPosition
            | ParsedKey::CompanyDeletion(_)
            | ParsedKey::Created(..)
            | ParsedKey::DeletionJob(..)
            | ParsedKey::Format
            | ParsedKey::FormerIdentifier(..)
            | ParsedKey::ImportBody(..)
            | ParsedKey::ImportRow(..)
            | ParsedKey::ImportRowName(..)
            | ParsedKey::KeptValues(..)
            | ParsedKey::NewestOutcome(_)
            | ParsedKey::NoEmail(..)
            | ParsedKey::ProfileChange(..)
            | ParsedKey::ProfileOutcome(..)
            | ParsedKey::PushToken(..)
            | ParsedKey::PushTokenHolder(..)
            | ParsedKey::SenderKey
            | ParsedKey::TrustedTime
            | ParsedKey::Updated(..),
        ) => {}
        None => removed.unreadable += 1,
    }
}
