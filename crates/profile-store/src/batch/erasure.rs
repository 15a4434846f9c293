//! Erasing a person, with everything by which the person may still be found.
//!
//! Three rounds of reading precede the decision: the keys that lead to the profile, the identifiers
//! that it has lost, and the failed rows of bulk imports that name any of these.

use std::collections::BTreeSet;

use profile_protocol::{CompanyId, ProfileId};

use super::{Asked, Batch, keys_leading_to, stored::pointer_key};
use crate::{
    DecisionContext, Delete, Deleted, DeletionJob, FoundBy, Identifier, ImportRow, ProfileRef,
    StoreError, StoredProfile,
    decide::{
        deletion::{FoundSubject, deleted},
        push_tokens::holders,
        replaced::kept_by,
    },
    engine::{Key, Order, Scan, Value, Write},
    id_generator,
    layout::{
        key::{self, KeyKind},
        record,
    },
    limits,
    model::deletion_job::ErasureStep,
};

fn scan(prefix: Key, order: Order, limit: usize) -> Scan {
    Scan { prefix, after: None, order, limit }
}

impl Batch {
    /// Asks for the keys that lead to the profile, for the identifiers that it and the profiles
    /// merged into it have lost, and for the first and the last deletion job.
    pub(super) fn ask_for_person(&mut self, company: &CompanyId, targets: &[ProfileRef]) {
        let profile = self.subject(company, targets).ok().flatten().map(|found| found.profile);
        if let Some(profile) = &profile {
            self.ask_for_pointers(keys_leading_to(company, profile));
            for id in ids(profile) {
                let lost = key::former_identifiers(company, id);
                self.scans.push_back(scan(lost, Order::Ascending, limits::DELETION_SCAN));
            }
        }
        for order in [Order::Ascending, Order::Descending] {
            let jobs = key::prefix(company, KeyKind::DeletionJob);
            self.scans.push_back(scan(jobs, order, 1));
        }
    }

    /// Asks for where the lost identifiers lead, and for the failed rows of imports that name the
    /// person.
    pub(super) fn ask_for_rows_of_person(&mut self, company: &CompanyId, targets: &[ProfileRef]) {
        let former: Vec<Identifier> =
            self.erasure.former.iter().map(|(_, identifier)| identifier.clone()).collect();
        let keys = former.iter().map(|identifier| key::identifier(company, identifier)).collect();
        self.ask_for_pointers(keys);
        let mut names: Vec<ProfileRef> = targets.to_vec();
        names.extend(former.into_iter().map(ProfileRef::Identifier));
        if let Ok(Some(FoundSubject { profile, .. })) = self.subject(company, targets) {
            names.extend(profile.identifiers.iter().map(ProfileRef::Identifier));
            names.extend(ids(&profile).into_iter().map(ProfileRef::Id));
        }
        let prefixes: BTreeSet<Key> =
            names.iter().map(|name| key::import_row_names(company, name)).collect();
        let scans = prefixes.into_iter();
        self.scans
            .extend(scans.map(|prefix| scan(prefix, Order::Ascending, limits::DELETION_SCAN)));
    }

    /// Asks for the records of the rows that were found.
    pub(super) fn ask_for_row_records(&mut self, company: &CompanyId) {
        for (import, row) in self.erasure.rows.clone() {
            self.ask(Asked::ImportRow(import, row), key::import_row(company, import, row));
        }
    }

    /// Stops looking for further rows once one step has enough of them.
    pub(super) fn bound_rows(&mut self) {
        if self.erasure.has_enough_rows() {
            self.scans.clear();
            self.erasure.has_more_rows = true;
        }
    }

    /// Deletes a profile, its push tokens, all that leads to it or has led to it, the records of
    /// all that was merged into it, and what failed rows of bulk imports have of the person.
    /// `rows` were removed before.
    pub(crate) fn delete(
        &mut self,
        asked: &Delete,
        rows: u32,
        context: DecisionContext,
    ) -> Result<ErasureStep, StoreError> {
        let company = &asked.company;
        let found = self.subject(company, &asked.targets)?;
        let import_rows = rows.saturating_add(self.remove_import_rows(company));
        if self.erasure.has_more_rows {
            return Ok(ErasureStep::Rows(import_rows));
        }
        if let Some(found) = &found {
            self.erase(company, &found.profile)?;
        }
        let outcome = deleted(asked, found.as_ref(), context);
        let target = found.as_ref().and_then(|found| asked.targets.get(found.target));
        let profiles = found.as_ref().map_or(0, |found| 1 + found.profile.absorbed.len());
        let job = DeletionJob {
            id: id_generator::profile_id(context.now, context.entropy),
            number: self.next_job_number(company)?,
            created: context.now,
            outcome: outcome.sequence,
            kind: target.map_or(asked.kind, ProfileRef::kind),
            found: found.map(|found| found.by),
            profiles: u32::try_from(profiles).unwrap_or(u32::MAX),
            import_rows,
        };
        let record = record::encode_deletion_job(&job);
        self.stored.write(key::deletion_job(company, job.id), Some(record));
        self.stored.record_outcome(company, &outcome);
        Ok(ErasureStep::Done(Box::new(Deleted { job, outcome })))
    }

