//! What is done to all data of a company while a store serves others: its deletion, and a copy of
//! it from another store. The company is held meanwhile: the lane takes no request of it.

use profile_protocol::CompanyId;

use super::Store;
use crate::{
    CompanyCopy, Copied, CopyCompanyError, DeleteCompanyError, DeletedCompany, StoreError,
    delete_company_in_steps, lane::job::Job,
};

impl Store {
    /// Deletes a company as [`delete_company`](crate::delete_company) does, while others are
    /// served. What the company has asked for before is stored first, and deleted; what it asks for
    /// meanwhile is refused as [`StoreError::Unavailable`]. Tells after each step how many entries
    /// it has removed. One deletion or copy of a company runs at a time.
    ///
    /// After an error, requests of the company are refused on: the next deletion, or the next
    /// store that is opened, removes the rest.
    pub async fn delete_company(
        &self,
        company: &CompanyId,
        step: impl FnMut(u64),
    ) -> Result<Option<DeletedCompany>, DeleteCompanyError> {
        self.hold(company).await.map_err(DeleteCompanyError::Waiting)?;
        let (engine, ids) = (self.shared.engine.as_ref(), self.shared.id_generator.as_ref());
        let deleted = delete_company_in_steps(engine, company, ids, step).await?;
        self.shared.unflushed.forget(company);
        self.release(company).await;
        Ok(deleted)
    }

    /// Begins a copy of a company into this store, which has no data of it, while others are
    /// served. Requests of the company are refused as [`StoreError::Unavailable`] until
    /// [`Store::end_copy`], or until [`Store::delete_company`] removes what was copied.
    pub async fn begin_copy(
        &self,
        company: &CompanyId,
    ) -> Result<CompanyCopy<'_>, CopyCompanyError> {
        self.hold(company).await.map_err(CopyCompanyError::Waiting)?;
        let (engine, ids) = (self.shared.engine.as_ref(), self.shared.id_generator.as_ref());
        let begun = CompanyCopy::begin(engine, company, ids).await;
        if let Err(CopyCompanyError::HasData { .. }) = begun {
            self.release(company).await;
        }
        begun
    }

    /// Keeps what was copied, as [`CompanyCopy::finish`] does, and takes requests of the company
    /// again.
    pub async fn end_copy(
        &self,
        copy: CompanyCopy<'_>,
        layout: &[u8],
    ) -> Result<Copied, CopyCompanyError> {
        let company = copy.company().clone();
        let copied = copy.finish(layout).await?;
        self.release(&company).await;
        Ok(copied)
    }

    /// Refuses requests of a company from now on, and waits until earlier ones are stored.
    async fn hold(&self, company: &CompanyId) -> Result<(), StoreError> {
        let queue = self.queue_of(company)?;
        let is_new = queue.hold(company);
        let fenced = self.wait_and_ask(|ticket| Job::Fence(company.clone(), ticket)).await;
        match fenced {
            Ok(()) => self.pruner.lock().await.exclude(company),
            // Nothing was begun.
            Err(_) if is_new => queue.release(company),
            Err(_) => {}
        }
        fenced
    }

    async fn release(&self, company: &CompanyId) {
        self.pruner.lock().await.include(company);
        if let Ok(queue) = self.queue_of(company) {
            queue.release(company);
        }
    }
}
