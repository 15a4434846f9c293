//! All profiles of a company, a page at a time, for an export.

use profile_protocol::{CompanyId, ProfileId};

use super::{
    company_deletion,
    format::{self, FormatError, Layout},
};
use crate::{
    Profile,
    engine::{Engine, EngineError, Key, Order, Scan},
    layout::key::{self, KeyKind, ParsedKey},
    limits, read,
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

/// Reads the profiles of a company in the order of their ids. Nothing may write to the store
/// meanwhile.
pub struct CompanyProfiles<'a> {
    engine: &'a dyn Engine,
    company: CompanyId,
    after: Option<Key>,
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
        Ok(CompanyProfiles { engine, company: company.clone(), after: None })
    }

    /// The next profiles.
    pub async fn next_page(&mut self) -> ProfilesRead {
        let scan = Scan {
            prefix: key::prefix(&self.company, KeyKind::Profile),
            after: self.after.take(),
            order: Order::Ascending,
            limit: limits::LIST_CHUNK,
        };
        let entries = self.engine.scan(scan).await?;
        let Some((last, _)) = entries.last() else { return Ok(None) };
        self.after = Some(last.clone());
        let mut page = Vec::with_capacity(entries.len());
        for (key, _) in &entries {
            if let Some(ParsedKey::Profile(_, id)) = key::parse(key) {
                page.push(self.profile(id).await?);
            }
        }
        Ok(Some(page))
    }

    async fn profile(&self, id: ProfileId) -> Result<Result<Profile, DamagedProfile>, EngineError> {
        let damaged = |reason: String| Err(DamagedProfile { id, reason });
        let record = match read::profiles::profile_record(self.engine, &self.company, id).await {
            Ok(Some(record)) => record,
            // Its key was there a moment ago.
            Ok(None) => return Ok(damaged("the record is gone".to_owned())),
            Err(EngineError::Damaged(reason)) => return Ok(damaged(reason)),
            Err(error) => return Err(error),
        };
        let decoded = record.decode(id).and_then(|profile| Ok(profile.decode()?));
        Ok(decoded.or_else(|error| damaged(error.to_string())))
    }
}
