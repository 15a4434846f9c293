//! Resolution: whom a request is about, and who turns out to be the same person.
//!
//! A pure decision over the claims and the profiles they lead to. The rules are
//! those of docs/IDENTITY.md.

use profile_protocol::{
    Email, ExternalId, Field, IdentifierKind, PhoneNumber, ProfileId, Properties, PropertyName,
    limits::SECONDARY_EMAILS,
};

use crate::{
    Caller, Claim, ClaimSource, Identifier, Profile, ProfileIdentifiers, ProfileRef, Sentinels,
    decide::size::{Sizes, fit_together},
    limits,
    model::outcome::{ClaimResult, Ignored, Refused},
};

/// What a company may set about whom a request is about, and what it may do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rules {
    /// Anonymous ids one profile holds; the oldest leaves first.
    pub anonymous_ids: usize,
    /// Secondary addresses one profile holds; the oldest leaves first.
    pub secondary_emails: usize,
    /// Profiles that may be merged into one. At the cap merging stops; updating
    /// goes on.
    pub merges: usize,
    /// Values that never identify anybody.
    pub sentinels: Sentinels,
    /// Whether values that the company itself wrote are safe from clients: they fill
    /// gaps, and where profiles join, the company's values go first.
    pub protect: bool,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            anonymous_ids: limits::ANONYMOUS_IDS,
            secondary_emails: SECONDARY_EMAILS,
            merges: limits::MERGES,
            sentinels: Sentinels::default(),
            protect: false,
        }
    }
}

/// Whom a request is about, and what becomes of its claims.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resolution {
    /// The profile that the claim of highest authority leads to.
    pub survivor: Option<ProfileId>,
    /// The profiles to be merged into it, in this order, none twice.
    pub absorbed: Vec<ProfileId>,
    /// What becomes of each claim, in the order of the claims.
    pub results: Vec<ClaimResult>,
}

/// Decides whom `claims` are about. `reached` holds, for each claim, the profile
/// it leads to.
pub fn resolve(
    claims: &[Claim],
    reached: &[Option<&Profile>],
    caller: Caller,
    rules: &Rules,
) -> Resolution {
    let survivor = survivor(claims, reached);
    let mut decision = Decision {
        claims,
        caller,
        rules,
        survivor,
        places: survivor.map(Places::of).unwrap_or_default(),
        merged: survivor.map_or(0, |profile| profile.absorbed.len()),
        sizes: None,
        joined: Vec::new(),
    };
    let pairs = claims.iter().zip(reached);
    let mut results: Vec<ClaimResult> =
        pairs.map(|(claim, profile)| decision.result(claim, *profile)).collect();
    let absorbed: Vec<ProfileId> = decision.joined.iter().map(|profile| profile.id).collect();
    settle(&mut results, reached, &absorbed);
    Resolution { survivor: survivor.map(|profile| profile.id), absorbed, results }
}

/// Corrects the fates as it turned out: a claim too weak to take a profile in led
/// to the survivor after all, if a stronger one that came later took it in.
fn settle(results: &mut [ClaimResult], reached: &[Option<&Profile>], absorbed: &[ProfileId]) {
    for (result, reached) in results.iter_mut().zip(reached) {
        if let (ClaimResult::Refused(_), Some(profile)) = (*result, reached)
            && absorbed.contains(&profile.id)
        {
            *result = ClaimResult::Absorbed(profile.id);
        }
    }
}

/// The profile that the first claim to lead anywhere leads to.
fn survivor<'a>(claims: &[Claim], reached: &[Option<&'a Profile>]) -> Option<&'a Profile> {
    let mut pairs = claims.iter().zip(reached);
    pairs.find_map(|(claim, profile)| profile.filter(|profile| !stranger(claims, claim, profile)))
}

/// Whether a device leads to somebody other than the person whom the request
/// names: it is shared, or changed hands. Such a device says nothing about whom
/// the request is about.
fn stranger(claims: &[Claim], claim: &Claim, profile: &Profile) -> bool {
    let places = Places::of(profile);
    let do_not_merge = |other: &Claim| match &other.named {
        ProfileRef::Id(_) => false,
        ProfileRef::Identifier(_) if other.origin == ClaimSource::Append => false,
        ProfileRef::Identifier(named) => {
            places.taken_by_another(named) && !profile.identifiers.holds(named)
        }
    };
    claim.kind() == IdentifierKind::AnonymousId && claims.iter().any(do_not_merge)
}

