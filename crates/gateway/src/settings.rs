//! Settings: from the command line, the environment and the configuration file.
//!
//! Everything is parsed once, at the start, into a [`Configuration`]. Precedence: flag, environment
//! variable, file, default.

mod admin_key;
mod archive;
mod arguments;
mod certificate;
mod column_mapping;
mod configuration_text;
mod connections;
mod descriptions;
mod development;
mod disk;
mod document;
mod durability;
mod environment;
mod expected;
mod file;
mod issued_key;
mod listen_address;
mod listeners;
mod log;
mod otlp_endpoint;
mod problem;
mod schema;
mod secret_file;
mod secret_keys;
mod socket_mode;
mod source_arguments;
mod stopping;
mod table;
mod target_arguments;
mod traces;
mod transfer_arguments;
mod transfer_format;
mod written;

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use profile_store::{NoEntropy, Retention};

pub use self::{
    admin_key::{AdminKey, AdminKeyError, InvalidAdminKey},
    archive::ArchiveSettings,
    arguments::{
        BackupArguments, CheckArguments, CommandLine, CompactArguments, CompletionsArguments,
        ConfigArguments, DeleteCompanyArguments, DevArguments, GatewayCommand, HealthArguments,
        KeyArguments, ManArguments, MigrateArguments, MoveCompanyArguments, RestoreArguments,
        ServeArguments, StatsArguments, VerifyArguments,
    },
    certificate::CertificateError,
    column_mapping::{
        ColumnMapping, ColumnRules, ColumnTarget, InvalidColumnMapping, OtherColumns,
    },
    connections::Connections,
    development::{Development, DevelopmentKeyError, DevelopmentOptions},
    disk::DiskSettings,
    durability::{DurabilitySetting, InvalidDurability},
    issued_key::IssuedKey,
    listen_address::{InvalidListenAddress, ListenAddress},
    listeners::{InvalidListeners, ListenerSettings},
    log::LogSettings,
    otlp_endpoint::{InvalidOtlpEndpoint, OtlpEndpoint},
    problem::{Problem, Problems},
    secret_file::InvalidSecret,
    socket_mode::{InvalidSocketMode, SocketMode},
    source_arguments::SourceArguments,
    stopping::StopSettings,
    table::{InvalidTable, TableSetting},
    target_arguments::TargetArguments,
    traces::TraceSettings,
    transfer_arguments::{ExportArguments, ImportArguments},
    transfer_format::TransferFormat,
};
use self::{
    certificate::{CertificateFields, read_certificate},
    file::ConfigurationFile,
    log::LogFileFields,
};
pub(crate) use self::{
    configuration_text::{company_text, server_text},
    environment::unknown_variables,
};
use crate::{
    client::exchange_token::{ExchangeKey, KeyRing},
    http::{cidr::Cidr, client_address::TrustedProxies},
    limits,
    telemetry::LogFilter,
    tenants::{directory::Companies, private_key::KeyDigest},
    tls::certificate::ServedCertificate,
};

/// The default data directory.
const DATA_DIR: &str = "./data";

/// The validated configuration.
#[derive(Debug)]
pub struct Configuration {
    /// Who may use the endpoints of the admin listener that give data away.
    pub admin_keys: Vec<KeyDigest>,
    /// The certificate of listeners that speak TLS.
    pub certificate: Option<ServedCertificate>,
    /// The configured companies.
    pub companies: Companies,
    /// The generated company of development mode, if there is no configuration file.
    pub development: Option<Development>,
    /// The keys that seal and open exchange tokens, and the life of a token.
    pub exchange: KeyRing,
    /// How many of these keys are configured. If none is, the key is a generated one.
    pub exchange_keys: usize,
    /// The settings about the log.
    pub log: LogSettings,
    /// The settings of the server.
    pub server: ServerSettings,
    /// The proxies that may report the addresses of clients.
    pub trusted_proxies: TrustedProxies,
}

