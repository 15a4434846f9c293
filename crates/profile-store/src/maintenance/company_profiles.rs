//! All profiles of a company, a page at a time, for an export.

use profile_protocol::CompanyId;

use super::{
    company_deletion,
    format::{self, FormatError, Layout},
};
use crate::{
    engine::{Engine, EngineError},
    read::profile_walk::{DamagedProfile, FoundProfile, ProfileWalk, ProfilesRead},
};

/// Why the profiles of a company cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompanyProfilesError {
    /// The engine failed, or there is no store.
    #[error("the store cannot be read")]
    Format(#[from] FormatError),
    /// The store has an earlier layout, whose entries may have another meaning.
    #[error("the store has an earlier layout: start a gateway of this version on it once")]
    OtherLayout,
    /// The store has nothing of the company.
    #[error("the store has no data of company {company}")]
    NoData {
        /// The company.
        company: CompanyId,
    },
    /// The company is being deleted, or is a copy that was cut off.
    #[error("company {company} is being deleted from the store, or was not copied into it whole")]
    NotWhole {
        /// The company.
        company: CompanyId,
    },
}

impl From<EngineError> for CompanyProfilesError {
    fn from(error: EngineError) -> CompanyProfilesError {
        CompanyProfilesError::Format(error.into())
    }
}

/// Reads the profiles of a company in the order of their ids. Nothing may write to the store
/// meanwhile.
pub struct CompanyProfiles<'a> {
    engine: &'a dyn Engine,
    company: CompanyId,
    walk: ProfileWalk,
}

impl CompanyProfiles<'_> {
    /// Fails if the store has nothing of the company, or not all of it.
    pub async fn of<'a>(
        engine: &'a dyn Engine,
        company: &CompanyId,
    ) -> Result<CompanyProfiles<'a>, CompanyProfilesError> {
        match format::layout(engine).await? {
            Layout::Current => {}
            Layout::Empty => return Err(FormatError::NotAStore.into()),
            Layout::Valid(_) | Layout::Migrating(_) => {
                return Err(CompanyProfilesError::OtherLayout);
            }
        }
        if company_deletion::begun(engine, company).await?.is_some() {
            return Err(CompanyProfilesError::NotWhole { company: company.clone() });
        }
        if !company_deletion::is_known(engine, company).await? {
            return Err(CompanyProfilesError::NoData { company: company.clone() });
        }
        Ok(CompanyProfiles { engine, company: company.clone(), walk: ProfileWalk::default() })
    }

    /// The next profiles.
    pub async fn next_page(&mut self) -> ProfilesRead {
        let found = self.walk.next(self.engine, &self.company).await?;
        let gone = |id| Err(DamagedProfile { id, reason: "the record is gone".to_owned() });
        let read = |(id, profile): FoundProfile| profile.unwrap_or_else(|| gone(id));
        Ok(found.map(|found| found.into_iter().map(read).collect()))
    }
}
