//! The settings from the outside: files and arguments in, configuration out.

mod configuration_text;
mod identity;
mod listeners;
mod log;
mod rate_limits;
mod schema;
mod secrets;
mod tokens;

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use clap::{CommandFactory, Parser};

use super::*;
use crate::capacity::disk_space::DiskMarks;
use crate::ops::printed_text::chain;
use crate::tenants::{private_key::KeyDigest, scope::KeyScope};

const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A file that is right, by the schema too.
fn accepted(text: &str) -> ConfigurationFile {
    schema::assert_accepts(text);
    ConfigurationFile::parse(text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The problems of a file, one per line. The schema finds those that it can.
fn problems(text: &str) -> Vec<String> {
    let problems = ConfigurationFile::parse(text).expect_err("the file is wrong");
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    schema::assert_refuses(text, &problems);
    problems
}

fn refuses(text: &str, expected: &[&str]) {
    assert_eq!(problems(text), expected, "{text}");
}

/// A file with one valid company and `rest`.
fn with_company(rest: &str) -> String {
    format!("[[company]]\nid = \"ABC123\"\n{rest}")
}

fn serve(arguments: &[&str]) -> ServeArguments {
    let all = ["gateway", "serve"].iter().chain(arguments);
    let command = CommandLine::try_parse_from(all).unwrap().command;
    let GatewayCommand::Serve(arguments) = command else { panic!("not serve but {command:?}") };
    arguments
}

/// A configuration file that is removed on drop.
struct TemporaryFile {
    path: PathBuf,
}

impl TemporaryFile {
    fn new(text: impl AsRef<[u8]>) -> TemporaryFile {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gateway-settings-{}-{number}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        TemporaryFile { path }
    }

    fn configure(&self, arguments: &[&str]) -> Result<Configuration, SettingsError> {
        let config = ["--config", self.path.to_str().unwrap()];
        serve(&[&config, arguments].concat()).configure()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        fs::remove_file(&self.path).unwrap();
    }
}

fn addresses(texts: &[&str]) -> Vec<ListenAddress> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn a_whole_file_is_understood() {
    let file = accepted(&format!(
        r#"
        listen = "0.0.0.0:80"
        admin_listen = ["[::1]:9000", "unix:/run/admin.sock"]
        data_dir = "/var/lib/gateway"
        durability = "relaxed"
        cache_mib = 1_024
        workers = 4

        [[company]]
        id = "ABC123"
        allowed_origins = ["https://Shop.example:443"]
        limits = {{ burst = 10, steady = 100 }}

        [[company.key]]
        name = "backend"
        sha256 = "{DIGEST}"
        scopes = ["profiles:read", "data-privacy:write"]

        [[company]]
        id = "abc123"
        "#
    ));
    assert_eq!(file.listeners.clients, Some(addresses(&["0.0.0.0:80"])));
    assert_eq!(file.listeners.admin, Some(addresses(&["[::1]:9000", "unix:/run/admin.sock"])));
    assert_eq!(file.data_dir, Some("/var/lib/gateway".into()));
    assert_eq!(file.durability, Some(DurabilitySetting::Relaxed));
    assert_eq!((file.cache_mib, file.workers), (Some(1_024), Some(4)));

    let company = file.companies.find("ABC123").unwrap();
    assert!(company.allows_origin("https://shop.example"));
    assert_eq!((company.limits.burst.get(), company.limits.steady.get()), (10, 100));
    let principal = file.companies.principal(KeyDigest::from_key("abc")).unwrap();
    assert_eq!(principal.company.id, company.id);
    assert!(principal.scopes.contains(KeyScope::DataPrivacyWrite));
    assert!(!principal.scopes.contains(KeyScope::ProfilesWrite));

    let other = file.companies.find("abc123").unwrap();
    assert_eq!((other.limits.burst.get(), other.limits.steady.get()), (350, 3_500));
    assert!(other.allowed_origins.is_none() && other.keys.is_empty());
}

#[test]
fn a_company_protects_what_it_wrote_unless_it_says_otherwise() {
    for (setting, expected) in [("", true), ("protect = false", false), ("protect = true", true)] {
        let file = accepted(&with_company(setting));
        assert_eq!(file.companies.find("ABC123").unwrap().identity.protect, expected);
    }
    let text = with_company("protect = \"yes\"");
    refuses(&text, &["line 3: company[ABC123].protect must be true or false"]);
}

#[test]
fn pages_have_to_sign_only_where_there_are_keys_for_it() {
    let keys = format!("signed_identity = {{ keys = [\"{DIGEST}\", \"{}\"] }}", "0f".repeat(32));
    for (setting, expected) in [("", None), (&keys[..], Some(2))] {
        let file = accepted(&with_company(setting));
        let signed = &file.companies.find("ABC123").unwrap().signed_identity;
        assert_eq!(signed.as_ref().map(|signed| signed.keys.len()), expected);
    }
    let table = "line 3: company[ABC123].signed_identity";
    let five = format!("keys = [{}]", format!("\"{DIGEST}\",").repeat(5));
    for (setting, faults) in [
        ("keys = []", &[".keys must have 1 to 4 entries"][..]),
        (&five, &[".keys must have 1 to 4 entries"]),
        (
            "key = 1",
            &[
                " must have one of keys, keys_file, keys_env",
                ".key is unknown; expected one of keys, keys_file, keys_env",
            ],
        ),
        (
            "keys = [\"abc\", 7]",
            &[
                ".keys[#1] must be 64 hexadecimal digits, as `openssl rand -hex 32` prints",
                ".keys[#2] must be a string",
            ],
        ),
    ] {
        let faults: Vec<String> = faults.iter().map(|fault| format!("{table}{fault}")).collect();
        let text = with_company(&format!("signed_identity = {{ {setting} }}"));
        assert_eq!(problems(&text), faults);
    }
    let faults = problems(&with_company("signed_identity = true"));
    assert_eq!(faults, [format!("{table} must be a table")]);
}

#[test]
fn every_problem_of_a_file_is_reported_with_its_path_and_line() {
    refuses(
        r#"listen = "localhost"
cache_mib = 255
wrokers = 3
exchange_keys = ["abc"]
[[company]]
id = "ABC 123"
[[company]]
id = "ABC123"
allowed_origins = ["https://shop.example/", 7]
limits = { burst = 0, steady = "many", hourly = 9 }
[[company.key]]
name = "backend"
sha256 = "abc"
scopes = ["profiles:everything"]
[[company.key]]
secret = 1
"#,
        &[
            "line 1: listen must be an address and a port, as in 127.0.0.1:8080 or \
             https://0.0.0.0:8443, or the path of a unix socket, as in \
             unix:/run/gateway/clients.sock",
            "line 2: cache_mib must be a whole number from 256 to 65536",
            "line 3: wrokers is unknown; expected one of journal_archive, \
             journal_archive_seconds, company, exchange_keys, exchange_keys_file, \
             exchange_keys_env, tls, disk_wait_seconds, client_free_mib, \
             server_free_mib, reserve_mib, admin_listen, listen, unix_socket_mode, log, \
             access_log, refusal_lines, drain_seconds, exit_on_failed_write, otlp_endpoint, \
             otlp_sample_percent, admin_keys, cache_mib, connections, data_dir, durability, \
             exchange_token_days, outcomes, table, \
             trusted_proxies, workers",
            "line 4: exchange_keys[#1] must be 64 hexadecimal digits, as `openssl rand -hex 32` \
             prints",
            "line 6: company[#1].id must consist of ASCII letters, digits and underscores",
            "line 9: company[ABC123].allowed_origins[#1] must end after the host and port, \
             without a path or a slash",
            "line 9: company[ABC123].allowed_origins[#2] must be a string",
            "line 10: company[ABC123].limits.burst must be a whole number from 1 to 1000000",
            "line 10: company[ABC123].limits.steady must be a whole number from 1 to 1000000",
            "line 10: company[ABC123].limits.hourly is unknown; expected one of burst, steady",
            "line 13: company[ABC123].key[backend].sha256 must be 64 hexadecimal digits",
            "line 14: company[ABC123].key[backend].scopes[#1] must be one of profiles:read, \
             profiles:write, data-privacy:write, push-tokens:read, push-tokens:write",
            "line 15: company[ABC123].key[#2].name is missing",
            "line 15: company[ABC123].key[#2].sha256 is missing",
            "line 15: company[ABC123].key[#2].scopes is missing",
            "line 16: company[ABC123].key[#2].secret is unknown; expected one of name, sha256, scopes",
        ],
    );
}

#[test]
fn what_is_said_of_connections_is_read_and_bounded() {
    let file = accepted(&format!(
        "connections = {{ most = 100, per_network = 9, body_seconds = 40 }}\n{}",
        with_company("")
    ));
    let standard = Connections::default();
    let body_timeout = Duration::from_secs(40);
    let expected = Connections { most: 100, per_network: 9, body_timeout, ..standard };
    assert_eq!(file.connections, expected);
    // The longest possible request, and the longest bulk import, which is not shorter.
    assert_eq!(standard.request_deadline(), Duration::from_secs(5 + 10 + 30));
    assert_eq!(standard.import_deadline(), Duration::from_secs(5 + 30 + 30));
    assert_eq!(expected.request_deadline(), Duration::from_secs(5 + 40 + 30));
    assert_eq!(expected.import_deadline(), Duration::from_secs(5 + 40 + 30));
    assert_eq!(accepted(&with_company("")).connections, standard);
    refuses(
        &format!(
            "connections = {{ most = 0, per_network = 0, head_seconds = 0, idle = 1 }}\n{}",
            with_company("")
        ),
        &[
            "line 1: connections.most must be a whole number from 1 to 1000000",
            "line 1: connections.per_network must be a whole number from 1 to 1000000",
            "line 1: connections.head_seconds must be a whole number from 1 to 3600",
            "line 1: connections.idle is unknown; expected one of most, per_network, \
             head_seconds, body_seconds, import_seconds, answer_seconds, idle_seconds",
        ],
    );
}

#[test]
fn a_network_has_a_part_of_the_limits_of_its_company_unless_it_has_its_own() {
    let limits = |setting: &str| {
        let file = accepted(&with_company(setting));
        let limits = file.companies.find("ABC123").unwrap().network_limits;
        (limits.burst.get(), limits.steady.get())
    };
    assert_eq!(limits(""), (50, 700));
    assert_eq!(limits("limits = { burst = 70, steady = 60 }"), (10, 12));
    assert_eq!(limits("network_limits = { burst = 9 }"), (9, 700));
    assert_eq!(limits("limits = { burst = 7 }\nnetwork_limits = { steady = 8 }"), (1, 8));
    refuses(
        &with_company("network_limits = { burst = 0, hourly = 9 }"),
        &[
            "line 3: company[ABC123].network_limits.burst must be a whole number from 1 to 1000000",
            "line 3: company[ABC123].network_limits.hourly is unknown; expected one of burst, steady",
        ],
    );
}

#[test]
fn trusted_proxies_are_blocks_of_addresses_in_the_file_or_in_an_argument() {
    let file = TemporaryFile::new(format!(
        "trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n{}",
        with_company("")
    ));
    let trusted = |blocks: &[&str]| {
        let blocks: Vec<Cidr> = blocks.iter().map(|block| block.parse().unwrap()).collect();
        TrustedProxies::from(blocks)
    };
    let of = |arguments: &[&str]| file.configure(arguments).unwrap().trusted_proxies;
    assert_eq!(of(&[]), trusted(&["10.0.0.0/8", "::1/128"]));
    let of_argument = of(&["--trusted-proxies", "192.0.2.0/24,2001:db8::/32"]);
    assert_eq!(of_argument, trusted(&["192.0.2.0/24", "2001:db8::/32"]));
    let without = TemporaryFile::new(with_company(""));
    assert_eq!(without.configure(&[]).unwrap().trusted_proxies, TrustedProxies::default());
    let wrong = ["gateway", "serve", "--trusted-proxies", "10.0.0.1/8"];
    assert!(CommandLine::try_parse_from(wrong).is_err());
    refuses(
        &format!(
            "trusted_proxies = [\"10.0.0.1/8\", \"10.0.0.0/33\",\n\"proxy\", 7]\n{}",
            with_company("")
        ),
        &[
            "line 1: trusted_proxies[#1] must have no bits set after the prefix, as 10.0.0.0/8 has \
             none",
            "line 1: trusted_proxies[#2] must have a prefix of 0 to 32 bits",
            "line 2: trusted_proxies[#3] must be a block of addresses, as in 10.0.0.0/8 or \
             2001:db8::/32",
            "line 2: trusted_proxies[#4] must be a string",
        ],
    );
    let many = vec!["\"::1\""; limits::TRUSTED_PROXIES + 1].join(",");
    refuses(
        &format!("trusted_proxies = [{many}]\n{}", with_company("")),
        &["line 1: trusted_proxies must have at most 256 entries"],
    );
}

#[test]
fn what_may_not_occur_twice_is_reported_where_it_does_again() {
    let key = |name: &str| {
        format!(
            "[[company.key]]\nname = \"{name}\"\nsha256 = \"{DIGEST}\"\nscopes = [\"profiles:read\"]\n"
        )
    };
    let first = with_company(&key("backend"));
    refuses(
        &format!("{first}[[company]]\nid = \"XYZ789\"\n{}{first}", key("other")),
        &[
            "line 11: company[XYZ789].key[other].sha256 must be unique, but the key of line 5 has it",
            "line 14: company[#3].id must be unique, but ABC123 is taken",
            "line 17: company[ABC123].key[backend].sha256 must be unique, but the key of line 11 has it",
        ],
    );
    let other = DIGEST.replace('b', "c");
    refuses(
        &format!("{first}{}", key("backend").replace(DIGEST, &other)),
        &["line 8: company[ABC123].key[#2].name must be unique, but backend is taken"],
    );
}

#[test]
fn a_list_longer_than_its_bound_is_refused() {
    let origins = vec!["\"https://shop.example\""; limits::ORIGINS_PER_COMPANY + 1].join(",");
    refuses(
        &with_company(&format!("allowed_origins = [{origins}]")),
        &["line 3: company[ABC123].allowed_origins must have at most 64 entries"],
    );
    let keys = (0..=limits::KEYS_PER_COMPANY).map(|number| {
        format!(
            "[[company.key]]\nname = \"{number}\"\nsha256 = \"{number:064}\"\n\
             scopes = [\"profiles:read\"]\n"
        )
    });
    refuses(
        &with_company(&keys.collect::<String>()),
        &["line 3: company[ABC123].key must have at most 64 entries"],
    );
}

#[test]
fn the_most_companies_allowed_are_read_and_one_more_is_refused() {
    let company = |number| format!("[[company]]\nid = \"C{number}\"\n");
    let mut text: String = (0..limits::COMPANIES).map(company).collect();
    assert_eq!(ConfigurationFile::parse(&text).unwrap().companies.len(), limits::COMPANIES);
    text.push_str(&company(limits::COMPANIES));
    let problems = ConfigurationFile::parse(&text).unwrap_err();
    let problem = "line 1: company must have 1 to 100000 entries";
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [problem]);
}

#[test]
fn a_file_without_a_company_is_refused() {
    refuses("", &["line 1: company is missing"]);
    refuses("company = []", &["line 1: company must have 1 to 100000 entries"]);
    refuses("company = 7", &["line 1: company must be a list of tables, as [[…]] writes them"]);
}

#[test]
fn what_is_not_toml_is_reported_by_line() {
    let problems =
        problems("listen = \"secret\nworkers = = 3\nworkers = 4\n[[company]]\nid = \"A\"\n");
    assert!(problems[0].starts_with("line 1: not TOML: "), "{problems:?}");
    assert!(problems[1].starts_with("line 2: not TOML: "), "{problems:?}");
    assert!(!problems.concat().contains("secret"), "{problems:?}");
}

#[test]
fn a_private_key_in_the_wrong_place_is_recognised_and_not_repeated() {
    let text = with_company(
        "[[company.key]]\nname = \"a\"\nsha256 = \"pk_0123456789\"\nscopes = [\"profiles:read\"]",
    );
    refuses(
        &text,
        &["line 5: company[ABC123].key[a].sha256 must be the SHA-256 of the private key, and not \
           the key itself"],
    );
}

#[test]
fn arguments_win_over_the_file_and_the_file_over_defaults() {
    let file = TemporaryFile::new(format!(
        "listen = \"127.0.0.1:1\"\ncache_mib = 300\ndisk_wait_seconds = 9\nclient_free_mib = 600\n{}",
        with_company("")
    ));
    let server = file
        .configure(&[
            "--listen=0.0.0.0:2,unix:/run/clients.sock",
            "--unix-socket-mode=600",
            "--workers=3",
            "--disk-wait-seconds=7",
        ])
        .unwrap()
        .server;
    let expected = ServerSettings {
        archive: ArchiveSettings { directory: None, period: Duration::from_mins(1) },
        cache_bytes: 300 << 20,
        connections: Connections::default(),
        data_dir: "./data".into(),
        disk: DiskSettings {
            wait_limit: Duration::from_secs(7),
            marks: DiskMarks { client_bytes: 600 << 20, server_bytes: 256 << 20 },
            reserve_bytes: 128 << 20,
        },
        durability: DurabilitySetting::Flushed,
        listeners: ListenerSettings {
            admin: addresses(&["127.0.0.1:9090"]),
            clients: addresses(&["0.0.0.0:2", "unix:/run/clients.sock"]),
            socket_mode: "600".parse().unwrap(),
        },
        outcomes: Retention::default(),
        stop: StopSettings { drain: Duration::from_secs(8), exits_on_failed_write: false },
        table: TableSetting::Redb,
        traces: TraceSettings { endpoint: None, sample_percent: 100 },
        workers: Some(3),
    };
    assert_eq!(server, expected);
}

#[test]
fn every_argument_is_also_an_environment_variable() {
    let command = CommandLine::command();
    let arguments = command
        .get_arguments()
        .chain(command.get_subcommands().flat_map(clap::Command::get_arguments));
    for argument in arguments.filter(|argument| argument.get_long().is_some()) {
        let long = argument.get_long().unwrap();
        let expected = format!("GATEWAY_{}", long.replace('-', "_").to_uppercase());
        let variable = argument.get_env().and_then(|name| name.to_str());
        assert_eq!(variable, Some(expected.as_str()), "{long}");
    }
}

#[test]
fn the_arguments_are_consistent() {
    CommandLine::command().debug_assert();
}

#[test]
fn without_a_file_there_is_one_company_with_a_key_that_allows_everything() {
    let configuration = serve(&["--listen", "127.0.0.1:0"]).configure().unwrap();
    let development = configuration.development.unwrap();
    assert_eq!(configuration.companies.len(), 1);
    assert!(configuration.companies.find("DEMO01").is_some());
    let principal = configuration.companies.principal(development.private_key.digest()).unwrap();
    assert_eq!(principal.scopes, crate::tenants::scope::KeyScopes::all());

    let announcement = development.announcement(&"127.0.0.1:4321".parse().unwrap());
    assert!(announcement.contains(development.private_key.reveal()));
    assert!(announcement.contains("'http://127.0.0.1:4321/client/profiles?company_id=DEMO01'"));
    assert!(announcement.contains(
        r#"-d '{"data":{"type":"profile","attributes":{"email":"sarah@example.com","first_name":"Sarah"}}}'"#
    ));
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_and_not_development() {
    let error = serve(&["--config", "/nowhere/gateway.toml"]).configure().unwrap_err();
    assert!(matches!(error, SettingsError::Unreadable { .. }), "{error}");
    let error = TemporaryFile::new([0xff, 0xfe]).configure(&[]).unwrap_err();
    assert!(matches!(error, SettingsError::Unreadable { .. }), "{error}");
}

#[test]
fn a_file_larger_than_any_configuration_is_refused() {
    let size = usize::try_from(limits::CONFIGURATION_BYTES).unwrap() + 1;
    let error = TemporaryFile::new(vec![b'#'; size]).configure(&[]).unwrap_err();
    assert!(matches!(error, SettingsError::TooLarge { .. }), "{error}");
}

#[test]
fn checking_counts_what_is_configured_or_says_what_is_wrong() {
    let file = TemporaryFile::new(with_company(""));
    let check = |file: &TemporaryFile| {
        let config = file.path.clone();
        let (data_dir, tls_certificate, tls_key) = (None, None, None);
        CheckArguments { config, data_dir, tls_certificate, tls_key }.check()
    };
    let summary = Summary::from(&check(&file).unwrap().companies);
    assert_eq!(summary.to_string(), "companies: 1, keys: 0");

    let file = TemporaryFile::new(with_company("lmits = {}"));
    let error = check(&file).unwrap_err();
    let expected = "is not a valid configuration:\n  line 3: company[ABC123].lmits is unknown; \
                    expected one of id, allowed_origins, identity, protect, signed_identity, limits, \
                    network_limits, api_limits_factor, \
                    api_limits, inspect, key";
    assert!(error.to_string().ends_with(expected), "{error}");
}

#[test]
fn an_issued_key_is_configured_by_pasting_its_entry() {
    let arguments =
        ["gateway", "key", "--company", "ABC123", "--scope", "profiles:read,profiles:write"];
    for name in [&[][..], &["--name", "back end.1"]] {
        let parsed = CommandLine::try_parse_from(arguments.iter().chain(name)).unwrap();
        let GatewayCommand::Key(parsed) = parsed.command else { panic!("not key but {parsed:?}") };
        let issued = IssuedKey::issue(&parsed).unwrap();

        let text = with_company(&format!(
            "\n{}\n{}",
            issued.entry(),
            IssuedKey::issue(&parsed).unwrap().entry()
        ));
        let text = if name.is_empty() { text } else { with_company(&issued.entry()) };
        let companies = accepted(&text).companies;
        let principal = companies.principal(issued.private_key().digest()).unwrap();
        assert_eq!(principal.company.id.as_str(), "ABC123");
        assert_eq!(
            principal.scopes,
            [KeyScope::ProfilesRead, KeyScope::ProfilesWrite].into_iter().collect()
        );
        // What is shown beside the key is a part of a file, and does not have the key.
        assert!(!issued.announcement().contains(issued.private_key().reveal()));
        let file = with_company(&format!("\n{}", issued.announcement()));
        accepted(&file);
        assert!(issued.announcement().ends_with(&issued.entry()));
    }
}

#[test]
fn a_key_without_scopes_is_not_issued() {
    for wrong in [
        &["--company", "ABC123"][..],
        &["--company", "ABC 123", "--scope", "profiles:read"],
        &["--company", "ABC123", "--scope", "profiles"],
        &["--company", "ABC123", "--scope", "profiles:read", "--name", "a\"b"],
    ] {
        let arguments = ["gateway", "key"].iter().chain(wrong);
        assert!(CommandLine::try_parse_from(arguments).is_err(), "{wrong:?}");
    }
}

#[test]
fn nothing_secret_is_in_a_log() {
    let file = with_company(&format!(
        "[[company.key]]\nname = \"a\"\nsha256 = \"{DIGEST}\"\nscopes = [\"profiles:read\"]"
    ));
    assert!(!format!("{:?}", accepted(&file)).contains(&DIGEST[..8]));
    let configuration = serve(&[]).configure().unwrap();
    assert!(!format!("{configuration:?}").contains("pk_"));
}
