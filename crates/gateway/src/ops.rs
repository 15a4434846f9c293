//! Operations: health, metrics, backups, and the commands on a store that is not being served.

pub mod admin;
pub mod backup;
pub mod compaction;
pub mod company_deletion;
pub mod company_move;
pub mod company_statistics;
pub mod copy_directory;
pub mod core_files;
pub mod development_reset;
pub mod erased;
pub mod health_check;
pub mod manual;
pub mod unconfigured;
pub mod verify;

pub(crate) mod admin_key;
pub(crate) mod archive_watch;
pub(crate) mod certificate_expiry;
pub(crate) mod connection_watch;
pub(crate) mod data_directory;
pub(crate) mod disk_reserve;
pub(crate) mod disk_watch;
pub(crate) mod history_watch;
pub(crate) mod open_files;
pub(crate) mod otlp_client;
pub(crate) mod periodic_task;
pub(crate) mod process_status;
pub(crate) mod readiness;
pub(crate) mod readings;
pub(crate) mod refusal_watch;
pub(crate) mod reload_status;
pub(crate) mod span_export;
