//! Values that clients replaced, beside the profiles of a batch.

use std::collections::BTreeSet;

use profile_protocol::CompanyId;

use super::Batch;
use crate::{
    Merge, StoredProfile,
    decide::replaced::kept_by,
    layout::{key, record},
    model::replaced::KeptValues,
};

impl Batch {
    /// Keeps the values that a request replaced, and removes those that the profile forgets.
    pub(super) fn keep_replaced(
        &mut self,
        company: &CompanyId,
        sequence: u64,
        after: &StoredProfile,
        merges: &[Merge],
        kept: Option<KeptValues>,
    ) {
        let noted = kept_by(&after.replaced);
        let before = self.stored.profile(company, after.id).ok().flatten();
        let before = before.map(|profile| &profile.replaced);
        let before = before.into_iter().chain(merges.iter().map(|merge| &merge.absorbed.replaced));
        let gone: BTreeSet<u64> = before.flat_map(|before| kept_by(before)).collect();
        for sequence in gone.difference(&noted) {
            self.stored.write(key::kept_values(company, *sequence), None);
        }
        if let Some(kept) = kept.filter(|_| noted.contains(&sequence)) {
            let value = Some(record::encode_kept_values(&kept));
            self.stored.write(key::kept_values(company, sequence), value);
        }
    }
}
