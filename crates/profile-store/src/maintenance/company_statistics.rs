//! What a store has of each company: how many profiles, identifiers and bytes.

use std::collections::BTreeSet;

use profile_protocol::{CompanyId, IdentifierKind};

use crate::layout::{
    key::{self, ParsedKey},
    record::{self, Pointer},
};

/// What a store has of one company.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CompanyStatistics {
    /// The number of profiles.
    pub profiles: u64,
    /// The number of external ids that lead to a profile.
    pub external_ids: u64,
    /// The number of email addresses that lead to a profile, primary and secondary ones.
    pub emails: u64,
    /// The number of phone numbers that lead to a profile.
    pub phone_numbers: u64,
    /// The number of anonymous ids that lead to a profile.
    pub anonymous_ids: u64,
    /// The number of push tokens.
    pub push_tokens: u64,
    /// The number of profiles that were merged into others.
    pub merged: u64,
    /// The number of merges that can be undone.
    pub merges: u64,
    /// The number of outcomes that are kept.
    pub outcomes: u64,
    /// The number of entries of every kind.
    pub entries: u64,
    /// The bytes of the keys and values of all entries.
    pub bytes: u64,
    /// The number of entries that cannot be read.
    pub unreadable: u64,
    /// Whether a deletion of the company was begun: the entries are what is left of it.
    pub is_being_deleted: bool,
}

impl CompanyStatistics {
    /// Counts an entry.
    fn count(&mut self, parsed: Option<&ParsedKey>, key: &[u8], value: &[u8]) {
        self.entries += 1;
        self.bytes += (key.len() + value.len()) as u64;
        match parsed {
            Some(ParsedKey::Profile(..)) => self.profiles += 1,
            Some(ParsedKey::Alias(..)) => self.merged += 1,
            Some(ParsedKey::Merge(..)) => self.merges += 1,
            Some(ParsedKey::PushToken(..)) => self.push_tokens += 1,
            Some(ParsedKey::Identifier(_, identifier)) => {
                self.count_identifier(identifier.kind(), value);
            }
            Some(ParsedKey::Outcomes(_, last)) => match record::decode_segment(*last, value) {
                Ok(outcomes) => self.outcomes += outcomes.len() as u64,
                Err(_) => self.unreadable += 1,
            },
            Some(_) => {}
            None => self.unreadable += 1,
        }
    }

    /// Counts an identifier, unless no profile holds it any more.
    fn count_identifier(&mut self, kind: IdentifierKind, value: &[u8]) {
        let count = match kind {
            IdentifierKind::ExternalId => &mut self.external_ids,
            IdentifierKind::Email => &mut self.emails,
            IdentifierKind::PhoneNumber => &mut self.phone_numbers,
            IdentifierKind::AnonymousId => &mut self.anonymous_ids,
            IdentifierKind::Id => return,
        };
        match record::decode_pointer(value) {
            Ok(Pointer::Held(_)) => *count += 1,
            Ok(Pointer::Former(_)) => {}
            Err(_) => self.unreadable += 1,
        }
    }
}

/// Counts the entries of a store, which come in the order of their keys: company by company.
#[derive(Debug, Default)]
pub struct StatisticsCounter {
    current: Option<(CompanyId, CompanyStatistics)>,
    /// The companies whose deletion was begun, and of which no entry was counted yet. Their keys
    /// come before those of all companies.
    deletions: BTreeSet<CompanyId>,
}

impl StatisticsCounter {
    /// Counts the next entry. Returns what there is of the company before, if the entry is the
    /// first of another one. Entries of no company do not count.
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Option<(CompanyId, CompanyStatistics)> {
        let parsed = key::parse(key);
        if let Some(ParsedKey::CompanyDeletion(company)) = parsed {
            self.deletions.insert(company);
            return None;
        }
        let company = key::company_of(key)?;
        let complete = match &self.current {
            Some((current, _)) if *current == company => None,
            _ => {
                let is_being_deleted = self.deletions.remove(&company);
                let begun = CompanyStatistics { is_being_deleted, ..CompanyStatistics::default() };
                self.current.replace((company, begun))
            }
        };
        if let Some((_, statistics)) = &mut self.current {
            statistics.count(parsed.as_ref(), key, value);
        }
        complete
    }

    /// What there is of the last company, and then the companies whose deletion was begun and that
    /// have no entry left, or none yet.
    pub fn finish(self) -> impl Iterator<Item = (CompanyId, CompanyStatistics)> {
        let nothing = CompanyStatistics { is_being_deleted: true, ..CompanyStatistics::default() };
        let deletions = self.deletions.into_iter().map(move |company| (company, nothing));
        self.current.into_iter().chain(deletions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_company_whose_deletion_was_begun_is_counted_as_one_that_is_being_deleted() {
        let ids = ["ABC", "ABD", "ABE"].map(|id| id.parse::<CompanyId>().unwrap());
        let [deleted, other, empty] = ids;
        let mut entries = StatisticsCounter::default();
        assert_eq!(entries.add(&key::company_deletion(&deleted), b""), None);
        assert_eq!(entries.add(&key::company_deletion(&empty), b""), None);
        entries.add(&key::newest_outcome(&deleted), b"");
        let (company, counted) = entries.add(&key::newest_outcome(&other), b"").unwrap();
        assert_eq!((company, counted.entries, counted.is_being_deleted), (deleted, 1, true));
        let rest = entries.finish();
        let rest: Vec<_> = rest
            .map(|(company, counted)| (company, counted.entries, counted.is_being_deleted))
            .collect();
        assert_eq!(rest, [(other, 1, false), (empty, 0, true)]);
    }
}