/// The survivor's places of which there is one each, as they fill up.
#[derive(Clone, Copy, Default)]
struct Places<'a> {
    external_id: Option<&'a ExternalId>,
    email: Option<&'a Email>,
    phone_number: Option<&'a PhoneNumber>,
}

impl<'a> Places<'a> {
    fn of(profile: &'a Profile) -> Places<'a> {
        let ProfileIdentifiers { external_id, email, phone_number, .. } = &profile.identifiers;
        Places {
            external_id: external_id.as_ref(),
            email: email.as_ref(),
            phone_number: phone_number.as_ref(),
        }
    }

    /// Whether something other than `identifier` stands in its place.
    fn taken_by_another(&self, identifier: &Identifier) -> bool {
        match identifier {
            Identifier::AnonymousId(_) => false,
            Identifier::PhoneNumber(number) => {
                self.phone_number.is_some_and(|identifiers| identifiers != number)
            }
            Identifier::Email(email) => self.email.is_some_and(|identifiers| identifiers != email),
            Identifier::ExternalId(id) => {
                self.external_id.is_some_and(|identifiers| identifiers != id)
            }
        }
    }

    fn put(&mut self, identifier: &'a Identifier) {
        match identifier {
            Identifier::AnonymousId(_) => {}
            Identifier::PhoneNumber(number) => self.phone_number = Some(number),
            Identifier::Email(email) => self.email = Some(email),
            Identifier::ExternalId(id) => self.external_id = Some(id),
        }
    }

    /// The kind, if any, of which both hold an identifier and not the same.
    fn conflict(&self, other: &Places<'_>) -> Option<IdentifierKind> {
        fn differ<T: PartialEq>(ours: Option<&T>, theirs: Option<&T>) -> bool {
            matches!((ours, theirs), (Some(ours), Some(theirs)) if ours != theirs)
        }
        if differ(self.external_id, other.external_id) {
            Some(IdentifierKind::ExternalId)
        } else if differ(self.email, other.email) {
            Some(IdentifierKind::Email)
        } else if differ(self.phone_number, other.phone_number) {
            Some(IdentifierKind::PhoneNumber)
        } else {
            None
        }
    }

    fn fill_from(&mut self, other: &Places<'a>) {
        self.external_id = self.external_id.or(other.external_id);
        self.email = self.email.or(other.email);
        self.phone_number = self.phone_number.or(other.phone_number);
    }
}

/// Whether the company wrote something of `absorbed` that `holder` would not take over,
/// since it wrote something else of that.
fn contradicts(holder: &Profile, absorbed: &Profile) -> bool {
    let field = |field: &Field| {
        let (ours, theirs) = (&holder.attributes.fields, &absorbed.attributes.fields);
        let both = holder.authored.field(*field) && absorbed.authored.field(*field);
        both && ours[*field] != theirs[*field]
    };
    let property = |name: &PropertyName| {
        let (ours, theirs) = (&holder.attributes.properties, &absorbed.attributes.properties);
        holder.authored.property(name) && ours.value(name) != theirs.value(name)
    };
    Field::ALL.iter().any(field) || absorbed.authored.properties().any(property)
}

/// The decision in the making.
struct Decision<'a> {
    claims: &'a [Claim],
    caller: Caller,
    rules: &'a Rules,
    survivor: Option<&'a Profile>,
    places: Places<'a>,
    /// How many profiles are merged into the survivor so far.
    merged: usize,
    /// How large the properties become, once it is not plain that there is room.
    sizes: Option<Sizes<'a>>,
    /// Those that are merged into it.
    joined: Vec<&'a Profile>,
}

impl<'a> Decision<'a> {
    fn result(&mut self, claim: &'a Claim, reached: Option<&'a Profile>) -> ClaimResult {
        match (reached, self.survivor) {
            (Some(profile), Some(survivor)) if profile.id == survivor.id => ClaimResult::Matched,
            (Some(profile), _) if self.has_joined(profile) => ClaimResult::Absorbed(profile.id),
            (Some(profile), _) => self.merge(claim, profile),
            (None, _) => self.attach(claim),
        }
    }

    fn has_joined(&self, profile: &Profile) -> bool {
        self.joined.iter().any(|joined| joined.id == profile.id)
    }

