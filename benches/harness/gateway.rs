//! The gateway itself, built and run as operators run it.

use std::{
    env, fs, iter,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    error::{ErrorContext, HarnessError},
    limits, people,
    process::{ServerProcess, free_address, get},
    scratch,
};

/// A program that is a gateway, with the configurations that the harness runs it by.
pub(crate) struct GatewayProgram {
    path: PathBuf,
    /// Where the configurations are.
    directory: PathBuf,
}

/// The private key of the company that attacks.
const ATTACKER_KEY: &str = "
[[company.key]]
name = \"attacker\"
sha256 = \"eefaf7d96159fe08472df98509936f9a4cfaa83b78ea224a3c762f32e8305ebc\"
scopes = [\"profiles:read\", \"profiles:write\"]
";

/// The private key of the company whose console is measured.
const CONSOLE_KEY: &str = "
[[company.key]]
name = \"console\"
sha256 = \"71c6e2bfcee2d73971dc221b0c1a2c4f3d6e106819dbf0fa53ad8eab87ff3f1d\"
scopes = [\"profiles:read\", \"profiles:write\"]
";

/// The admin key, which is the same as that of the attacker. Commands that copy a store have it.
const ADMIN_KEYS: &str =
    "admin_keys = [\"eefaf7d96159fe08472df98509936f9a4cfaa83b78ea224a3c762f32e8305ebc\"]\n";

/// The limits of the network of this machine, from which all requests come: the highest that can be
/// configured, so that the limits of companies are the ones that count.
const NETWORK_LIMITS: &str = "network_limits = { burst = 1000000, steady = 1000000 }\n";

/// The rate limits that a gateway is started with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ConfiguredLimits {
    /// The highest that can be configured, for every company.
    Raised,
    /// The default ones for the company that attacks, the highest for all others.
    DefaultForAttacker,
}

/// A gateway that serves one directory, durable.
pub(crate) struct GatewayProcess {
    pub(crate) server: ServerProcess,
    pub(crate) address: SocketAddr,
    /// Time from its start until `/health/ready` answered 200.
    pub(crate) start: Duration,
    pub(crate) admin: SocketAddr,
}

/// The gateway's own counters.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct GatewayCounters {
    pub(crate) accepted: u64,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) merged: u64,
    pub(crate) unchanged: u64,
    /// Batches in which these requests were stored.
    pub(crate) batches: u64,
}

impl GatewayProgram {
    /// The gateway at `path`, or the one beside this program, where `benches/run` builds both.
    pub(crate) fn new(
        path: Option<&Path>,
        directory: &Path,
    ) -> Result<GatewayProgram, HarnessError> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => env::current_exe()
                .while_doing("find the path of this program")?
                .with_file_name("gateway"),
        };
        if !path.exists() {
            let path = path.display();
            return Err(HarnessError::new(format!(
                "there is no gateway at {path}: start the harness with benches/run"
            )));
        }
        let program = GatewayProgram { path, directory: directory.to_owned() };
        for limits in [ConfiguredLimits::Raised, ConfiguredLimits::DefaultForAttacker] {
            program.configure(limits)?;
        }
        Ok(program)
    }

    /// Writes a configuration. Earlier builds are measured as well, so the file has admin keys and
    /// limits of client networks only if the build accepts them.
    fn configure(&self, limits: ConfiguredLimits) -> Result<(), HarnessError> {
        let file = self.directory.join(limits.file_name());
        for (admin_keys, network_limits) in
            [(ADMIN_KEYS, NETWORK_LIMITS), ("", NETWORK_LIMITS), ("", "")]
        {
            let configuration = limits.configuration(admin_keys, network_limits);
            fs::write(&file, configuration).while_doing("write the gateway's configuration")?;
            let mut check = Command::new(&self.path);
            check.arg("check").arg("--config").arg(&file);
            // Outside of this directory the command might find the data of another gateway.
            let checked = check.current_dir(&self.directory).output();
            if checked.while_doing("run gateway check")?.status.success() {
                return Ok(());
            }
        }
        Err(HarnessError::new("the gateway accepts no configuration of the harness"))
    }

    /// Starts it on this directory, and waits until requests can be stored.
    pub(crate) fn start(
        &self,
        data: &Path,
        limits: ConfiguredLimits,
    ) -> Result<GatewayProcess, HarnessError> {
        self.start_with(data, limits, None)
    }

    /// The same, with an archive of the journal in that directory.
    pub(crate) fn start_archived(
        &self,
        data: &Path,
        archive: &Path,
    ) -> Result<GatewayProcess, HarnessError> {
        self.start_with(data, ConfiguredLimits::Raised, Some(archive))
    }

    fn start_with(
        &self,
        data: &Path,
        limits: ConfiguredLimits,
        archive: Option<&Path>,
    ) -> Result<GatewayProcess, HarnessError> {
        scratch::await_unlocked(data)?;
        let (address, admin) = (free_address()?, free_address()?);
        let mut command = Command::new(&self.path);
        // A variable, because builds that have no reserve are measured as well.
        command.env("GATEWAY_RESERVE_MIB", "0");
        command.args(["serve", "--log", limits.log_level(), "--durability", "flushed"]);
        command.arg("--config").arg(self.directory.join(limits.file_name()));
        command.arg("--data-dir").arg(data);
        if let Some(archive) = archive {
            command.arg("--journal-archive").arg(archive);
        }
        command.args(["--cache-mib", &limits::CACHE_MIB.to_string()]);
        command.args(["--listen", &address.to_string(), "--admin-listen", &admin.to_string()]);
        let mut server = ServerProcess::start("gateway", &mut command)?;
        let start = server.await_ready(|| get(admin, "/health/ready").is_some())?;
        Ok(GatewayProcess { server, address, start, admin })
    }

    /// A command of the gateway, and the key for the admin listener.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(words).args(["--log", "warn"]).env("GATEWAY_ADMIN_KEY", people::ATTACKER_KEY);
        command
    }

    /// The configuration by which a gateway without limits is started.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.directory.join(ConfiguredLimits::Raised.file_name())
    }

    /// Runs `gateway compact`.
    pub(crate) fn compact(&self, data: &Path, into: &Path) -> Result<(), HarnessError> {
        scratch::await_unlocked(data)?;
        let mut command = self.command(&["compact"]);
        command.arg("--data-dir").arg(data).arg("--into").arg(into);
        let output = command.output().while_doing("run gateway compact")?;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            return Err(HarnessError::new(format!("gateway compact failed: {error}")));
        }
        Ok(())
    }
}

