//! Who may ask, and how we answer: the only crate that knows HTTP.
//!
//! The library is what the `gateway` program is made of, and what its tests
//! mount: [`server::routes`] is the whole URL table.

pub mod admin;
pub mod clock;
pub mod compaction;
pub mod companies;
pub mod core_files;
pub mod cors;
pub mod encoding;
pub mod exchange;
pub mod limits;
pub mod meters;
pub mod origin;
pub mod private_key;
pub mod quota;
pub mod refusal;
pub mod reply;
pub mod scope;
pub mod server;
pub mod settings;
pub mod signature;
pub mod state;
pub mod telemetry;

mod admission;
mod api;
mod auth;
mod body;
mod hexadecimal;
mod open_files;
mod patience;
mod profiles;
mod room;
mod submission;
mod turn_away;
mod turns;
