//! The archive of the journal, as operators use it: for restores up to a point, and when it lacks
//! files, is another one, or is not named.

use std::{fs, path::Path, process::Command};

use crate::{
    backup::{Archived, now, person, wait_for_archive},
    company_move::files,
    serving::{Finished, Home, Serving, finish, wait_until},
};

fn send(gateway: &Serving, numbers: std::ops::Range<usize>) {
    let mut connection = gateway.connect();
    numbers.for_each(|number| connection.exchange(&person(number)).assert_accepted());
}

/// The position that a command has printed after this text.
fn position(finished: &Finished, before: &str) -> String {
    let (_, rest) = finished.output.split_once(before).unwrap();
    rest.chars().take_while(|char| char.is_ascii_digit() || *char == ':').collect()
}

/// Stops a gateway, and serves again until its last commits are in the archive.
fn stop_archived(archived: &Archived, gateway: Serving) {
    gateway.stop().assert_exit(0);
    let last = archived.newest_generation();
    let gateway = archived.home.serve();
    wait_for_archive(archived, last);
    gateway.stop().assert_exit(0);
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_restore_ends_at_the_time_or_position_that_it_names_or_writes_no_store() {
    let archived = Archived::new();
    let gateway = archived.home.serve();
    let before = now();
    send(&gateway, 0..20);
    let backup = finish(&mut archived.backup_command(&gateway));
    backup.assert_exit(0);
    send(&gateway, 20..40);
    let directory = archived.backup();
    fs::rename(&directory, directory.with_extension("first")).unwrap();
    let later = finish(&mut archived.backup_command(&gateway));
    later.assert_exit(0);
    fs::remove_dir_all(&directory).unwrap();
    fs::rename(directory.with_extension("first"), &directory).unwrap();
    send(&gateway, 40..60);
    stop_archived(&archived, gateway);

    let restore = |name: &str, arguments: &[&str]| {
        let mut command = archived.restore(name);
        finish(command.arg("--archive").arg(archived.archive()).args(arguments))
    };
    let people = |name: &str| archived.people_in(&archived.home.directory().join(name), 0..60);
    let (first, second) = (position(&backup, "up to "), position(&later, "up to "));
    for (name, position, count) in [("first", &first, 20), ("second", &second, 40)] {
        let restored = restore(name, &["--until-position", position]);
        restored.assert_exit(0);
        restored.assert_output("every invariant holds");
        assert_eq!(people(name), count, "{position}");
    }
    // What is printed is a position to restore to as well.
    let restored = restore("third", &["--until-position", &second]);
    let printed = position(&restored, "restored up to ");
    restore("fourth", &["--until-position", &printed]).assert_exit(0);
    assert_eq!(people("fourth"), 40);

    let refused = |name: &str, arguments: &[&str], reason: &str| {
        let refused = restore(name, arguments);
        refused.assert_exit(1);
        refused.assert_output(reason);
        archived.verify(&archived.home.directory().join(name)).assert_exit(1);
    };
    let reason = "the backup has outcomes until 20";
    refused("too early", &["--until", &before], reason);
    refused("too low", &["--until-position", "1:0"], &format!("the backup goes up to {first}"));
    refused("too far", &["--until-position", "9999:0"], "the archive ends at ");
    let malformed = restore("malformed", &["--until-position", "12"]);
    malformed.assert_exit(2);
    malformed.assert_output("must be a position as `gateway backup` prints it");
    restore("both", &["--until", &before, "--until-position", &first]).assert_exit(2);
}

#[test]
fn an_archive_that_is_another_one_or_lost_its_files_is_not_taken_for_one_that_is_up_to_date() {
    let archived = Archived::new();
    let gateway = archived.home.serve();
    send(&gateway, 0..20);
    finish(&mut archived.backup_command(&gateway)).assert_exit(0);
    send(&gateway, 20..40);
    stop_archived(&archived, gateway);
    let wrong = archived.home.directory().join("wrong");
    fs::create_dir(&wrong).unwrap();
    let add = |archive: &Path| {
        let mut command = archived.home.command(&["backup", "--archive"]);
        finish(command.arg(archive).arg("--into").arg(archived.backup()))
    };
    for refused in [finish(archived.restore("restored").arg("--archive").arg(&wrong)), add(&wrong)]
    {
        refused.assert_exit(1);
        refused.assert_output("has no file of the store that the backup was made of");
    }
    assert!(!archived.home.directory().join("restored").exists());
    // The archive is emptied, and nothing is sent any more.
    let store = fs::read_dir(archived.archive()).unwrap().next().unwrap().unwrap().path();
    let kept = archived.home.directory().join("kept");
    fs::rename(&store, &kept).unwrap();
    let gateway = archived.home.serve();
    let refused = finish(&mut archived.backup_command(&gateway));
    refused.assert_exit(1);
    refused.assert_output("the archive cannot bring the backup up to date");
    refused.assert_output(".journal is missing in ");
    for file in fs::read_dir(&kept).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), store.join(file.file_name())).unwrap();
    }
    let grown = finish(&mut archived.backup_command(&gateway));
    grown.assert_exit(0);
    gateway.stop().assert_exit(0);
    assert_eq!(archived.people_in(&archived.backup(), 0..40), 40);
}

