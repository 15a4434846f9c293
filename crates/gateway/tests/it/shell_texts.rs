//! Completions and manual pages, which come from the same definitions as the help.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    process::{Command, Stdio},
};

use clap::CommandFactory;
use gateway::settings::CommandLine;

use crate::serving::{Home, finish};

/// The commands of the program, and the flags of each.
fn commands() -> Vec<(String, BTreeSet<String>)> {
    let program = CommandLine::command();
    let flags = |command: &clap::Command| {
        command.get_arguments().filter_map(|one| Some(one.get_long()?.to_owned())).collect()
    };
    let all = program.get_subcommands();
    let all: Vec<_> = all.map(|one| (one.get_name().to_owned(), flags(one))).collect();
    assert!(10 < all.len());
    all
}

fn completions(home: &Home, shell: &str) -> String {
    let printed = finish(&mut home.command(&["completions", shell]));
    printed.assert_exit(0);
    printed.output
}

#[test]
fn every_command_and_flag_is_completed_in_every_shell() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = completions(&home, shell);
        for (command, flags) in commands() {
            assert!(script.contains(&command), "{shell} does not complete {command}");
            for flag in flags {
                let written =
                    if shell == "fish" { format!("-l {flag} ") } else { format!("--{flag}") };
                assert!(script.contains(&written), "{shell} does not complete --{flag}");
            }
        }
    }
    finish(&mut home.command(&["completions", "tcl"])).assert_exit(2);
}

/// What the shell offers for the last of these words.
fn offered(home: &Home, words: &[&str]) -> String {
    let script = completions(home, "bash");
    let last = words.len() - 1;
    let (before, word) = (words[last - 1], words[last]);
    let asking = format!(
        "{script}\nCOMP_WORDS=({}) COMP_CWORD={last}\n_gateway gateway '{word}' '{before}'\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        words.join(" "),
    );
    let mut shell = Command::new("bash");
    let mut shell = match shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
        Ok(shell) => shell,
        Err(error) => {
            writeln!(io::stderr(), "\nNOT CHECKED: completions: bash cannot be run: {error}")
                .unwrap();
            return String::new();
        }
    };
    shell.stdin.take().unwrap().write_all(asking.as_bytes()).unwrap();
    String::from_utf8(shell.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let home = Home::new();
    for (words, expected) in [
        (&["gateway", "ser"][..], "serve\n"),
        (&["gateway", "delete-company", "--conf"], "--confirm\n"),
        (&["gateway", "serve", "--exchange-t"], "--exchange-token-days\n"),
        (&["gateway", "serve", "--table", "s"], "sled\n"),
        (&["gateway", "completions", "fi"], "fish\n"),
    ] {
        let offered = offered(&home, words);
        assert!(offered.is_empty() || offered == expected, "{words:?}: {offered}");
    }
}

#[test]
fn every_command_has_a_manual_page_with_its_flags_and_variables() {
    let home = Home::new();
    let directory = home.directory().join("a/man");
    finish(home.command(&["man", "--into"]).arg(&directory)).assert_exit(0);
    let page = |name: &str| {
        let path = directory.join(format!("{name}.1"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        text.replace("\\-", "-")
    };
    let program = page("gateway");
    for (command, flags) in commands() {
        assert!(program.contains(&format!("gateway-{command}(1)")), "{command}");
        let text = page(&format!("gateway-{command}"));
        for flag in flags {
            assert!(text.contains(&format!("--{flag}")), "{command} --{flag}");
            let variable = format!("GATEWAY_{}", flag.to_uppercase().replace('-', "_"));
            assert!(text.contains(&variable), "{command} {variable}");
        }
    }
    // A directory that cannot be made.
    let file = home.config().join("man");
    let refused = finish(home.command(&["man", "--into"]).arg(file));
    refused.assert_exit(1);
    refused.assert_output("gateway: cannot write manual pages into ");
}
