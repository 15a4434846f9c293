//! Development mode: one company, without a configuration file.

use std::{fs, io, num::NonZeroU32, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc};

use profile_protocol::CompanyId;
use profile_store::NoEntropy;

use super::listen_address::ListenAddress;
use crate::{
    capacity::rate_limit::RateLimit,
    client::exchange_token::ExchangeKey,
    limits,
    ops::data_directory::KEY_FILE,
    tenants::{
        directory::{Company, CompanyKey},
        private_key::PrivateKey,
        scope::KeyScopes,
    },
};

/// What the command line asks of development mode.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DevelopmentOptions {
    /// Whether other machines may reach the gateway.
    pub is_exposed: bool,
    /// Whether the stored data are deleted first.
    pub is_reset: bool,
}

/// The company of development mode, and its keys.
#[derive(Debug)]
pub struct Development {
    /// The id of the company.
    pub company: CompanyId,
    /// A private key of the company with every scope.
    pub private_key: PrivateKey,
    /// The key that seals exchange tokens.
    pub(crate) exchange_key: ExchangeKey,
    /// What the command line asks for.
    pub options: DevelopmentOptions,
}

/// Why the keys of development mode cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentKeyError {
    /// The file cannot be read or written.
    #[error("{path} cannot be read or written")]
    File {
        /// The file.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// The file does not have two keys.
    #[error("{path} does not have the keys of development mode; remove it to get new ones")]
    Malformed {
        /// The file.
        path: String,
    },
}

impl Development {
    /// Generates the keys of the company.
    pub(super) fn generate(options: DevelopmentOptions) -> Result<Development, NoEntropy> {
        let company = "DEMO01".parse().expect("DEMO01 is a company id");
        let (private_key, exchange_key) = (PrivateKey::generate()?, ExchangeKey::generate()?);
        Ok(Development { company, private_key, exchange_key, options })
    }

    /// Takes the keys that the data directory has, or puts these there.
    pub(super) fn keep_keys(&mut self, data_dir: &Path) -> Result<(), DevelopmentKeyError> {
        let file = data_dir.join(KEY_FILE);
        let path = file.display().to_string();
        match fs::read_to_string(&file) {
            Ok(text) => {
                let kept = parse_keys(&text).ok_or(DevelopmentKeyError::Malformed { path })?;
                (self.private_key, self.exchange_key) = kept;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.write_keys(&file).map_err(|source| DevelopmentKeyError::File { path, source })
            }
            Err(source) => Err(DevelopmentKeyError::File { path, source }),
        }
    }

    /// Writes the file for its owner alone.
    fn write_keys(&self, file: &Path) -> io::Result<()> {
        let text = format!("{}\n{}\n", self.private_key.reveal(), self.exchange_key.reveal());
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(file)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        file.sync_all()
    }

    /// The company. A test of an application sends everything from one address, so that address may
    /// send as much as the company.
    pub(super) fn company(&self) -> Company {
        let key = CompanyKey {
            name: "development".parse().expect("development is a key's name"),
            digest: self.private_key.digest(),
            scopes: KeyScopes::all(),
        };
        Company {
            id: self.company.clone(),
            allowed_origins: None,
            limits: limits::CLIENT_RATE_LIMIT,
            network_limits: RateLimit::NONE,
            api_limits_factor: NonZeroU32::MIN,
            signed_identity: None,
            inspect: true,
            identity: Arc::default(),
            keys: Box::new([key]),
        }
    }

    /// The text to show to the operator. The gateway listens at this address.
    pub fn announcement(&self, listening: &ListenAddress) -> String {
        let company = &self.company;
        let (options, origin) = listening.for_curl();
        format!(
            "No configuration file: serving company {company} for development.\n\n\
             Private key, until {KEY_FILE} in the data directory is removed:\n\n{}\n\n\
             Try it:\n\n\
             curl -i {options}'{origin}/client/profiles?company_id={company}' \\\n  \
             -H 'content-type: application/vnd.api+json' -H 'revision: 2026-07-15' \\\n  \
             -d '{{\"data\":{{\"type\":\"profile\",\"attributes\":\
             {{\"email\":\"sarah@example.com\",\"first_name\":\"Sarah\"}}}}}}'\n\n\
             Each request is a line here: status, method, path, company, result, profile.\n",
            self.private_key.reveal(),
        )
    }
}

/// The two keys, each on a line.
fn parse_keys(text: &str) -> Option<(PrivateKey, ExchangeKey)> {
    let mut lines = text.lines();
    let keys = (PrivateKey::parse(lines.next()?)?, lines.next()?.parse().ok()?);
    lines.next().is_none().then_some(keys)
}
