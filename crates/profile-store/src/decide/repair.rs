//! Repair: what one sender did since a time, and how it is undone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use profile_protocol::{AnonymousId, ChangedAttribute, CompanyId, IdentifierKind, ProfileId};

use crate::{
    Caller, ClaimResult, ClaimSource, Effect, Outcome, ProfileIdentifiers, PushTokenResult,
    RequestSender, SenderDigest, SenderKey, Timestamp, decide::sender_merge::SenderMerge, limits,
};

/// The sender whose requests are undone.
#[derive(Clone, Eq, PartialEq)]
pub enum RepairedSender {
    /// A client network, as the gateway names it.
    Network(String),
    /// A device.
    Device(AnonymousId),
    /// The sender of an outcome: a network or a device, on the day of that outcome.
    Digest(SenderDigest),
}

impl fmt::Debug for RepairedSender {
    /// Names the kind of the sender, and no network.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            RepairedSender::Network(_) => "Network(..)",
            RepairedSender::Device(_) => "Device(..)",
            RepairedSender::Digest(_) => "Digest(..)",
        })
    }
}

impl RepairedSender {
    /// The digests of this sender at a company.
    pub(crate) fn digests<'r>(
        &'r self,
        key: &'r SenderKey,
        company: &'r CompanyId,
    ) -> SenderDigests<'r> {
        SenderDigests { sender: self, key, company, day: None, digests: Vec::new() }
    }
}

/// The digests of a sender around one day, so that they are made once for all requests of a day.
pub(crate) struct SenderDigests<'r> {
    sender: &'r RepairedSender,
    key: &'r SenderKey,
    company: &'r CompanyId,
    day: Option<u64>,
    digests: Vec<SenderDigest>,
}

impl SenderDigests<'_> {
    /// Whether a request that names this sender came from it at a time. The gateway reads another
    /// clock than the store, so the day before and the day after count as well.
    pub(crate) fn sent(&mut self, sender: RequestSender, at: Timestamp) -> bool {
        let RequestSender { network, device } = sender;
        let sent = match self.sender {
            RepairedSender::Network(_) => network,
            RepairedSender::Device(_) => device,
            RepairedSender::Digest(digest) => return [network, device].contains(&Some(*digest)),
        };
        sent.is_some_and(|sent| self.of_day(at).contains(&sent))
    }

    fn of_day(&mut self, at: Timestamp) -> &[SenderDigest] {
        if self.day != Some(at.day()) {
            let (sender, key, company) = (self.sender, self.key, self.company);
            let digest = |day| match sender {
                RepairedSender::Network(name) => key.network(company, name, day),
                RepairedSender::Device(id) => key.device(company, id, day),
                RepairedSender::Digest(digest) => *digest,
            };
            self.digests = nearby_days(at).map(digest).collect();
            self.day = Some(at.day());
        }
        &self.digests
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
    /// The merges, in their order.
    pub(crate) merged: Vec<SenderMerge>,
    /// The profiles of which attributes were changed.
    pub(crate) written: BTreeSet<ProfileId>,
    /// The profiles that others have merged since.
    pub(crate) left: BTreeSet<ProfileId>,
    /// The single identifiers that were attached last by the sender.
    pub(crate) identifiers: BTreeSet<(ProfileId, IdentifierKind)>,
    /// When devices were attached to profiles.
    pub(crate) devices: BTreeSet<(ProfileId, Timestamp)>,
    /// When profiles got push tokens, and the profile that had the token before.
    pub(crate) tokens: BTreeMap<(ProfileId, Timestamp), Option<ProfileId>>,
    /// Whether registrations of push tokens were forgotten, so that those which are left do not
    /// tell where a token was before.
    pub(crate) are_tokens_forgotten: bool,
    /// When the company has named push tokens that profiles have.
    pub(crate) tokens_of_company: BTreeSet<Timestamp>,
    /// The profiles that were created, up to [`limits::REPAIR_LISTED`].
    pub(crate) created: BTreeSet<ProfileId>,
    /// The attributes that were changed, of which outcomes list some, for up to
    /// [`limits::REPAIR_LISTED`] profiles.
    pub(crate) changed: BTreeMap<ProfileId, Vec<ChangedAttribute>>,
    /// Whether there is more to undo than is held here.
    pub(crate) is_truncated: bool,
}

