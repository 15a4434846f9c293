//! The arguments that name the store which gets a company.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::{AdminKey, AdminKeyError, admin_key::INTO_KEY};
use crate::ops::{
    admin_client::AdminListener,
    company_move::{CompanyTarget, TargetDirectory},
};

/// The store that gets a company, as its arguments name it.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").required(true).args(["into", "into_url"]))]
pub struct TargetArguments {
    /// The data directory of the other store, which is not being served. If it is empty or missing,
    /// it gets a new store.
    #[arg(long, env = "GATEWAY_INTO", value_name = "DIRECTORY")]
    into: Option<PathBuf>,
    /// A file with the certificate of the other admin listener, if it speaks TLS, or with those
    /// that lead to it, in PEM.
    #[arg(long, env = "GATEWAY_INTO_CERTIFICATE", value_name = "FILE", requires = "into_url")]
    into_certificate: Option<PathBuf>,
    /// A file with an admin key of the other gateway.
    #[arg(long, env = "GATEWAY_INTO_KEY_FILE", value_name = "FILE", requires = "into_url")]
    into_key_file: Option<PathBuf>,
    /// The admin listener of a gateway that serves the other store and has not configured the
    /// company. The environment variable `GATEWAY_INTO_KEY` may have its admin key.
    #[arg(long, env = "GATEWAY_INTO_URL", value_name = "URL")]
    into_url: Option<String>,
    /// The archive of the journal of the other data directory, if its gateway has one: the setting
    /// `journal_archive` [default: none].
    #[arg(long, env = "GATEWAY_JOURNAL_ARCHIVE", value_name = "DIRECTORY")]
    journal_archive: Option<PathBuf>,
}

impl TargetArguments {
    /// The store.
    pub fn target(&self) -> Result<CompanyTarget, AdminKeyError> {
        Ok(match &self.into_url {
            Some(url) => CompanyTarget::Gateway(AdminListener {
                url: url.clone(),
                key: AdminKey::find(INTO_KEY, self.into_key_file.as_deref())?,
                certificate: self.into_certificate.clone(),
            }),
            None => CompanyTarget::DataDirectory(TargetDirectory {
                directory: self.into.clone().unwrap_or_default(),
                archive: self.journal_archive.clone(),
            }),
        })
    }
}
