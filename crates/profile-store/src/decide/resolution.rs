//! Resolution: the profile that a request concerns, and the profiles to merge into it.
//!
//! A pure function of the claims and the profiles that they find. The rules are those of
//! docs/IDENTITY.md.

use std::collections::BTreeMap;

use profile_protocol::{Field, IdentifierKind, PropertyValue};

use crate::{
    Caller, Claim, ClaimAuthor, ClaimResult, ClaimSource, Claims, DifferentExternalId, Identifier,
    IdentitySettings, Ignored, Intent, ProfileRef, Refused, SingleKinds, StoredProfile,
    decide::{
        intent::update_target,
        single_identifiers::{Counted, SingleIdentifiers, is_contradicted},
        size::{PropertySizes, fit_together},
        yielding::{is_misattached, may_yield},
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
    claims: &'a Claims,
    reached: &[Option<&'a StoredProfile>],
    caller: Caller,
    intent: Intent,
    settings: &'a IdentitySettings,
) -> Resolution<'a> {
    let survivor = survivor(claims, reached, intent, settings);
    let mut resolver = Resolver::new(claims, survivor, caller, intent, settings);
    let pairs = || claims.made().iter().zip(reached);
    let provisional: Vec<Provisional<'a>> =
        pairs().map(|(claim, profile)| resolver.result(claim, *profile)).collect();
    let results = pairs().zip(provisional);
    let results = results
        .map(|((claim, reached), result)| resolver.final_result(claim, *reached, result))
        .collect();
    Resolution { survivor, absorbed: resolver.absorbed, results }
}

/// The result of a claim before all other claims are resolved.
enum Provisional<'a> {
    Result(ClaimResult),
    /// The profile gives the identifier to the survivor, unless it is merged into it.
    Yields(&'a StoredProfile),
}

fn contains(profiles: &[&StoredProfile], profile: &StoredProfile) -> bool {
    profiles.iter().any(|one| one.id == profile.id)
}

/// The profile that the first deciding claim finds. Of an update, the id decides.
pub(super) fn survivor<'a>(
    claims: &Claims,
    reached: &[Option<&'a StoredProfile>],
    intent: Intent,
    settings: &IdentitySettings,
) -> Option<&'a StoredProfile> {
    if let Intent::Update(id) = intent {
        return update_target(id, claims.made(), reached);
    }
    let mut pairs = claims.made().iter().zip(reached);
    pairs.find_map(|(claim, profile)| {
        profile.filter(|profile| {
            !is_foreign_device(claims.made(), claim, profile)
                && !is_misattached(claims, claim, profile)
                && !is_of_another_record(claims, claim, profile, settings)
        })
    })
}

/// Whether a claim is an anonymous id that finds a profile other than the person whom the request
/// names. The device is shared or has a new owner, so its claim does not decide.
fn is_foreign_device(claims: &[Claim], claim: &Claim, profile: &StoredProfile) -> bool {
    claim.kind() == IdentifierKind::AnonymousId
        && is_contradicted(&profile.identifiers, claims, SingleIdentifiers::hold_another)
}

/// Whether a claim below an external id finds a profile with another external id than the request
/// names, where the company has such a claim decide nothing. For the company itself, an external id
/// that only clients have named does not count.
fn is_of_another_record(
    claims: &Claims,
    claim: &Claim,
    profile: &StoredProfile,
    settings: &IdentitySettings,
) -> bool {
    let holds_another = |held: &SingleIdentifiers<'_>, identifier: &Identifier| {
        identifier.kind() == IdentifierKind::ExternalId
            && match claims.author() {
                ClaimAuthor::Client => held.hold_another(identifier),
                ClaimAuthor::Company => held.hold_another_of_company(identifier),
            }
    };
    settings.different_external_id == DifferentExternalId::NewProfile
        && claim.kind() < IdentifierKind::ExternalId
        && is_contradicted(&profile.identifiers, claims.made(), holds_another)
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
        && by_company(absorbed)
            .any(|(name, value)| ours.get(name).is_some_and(|own| !is_same_json(own, value)))
}

/// Whether two stored values are the same JSON value, in whatever order their members are.
fn is_same_json(one: &[u8], other: &[u8]) -> bool {
    let read = |json| PropertyValue::from_stored(std::str::from_utf8(json).ok()?).ok();
    let may_differ_in_order = one.len() == other.len() && one.contains(&b'{');
    one == other
        || may_differ_in_order
            && read(one).zip(read(other)).is_some_and(|(one, other)| one.is_same_json(&other))
}

