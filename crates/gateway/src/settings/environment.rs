//! Environment variables that look like settings and are none.

use std::{collections::BTreeSet, env};

use clap::{Command, CommandFactory};

use super::{
    CommandLine,
    admin_key::{ADMIN_KEY, INTO_KEY},
};

const PREFIX: &str = "GATEWAY_";

/// Variables that Kubernetes sets for a service with the name `gateway`.
const OF_SERVICES: [&str; 2] = ["GATEWAY_SERVICE_", "GATEWAY_PORT"];

/// The names of variables of the environment that begin as those of settings do, and are none.
/// Their values may be secrets, and are not looked at.
pub(crate) fn unknown_variables() -> Vec<String> {
    unknown(env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
}

fn unknown(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let known = known_variables();
    let is_unknown = |name: &String| {
        name.starts_with(PREFIX)
            && !known.contains(name)
            && !OF_SERVICES.iter().any(|start| name.starts_with(start))
    };
    let unknown: BTreeSet<String> = names.into_iter().filter(is_unknown).collect();
    unknown.into_iter().collect()
}

fn known_variables() -> BTreeSet<String> {
    let command = CommandLine::command();
    let all =
        command.get_arguments().chain(command.get_subcommands().flat_map(Command::get_arguments));
    let of_arguments = all.filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned));
    of_arguments.chain([ADMIN_KEY, INTO_KEY].map(|names| names.variable.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_no_setting_is_named() {
        let names = [
            "PATH",
            "GATEWAY_ADMIN_KEY",
            "GATEWAY_LISTEN",
            "GATEWAY_LISEN",
            "GATEWAY_DATADIR",
            "GATEWAY_SERVICE_HOST",
            "GATEWAY_PORT_8080_TCP",
        ];
        assert_eq!(unknown(names.map(str::to_owned)), ["GATEWAY_DATADIR", "GATEWAY_LISEN"]);
    }
}