#[test]
fn an_older_copy_of_the_data_directory_grows_no_backup_and_changes_no_archived_file() {
    let archived = Archived::new();
    let gateway = archived.home.serve();
    send(&gateway, 0..5);
    gateway.stop().assert_exit(0);
    let older = archived.home.directory().join("older");
    copy_all(&archived.home.data_dir(), &older);
    let gateway = archived.home.serve();
    send(&gateway, 5..10);
    finish(&mut archived.backup_command(&gateway)).assert_exit(0);
    send(&gateway, 10..15);
    finish(&mut archived.backup_command(&gateway)).assert_exit(0);
    gateway.stop().assert_exit(0);

    fs::remove_dir_all(archived.home.data_dir()).unwrap();
    fs::rename(&older, archived.home.data_dir()).unwrap();
    let gateway = archived.home.serve();
    send(&gateway, 100..101);
    let refused = finish(&mut archived.backup_command(&gateway));
    refused.assert_exit(1);
    gateway.logged("has other commits than the journal");
    assert!(0 < gateway.meter("gateway_journal_unarchived_files"));
    // It is still served, and restores have the history that was archived.
    send(&gateway, 101..102);
    gateway.stop().assert_exit(0);
    assert_eq!(archived.people_in(&archived.backup(), 0..15), 15);
}

#[test]
fn a_command_that_writes_to_an_archived_store_needs_its_archive() {
    let archived = Archived::new();
    let gateway = archived.home.serve();
    send(&gateway, 0..5);
    finish(&mut archived.backup_command(&gateway)).assert_exit(0);
    send(&gateway, 5..10);
    gateway.stop().assert_exit(0);
    let (home, data_dir) = (&archived.home, archived.home.data_dir());
    let in_data_dir = |words: &[&str]| {
        let mut command = home.command(words);
        command.arg("--data-dir").arg(&data_dir);
        command
    };
    let source = archived.backup();
    // A configuration that does not name the archive, and a table without rows.
    let (config, table) = (home.directory().join("plain.toml"), home.directory().join("rows"));
    fs::write(&config, "[[company]]\nid = \"ABC123\"\n").unwrap();
    fs::write(&table, "email\n").unwrap();
    let commands: [&dyn Fn() -> Command; 5] = [
        &|| in_data_dir(&["delete-company", "--company", "ABC123", "--confirm", "ABC123"]),
        &|| in_data_dir(&["migrate"]),
        &|| in_data_dir(&["compact", "--into", "compacted"]),
        &|| {
            let mut command = home.command(&["move-company", "--company", "ABC123", "--data-dir"]);
            command.arg(&source).arg("--into").arg(&data_dir);
            command
        },
        &|| {
            let mut command = in_data_dir(&["import", "--company", "ABC123", "--format", "csv"]);
            command.arg("--config").arg(&config).arg("--input").arg(&table);
            command
        },
    ];
    let is_archived_in = format!("is archived in {}", archived.archive().display());
    for command in commands {
        for other in [&[][..], &["--journal-archive", "another"]] {
            let refused = finish(command().args(other));
            refused.assert_exit(1);
            refused.assert_output(&is_archived_in);
        }
    }
    let named = |command: &dyn Fn() -> Command| {
        let mut command = command();
        finish(command.arg("--journal-archive").arg(archived.archive()))
    };
    named(commands[1]).assert_exit(0);
    named(commands[2]).assert_exit(0);
    named(commands[0]).assert_exit(0);
    named(commands[3]).assert_exit(0);
    named(commands[4]).assert_exit(0);
    // What was committed before the stop, and by the commands, is added.
    let gateway = home.serve();
    let grown = finish(&mut archived.backup_command(&gateway));
    grown.assert_exit(0);
    gateway.stop().assert_exit(0);
    assert_eq!(archived.people_in(&archived.backup(), 0..10), 5);
    // Without the setting the store is served as one that is not archived.
    home.configure("[[company]]\nid = \"ABC123\"\n");
    let gateway = home.serve();
    gateway.logged("the journal is no longer archived");
    gateway.stop().assert_exit(0);
    finish(&mut commands[1]()).assert_exit(0);
}