/// The settings of the server. Changing any of them requires a restart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerSettings {
    /// The archive of the journal.
    pub archive: ArchiveSettings,
    /// Bytes of memory that the store may use as a cache.
    pub cache_bytes: u64,
    /// The limits on client connections.
    pub connections: Connections,
    /// The data directory.
    pub data_dir: PathBuf,
    /// What the gateway demands of the disk.
    pub disk: DiskSettings,
    /// The durability of an acknowledged change.
    pub durability: DurabilitySetting,
    /// The listeners.
    pub listeners: ListenerSettings,
    /// The retention of outcomes.
    pub outcomes: Retention,
    /// How the process stops.
    pub stop: StopSettings,
    /// The kind of table of a new data directory.
    pub table: TableSetting,
    /// Where spans of requests are sent.
    pub traces: TraceSettings,
    /// The number of worker threads. `None`: one per processor.
    pub workers: Option<usize>,
}

impl ServerSettings {
    /// The settings that differ from these, by their names in the configuration file.
    pub(crate) fn changed(&self, new: &ServerSettings) -> Vec<&'static str> {
        let ServerSettings {
            archive: ArchiveSettings { directory, period },
            cache_bytes,
            connections,
            data_dir,
            disk: DiskSettings { wait_limit, marks, reserve_bytes },
            durability,
            listeners: ListenerSettings { admin, clients, socket_mode },
            outcomes,
            stop: StopSettings { drain, exits_on_failed_write },
            table,
            traces: TraceSettings { endpoint, sample_percent },
            workers,
        } = self;
        let compared = [
            ("journal_archive", *directory == new.archive.directory),
            ("journal_archive_seconds", *period == new.archive.period),
            ("admin_listen", *admin == new.listeners.admin),
            ("cache_mib", *cache_bytes == new.cache_bytes),
            ("connections", *connections == new.connections),
            ("data_dir", *data_dir == new.data_dir),
            ("disk_wait_seconds", *wait_limit == new.disk.wait_limit),
            ("client_free_mib", marks.client_bytes == new.disk.marks.client_bytes),
            ("server_free_mib", marks.server_bytes == new.disk.marks.server_bytes),
            ("reserve_mib", *reserve_bytes == new.disk.reserve_bytes),
            ("durability", *durability == new.durability),
            ("listen", *clients == new.listeners.clients),
            ("outcomes", *outcomes == new.outcomes),
            ("drain_seconds", *drain == new.stop.drain),
            ("exit_on_failed_write", *exits_on_failed_write == new.stop.exits_on_failed_write),
            ("table", *table == new.table),
            ("otlp_endpoint", *endpoint == new.traces.endpoint),
            ("otlp_sample_percent", *sample_percent == new.traces.sample_percent),
            ("unix_socket_mode", *socket_mode == new.listeners.socket_mode),
            ("workers", *workers == new.workers),
        ];
        compared.into_iter().filter_map(|(name, same)| (!same).then_some(name)).collect()
    }
}

impl ServeArguments {
    /// Builds the configuration from these arguments and the file they name.
    ///
    /// A reload calls this again. It may replace the companies. If the server settings differ, they
    /// need a restart. An error changes nothing.
    pub fn configure(&self) -> Result<Configuration, SettingsError> {
        match &self.config {
            Some(path) => self.configure_with(read(path)?),
            None => self.configure_development(),
        }
    }

    fn configure_with(&self, file: ConfigurationFile) -> Result<Configuration, SettingsError> {
        let server = self.server(Some(&file))?;
        let ConfigurationFile {
            admin_keys,
            certificate,
            companies,
            exchange_keys,
            exchange_token_days,
            log,
            trusted_proxies,
            ..
        } = file;
        let certificate = self.certificate(certificate, &server)?;
        let keys = self.exchange_keys(exchange_keys)?;
        Ok(Configuration {
            admin_keys,
            certificate,
            companies,
            development: None,
            exchange_keys: keys.len(),
            exchange: self.key_ring(keys, exchange_token_days)?,
            log: LogSettings::new(self, log),
            server,
            trusted_proxies: self.trusted_proxies(trusted_proxies),
        })
    }

