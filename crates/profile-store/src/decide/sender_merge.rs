//! A merge that the requests of a sender led to, and what others have said about it since.

use profile_protocol::{IdentifierKind, ProfileId};

use crate::{
    Caller, ClaimOutcome, ClaimResult, ClaimSource, Outcome, ProfileIdentifiers, SingleKinds,
    Timestamp, limits,
};

/// A merge that the request of a sender led to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SenderMerge {
    /// The profile that was merged into another.
    pub(crate) absorbed: ProfileId,
    /// The number of the outcome.
    pub(crate) sequence: u64,
    /// The profile that the result of the merge belongs to.
    pub(crate) survivor: ProfileId,
    /// The kinds of which that profile has another identifier since the merge, or none.
    replaced: SingleKinds,
    /// The kinds of which the company has given that profile an identifier since.
    given: SingleKinds,
    /// What requests of the company have named together since.
    named_by_company: Vec<NamedKinds>,
    /// Whether the company has asked for the merge since.
    is_asked_for: bool,
    /// When others attached devices since, and what they named.
    devices: Vec<(Timestamp, NamedKinds)>,
    /// When others registered push tokens since, for which profile, and what they named.
    tokens: Vec<(ProfileId, Timestamp, NamedKinds)>,
}

/// The kinds of identifiers by which one request named a merged profile.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct NamedKinds {
    /// Those by which one of the two profiles may have been found before the merge.
    found: SingleKinds,
    /// Those that came since. An undo leaves them with the survivor.
    came: SingleKinds,
}

impl NamedKinds {
    /// Whether an identifier of the absorbed profile is among these, and whether another one is.
    fn sides(self, absorbed: &ProfileIdentifiers) -> (bool, bool) {
        let is_absorbed =
            |kind: &IdentifierKind| self.found.contains(*kind) && absorbed.single(*kind).is_some();
        let is_other = |kind: &IdentifierKind| {
            self.came.contains(*kind) || self.found.contains(*kind) && !is_absorbed(kind)
        };
        (SingleKinds::ALL.iter().any(is_absorbed), SingleKinds::ALL.iter().any(is_other))
    }
}

impl SenderMerge {
    /// The merge of one profile that an outcome reports.
    pub(crate) fn new(outcome: &Outcome, survivor: ProfileId, absorbed: ProfileId) -> SenderMerge {
        SenderMerge {
            absorbed,
            sequence: outcome.sequence,
            survivor,
            replaced: SingleKinds::default(),
            given: SingleKinds::default(),
            named_by_company: Vec::new(),
            is_asked_for: false,
            devices: Vec::new(),
            tokens: Vec::new(),
        }
    }

    /// Takes in a later outcome, of others if `is_of_others`. It reports merges of `absorbed`.
    pub(crate) fn add(&mut self, outcome: &Outcome, absorbed: &[ProfileId], is_of_others: bool) {
        let merged = self.survivor;
        if absorbed.contains(&merged)
            && let Some(survivor) = outcome.survivor
        {
            self.survivor = survivor;
        }
        if outcome.survivor != Some(self.survivor) {
            return;
        }
        let named = self.named(&outcome.claims, merged);
        let has_room = self.devices.len() < limits::REPAIR_STEPS;
        if is_of_others && has_room && attaches_device(&outcome.claims) {
            self.devices.push((outcome.at, named));
        }
        let is_token = outcome.push_token.is_some_and(|token| token.result.is_arrival());
        if is_of_others && self.tokens.len() < limits::REPAIR_STEPS && is_token {
            self.tokens.push((self.survivor, outcome.at, named));
        }
        if is_of_others && outcome.caller == Caller::Server {
            self.is_asked_for |= names_two_ids(&outcome.claims);
            given(&outcome.claims).for_each(|kind| self.given.insert(kind));
            if !self.named_by_company.contains(&named) {
                self.named_by_company.push(named);
            }
        }
    }