#[test]
fn nothing_is_added_to_a_store_that_is_archived_and_no_byte_of_it_changes() {
    let archived = Archived::new();
    let gateway = archived.home.serve();
    send(&gateway, 0..5);
    finish(&mut archived.backup_command(&gateway)).assert_exit(0);
    send(&gateway, 5..10);
    stop_archived(&archived, gateway);
    let journal = archived.home.data_dir().join("journal");
    let unchanged = || [files(&archived.home.data_dir()), files(&journal)];
    let before = unchanged();
    let mut command = archived.home.command(&["backup", "--archive"]);
    command.arg(archived.archive()).arg("--into").arg(archived.home.data_dir());
    let refused = finish(&mut command);
    refused.assert_exit(1);
    refused.assert_output("is no backup, or was served since");
    assert_eq!(unchanged(), before);
}

#[test]
fn an_archive_that_cannot_be_written_to_is_named_by_a_start_and_by_a_check() {
    let home = Home::new();
    let file = home.directory().join("file");
    fs::write(&file, "").unwrap();
    let archive = file.join("archive");
    let company = "[[company]]\nid = \"ABC123\"\n";
    home.configure(&format!("journal_archive = \"{}\"\n{company}", archive.display()));
    let started = Serving::try_start(home.serve_command()).expect_err("it started");
    let checked = finish(home.command(&["check"]).arg("--config").arg(home.config()));
    for refused in [started, checked] {
        refused.assert_exit(1);
        refused.assert_output(&format!("cannot write to {}", archive.display()));
        refused.assert_output("ReadWritePaths=");
    }
    let archive = home.directory().join("new").join("archive");
    home.configure(&format!("journal_archive = \"{}\"\n{company}", archive.display()));
    finish(home.command(&["check"]).arg("--config").arg(home.config())).assert_exit(0);
    assert!(!archive.exists());
    home.serve().stop().assert_exit(0);
}

#[test]
fn what_could_not_be_archived_is_archived_although_nothing_is_sent() {
    let archived = Archived::new();
    let gateway = archived.home.serve();
    send(&gateway, 0..5);
    finish(&mut archived.backup_command(&gateway)).assert_exit(0);
    let (archive, aside) = (archived.archive(), archived.archive().with_extension("aside"));
    fs::rename(&archive, &aside).unwrap();
    fs::write(&archive, "a file in its place").unwrap();
    send(&gateway, 5..10);
    let refused = finish(&mut archived.backup_command(&gateway));
    refused.assert_exit(1);
    refused.assert_output("the journal cannot be archived at the moment");
    assert!(0 < gateway.meter("gateway_journal_unarchived_files"));
    fs::remove_file(&archive).unwrap();
    fs::rename(&aside, &archive).unwrap();
    wait_until("the journal is archived", || {
        gateway.meter("gateway_journal_unarchived_files") == 0
    });
    finish(&mut archived.backup_command(&gateway)).assert_exit(0);
    gateway.stop().assert_exit(0);
    assert_eq!(archived.people_in(&archived.backup(), 0..10), 10);
}
