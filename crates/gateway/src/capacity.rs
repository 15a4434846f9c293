//! Capacity: how much of the gateway one company may use, and all companies together.
//!
//! The numbers stand in [`crate::limits`]; the files here enforce them.

pub mod client_network;
pub mod disk_space;
pub(crate) mod import_progress;
pub mod network_limiter;
pub mod rate_limit;
pub mod rate_limiter;

pub(crate) mod body_budget;
pub(crate) mod checkpoint_progress;
pub(crate) mod company_slots;
pub(crate) mod connection_table;
pub(crate) mod disk_wait;
pub(crate) mod open_connection;
pub(crate) mod refusal_lines;
