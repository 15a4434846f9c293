//! The command line, and its environment variables.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use clap_complete::Shell;
use profile_protocol::{CompanyId, NamedTime};

use super::{
    AdminKeyError, DevelopmentOptions, DurabilitySetting, ExportArguments, ImportArguments,
    ListenAddress, OtlpEndpoint, SocketMode, SourceArguments, TableSetting, TargetArguments,
};
use crate::{
    http::cidr::Cidr,
    limits,
    ops::backup::{
        command::BackupFrom,
        restore_end::{BatchNumber, RestoreEnd},
    },
    telemetry::LogFilter,
    tenants::{directory::KeyName, scope::KeyScope},
};

/// Receives, merges and stores profiles over the protocol of Klaviyo's client API.
#[derive(Debug, Parser)]
#[command(name = "gateway", version)]
pub struct CommandLine {
    /// The command.
    #[command(subcommand)]
    pub command: GatewayCommand,
    /// The log filter, such as `info` or `warn,gateway=debug` [default: info].
    #[arg(long, env = "GATEWAY_LOG", global = true, value_name = "FILTER")]
    pub log: Option<LogFilter>,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum GatewayCommand {
    /// Write a backup of a store, or add to one what was committed since; then verify it.
    Backup(BackupArguments),
    /// Check a configuration file, and name companies that have data and are not in it; exit 1 if
    /// it is invalid.
    Check(CheckArguments),
    /// Copy a store that is not being served into a new directory, without deleted data.
    Compact(CompactArguments),
    /// Print a script that completes commands and flags in a shell.
    Completions(CompletionsArguments),
    /// Print the default configuration file, the JSON Schema of such files, or the configuration
    /// in force.
    Config(ConfigArguments),
    /// Delete all data of one company.
    DeleteCompany(DeleteCompanyArguments),
    /// Serve one company for development, without a configuration file, and print a line about each
    /// request.
    Dev(DevArguments),
    /// Write the profiles of one company into a file.
    Export(ExportArguments),
    /// Ask a serving gateway whether it is ready; exit 1 if it is not.
    Health(HealthArguments),
    /// Store the profiles of a file in one company; exit 1 if a row was refused.
    Import(Box<ImportArguments>),
    /// Print a new private key and the configuration lines for it.
    Key(KeyArguments),
    /// Write the manual pages of all commands into a directory.
    Man(ManArguments),
    /// Migrate the layout of a store that is not being served, as the next start would, or find out
    /// what that would do.
    Migrate(MigrateArguments),
    /// Copy all data of one company into another store.
    MoveCompany(MoveCompanyArguments),
    /// Restore a backup into a new data directory, up to a time if there is an archive of the
    /// journal.
    Restore(RestoreArguments),
    /// Serve until stopped by a signal.
    Serve(ServeArguments),
    /// Count the profiles, identifiers, merges and bytes of each company.
    Stats(StatsArguments),
    /// Check every invariant of a store that is not being served; exit 1 on a breach.
    Verify(VerifyArguments),
}

/// The arguments of `gateway backup`.
#[derive(Debug, Args)]
pub struct BackupArguments {
    // The first, since reading an argument takes it out, and this one looks for an archive.
    /// The store.
    #[command(flatten)]
    pub source: SourceArguments,
    /// The archive of the journal of the store, from which a backup gets what it does not have.
    #[arg(long, env = "GATEWAY_ARCHIVE", value_name = "DIRECTORY", group = "source")]
    pub archive: Option<PathBuf>,
    /// The directory of the backup. If it is empty or missing, it gets a whole backup.
    #[arg(long, env = "GATEWAY_INTO", value_name = "DIRECTORY")]
    pub into: PathBuf,
}

impl BackupArguments {
    /// Where the backup comes from.
    pub fn source(&self) -> Result<BackupFrom, AdminKeyError> {
        let archive = self.archive.as_ref().filter(|_| self.source.is_archive());
        Ok(match archive {
            Some(archive) => BackupFrom::Archive(archive.clone()),
            None => BackupFrom::Store(self.source.source()?),
        })
    }
}

/// The arguments of `gateway check`.
#[derive(Clone, Debug, Args)]
pub struct CheckArguments {
    /// The configuration file.
    #[arg(long, env = "GATEWAY_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// The data directory [default: that of the configuration file].
    #[arg(long, env = "GATEWAY_DATA_DIR", value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// The certificate in PEM [default: that of the configuration file].
    #[arg(long, env = "GATEWAY_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// The private key of the certificate, in PEM [default: that of the configuration file].
    #[arg(long, env = "GATEWAY_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}

/// The arguments of `gateway compact`.
#[derive(Debug, Args)]
pub struct CompactArguments {
    /// The data directory.
    #[arg(long, env = "GATEWAY_DATA_DIR", value_name = "DIRECTORY")]
    pub data_dir: PathBuf,
    /// The directory for the copy; it must be empty or not exist.
    #[arg(long, env = "GATEWAY_INTO", value_name = "DIRECTORY")]
    pub into: PathBuf,
    /// The archive of the journal, if the gateway has one: its setting `journal_archive` [default:
    /// none].
    #[arg(long, env = "GATEWAY_JOURNAL_ARCHIVE", value_name = "DIRECTORY")]
    pub journal_archive: Option<PathBuf>,
    /// The kind of table of the copy [default: redb].
    #[arg(long, env = "GATEWAY_TABLE", value_enum)]
    pub table: Option<TableSetting>,
}

/// The arguments of `gateway completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell.
    pub shell: Shell,
}

/// The arguments of `gateway config`: which text is asked for, and for the configuration in force
/// the arguments of `gateway serve`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("text").required(true).args(["print", "print_default", "schema"])))]
pub struct ConfigArguments {
    /// Print the configuration that `gateway serve` has with these arguments, without secrets.
    #[arg(long, env = "GATEWAY_PRINT")]
    pub print: bool,
    /// Print a configuration file with every setting, its meaning and its default.
    #[arg(long, env = "GATEWAY_PRINT_DEFAULT")]
    pub print_default: bool,
    /// Print the JSON Schema of configuration files.
    #[arg(long, env = "GATEWAY_SCHEMA")]
    pub schema: bool,
    /// The arguments of `gateway serve`.
    #[command(flatten)]
    pub serve: ServeArguments,
}

/// The arguments of `gateway delete-company`.
#[derive(Debug, Args)]
pub struct DeleteCompanyArguments {
    /// The company whose data are deleted.
    #[arg(long, env = "GATEWAY_COMPANY", value_name = "ID")]
    pub company: CompanyId,
    /// The id of the company once more. Without it, the command asks for the id on the terminal.
    #[arg(long, env = "GATEWAY_CONFIRM", value_name = "ID")]
    pub confirm: Option<CompanyId>,
    /// The archive of the journal of a data directory, if its gateway has one: the setting
    /// `journal_archive` [default: none].
    #[arg(long, env = "GATEWAY_JOURNAL_ARCHIVE", value_name = "DIRECTORY")]
    pub journal_archive: Option<PathBuf>,
    /// The store.
    #[command(flatten)]
    pub source: SourceArguments,
}

/// The arguments of `gateway dev`.
#[derive(Clone, Debug, Args)]
pub struct DevArguments {
    /// The addresses for health and metrics [default: 127.0.0.1:9090].
    #[arg(
        long,
        env = "GATEWAY_ADMIN_LISTEN",
        value_delimiter = ',',
        value_name = "ADDRESSES",
        num_args = 1
    )]
    pub admin_listen: Option<Vec<ListenAddress>>,
    /// The data directory [default: ./data].
    #[arg(long, env = "GATEWAY_DATA_DIR", value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// Allow addresses that other machines can reach, such as 0.0.0.0:8080.
    #[arg(long, env = "GATEWAY_EXPOSE")]
    pub expose: bool,
    /// The addresses for clients [default: 127.0.0.1:8080].
    #[arg(
        long,
        env = "GATEWAY_LISTEN",
        value_delimiter = ',',
        value_name = "ADDRESSES",
        num_args = 1
    )]
    pub listen: Option<Vec<ListenAddress>>,
    /// Delete all stored data first. The private key stays.
    #[arg(long, env = "GATEWAY_RESET")]
    pub reset: bool,
    /// The certificate in PEM, for addresses that begin with `https://`.
    #[arg(long, env = "GATEWAY_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// The private key of the certificate, in PEM.
    #[arg(long, env = "GATEWAY_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}

