//! What a company may configure about the identity of profiles.

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
}

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
        }
    }
}
