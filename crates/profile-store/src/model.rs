//! The data that the store keeps and answers with, without behavior of its own.

pub(crate) mod authored;
pub(crate) mod claim;
pub(crate) mod deleted_company;
pub(crate) mod deletion_job;
pub(crate) mod encoded_properties;
pub(crate) mod identifier_loss;
pub(crate) mod identifiers;
pub(crate) mod import_job;
pub(crate) mod link_digest;
pub(crate) mod merge_record;
pub(crate) mod outcome;
pub(crate) mod profile;
pub(crate) mod push_token;
pub(crate) mod replaced;
pub(crate) mod request_id;
pub(crate) mod sender;
pub(crate) mod stored_profile;
pub(crate) mod token;
