//! Intents: what a request is meant to do, and what keeps it from being stored.

use profile_protocol::ProfileId;

use crate::{Claim, Profile, ProfileRef, PropertiesTooLarge, model::outcome::ClaimResult};

/// What a request is meant to do. All but [`Intent::Upsert`] are for the company
/// itself.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Intent {
    /// To update the profile it is about, or create it if there is none. A claim
    /// that is somebody else's is turned away, and the rest is stored.
    #[default]
    Upsert,
    /// As `Upsert`, but whole or not at all: no claim may be somebody else's.
    Import,
    /// To create a profile: no claim may lead to one that there is.
    Create,
    /// To update the profile with this id, which one of the claims names: no other
    /// claim may lead to another.
    Update(ProfileId),
}

/// Why nothing of a request is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Rejected {
    /// The profile would have more properties than one may keep.
    #[error(transparent)]
    PropertiesTooLarge(#[from] PropertiesTooLarge),
    /// What the request names is another profile's.
    #[error("what the request names belongs to the profile {id}")]
    Duplicate {
        /// The other profile.
        id: ProfileId,
    },
    /// No profile has, or had, this id.
    #[error("no profile has this id")]
    UnknownProfile,
    /// No identifier would lead to the profile.
    #[error("no identifier would lead to the profile")]
    NoIdentifierLeft,
    /// As many profiles as may be have been merged into the one.
    #[error("as many profiles as may be have been merged into this one")]
    MergeCap,
}

impl Intent {
    /// Whether this may be done to the profiles that the claims lead to.
    pub(crate) fn admits(
        self,
        claims: &[Claim],
        reached: &[Option<&Profile>],
    ) -> Result<(), Rejected> {
        let target = match self {
            Intent::Upsert | Intent::Import => return Ok(()),
            Intent::Create => None,
            Intent::Update(id) => {
                let mut pairs = claims.iter().zip(reached);
                let named = pairs.find(|(claim, _)| claim.named == ProfileRef::Id(id));
                Some(named.and_then(|(_, profile)| *profile).ok_or(Rejected::UnknownProfile)?.id)
            }
        };
        let mut others = reached.iter().flatten().filter(|profile| Some(profile.id) != target);
        others.next().map_or(Ok(()), |other| Err(Rejected::Duplicate { id: other.id }))
    }

    /// Whether this may be done with these fates of the claims.
    pub(crate) fn accepts(
        self,
        reached: &[Option<&Profile>],
        results: &[ClaimResult],
    ) -> Result<(), Rejected> {
        if self != Intent::Import {
            return Ok(());
        }
        let others = reached.iter().zip(results).filter_map(|(reached, result)| match result {
            ClaimResult::Refused(_) => *reached,
            _ => None,
        });
        others.map(|other| Err(Rejected::Duplicate { id: other.id })).next().unwrap_or(Ok(()))
    }

    /// Whether this may be done to nobody.
    pub(crate) fn spares_nobody(self) -> Result<(), Rejected> {
        match self {
            Intent::Upsert => Ok(()),
            Intent::Create => Err(Rejected::NoIdentifierLeft),
            Intent::Import | Intent::Update(_) => Err(Rejected::UnknownProfile),
        }
    }
}
