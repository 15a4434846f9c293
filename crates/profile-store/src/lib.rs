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
mod audit;
mod authored;
mod claims;
mod committer;
mod copy;
mod decision;
mod erase;
mod history;
mod import;
mod index;
mod intent;
mod join;
mod key;
mod link;
mod listing;
mod merge;
mod mint;
mod outcome;
mod pending;
mod position;
mod profile;
mod prune;
mod record;
mod resolution;
mod runs;
mod sentinel;
mod size;
mod store;
mod unmerge;
mod view;
mod writing;

pub use audit::{Audit, Breach, audit};
pub use authored::Authored;
pub use claims::{Claim, Claims, InvalidToken, Named, OnlySentinels, Origin, Unsigned};
pub use copy::{Copied, CopyError, copy};
pub use decision::{Decision, Merge, Moment, PropertiesTooLarge, Submission, decide};
pub use engine::Engine;
pub use erase::Delete;
pub use history::{History, HistoryCursor};
pub use import::{ImportBody, ImportError, ImportHead, ImportJob};
pub use intent::{Intent, Rejected};
pub use join::MergeProfiles;
pub use link::LinkDigest;
pub use listing::{Listing, ProfilePage, SortKey, Span};
pub use merge::merge;
pub use mint::{CHANCE_BITS, Mint, NoRandomness, SystemMint, Timestamp};
pub use outcome::{ClaimOutcome, Effect, Fate, Ignored, Outcome, Refused, Scope};
pub use position::{InvalidPosition, Position};
pub use profile::{Apart, Held, Identifier, Profile};
pub use prune::Retention;
pub use record::InvalidRecord;
pub use resolution::{Resolution, Rules, resolve};
pub use sentinel::Sentinels;
pub use store::{Durability, OpenError, Store, StoreError, StoreOptions, Undo, Unmerged};
pub use unmerge::{Unmerge, unmerge};