    fn configure_development(&self) -> Result<Configuration, SettingsError> {
        let server = self.server(None)?;
        let is_exposed = |(_, address): &(_, &ListenAddress)| !address.is_of_this_machine();
        let exposed = server.listeners.all().find(is_exposed);
        if let (Some((flag, address)), false) = (exposed, self.development.is_exposed) {
            return Err(SettingsError::ExposedDevelopment { address: address.clone(), flag });
        }
        let certificate = self.certificate(CertificateFields::default(), &server)?;
        let development = Development::generate(self.development)?;
        let companies = Companies::from_iter([development.company()]);
        let keys = self.exchange_keys(vec![development.exchange_key.clone()])?;
        let exchange_keys = keys.len();
        let exchange = self.key_ring(keys, None)?;
        let development = Some(development);
        let trusted_proxies = self.trusted_proxies(Vec::new());
        let mut log = LogSettings::new(self, LogFileFields::default());
        if self.log.is_none() {
            // Each request is a line of development mode already.
            log.filter = LogFilter::without_refusals();
        }
        Ok(Configuration {
            admin_keys: Vec::new(),
            certificate,
            companies,
            development,
            exchange,
            exchange_keys,
            log,
            server,
            trusted_proxies,
        })
    }

    /// The keys in the file that an argument names, or else these.
    fn exchange_keys(
        &self,
        configured: Vec<ExchangeKey>,
    ) -> Result<Vec<ExchangeKey>, SettingsError> {
        let Some(path) = &self.exchange_keys_file else { return Ok(configured) };
        secret_file::read(path, limits::EXCHANGE_KEYS)
            .map_err(|source| SettingsError::ExchangeKeysFile { path: path.clone(), source })
    }

    /// The configured keys, or a generated key that exists only in this process.
    fn key_ring(
        &self,
        keys: Vec<ExchangeKey>,
        days_of_file: Option<u64>,
    ) -> Result<KeyRing, NoEntropy> {
        let mut keys = keys.into_iter();
        let ring = match keys.next() {
            Some(current) => KeyRing::new(current, keys),
            None => KeyRing::new(ExchangeKey::generate()?, []),
        };
        let days = self.exchange_token_days.or(days_of_file);
        Ok(ring.with_token_days(days.unwrap_or(limits::EXCHANGE_TOKEN_DAYS)))
    }

    /// The certificate, which addresses need at which TLS is spoken.
    fn certificate(
        &self,
        of_file: CertificateFields,
        server: &ServerSettings,
    ) -> Result<Option<ServedCertificate>, SettingsError> {
        let certificate = read_certificate(self, of_file)?;
        let mut addresses = server.listeners.all().map(|(_, address)| address);
        match addresses.find(|address| address.is_tls()) {
            Some(address) if certificate.is_none() => {
                Err(SettingsError::NoCertificate { address: address.clone() })
            }
            Some(_) | None => Ok(certificate),
        }
    }

    fn trusted_proxies(&self, of_file: Vec<Cidr>) -> TrustedProxies {
        self.trusted_proxies.clone().unwrap_or(of_file).into()
    }

    fn server(&self, file: Option<&ConfigurationFile>) -> Result<ServerSettings, SettingsError> {
        let listeners = file.map(|file| file.listeners.clone()).unwrap_or_default();
        let cache_mib = self.cache_mib.or(file.and_then(|file| file.cache_mib));
        let data_dir = self.data_dir.clone().or(file.and_then(|file| file.data_dir.clone()));
        let durability = self.durability.or(file.and_then(|file| file.durability));
        let table = self.table.or(file.and_then(|file| file.table));
        let workers = self.workers.or(file.and_then(|file| file.workers));
        Ok(ServerSettings {
            archive: ArchiveSettings::new(
                self,
                file.map(|file| file.archive.clone()).unwrap_or_default(),
            ),
            cache_bytes: cache_mib.unwrap_or(limits::CACHE_MIB) * 1024 * 1024,
            connections: file.map(|file| file.connections).unwrap_or_default(),
            data_dir: data_dir.unwrap_or_else(|| DATA_DIR.into()),
            disk: DiskSettings::new(self, file.map(|file| file.disk).unwrap_or_default()),
            durability: durability.unwrap_or_default(),
            listeners: ListenerSettings::new(self, listeners)?,
            outcomes: file.map(|file| file.outcomes).unwrap_or_default(),
            stop: StopSettings::new(self, file.map(|file| file.stop).unwrap_or_default()),
            table: table.unwrap_or_default(),
            traces: TraceSettings::new(
                self,
                file.map(|file| file.traces.clone()).unwrap_or_default(),
            ),
            workers: workers.and_then(|workers| workers.try_into().ok()),
        })
    }
}

