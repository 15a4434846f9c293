//! What each setting of the configuration file means, for the default file and the schema.

use clap::{Arg, Command, CommandFactory};

use super::arguments::CommandLine;

/// The settings that are no arguments, by their path in the file.
const OF_FILE: &[(&str, &str)] = &[
    (
        "admin_keys",
        "The SHA-256 of each key that may read data at the admin listener, as `gateway key --admin` \
         prints them.",
    ),
    ("connections", "The limits on client connections."),
    ("connections.most", "Client connections at a time."),
    ("connections.per_network", "Client connections of one network at a time."),
    ("connections.head_seconds", "The time for the head of a request to arrive."),
    ("connections.body_seconds", "The time for a body to arrive after its head."),
    ("connections.import_seconds", "The same for a bulk import."),
    ("connections.answer_seconds", "The time for a response to be computed and read."),
    ("connections.idle_seconds", "The time for which an idle connection is kept open."),
    ("outcomes", "The retention of outcomes."),
    ("outcomes.days", "The days for which an outcome is kept."),
    ("outcomes.count", "The outcomes that are kept of one company."),
    ("outcomes.per_profile", "The outcomes that are kept of each profile beyond that number."),
    (
        "exchange_keys",
        "The keys of exchange tokens, each of 64 hexadecimal digits. The first one seals, and all \
         of them open. Absent: a key is generated at each start.",
    ),
    (
        "exchange_keys_env",
        "The name of an environment variable with the keys of exchange tokens, each on a line.",
    ),
    ("tls", "The certificate of listeners at `https://` addresses."),
    ("tls.certificate", "A file in PEM: the certificate, and those that lead to a trusted one."),
    ("tls.key", "A file in PEM with the private key of the certificate."),
    ("company", "A company whose clients and programs are served."),
    ("company.id", "The public id of the company."),
    (
        "company.allowed_origins",
        "The origins whose pages may send profiles. Absent: any. Empty: none.",
    ),
    ("company.limits", "The rate limit of /client/profiles, or \"none\"."),
    ("company.network_limits", "The same of one client network."),
    ("company.limits.burst", "Requests in one second."),
    ("company.limits.steady", "Requests in one minute."),
    ("company.network_limits.burst", "Requests in one second."),
    ("company.network_limits.steady", "Requests in one minute."),
    ("company.api_limits_factor", "Multiplies the rate limits of /api."),
    ("company.api_limits", "\"none\": no rate limit applies to /api."),
    ("company.protect", "Whether clients cannot change what a private key wrote."),
    (
        "company.inspect",
        "Whether the console keeps the newest requests of the company whole, in memory.",
    ),
    (
        "company.signed_identity",
        "Clients need a signature by one of these keys to name a person. Absent: they need none.",
    ),
    ("company.signed_identity.keys", "The keys, each of 64 hexadecimal digits."),
    ("company.signed_identity.keys_file", "A file with the keys, each on a line."),
    ("company.signed_identity.keys_env", "An environment variable with the keys."),
    ("company.identity", "How many identifiers a profile may have, and which values are none."),
    ("company.identity.anonymous_ids", "The anonymous ids of one profile."),
    ("company.identity.secondary_emails", "The secondary email addresses of one profile."),
    ("company.identity.merges", "The profiles that are merged into one."),
    (
        "company.identity.replaced_days",
        "The days for which values are kept that clients replaced. 0: none are kept.",
    ),
    ("company.identity.sentinels", "Further values that identify no profile."),
    ("company.identity.not_sentinels", "Values that identify a profile in spite of the defaults."),
    (
        "company.identity.different_external_id",
        "The profile of a request that names another external_id than the profile of its email: \
         \"same_profile\" or \"new_profile\".",
    ),
    ("company.key", "A private key of the company, as `gateway key` prints it."),
    ("company.key.name", "The name of the key."),
    ("company.key.sha256", "The SHA-256 of the private key, in hexadecimal digits."),
    ("company.key.scopes", "What the key allows."),
];

/// How the help of an argument begins to name its default.
const DEFAULT: &str = " [default: ";

/// The meaning of settings.
pub(super) struct Descriptions {
    command: Command,
}

impl Descriptions {
    pub(super) fn new() -> Descriptions {
        Descriptions { command: CommandLine::command() }
    }

    /// The meaning of the setting at a path such as `company.key.name`.
    pub(super) fn of(&self, path: &str) -> Option<String> {
        let of_argument = self.help(path).map(|help| {
            let meaning = help.split_once(DEFAULT).map_or(help.as_str(), |(meaning, _)| meaning);
            format!("{}.", meaning.trim_end_matches('.'))
        });
        let of_file = OF_FILE.iter().find(|(own, _)| *own == path);
        of_argument.or(of_file.map(|(_, text)| (*text).to_owned()))
    }

    /// What counts if the setting is absent, if the help of its argument says so.
    pub(super) fn default_of(&self, path: &str) -> Option<String> {
        let help = self.help(path)?;
        Some(help.split_once(DEFAULT)?.1.trim_end_matches(['.', ']']).to_owned())
    }

    fn help(&self, path: &str) -> Option<String> {
        Some(self.argument(path)?.get_help()?.to_string())
    }

    /// The only texts that the setting may have, if an argument lists them.
    pub(super) fn words(&self, path: &str) -> Vec<String> {
        let values = self.argument(path).map(Arg::get_possible_values).unwrap_or_default();
        values.iter().map(|value| value.get_name().to_owned()).collect()
    }

    /// The argument of `gateway serve` with the name of a setting.
    fn argument(&self, path: &str) -> Option<&Arg> {
        let serve = self.command.find_subcommand("serve")?;
        let mut all = serve.get_arguments().chain(self.command.get_arguments());
        all.find(|argument| argument.get_id() == path)
    }
}

/// The settings that are described here, to find those that do not exist.
#[cfg(test)]
pub(super) fn described() -> impl Iterator<Item = &'static str> {
    OF_FILE.iter().map(|(path, _)| *path)
}
