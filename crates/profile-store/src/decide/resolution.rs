//! Resolution: the profile that a request concerns, and the profiles to merge into it.
//!
//! A pure function of the claims and the profiles that they find. The rules are those of
//! docs/IDENTITY.md.

use std::collections::BTreeMap;

use profile_protocol::{Field, IdentifierKind};

use crate::{
    Caller, Claim, ClaimResult, ClaimSource, IdentitySettings, Ignored, ProfileRef, Refused,
    StoredProfile,
    decide::{
        single_identifiers::SingleIdentifiers,
        size::{PropertySizes, fit_together},
    },
};

/// The profile that a request concerns, and the result of each claim.
#[derive(Clone, Debug)]
pub struct Resolution<'a> {
    /// The profile that the deciding claim finds.
    pub survivor: Option<&'a StoredProfile>,
    /// The profiles to merge into the survivor, in this order and without duplicates.
    pub absorbed: Vec<&'a StoredProfile>,
    /// The result of each claim, in the order of the claims.
    pub results: Vec<ClaimResult>,
}

/// Resolves claims. `reached` holds, for each claim, the profile that the claim finds.
pub fn resolve<'a>(
    claims: &'a [Claim],
    reached: &[Option<&'a StoredProfile>],
    caller: Caller,
    settings: &'a IdentitySettings,
) -> Resolution<'a> {
    let survivor = survivor(claims, reached);
    let mut resolver = Resolver::new(claims, survivor, caller, settings);
    let pairs = claims.iter().zip(reached);
    let mut results: Vec<ClaimResult> =
        pairs.map(|(claim, profile)| resolver.result(claim, *profile)).collect();
    let absorbed = resolver.absorbed;
    reconcile(&mut results, reached, &absorbed);
    Resolution { survivor, absorbed, results }
}

/// Corrects the results after all claims: a claim that was too weak to merge a profile still led
/// to the survivor if a later claim merged that profile.
fn reconcile(
    results: &mut [ClaimResult],
    reached: &[Option<&StoredProfile>],
    absorbed: &[&StoredProfile],
) {
    for (result, reached) in results.iter_mut().zip(reached) {
        if let (ClaimResult::Refused(_), Some(profile)) = (*result, reached)
            && contains(absorbed, profile)
        {
            *result = ClaimResult::Absorbed(profile.id);
        }
    }
}

fn contains(profiles: &[&StoredProfile], profile: &StoredProfile) -> bool {
    profiles.iter().any(|one| one.id == profile.id)
}

/// The profile that the first deciding claim finds.
fn survivor<'a>(
    claims: &[Claim],
    reached: &[Option<&'a StoredProfile>],
) -> Option<&'a StoredProfile> {
    let mut pairs = claims.iter().zip(reached);
    pairs.find_map(|(claim, profile)| {
        profile.filter(|profile| !is_foreign_device(claims, claim, profile))
    })
}

/// Whether a claim is an anonymous id that finds a profile other than the person whom the request
/// names. The device is shared or has a new owner, so its claim does not decide.
fn is_foreign_device(claims: &[Claim], claim: &Claim, profile: &StoredProfile) -> bool {
    let held = SingleIdentifiers::from_profile(&profile.identifiers);
    let contradicts = |other: &Claim| match &other.target {
        ProfileRef::Id(_) => false,
        ProfileRef::Identifier(_) if other.origin == ClaimSource::Append => false,
        ProfileRef::Identifier(identifier) => {
            held.hold_another(identifier) && !profile.identifiers.holds(identifier)
        }
    };
    claim.kind() == IdentifierKind::AnonymousId && claims.iter().any(contradicts)
}

/// Whether the company wrote different values of one attribute to the two profiles.
fn company_contradicts(survivor: &StoredProfile, absorbed: &StoredProfile) -> bool {
    fields_contradict(survivor, absorbed) || properties_contradict(survivor, absorbed)
}

