//! Profiles: what is kept about one person.

use std::collections::BTreeSet;

use profile_protocol::{Attributes, ProfileId};

use crate::{Authored, LinkDigest, ProfileIdentifiers, ProfileRef, ReplacedValue, Timestamp};

/// One person.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Profile {
    /// The id, which never changes.
    pub id: ProfileId,
    /// When the profile was created, or the earliest of the profiles merged into it.
    pub created: Timestamp,
    /// When the profile last changed.
    pub updated: Timestamp,
    /// The identifiers.
    pub identifiers: ProfileIdentifiers,
    /// The attributes.
    pub attributes: Attributes,
    /// The attributes that the company itself wrote.
    pub authored: Authored,
    /// The ids of the profiles that were merged into this one, directly or through another
    /// profile. Each is an alias of this profile.
    pub absorbed: Vec<ProfileId>,
    /// Those of them that requests of clients merged. The others count against the limit of the
    /// company's own merges.
    pub client_merges: BTreeSet<ProfileId>,
    /// The number of the newest outcome about this profile.
    pub last_outcome: Option<u64>,
    /// The do-not-merge marks, oldest first.
    pub do_not_merge: Vec<DoNotMerge>,
    /// When the exchange tokens of the profile, or of one that was merged into it, were revoked
    /// last. Tokens up to then do not count.
    pub tokens_revoked: Option<Timestamp>,
    /// What is noted about values that clients replaced, oldest first.
    pub replaced: Vec<ReplacedValue>,
    /// How many identifiers the profile has lost that still lead to it, so that an erasure finds
    /// it by them: at most [`limits::FORMER_IDENTIFIERS`](crate::limits::FORMER_IDENTIFIERS).
    pub former_identifiers: u32,
}

/// A do-not-merge mark: a merge that was undone and that the same claim must not repeat.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DoNotMerge {
    /// The profile that the marked profile was merged into.
    pub from: ProfileId,
    /// The digest of the claim that led to the merge. Any other claim may merge the two again.
    pub link: LinkDigest,
}

impl DoNotMerge {
    /// Marks a merge into `from` that a claim of this target led to.
    pub fn new(from: ProfileId, link: &ProfileRef) -> DoNotMerge {
        DoNotMerge { from, link: LinkDigest::from_link(from, link) }
    }
}

impl Profile {
    /// A profile without identifiers and attributes.
    pub fn new(id: ProfileId, now: Timestamp) -> Profile {
        Profile {
            id,
            created: now,
            updated: now,
            identifiers: ProfileIdentifiers::default(),
            attributes: Attributes::default(),
            authored: Authored::default(),
            absorbed: Vec::new(),
            client_merges: BTreeSet::new(),
            last_outcome: None,
            do_not_merge: Vec::new(),
            tokens_revoked: None,
            replaced: Vec::new(),
            former_identifiers: 0,
        }
    }
}
