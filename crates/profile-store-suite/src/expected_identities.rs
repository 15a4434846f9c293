//! Which profile each identifier leads to, as the outcomes say.

use std::collections::{BTreeMap, BTreeSet};

use profile_protocol::{CompanyId, ProfileId};
use profile_store::{
    Audit, Claim, ClaimResult, Effect, Engine, Identifier, Ignored, InvalidToken, Outcome,
    ProfileRef, Store, Submission, Timestamp, audit,
};

use crate::harness::wait;

/// A forest in which every absorbed profile is below its survivor, and each identifier below the
/// profile it was attached to. Undoing a merge cuts one branch off.
#[derive(Debug, Default)]
pub struct ExpectedIdentities {
    above: BTreeMap<ProfileId, ProfileId>,
    created: Vec<ProfileId>,
    attached: BTreeMap<String, (Claim, ProfileId)>,
    /// Profiles whose tokens were revoked, each under its own id. The others of what it was merged
    /// with at that time are here as well.
    revoked: BTreeSet<ProfileId>,
    all_are_revoked: bool,
    newest: u64,
}

impl ExpectedIdentities {
    /// The profile that this one is part of now.
    pub fn root(&self, mut id: ProfileId) -> ProfileId {
        while let Some(&above) = self.above.get(&id) {
            id = above;
        }
        id
    }

    /// All profiles there have been, in the order of their creation.
    pub fn created(&self) -> &[ProfileId] {
        &self.created
    }

    /// The number of the newest outcome.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether this profile is merged into another.
    pub fn is_absorbed(&self, id: ProfileId) -> bool {
        self.above.contains_key(&id)
    }

    /// Takes in the outcome of a request of a client. Panics if it contradicts those before it.
    pub fn add(&mut self, submission: &Submission, outcome: &Outcome) {
        self.count(outcome);
        let Some(survivor) = outcome.survivor else { return };
        if outcome.effect == Effect::Created {
            assert!(!self.created.contains(&survivor), "an id is given out once");
            self.created.push(survivor);
        }
        assert_eq!(self.root(survivor), survivor, "a survivor is not absorbed");
        let made = submission.claims.made().iter();
        let (revoked, counted): (Vec<_>, Vec<_>) = made.partition(|claim| self.is_revoked(claim));
        for (claim, outcome) in counted.iter().zip(&outcome.claims) {
            self.add_claim(claim, outcome.result, survivor);
        }
        let reason = ClaimResult::Ignored(Ignored::Token(InvalidToken::Revoked));
        let noted = outcome.claims.iter().filter(|claim| claim.result == reason);
        assert_eq!(noted.count(), revoked.len(), "a revoked token is noted as one");
        for absorbed in outcome.absorbed() {
            self.above.insert(absorbed, survivor);
        }
    }

    fn add_claim(&mut self, claim: &Claim, result: ClaimResult, survivor: ProfileId) {
        let expected = self.leads_to(claim);
        match result {
            ClaimResult::Matched => assert_eq!(expected, Some(survivor)),
            ClaimResult::Attached => {
                assert_eq!(expected, None);
                self.attached.insert(text_of(claim), (claim.clone(), survivor));
            }
            ClaimResult::Absorbed(id) => assert_eq!(expected, Some(id)),
            ClaimResult::Refused(_) => {
                assert!(expected.is_some_and(|expected| expected != survivor));
            }
            ClaimResult::Ignored(_) => assert_eq!(expected, None),
            ClaimResult::Replaced
            | ClaimResult::Moved(_)
            | ClaimResult::Restored(_)
            | ClaimResult::Released => {
                panic!("no client can do that")
            }
        }
    }

    /// Whether a claim comes from a token that was revoked. Those that are not new were issued
    /// before all revocations.
    fn is_revoked(&self, claim: &Claim) -> bool {
        let is_old = claim.token.is_some_and(|terms| terms.issued == Timestamp::default());
        let ProfileRef::Id(id) = claim.target else { return false };
        let of_profile = || {
            let root = self.root(id);
            self.created.contains(&id) && self.revoked.iter().any(|one| self.root(*one) == root)
        };
        is_old && (self.all_are_revoked || of_profile())
    }

    /// Takes in the outcome of a revocation, of this profile or of all.
    pub fn add_revocation(&mut self, id: Option<ProfileId>, outcome: &Outcome) {
        self.count(outcome);
        assert_eq!(outcome.survivor, id.map(|id| self.root(id)));
        match outcome.survivor {
            Some(root) => {
                let part = self.created.iter().filter(|one| self.root(**one) == root).copied();
                self.revoked.extend(part.collect::<Vec<_>>());
            }
            None => self.all_are_revoked = true,
        }
    }

    /// Takes in the outcome of undoing the merge of this profile.
    pub fn add_undo(&mut self, absorbed: ProfileId, outcome: &Outcome) {
        self.count(outcome);
        assert_eq!(outcome.survivor, Some(self.root(absorbed)));
        assert!(self.above.remove(&absorbed).is_some());
    }

    fn count(&mut self, outcome: &Outcome) {
        assert_eq!(outcome.sequence, self.newest + 1, "outcomes are numbered without a gap");
        self.newest = outcome.sequence;
    }

    fn leads_to(&self, claim: &Claim) -> Option<ProfileId> {
        match &claim.target {
            ProfileRef::Id(id) => self.created.contains(id).then(|| self.root(*id)),
            ProfileRef::Identifier(_) => {
                self.attached.get(&text_of(claim)).map(|(_, holder)| self.root(*holder))
            }
        }
    }

    /// Compares all of it with what a store reads of this company.
    pub fn compare(&self, store: &Store, company: &CompanyId) {
        for &id in &self.created {
            let stored = wait(store.profile(company, id)).unwrap();
            assert_eq!(stored.map(|profile| profile.id), Some(self.root(id)));
        }
        for (identifier, holder) in self.attached() {
            let stored = wait(store.find(company, identifier)).unwrap();
            assert_eq!(stored.map(|profile| profile.id), Some(self.root(holder)));
        }
    }

    fn attached(&self) -> impl Iterator<Item = (&Identifier, ProfileId)> {
        self.attached.values().filter_map(|(claim, holder)| match &claim.target {
            ProfileRef::Id(_) => None,
            ProfileRef::Identifier(identifier) => Some((identifier, *holder)),
        })
    }
}

/// Audits an engine, and compares what it counts with what is expected of all companies.
pub fn compare_audit(all: &[&ExpectedIdentities], engine: &dyn Engine) {
    let Audit { profiles, aliases, identifiers, breaches, .. } = wait(audit(engine)).unwrap();
    assert!(breaches.is_empty(), "{breaches:?}");
    let created: usize = all.iter().map(|one| one.created.len()).sum();
    let absorbed: usize = all.iter().map(|one| one.above.len()).sum();
    let attached: usize = all.iter().map(|one| one.attached.len()).sum();
    assert_eq!(profiles, (created - absorbed) as u64);
    assert_eq!(aliases, absorbed as u64);
    assert_eq!(identifiers, attached as u64);
}

fn text_of(claim: &Claim) -> String {
    match &claim.target {
        ProfileRef::Id(id) => id.to_string(),
        ProfileRef::Identifier(identifier) => {
            format!("{} {}", identifier.kind(), identifier.as_str())
        }
    }
}
