//! A configuration as a configuration file writes it. Secrets are left out.

use std::{
    fmt::{self, Display},
    num::NonZeroU32,
    path::Path,
    time::Duration,
};

use profile_store::{IdentitySettings, Retention};

use super::{
    ArchiveSettings, Configuration, Connections, DiskSettings, DurabilitySetting, ListenerSettings,
    LogSettings, ServerSettings, StopSettings, TraceSettings,
};
use crate::{
    capacity::{
        disk_space::{DiskMarks, MIB},
        rate_limit::RateLimit,
    },
    tenants::{
        directory::{Company, CompanyKey},
        origin::Origin,
        scope::KeyScope,
    },
    tls::certificate::CertificateFiles,
};

/// What a secret is written as. No setting accepts it, so that such a file is not used by mistake.
const NOT_SHOWN: &str = "(not shown)";

/// The settings of one table and their values. A setting that is absent is not among them.
#[derive(Debug)]
pub(super) struct WrittenTable {
    values: Vec<(&'static str, WrittenValue)>,
}

/// The value of a setting.
#[derive(Debug)]
pub(super) enum WrittenValue {
    /// TOML.
    Plain(String),
    /// A table whose values are TOML.
    Table(Vec<(&'static str, String)>),
}

impl Display for WrittenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WrittenValue::Plain(value) => f.write_str(value),
            WrittenValue::Table(values) => {
                let values = values.iter().map(|(name, value)| format!("{name} = {value}"));
                write!(f, "{{ {} }}", values.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl WrittenTable {
    /// The value of a setting.
    pub(super) fn value(&self, name: &str) -> Option<&WrittenValue> {
        self.values.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// The settings above the first company.
    pub(super) fn of_server(configuration: &Configuration) -> WrittenTable {
        let Configuration {
            admin_keys,
            certificate,
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
        values
            .extend(certificate.as_ref().map(|served| ("tls", certificate_table(served.files()))));
        values.push(("admin_keys", list(admin_keys.iter().map(|_| NOT_SHOWN))));
        values.push(("exchange_token_days", plain(exchange.token_days())));
        values.push(("log", text(filter)));
        values.push(("access_log", plain(access_log)));
        values.push(("refusal_lines", plain(refusal_lines)));
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
            inspect,
            keys: _,
        } = company;
        let IdentitySettings { protect, .. } = **identity;
        let mut values = vec![("id", text(id))];
        if let Some(origins) = allowed_origins {
            let origins = origins.iter().map(Origin::as_str);
            values.push(("allowed_origins", list(origins)));
        }
        values.push(("limits", rate_limit(*limits)));
        values.push(("network_limits", rate_limit(*network_limits)));
        values.push(match api_limits_factor.get() {
            u32::MAX => ("api_limits", text("none")),
            factor => ("api_limits_factor", plain(factor)),
        });
        values.push(("protect", plain(protect)));
        values.push(("inspect", plain(inspect)));
        if let Some(signed) = signed_identity {
            let keys = elements(signed.keys.iter().map(|_| NOT_SHOWN));
            values.push(("signed_identity", WrittenValue::Table(vec![("keys", keys)])));
        }
        values.push(("identity", identity_table(identity)));
        WrittenTable { values }
    }

    /// The settings of a private key.
    pub(super) fn of_key(key: &CompanyKey) -> WrittenTable {
        let CompanyKey { name, digest: _, scopes } = key;
        let scopes = list(scopes.iter().map(KeyScope::as_str));
        WrittenTable {
            values: vec![("name", text(name)), ("sha256", text(NOT_SHOWN)), ("scopes", scopes)],
        }
    }

    /// A line for each setting.
    pub(super) fn lines(&self) -> String {
        let lines = self.values.iter().map(|(name, value)| format!("{name} = {value}\n"));
        lines.collect::<Vec<_>>().concat()
    }
}

fn server_values(server: &ServerSettings) -> Vec<(&'static str, WrittenValue)> {
    let ServerSettings {
        archive: ArchiveSettings { directory, period },
        cache_bytes,
        connections,
        data_dir,
        disk: DiskSettings { wait_limit, marks, reserve_bytes },
        durability,
        listeners: ListenerSettings { admin, clients, socket_mode },
        outcomes: Retention { days, count, per_profile },
        stop: StopSettings { drain, exits_on_failed_write },
        table,
        traces: TraceSettings { endpoint, sample_percent },
        workers,
    } = server;
    let DiskMarks { client_bytes, server_bytes } = marks;
    let mib = |bytes: &u64| plain(bytes / MIB);
    let outcomes = numbers([("days", days), ("count", count), ("per_profile", per_profile)]);
    let mut values = vec![
        ("listen", list(clients)),
        ("admin_listen", list(admin)),
        ("unix_socket_mode", text(socket_mode)),
        ("data_dir", text(data_dir.display())),
        ("durability", text(DurabilitySetting::as_str(*durability))),
        ("cache_mib", mib(cache_bytes)),
        ("disk_wait_seconds", plain(wait_limit.as_secs())),
        ("client_free_mib", mib(client_bytes)),
        ("server_free_mib", mib(server_bytes)),
        ("reserve_mib", mib(reserve_bytes)),
        ("table", text(table)),
        ("journal_archive_seconds", plain(period.as_secs())),
        ("drain_seconds", plain(drain.as_secs())),
        ("exit_on_failed_write", plain(exits_on_failed_write)),
        ("otlp_sample_percent", plain(sample_percent)),
        ("connections", connections_table(connections)),
        ("outcomes", outcomes),
    ];
    values.extend(endpoint.as_ref().map(|endpoint| ("otlp_endpoint", text(endpoint))));
    let directory = directory.as_ref().map(|directory| text(directory.display()));
    values.extend(directory.map(|directory| ("journal_archive", directory)));
    values.extend(workers.map(|workers| ("workers", plain(workers))));
    values
}

fn connections_table(connections: &Connections) -> WrittenValue {
    let Connections {
        most,
        per_network,
        head_timeout,
        body_timeout,
        import_timeout,
        answer_timeout,
        keep_alive,
    } = connections;
    let seconds = Duration::as_secs;
    numbers([
        ("most", *most as u64),
        ("per_network", *per_network as u64),
        ("head_seconds", seconds(head_timeout)),
        ("body_seconds", seconds(body_timeout)),
        ("import_seconds", seconds(import_timeout)),
        ("answer_seconds", seconds(answer_timeout)),
        ("idle_seconds", seconds(keep_alive)),
    ])
}

fn certificate_table(CertificateFiles { certificate, key }: &CertificateFiles) -> WrittenValue {
    let path = |path: &Path| quoted(path.display());
    WrittenValue::Table(vec![("certificate", path(certificate)), ("key", path(key))])
}

fn identity_table(identity: &IdentitySettings) -> WrittenValue {
    let IdentitySettings {
        anonymous_ids,
        secondary_emails,
        merges,
        placeholders,
        protect: _,
        different_external_id,
        replaced_days,
    } = identity;
    WrittenValue::Table(vec![
        ("anonymous_ids", anonymous_ids.to_string()),
        ("secondary_emails", secondary_emails.to_string()),
        ("merges", merges.to_string()),
        ("replaced_days", replaced_days.to_string()),
        ("sentinels", elements(&placeholders.added)),
        ("not_sentinels", elements(&placeholders.removed)),
        ("different_external_id", quoted(different_external_id.as_str())),
    ])
}

/// Only one window may have a limit: of a client network, where the company has none.
fn rate_limit(limits: RateLimit) -> WrittenValue {
    let RateLimit { burst, steady } = limits;
    let windows = [("burst", burst), ("steady", steady)].into_iter();
    let limited: Vec<_> = windows.filter(|(_, requests)| *requests != NonZeroU32::MAX).collect();
    if limited.is_empty() { text("none") } else { numbers(limited) }
}

fn numbers<T: Display>(values: impl IntoIterator<Item = (&'static str, T)>) -> WrittenValue {
    let written = values.into_iter().map(|(name, number)| (name, number.to_string()));
    WrittenValue::Table(written.collect())
}

fn list<T: Display>(values: impl IntoIterator<Item = T>) -> WrittenValue {
    plain(elements(values))
}

fn elements<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    let elements: Vec<String> = values.into_iter().map(quoted).collect();
    format!("[{}]", elements.join(", "))
}

fn text(value: impl Display) -> WrittenValue {
    plain(quoted(value))
}

/// A number or a boolean, which TOML writes as Rust does.
fn plain(value: impl Display) -> WrittenValue {
    WrittenValue::Plain(value.to_string())
}

/// A string of TOML. Its escapes are those of JSON, but it may not contain U+007F.
fn quoted(value: impl Display) -> String {
    serde_json::Value::from(value.to_string()).to_string().replace('\u{7f}', "\\u007F")
}
