//! The gateway itself, as it is built and run by those who use it.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    limits, people,
    process::{Server, free_address, get},
    scratch::{self, Scratch},
    trouble::{Trouble, While},
};

/// A gateway that serves one directory, durable, with limits that nobody reaches.
pub(crate) struct Gateway {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    /// How long it took from its start until it said that it is ready.
    pub(crate) start: Duration,
    admin: SocketAddr,
}

/// What a gateway has done so far, as it counts itself.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) merged: u64,
    pub(crate) unchanged: u64,
    /// Batches in which all these were stored.
    pub(crate) batches: u64,
}

impl Gateway {
    /// Starts one on this directory, and waits until requests can be stored.
    pub(crate) fn start(scratch: &Scratch, data: &Path) -> Result<Gateway, Trouble> {
        scratch::await_unlocked(data)?;
        let (address, admin) = (free_address()?, free_address()?);
        let mut command = Command::new(program()?);
        command.args(["serve", "--log", "warn", "--durability", "flushed"]);
        command.arg("--config").arg(configuration(scratch)?).arg("--data-dir").arg(data);
        command.args(["--cache-mib", &limits::CACHE_MIB.to_string()]);
        command.args(["--listen", &address.to_string(), "--admin-listen", &admin.to_string()]);
        let mut server = Server::start("gateway", &mut command)?;
        let start = server.await_ready(|| get(admin, "/health/ready").is_some())?;
        Ok(Gateway { server, address, start, admin })
    }

    /// What it has done so far.
    pub(crate) fn counts(&self) -> Result<Counts, Trouble> {
        let metrics = get(self.admin, "/metrics");
        let metrics = metrics.ok_or_else(|| Trouble::new("the gateway tells no metrics"))?;
        let count = |series: &str| count(&metrics, series);
        Ok(Counts {
            accepted: count("gateway_requests_total{outcome=\"accepted\"}")?,
            created: count("gateway_profiles_total{effect=\"created\"}")?,
            updated: count("gateway_profiles_total{effect=\"updated\"}")?,
            merged: count("gateway_profiles_total{effect=\"merged\"}")?,
            unchanged: count("gateway_profiles_total{effect=\"unchanged\"}")?,
            batches: count("gateway_commit_batches_total")?,
        })
    }
}

impl Counts {
    /// What was done between the two.
    pub(crate) fn since(self, earlier: Counts) -> Counts {
        Counts {
            accepted: self.accepted - earlier.accepted,
            created: self.created - earlier.created,
            updated: self.updated - earlier.updated,
            merged: self.merged - earlier.merged,
            unchanged: self.unchanged - earlier.unchanged,
            batches: self.batches - earlier.batches,
        }
    }
}

fn count(metrics: &str, series: &str) -> Result<u64, Trouble> {
    let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    value.ok_or_else(|| Trouble::new(format!("the gateway does not tell {series}")))
}

/// What a copy without the past takes up: bytes before and after.
pub(crate) fn compact(data: &Path, into: &Path) -> Result<(u64, u64), Trouble> {
    scratch::await_unlocked(data)?;
    let mut command = Command::new(program()?);
    command.args(["compact", "--log", "warn", "--data-dir"]).arg(data).arg("--into").arg(into);
    let output = command.output().while_doing("run gateway compact")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let number = |name: &str| {
        let (_, after) = said.split_once(name)?;
        after.split([',', '\n']).next()?.trim().parse().ok()
    };
    let bytes = number("bytes before:").zip(number("bytes after:"));
    bytes.filter(|_| output.status.success()).ok_or_else(|| {
        let error = String::from_utf8_lossy(&output.stderr);
        Trouble::new(format!("gateway compact failed: {error}{said}"))
    })
}

/// The program lies beside this one, where `benches/run` built both.
fn program() -> Result<PathBuf, Trouble> {
    let own = env::current_exe().while_doing("find out where this program lies")?;
    let program = own.with_file_name("gateway");
    if !program.exists() {
        let path = program.display();
        return Err(Trouble::new(format!("{path} is not there: start this with benches/run")));
    }
    Ok(program)
}

/// A configuration in which no company reaches its limits.
fn configuration(scratch: &Scratch) -> Result<PathBuf, Trouble> {
    let limits = limits::REQUESTS;
    let company = |number| {
        let id = people::company(number);
        format!(
            "[[company]]\nid = \"{id}\"\nlimits = {{ burst = {limits}, steady = {limits} }}\n\n"
        )
    };
    let path = scratch.path().join("gateway.toml");
    let text: String = (0..limits::COMPANIES).map(company).collect();
    fs::write(&path, text).while_doing("write the gateway's configuration")?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_by_the_whole_name_of_its_series() {
        let metrics = "a_total{x=\"1\"} 7\na_total{x=\"2\"} 8\n";
        assert_eq!(count(metrics, "a_total{x=\"2\"}").unwrap(), 8);
        count(metrics, "a_total{x=\"3\"}").unwrap_err();
    }
}
