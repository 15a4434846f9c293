//! A program under load: started, looked at, and ended.

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
    clock, limits,
    trouble::{Trouble, While},
};

/// A program that serves on an address. It is killed when this goes.
pub(crate) struct Server {
    name: &'static str,
    child: Child,
}

impl Server {
    /// Starts it. What it says of itself goes to standard error, where it fails.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Result<Server, Trouble> {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().while_doing(format_args!("start the {name}"))?;
        Ok(Server { name, child })
    }

    /// Waits until `ready` says so, and tells for how long.
    pub(crate) fn await_ready(&mut self, ready: impl Fn() -> bool) -> Result<Duration, Trouble> {
        let began = clock::now();
        while !ready() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Trouble::new(format!(
                    "the {} ended at its start: {status}",
                    self.name
                )));
            }
            if limits::PATIENCE < began.elapsed() {
                return Err(Trouble::new(format!("the {} does not get ready", self.name)));
            }
            thread::sleep(limits::POLL);
        }
        Ok(began.elapsed())
    }

    /// Ends it as an operator does, and sees that it ends well.
    pub(crate) fn stop(mut self) -> Result<(), Trouble> {
        let stopping = format!("stop the {}", self.name);
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::TERM).while_doing(&stopping)?;
        let status = self.child.wait().while_doing(&stopping)?;
        if !status.success() {
            return Err(Trouble::new(format!("the {} did not stop well: {status}", self.name)));
        }
        Ok(())
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) -> Result<(), Trouble> {
        let killing = format!("kill the {}", self.name);
        self.child.kill().while_doing(&killing)?;
        self.child.wait().while_doing(&killing)?;
        Ok(())
    }

    /// Processor time it has taken so far.
    pub(crate) fn processor_time(&self) -> Result<Duration, Trouble> {
        let stat = read_stat(&self.child.id().to_string())?;
        Ok(ticks(&stat, 11).saturating_add(ticks(&stat, 12)))
    }

    /// The most bytes of memory it has had.
    pub(crate) fn resident_bytes(&self) -> Result<u64, Trouble> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).while_doing(format_args!("read {path}"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = resident.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok());
        let kilobytes: Option<u64> = kilobytes;
        kilobytes.map(|kilobytes| kilobytes * 1_024).ok_or_else(|| {
            Trouble::new(format!("{path} does not say how much memory the {} has", self.name))
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended, and then there is nobody to be told.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time that all programs took that this one started and that have ended.
pub(crate) fn time_of_ended() -> Result<Duration, Trouble> {
    let stat = read_stat("self")?;
    Ok(ticks(&stat, 13).saturating_add(ticks(&stat, 14)))
}

fn read_stat(process: &str) -> Result<String, Trouble> {
    let path = format!("/proc/{process}/stat");
    fs::read_to_string(&path).while_doing(format_args!("read {path}"))
}

/// A time of such a line, by its place after the name of the program, which may have
/// spaces in it.
fn ticks(stat: &str, place: usize) -> Duration {
    /// Linux tells these times in hundredths of a second on every machine.
    const TICK: Duration = Duration::from_millis(10);
    let (_, after) = stat.rsplit_once(") ").unwrap_or_default();
    let ticks = after.split(' ').nth(place).and_then(|ticks| ticks.parse().ok());
    TICK * ticks.unwrap_or(0)
}

/// An address of this machine that nobody has.
pub(crate) fn free_address() -> Result<SocketAddr, Trouble> {
    let finding = "find a free port";
    let listener = TcpListener::bind(("127.0.0.1", 0)).while_doing(finding)?;
    listener.local_addr().while_doing(finding)
}

/// What is answered 200 at this path, or nothing.
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