impl SenderTraces {
    /// Takes in the next outcome, of the sender or of others.
    pub(crate) fn add(&mut self, outcome: &Outcome, is_of_sender: bool) {
        let Some(survivor) = outcome.survivor else { return };
        self.requests += u64::from(is_of_sender);
        let absorbed: Vec<ProfileId> = outcome.absorbed().collect();
        self.merged.iter_mut().for_each(|merge| merge.add(outcome, &absorbed, !is_of_sender));
        for claim in &outcome.claims {
            match claim.result {
                // A secondary address takes the place of no other, and clients attach none.
                ClaimResult::Attached | ClaimResult::Released
                    if claim.origin == ClaimSource::Append => {}
                ClaimResult::Attached | ClaimResult::Replaced => {
                    self.attached(survivor, claim.kind, outcome.at, is_of_sender);
                }
                ClaimResult::Moved(from) => {
                    self.identifiers.remove(&(from, claim.kind));
                    self.attached(survivor, claim.kind, outcome.at, is_of_sender);
                }
                ClaimResult::Released => {
                    self.identifiers.remove(&(survivor, claim.kind));
                }
                ClaimResult::Absorbed(id) if is_of_sender => self.merged(outcome, survivor, id),
                ClaimResult::Restored(id) => self.merged.retain(|merge| merge.absorbed != id),
                ClaimResult::Matched
                | ClaimResult::Absorbed(_)
                | ClaimResult::Refused(_)
                | ClaimResult::Ignored(_) => {}
            }
        }
        if is_of_sender {
            self.described(survivor, outcome);
            self.registered(survivor, outcome);
        } else if outcome.caller == Caller::Server {
            self.named_token(outcome);
        }
    }

    /// Takes in that the company has named a push token of a profile.
    fn named_token(&mut self, outcome: &Outcome) {
        let has_named = matches!(
            outcome.push_token.map(|token| token.result),
            Some(PushTokenResult::Updated | PushTokenResult::Matched)
        );
        let has_room = self.tokens_of_company.len() < limits::REPAIR_STEPS;
        if has_named && has_room && !self.tokens.is_empty() {
            self.tokens_of_company.insert(outcome.at);
        }
    }

    /// Takes in the push token that a profile got. Others who get it since have another time.
    fn registered(&mut self, profile: ProfileId, outcome: &Outcome) {
        let previous = match outcome.push_token.map(|token| token.result) {
            Some(PushTokenResult::Attached) => None,
            Some(PushTokenResult::Moved(from)) => Some(from),
            Some(
                PushTokenResult::Updated
                | PushTokenResult::Matched
                | PushTokenResult::Released
                | PushTokenResult::NoSpace
                | PushTokenResult::NotHeld,
            )
            | None => return,
        };
        if !self.is_truncated {
            self.tokens.insert((profile, outcome.at), previous);
        }
    }

    /// The profiles that got push tokens.
    pub(crate) fn token_holders(&self) -> BTreeSet<ProfileId> {
        self.tokens.keys().map(|(profile, _)| *profile).collect()
    }

    fn merged(&mut self, outcome: &Outcome, survivor: ProfileId, absorbed: ProfileId) {
        if !self.is_truncated && !self.is_merged(absorbed) {
            self.merged.push(SenderMerge::new(outcome, survivor, absorbed));
        }
    }

    /// Whether the sender has merged a profile into another.
    pub(crate) fn is_merged(&self, absorbed: ProfileId) -> bool {
        self.merged.iter().any(|merge| merge.absorbed == absorbed)
    }

    fn described(&mut self, profile: ProfileId, outcome: &Outcome) {
        if outcome.effect == Effect::Created && self.created.len() < limits::REPAIR_LISTED {
            self.created.insert(profile);
        }
        if !outcome.changed.is_empty() && !self.is_truncated {
            self.written.insert(profile);
        }
        if !outcome.changed.is_empty() && self.changed.len() < limits::REPAIR_LISTED {
            self.changed.entry(profile).or_default();
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
            (IdentifierKind::AnonymousId, true) if !self.is_truncated => {
                self.devices.insert((profile, at));
            }
            (_, true) if !self.is_truncated => {
                self.identifiers.insert((profile, kind));
            }
            (_, true) => {}
            (_, false) => {
                self.identifiers.remove(&(profile, kind));
            }
        }
    }

    /// The number of steps of the kind of which there are most.
    pub(crate) fn steps(&self) -> usize {
        let attached = self.identifiers.len().max(self.devices.len()).max(self.tokens.len());
        self.merged.len().max(self.written.len()).max(attached)
    }

    /// Forgets what was attached to a profile and is not there any more.
    pub(crate) fn keep_attached(&mut self, id: ProfileId, held: &ProfileIdentifiers) {
        let is_held = |kind| held.client_attached.contains(kind);
        let was_seen = |at| held.devices.iter().any(|device| device.attached == at);
        self.identifiers.retain(|(one, kind)| *one != id || is_held(*kind));
        self.devices.retain(|(one, at)| *one != id || was_seen(*at));
    }

    /// Forgets what was attached to a profile that is no more.
    pub(crate) fn forget(&mut self, id: ProfileId) {
        self.identifiers.retain(|(one, _)| *one != id);
        self.devices.retain(|(one, _)| *one != id);
    }

    /// Notes that others have merged a profile.
    pub(crate) fn leave(&mut self, id: ProfileId) {
        self.forget(id);
        if self.left.len() < limits::REPAIR_LISTED {
            self.left.insert(id);
        }
    }

    /// The profiles to which identifiers or devices were attached.
    pub(crate) fn attached_to(&self) -> BTreeSet<ProfileId> {
        let identifiers = self.identifiers.iter().map(|(profile, _)| *profile);
        identifiers.chain(self.devices.iter().map(|(profile, _)| *profile)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_sender() {
        let sender = RepairedSender::Network("192.0.2.66".to_owned());
        assert_eq!(format!("{sender:?}"), "Network(..)");
    }
}
