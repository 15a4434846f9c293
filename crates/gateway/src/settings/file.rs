//! The configuration file.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt::Display,
    num::NonZeroU32,
    path::PathBuf,
    rc::Rc,
    str::FromStr,
    sync::Arc,
};

use profile_protocol::CompanyId;
use profile_store::{IdentitySettings, Placeholders, Retention};

use super::{
    Connections, DurabilitySetting, TableSetting,
    archive::ArchiveFields,
    certificate::CertificateFields,
    disk::DiskFields,
    document::{SettingValue, SettingsTable},
    expected::ExpectedTable,
    listeners::ListenerFields,
    log::LogFileFields,
    problem::{ProblemReport, Problems},
    secret_keys::SecretNames,
    stopping::StopFields,
    traces::TraceFields,
};
use crate::{
    capacity::{network_limiter::default_network_limits, rate_limit::RateLimit},
    client::{exchange_token::ExchangeKey, signed_identity::SignedIdentity},
    http::cidr::Cidr,
    limits,
    tenants::{
        directory::{Companies, Company, CompanyKey, KeyName},
        origin::Origin,
        private_key::KeyDigest,
        scope::{KeyScope, KeyScopes},
    },
};

/// The keys that seal exchange tokens.
const EXCHANGE_KEYS: SecretNames = SecretNames {
    listed: "exchange_keys",
    file: "exchange_keys_file",
    variable: "exchange_keys_env",
};

/// The keys of signed identity.
const SIGNATURE_KEYS: SecretNames =
    SecretNames { listed: "keys", file: "keys_file", variable: "keys_env" };

/// A validated configuration file.
#[derive(Debug)]
pub(super) struct ConfigurationFile {
    pub(super) admin_keys: Vec<KeyDigest>,
    pub(super) archive: ArchiveFields,
    pub(super) cache_mib: Option<u64>,
    pub(super) certificate: CertificateFields,
    pub(super) companies: Companies,
    pub(super) connections: Connections,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) disk: DiskFields,
    pub(super) durability: Option<DurabilitySetting>,
    pub(super) exchange_keys: Vec<ExchangeKey>,
    pub(super) exchange_token_days: Option<u64>,
    /// Whether the file itself has secret keys.
    pub(super) has_secrets: bool,
    pub(super) listeners: ListenerFields,
    pub(super) log: LogFileFields,
    pub(super) outcomes: Retention,
    pub(super) stop: StopFields,
    pub(super) table: Option<TableSetting>,
    pub(super) traces: TraceFields,
    pub(super) trusted_proxies: Vec<Cidr>,
    pub(super) workers: Option<u64>,
}

impl ConfigurationFile {
    /// Parses the text of a configuration file, and reports all problems at once.
    pub(super) fn parse(text: &str) -> Result<ConfigurationFile, Problems> {
        let mut report = ProblemReport::new(text);
        match SettingsTable::document(text) {
            Ok(mut table) => {
                let file = ConfigurationFile::read(&mut table, &mut report);
                table.finish(&mut report);
                report.finish(file)
            }
            Err(errors) => Err(report.syntax(&errors)),
        }
    }

    /// What a file may contain.
    pub(super) fn expected() -> Rc<ExpectedTable> {
        let expected = Rc::default();
        let mut table = SettingsTable::expecting(&expected);
        ConfigurationFile::read(&mut table, &mut ProblemReport::new(""));
        expected
    }