impl Configuration {
    /// In development mode, takes the keys that the data directory has, or puts new ones there.
    pub(crate) fn keep_development_keys(
        &mut self,
        arguments: &ServeArguments,
    ) -> Result<(), SettingsError> {
        let Some(development) = &mut self.development else { return Ok(()) };
        development.keep_keys(&self.server.data_dir)?;
        self.companies = Companies::from_iter([development.company()]);
        let keys = arguments.exchange_keys(vec![development.exchange_key.clone()])?;
        self.exchange = arguments.key_ring(keys, None)?;
        Ok(())
    }
}

impl HealthArguments {
    /// The addresses of the admin listeners that `gateway serve` has with the same arguments.
    pub fn admin_listen(&self) -> Result<Vec<ListenAddress>, SettingsError> {
        let file = self.config.as_deref().map(read).transpose()?;
        let admin_listen = self.admin_listen.clone();
        let arguments = ServeArguments { admin_listen, ..Default::default() };
        Ok(arguments.server(file.as_ref())?.listeners.admin)
    }
}

impl CheckArguments {
    /// Validates the configuration file, and the certificate.
    pub fn check(&self) -> Result<Configuration, SettingsError> {
        let CheckArguments { config, data_dir, tls_certificate, tls_key } = self.clone();
        let config = Some(config);
        let arguments =
            ServeArguments { config, data_dir, tls_certificate, tls_key, ..Default::default() };
        arguments.configure()
    }
}

/// The summary of a valid configuration file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Summary {
    /// The number of companies.
    pub companies: usize,
    /// The number of private keys of all companies.
    pub keys: usize,
}

impl From<&Companies> for Summary {
    fn from(companies: &Companies) -> Summary {
        Summary {
            companies: companies.len(),
            keys: companies.iter().map(|company| company.keys.len()).sum(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "companies: {}, keys: {}", self.companies, self.keys)
    }
}

/// Why the settings are invalid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The certificate cannot be served.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The keys of development mode cannot be kept.
    #[error(transparent)]
    DevelopmentKeys(#[from] DevelopmentKeyError),
    /// The file that the argument names has no keys for exchange tokens.
    #[error("--exchange-keys-file {}", path.display())]
    ExchangeKeysFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: InvalidSecret,
    },
    /// There is no configuration file, and the address is reachable from other hosts.
    #[error(
        "--{flag} {address} can be reached from other machines: name a configuration file \
         with --config, or for development listen on 127.0.0.1 or run `gateway dev --expose`"
    )]
    ExposedDevelopment {
        /// The address.
        address: ListenAddress,
        /// The flag of the address.
        flag: &'static str,
    },
    /// The configuration file is invalid.
    #[error("{} is not a valid configuration:{problems}", path.display())]
    Invalid {
        /// The configuration file.
        path: PathBuf,
        /// All problems of the file.
        problems: Problems,
    },
    /// There cannot be these listeners.
    #[error(transparent)]
    Listeners(#[from] InvalidListeners),
    /// There is no certificate for an address at which TLS is spoken.
    #[error(
        "{address} needs a certificate: name its file and that of its private key as tls in the \
         configuration file, or with --tls-certificate and --tls-key"
    )]
    NoCertificate {
        /// The address.
        address: ListenAddress,
    },
    /// A private key could not be generated.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// The path is not a configuration file.
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
        /// The cause.
        source: io::Error,
    },
}

fn read(path: &Path) -> Result<ConfigurationFile, SettingsError> {
    let unreadable = |source| SettingsError::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let mut file = file.take(limits::CONFIGURATION_BYTES + 1);
    file.read_to_string(&mut text).map_err(unreadable)?;
    if file.limit() == 0 {
        return Err(SettingsError::TooLarge { path: path.to_owned() });
    }
    let parsed = ConfigurationFile::parse(&text)
        .map_err(|problems| SettingsError::Invalid { path: path.to_owned(), problems })?;
    if parsed.has_secrets {
        secret_file::report_readable(path, &metadata);
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests;
