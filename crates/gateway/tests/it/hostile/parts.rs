//! A data directory that was put together wrongly: a file that is cut off, emptied or missing, or
//! comes from another copy or another store. The gateway has all that was acknowledged, or refuses
//! the directory and names the file; `verify` says the same as `serve`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Form, HostileRandom, SMALL_RESERVE, UNLIMITED, copy_directory, figure, report};
use crate::{
    serving::{Home, Serving},
    stored::StoredProfiles,
    wire::RawRequest,
};

/// Profiles that are stored before the older copy is made, and after it.
const OLDER: usize = 40;
const NEWER: usize = 60;

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}

fn send(gateway: &Serving, numbers: std::ops::Range<usize>) {
    let mut connection = gateway.connect();
    for number in numbers {
        connection.exchange(&RawRequest::email(&email(number))).assert_accepted();
    }
}

/// A store, and what its parts may be exchanged for.
struct Copies {
    /// The store with all profiles.
    whole: PathBuf,
    /// The same store, before the newer profiles.
    older: PathBuf,
    /// Another store.
    other: PathBuf,
    _homes: [Home; 2],
}

impl Copies {
    /// Copies of a store whose process was stopped or killed.
    fn new(is_killed: bool) -> Copies {
        let [home, other] =
            [(); 2].map(|()| Home::configured(&format!("{SMALL_RESERVE}{UNLIMITED}")));
        let older = home.directory().join("older");
        let gateway = home.serve();
        send(&gateway, 0..OLDER);
        gateway.stop().assert_exit(0);
        copy_directory(&home.data_dir(), &older);
        let gateway = home.serve();
        send(&gateway, OLDER..OLDER + NEWER);
        if is_killed {
            gateway.kill();
        } else {
            gateway.stop().assert_exit(0);
        }
        let gateway = other.serve();
        send(&gateway, 0..OLDER);
        gateway.stop().assert_exit(0);
        let (whole, other_data) = (home.data_dir(), other.data_dir());
        Copies { whole, older, other: other_data, _homes: [home, other] }
    }
}

/// What is done to one file or directory.
#[derive(Clone, Debug)]
enum PartChange {
    Remove,
    CutTo(u64),
    Replace(PathBuf),
}

/// Every change to every part of a store that is to be tried.
fn changes(
    copies: &Copies,
    lengths: usize,
    random: &mut HostileRandom,
) -> Vec<(PathBuf, PartChange)> {
    let mut changes = Vec::new();
    for part in parts(&copies.whole, Path::new("")) {
        changes.push((part.clone(), PartChange::Remove));
        for from in [&copies.older, &copies.other] {
            if from.join(&part).exists() {
                changes.push((part.clone(), PartChange::Replace(from.join(&part))));
            }
        }
        let path = copies.whole.join(&part);
        if path.is_file() {
            let length = fs::metadata(path).unwrap().len();
            let mut cuts = vec![0, 1, length / 2, length.saturating_sub(1)];
            cuts.extend((0..lengths).map(|_| random.next() % length.max(1)));
            let shorter = cuts.into_iter().filter(|cut| *cut < length);
            changes.extend(shorter.map(|cut| (part.clone(), PartChange::CutTo(cut))));
        }
    }
    changes
}

/// The files and directories below a directory, from there.
fn parts(root: &Path, below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let part = below.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            found.extend(parts(root, &part));
        }
        found.push(part);
    }
    found
}

fn change(path: &Path, change: &PartChange) {
    match change {
        PartChange::CutTo(length) => {
            fs::File::options().write(true).open(path).unwrap().set_len(*length).unwrap();
        }
        PartChange::Remove => remove(path),
        PartChange::Replace(with) if with.is_dir() => {
            remove(path);
            copy_directory(with, path);
        }
        PartChange::Replace(with) => drop(fs::copy(with, path).unwrap()),
    }
}

fn remove(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
}

/// What is wrong with the answers about a changed directory, if anything.
fn fault(home: &Home, part: &Path) -> Option<String> {
    let verified = home.verify();
    let served = match Serving::try_start(home.serve_command()) {
        Ok(gateway) => {
            gateway.stop().assert_exit(0);
            None
        }
        Err(finished) => Some(finished.output),
    };
    let is_sound = verified.status.code() == Some(0);
    let outputs = [Some(&verified.output), served.as_ref()];
    if outputs.into_iter().flatten().any(|output| output.contains("panicked")) {
        return Some(format!("a panic: {}{}", verified.output, served.unwrap_or_default()));
    }
    match served {
        Some(output) if is_sound => Some(format!("verify passes, serve says {output}")),
        None if !is_sound => Some(format!("serve starts, verify says {}", verified.output)),
        None => lost(home),
        Some(_) if names(&verified.output, part) => None,
        Some(_) => Some(format!("{} is not named: {}", part.display(), verified.output)),
    }
}

/// Whether a message names a file, or a directory by one of its files.
fn names(output: &str, part: &Path) -> bool {
    let part = part.to_str().unwrap();
    output.contains(part) || output.contains("table.redb") && part.starts_with("journal")
}

fn lost(home: &Home) -> Option<String> {
    let stored = StoredProfiles::open(home);
    let is_lost = |number: &usize| stored.by_email("ABC123", &email(*number)).is_none();
    let lost: Vec<usize> = (0..OLDER + NEWER).filter(is_lost).collect();
    (!lost.is_empty()).then(|| format!("silently lost: {lost:?}"))
}

#[test]
fn a_directory_that_is_put_together_wrongly_is_served_whole_or_refused_by_name() {
    let form = Form::asked();
    let mut random = HostileRandom::seeded("parts");
    let (mut faults, mut tried) = (Vec::new(), 0);
    for is_killed in [false, true] {
        let copies = Copies::new(is_killed);
        for (part, what) in changes(&copies, form.pick(1, 20), &mut random) {
            let home = Home::configured(UNLIMITED);
            copy_directory(&copies.whole, &home.data_dir());
            change(&home.data_dir().join(&part), &what);
            tried += 1;
            if let Some(fault) = fault(&home, &part) {
                faults.push(format!("killed: {is_killed}, {what:?} {}: {fault}", part.display()));
            }
        }
    }
    figure("parts_changed", tried);
    figure("parts_changed_unnoticed", faults.len());
    report("parts", format_args!("{tried} changed parts"));
    assert!(faults.is_empty(), "{} of {tried}: {faults:#?}", faults.len());
}