impl From<DevArguments> for ServeArguments {
    fn from(arguments: DevArguments) -> ServeArguments {
        let DevArguments {
            admin_listen,
            data_dir,
            expose,
            listen,
            reset,
            tls_certificate,
            tls_key,
        } = arguments;
        let development = DevelopmentOptions { is_exposed: expose, is_reset: reset };
        ServeArguments {
            admin_listen,
            data_dir,
            development,
            listen,
            tls_certificate,
            tls_key,
            ..ServeArguments::default()
        }
    }
}

/// The arguments of `gateway health`.
#[derive(Debug, Args)]
pub struct HealthArguments {
    /// The addresses for health and metrics [default: 127.0.0.1:9090]. The first without TLS is
    /// asked.
    #[arg(
        long,
        env = "GATEWAY_ADMIN_LISTEN",
        value_name = "ADDRESSES",
        value_delimiter = ',',
        num_args = 1
    )]
    pub admin_listen: Option<Vec<ListenAddress>>,
    /// The configuration file, which may name the address.
    #[arg(long, env = "GATEWAY_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The arguments of `gateway key`.
#[derive(Debug, Args)]
pub struct KeyArguments {
    /// Make an admin key, which belongs to no company.
    #[arg(long, env = "GATEWAY_ADMIN", conflicts_with_all = ["company", "name", "scope"])]
    pub admin: bool,
    /// The company of the key.
    #[arg(long, env = "GATEWAY_COMPANY", value_name = "ID", required_unless_present = "admin")]
    pub company: Option<CompanyId>,
    /// The name of the key; generated by default.
    #[arg(long, env = "GATEWAY_NAME")]
    pub name: Option<KeyName>,
    /// The scopes of the key: profiles:read, profiles:write, data-privacy:write, push-tokens:read,
    /// push-tokens:write.
    #[arg(
        long,
        env = "GATEWAY_SCOPE",
        required_unless_present = "admin",
        value_delimiter = ',',
        value_name = "SCOPES"
    )]
    pub scope: Vec<KeyScope>,
}

