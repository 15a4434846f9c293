//! A configuration as a configuration file writes it. Secrets are left out.

use std::{fmt::Display, num::NonZeroU32};

use profile_store::{IdentitySettings, Retention};

use super::{
    Configuration, Connections, DiskSettings, DurabilitySetting, LogSettings, ServerSettings,
    StopSettings, TraceSettings,
};
use crate::{
    capacity::{
        disk_space::{DiskMarks, MIB},
        rate_limit::RateLimit,
    },
    tenants::directory::{Company, CompanyKey},
};

/// What a secret is written as. No setting accepts it, so that such a file is not used by mistake.
const NOT_SHOWN: &str = "(not shown)";

/// The settings of one table and their values, as TOML. A setting that is absent is not among them.
#[derive(Debug)]
pub(super) struct WrittenTable {
    values: Vec<(&'static str, String)>,
}

impl WrittenTable {
    /// The value of a setting.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }

    /// The settings above the first company.
    pub(super) fn of_server(configuration: &Configuration) -> WrittenTable {
        let Configuration {
            companies: _,
            development: _,
            exchange,
            exchange_keys,
            log: LogSettings { filter, access_log, refusal_lines },
            server,
            trusted_proxies,
        } = configuration;
        let mut values = server_values(server);
        if 0 < *exchange_keys {
            values.push(("exchange_keys", list((0..*exchange_keys).map(|_| NOT_SHOWN))));
        }
        values.push(("exchange_token_days", exchange.token_days().to_string()));
        values.push(("log", text(filter)));
        values.push(("access_log", access_log.to_string()));
        values.push(("refusal_lines", refusal_lines.to_string()));
        values.push(("trusted_proxies", list(trusted_proxies.blocks())));
        WrittenTable { values }
    }

    /// The settings of a company, without the tables of its keys.
    pub(super) fn of_company(company: &Company) -> WrittenTable {
        let Company {
            id,
            allowed_origins,
            identity,
            limits,
            network_limits,
            api_limits_factor,
            signed_identity,
            keys: _,
        } = company;
        let IdentitySettings { protect, .. } = **identity;
        let mut values = vec![("id", text(id))];
        if let Some(origins) = allowed_origins {
            let origins = origins.iter().map(|origin| origin.as_str());
            values.push(("allowed_origins", list(origins)));
        }
        values.push(("limits", rate_limit(*limits)));
        values.push(("network_limits", rate_limit(*network_limits)));
        values.push(match api_limits_factor.get() {
            u32::MAX => ("api_limits", text("none")),
            factor => ("api_limits_factor", factor.to_string()),
        });
        values.push(("protect", protect.to_string()));
        if let Some(signed) = signed_identity {
            let keys = list(signed.keys.iter().map(|_| NOT_SHOWN));
            values.push(("signed_identity", format!("{{ keys = {keys} }}")));
        }
        values.push(("identity", identity_table(identity)));
        WrittenTable { values }
    }

    /// The settings of a private key.
    pub(super) fn of_key(key: &CompanyKey) -> WrittenTable {
        let CompanyKey { name, digest: _, scopes } = key;
        let scopes = list(scopes.iter().map(|scope| scope.as_str()));
        WrittenTable {
            values: vec![("name", text(name)), ("sha256", text(NOT_SHOWN)), ("scopes", scopes)],
        }
    }

    /// A line for each setting.
    pub(super) fn lines(&self) -> String {
        self.values.iter().map(|(name, value)| format!("{name} = {value}\n")).collect()
    }
}

fn server_values(server: &ServerSettings) -> Vec<(&'static str, String)> {
    let ServerSettings {
        admin_listen,
        cache_bytes,
        connections,
        data_dir,
        disk: DiskSettings { wait_limit, marks, reserve_bytes },
        durability,
        listen,
        outcomes: Retention { days, count, per_profile },
        stop: StopSettings { drain, exits_on_failed_write },
        table,
        traces: TraceSettings { endpoint, sample_percent },
        workers,
    } = server;
    let DiskMarks { client_bytes, server_bytes } = marks;
    let mib = |bytes: &u64| (bytes / MIB).to_string();
    let outcomes = format!("{{ days = {days}, count = {count}, per_profile = {per_profile} }}");
    let mut values = vec![
        ("listen", text(listen)),
        ("admin_listen", text(admin_listen)),
        ("data_dir", text(data_dir.display())),
        ("durability", text(DurabilitySetting::as_str(*durability))),
        ("cache_mib", mib(cache_bytes)),
        ("disk_wait_seconds", wait_limit.as_secs().to_string()),
        ("client_free_mib", mib(client_bytes)),
        ("server_free_mib", mib(server_bytes)),
        ("reserve_mib", mib(reserve_bytes)),
        ("table", text(table)),
        ("drain_seconds", drain.as_secs().to_string()),
        ("exit_on_failed_write", exits_on_failed_write.to_string()),
        ("otlp_sample_percent", sample_percent.to_string()),
        ("connections", connections_table(connections)),
        ("outcomes", outcomes),
    ];
    values.extend(endpoint.as_ref().map(|endpoint| ("otlp_endpoint", text(endpoint))));
    values.extend(workers.map(|workers| ("workers", workers.to_string())));
    values
}

fn connections_table(connections: &Connections) -> String {
    let Connections {
        most,
        per_network,
        head_timeout,
        body_timeout,
        import_timeout,
        answer_timeout,
        keep_alive,
    } = connections;
    let [head, body, import, answer, idle] =
        [head_timeout, body_timeout, import_timeout, answer_timeout, keep_alive]
            .map(|time| time.as_secs());
    format!(
        "{{ most = {most}, per_network = {per_network}, head_seconds = {head}, \
         body_seconds = {body}, import_seconds = {import}, answer_seconds = {answer}, \
         idle_seconds = {idle} }}"
    )
}

fn identity_table(identity: &IdentitySettings) -> String {
    let IdentitySettings { anonymous_ids, secondary_emails, merges, placeholders, protect: _ } =
        identity;
    format!(
        "{{ anonymous_ids = {anonymous_ids}, secondary_emails = {secondary_emails}, \
         merges = {merges}, sentinels = {}, not_sentinels = {} }}",
        list(&placeholders.added),
        list(&placeholders.removed),
    )
}

/// Only one window may have a limit: of a client network, where the company has none.
fn rate_limit(limits: RateLimit) -> String {
    let RateLimit { burst, steady } = limits;
    let of_windows = [("burst", burst), ("steady", steady)];
    let limited = of_windows.iter().filter(|(_, requests)| *requests != NonZeroU32::MAX);
    let written: Vec<String> =
        limited.map(|(window, requests)| format!("{window} = {requests}")).collect();
    if written.is_empty() { text("none") } else { format!("{{ {} }}", written.join(", ")) }
}

fn list<T: Display>(elements: impl IntoIterator<Item = T>) -> String {
    let elements: Vec<String> = elements.into_iter().map(text).collect();
    format!("[{}]", elements.join(", "))
}

/// A string of TOML. Its escapes are those of JSON, but it may not contain U+007F.
fn text(value: impl Display) -> String {
    serde_json::Value::from(value.to_string()).to_string().replace('\u{7f}', "\\u007F")
}
