//! Who is this, and what do we now know.
//!
//! A [`Store`] takes [`Submission`]s, decides which profile each is about, merges
//! profiles that turn out to be one person, and answers with an [`Outcome`] once
//! that is stored. Decisions ([`resolve`], [`merge`], [`decide`]) are pure
//! functions over plain data; reading and writing happen in two places, through
//! an [`Engine`] that knows nothing but keys and values.
//!
//! You will *not* find HTTP here, nor JSON, nor rate limits.

pub mod engine;
pub mod limits;

#[cfg(test)]
mod arbitrary;
mod batch;
mod decide;
mod id_generator;
mod lane;
mod layout;
mod maintenance;
mod model;
mod read;
mod store;

pub use decide::{
    claims::{Claim, ClaimSource, Claims, InvalidToken, OnlySentinels, ProfileRef, Unsigned},
    decision::{Decision, DecisionContext, Merge, PropertiesTooLarge, Submission, decide},
    deletion::Delete,
    intent::{Intent, Rejected},
    manual_merge::MergeProfiles,
    merge::merge,
    resolution::{Resolution, Rules, resolve},
    sentinels::Sentinels,
    unmerge::{Unmerge, unmerge},
};
pub use engine::Engine;
pub use id_generator::{ENTROPY_BITS, IdGenerator, NoEntropy, SystemIdGenerator, Timestamp};
pub use layout::{
    record::InvalidRecord,
    sort_cursor::{InvalidSortCursor, SortCursor},
};
pub use maintenance::{
    audit::{Audit, Breach, audit},
    copy::{Copied, CopyError, copy},
    prune::Retention,
};
pub use model::{
    authored::Authored,
    import_job::{ImportBody, ImportError, ImportHead, ImportJob},
    link_digest::LinkDigest,
    outcome::{Caller, ClaimOutcome, ClaimResult, Effect, Ignored, Outcome, Refused},
    profile::{DoNotMerge, Identifier, Profile, ProfileIdentifiers},
};
pub use read::{
    history::{History, HistoryCursor},
    listing::{Listing, ProfilePage, SortKey, Span},
};
pub use store::{Durability, OpenError, Store, StoreError, StoreOptions, Undo, Unmerged};
