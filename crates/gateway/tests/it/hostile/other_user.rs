//! `gateway verify` as a user that may read the data directory and not write to it.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::{UNLIMITED, not_checked};
use crate::{
    serving::{Finished, Home, finish},
    wire::RawRequest,
};

/// A user that owns nothing, on every system.
const NO_USER: &str = "65534";

/// Every file and directory below a directory, and the content of each file.
fn contents(directory: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
            found.push((path, None));
        } else {
            let content = fs::read(&path).unwrap();
            found.push((path, Some(content)));
        }
    }
    found.sort();
    found
}

/// Lets every user read a directory and everything in it, and no user write to it.
fn forbid_writing(directory: &Path) {
    for (path, content) in contents(directory) {
        let mode = if content.is_some() { 0o444 } else { 0o555 };
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(directory, Permissions::from_mode(0o555)).unwrap();
}

/// Runs `verify` as another user. `None` if this machine or this user cannot do that.
fn verify_as_other_user(home: &Home) -> Option<Finished> {
    let program = home.directory().join("gateway");
    // The directory of the build may be closed to other users.
    fs::copy(env!("CARGO_BIN_EXE_gateway"), &program).unwrap();
    for path in [home.directory(), &program] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    let as_other = |program: &Path| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", NO_USER, "--regid", NO_USER, "--clear-groups"]).arg(program);
        command
    };
    let able = as_other(&program).arg("--version").output();
    if !able.is_ok_and(|output| output.status.success()) {
        not_checked("verify as another user", format_args!("setpriv cannot change the user"));
        return None;
    }
    let written = as_other(Path::new("touch")).arg(home.data_dir().join("written")).output();
    assert!(!written.unwrap().status.success(), "the other user may write");
    let mut command = as_other(&program);
    Some(finish(command.args(["verify", "--data-dir"]).arg(home.data_dir())))
}

#[test]
fn a_user_that_may_only_read_verifies_a_store_and_changes_no_byte() {
    for table in ["redb", "sled"] {
        for is_killed in [false, true] {
            let home = Home::configured(&format!("table = \"{table}\"\n{UNLIMITED}"));
            let gateway = home.serve();
            let mut connection = gateway.connect();
            for number in 0..20 {
                let email = format!("person{number}@example.com");
                connection.exchange(&RawRequest::email(&email)).assert_accepted();
            }
            if is_killed {
                gateway.kill();
            } else {
                gateway.stop().assert_exit(0);
            }
            forbid_writing(&home.data_dir());
            let before = contents(&home.data_dir());
            let Some(verified) = verify_as_other_user(&home) else { return };
            verified.assert_exit(0);
            verified.assert_output("profiles: 20, ");
            verified.assert_output("every invariant holds");
            assert!(contents(&home.data_dir()) == before, "{table}: a byte has changed");
        }
    }
}
