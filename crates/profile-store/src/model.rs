//! What the store keeps and answers with, as plain data.

pub(crate) mod authored;
pub(crate) mod import_job;
pub(crate) mod link_digest;
pub(crate) mod outcome;
pub(crate) mod profile;
