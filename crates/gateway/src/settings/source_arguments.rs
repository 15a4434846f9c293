//! The arguments that name the store which a command reads.

use std::path::PathBuf;

use clap::{
    ArgGroup, ArgMatches, Args, Command, FromArgMatches,
    error::{Error, ErrorKind},
    parser::ValueSource,
};

use super::{AdminKey, AdminKeyError, admin_key::ADMIN_KEY};
use crate::ops::{admin_client::AdminListener, backup::store_source::StoreSource};

/// The store that a command reads, as its arguments name it.
#[derive(Debug)]
pub struct SourceArguments(GivenSource);

/// The arguments as they were given. Those on the command line go before those of the environment,
/// which may be there for other commands.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("source").required(true).multiple(true))]
struct GivenSource {
    /// A file with the certificate of an admin listener that speaks TLS, or with those that lead to
    /// it, in PEM.
    #[arg(long, env = "GATEWAY_ADMIN_CERTIFICATE", value_name = "FILE")]
    admin_certificate: Option<PathBuf>,
    /// A file with an admin key of the gateway.
    #[arg(long, env = "GATEWAY_ADMIN_KEY_FILE", value_name = "FILE")]
    admin_key_file: Option<PathBuf>,
    /// The admin listener of a gateway that serves the store, such as `http://127.0.0.1:9090`,
    /// `https://gateway.example:9090` or `unix:/run/gateway/admin.sock`. The environment variable
    /// `GATEWAY_ADMIN_KEY` may have its admin key.
    #[arg(long, env = "GATEWAY_ADMIN_URL", value_name = "URL", group = "source")]
    admin_url: Option<String>,
    /// Whether the command takes an archive instead.
    #[arg(skip)]
    is_archive: bool,
    /// The data directory of a store that is not being served, or a backup.
    #[arg(long, env = "GATEWAY_DATA_DIR", value_name = "DIRECTORY", group = "source")]
    data_dir: Option<PathBuf>,
}

/// The arguments that name a store, of which a command takes one; `archive` is one of `backup`.
const SOURCES: [&str; 3] = ["admin_url", "archive", "data_dir"];

/// What only an admin listener needs.
const OF_LISTENERS: [&str; 2] = ["admin_certificate", "admin_key_file"];

/// Which of some arguments come from there.
fn given<'a>(matches: &ArgMatches, ids: &[&'a str], origin: ValueSource) -> Vec<&'a str> {
    let is_given = |id: &&str| {
        let is_known = matches.try_contains_id(id).unwrap_or(false);
        is_known && matches.value_source(id) == Some(origin)
    };
    ids.iter().copied().filter(is_given).collect()
}

/// An argument as it is written.
fn written(id: &str) -> String {
    format!("--{}", id.replace('_', "-"))
}

/// The argument whose store counts: that of the command line, or else that of the environment.
fn chosen(matches: &ArgMatches) -> Result<&'static str, Error> {
    let mut named = given(matches, &SOURCES, ValueSource::CommandLine);
    if named.is_empty() {
        named = given(matches, &SOURCES, ValueSource::EnvVariable);
    }
    match named.as_slice() {
        [one] => Ok(one),
        [one, other, ..] => {
            let text = format!("{} cannot be used with {}\n", written(one), written(other));
            Err(Error::raw(ErrorKind::ArgumentConflict, text))
        }
        [] => Err(Error::raw(ErrorKind::MissingRequiredArgument, "the store must be named\n")),
    }
}

impl FromArgMatches for SourceArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<SourceArguments, Error> {
        let mut source = GivenSource::from_arg_matches(matches)?;
        let chosen = chosen(matches)?;
        if chosen != "admin_url" {
            source.admin_url = None;
            let useless = given(matches, &OF_LISTENERS, ValueSource::CommandLine);
            if let Some(id) = useless.first() {
                let text = format!("{} needs --admin-url\n", written(id));
                return Err(Error::raw(ErrorKind::MissingRequiredArgument, text));
            }
        }
        source.is_archive = chosen == "archive";
        Ok(SourceArguments(source))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = SourceArguments::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for SourceArguments {
    fn augment_args(command: Command) -> Command {
        GivenSource::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        GivenSource::augment_args_for_update(command)
    }
}

impl SourceArguments {
    /// Whether an argument of the command itself names something else than a store.
    pub fn is_archive(&self) -> bool {
        self.0.is_archive
    }

    /// The store.
    pub fn source(&self) -> Result<StoreSource, AdminKeyError> {
        let given = &self.0;
        Ok(match &given.admin_url {
            Some(url) => StoreSource::Gateway(AdminListener {
                url: url.clone(),
                key: AdminKey::find(ADMIN_KEY, given.admin_key_file.as_deref())?,
                certificate: given.admin_certificate.clone(),
            }),
            None => StoreSource::DataDirectory(given.data_dir.clone().unwrap_or_default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct SourceCommand {
        #[command(flatten)]
        source: SourceArguments,
    }

    fn parse(words: &[&str]) -> Result<SourceArguments, String> {
        let words = ["command"].iter().chain(words);
        let parsed = SourceCommand::try_parse_from(words);
        parsed.map(|command| command.source).map_err(|error| error.to_string())
    }

    #[test]
    fn a_command_line_names_one_store() {
        assert!(parse(&["--data-dir", "d"]).is_ok());
        let both = parse(&["--data-dir", "d", "--admin-url", "u"]).unwrap_err();
        assert!(both.contains("--admin-url cannot be used with --data-dir"), "{both}");
        let useless = parse(&["--data-dir", "d", "--admin-key-file", "k"]).unwrap_err();
        assert!(useless.contains("--admin-key-file needs --admin-url"), "{useless}");
        assert!(parse(&[]).is_err());
    }
}
