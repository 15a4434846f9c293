//! The arguments that name the store which a command reads.

use std::{convert::Infallible, path::PathBuf};

use clap::{ArgGroup, Args};

use super::{AdminKey, AdminKeyError, AdminKeyText};
use crate::ops::{admin_client::AdminListener, backup::store_source::StoreSource};

/// The store that a command reads, as its arguments name it.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("source").required(true))]
pub struct SourceArguments {
    /// A file with the certificate of an admin listener that speaks TLS, or with those that lead to
    /// it, in PEM.
    #[arg(long, env = "GATEWAY_ADMIN_CERTIFICATE", value_name = "FILE", requires = "admin_url")]
    pub admin_certificate: Option<PathBuf>,
    /// A file with an admin key of the gateway.
    #[arg(long, env = "GATEWAY_ADMIN_KEY_FILE", value_name = "FILE", requires = "admin_url")]
    pub admin_key_file: Option<PathBuf>,
    /// The admin listener of a gateway that serves the store, such as `http://127.0.0.1:9090`,
    /// `https://gateway.example:9090` or `unix:/run/gateway/admin.sock`. The environment variable
    /// `GATEWAY_ADMIN_KEY` may have its admin key.
    #[arg(long, env = "GATEWAY_ADMIN_URL", value_name = "URL", group = "source")]
    pub admin_url: Option<String>,
    #[arg(long = "admin-key", env = "GATEWAY_ADMIN_KEY", hide = true, hide_env_values = true,
        value_parser = |text: &str| Ok::<_, Infallible>(AdminKeyText::from(text)))]
    admin_key: Option<AdminKeyText>,
    /// The data directory of a store that is not being served, or a backup.
    #[arg(long, env = "GATEWAY_DATA_DIR", value_name = "DIRECTORY", group = "source")]
    pub data_dir: Option<PathBuf>,
}

impl SourceArguments {
    /// The store.
    pub fn source(&self) -> Result<StoreSource, AdminKeyError> {
        let key = || AdminKey::find(self.admin_key_file.as_deref(), self.admin_key.as_ref());
        Ok(match &self.admin_url {
            Some(url) => StoreSource::Gateway(AdminListener {
                url: url.clone(),
                key: key()?,
                certificate: self.admin_certificate.clone(),
            }),
            None => StoreSource::DataDirectory(self.data_dir.clone().unwrap_or_default()),
        })
    }
}
