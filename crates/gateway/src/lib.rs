//! The gateway: HTTP in front of the profile store.
//!
//! The library is what the `gateway` program is made of, and what its tests mount:
//! [`server::routes`] is the URL table.

// A new variant is decided on wherever the enum is matched.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod capacity;
pub mod client;
pub mod clock;
pub mod http;
pub mod limits;
pub mod metrics;
pub mod ops;
pub mod secret_key;
pub mod server;
pub mod settings;
pub mod state;
pub mod telemetry;
pub mod tenants;
pub mod tls;

mod api;
mod console;
mod endpoint_names;
mod endpoints;
mod hexadecimal;
mod submission;
