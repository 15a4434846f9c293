//! Backups, as operators make them: while a gateway serves, with kills in between, and restored up
//! to a time.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use crate::{
    serving::{Finished, Home, Serving, finish, wait_until},
    stop_flag::StopFlag,
    wire::{self, RawRequest},
};

/// A gateway with an archive of its journal and an admin key.
pub(crate) struct Archived {
    pub(crate) home: Home,
    key: String,
}

impl Archived {
    pub(crate) fn new() -> Archived {
        let home = Home::new();
        let output = home.command(&["key", "--admin"]).output().unwrap();
        let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        let entry = String::from_utf8(output.stderr).unwrap();
        let archive = home.directory().join("archive").display().to_string();
        home.configure(&format!(
            "{entry}journal_archive = \"{archive}\"\njournal_archive_seconds = 5\n\
             [[company]]\nid = \"ABC123\"\nlimits = \"none\"\nnetwork_limits = \"none\"\n",
        ));
        Archived { home, key }
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.home.directory().join("archive")
    }

    /// The number of the newest file of the journal. A slow machine closes some in between.
    pub(crate) fn newest_generation(&self) -> usize {
        newest_generation(&self.home.data_dir())
    }

    pub(crate) fn backup(&self) -> PathBuf {
        self.home.directory().join("backup")
    }

    /// `gateway backup` from a gateway that serves.
    pub(crate) fn backup_command(&self, gateway: &Serving) -> Command {
        let mut command = self.home.command(&["backup", "--admin-url"]);
        command.arg(format!("http://{}", gateway.admin)).env("GATEWAY_ADMIN_KEY", &self.key);
        command.arg("--into").arg(self.backup());
        command
    }

    /// `gateway restore` of the backup into the directory of this name.
    pub(crate) fn restore(&self, name: &str) -> Command {
        let mut command = self.home.command(&["restore", "--backup"]);
        command.arg(self.backup()).arg("--into").arg(self.home.directory().join(name));
        command
    }

    /// `gateway verify` of a directory.
    pub(crate) fn verify(&self, directory: &Path) -> Finished {
        finish(self.home.command(&["verify"]).arg("--data-dir").arg(directory))
    }

    /// A copy that a killed command left is no store, unless the command had finished it and was
    /// verifying it. Returns whether it is none.
    fn is_refused(&self, directory: &Path, whole: usize) -> bool {
        let checked = self.verify(directory);
        let whole = format!("profiles: {whole}, ");
        let refused = ["has a copy of a store that was cut off", "there is no store in"];
        let is_refused = refused.iter().any(|reason| checked.output.contains(reason));
        assert!(is_refused || checked.output.contains(&whole), "{}", checked.output);
        checked.assert_exit(i32::from(is_refused));
        is_refused
    }

    /// How many of the people of these numbers the store in this directory has.
    pub(crate) fn people_in(
        &self,
        directory: &Path,
        numbers: impl Iterator<Item = usize>,
    ) -> usize {
        let mut command = self.home.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.args(["--admin-listen", "127.0.0.1:0", "--config"]).arg(self.home.config());
        let gateway = Serving::start({
            command.arg("--data-dir").arg(directory);
            command.arg("--journal-archive").arg(self.home.directory().join("another archive"));
            command
        });
        // People who are there are not created once more.
        let before = created(&gateway);
        let mut connection = gateway.connect();
        let mut count = 0;
        for number in numbers {
            connection.exchange(&person(number)).assert_accepted();
            count += 1;
        }
        let missing = created(&gateway) - before;
        gateway.stop().assert_exit(0);
        count - missing
    }
}