    /// The profile that the first of these targets finds; if none finds any, the one that lost an
    /// identifier among them last.
    pub(super) fn subject(
        &self,
        company: &CompanyId,
        targets: &[ProfileRef],
    ) -> Result<Option<FoundSubject>, StoreError> {
        for (target, sent) in targets.iter().enumerate() {
            if let Some(profile) = self.stored.reach(company, sent)?.cloned() {
                return Ok(Some(FoundSubject { profile, target, by: FoundBy::Current }));
            }
        }
        for (target, sent) in targets.iter().enumerate() {
            let former = self.stored.former_holder(&pointer_key(company, sent));
            let Some(former) = former.map(ProfileRef::Id) else { continue };
            if let Some(profile) = self.stored.reach(company, &former)?.cloned() {
                return Ok(Some(FoundSubject { profile, target, by: FoundBy::Former }));
            }
        }
        Ok(None)
    }

    fn erase(&mut self, company: &CompanyId, profile: &StoredProfile) -> Result<(), StoreError> {
        for key in keys_leading_to(company, profile) {
            // A key that leads to another profile is damage, and belongs to that profile.
            if self.stored.pointer(company, &key)? == Some(profile.id) {
                self.stored.point(key, None);
            }
        }
        for (id, identifier) in std::mem::take(&mut self.erasure.former) {
            self.stored.forget(company, id, &identifier);
        }
        for id in &profile.absorbed {
            self.stored.write(key::merge(company, *id), None);
        }
        for sequence in kept_by(&profile.replaced) {
            self.stored.write(key::kept_values(company, sequence), None);
        }
        self.stored.remove_push_tokens(company, &holders(profile));
        self.stored.remove(company, profile.id);
        Ok(())
    }

    /// Removes the rows that were read, with all keys that name them. Returns how many.
    pub(super) fn remove_import_rows(&mut self, company: &CompanyId) -> u32 {
        let rows = std::mem::take(&mut self.erasure.row_records);
        let removed = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        for ((import, row), value) in rows {
            // The names in a damaged record stay; an audit reports them.
            let names = record::decode_import_row(row, &value).map(|row| row.names);
            for name in names.unwrap_or_default() {
                self.stored.write(key::import_row_name(company, &name, import, row), None);
            }
            self.stored.write(key::import_row(company, import, row), None);
        }
        removed
    }

    /// The number of the next deletion job. The oldest leaves if that makes too many.
    fn next_job_number(&mut self, company: &CompanyId) -> Result<u64, StoreError> {
        let jobs = std::mem::take(&mut self.erasure.jobs).into_iter();
        let jobs: Vec<DeletionJob> = jobs
            .map(|(id, value)| record::decode_deletion_job(id, &value))
            .collect::<Result<_, _>>()
            .map_err(|error| {
                tracing::error!(%company, %error, "the record of a deletion job is damaged");
                StoreError::Damaged
            })?;
        let [Some(first), Some(last)] = [jobs.first(), jobs.last()] else { return Ok(1) };
        let number = last.number.saturating_add(1);
        if limits::DELETION_JOBS <= number.saturating_sub(first.number) {
            self.stored.write(key::deletion_job(company, first.id), None);
        }
        Ok(number)
    }
}

/// The id of a profile, and those of the profiles that were merged into it.
fn ids(profile: &StoredProfile) -> Vec<ProfileId> {
    std::iter::once(profile.id).chain(profile.absorbed.iter().copied()).collect()
}

/// The writes that keep a failed row of an import.
pub(super) fn kept_row(company: &CompanyId, import: ProfileId, row: &ImportRow) -> Vec<Write> {
    let names = row.names.iter().collect::<Vec<_>>();
    let mut writes: Vec<Write> = names
        .into_iter()
        .map(|name| key::import_row_name(company, name, import, row.row))
        .map(|key| Write { key, value: Some(Value::new()) })
        .collect();
    let value = Some(record::encode_import_row(row));
    writes.push(Write { key: key::import_row(company, import, row.row), value });
    writes
}
