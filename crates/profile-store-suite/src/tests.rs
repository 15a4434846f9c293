//! The tests, by what they are about. The name of a test is what it promises.

#![allow(missing_docs, reason = "the name of a test is its documentation")]

pub mod adversary;
pub mod audits;
pub mod client_identifiers;
pub mod company_deletion;
pub mod decisions;
pub mod deletion;
pub mod different_external_id;
pub mod engine;
pub mod erasure;
pub mod explanations;
pub mod history;
pub mod imports;
pub mod intents;
pub mod large_profiles;
pub mod laws;
pub mod listing;
pub mod manual_merge;
pub mod property_limits;
pub mod protected_values;
pub mod pruning;
pub mod push_tokens;
pub mod repair;
pub mod replaced_values;
pub mod shared_engine;
pub mod simulation;
pub mod store;
pub mod stories;
pub mod tokens;
pub mod undo;
pub mod writers;
