//! Settings: from the command line, the environment and a file to one meaning.
//!
//! Everything is parsed once, at the start, and only [`Configuration`] travels. A
//! flag wins over its environment variable, that over the file, and the file over
//! the default.

mod arguments;
mod connections;
mod development;
mod document;
mod file;
mod issued_key;
mod problem;

use std::{
    error::Error,
    fmt, fs,
    io::{self, Read},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::ValueEnum;
use profile_store::Retention;

use self::file::File;
pub use self::{
    arguments::{
        Arguments, CheckArguments, Command, CompactArguments, KeyArguments, ServeArguments,
        VerifyArguments,
    },
    connections::Connections,
    development::Development,
    issued_key::IssuedKey,
    problem::{Problem, Problems},
};
use crate::{
    companies::Companies,
    exchange::{ExchangeKey, KeyRing},
    limits,
    private_key::NoRandomness,
};

/// Where clients are served, unless told otherwise.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Where health and metrics are served, unless told otherwise.
const ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

/// Where profiles are stored, unless told otherwise.
const DATA_DIR: &str = "./data";

/// Everything the gateway was told, found to be right.
#[derive(Debug)]
pub struct Configuration {
    /// The companies to serve.
    pub companies: Companies,
    /// What is made up when there is no configuration file.
    pub development: Option<Development>,
    /// The keys that seal and open exchange tokens.
    pub exchange: KeyRing,
    /// How to serve them.
    pub server: Server,
}

/// How to serve. Changing any of it takes a restart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Server {
    /// Where health and metrics are served.
    pub admin_listen: SocketAddr,
    /// Memory the store may use as a cache.
    pub cache_bytes: u64,
    /// How many connections of clients there may be, and how long each may take.
    pub connections: Connections,
    /// Where profiles are stored.
    pub data_dir: PathBuf,
    /// What an answer promises.
    pub durability: Durability,
    /// Where clients are served.
    pub listen: SocketAddr,
    /// How long outcomes are kept.
    pub outcomes: Retention,
    /// Threads that serve requests; one a processor, if `None`.
    pub workers: Option<usize>,
}

/// What an answer promises about the change it acknowledges.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Durability {
    /// The change is on disk.
    #[default]
    Flushed,
    /// The change is visible, and on disk soon after.
    Relaxed,
}

impl FromStr for Durability {
    type Err = InvalidDurability;

    fn from_str(text: &str) -> Result<Durability, InvalidDurability> {
        match text {
            "flushed" => Ok(Durability::Flushed),
            "relaxed" => Ok(Durability::Relaxed),
            _ => Err(InvalidDurability),
        }
    }
}

/// Some text names no [`Durability`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be \"flushed\" or \"relaxed\"")]
pub struct InvalidDurability;

impl ServeArguments {
    /// What these arguments mean, together with the file they name.
    ///
    /// Called again to reload: the companies may then be replaced, and a server
    /// that compares unequal takes a restart. An error changes nothing.
    pub fn configure(&self) -> Result<Configuration, SettingsError> {
        match &self.config {
            Some(path) => {
                let file = read(path)?;
                let server = self.server(Some(&file))?;
                let File { companies, exchange_keys, .. } = file;
                let exchange = key_ring(exchange_keys)?;
                Ok(Configuration { companies, development: None, exchange, server })
            }
            None => self.configure_development(),
        }
    }

    fn configure_development(&self) -> Result<Configuration, SettingsError> {
        let server = self.server(None)?;
        for (flag, address) in [("listen", server.listen), ("admin-listen", server.admin_listen)] {
            if !address.ip().is_loopback() {
                return Err(SettingsError::ExposedDevelopment { address, flag });
            }
        }
        let (development, company) = Development::invent()?;
        let companies = Companies::from_iter([company]);
        let exchange = key_ring(Vec::new())?;
        Ok(Configuration { companies, development: Some(development), exchange, server })
    }