fn fields_contradict(survivor: &StoredProfile, absorbed: &StoredProfile) -> bool {
    Field::ALL.into_iter().any(|field| {
        survivor.is_authored(field)
            && absorbed.is_authored(field)
            && survivor.field(field) != absorbed.field(field)
    })
}

fn properties_contradict(survivor: &StoredProfile, absorbed: &StoredProfile) -> bool {
    let by_company = |profile| {
        let properties = StoredProfile::properties(profile).filter(|property| property.by_company);
        properties.map(|property| (property.name, property.value))
    };
    let ours: BTreeMap<&[u8], &[u8]> = by_company(survivor).collect();
    !ours.is_empty()
        && by_company(absorbed).any(|(name, value)| ours.get(name).is_some_and(|own| *own != value))
}

/// The state of a resolution while the claims are resolved in order.
struct Resolver<'a> {
    claims: &'a [Claim],
    caller: Caller,
    settings: &'a IdentitySettings,
    survivor: Option<&'a StoredProfile>,
    /// The single identifiers that the survivor will hold.
    identifiers: SingleIdentifiers<'a>,
    /// The number of profiles that will have been merged into the survivor.
    merged: usize,
    /// The sizes of the survivor's properties, once the totals alone do not show that they fit.
    sizes: Option<PropertySizes<'a>>,
    /// The profiles that will be merged into the survivor.
    absorbed: Vec<&'a StoredProfile>,
}