impl ConfiguredLimits {
    fn file_name(self) -> &'static str {
        match self {
            ConfiguredLimits::Raised => "raised.toml",
            ConfiguredLimits::DefaultForAttacker => "attacker.toml",
        }
    }

    /// An attacked gateway refuses so many requests that warnings would hide all other output.
    fn log_level(self) -> &'static str {
        match self {
            ConfiguredLimits::Raised => "warn",
            ConfiguredLimits::DefaultForAttacker => "error",
        }
    }

    fn configuration(self, admin_keys: &str, network_limits: &str) -> String {
        let companies = (0..limits::COMPANIES).map(|number| self.company(number, network_limits));
        iter::once(admin_keys.to_owned()).chain(companies).collect()
    }

    fn company(self, number: u64, network_limits: &str) -> String {
        let (id, limit) = (people::company(number), limits::REQUESTS);
        let is_attacker = number == people::ATTACKER;
        let limits = match self {
            ConfiguredLimits::DefaultForAttacker if is_attacker => String::new(),
            ConfiguredLimits::DefaultForAttacker | ConfiguredLimits::Raised => {
                format!("limits = {{ burst = {limit}, steady = {limit} }}\n")
            }
        };
        let key = match number {
            people::ATTACKER => ATTACKER_KEY,
            0 => CONSOLE_KEY,
            _ => "",
        };
        format!("[[company]]\nid = \"{id}\"\n{limits}{network_limits}{key}\n")
    }
}

impl GatewayProcess {
    /// Its counters now.
    pub(crate) fn counters(&self) -> Result<GatewayCounters, HarnessError> {
        let metrics = get(self.admin, "/metrics");
        let metrics = metrics.ok_or_else(|| HarnessError::new("the gateway answers no metrics"))?;
        let counter = |series: &str| counter(&metrics, series);
        Ok(GatewayCounters {
            accepted: counter("gateway_requests_total{outcome=\"accepted\"}")?,
            created: counter("gateway_profiles_total{effect=\"created\"}")?,
            updated: counter("gateway_profiles_total{effect=\"updated\"}")?,
            merged: counter("gateway_profiles_total{effect=\"merged\"}")?,
            unchanged: counter("gateway_profiles_total{effect=\"unchanged\"}")?,
            batches: counter("gateway_commit_batches_total")?,
        })
    }
}

impl GatewayCounters {
    /// What was counted after `earlier`.
    pub(crate) fn since(self, earlier: GatewayCounters) -> GatewayCounters {
        GatewayCounters {
            accepted: self.accepted - earlier.accepted,
            created: self.created - earlier.created,
            updated: self.updated - earlier.updated,
            merged: self.merged - earlier.merged,
            unchanged: self.unchanged - earlier.unchanged,
            batches: self.batches - earlier.batches,
        }
    }
}

fn counter(metrics: &str, series: &str) -> Result<u64, HarnessError> {
    let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    value.ok_or_else(|| HarnessError::new(format!("the gateway has no metric {series}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_by_the_whole_name_of_its_series() {
        let metrics = "a_total{x=\"1\"} 7\na_total{x=\"2\"} 8\n";
        assert_eq!(counter(metrics, "a_total{x=\"2\"}").unwrap(), 8);
        counter(metrics, "a_total{x=\"3\"}").unwrap_err();
    }

    #[test]
    fn only_the_attacker_has_default_limits_and_the_key_of_the_attacks() {
        let attacker = ConfiguredLimits::DefaultForAttacker.company(people::ATTACKER, "");
        assert!(!attacker.contains("limits") && attacker.contains("[[company.key]]"));
        let victim = ConfiguredLimits::DefaultForAttacker.company(0, "");
        assert!(victim.contains("limits") && !victim.contains("attacker"));
        assert!(ConfiguredLimits::Raised.company(people::ATTACKER, "").contains("limits"));
    }

    #[test]
    fn admin_keys_come_before_the_companies() {
        let raised = ConfiguredLimits::Raised.configuration(ADMIN_KEYS, "");
        assert!(raised.starts_with(ADMIN_KEYS) && raised.contains("\n[[company]]\n"));
    }

    #[test]
    fn the_limits_of_networks_are_those_of_no_company() {
        let attacker =
            ConfiguredLimits::DefaultForAttacker.company(people::ATTACKER, NETWORK_LIMITS);
        assert!(attacker.contains(NETWORK_LIMITS) && !attacker.contains("\nlimits"));
    }
}
