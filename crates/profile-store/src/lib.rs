//! The profile store: it decides which profile a request concerns, and keeps profiles.
//!
//! A [`Store`] takes [`Submission`]s, decides which profile each concerns, merges profiles that
//! belong to one person, and answers with an [`Outcome`] once the result is stored. Decisions
//! ([`resolve`], [`merge()`], [`decide`]) are pure functions of plain data. An [`Engine`] reads and
//! writes keys and values, and knows nothing of profiles.
//!
//! This crate contains no HTTP and no rate limits.

// A new variant is decided on wherever the enum is matched.
#![warn(clippy::wildcard_enum_match_arm)]

pub use profile_engine as engine;
pub mod limits;

#[cfg(test)]
mod arbitrary;
mod batch;
mod decide;
mod error;
mod id_generator;
mod lane;
mod layout;
mod maintenance;
mod model;
mod read;
mod store;
mod sync;

pub use decide::{
    claims::{Claims, OnlyPlaceholders},
    decision::{Decision, DecisionError, decide},
    deletion::Delete,
    identity_settings::{DifferentExternalId, IdentitySettings, InvalidDifferentExternalId},
    intent::{Intent, Rejected},
    manual_merge::MergeProfiles,
    merge::merge,
    placeholders::Placeholders,
    push_tokens::RemovePushToken,
    repair::RepairedSender,
    resolution::{Resolution, resolve},
    size::PropertiesTooLarge,
    submission::{DecisionContext, Submission, SubmittedProfile},
    token_revocation::{RevocationScope, RevokeTokens},
    undo::{Undo, Unmerged},
    unmerge::{Unmerge, unmerge},
};
pub use engine::{Durability, Engine};
pub use error::StoreError;
pub use id_generator::{ENTROPY_BITS, IdGenerator, NoEntropy, SystemIdGenerator, Timestamp};
pub use lane::statistics::{BATCH_SIZES, BatchCounts, LaneStatus};
pub use layout::{
    record::InvalidRecord,
    sort_cursor::{InvalidSortCursor, SortCursor, SortKey},
};
pub use maintenance::{
    audit::{Audit, Breach, audit, audit_in_steps},
    backup::{
        BackupSource, BackupTarget, GrowingBackup, backup_position, batch_time,
        forget_backup_position, newest_outcome_time,
    },
    company_copy::{CompanyCopy, CopyCompanyError},
    company_deletion::{DeleteCompanyError, delete_company, delete_company_in_steps},
    company_profiles::{CompanyProfiles, CompanyProfilesError},
    company_statistics::{CompanyStatistics, StatisticsCounter},
    copy::{Copied, CopyError, copy, copy_in_steps},
    format::FormatError,
    migration_plan::{MigrationError, MigrationPlan, migrate_layout, planned_migration},
    retention::Retention,
    stored_companies::{StoredCompanies, stored_companies},
    text_search::{FoundText, TextFinder, TextSearch, search_texts},
};
pub use model::{
    authored::Authored,
    claim::{Claim, ClaimAuthor, ClaimSource, ProfileRef, Unsigned},
    deleted_company::DeletedCompany,
    deletion_job::{Deleted, DeletionJob, FoundBy},
    encoded_properties::DamagedProperty,
    identifier_loss::{IdentifierLoss, LostIdentifier},
    identifiers::{Device, Identifier, ProfileIdentifiers, SingleKinds},
    import_job::{ImportBody, ImportError, ImportHead, ImportJob, ImportRow},
    link_digest::LinkDigest,
    merge_record::Merge,
    outcome::{Caller, ClaimOutcome, ClaimResult, Effect, Ignored, Outcome, Refused},
    profile::{DoNotMerge, Profile},
    push_token::{OwnedPushToken, PushTokenId, PushTokenOutcome, PushTokenResult, StoredPushToken},
    replaced::{
        AttributeDigest, AttributeValue, KeptValue, KeptValues, ReplacedValue, ValueDigest,
    },
    request_id::{InvalidRequestId, RequestId, RequestIds, TraceId},
    sender::{RequestSender, SenderDigest, SenderKey},
    stored_profile::StoredProfile,
    token::{DeviceDigest, InvalidToken, TokenContent, TokenTerms},
};
pub use read::{
    history::{History, HistoryCursor},
    listing::{Listing, ProfilePage, Span},
    profile_walk::{DamagedProfile, ProfileWalk, ProfilesRead},
    push_tokens::{PushTokenCursor, PushTokenListing, PushTokenPage},
    writers::{ValueSource, WrittenPart},
};
pub use store::{
    Background, OpenError, Store, StoreOptions,
    details::MergeSummary,
    profile_count::ProfileCountSoFar,
    repair::{Repair, RepairError, Repaired},
};