    fn read(table: &mut SettingsTable<'_>, report: &mut ProblemReport) -> ConfigurationFile {
        let archive = ArchiveFields::read(table, report);
        let mut company_reader = CompanyReader::new(report);
        let companies = company_reader.companies(table);
        let has_signature_keys = company_reader.has_secrets;
        let exchange_keys = EXCHANGE_KEYS.take(table, report);
        let exchange_keys = exchange_keys.read(limits::EXCHANGE_KEYS, report);
        let certificate = CertificateFields::read(table, report);
        let disk = DiskFields::read(table, report);
        let listeners = ListenerFields::read(table, report);
        let log = LogFileFields::read(table, report);
        let stop = StopFields::read(table, report);
        let traces = TraceFields::read(table, report);
        let mut take = |name| table.take(name);
        ConfigurationFile {
            admin_keys: take("admin_keys")
                .map(|field| up_to(limits::ADMIN_KEYS, field, report))
                .unwrap_or_default(),
            archive,
            cache_mib: take("cache_mib")
                .and_then(|field| field.number(&limits::CACHE_MIB_RANGE, report)),
            certificate,
            companies,
            connections: take("connections")
                .map(|field| Connections::read(field, report))
                .unwrap_or_default(),
            data_dir: take("data_dir").and_then(|field| field.file(report)),
            disk,
            durability: take("durability").and_then(|field| field.parse(report)),
            exchange_keys: exchange_keys.keys,
            exchange_token_days: take("exchange_token_days")
                .and_then(|field| field.number(&limits::EXCHANGE_TOKEN_DAYS_RANGE, report)),
            has_secrets: has_signature_keys || exchange_keys.is_listed,
            listeners,
            log,
            outcomes: take("outcomes").map(|field| retention(field, report)).unwrap_or_default(),
            stop,
            table: take("table").and_then(|field| field.parse(report)),
            traces,
            trusted_proxies: take("trusted_proxies")
                .map(|field| up_to(limits::TRUSTED_PROXIES, field, report))
                .unwrap_or_default(),
            workers: take("workers").and_then(|field| field.number(&limits::WORKERS_RANGE, report)),
        }
    }
}

/// The elements of a list of at most `most`.
fn up_to<T>(most: usize, field: SettingValue<'_>, report: &mut ProblemReport) -> Vec<T>
where
    T: FromStr<Err: Display>,
{
    let elements = field.elements(0..=most, report);
    elements.into_iter().filter_map(|element| element.parse(report)).collect()
}

fn retention(field: SettingValue<'_>, report: &mut ProblemReport) -> Retention {
    let standard = Retention::default();
    let Some(mut table) = field.table(report) else { return standard };
    let mut number =
        |name, range: &_| table.take(name).and_then(|field| field.number(range, report));
    let retention = Retention {
        days: number("days", &limits::OUTCOME_DAYS_RANGE).unwrap_or(standard.days),
        count: number("count", &limits::OUTCOMES_RANGE).unwrap_or(standard.count),
        per_profile: number("per_profile", &limits::PROFILE_OUTCOMES_RANGE)
            .unwrap_or(standard.per_profile),
    };
    table.finish(report);
    retention
}

/// The value of a setting of rate limits that switches them off.
const NO_LIMIT: &str = "none";

/// Reads the companies of a file, and remembers the values that must be unique in it.
struct CompanyReader<'r> {
    has_secrets: bool,
    ids: HashSet<CompanyId>,
    key_lines: HashMap<KeyDigest, usize>,
    report: &'r mut ProblemReport,
}

