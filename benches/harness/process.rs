//! A server process under load: started, observed and stopped.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    clock,
    error::{ErrorContext, HarnessError},
    limits,
};

/// A server process. Dropping it kills the process.
pub(crate) struct ServerProcess {
    name: &'static str,
    child: Child,
}

impl ServerProcess {
    /// Starts it. Its standard error is the harness's own, so that its log shows why it failed.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
    ) -> Result<ServerProcess, HarnessError> {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().while_doing(format_args!("start the {name}"))?;
        Ok(ServerProcess { name, child })
    }

    /// Waits until `ready` returns true, and returns how long that took.
    pub(crate) fn await_ready(
        &mut self,
        ready: impl Fn() -> bool,
    ) -> Result<Duration, HarnessError> {
        let began = clock::now();
        while !ready() {
            let name = self.name;
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(HarnessError::new(format!("the {name} ended at its start: {status}")));
            }
            if limits::PROCESS_TIMEOUT < began.elapsed() {
                return Err(HarnessError::new(format!("the {name} does not get ready")));
            }
            thread::sleep(limits::POLL);
        }
        Ok(began.elapsed())
    }

    /// Stops it with SIGTERM, and fails unless it exits with status 0.
    pub(crate) fn stop(mut self) -> Result<(), HarnessError> {
        let stopping = format!("stop the {}", self.name);
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::TERM).while_doing(&stopping)?;
        let status = self.child.wait().while_doing(&stopping)?;
        if !status.success() {
            let name = self.name;
            return Err(HarnessError::new(format!("the {name} did not stop cleanly: {status}")));
        }
        Ok(())
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(mut self) -> Result<(), HarnessError> {
        let killing = format!("kill the {}", self.name);
        self.child.kill().while_doing(&killing)?;
        self.child.wait().while_doing(&killing)?;
        Ok(())
    }

    /// Processor time it has taken so far.
    pub(crate) fn processor_time(&self) -> Result<Duration, HarnessError> {
        let stat = read_stat(&self.child.id().to_string())?;
        Ok(ticks(&stat, 11).saturating_add(ticks(&stat, 12)))
    }

    /// The most bytes of memory that were resident so far.
    pub(crate) fn resident_bytes(&self) -> Result<u64, HarnessError> {
        resident_bytes(self.child.id())
    }
}

/// The most bytes of memory of this process that were resident so far.
pub(crate) fn resident_bytes(process: u32) -> Result<u64, HarnessError> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).while_doing(format_args!("read {path}"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = resident.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok());
    let kilobytes: Option<u64> = kilobytes;
    kilobytes
        .map(|kilobytes| kilobytes * 1_024)
        .ok_or_else(|| HarnessError::new(format!("{path} has no resident memory")))
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended already; then both fail, and that is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time of all child processes that have ended.
pub(crate) fn time_of_ended() -> Result<Duration, HarnessError> {
    let stat = read_stat("self")?;
    Ok(ticks(&stat, 13).saturating_add(ticks(&stat, 14)))
}

fn read_stat(process: &str) -> Result<String, HarnessError> {
    let path = format!("/proc/{process}/stat");
    fs::read_to_string(&path).while_doing(format_args!("read {path}"))
}

/// A time in a line of `/proc/<pid>/stat`, by its index after the program's name, which may
/// contain spaces.
fn ticks(stat: &str, index: usize) -> Duration {
    /// Linux reports these times in hundredths of a second on every machine.
    const TICK: Duration = Duration::from_millis(10);
    let (_, after) = stat.rsplit_once(") ").unwrap_or_default();
    let ticks = after.split(' ').nth(index).and_then(|ticks| ticks.parse().ok());
    TICK * ticks.unwrap_or(0)
}

/// An unused loopback address.
pub(crate) fn free_address() -> Result<SocketAddr, HarnessError> {
    let finding = "find a free port";
    let listener = TcpListener::bind(("127.0.0.1", 0)).while_doing(finding)?;
    listener.local_addr().while_doing(finding)
}

/// The body of a 200 answer at this path, or `None`.
pub(crate) fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200 ").then(|| body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_times_are_found_behind_a_name_with_spaces() {
        let stat = "17 (a (b) c) S 1 17 17 0 -1 4194304 90 0 0 0 250 50 7 3 20 0 4";
        assert_eq!(ticks(stat, 11), Duration::from_millis(2_500));
        assert_eq!(ticks(stat, 14), Duration::from_millis(30));
    }
}