impl<'a> Resolver<'a> {
    fn new(
        claims: &'a [Claim],
        survivor: Option<&'a StoredProfile>,
        caller: Caller,
        settings: &'a IdentitySettings,
    ) -> Resolver<'a> {
        let identifiers = match survivor {
            Some(survivor) => SingleIdentifiers::from_profile(&survivor.identifiers),
            None => SingleIdentifiers::default(),
        };
        let merged = survivor.map_or(0, |survivor| survivor.absorbed.len());
        let (sizes, absorbed) = (None, Vec::new());
        Resolver { claims, caller, settings, survivor, identifiers, merged, sizes, absorbed }
    }

    fn result(&mut self, claim: &'a Claim, reached: Option<&'a StoredProfile>) -> ClaimResult {
        match reached {
            None => self.attach(claim),
            Some(profile) if self.is_survivor(profile) => ClaimResult::Matched,
            Some(profile) if contains(&self.absorbed, profile) => ClaimResult::Absorbed(profile.id),
            Some(profile) => self.merge(claim, profile),
        }
    }

    fn is_survivor(&self, profile: &StoredProfile) -> bool {
        self.survivor.is_some_and(|survivor| survivor.id == profile.id)
    }

    /// Merges another profile into the survivor, unless a rule refuses that.
    fn merge(&mut self, claim: &Claim, profile: &'a StoredProfile) -> ClaimResult {
        if let Some(reason) = self.reason_against_merge(claim, profile) {
            return ClaimResult::Refused(reason);
        }
        self.identifiers.fill_from(&SingleIdentifiers::from_profile(&profile.identifiers));
        self.merged += merges_of(profile);
        if !self.fits_by_total(profile) {
            let sizes = self.survivor_sizes();
            self.sizes = Some(sizes.merged_with(&PropertySizes::from_profile(profile)));
        }
        self.absorbed.push(profile);
        ClaimResult::Absorbed(profile.id)
    }

    /// The first rule that refuses the merge of another profile.
    fn reason_against_merge(&self, claim: &Claim, profile: &'a StoredProfile) -> Option<Refused> {
        owned_above(claim, profile)
            .map(Refused::OwnsHigher)
            .or_else(|| self.is_undone(claim, profile).then_some(Refused::Undone))
            .or_else(|| self.conflict(profile).map(Refused::HeldDifferently))
            .or_else(|| self.is_protected(profile).then_some(Refused::Protected))
            .or_else(|| self.exceeds_merges(profile).then_some(Refused::MergeCap))
            .or_else(|| self.is_too_large(profile).then_some(Refused::TooLarge))
    }

    /// Whether the same claim caused a merge of the two before that was undone.
    fn is_undone(&self, claim: &Claim, profile: &StoredProfile) -> bool {
        self.survivor.is_some_and(|survivor| profile.must_not_merge_into(survivor, &claim.target))
    }

    /// The kind of which the two hold different identifiers.
    fn conflict(&self, profile: &StoredProfile) -> Option<IdentifierKind> {
        self.identifiers.conflict(&SingleIdentifiers::from_profile(&profile.identifiers))
    }

    /// Whether a client's merge would lose a protected value of the company.
    fn is_protected(&self, profile: &StoredProfile) -> bool {
        let mut merged = self.survivor.iter().chain(&self.absorbed);
        self.settings.protect
            && self.caller == Caller::Client
            && merged.any(|other| company_contradicts(other, profile))
    }

    /// Whether the survivor would exceed the limit of merges.
    fn exceeds_merges(&self, profile: &StoredProfile) -> bool {
        self.settings.merges < self.merged + merges_of(profile)
    }

    /// Whether the caller may not give the survivor the properties of both. The properties of one
    /// of the two alone are no growth.
    fn is_too_large(&self, profile: &'a StoredProfile) -> bool {
        if self.fits_by_total(profile) {
            return false;
        }
        let (own, theirs) = (self.survivor_sizes(), PropertySizes::from_profile(profile));
        let together = own.clone().merged_with(&theirs);
        ![own, theirs].iter().any(|part| part.may_become(&together, self.caller))
    }

    /// Whether the properties of both fit without looking at names.
    fn fits_by_total(&self, profile: &'a StoredProfile) -> bool {
        self.sizes.is_none() && fit_together(self.merged_profiles().chain([profile]))
    }

    /// The upper bound of the sizes of the survivor's properties after the merges so far.
    fn survivor_sizes(&self) -> PropertySizes<'a> {
        match &self.sizes {
            Some(sizes) => sizes.clone(),
            None => self
                .merged_profiles()
                .map(PropertySizes::from_profile)
                .fold(PropertySizes::none(), |sizes, part| sizes.merged_with(&part)),
        }
    }

    /// The survivor and the profiles merged into it so far.
    fn merged_profiles(&self) -> impl Iterator<Item = &'a StoredProfile> {
        self.survivor.into_iter().chain(self.absorbed.iter().copied())
    }

    /// Attaches an identifier that no profile holds.
    fn attach(&mut self, claim: &'a Claim) -> ClaimResult {
        let identifier = match &claim.target {
            ProfileRef::Id(_) => return ClaimResult::Ignored(Ignored::UnknownId),
            ProfileRef::Identifier(identifier) => identifier,
        };
        // A list of secondary addresses is limited later.
        if claim.origin == ClaimSource::Append {
            return ClaimResult::Attached;
        }
        let replaces = self.identifiers.hold_another(identifier);
        if replaces && !self.may_replace(claim) {
            return ClaimResult::Ignored(Ignored::AnotherHeld);
        }
        self.identifiers.set(identifier);
        if replaces { ClaimResult::Replaced } else { ClaimResult::Attached }
    }

    fn may_replace(&self, claim: &Claim) -> bool {
        match self.caller {
            Caller::Client => false,
            Caller::Server => !self.is_overruled(claim),
        }
    }

    /// Whether the attributes name another identifier of the same kind as a claim of the subject.
    /// The attributes say what the profile holds. If both replaced it, a repeated request would
    /// replace it again.
    fn is_overruled(&self, claim: &Claim) -> bool {
        let overrules =
            |other: &Claim| other.origin == ClaimSource::Attributes && other.kind() == claim.kind();
        claim.origin == ClaimSource::Subject && self.claims.iter().any(overrules)
    }
}

/// The kind of an identifier of the profile that has higher authority than the claim.
fn owned_above(claim: &Claim, profile: &StoredProfile) -> Option<IdentifierKind> {
    profile.identifiers.highest().filter(|&highest| claim.kind() < highest)
}

/// The number of merges that merging this profile counts as: itself and those merged into it.
fn merges_of(profile: &StoredProfile) -> usize {
    1 + profile.absorbed.len()
}