/// The state of a resolution while the claims are resolved in order.
struct Resolver<'a> {
    claims: &'a Claims,
    caller: Caller,
    intent: Intent,
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
        claims: &'a Claims,
        survivor: Option<&'a StoredProfile>,
        caller: Caller,
        intent: Intent,
        settings: &'a IdentitySettings,
    ) -> Resolver<'a> {
        let identifiers = match survivor {
            Some(survivor) => SingleIdentifiers::from_profile(&survivor.identifiers),
            None => SingleIdentifiers::default(),
        };
        let merged = survivor.map_or(0, |survivor| counted_merges(survivor, claims.author()));
        let (sizes, absorbed) = (None, Vec::new());
        Resolver {
            claims,
            caller,
            intent,
            settings,
            survivor,
            identifiers,
            merged,
            sizes,
            absorbed,
        }
    }

    fn result(&mut self, claim: &'a Claim, reached: Option<&'a StoredProfile>) -> Provisional<'a> {
        Provisional::Result(match reached {
            None => self.attach(claim),
            Some(profile) if self.is_survivor(profile) => ClaimResult::Matched,
            Some(profile) if contains(&self.absorbed, profile) => ClaimResult::Absorbed(profile.id),
            Some(profile) => return self.merge(claim, profile),
        })
    }

    /// Corrects a result after all claims: a claim that was too weak to merge a profile still led
    /// to the survivor if a later claim merged that profile.
    fn final_result(
        &mut self,
        claim: &'a Claim,
        reached: Option<&StoredProfile>,
        result: Provisional<'a>,
    ) -> ClaimResult {
        match (result, reached) {
            (
                Provisional::Result(ClaimResult::Refused(_)) | Provisional::Yields(_),
                Some(profile),
            ) if contains(&self.absorbed, profile) => ClaimResult::Absorbed(profile.id),
            (Provisional::Result(result), _) => result,
            (Provisional::Yields(profile), _) => {
                let result = self.attach(claim);
                let is_attached = matches!(result, ClaimResult::Attached | ClaimResult::Replaced);
                if is_attached { ClaimResult::Moved(profile.id) } else { result }
            }
        }
    }

    fn is_survivor(&self, profile: &StoredProfile) -> bool {
        self.survivor.is_some_and(|survivor| survivor.id == profile.id)
    }

    /// Merges another profile into the survivor, unless a rule refuses that. The company's claim of
    /// an identifier that only clients have named is not refused: the other profile loses it.
    fn merge(&mut self, claim: &Claim, profile: &'a StoredProfile) -> Provisional<'a> {
        let yields = may_yield(self.claims, claim, profile);
        if yields && (!self.intent.merges() || is_misattached(self.claims, claim, profile)) {
            return Provisional::Yields(profile);
        }
        match self.reason_against_merge(claim, profile) {
            // The same request merges a little later. Until then nothing is taken apart.
            Some(Refused::MergeRate) => {
                return Provisional::Result(ClaimResult::Refused(Refused::MergeRate));
            }
            Some(_) if yields => return Provisional::Yields(profile),
            Some(reason) => return Provisional::Result(ClaimResult::Refused(reason)),
            None => {}
        }
        self.identifiers.fill_from(&SingleIdentifiers::from_profile(&profile.identifiers));
        self.merged += self.merges_of(profile);
        if !self.fits_by_total(profile) {
            let sizes = self.survivor_sizes();
            self.sizes = Some(sizes.merged_with(&self.counted_sizes(profile)));
        }
        self.absorbed.push(profile);
        Provisional::Result(ClaimResult::Absorbed(profile.id))
    }

    /// The first rule that refuses the merge of another profile.
    fn reason_against_merge(&self, claim: &Claim, profile: &'a StoredProfile) -> Option<Refused> {
        let counted = self.counted(claim, profile);
        owned_above(claim, profile, counted)
            .map(Refused::OwnsHigher)
            .or_else(|| self.is_undone(claim, profile).then_some(Refused::Undone))
            .or_else(|| self.conflict(claim, profile, counted).map(Refused::HeldDifferently))
            .or_else(|| self.are_both_known(claim, profile).then_some(Refused::BothKnown))
            .or_else(|| self.is_protected(profile).then_some(Refused::Protected))
            .or_else(|| self.exceeds_merges(profile).then_some(Refused::MergeCap))
            .or_else(|| self.claims.are_merges_spent().then_some(Refused::MergeRate))
            .or_else(|| self.is_too_large(profile).then_some(Refused::TooLarge))
    }

    /// Which identifiers speak against the merge. Where the company claims what it has named for
    /// the profile itself, those that only clients have named do not.
    fn counted(&self, claim: &Claim, profile: &StoredProfile) -> Counted {
        let is_named_by_company = match &claim.target {
            ProfileRef::Id(_) => true,
            ProfileRef::Identifier(Identifier::AnonymousId(_)) => false,
            ProfileRef::Identifier(identifier) => !profile.identifiers.holds_by_client(identifier),
        };
        match self.claims.author() {
            ClaimAuthor::Company if is_named_by_company => Counted::ByCompany,
            ClaimAuthor::Company | ClaimAuthor::Client => Counted::All,
        }
    }

    /// Whether a client that knows an identifier of each of two persons would merge them: the
    /// company knows more of both than the request names. Strangers know no id, token or device.
    fn are_both_known(&self, claim: &Claim, profile: &StoredProfile) -> bool {
        let is_knowable = match claim.kind() {
            IdentifierKind::ExternalId | IdentifierKind::Email | IdentifierKind::PhoneNumber => {
                true
            }
            IdentifierKind::AnonymousId | IdentifierKind::Id => false,
        };
        self.claims.author() == ClaimAuthor::Client
            && is_knowable
            && self.has_more(profile)
            && self.merged_profiles().any(|merged| self.has_more(merged))
    }

    /// Whether a profile has an attribute that the company wrote, or an identifier that the request
    /// does not name. Devices do not count.
    fn has_more(&self, profile: &StoredProfile) -> bool {
        let identifiers = &profile.identifiers;
        let is_named =
            |identifier: &Identifier| self.claims.identifiers().any(|named| named == identifier);
        let mut single = SingleKinds::ALL.into_iter().filter_map(|kind| identifiers.single(kind));
        profile.is_described_by_company()
            || !identifiers.secondary_emails.is_empty()
            || single.any(|identifier| !is_named(&identifier))
    }

    /// Whether the same claim caused a merge of the two before that was undone.
    fn is_undone(&self, claim: &Claim, profile: &StoredProfile) -> bool {
        self.survivor.is_some_and(|survivor| profile.must_not_merge_into(survivor, &claim.target))
    }

    /// The kind of which the two hold different identifiers.
    fn conflict(
        &self,
        claim: &Claim,
        profile: &StoredProfile,
        counted: Counted,
    ) -> Option<IdentifierKind> {
        let theirs = SingleIdentifiers::from_profile(&profile.identifiers);
        self.identifiers.conflict(&theirs, claim.kind(), counted)
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
        self.settings.merges < self.merged + self.merges_of(profile)
    }

    /// The number of merges that merging this profile counts as: itself and those merged into it.
    fn merges_of(&self, profile: &StoredProfile) -> usize {
        1 + counted_merges(profile, self.claims.author())
    }

    /// Whether the caller may not give the survivor the properties of both. The properties of one
    /// of the two alone are no growth.
    fn is_too_large(&self, profile: &'a StoredProfile) -> bool {
        if self.fits_by_total(profile) {
            return false;
        }
        let (own, theirs) = (self.survivor_sizes(), self.counted_sizes(profile));
        let together = own.clone().merged_with(&theirs);
        ![own, theirs].iter().any(|part| part.may_become(&together, self.caller))
    }

    /// Whether the properties of both fit without looking at names.
    fn fits_by_total(&self, profile: &'a StoredProfile) -> bool {
        self.sizes.is_none() && fit_together(self.merged_profiles().chain([profile]))
    }

    fn own_sizes(&self) -> PropertySizes<'a> {
        self.survivor.map_or_else(PropertySizes::none, |survivor| self.counted_sizes(survivor))
    }

    /// The upper bound of the sizes of the survivor's properties after the merges so far.
    fn survivor_sizes(&self) -> PropertySizes<'a> {
        match &self.sizes {
            Some(sizes) => sizes.clone(),
            None => self
                .absorbed
                .iter()
                .map(|profile| self.counted_sizes(profile))
                .fold(self.own_sizes(), |sizes, part| sizes.merged_with(&part)),
        }
    }

    /// The sizes of the properties that the survivor has of a profile at least. What clients wrote
    /// leaves where it does not fit into a merge of the company.
    fn counted_sizes(&self, profile: &'a StoredProfile) -> PropertySizes<'a> {
        match self.caller {
            Caller::Client => PropertySizes::from_profile(profile),
            Caller::Server => PropertySizes::by_company(profile),
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
        self.identifiers.set(identifier, self.claims.author());
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
        claim.origin == ClaimSource::Subject && self.claims.made().iter().any(overrules)
    }
}

/// The kind of an identifier of the profile that has higher authority than the claim.
fn owned_above(claim: &Claim, profile: &StoredProfile, counted: Counted) -> Option<IdentifierKind> {
    let highest = match counted {
        Counted::All => profile.identifiers.highest(),
        Counted::ByCompany => profile.identifiers.highest_of_company(),
    };
    highest.filter(|&highest| claim.kind() < highest)
}

/// The number of profiles merged into this one that count against the limit of this author. Those
/// that clients merged do not count for the company.
pub(super) fn counted_merges(profile: &StoredProfile, author: ClaimAuthor) -> usize {
    let by_clients = match author {
        ClaimAuthor::Client => 0,
        ClaimAuthor::Company => profile.client_merges.len(),
    };
    profile.absorbed.len().saturating_sub(by_clients)
}
