//! The tests that a profile store passes over every engine, and what they are written with.
//!
//! An engine of another crate runs all of them by [`engine_suite!`]. The parts serve other tests as
//! well: [`notation`] writes requests as a few words, [`harness`] sends them to a store and
//! describes the answers in words, [`model`] is the rules of identity written a second time, and
//! [`gated_engine`] and [`faulty_engine`] delay and break what an engine does.

// A new variant is decided on wherever the enum is matched.
#![warn(clippy::wildcard_enum_match_arm)]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::print_stdout,
    reason = "all of this crate is test code: a test that fails panics"
)]

pub mod archived_store;
pub mod engines;
pub mod expected_identities;
pub mod faulty_engine;
pub mod gated_engine;
pub mod generators;
pub mod harness;
pub mod interleaved_engine;
mod macros;
pub mod metered_client;
pub mod model;
pub mod notation;
pub mod random;
pub mod simulated_ids;
pub mod tests;
mod without_conflict;
pub mod wrapped_engine;
