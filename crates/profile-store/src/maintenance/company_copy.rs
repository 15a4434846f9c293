//! The copy of a company into another store: every entry of it, as it is. So ids, merged profiles,
//! merges that can be undone, histories and the numbers of outcomes stay.
//!
//! The deletion of the company is begun in the other store before the first entry, and forgotten
//! after the last. So a copy that is cut off leaves nothing: the next start removes what there is.

use profile_protocol::CompanyId;

use super::{
    backup::backup_position,
    commit::commit,
    company_deletion::{self, DeleteCompanyError},
    copy::Copied,
    format::{self, FormatError},
};
use crate::{
    IdGenerator, NoEntropy, StoreError,
    engine::{BatchId, Durability, Engine, EngineError, Key, Value, Write},
    id_generator::writers,
    layout::key,
};

/// Why a company was not copied. The other store has nothing of it once it is opened again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyCompanyError {
    /// There is no entropy to name the batches by.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The engine failed, or the layout of the other store cannot be used.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The remains of an earlier copy could not be removed.
    #[error(transparent)]
    Remains(#[from] DeleteCompanyError),
    /// The other store has data of the company, or is deleting it.
    #[error("the other store has data of company {company}")]
    HasData {
        /// The company.
        company: CompanyId,
    },
    /// The first store is deleting the company, or got a copy of it that was cut off.
    #[error(
        "company {company} is being deleted from the first store, or was not copied into it whole"
    )]
    NotWhole {
        /// The company.
        company: CompanyId,
    },
    /// What was asked for the company in the other store before was not stored.
    #[error("requests of the company wait in the other store, and cannot be stored")]
    Waiting(#[source] StoreError),
    /// The other store is a backup.
    #[error("the other store is a backup: name another directory")]
    IntoBackup,
    /// The first store has another layout, whose entries may have another meaning.
    #[error("the first store has an earlier layout: start a gateway of this version on it once")]
    OtherLayout,
}

impl From<EngineError> for CopyCompanyError {
    fn from(error: EngineError) -> CopyCompanyError {
        CopyCompanyError::Format(error.into())
    }
}

/// Writes the entries of one company into another store, in which nothing else concerns the company
/// meanwhile.
pub struct CompanyCopy<'a> {
    to: &'a dyn Engine,
    company: CompanyId,
    /// Begins the key of each entry of the company.
    prefix: Key,
    next: BatchId,
    copied: Copied,
}

impl CompanyCopy<'_> {
    /// Fails if the other store has data of the company. A copy that was cut off is removed first,
    /// and an empty engine gets a store.
    pub async fn begin<'a>(
        to: &'a dyn Engine,
        company: &CompanyId,
        ids: &dyn IdGenerator,
    ) -> Result<CompanyCopy<'a>, CopyCompanyError> {
        let [writer, format_writer] = writers(ids)?;
        if backup_position(to).await?.is_some() {
            return Err(CopyCompanyError::IntoBackup);
        }
        format::open(to, ids, format_writer).await?;
        company_deletion::finish(to, company, ids).await?;
        if company_deletion::is_known(to, company).await? {
            return Err(CopyCompanyError::HasData { company: company.clone() });
        }
        company_deletion::foresee(to, company, BatchId { writer, number: 0 }).await?;
        Ok(CompanyCopy {
            to,
            company: company.clone(),
            prefix: key::company_prefix(company),
            next: BatchId { writer, number: 1 },
            copied: Copied::default(),
        })
    }

    /// Whether a copy of a company needs an entry with this key: one of the company, or one that
    /// tells that not all of it is there.
    pub fn needs(company: &CompanyId, key: &[u8]) -> bool {
        key.starts_with(&key::company_prefix(company)) || *key == key::company_deletion(company)
    }

    /// The company.
    pub fn company(&self) -> &CompanyId {
        &self.company
    }

    /// Writes those of these entries that belong to the company.
    pub async fn write(&mut self, entries: Vec<(Key, Value)>) -> Result<(), CopyCompanyError> {
        // The key precedes those of all companies.
        if entries.iter().any(|(key, _)| *key == key::company_deletion(&self.company)) {
            return Err(CopyCompanyError::NotWhole { company: self.company.clone() });
        }
        let own = entries.into_iter().filter(|(key, _)| key.starts_with(&self.prefix));
        let writes: Vec<Write> =
            own.map(|(key, value)| Write { key, value: Some(value) }).collect();
        if writes.is_empty() {
            return Ok(());
        }
        self.copied.entries += writes.len() as u64;
        let bytes = writes.iter().map(|write| write.key.len() + value_bytes(write));
        self.copied.bytes += bytes.sum::<usize>() as u64;
        let place = key::place_of(&self.company, self.to.places());
        commit(self.to, place, self.next, writes, Durability::Relaxed).await?;
        self.next.number += 1;
        Ok(())
    }

    /// Keeps what was written, which comes from a store with this layout. All of it is on disk when
    /// this returns.
    pub async fn finish(self, layout: &[u8]) -> Result<Copied, CopyCompanyError> {
        if layout != [key::FORMAT_VERSION] {
            return Err(CopyCompanyError::OtherLayout);
        }
        self.to.sync().await?;
        company_deletion::forget(self.to, &self.company, self.next).await?;
        Ok(self.copied)
    }
}

fn value_bytes(write: &Write) -> usize {
    write.value.as_ref().map_or(0, Vec::len)
}