/// The arguments of `gateway man`.
#[derive(Debug, Args)]
pub struct ManArguments {
    /// The directory for the pages; it is created if it does not exist.
    #[arg(long, env = "GATEWAY_INTO", value_name = "DIRECTORY")]
    pub into: PathBuf,
}

/// The arguments of `gateway migrate`.
#[derive(Debug, Args)]
pub struct MigrateArguments {
    /// The data directory.
    #[arg(long, env = "GATEWAY_DATA_DIR", value_name = "DIRECTORY")]
    pub data_dir: PathBuf,
    /// Print what the migration would do and how long it would take, and write nothing.
    #[arg(long, env = "GATEWAY_DRY_RUN")]
    pub dry_run: bool,
    /// The archive of the journal, if the gateway has one: its setting `journal_archive` [default:
    /// none].
    #[arg(long, env = "GATEWAY_JOURNAL_ARCHIVE", value_name = "DIRECTORY")]
    pub journal_archive: Option<PathBuf>,
}

/// The arguments of `gateway move-company`.
#[derive(Debug, Args)]
pub struct MoveCompanyArguments {
    /// The company.
    #[arg(long, env = "GATEWAY_COMPANY", value_name = "ID")]
    pub company: CompanyId,
    /// The store that gets the company.
    #[command(flatten)]
    pub target: TargetArguments,
    /// The store that has the company.
    #[command(flatten)]
    pub source: SourceArguments,
}

/// The arguments of `gateway restore`.
#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// The archive of the journal of the store that the backup was made of.
    #[arg(long, env = "GATEWAY_ARCHIVE", value_name = "DIRECTORY")]
    pub archive: Option<PathBuf>,
    /// The directory of the backup, which stays as it is.
    #[arg(long, env = "GATEWAY_BACKUP", value_name = "DIRECTORY")]
    pub backup: PathBuf,
    /// The new data directory; it must be empty or not exist.
    #[arg(long, env = "GATEWAY_INTO", value_name = "DIRECTORY")]
    pub into: PathBuf,
    /// Leave out what was committed after this time, such as `2026-11-30T12:00:00Z` [default:
    /// leave out nothing].
    #[arg(long, env = "GATEWAY_UNTIL", value_name = "TIME", requires = "archive")]
    pub until: Option<NamedTime>,
    /// Leave out what comes after this position in the journal, such as `12:345`, which `gateway
    /// backup` and `gateway restore` print [default: leave out nothing].
    #[arg(
        long,
        env = "GATEWAY_UNTIL_POSITION",
        value_name = "POSITION",
        requires = "archive",
        conflicts_with = "until"
    )]
    pub until_position: Option<BatchNumber>,
}

