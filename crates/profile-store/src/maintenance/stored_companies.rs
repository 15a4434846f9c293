//! Which companies a store has data of.

use profile_protocol::CompanyId;

use super::prune::next_company;
use crate::{
    engine::{Engine, EngineError},
    limits,
};

/// Some of the companies that a store has data of.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StoredCompanies {
    /// The first of them in the order of their ids, at most [`limits::COMPANIES_LISTED`].
    pub listed: Vec<CompanyId>,
    /// The number of all of them.
    pub count: u64,
}

/// The companies with data in `engine` that `is_wanted` accepts.
pub async fn stored_companies(
    engine: &dyn Engine,
    is_wanted: impl Fn(&CompanyId) -> bool,
) -> Result<StoredCompanies, EngineError> {
    let (mut found, mut company) = (StoredCompanies::default(), None);
    while let Some(next) = next_company(engine, company.as_ref()).await? {
        if is_wanted(&next) {
            found.count += 1;
            if found.listed.len() < limits::COMPANIES_LISTED {
                found.listed.push(next.clone());
            }
        }
        company = Some(next);
    }
    Ok(found)
}
