//! The claims of a request, in the model: what they mean for the profiles that they find.

use std::collections::BTreeSet;

use super::{
    claim::{ModelClaim, ModelClaimSource, authority},
    profile::ModelProfile,
};

/// The claims of a request, and whether the company vouches for them.
pub(super) struct ModelClaims<'c> {
    pub(super) made: &'c [ModelClaim],
    pub(super) by_company: bool,
}

impl ModelClaims<'_> {
    /// Whether the company claims what only clients have named for this profile.
    pub(super) fn may_yield(&self, claim: &ModelClaim, profile: &ModelProfile) -> bool {
        self.by_company
            && profile.by_client.contains(&claim.kind)
            && profile.single.get(&claim.kind) == Some(&claim.text)
    }

    /// Whether it does, and the company knows this profile as another person.
    pub(super) fn is_misattached(&self, claim: &ModelClaim, profile: &ModelProfile) -> bool {
        let is_of_company = |other: &ModelClaim| !profile.by_client.contains(&other.kind);
        self.may_yield(claim, profile) && self.contradictions(profile).any(is_of_company)
    }

    /// The claims that name another identifier of a kind than this profile holds.
    fn contradictions<'p>(
        &'p self,
        profile: &'p ModelProfile,
    ) -> impl Iterator<Item = &'p ModelClaim> {
        self.made.iter().filter(|claim| {
            claim.source != ModelClaimSource::Append
                && profile.differs(claim)
                && !profile.holds(claim)
        })
    }

    /// Whether a device leads to a profile that conflicts with the identifiers of the request.
    pub(super) fn is_device_of_another(&self, profile: &ModelProfile, device: &ModelClaim) -> bool {
        device.kind == "a" && self.contradictions(profile).next().is_some()
    }

    /// Whether the request names another external id than this profile has. What only clients have
    /// named does not count for the company.
    pub(super) fn names_another_external_id(&self, profile: &ModelProfile) -> bool {
        let counts = !self.by_company || !profile.by_client.contains("x");
        counts && self.contradictions(profile).any(|claim| claim.kind == "x")
    }

    /// Whether the attributes name another identifier of the kind of a claim of the subject.
    pub(super) fn overrule(&self, claim: &ModelClaim) -> bool {
        claim.source == ModelClaimSource::Subject
            && self.made.iter().any(|other| {
                other.kind == claim.kind && other.source == ModelClaimSource::Attributes
            })
    }

    /// Whether a profile has an attribute of the company, or an identifier that the request does
    /// not name.
    pub(super) fn has_more(&self, profile: &ModelProfile) -> bool {
        let named: BTreeSet<(&str, &str)> =
            self.made.iter().map(|claim| (claim.kind.as_str(), claim.text.as_str())).collect();
        let is_named = |(kind, text): (&String, &String)| named.contains(&(kind, text));
        profile.facts.values().any(|(_, by_company)| *by_company)
            || !profile.further.is_empty()
            || !profile.single.iter().all(is_named)
    }

    /// Why the other profile may not be absorbed, if it may not.
    pub(super) fn obstacle(
        &self,
        survivor: &ModelProfile,
        claim: &ModelClaim,
        other: &ModelProfile,
        most: usize,
    ) -> Option<String> {
        let told_by_company = self.by_company && claim.kind != "a" && !self.may_yield(claim, other);
        let highest = if told_by_company { other.highest_of_company() } else { other.highest() };
        if let Some(highest) = highest
            && authority(&claim.kind) < authority(highest)
        {
            return Some(format!("owns {highest}"));
        }
        for kind in ["x", "e", "p"] {
            let (Some(ours), Some(theirs)) = (survivor.single.get(kind), other.single.get(kind))
            else {
                continue;
            };
            let [ours_by_client, theirs_by_client] =
                [survivor, other].map(|profile| profile.by_client.contains(kind));
            let counts = match (told_by_company, theirs_by_client) {
                (false, _) => true,
                (true, true) => claim.kind == kind,
                (true, false) => !ours_by_client,
            };
            if ours != theirs && counts {
                return Some(format!("differs in {kind}"));
            }
        }
        if !self.by_company && claim.is_single() && self.has_more(survivor) && self.has_more(other)
        {
            return Some("both known".to_owned());
        }
        // Rule 7.
        let counted = |profile: &ModelProfile| {
            profile.absorbed.len() - if self.by_company { profile.client_merges } else { 0 }
        };
        let merged = counted(survivor) + 1 + counted(other);
        (most < merged).then(|| "capped".to_owned())
    }

    /// Rule 3: what no other profile holds.
    pub(super) fn attach(
        &self,
        profile: &mut ModelProfile,
        claim: &ModelClaim,
        server: bool,
        now: u64,
    ) -> &'static str {
        match claim.kind.as_str() {
            "id" => "unknown",
            "a" => {
                profile.devices.push((claim.text.clone(), now));
                "attached"
            }
            // It is added after all claims.
            _ if claim.source == ModelClaimSource::Append => "attached",
            _ => {
                let taken = profile.differs(claim);
                if taken && (!server || self.overrule(claim)) {
                    return "taken";
                }
                profile.set_single(claim, self.by_company);
                if taken { "replaced" } else { "attached" }
            }
        }
    }
}

/// The profile of the first claim that was refused. Devices among the attributes do not count.
pub(super) fn first_refused(
    claims: &[ModelClaim],
    results: &[String],
    reached: &[Option<usize>],
) -> Option<usize> {
    let refused = |result: &str| {
        result.starts_with("owns") || result.starts_with("differs") || result == "capped"
    };
    let mut all = claims.iter().zip(results).zip(reached);
    all.find_map(|((claim, result), reached)| {
        let is_device = claim.kind == "a" && claim.source == ModelClaimSource::Attributes;
        reached.filter(|_| refused(result) && !is_device)
    })
}

/// The profiles that gave an identifier away, each with the claim that took it.
pub(super) fn moved<'c>(
    results: &[String],
    claims: &'c [ModelClaim],
    reached: &[Option<usize>],
) -> impl Iterator<Item = (usize, &'c ModelClaim)> {
    let all = claims.iter().zip(results).zip(reached);
    all.filter_map(|((claim, result), reached)| {
        reached.filter(|_| result.starts_with("moved")).map(|number| (number, claim))
    })
}