    fn merge(&mut self, claim: &Claim, profile: &'a Profile) -> ClaimResult {
        if let Some(reason) = self.obstacle(claim, profile) {
            return ClaimResult::Refused(reason);
        }
        self.places.fill_from(&Places::of(profile));
        self.merged += 1 + profile.absorbed.len();
        if !self.plainly_fits(profile) {
            self.sizes = Some(self.together(profile));
        }
        self.joined.push(profile);
        ClaimResult::Absorbed(profile.id)
    }

    fn obstacle(&self, claim: &Claim, profile: &'a Profile) -> Option<Refused> {
        if let Some(highest) =
            profile.identifiers.highest().filter(|&highest| claim.kind() < highest)
        {
            return Some(Refused::OwnsHigher(highest));
        }
        if self.survivor.is_some_and(|survivor| profile.is_apart_from(survivor, &claim.named)) {
            return Some(Refused::Undone);
        }
        if let Some(kind) = self.places.conflict(&Places::of(profile)) {
            return Some(Refused::HeldDifferently(kind));
        }
        if self.rules.protect && self.caller == Caller::Client && self.overwrites(profile) {
            return Some(Refused::Protected);
        }
        if self.rules.merges < self.merged + 1 + profile.absorbed.len() {
            return Some(Refused::MergeCap);
        }
        (!self.has_room_for(profile)).then_some(Refused::TooLarge)
    }

    /// Whether a value that the company wrote of this profile would be lost by merging it
    /// with those that are one already.
    fn overwrites(&self, profile: &Profile) -> bool {
        self.survivor.iter().chain(&self.joined).any(|holder| contradicts(holder, profile))
    }

    /// Whether the two may have the properties of both. To have those of one of them
    /// makes nothing grow.
    fn has_room_for(&self, profile: &'a Profile) -> bool {
        if self.plainly_fits(profile) {
            return true;
        }
        let (own, theirs) = (self.own_sizes(), Sizes::of(&profile.attributes.properties));
        let together = own.clone().and(&theirs);
        [own, theirs].iter().any(|part| part.may_become(&together, self.caller))
    }

    /// The sizes with this profile absorbed.
    fn together(&self, profile: &'a Profile) -> Sizes<'a> {
        self.own_sizes().and(&Sizes::of(&profile.attributes.properties))
    }

    /// At most how large each property of the survivor is so far.
    fn own_sizes(&self) -> Sizes<'a> {
        let none = Sizes::default();
        let all = || self.parts().map(Sizes::of).fold(none, |sizes, part| sizes.and(&part));
        self.sizes.clone().unwrap_or_else(all)
    }

    /// Whether there is room without looking at names.
    fn plainly_fits(&self, profile: &'a Profile) -> bool {
        self.sizes.is_none() && fit_together(self.parts().chain([&profile.attributes.properties]))
    }

    /// The properties of the survivor, and of all that is merged into it so far.
    fn parts(&self) -> impl Iterator<Item = &'a Properties> {
        let parts = self.survivor.into_iter().chain(self.joined.iter().copied());
        parts.map(|profile| &profile.attributes.properties)
    }

    fn attach(&mut self, claim: &'a Claim) -> ClaimResult {
        let identifier = match &claim.named {
            ProfileRef::Id(_) => return ClaimResult::Ignored(Ignored::UnknownId),
            ProfileRef::Identifier(identifier) => identifier,
        };
        if claim.origin == ClaimSource::Append {
            return ClaimResult::Attached;
        }
        match (self.places.taken_by_another(identifier), self.caller) {
            (true, Caller::Client) => ClaimResult::Ignored(Ignored::PlaceTaken),
            (true, Caller::Server) if self.overruled(claim) => {
                ClaimResult::Ignored(Ignored::PlaceTaken)
            }
            (true, Caller::Server) => {
                self.places.put(identifier);
                ClaimResult::Replaced
            }
            (false, _) => {
                self.places.put(identifier);
                ClaimResult::Attached
            }
        }
    }

    /// Whether the attributes name another identifier of the same kind. They say
    /// what the profile holds, and the subject only whom the request is about: if
    /// both replaced what is held, each repetition would undo the one before.
    fn overruled(&self, claim: &Claim) -> bool {
        let overrules =
            |other: &Claim| other.origin == ClaimSource::Attributes && other.kind() == claim.kind();
        claim.origin == ClaimSource::Subject && self.claims.iter().any(overrules)
    }
}
