//! The manifests: which crate depends on which, and why.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{assert_none, root, sources};

/// The dependencies of a crate, without those of its tests.
fn dependencies(manifest: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(manifest)).unwrap();
    let section = text.split("\n[dependencies]\n").nth(1).unwrap_or("");
    let section = section.split("\n[").next().unwrap();
    let name = |line: &str| line.split(['.', ' ', '=']).next().unwrap().to_owned();
    section.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(name).collect()
}

#[test]
fn crates_depend_on_one_another_in_one_direction() {
    let ours = |name: &str| {
        let mut ours = dependencies(&format!("crates/{name}/Cargo.toml"));
        ours.retain(|name| name == "gateway" || name.starts_with("profile-"));
        ours.sort();
        ours
    };
    let expected: [(&str, &[&str]); 6] = [
        ("gateway", &["profile-protocol", "profile-store"]),
        ("profile-engine", &[]),
        ("profile-protocol", &[]),
        ("profile-protocol-wasm", &["profile-protocol"]),
        ("profile-store", &["profile-engine", "profile-protocol"]),
        ("profile-store-suite", &["profile-protocol", "profile-store"]),
    ];
    let mut crates: Vec<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    crates.sort();
    assert_eq!(crates, expected.map(|(name, _)| name));
    for (name, dependencies) in expected {
        assert_eq!(ours(name), dependencies, "{name}");
    }
}

/// The crates that no product crate may depend on, since they belong to another layer.
#[test]
fn no_crate_depends_on_a_library_of_another_layer() {
    const HTTP: [&str; 5] =
        ["actix-http", "actix-server", "actix-service", "actix-web", "serde_json"];
    for name in ["profile-engine", "profile-store", "profile-store-suite"] {
        let dependencies = dependencies(&format!("crates/{name}/Cargo.toml"));
        let found = dependencies.iter().find(|dependency| HTTP.contains(&dependency.as_str()));
        assert_eq!(found, None, "{name}");
    }
}

#[test]
fn the_protocol_crate_needs_neither_a_system_nor_a_runtime() {
    let dependencies = dependencies("crates/profile-protocol/Cargo.toml");
    for absent in ["actix-web", "getrandom", "sled", "tokio", "tracing"] {
        assert!(!dependencies.iter().any(|name| name == absent), "{absent}");
    }
}

#[test]
fn only_the_embedded_engine_names_its_database() {
    let databases: [(&str, &[&str]); 2] = [
        (
            "redb",
            &["redb_table.rs", "redb_table/tests.rs", "scratch_backend.rs", "stepwise_backend.rs"],
        ),
        ("sled", &["sled_table.rs"]),
    ];
    for (database, files) in databases {
        let engine = root().join("crates/profile-engine/src");
        let named = |path: &Path, text: &str| {
            let within = path.strip_prefix(root()).unwrap();
            let product = within.starts_with("crates") && within.iter().any(|part| part == "src");
            let may = files.iter().any(|file| path == engine.join(file));
            product && !may && text.contains(&format!("{database}::"))
        };
        let found = sources().into_iter().filter(|(path, text)| named(path, text));
        assert_none(&found.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>());
        let depends = |crate_name: &str| {
            let dependencies = dependencies(&format!("crates/{crate_name}/Cargo.toml"));
            dependencies.iter().any(|name| name == database)
        };
        let others = ["gateway", "profile-protocol", "profile-store", "profile-store-suite"];
        assert!(depends("profile-engine") && !others.into_iter().any(depends));
    }
}

/// The manifests of all crates of this repository.
fn manifests() -> Vec<(PathBuf, String)> {
    let crates = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let all = crates.chain(["benches", "fuzz"].map(|name| root().join(name)));
    let read = |directory: PathBuf| {
        let path = directory.join("Cargo.toml");
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    all.map(read).collect()
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"));
    let forbids = |text: &str| {
        text.contains("\n[lints]\nworkspace = true\n")
            || text.contains("\n[lints.rust]\nunsafe_code = \"forbid\"\n")
    };
    let manifests = manifests();
    assert!(manifests.len() >= 5, "the crates are looked for where they are not");
    let open = manifests.iter().filter(|(_, text)| !forbids(text));
    assert_none(&open.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>());
}

/// The dependencies of the workspace without a comment of their own or at the end of their line.
fn without_reason(manifest: &str) -> Vec<&str> {
    let section = manifest.split("\n[workspace.dependencies]\n").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    let mut has_comment = false;
    let mut found = Vec::new();
    for line in section.lines() {
        let is_comment = line.starts_with('#');
        let is_ours = line.contains("path = \"crates/");
        if !is_comment && !line.is_empty() && !is_ours && !has_comment {
            found.push(line);
        }
        has_comment = is_comment;
    }
    found
}

#[test]
fn every_dependency_has_a_reason() {
    let manifest = "\n[workspace.dependencies]\none = { path = \"crates/one\" }\n\n# Why.\ntwo = \"1\"\nthree = \"1\"\n\n[next]\nx = 1\n";
    assert_eq!(without_reason(manifest), ["three = \"1\""]);
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let found = without_reason(&manifest).into_iter().map(str::to_owned);
    assert_none(&found.collect::<Vec<_>>());
}
