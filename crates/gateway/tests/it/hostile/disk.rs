//! Disks that are full, or not for writing: no lie, no loss, and words that say
//! what to do.

use std::{
    fs::{self, File, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::{NO_MARKS, UNLIMITED, figure, not_checked, report, wait_until_released};
use crate::{
    serving::{Home, Serving, finish},
    stored::StoredProfiles,
    wire::{RawRequest, TEST_TIMEOUT},
};

/// A file system of so many MiB in memory, until this goes.
pub(super) struct Small {
    at: PathBuf,
}

impl Small {
    /// Puts one at this directory; nothing where this machine does not let us.
    pub(super) fn mount(at: &Path, mib: u32) -> Option<Small> {
        fs::create_dir(at).unwrap();
        let size = format!("size={mib}m,mode=0700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at);
        may("a file system that is full", &mut mount).then(|| Small { at: at.to_owned() })
    }

    /// Changes how it is mounted. False where this machine does not let us.
    fn remount(&self, option: &str) -> bool {
        let options = format!("remount,{option}");
        let mut mount = Command::new("mount");
        may("a file system that is mounted anew", mount.args(["-o", &options]).arg(&self.at))
    }

    /// Writes a file until this many MiB are free.
    pub(super) fn fill(&self, left: u64) -> PathBuf {
        // A directory with visible files of other programs is no data directory.
        let ballast = self.at.join(".ballast");
        let mut file = File::create(&ballast).unwrap();
        let full = std::iter::repeat_with(|| file.write_all(&[0; 4_096])).find_map(Result::err);
        assert_eq!(full.unwrap().kind(), ErrorKind::StorageFull);
        let length = file.metadata().unwrap().len();
        file.set_len(length - (left << 20)).unwrap();
        ballast
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // What is still open there goes with its process.
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

/// Runs a command without which something cannot be looked at, and says so where this
/// machine does not let us run it.
fn may(look_at: &str, command: &mut Command) -> bool {
    let output = match command.output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    // The last part of the first line: the name of the temporary directory differs each time.
    let reason = output.lines().next().and_then(|line| line.rsplit(": ").next());
    let program = command.get_program().display();
    not_checked(look_at, format_args!("{program}: {}", reason.unwrap_or("failed")));
    false
}

/// `gateway serve` with its data in this directory.
fn command(home: &Home, data: &Path) -> Command {
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.args(["--admin-listen", "127.0.0.1:0", "--config"]).arg(home.config());
    command.arg("--data-dir").arg(data);
    command
}

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}

fn send(gateway: &Serving, number: usize) -> u16 {
    // Long values, so that the disk is full soon.
    let properties = format!(r#""properties":{{"long":"{}"}}"#, "x".repeat(20_000));
    let attributes = format!(r#""email":"{}",{properties}"#, email(number));
    let body = format!(r#"{{"data":{{"type":"profile","attributes":{{{attributes}}}}}}}"#);
    let answer = gateway.send(&RawRequest::profile(body));
    assert_eq!(answer.status == 503, answer.has("Retry-After"), "{answer:?}");
    answer.status
}

/// Sends new people until one is answered 503. Returns how many were stored.
fn send_until_refused(gateway: &Serving) -> usize {
    let refused = |number: &usize| match send(gateway, *number) {
        202 => false,
        503 => true,
        other => panic!("answered {other}"),
    };
    (0..20_000).find(refused).expect("the disk never gets full")
}

#[track_caller]
fn assert_poisoned(gateway: &Serving, stored: usize) {
    for number in stored..stored + 20 {
        assert_eq!(send(gateway, number), 503, "a write was accepted after one had failed");
    }
    let line =
        gateway.logged("a write failed; the engine refuses all writes until it is opened again");
    let causes = ["No space left on device", "File too large"];
    assert!(causes.iter().any(|cause| line.contains(cause)), "{line}");
    assert_eq!(gateway.ask("/health/ready").status, 503);
    assert_eq!(gateway.ask("/health/live").status, 200);
}

/// Sees that a restart serves again and has all that was acknowledged.
#[track_caller]
fn assert_recovers(home: &Home, stored: usize) {
    wait_until_released(home);
    let gateway = home.serve();
    assert_eq!(send(&gateway, 30_000), 202);
    gateway.stop().assert_exit(0);
    home.verify().assert_exit(0);
    wait_until_released(home);
    let found = StoredProfiles::open(home);
    let lost: Vec<usize> =
        (0..stored).filter(|number| found.by_email("ABC123", &email(*number)).is_none()).collect();
    figure("disk_failures", 1);
    figure("disk_writes_acknowledged", stored);
    figure("writes_lost", lost.len());
    assert!(lost.is_empty(), "of {stored} these are lost: {lost:?}");
}

#[test]
fn a_full_disk_is_reported_and_loses_nothing_and_a_restart_with_free_space_serves_again() {
    let home = Home::configured(&format!("{NO_MARKS}{UNLIMITED}"));
    let Some(small) = Small::mount(&home.data_dir(), 48) else { return };
    let gateway = home.serve();
    assert_eq!(send(&gateway, 40_000), 202);
    let ballast = small.fill(4);
    let stored = send_until_refused(&gateway);
    assert_poisoned(&gateway, stored);
    // Free space alone is not enough: the result of the failed write is not defined.
    fs::remove_file(ballast).unwrap();
    assert_poisoned(&gateway, stored);
    gateway.kill();
    assert_recovers(&home, stored);
    report("disk", format_args!("{stored} writes acknowledged before it was full, 0 lost"));
    drop(small);
}

#[test]
fn a_gateway_with_a_disk_fuller_and_fuller_accepts_what_fits_and_lies_about_nothing() {
    let home = Home::configured(&format!("{NO_MARKS}{UNLIMITED}"));
    let Some(small) = Small::mount(&home.data_dir(), 16) else { return };
    let mut gateway = home.serve();
    let stored = send_until_refused(&gateway);
    assert_poisoned(&gateway, stored);
    // Asked to stop, it does so, and says that not everything is sure.
    gateway.signal("TERM");
    assert!(gateway.ends_within(TEST_TIMEOUT), "it is still running");
    let finished = gateway.wait();
    finished.assert_exit(1);
    finished.assert_output("the store did not close");
    if !small.remount("size=64m") {
        return;
    }
    assert_recovers(&home, stored);
    drop(small);
}

/// A gateway whose files may grow no more after some megabytes, with these further arguments.
fn serve_limited(home: &Home, arguments: &[&str]) -> Serving {
    let serve = command(home, &home.data_dir());
    let mut shell = Command::new("sh");
    // In blocks of 512 bytes; a file of the journal begins with 4 MiB. The signal that comes with
    // the error would end the gateway.
    shell.args(["-c", "trap '' XFSZ; ulimit -f 16384; exec \"$0\" \"$@\""]);
    shell.arg(serve.get_program()).args(serve.get_args()).args(arguments);
    shell.current_dir(home.directory());
    Serving::start(shell)
}

#[test]
fn files_that_may_grow_no_more_are_like_a_full_disk() {
    let home = Home::configured(&format!("{NO_MARKS}{UNLIMITED}"));
    let gateway = serve_limited(&home, &[]);
    let stored = send_until_refused(&gateway);
    assert_poisoned(&gateway, stored);
    gateway.kill();
    assert_recovers(&home, stored);
}

#[test]
fn a_failed_write_ends_the_process_if_that_is_set_and_a_start_has_all_that_was_answered() {
    let home = Home::configured(&format!("{NO_MARKS}{UNLIMITED}"));
    let mut gateway = serve_limited(&home, &["--exit-on-failed-write", "--drain-seconds", "1"]);
    let stored = send_until_refused(&gateway);
    assert!(gateway.ends_within(TEST_TIMEOUT), "it is still running");
    let finished = gateway.wait();
    finished.assert_exit(1);
    finished.assert_output("the store failed; the process ends");
    assert_recovers(&home, stored);
}

/// A command without the privileges by which root may write anywhere.
fn unprivileged(command: &Command) -> Command {
    let process = fs::metadata("/proc/self").unwrap();
    let is_root = std::os::unix::fs::MetadataExt::uid(&process) == 0;
    let program = command.get_program();
    let mut run = Command::new(if is_root { "setpriv".as_ref() } else { program });
    if is_root {
        run.args(["--bounding-set=-all", "--inh-caps=-all", "--"]).arg(program);
    }
    run.args(command.get_args());
    run
}

/// Whether a directory may be one that cannot be written, on this machine.
fn can_be_closed(directory: &Path) -> bool {
    const WHAT: &str = "a directory that cannot be written";
    let mut look = Command::new("ls");
    let look = look.arg(directory);
    if !may(WHAT, &mut unprivileged(look)) {
        return false;
    }
    let mut write = Command::new("mkdir");
    write.arg(directory.join("probe"));
    let refused = !unprivileged(&write).output().unwrap().status.success();
    if !refused {
        not_checked(WHAT, format_args!("every user may write everywhere"));
    }
    refused
}

#[test]
fn a_directory_that_cannot_be_written_is_named_at_the_start() {
    let home = Home::new();
    home.serve().stop().assert_exit(0);
    wait_until_released(&home);
    let parent = home.directory().join("parent");
    fs::create_dir(&parent).unwrap();
    let (inside, empty) = (parent.join("data"), home.directory().join("empty"));
    fs::create_dir(&empty).unwrap();
    for (closed, mode) in [(&parent, 0o500), (&empty, 0o500), (&home.data_dir(), 0o000)] {
        fs::set_permissions(closed, Permissions::from_mode(mode)).unwrap();
    }
    if !can_be_closed(&empty) {
        return;
    }
    for data in [inside, empty.clone(), home.data_dir()] {
        let finished = finish(&mut unprivileged(&command(&home, &data)));
        finished.assert_exit(1);
        finished.assert_output(&data.display().to_string());
        finished.assert_output("Permission denied");
    }
    for closed in [&parent, &empty, &home.data_dir()] {
        fs::set_permissions(closed, Permissions::from_mode(0o700)).unwrap();
    }
    home.verify().assert_exit(0);
}

#[test]
fn a_store_on_a_file_system_for_reading_only_is_named_at_the_start() {
    let home = Home::configured(&format!("{NO_MARKS}{UNLIMITED}"));
    let Some(small) = Small::mount(&home.data_dir(), 48) else { return };
    let gateway = home.serve();
    assert_eq!(send(&gateway, 0), 202);
    gateway.stop().assert_exit(0);
    wait_until_released(&home);
    if !small.remount("ro") {
        return;
    }
    let finished = finish(&mut home.serve_command());
    finished.assert_exit(1);
    finished.assert_output("Read-only file system");
    assert!(small.remount("rw"));
    assert_recovers(&home, 1);
    drop(small);
}

#[test]
fn a_file_in_the_place_of_the_directory_is_named_and_left_alone() {
    let home = Home::new();
    fs::write(home.data_dir(), "a letter").unwrap();
    let finished = finish(&mut home.serve_command());
    finished.assert_exit(1);
    let output = format!("cannot create the data directory {}", home.data_dir().display());
    finished.assert_output(&output);
    assert_eq!(fs::read_to_string(home.data_dir()).unwrap(), "a letter");
}

#[test]
fn a_full_disk_at_the_start_is_reported() {
    let home = Home::configured(&format!("{NO_MARKS}{UNLIMITED}"));
    let Some(small) = Small::mount(&home.data_dir(), 4) else { return };
    let ballast = small.fill(0);
    let finished = finish(&mut home.serve_command());
    finished.assert_exit(1);
    finished.assert_output("No space left on device");
    fs::remove_file(ballast).unwrap();
    drop(small);
}
