//! Intents: what a request is meant to do, and the reasons to reject it.

use profile_protocol::{IdentifierKind, ProfileId};

use crate::{
    Claim, ClaimResult, ClaimSource, Claims, ProfileRef, PropertiesTooLarge, StoredProfile,
    decide::yielding::{is_misattached, may_yield},
};

/// What a request is meant to do. Only the company itself may use an intent other than
/// [`Intent::Upsert`].
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Intent {
    /// Update the profile that the claims find, or create one. A claim that belongs to another
    /// profile is refused, and the rest of the request is stored.
    #[default]
    Upsert,
    /// As `Upsert`, but a claim that belongs to another profile rejects the whole request, unless
    /// it is an anonymous id among the attributes.
    Import,
    /// Create a profile. A claim that finds a profile rejects the request, unless only clients have
    /// named the identifier for it, and the profile is another person.
    Create,
    /// Update the profile with this id, which one of the claims names. Another claim that finds
    /// another profile rejects the request, unless only clients have named the identifier for it.
    Update(ProfileId),
}

/// Why nothing of a request is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Rejected {
    /// The profile would exceed the limit of properties.
    #[error(transparent)]
    PropertiesTooLarge(#[from] PropertiesTooLarge),
    /// An identifier of the request belongs to another profile.
    #[error("an identifier of the request belongs to the profile {id}")]
    Duplicate {
        /// The other profile.
        id: ProfileId,
    },
    /// No profile has, or had, this id.
    #[error("no profile has this id")]
    UnknownProfile,
    /// The profile would have no identifier.
    #[error("the profile would have no identifier")]
    NoIdentifierLeft,
    /// The profile has reached the limit of merges.
    #[error("the profile has reached the limit of merges")]
    MergeCap,
}

impl Intent {
    /// Whether the request may merge profiles.
    pub(crate) const fn merges(self) -> bool {
        match self {
            Intent::Upsert | Intent::Import => true,
            Intent::Create | Intent::Update(_) => false,
        }
    }

    /// Checks that the intent allows the profiles that the claims found.
    pub(crate) fn admits(
        self,
        claims: &Claims,
        reached: &[Option<&StoredProfile>],
    ) -> Result<(), Rejected> {
        match self {
            Intent::Upsert | Intent::Import => Ok(()),
            Intent::Create => no_other_profile(claims, reached, |claim, profile| {
                is_misattached(claims, claim, profile)
            }),
            Intent::Update(id) => {
                let target = update_target(id, claims.made(), reached);
                let target = target.ok_or(Rejected::UnknownProfile)?.id;
                no_other_profile(claims, reached, |claim, profile| {
                    profile.id == target || may_yield(claims, claim, profile)
                })
            }
        }
    }

    /// Checks that the intent allows the results of the claims.
    pub(crate) fn accepts(
        self,
        claims: &Claims,
        reached: &[Option<&StoredProfile>],
        results: &[ClaimResult],
    ) -> Result<(), Rejected> {
        match self {
            Intent::Import => no_refused_profile(claims, reached, results),
            Intent::Upsert | Intent::Create | Intent::Update(_) => Ok(()),
        }
    }

    /// The rejection of a request that concerns no profile, unless the intent allows one.
    pub(crate) fn requires_target(self) -> Option<Rejected> {
        match self {
            Intent::Upsert => None,
            Intent::Create => Some(Rejected::NoIdentifierLeft),
            Intent::Import | Intent::Update(_) => Some(Rejected::UnknownProfile),
        }
    }
}

/// The profile with the id that an update names, or the profile that it was merged into.
pub(super) fn update_target<'a>(
    id: ProfileId,
    claims: &[Claim],
    reached: &[Option<&'a StoredProfile>],
) -> Option<&'a StoredProfile> {
    let mut pairs = claims.iter().zip(reached);
    let named = pairs.find(|(claim, _)| claim.target == ProfileRef::Id(id));
    named.and_then(|(_, profile)| *profile)
}

/// Checks that the claims found no profile but those that `may_be_found`.
fn no_other_profile(
    claims: &Claims,
    reached: &[Option<&StoredProfile>],
    may_be_found: impl Fn(&Claim, &StoredProfile) -> bool,
) -> Result<(), Rejected> {
    let pairs = claims.made().iter().zip(reached);
    let mut others = pairs
        .filter_map(|(claim, profile)| profile.filter(|profile| !may_be_found(claim, profile)));
    others.next().map_or(Ok(()), |other| Err(Rejected::Duplicate { id: other.id }))
}

/// Checks that no claim was refused because of a profile that it found. A device among the
/// attributes does not count: it stays with its profile, because any client can have attached it
/// there.
fn no_refused_profile(
    claims: &Claims,
    reached: &[Option<&StoredProfile>],
    results: &[ClaimResult],
) -> Result<(), Rejected> {
    for ((claim, profile), result) in claims.made().iter().zip(reached).zip(results) {
        let is_device =
            claim.kind() == IdentifierKind::AnonymousId && claim.origin == ClaimSource::Attributes;
        if let (Some(profile), ClaimResult::Refused(_), false) = (profile, result, is_device) {
            return Err(Rejected::Duplicate { id: profile.id });
        }
    }
    Ok(())
}
