//! Core files: a process that holds keys and people leaves none behind.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Sees to it that the memory of this process is never written to a core file, and
/// on Linux that no other process of the same user reads it.
///
/// A debugger then needs the rights of root. Nothing takes this back.
pub fn forbid() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    forbid_reading()
}

/// The limit alone does not hold where the system hands core files to a program.
#[cfg(target_os = "linux")]
fn forbid_reading() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};

    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

#[cfg(not(target_os = "linux"))]
fn forbid_reading() -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn this_process_is_neither_dumped_nor_read() {
        forbid().unwrap();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
        assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(0), maximum: Some(0) });
    }
}
