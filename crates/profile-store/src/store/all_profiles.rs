//! All profiles of a company, while requests are stored.

use profile_protocol::CompanyId;

use super::Store;
use crate::{ProfileWalk, ProfilesRead};

impl Store {
    /// The next profiles of a company in the order of their ids, and `None` after the last. Of what
    /// changes meanwhile, each profile is as it is when it is read: one that is merged into another
    /// is read before or not at all, and one that is erased is not read afterwards.
    pub async fn next_profiles(&self, company: &CompanyId, walk: &mut ProfileWalk) -> ProfilesRead {
        let found = walk.next(self.shared.engine.as_ref(), company).await?;
        Ok(found.map(|found| found.into_iter().filter_map(|(_, profile)| profile).collect()))
    }
}