    fn server(&self, file: Option<&File>) -> Result<Server, SettingsError> {
        let listen = self.listen.or(file.and_then(|file| file.listen)).unwrap_or(LISTEN);
        let admin_listen = self.admin_listen.or(file.and_then(|file| file.admin_listen));
        let admin_listen = admin_listen.unwrap_or(ADMIN_LISTEN);
        if listen == admin_listen && listen.port() != 0 {
            return Err(SettingsError::SharedAddress { address: listen });
        }
        let cache_mib = self.cache_mib.or(file.and_then(|file| file.cache_mib));
        let data_dir = self.data_dir.clone().or(file.and_then(|file| file.data_dir.clone()));
        let durability = self.durability.or(file.and_then(|file| file.durability));
        let workers = self.workers.or(file.and_then(|file| file.workers));
        Ok(Server {
            admin_listen,
            cache_bytes: cache_mib.unwrap_or(limits::CACHE_MIB) * 1024 * 1024,
            connections: file.map(|file| file.connections).unwrap_or_default(),
            data_dir: data_dir.unwrap_or_else(|| DATA_DIR.into()),
            durability: durability.unwrap_or_default(),
            listen,
            outcomes: file.map(|file| file.outcomes).unwrap_or_default(),
            workers: workers.and_then(|workers| workers.try_into().ok()),
        })
    }
}

/// The keys as configured, or else one that nobody knows and that is gone with
/// the process.
fn key_ring(keys: Vec<ExchangeKey>) -> Result<KeyRing, NoRandomness> {
    let mut keys = keys.into_iter();
    match keys.next() {
        Some(minting) => Ok(KeyRing::new(minting, keys)),
        None => Ok(KeyRing::new(ExchangeKey::id_generator()?, [])),
    }
}

/// What went wrong, and every cause of it that is known, in one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}

impl CheckArguments {
    /// What a right file holds, for people. A wrong one is the error.
    pub fn check(&self) -> Result<Summary, SettingsError> {
        let arguments = ServeArguments { config: Some(self.config.clone()), ..Default::default() };
        let companies = arguments.configure()?.companies;
        Ok(Summary {
            companies: companies.len(),
            keys: companies.iter().map(|company| company.keys.len()).sum(),
        })
    }
}

/// What a right configuration file holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Summary {
    /// How many companies it configures.
    pub companies: usize,
    /// How many keys they have together.
    pub keys: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "companies: {}, keys: {}", self.companies, self.keys)
    }
}

/// Why the gateway cannot start, or reload, with these settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// Without a configuration file, somebody else could reach the gateway.
    #[error(
        "--{flag} {address} can be reached from other machines: name a configuration file \
         with --config, or listen on 127.0.0.1 for development"
    )]
    ExposedDevelopment {
        /// Where it would have listened.
        address: SocketAddr,
        /// The flag that says so.
        flag: &'static str,
    },
    /// The configuration file says something that cannot be.
    #[error("{} is not a valid configuration:{problems}", path.display())]
    Invalid {
        /// The configuration file.
        path: PathBuf,
        /// All that is wrong with it.
        problems: Problems,
    },
    /// No private key could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// Clients would be served health and metrics.
    #[error("clients, and health and metrics, cannot both be served at {address}")]
    SharedAddress {
        /// The address both have.
        address: SocketAddr,
    },
    /// The configuration file is no configuration file.
    #[error("{} is larger than {} bytes", path.display(), limits::CONFIGURATION_BYTES)]
    TooLarge {
        /// The configuration file.
        path: PathBuf,
    },
    /// The configuration file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The configuration file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

fn read(path: &Path) -> Result<File, SettingsError> {
    let unreadable = |source| SettingsError::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    let mut file = fs::File::open(path).map_err(unreadable)?.take(limits::CONFIGURATION_BYTES + 1);
    file.read_to_string(&mut text).map_err(unreadable)?;
    if file.limit() == 0 {
        return Err(SettingsError::TooLarge { path: path.to_owned() });
    }
    File::parse(&text)
        .map_err(|problems| SettingsError::Invalid { path: path.to_owned(), problems })
}

#[cfg(test)]
mod tests;
