//! Core files: disabled, because the process holds keys and personal data.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Disables core files for this process and, on Linux, access to its memory by other processes of
/// the same user.
///
/// A debugger then needs root privileges. This cannot be undone.
pub fn forbid() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    forbid_reading()
}

/// The resource limit alone has no effect where the system pipes core files to a program.
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
