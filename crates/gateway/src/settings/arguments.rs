//! The command line, and the environment that may stand in for it.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use profile_protocol::CompanyId;

use super::Durability;
use crate::{companies::KeyName, limits, scope::Scope};

/// Receives, merges and stores profiles over the protocol of Klaviyo's client API.
#[derive(Debug, Parser)]
#[command(name = "gateway", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What to log, as in `info` or `warn,gateway=debug`.
    #[arg(long, env = "GATEWAY_LOG", default_value = "info", global = true, value_name = "FILTER")]
    pub log: String,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what is wrong with a configuration file; exit 1 if anything is.
    Check(CheckArguments),
    /// Copy a store that is not being served into a new directory, without what was
    /// deleted from it.
    Compact(CompactArguments),
    /// Print a new private key and the lines to paste into the configuration.
    Key(KeyArguments),
    /// Serve until told to stop.
    Serve(ServeArguments),
    /// Check every invariant of a store that is not being served; exit 1 on a breach.
    Verify(VerifyArguments),
}

/// Arguments of `gateway check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The configuration file.
    #[arg(long, env = "GATEWAY_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
}

/// Arguments of `gateway compact`.
#[derive(Debug, Args)]
pub struct CompactArguments {
    /// Where the profiles are stored.
    #[arg(long, env = "GATEWAY_DATA_DIR", value_name = "DIRECTORY")]
    pub data_dir: PathBuf,
    /// Where the copy is to be: a directory that is empty or does not exist.
    #[arg(long, env = "GATEWAY_INTO", value_name = "DIRECTORY")]
    pub into: PathBuf,
}

/// Arguments of `gateway key`.
#[derive(Debug, Args)]
pub struct KeyArguments {
    /// The company the key will act for.
    #[arg(long, env = "GATEWAY_COMPANY", value_name = "ID")]
    pub company: CompanyId,
    /// What to call the key; a name made up from it, if absent.
    #[arg(long, env = "GATEWAY_NAME")]
    pub name: Option<KeyName>,
    /// What the key will allow: profiles:read, profiles:write, data-privacy:write.
    #[arg(
        long,
        env = "GATEWAY_SCOPE",
        required = true,
        value_delimiter = ',',
        value_name = "SCOPES"
    )]
    pub scope: Vec<Scope>,
}

/// Arguments of `gateway serve`. Each that is given overrides the configuration
/// file.
#[derive(Clone, Debug, Args, Default)]
pub struct ServeArguments {
    /// Where to serve health and metrics [default: 127.0.0.1:9090].
    #[arg(long, env = "GATEWAY_ADMIN_LISTEN", value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,
    /// Memory the store may use as a cache, in MiB [default: 1024].
    #[arg(long, env = "GATEWAY_CACHE_MIB", value_name = "MIB",
        value_parser = clap::value_parser!(u64).range(limits::CACHE_MIB_RANGE))]
    pub cache_mib: Option<u64>,
    /// The configuration file. Without one, the gateway serves one company for
    /// development, on loopback only.
    #[arg(long, env = "GATEWAY_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where profiles are stored [default: ./data].
    #[arg(long, env = "GATEWAY_DATA_DIR", value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// What an answer promises [default: flushed].
    #[arg(long, env = "GATEWAY_DURABILITY", value_enum)]
    pub durability: Option<Durability>,
    /// Where to serve clients [default: 127.0.0.1:8080].
    #[arg(long, env = "GATEWAY_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Threads that serve requests [default: one a processor].
    #[arg(long, env = "GATEWAY_WORKERS", value_name = "THREADS",
        value_parser = clap::value_parser!(u64).range(limits::WORKERS_RANGE))]
    pub workers: Option<u64>,
}

/// Arguments of `gateway verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// Where the profiles are stored.
    #[arg(long, env = "GATEWAY_DATA_DIR", value_name = "DIRECTORY")]
    pub data_dir: PathBuf,
}
