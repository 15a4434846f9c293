//! The unit of systemd, the image and the package in `deploy`, whose paths, flags, variables and
//! ports are those of the program.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use clap::CommandFactory;
use expect_test::expect_file;
use gateway::{limits, settings::CommandLine};
use regex::Regex;

use crate::serving::{Home, finish};

const UNIT: &str = "deploy/systemd/profile-gateway.service";
const CONTAINERFILE: &str = "deploy/Containerfile";

/// The highest exposure that `systemd-analyze security` may report of the unit, in tenths.
const EXPOSURE_MAX: &str = "15";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The values of a directive in the unit.
fn directives(name: &str) -> Vec<String> {
    let unit = text(UNIT);
    let values = unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

/// The variables of the program that a text sets, and their values.
fn variables(text: &str) -> Vec<(String, String)> {
    let set = Regex::new(r"\b(GATEWAY_[A-Z_]+)=([^\s\\]+)").unwrap();
    let set = set.captures_iter(text).map(|found| (found[1].to_owned(), found[2].to_owned()));
    set.collect()
}

/// The variables that `gateway serve` reads.
fn known_variables() -> BTreeSet<String> {
    let command = CommandLine::command();
    let serve = command.find_subcommand("serve").unwrap();
    let all = serve.get_arguments().filter_map(|one| one.get_env()?.to_str().map(str::to_owned));
    all.collect()
}

fn variable(text: &str, name: &str) -> String {
    let found = variables(text).into_iter().find(|(own, _)| own == name);
    found.unwrap_or_else(|| panic!("{name} is not set")).1
}

#[test]
fn the_unit_and_the_image_set_only_variables_that_the_program_reads() {
    for (name, least) in [(UNIT, 2), (CONTAINERFILE, 4)] {
        let set = variables(&text(name));
        assert!(least <= set.len(), "{name}");
        let unknown = set.iter().filter(|(name, _)| !known_variables().contains(name));
        assert!(unknown.clone().next().is_none(), "{name}: {:?}", unknown.collect::<Vec<_>>());
    }
}

#[test]
fn the_unit_waits_longer_for_a_stop_than_the_gateway_takes() {
    let seconds: u64 = directives("TimeoutStopSec")[0].parse().unwrap();
    // The drain, and a checkpoint's last flush on a slow disk.
    assert!(limits::DRAIN.as_secs() + limits::ANSWER_TIMEOUT.as_secs() < seconds);
}

#[test]
fn the_unit_runs_a_command_that_exists_with_the_paths_of_the_package() {
    let start = directives("ExecStart");
    let words: Vec<&str> = start[0].split(' ').collect();
    assert_eq!(words[0], "/usr/bin/gateway");
    finish(&mut Home::new().command(&[&words[1..], &["--help"]].concat())).assert_exit(0);
    let manifest = text("crates/gateway/Cargo.toml");
    assert!(manifest.contains(r#"["target/release/gateway", "usr/bin/", "755"]"#));
    let config = variable(&text(UNIT), "GATEWAY_CONFIG");
    assert!(manifest.contains(&format!("\"{}\"", config.trim_start_matches('/'))), "{config}");
    let state = format!("/var/lib/{}", directives("StateDirectory")[0]);
    assert_eq!(variable(&text(UNIT), "GATEWAY_DATA_DIR"), state);
    let user = &directives("User")[0];
    let users = text("deploy/sysusers.d/profile-gateway.conf");
    assert!(users.lines().any(|line| line.starts_with(&format!("u {user} "))), "{user}");
    // Files of `assets` that come from the repository exist.
    let sources = Regex::new(r#"\["\.\./\.\./([^"*]+)""#).unwrap();
    let absent = sources.captures_iter(&manifest).filter(|found| !path(&found[1]).exists());
    assert_eq!(absent.map(|found| found[1].to_owned()).collect::<Vec<_>>(), [""; 0]);
}

/// Runs `systemd-analyze`. Returns what it found, if it is there to find something.
fn systemd_faults(what: &str, arguments: &[&str]) -> Option<String> {
    match Command::new("systemd-analyze").args(arguments).output() {
        Ok(run) => {
            let written = [run.stdout, run.stderr].concat();
            (!run.status.success()).then(|| String::from_utf8_lossy(&written).into_owned())
        }
        Err(error) => {
            // Unlike `eprintln`, this is shown for tests that pass.
            writeln!(io::stderr(), "\nNOT CHECKED: {what}: systemd-analyze cannot be run: {error}")
                .unwrap();
            None
        }
    }
}

#[test]
fn systemd_finds_no_fault_in_the_unit() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("profile-gateway.service");
    // The program is looked for where the unit says.
    let unit = text(UNIT).replace("/usr/bin/gateway", env!("CARGO_BIN_EXE_gateway"));
    fs::write(&file, unit).unwrap();
    let file = file.to_str().unwrap();
    let faults = systemd_faults("the unit of systemd", &["verify", "--man=no", file]);
    assert_eq!(faults, None);
    let security = ["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE_MAX, file];
    assert_eq!(systemd_faults("the confinement of the unit", &security), None);
}

/// The instructions of the last stage of the image.
fn last_stage() -> String {
    let text = text(CONTAINERFILE).replace("\\\n", " ");
    text.rsplit("\nFROM ").next().unwrap().to_owned()
}

/// The words in the form of a list after this text.
fn list(stage: &str, start: &str) -> Vec<String> {
    let (_, rest) = stage.split_once(start).unwrap_or_else(|| panic!("no {start}"));
    serde_json::from_str(rest.lines().next().unwrap()).unwrap()
}

#[test]
fn the_image_runs_commands_that_exist_as_a_user_without_rights() {
    let stage = last_stage();
    let program = list(&stage, "ENTRYPOINT ");
    assert_eq!(program, ["/usr/bin/gateway"]);
    let health = list(&stage, " CMD ");
    assert_eq!(health[0], program[0]);
    for command in [&health[1..], &list(&stage, "\nCMD ")[..]] {
        let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        finish(&mut Home::new().command(&[&arguments[..], &["--help"]].concat())).assert_exit(0);
    }
    let user = stage.lines().find_map(|line| line.strip_prefix("USER ")).unwrap();
    assert!(user.split(':').all(|id| 0 < id.parse::<u32>().unwrap()), "{user}");
    let data = variable(&stage, "GATEWAY_DATA_DIR");
    assert!(stage.contains(&format!("VOLUME {data}\n")), "{data}");
    assert!(stage.contains(&format!("--chown={user} /empty {data}\n")), "{data}");
    let port = |name: &str| variable(&stage, name).rsplit(':').next().unwrap().to_owned();
    let exposed = format!("EXPOSE {} {}\n", port("GATEWAY_LISTEN"), port("GATEWAY_ADMIN_LISTEN"));
    assert!(stage.contains(&exposed), "{exposed}");
}

#[test]
fn the_image_is_built_from_locked_dependencies_by_the_compiler_of_the_workspace() {
    let (containerfile, workspace) = (text(CONTAINERFILE), text("Cargo.toml"));
    let version = workspace.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    assert!(containerfile.contains(&format!("rust:{}-", version.trim_matches('"'))), "{version}");
    assert!(containerfile.contains("cargo install --locked "));
    let copied = Regex::new(r"/source/([A-Z-]+)").unwrap();
    assert!(copied.captures_iter(&containerfile).all(|found| path(&found[1]).exists()));
}

#[test]
fn the_example_configuration_is_the_default_file_of_the_program() {
    let printed = finish(&mut Home::new().command(&["config", "--print-default"]));
    printed.assert_exit(0);
    expect_file![path("deploy/gateway.toml")].assert_eq(&printed.output);
}
