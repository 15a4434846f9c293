//! A library between a process and its disk and clock: `tests/disk/disk.c`, compiled once and
//! loaded before the C library.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use super::not_checked;

/// The compiled library, or why there is none.
static LIBRARY: LazyLock<Result<PathBuf, String>> = LazyLock::new(compile);

fn compile() -> Result<PathBuf, String> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/disk/disk.c");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (own, library) = (
        directory.join(format!("libdisk-{}.so", std::process::id())),
        directory.join("libdisk.so"),
    );
    let mut compiler = Command::new("cc");
    compiler.args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]);
    let output = compiler.arg(&own).args([source, "-ldl", "-lpthread"]).output();
    let output = output.map_err(|error| format!("cc: {error}"))?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    // Another test process may be compiling the same.
    fs::rename(&own, &library).map_err(|error| error.to_string())?;
    Ok(library)
}

/// What happens at one call that changes a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CallFault {
    /// The process ends before the call.
    Kill,
    /// The process ends after the call; of a write only the first half is done.
    KillHalf,
    /// The call fails with an input/output error.
    Error,
    /// This call fails because the disk is full, and so does every later one that is no sync.
    NoSpace,
    /// Of a write only the first half is done.
    Short,
}

impl CallFault {
    pub(super) const ALL: [CallFault; 5] = [
        CallFault::Kill,
        CallFault::KillHalf,
        CallFault::Error,
        CallFault::NoSpace,
        CallFault::Short,
    ];

    fn name(self) -> &'static str {
        match self {
            CallFault::Kill => "kill",
            CallFault::KillHalf => "kill-half",
            CallFault::Error => "error",
            CallFault::NoSpace => "no-space",
            CallFault::Short => "short",
        }
    }
}

/// The exit code of a process that a fault has ended.
pub(super) const ENDED_BY_FAULT: i32 = 97;

/// Where things are in `struct control` of the library.
const CONTROL_BYTES: u64 = 48;
const CLOCK: u64 = 32;
const CALLS: u64 = 40;

/// What a test changes of a disk while the process runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum DiskSwitch {
    /// Milliseconds by which each call is delayed that changes a file and is no sync.
    WriteDelay,
    /// Milliseconds by which each sync is delayed.
    SyncDelay,
    /// The error of each sync, or 0.
    SyncError,
}

impl DiskSwitch {
    fn offset(self) -> u64 {
        match self {
            DiskSwitch::WriteDelay => 0,
            DiskSwitch::SyncDelay => 8,
            DiskSwitch::SyncError => 24,
        }
    }
}

/// A disk that the library watches: one directory of one process.
#[derive(Debug)]
pub(super) struct WatchedDisk {
    library: PathBuf,
    root: PathBuf,
    record: Option<PathBuf>,
    control: PathBuf,
}

impl WatchedDisk {
    /// A disk at `root`, which has to be absolute. The files of the library are put beside it.
    /// `None` on a machine without a C compiler.
    pub(super) fn at(root: &Path) -> Option<WatchedDisk> {
        let library = LIBRARY.as_ref().inspect_err(|reason| {
            not_checked("what happens at each call to the disk", format_args!("{reason}"));
        });
        let control = root.with_extension("control");
        fs::write(&control, vec![0; usize::try_from(CONTROL_BYTES).unwrap()]).unwrap();
        let (library, root) = (library.ok()?.clone(), root.to_owned());
        Some(WatchedDisk { library, root, record: None, control })
    }

    /// Lets every call be recorded in this file.
    pub(super) fn recorded_in(self, record: PathBuf) -> WatchedDisk {
        WatchedDisk { record: Some(record), ..self }
    }

    /// Puts the library before the C library of a command.
    pub(super) fn watch(&self, command: &mut Command, fault: Option<(u64, CallFault)>) {
        self.control().write_all_at(&0_u64.to_ne_bytes(), CALLS).unwrap();
        command.env("LD_PRELOAD", &self.library).env("DISK_ROOT", &self.root);
        command.env("DISK_CONTROL", &self.control);
        if let Some(record) = &self.record {
            command.env("DISK_RECORD", record);
        }
        if let Some((number, fault)) = fault {
            command.env("DISK_FAULT", format!("{number}:{}", fault.name()));
        }
    }

    /// Sets the wall clock of the process this many milliseconds ahead of the real one.
    pub(super) fn set_clock(&self, ahead_ms: i64) {
        self.control().write_all_at(&ahead_ms.to_ne_bytes(), CLOCK).unwrap();
    }

    /// How many calls the process has made that change a file.
    pub(super) fn calls(&self) -> u64 {
        let mut calls = [0; 8];
        self.control().read_exact_at(&mut calls, CALLS).unwrap();
        u64::from_ne_bytes(calls)
    }

    /// Changes the disk of the running process.
    pub(super) fn set(&self, switch: DiskSwitch, value: u64) {
        self.control().write_all_at(&value.to_ne_bytes(), switch.offset()).unwrap();
    }

    fn control(&self) -> File {
        OpenOptions::new().read(true).write(true).open(&self.control).unwrap()
    }
}
