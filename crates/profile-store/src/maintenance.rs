//! Work on a whole store or a whole company: pruning, audits, copies and deletion.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod clock_status;
pub(crate) mod clock_trust;
pub(crate) mod clock_watch;
mod commit;
pub(crate) mod company_copy;
pub(crate) mod company_deletion;
pub(crate) mod company_profiles;
pub(crate) mod company_statistics;
mod copied_entries;
pub(crate) mod copy;
mod entry_pages;
pub(crate) mod format;
pub(crate) mod migration_plan;
pub(crate) mod prune;
pub(crate) mod retention;
pub(crate) mod schedule;
pub(crate) mod sender_key;
pub(crate) mod stored_companies;
pub(crate) mod text_search;