/// The number of the newest file of the journal in a directory.
fn newest_generation(directory: &Path) -> usize {
    let files = fs::read_dir(directory.join("journal")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let numbers = names.filter_map(|name| name.strip_suffix(".journal")?.parse().ok());
    numbers.max().unwrap()
}

pub(crate) fn person(number: usize) -> RawRequest {
    RawRequest::email(&format!("person{number}@example.com"))
}

/// How many profiles were created since the start.
fn created(gateway: &Serving) -> usize {
    let rendered = gateway.ask("/metrics");
    let series = "gateway_profiles_total{effect=\"created\"} ";
    let value = rendered.text().lines().find_map(|line| line.strip_prefix(series));
    value.map_or(0, |value| value.parse().unwrap())
}

/// Sends new people, one after the other, until it is to stop. Counts those that were accepted.
fn load(gateway: &Serving, accepted: &AtomicUsize, is_over: &StopFlag) {
    let mut connection = gateway.connect();
    while !is_over.is_set() {
        let number = accepted.load(Ordering::Relaxed);
        connection.exchange(&person(number)).assert_accepted();
        accepted.store(number + 1, Ordering::Relaxed);
    }
}

/// Runs something while people are sent. Returns how many had been accepted before it began, and
/// how many in all.
fn under_load(gateway: &Serving, accepted: &AtomicUsize, run: impl FnOnce()) -> usize {
    let is_over = StopFlag::default();
    thread::scope(|scope| {
        let _ends = is_over.set_on_drop();
        scope.spawn(|| load(gateway, accepted, &is_over));
        let wanted = accepted.load(Ordering::Relaxed) + 50;
        wait_until("people are accepted", || wanted <= accepted.load(Ordering::Relaxed));
        let before = accepted.load(Ordering::Relaxed);
        run();
        before
    })
}

#[test]
fn a_backup_of_a_gateway_that_serves_has_everything_accepted_before_it_began() {
    let archived = Archived::new();
    let (gateway, accepted) = (archived.home.serve(), AtomicUsize::new(0));
    let before = under_load(&gateway, &accepted, || {
        let written = finish(&mut archived.backup_command(&gateway));
        written.assert_exit(0);
        written.assert_output("whole backup: ");
        written.assert_output("every invariant holds");
    });
    // What was accepted later is added.
    let later = under_load(&gateway, &accepted, || {
        let grown = finish(&mut archived.backup_command(&gateway));
        grown.assert_exit(0);
        grown.assert_output("added to the backup: ");
    });
    assert!(before < later);
    gateway.kill();
    let restored = finish(&mut archived.restore("restored"));
    restored.assert_exit(0);
    restored.assert_output("every invariant holds");
    let directory = archived.home.directory().join("restored");
    assert_eq!(archived.people_in(&directory, 0..later), later);
}

#[test]
fn a_backup_that_is_killed_is_no_store_and_one_that_grows_goes_on_where_it_was() {
    let archived = Archived::new();
    let (gateway, accepted) = (archived.home.serve(), AtomicUsize::new(0));
    under_load(&gateway, &accepted, || thread::sleep(Duration::from_millis(300)));
    for milliseconds in [1, 20, 40, 80] {
        let killed = kill_after(&mut archived.backup_command(&gateway), milliseconds);
        if !killed.success() {
            archived.is_refused(&archived.backup(), accepted.load(Ordering::Relaxed));
        }
        fs::remove_dir_all(archived.backup()).unwrap_or_default();
    }
    finish(&mut archived.backup_command(&gateway)).assert_exit(0);
    let before = under_load(&gateway, &accepted, || thread::sleep(Duration::from_millis(300)));
    // A command that adds to the backup begins a file of its journal.
    let newest = || newest_generation(&archived.backup());
    let mut killed = 0;
    for _ in 0..5 {
        let begun = newest();
        let grew = kill_once(&mut archived.backup_command(&gateway), || begun < newest());
        killed += usize::from(!grew.success());
        archived.verify(&archived.backup()).assert_exit(0);
    }
    assert!(0 < killed, "every command ended before it was killed");
    let grown = finish(&mut archived.backup_command(&gateway));
    grown.assert_exit(0);
    grown.assert_output("every invariant holds");
    gateway.stop().assert_exit(0);
    assert_eq!(archived.people_in(&archived.backup(), 0..before), before);
}

fn kill_after(command: &mut Command, milliseconds: u64) -> std::process::ExitStatus {
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(Duration::from_millis(milliseconds));
    let _ = process.kill();
    process.wait().unwrap()
}

/// Kills a command as soon as something holds, unless it has ended.
fn kill_once(command: &mut Command, holds: impl Fn() -> bool) -> std::process::ExitStatus {
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !holds() && process.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    let _ = process.kill();
    process.wait().unwrap()
}

#[test]
fn a_store_is_restored_to_a_time_from_a_backup_and_the_archive() {
    let archived = Archived::new();
    let gateway = archived.home.serve();
    let send = |numbers: std::ops::Range<usize>| {
        let mut connection = gateway.connect();
        numbers.for_each(|number| connection.exchange(&person(number)).assert_accepted());
    };
    send(0..20);
    finish(&mut archived.backup_command(&gateway)).assert_exit(0);
    send(20..40);
    thread::sleep(Duration::from_millis(20));
    let until = now();
    thread::sleep(Duration::from_millis(20));
    send(40..60);
    gateway.stop().assert_exit(0);
    // The last commits are archived after the next start.
    let last = archived.newest_generation();
    let gateway = archived.home.serve();
    wait_for_archive(&archived, last);
    gateway.kill();
    let restored = |name: &str, arguments: &[&str]| {
        let finished =
            finish(archived.restore(name).arg("--archive").arg(archived.archive()).args(arguments));
        finished.assert_exit(0);
        finished.assert_output("every invariant holds");
        archived.people_in(&archived.home.directory().join(name), 0..60)
    };
    assert_eq!(restored("up to the time", &["--until", &until]), 40);
    assert_eq!(restored("all", &[]), 60);
    // The backup is as it was, so it can be restored again, also after a restore was killed.
    let mut refused = 0;
    for round in 0..5 {
        let name = format!("killed {round}");
        let directory = archived.home.directory().join(&name);
        let is_begun = || directory.join("unfinished-copy").exists();
        let mut command = archived.restore(&name);
        kill_once(command.arg("--archive").arg(archived.archive()), is_begun);
        refused += usize::from(archived.is_refused(&directory, 60));
    }
    assert!(0 < refused, "every restore ended before it was killed");
    assert_eq!(restored("once more", &[]), 60);
    // The archive alone brings the backup up to date.
    let mut command = archived.home.command(&["backup", "--archive"]);
    let grown = finish(command.arg(archived.archive()).arg("--into").arg(archived.backup()));
    grown.assert_exit(0);
    grown.assert_output("added to the backup: ");
    assert_eq!(archived.people_in(&archived.backup(), 0..60), 60);
}

/// The time in UTC, to the millisecond.
pub(crate) fn now() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.%3NZ"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Waits until the archive has the file of this generation.
pub(crate) fn wait_for_archive(archived: &Archived, generation: usize) {
    let name = format!("{generation:016}.journal");
    let is_there = || {
        let stores = fs::read_dir(archived.archive()).into_iter().flatten();
        stores.map(|store| store.unwrap().path().join(&name)).any(|path| path.exists())
    };
    for _ in 0..4_000 {
        if is_there() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{name} is not archived");
}

#[test]
fn a_stopped_store_is_backed_up_and_added_to_from_the_archive_once_it_is_served_again() {
    let archived = Archived::new();
    let gateway = archived.home.serve();
    gateway.send(&person(0)).assert_accepted();
    let mut command = archived.home.command(&["backup", "--data-dir"]);
    command.arg(archived.home.data_dir()).arg("--into").arg(archived.backup());
    let busy = finish(&mut command);
    busy.assert_exit(1);
    busy.assert_output("another process is using this data directory");
    gateway.stop().assert_exit(0);
    finish(&mut command).assert_exit(0);
    let again = finish(&mut command);
    again.assert_exit(1);
    again.assert_output("name its archive by --archive, or the gateway by --admin-url");
    let gateway = archived.home.serve();
    gateway.send(&person(1)).assert_accepted();
    let grown = finish(&mut archived.backup_command(&gateway));
    grown.assert_exit(0);
    grown.assert_output("added to the backup: ");
    gateway.stop().assert_exit(0);
    assert_eq!(archived.people_in(&archived.backup(), 0..2), 2);
    // It has been served, and has commits of its own.
    let refused: Finished = finish(&mut archived.restore("restored"));
    refused.assert_exit(1);
    refused.assert_output("is no backup, or was served since");
}

#[test]
fn a_directory_to_which_another_backup_is_being_written_is_named_as_such() {
    let archived = Archived::new();
    archived.home.serve().stop().assert_exit(0);
    let data_dir = archived.home.data_dir();
    let back_up = || {
        let mut command = archived.home.command(&["backup", "--data-dir"]);
        finish(command.arg(&data_dir).arg("--into").arg(archived.backup()))
    };
    fs::create_dir(archived.backup()).unwrap();
    // The file that a command has locked while it writes.
    let marker = fs::File::create(archived.backup().join("unfinished-copy")).unwrap();
    marker.lock().unwrap();
    for busy in [back_up(), archived.verify(&archived.backup())] {
        busy.assert_exit(1);
        busy.assert_output("a copy of a store is being written to ");
    }
    drop(marker);
    let cut_off = back_up();
    cut_off.assert_exit(1);
    cut_off.assert_output("has a copy of a store that was cut off: remove it");
}

#[test]
fn a_backup_from_which_a_company_was_deleted_is_an_ordinary_store() {
    let archived = Archived::new();
    let gateway = archived.home.serve();
    gateway.send(&person(0)).assert_accepted();
    finish(&mut archived.backup_command(&gateway)).assert_exit(0);
    let mut delete = archived.home.command(&["delete-company", "--company", "ABC123"]);
    delete.args(["--confirm", "ABC123", "--data-dir"]).arg(archived.backup());
    finish(&mut delete).assert_exit(0);
    gateway.send(&person(1)).assert_accepted();
    let refused = finish(&mut archived.backup_command(&gateway));
    refused.assert_exit(1);
    refused.assert_output("is no backup, or was served since: name a new directory");
    archived.verify(&archived.backup()).assert_output("profiles: 0, ");
    gateway.stop().assert_exit(0);
}

#[test]
fn backups_are_given_to_admin_keys_alone_and_only_by_the_admin_listener() {
    let archived = Archived::new();
    let gateway = archived.home.serve();
    let ask = |authorization: &str| {
        let request = RawRequest::new("GET", "/backup").with("Authorization", authorization);
        wire::exchange(gateway.admin, &request)
    };
    let unknown = format!("Bearer pk_{}", "0".repeat(34));
    for authorization in ["", "Bearer", "Bearer ", &unknown, &archived.key] {
        let answer = ask(authorization);
        assert_eq!(answer.status, 401, "{authorization}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let valid = format!("Bearer {}", archived.key);
    let request = RawRequest::new("GET", "/backup").with("Authorization", &valid);
    assert_eq!(gateway.send(&request).status, 404);
    for query in ["after=", "after=00", "before=1", &format!("after={}", "g".repeat(56))] {
        let target = format!("/backup?{query}");
        let request = RawRequest::new("GET", &target).with("Authorization", &valid);
        assert_eq!(wire::exchange(gateway.admin, &request).status, 400, "{query}");
    }
    let other_store = format!("/backup?after={}", "0".repeat(56));
    let request = RawRequest::new("GET", &other_store).with("Authorization", &valid);
    let answer = wire::exchange(gateway.admin, &request);
    assert_eq!(answer.status, 409);
    assert!(answer.text().contains("another store"), "{}", answer.text());
    // Without a configured key, there are no backups.
    archived.home.configure("[[company]]\nid = \"ABC123\"\n");
    gateway.signal("HUP");
    gateway.logged("reloaded the configuration");
    assert_eq!(ask(&valid).status, 403);
    let refused = finish(&mut archived.backup_command(&gateway));
    refused.assert_exit(1);
    refused.assert_output("answered with status 403: the setting admin_keys has no key");
}

#[test]
fn an_admin_key_is_sent_to_the_gateway_itself_whatever_proxy_the_environment_names() {
    let archived = Archived::new();
    let gateway = archived.home.serve();
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let mut command = archived.backup_command(&gateway);
    for name in ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"] {
        command.env(name, &url).env(name.to_lowercase(), &url);
    }
    finish(&mut command).assert_exit(0);
    assert!(proxy.accept().is_err(), "the proxy was asked");
}

#[test]
fn no_admin_key_is_taken_from_the_command_line() {
    let archived = Archived::new();
    let mut command = archived.home.command(&["stats", "--admin-url", "http://127.0.0.1:1"]);
    let refused = finish(command.args(["--admin-key", &archived.key]));
    refused.assert_exit(2);
    refused.assert_output("--admin-key-file");
}

#[test]
fn what_is_no_admin_key_or_no_gateway_is_named() {
    let archived = Archived::new();
    let gateway = archived.home.serve();
    let mut command = archived.backup_command(&gateway);
    let malformed = finish(command.env("GATEWAY_ADMIN_KEY", "secret"));
    malformed.assert_exit(1);
    malformed.assert_output("must be one that `gateway key --admin` has printed");
    assert!(!malformed.output.contains("secret"), "{}", malformed.output);
    let file = archived.home.directory().join("admin.key");
    fs::write(&file, format!("{}\n", archived.key)).unwrap();
    let mut command = archived.backup_command(&gateway);
    finish(command.env_remove("GATEWAY_ADMIN_KEY").arg("--admin-key-file").arg(&file))
        .assert_exit(0);
    let missing = finish(archived.backup_command(&gateway).env_remove("GATEWAY_ADMIN_KEY"));
    missing.assert_exit(1);
    missing.assert_output("set GATEWAY_ADMIN_KEY");
    let url = format!("http://{}", gateway.admin);
    gateway.stop().assert_exit(0);
    fs::remove_dir_all(archived.backup()).unwrap();
    let mut command = archived.home.command(&["backup", "--admin-url", &url]);
    command.env("GATEWAY_ADMIN_KEY", &archived.key).arg("--into").arg(archived.backup());
    let unreachable = finish(&mut command);
    unreachable.assert_exit(1);
    unreachable.assert_output(&format!("{url} cannot be reached"));
}