    /// The kinds of identifiers that a request named with success. Notes which were replaced.
    /// `merged` is the profile that the result of the merge belonged to before the request.
    fn named(&mut self, claims: &[ClaimOutcome], merged: ProfileId) -> NamedKinds {
        let mut named = NamedKinds::default();
        for claim in claims {
            match claim.result {
                ClaimResult::Matched if self.replaced.contains(claim.kind) => {
                    named.came.insert(claim.kind);
                }
                ClaimResult::Matched => named.found.insert(claim.kind),
                ClaimResult::Absorbed(id) if id == merged => named.found.insert(claim.kind),
                ClaimResult::Attached | ClaimResult::Replaced | ClaimResult::Moved(_) => {
                    named.came.insert(claim.kind);
                    self.replaced.insert(claim.kind);
                }
                ClaimResult::Released => self.replaced.insert(claim.kind),
                ClaimResult::Absorbed(_)
                | ClaimResult::Restored(_)
                | ClaimResult::Refused(_)
                | ClaimResult::Ignored(_) => {}
            }
        }
        named
    }

    /// Whether the company has confirmed the merge since: it has named an identifier of the
    /// absorbed profile together with one that is not, has given such an identifier to the merged
    /// profile, or has asked for the merge itself. `living` are the identifiers of that profile.
    pub(crate) fn is_confirmed(
        &self,
        absorbed: &ProfileIdentifiers,
        living: &ProfileIdentifiers,
    ) -> bool {
        let is_given = |kind: IdentifierKind| {
            let is_given = self.given.contains(kind) && !living.client_attached.contains(kind);
            let given = living.single(kind).filter(|_| is_given);
            given.is_some() && given == absorbed.single(kind)
        };
        self.is_asked_for
            || SingleKinds::ALL.into_iter().any(is_given)
            || self.named_by_company.iter().any(|named| named.sides(absorbed) == (true, true))
    }

    /// When others attached devices for the absorbed person, and to which profile.
    pub(crate) fn devices<'m>(
        &'m self,
        absorbed: &'m ProfileIdentifiers,
    ) -> impl Iterator<Item = (ProfileId, Timestamp)> {
        let of_absorbed =
            self.devices.iter().filter(|(_, named)| named.sides(absorbed) == (true, false));
        of_absorbed.map(|(at, _)| (self.survivor, *at))
    }

    /// When others registered push tokens for the absorbed person, and which profile got them.
    pub(crate) fn tokens<'m>(
        &'m self,
        absorbed: &'m ProfileIdentifiers,
    ) -> impl Iterator<Item = (ProfileId, Timestamp)> {
        let of_absorbed =
            self.tokens.iter().filter(|(.., named)| named.sides(absorbed) == (true, false));
        of_absorbed.map(|(holder, at, _)| (*holder, *at))
    }
}

fn attaches_device(claims: &[ClaimOutcome]) -> bool {
    let attaches = |claim: &ClaimOutcome| {
        claim.kind == IdentifierKind::AnonymousId && claim.result == ClaimResult::Attached
    };
    claims.iter().any(attaches)
}

/// The kinds of the identifiers that a request gave to its survivor. An appended address is a
/// secondary one, which takes the place of no other.
fn given(claims: &[ClaimOutcome]) -> impl Iterator<Item = IdentifierKind> {
    let is_given =
        |claim: &&ClaimOutcome| claim.origin != ClaimSource::Append && claim.result.is_attachment();
    claims.iter().filter(is_given).map(|claim| claim.kind)
}

/// Whether a command named two ids that were one profile already.
fn names_two_ids(claims: &[ClaimOutcome]) -> bool {
    let ids = claims.iter().filter(|claim| {
        claim.kind == IdentifierKind::Id
            && claim.origin == ClaimSource::Command
            && claim.result == ClaimResult::Matched
    });
    2 <= ids.count()
}
