//! Repair: what one sender did since a time, and how it is undone.

use std::collections::{BTreeMap, BTreeSet};

use profile_protocol::{AnonymousId, ChangedAttribute, CompanyId, IdentifierKind, ProfileId};

use crate::{
    ClaimResult, Effect, Outcome, RequestSender, SenderDigest, SenderKey, Timestamp, limits,
};

/// The sender whose requests are undone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RepairedSender {
    /// A client network, as the gateway names it.
    Network(String),
    /// A device.
    Device(AnonymousId),
    /// The sender of an outcome: a network or a device, on the day of that outcome.
    Digest(SenderDigest),
}

impl RepairedSender {
    /// Whether a request with this outcome came from the sender. The gateway reads another clock
    /// than the store, so the day before and the day after count as well.
    pub(crate) fn sent(&self, key: &SenderKey, company: &CompanyId, outcome: &Outcome) -> bool {
        let RequestSender { network, device } = outcome.sender;
        let days = || nearby_days(outcome.at);
        match self {
            RepairedSender::Network(name) => network
                .is_some_and(|sent| days().any(|day| key.network(company, name, day) == sent)),
            RepairedSender::Device(id) => {
                device.is_some_and(|sent| days().any(|day| key.device(company, id, day) == sent))
            }
            RepairedSender::Digest(digest) => [network, device].contains(&Some(*digest)),
        }
    }
}

fn nearby_days(at: Timestamp) -> impl Iterator<Item = Timestamp> {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    let millis = at.millis();
    let days = [millis, millis.saturating_sub(DAY_MS), millis.saturating_add(DAY_MS)];
    days.into_iter().map(Timestamp::from_millis)
}

/// What one sender did. Outcomes are added in their order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct SenderTraces {
    /// The number of requests.
    pub(crate) requests: u64,
    /// The profiles that were merged into others, in the order of the merges.
    pub(crate) merged: Vec<ProfileId>,
    /// The single identifiers that were attached last by the sender.
    pub(crate) identifiers: BTreeSet<(ProfileId, IdentifierKind)>,
    /// When devices were attached to profiles.
    pub(crate) devices: BTreeSet<(ProfileId, Timestamp)>,
    /// The profiles that were created.
    pub(crate) created: BTreeSet<ProfileId>,
    /// The attributes that were changed, of which outcomes list some.
    pub(crate) changed: BTreeMap<ProfileId, Vec<ChangedAttribute>>,
    /// Whether there was more than is held here.
    pub(crate) is_truncated: bool,
}

impl SenderTraces {
    /// Takes in the next outcome, of the sender or of others.
    pub(crate) fn add(&mut self, outcome: &Outcome, is_of_sender: bool) {
        let Some(survivor) = outcome.survivor else { return };
        self.requests += u64::from(is_of_sender);
        for claim in &outcome.claims {
            match claim.result {
                ClaimResult::Attached | ClaimResult::Replaced | ClaimResult::Moved(_) => {
                    self.attached(survivor, claim.kind, outcome.at, is_of_sender);
                }
                ClaimResult::Absorbed(id) if is_of_sender => self.merged(id),
                ClaimResult::Restored(id) => self.merged.retain(|merged| *merged != id),
                ClaimResult::Matched
                | ClaimResult::Absorbed(_)
                | ClaimResult::Released
                | ClaimResult::Refused(_)
                | ClaimResult::Ignored(_) => {}
            }
        }
        if is_of_sender {
            self.described(survivor, outcome);
        }
    }

    fn merged(&mut self, absorbed: ProfileId) {
        if !self.merged.contains(&absorbed) && self.has_space(self.merged.len()) {
            self.merged.push(absorbed);
        }
    }

    /// Whether a list of this length takes another entry.
    fn has_space(&mut self, length: usize) -> bool {
        let is_full = limits::REPAIR_STEPS <= length;
        self.is_truncated |= is_full;
        !is_full
    }

    fn described(&mut self, profile: ProfileId, outcome: &Outcome) {
        if outcome.effect == Effect::Created && self.has_space(self.created.len()) {
            self.created.insert(profile);
        }
        let is_new = !outcome.changed.is_empty() && !self.changed.contains_key(&profile);
        if is_new && self.has_space(self.changed.len()) {
            self.changed.insert(profile, Vec::new());
        }
        if let Some(names) = self.changed.get_mut(&profile) {
            for name in &outcome.changed {
                if names.len() < limits::CHANGED_NAMES && !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
    }

    fn attached(
        &mut self,
        profile: ProfileId,
        kind: IdentifierKind,
        at: Timestamp,
        is_of_sender: bool,
    ) {
        match (kind, is_of_sender) {
            (IdentifierKind::Id, _) | (IdentifierKind::AnonymousId, false) => {}
            (IdentifierKind::AnonymousId, true) => {
                if self.has_space(self.devices.len()) {
                    self.devices.insert((profile, at));
                }
            }
            (_, true) => {
                if self.has_space(self.identifiers.len()) {
                    self.identifiers.insert((profile, kind));
                }
            }
            (_, false) => {
                self.identifiers.remove(&(profile, kind));
            }
        }
    }

    /// The profiles to which identifiers or devices were attached.
    pub(crate) fn attached_to(&self) -> BTreeSet<ProfileId> {
        let identifiers = self.identifiers.iter().map(|(profile, _)| *profile);
        identifiers.chain(self.devices.iter().map(|(profile, _)| *profile)).collect()
    }
}