impl<'r> CompanyReader<'r> {
    fn new(report: &'r mut ProblemReport) -> CompanyReader<'r> {
        CompanyReader { has_secrets: false, ids: HashSet::new(), key_lines: HashMap::new(), report }
    }

    fn companies(&mut self, file: &mut SettingsTable<'_>) -> Companies {
        // A file truncated while it was written must not remove every company.
        let Some(field) = file.require("company", self.report) else {
            return Companies::default();
        };
        let tables = field.tables(1..=limits::COMPANIES, self.report);
        tables.into_iter().filter_map(|table| self.company(table)).collect()
    }

    fn company(&mut self, mut table: SettingsTable<'_>) -> Option<Company> {
        let id = self.id(&mut table);
        let allowed_origins = table.take("allowed_origins").map(|field| self.origins(field));
        let identity = table.take("identity").map(|field| self.identity(field)).unwrap_or_default();
        let protect = table.take("protect").and_then(|field| field.boolean(self.report));
        let signed_identity = table.take("signed_identity").map(|field| self.signatures(field));
        let rate_limit = table.take("limits");
        let rate_limit = self.limits(rate_limit, limits::CLIENT_RATE_LIMIT);
        let of_network = table.take("network_limits");
        let network_limits = self.limits(of_network, default_network_limits(rate_limit));
        let api_limits_factor = self.api_limits_factor(&mut table);
        let inspect = table.take("inspect").and_then(|field| field.boolean(self.report));
        let keys = table.take("key").map(|field| self.keys(field)).unwrap_or_default();
        table.finish(self.report);
        Some(Company {
            id: id?,
            allowed_origins,
            identity: Arc::new(IdentitySettings {
                protect: protect.unwrap_or(identity.protect),
                ..identity
            }),
            limits: rate_limit,
            network_limits,
            api_limits_factor,
            signed_identity,
            inspect: inspect.unwrap_or(false),
            keys,
        })
    }

    fn id(&mut self, table: &mut SettingsTable<'_>) -> Option<CompanyId> {
        let field = table.require("id", self.report)?;
        let (at, path) = (field.at(), field.path().to_owned());
        let id: CompanyId = field.parse(self.report)?;
        table.label(&id);
        if !self.ids.insert(id.clone()) {
            self.report.add(at, &path, format_args!("must be unique, but {id} is taken"));
        }
        Some(id)
    }

    fn origins(&mut self, field: SettingValue<'_>) -> Box<[Origin]> {
        up_to(limits::ORIGINS_PER_COMPANY, field, self.report).into()
    }

    fn identity(&mut self, field: SettingValue<'_>) -> IdentitySettings {
        let Some(mut table) = field.table(self.report) else {
            return IdentitySettings::default();
        };
        let standard = IdentitySettings::default();
        let mut number = |name, range: &_, standard| {
            let number = table.take(name).and_then(|field| field.number(range, self.report));
            number.and_then(|number| usize::try_from(number).ok()).unwrap_or(standard)
        };
        let identity = IdentitySettings {
            anonymous_ids: number(
                "anonymous_ids",
                &limits::ANONYMOUS_IDS_RANGE,
                standard.anonymous_ids,
            ),
            secondary_emails: number(
                "secondary_emails",
                &limits::SECONDARY_EMAILS_RANGE,
                standard.secondary_emails,
            ),
            merges: number("merges", &limits::MERGES_RANGE, standard.merges),
            replaced_days: number(
                "replaced_days",
                &limits::REPLACED_DAYS_RANGE,
                usize::try_from(standard.replaced_days).unwrap_or(usize::MAX),
            )
            .try_into()
            .unwrap_or(standard.replaced_days),
            placeholders: Placeholders {
                added: self.placeholders(table.take("sentinels")),
                removed: self.placeholders(table.take("not_sentinels")),
            },
            different_external_id: table
                .take("different_external_id")
                .and_then(|field| field.parse(self.report))
                .unwrap_or(standard.different_external_id),
            ..standard
        };
        table.finish(self.report);
        identity
    }

    fn placeholders(&mut self, field: Option<SettingValue<'_>>) -> Vec<Box<str>> {
        let Some(field) = field else { return Vec::new() };
        let elements = field.elements(0..=limits::PLACEHOLDERS_PER_COMPANY, self.report);
        let read =
            |field: SettingValue<'_>| field.read(self.report, |text| Ok::<_, &str>(text.into()));
        elements.into_iter().filter_map(read).collect()
    }

    fn signatures(&mut self, field: SettingValue<'_>) -> SignedIdentity {
        let mut keys = Vec::new();
        if let Some(mut table) = field.table(self.report) {
            let read = SIGNATURE_KEYS.require(&mut table, self.report);
            let read = read.read(limits::SIGNATURE_KEYS, self.report);
            self.has_secrets |= read.is_listed;
            keys = read.keys;
            table.finish(self.report);
        }
        SignedIdentity { keys: keys.into() }
    }

    fn limits(&mut self, field: Option<SettingValue<'_>>, standard: RateLimit) -> RateLimit {
        const EXPECTED: &str = "must be a table, as in { burst = 350, steady = 3500 }, or \"none\"";
        let Some(field) = field else { return standard };
        if field.is(NO_LIMIT) {
            return RateLimit::NONE;
        }
        let Some(mut table) = field.table_or(EXPECTED, self.report) else { return standard };
        let limits = RateLimit {
            burst: self.requests(table.take("burst")).unwrap_or(standard.burst),
            steady: self.requests(table.take("steady")).unwrap_or(standard.steady),
        };
        table.finish(self.report);
        limits
    }

    fn requests(&mut self, field: Option<SettingValue<'_>>) -> Option<NonZeroU32> {
        let number = field?.number(&limits::REQUESTS_RANGE, self.report)?;
        NonZeroU32::new(u32::try_from(number).ok()?)
    }

    /// The factor on the rate limits of `/api`: a number, or none of them applies.
    fn api_limits_factor(&mut self, table: &mut SettingsTable<'_>) -> NonZeroU32 {
        let factor = table.take("api_limits_factor").and_then(|field| {
            let number = field.number(&limits::API_FACTOR_RANGE, self.report)?;
            NonZeroU32::new(u32::try_from(number).ok()?)
        });
        let Some(field) = table.take("api_limits") else {
            return factor.unwrap_or(NonZeroU32::MIN);
        };
        if !field.is(NO_LIMIT) {
            let message = "must be \"none\"; api_limits_factor multiplies the limits";
            self.report.add(field.at(), field.path(), message);
        }
        NonZeroU32::MAX
    }

    fn keys(&mut self, field: SettingValue<'_>) -> Box<[CompanyKey]> {
        let mut names = BTreeSet::new();
        let tables = field.tables(0..=limits::KEYS_PER_COMPANY, self.report);
        tables.into_iter().filter_map(|table| self.key(table, &mut names)).collect()
    }

    fn key(
        &mut self,
        mut table: SettingsTable<'_>,
        names: &mut BTreeSet<KeyName>,
    ) -> Option<CompanyKey> {
        let name = self.key_name(&mut table, names);
        let digest = self.key_digest(&mut table);
        let scopes = self.scopes(&mut table);
        table.finish(self.report);
        Some(CompanyKey { name: name?, digest: digest?, scopes })
    }

    fn key_name(
        &mut self,
        table: &mut SettingsTable<'_>,
        names: &mut BTreeSet<KeyName>,
    ) -> Option<KeyName> {
        let field = table.require("name", self.report)?;
        let (at, path) = (field.at(), field.path().to_owned());
        let name: KeyName = field.parse(self.report)?;
        if !names.insert(name.clone()) {
            self.report.add(at, &path, format_args!("must be unique, but {name} is taken"));
        }
        table.label(&name);
        Some(name)
    }

    fn key_digest(&mut self, table: &mut SettingsTable<'_>) -> Option<KeyDigest> {
        let field = table.require("sha256", self.report)?;
        let (at, path) = (field.at(), field.path().to_owned());
        let digest = field.parse(self.report)?;
        let line = self.report.line(at);
        if let Some(first) = self.key_lines.insert(digest, line) {
            let message = format_args!("must be unique, but the key of line {first} has it");
            self.report.add(at, &path, message);
        }
        Some(digest)
    }

    fn scopes(&mut self, table: &mut SettingsTable<'_>) -> KeyScopes {
        let Some(field) = table.require("scopes", self.report) else {
            return KeyScopes::default();
        };
        let elements = field.elements(1..=KeyScope::ALL.len(), self.report);
        elements.into_iter().filter_map(|element| element.parse(self.report)).collect()
    }
}
