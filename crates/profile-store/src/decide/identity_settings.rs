//! What a company may configure about the identity of profiles.

use std::str::FromStr;

use profile_protocol::limits::SECONDARY_EMAILS;

use crate::{Placeholders, limits};

/// The identity settings of one company.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdentitySettings {
    /// The maximum number of anonymous ids of a profile. The oldest is removed first.
    pub anonymous_ids: usize,
    /// The maximum number of secondary email addresses of a profile. The oldest is removed first.
    pub secondary_emails: usize,
    /// The maximum number of profiles merged into one. At the limit, merges stop and updates
    /// continue. Merges by clients do not count for the company.
    pub merges: usize,
    /// The values that identify no profile.
    pub placeholders: Placeholders,
    /// Whether values that the company itself wrote are protected from clients. Clients then only
    /// fill gaps, and the company's values take precedence in merges.
    pub protect: bool,
    /// Which profile a request concerns whose `email` or `phone_number` finds one with another
    /// `external_id` than the request names.
    pub different_external_id: DifferentExternalId,
    /// For how many days values are kept that clients replaced. Without any, none are kept.
    pub replaced_days: u64,
}

/// Which profile a request concerns if the `email` or `phone_number` that it names finds a profile
/// with another `external_id`, and no claim of higher authority finds one.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum DifferentExternalId {
    /// The profile that was found, as in the original.
    #[default]
    SameProfile,
    /// A new profile, unless another claim finds one. The claim that found the profile is refused.
    NewProfile,
}

impl DifferentExternalId {
    /// The name in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            DifferentExternalId::SameProfile => "same_profile",
            DifferentExternalId::NewProfile => "new_profile",
        }
    }
}

impl FromStr for DifferentExternalId {
    type Err = InvalidDifferentExternalId;

    fn from_str(text: &str) -> Result<DifferentExternalId, InvalidDifferentExternalId> {
        match text {
            "same_profile" => Ok(DifferentExternalId::SameProfile),
            "new_profile" => Ok(DifferentExternalId::NewProfile),
            _ => Err(InvalidDifferentExternalId),
        }
    }
}

/// The text is not a [`DifferentExternalId`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be \"same_profile\" or \"new_profile\"")]
pub struct InvalidDifferentExternalId;

impl IdentitySettings {
    /// How many devices may have been seen after a device before it is noted that this one was seen
    /// again the same day.
    pub fn devices_seen_since(&self) -> usize {
        (self.anonymous_ids / limits::DEVICES_SEEN_SINCE_PART).max(1)
    }

    /// The settings of a merge that truncates no list: lists are truncated once, after all merges.
    pub(crate) const fn without_limits(protect: bool) -> IdentitySettings {
        IdentitySettings {
            anonymous_ids: usize::MAX,
            secondary_emails: usize::MAX,
            merges: usize::MAX,
            placeholders: Placeholders { added: Vec::new(), removed: Vec::new() },
            protect,
            different_external_id: DifferentExternalId::SameProfile,
            replaced_days: 0,
        }
    }
}

impl Default for IdentitySettings {
    fn default() -> IdentitySettings {
        IdentitySettings {
            anonymous_ids: limits::ANONYMOUS_IDS,
            secondary_emails: SECONDARY_EMAILS,
            merges: limits::MERGES,
            placeholders: Placeholders::default(),
            protect: true,
            different_external_id: DifferentExternalId::SameProfile,
            replaced_days: limits::REPLACED_DAYS,
        }
    }
}