impl RestoreArguments {
    /// Where the restore ends.
    pub fn end(&self) -> RestoreEnd {
        let time = self.until.map(RestoreEnd::Time);
        time.or(self.until_position.map(RestoreEnd::Position)).unwrap_or_default()
    }
}

/// The arguments of `gateway stats`.
#[derive(Debug, Args)]
pub struct StatsArguments {
    /// The only company to count.
    #[arg(long, env = "GATEWAY_COMPANY", value_name = "ID")]
    pub company: Option<CompanyId>,
    /// Print a JSON object for each company.
    #[arg(long, env = "GATEWAY_JSON")]
    pub json: bool,
    /// The store.
    #[command(flatten)]
    pub source: SourceArguments,
}

/// The arguments of `gateway serve`. Each of them overrides the configuration file.
#[derive(Clone, Debug, Args, Default)]
pub struct ServeArguments {
    /// Log every request [default: false].
    #[arg(
        long,
        env = "GATEWAY_ACCESS_LOG",
        num_args = 0..=1,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub access_log: Option<bool>,
    /// The addresses for health and metrics [default: 127.0.0.1:9090].
    #[arg(
        long,
        env = "GATEWAY_ADMIN_LISTEN",
        value_delimiter = ',',
        value_name = "ADDRESSES",
        num_args = 1
    )]
    pub admin_listen: Option<Vec<ListenAddress>>,
    /// The memory that the store may use as a cache, in MiB [default: 1024].
    #[arg(long, env = "GATEWAY_CACHE_MIB", value_name = "MIB",
        value_parser = clap::value_parser!(u64).range(limits::CACHE_MIB_RANGE))]
    pub cache_mib: Option<u64>,
    /// The free disk space below which requests of clients are refused, in MiB [default: 512].
    #[arg(long, env = "GATEWAY_CLIENT_FREE_MIB", value_name = "MIB",
        value_parser = clap::value_parser!(u64).range(limits::FREE_MIB_RANGE))]
    pub client_free_mib: Option<u64>,
    /// The configuration file. Without one, the gateway serves one company for development, on
    /// loopback only.
    #[arg(long, env = "GATEWAY_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data directory [default: ./data].
    #[arg(long, env = "GATEWAY_DATA_DIR", value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// What development mode is asked for, which only `gateway dev` takes as arguments.
    #[arg(skip)]
    pub development: DevelopmentOptions,
    /// The seconds that a commit may wait for the disk before requests are refused [default: 5].
    #[arg(long, env = "GATEWAY_DISK_WAIT_SECONDS", value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(limits::TIMEOUT_SECONDS_RANGE))]
    pub disk_wait_seconds: Option<u64>,
    /// The seconds that requests in flight may take when the process stops [default: 8].
    #[arg(long, env = "GATEWAY_DRAIN_SECONDS", value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(limits::TIMEOUT_SECONDS_RANGE))]
    pub drain_seconds: Option<u64>,
    /// The durability of an acknowledged change [default: flushed].
    #[arg(long, env = "GATEWAY_DURABILITY", value_enum)]
    pub durability: Option<DurabilitySetting>,
    /// The file with the keys that seal exchange tokens, each on a line [default: none].
    #[arg(long, env = "GATEWAY_EXCHANGE_KEYS_FILE", value_name = "FILE")]
    pub exchange_keys_file: Option<PathBuf>,
    /// The days for which an exchange token counts [default: 30].
    #[arg(long, env = "GATEWAY_EXCHANGE_TOKEN_DAYS", value_name = "DAYS",
        value_parser = clap::value_parser!(u64).range(limits::EXCHANGE_TOKEN_DAYS_RANGE))]
    pub exchange_token_days: Option<u64>,
    /// Stop with exit code 1 after a failed write, instead of answering 503 [default: false].
    #[arg(
        long,
        env = "GATEWAY_EXIT_ON_FAILED_WRITE",
        num_args = 0..=1,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub exit_on_failed_write: Option<bool>,
    /// The directory that gets the files of the journal before they are used again. The gateway has
    /// to be able to write there: under systemd, a drop-in names it in `ReadWritePaths=` [default:
    /// none].
    #[arg(long, env = "GATEWAY_JOURNAL_ARCHIVE", value_name = "DIRECTORY")]
    pub journal_archive: Option<PathBuf>,
    /// The seconds between two steps that bring the archive of the journal up to date [default:
    /// 60].
    #[arg(long, env = "GATEWAY_JOURNAL_ARCHIVE_SECONDS", value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(limits::ARCHIVE_SECONDS_RANGE))]
    pub journal_archive_seconds: Option<u64>,
    /// The addresses for clients [default: 127.0.0.1:8080].
    #[arg(
        long,
        env = "GATEWAY_LISTEN",
        value_delimiter = ',',
        value_name = "ADDRESSES",
        num_args = 1
    )]
    pub listen: Option<Vec<ListenAddress>>,
    /// The log filter, which is an argument of all commands.
    #[arg(skip)]
    pub log: Option<LogFilter>,
    /// The URL of a collector of traces that takes OTLP over HTTP, such as `http://127.0.0.1:4318`
    /// [default: none].
    #[arg(long, env = "GATEWAY_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<OtlpEndpoint>,
    /// Of 100 traces that begin here, how many are recorded [default: 100].
    #[arg(long, env = "GATEWAY_OTLP_SAMPLE_PERCENT", value_name = "PERCENT",
        value_parser = clap::value_parser!(u64).range(limits::SAMPLE_PERCENT_RANGE))]
    pub otlp_sample_percent: Option<u64>,
    /// The log lines about refused requests of one company in a second [default: 10].
    #[arg(long, env = "GATEWAY_REFUSAL_LINES", value_name = "LINES",
        value_parser = clap::value_parser!(u64).range(limits::REFUSAL_LINES_RANGE))]
    pub refusal_lines: Option<u64>,
    /// The disk space reserved for a start and for erasures, in MiB [default: 128].
    #[arg(long, env = "GATEWAY_RESERVE_MIB", value_name = "MIB",
        value_parser = clap::value_parser!(u64).range(limits::RESERVE_MIB_RANGE))]
    pub reserve_mib: Option<u64>,
    /// The free disk space below which all writes but erasures are refused, in MiB [default: 256].
    #[arg(long, env = "GATEWAY_SERVER_FREE_MIB", value_name = "MIB",
        value_parser = clap::value_parser!(u64).range(limits::FREE_MIB_RANGE))]
    pub server_free_mib: Option<u64>,
    /// The kind of table of a new data directory [default: redb].
    #[arg(long, env = "GATEWAY_TABLE", value_enum)]
    pub table: Option<TableSetting>,
    /// The certificate in PEM, for addresses that begin with `https://`.
    #[arg(long, env = "GATEWAY_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// The private key of the certificate, in PEM.
    #[arg(long, env = "GATEWAY_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// The blocks of addresses of proxies that may report those of clients [default: none].
    #[arg(
        long,
        env = "GATEWAY_TRUSTED_PROXIES",
        value_delimiter = ',',
        value_name = "BLOCKS",
        num_args = 1
    )]
    pub trusted_proxies: Option<Vec<Cidr>>,
    /// The mode of the files of unix sockets, which decides who may connect [default: 660].
    #[arg(long, env = "GATEWAY_UNIX_SOCKET_MODE", value_name = "MODE")]
    pub unix_socket_mode: Option<SocketMode>,
    /// The number of worker threads [default: one per processor].
    #[arg(long, env = "GATEWAY_WORKERS", value_name = "THREADS",
        value_parser = clap::value_parser!(u64).range(limits::WORKERS_RANGE))]
    pub workers: Option<u64>,
}

/// The arguments of `gateway verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The data directory.
    #[arg(long, env = "GATEWAY_DATA_DIR", value_name = "DIRECTORY")]
    pub data_dir: PathBuf,
    /// Also look for the identifiers in this file, one in each line, and exit 1 if the store has
    /// any; `-` for the standard input.
    #[arg(long, env = "GATEWAY_ERASED", value_name = "FILE")]
    pub erased: Option<PathBuf>,
}
