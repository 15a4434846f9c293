//! The table of limits in docs/OPERATIONS.md, held to the constants of the code.

use std::time::Duration;

use gateway::{
    capacity::{network_limiter::default_network_limits, rate_limit::RateLimit},
    limits as ours,
    settings::Connections,
};
use profile_protocol::limits as protocol;
use profile_store::{engine::limits as engine, limits as store};

use super::{assert_none, section};

/// The start of a row and its values. A row without values is for bounds of the HTTP library.
type LimitRow = (&'static str, Vec<String>);

/// A number, with a comma before each three digits.
fn count(number: usize) -> String {
    match (number / 1_000, number % 1_000) {
        (0, rest) => rest.to_string(),
        (more, rest) => format!("{},{rest:03}", count(more)),
    }
}

fn bytes(number: usize) -> String {
    let units = [(1 << 20, "MiB"), (1_000_000, "MB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|(size, _)| number.is_multiple_of(*size));
    unit.map_or(format!("{} bytes", count(number)), |(size, name)| {
        format!("{} {name}", number / size)
    })
}

fn time(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{} s", duration.as_secs()),
        _ => format!("{} ms", duration.as_millis()),
    }
}

/// How much there is together, and of one company.
fn budget(most: usize) -> Vec<String> {
    let part = bytes(most / ours::COMPANY_PORTIONS);
    vec![format!("{} together", bytes(most)), format!("{part} of one company")]
}

/// The same for bodies, by their size.
fn body_budget(most: usize) -> Vec<String> {
    [budget(most), vec![bytes(ours::BODY_FREE_BYTES)]].concat()
}

/// The two windows of a rate limit.
fn windows(limits: RateLimit) -> Vec<String> {
    vec![
        format!("{} in {}", limits.burst, time(ours::BURST_WINDOW)),
        format!("{} in {}", limits.steady, time(ours::STEADY_WINDOW)),
    ]
}

fn of_requests() -> Vec<LimitRow> {
    let RateLimit { burst, steady } = ours::CLIENT_RATE_LIMIT;
    let api = [ours::API_SMALL, ours::API_MEDIUM, ours::API_LARGE];
    let [small, medium, large] = api.map(|limits| limits.burst.to_string());
    let [few, some, many] = api.map(|limits| limits.steady.to_string());
    let steady = count(usize::try_from(steady.get()).unwrap());
    let gathering = engine::MEMTABLE_BYTES + engine::MEMTABLE_BYTES / engine::AHEAD_DIVISOR;
    vec![
        (
            "requests of one company to `/client/profiles`",
            vec![
                format!("{burst} in {}", time(ours::BURST_WINDOW)),
                format!("{steady} in {} (`limits`)", time(ours::STEADY_WINDOW)),
            ],
        ),
        (
            "requests of one company to one endpoint",
            vec![
                format!("{small}, {medium} or {large} in {}", time(ours::BURST_WINDOW)),
                format!("{few}, {some} or {many} in {}", time(ours::STEADY_WINDOW)),
            ],
        ),
        ("requests sent before earlier ones", vec![]),
        (
            "requests waiting to be stored",
            vec![format!("{} of one company", count(store::COMPANY_QUEUE))],
        ),
        (
            "changes in memory and in the journal",
            vec![
                format!("{} in checkpoint", bytes(engine::MEMTABLE_BYTES)),
                format!("{} gathering", bytes(gathering)),
            ],
        ),
        (
            "requests committed by one flush",
            vec![
                count(store::BATCH),
                format!("{} claims", count(store::BATCH_CLAIMS)),
                format!("{} of profiles", bytes(store::BATCH_BYTES)),
            ],
        ),
        (
            "requests that read or write more",
            vec![
                bytes(store::USUAL_BYTES),
                format!("{} times", store::PAUSE_FACTOR),
                format!("{} written a second", bytes(store::EXCESS_WRITTEN_PER_SECOND)),
                format!("{} ms", store::MAX_PAUSE_MS),
            ],
        ),
        (
            "rows of a bulk import, while",
            vec![
                format!("{} times", store::IMPORT_PAUSE_FACTOR),
                format!("{} ms", store::MAX_PAUSE_MS),
            ],
        ),
        (
            "profiles that one request looks up",
            vec![format!("{} addresses", protocol::PATCHED_EMAILS)],
        ),
        ("faults reported for one request", vec![count(protocol::VIOLATIONS)]),
    ]
}

fn of_networks() -> Vec<LimitRow> {
    let parts = format!(
        "1/{} and 1/{} of `limits` (`network_limits`)",
        ours::NETWORK_BURST_DIVISOR,
        ours::NETWORK_STEADY_DIVISOR
    );
    let limits = default_network_limits(ours::CLIENT_RATE_LIMIT);
    let of_merges = limits.divided(ours::REQUESTS_OF_A_MERGE, ours::REQUESTS_OF_A_MERGE);
    let of_network = windows(limits);
    vec![
        ("requests of one client network to", [of_network, vec![parts]].concat()),
        ("preflights of one client network", vec!["as many as requests".to_owned()]),
        ("requests of one client network that", windows(ours::NO_COMPANY_RATE_LIMIT)),
        (
            "what counts as more than one request",
            vec![format!("each {} of a decoded body", bytes(ours::BODY_BYTES_OF_A_REQUEST))],
        ),
        (
            "merges that requests of one client network",
            [windows(of_merges), vec![format!("1/{} of the requests", ours::REQUESTS_OF_A_MERGE)]]
                .concat(),
        ),
        (
            "client networks whose merges",
            vec![
                count(ours::MERGING_NETWORKS),
                format!("counted for {}", time(ours::STEADY_WINDOW)),
                format!("share {} counts", count(ours::SHARED_MERGE_WINDOWS)),
            ],
        ),
        (
            "client networks that are counted",
            vec![
                count(ours::COUNTED_NETWORKS),
                format!("counted for {}", time(ours::STEADY_WINDOW)),
                format!("share {} counts", count(ours::SHARED_NETWORK_WINDOWS)),
            ],
        ),
        (
            "blocks of trusted proxies",
            vec![format!("{} (`trusted_proxies`)", count(ours::TRUSTED_PROXIES))],
        ),
        ("addresses in a header of trusted proxies", vec![count(ours::FORWARDED_HOPS)]),
    ]
}

fn of_connections() -> Vec<LimitRow> {
    let standard = Connections::default();
    let others = ours::OTHER_FILES;
    vec![
        (
            "connections of clients",
            vec![
                format!("{} (`most`)", count(standard.most)),
                format!("less {others} and {} a worker", ours::FILES_PER_WORKER),
                format!("less {} or", ours::CLOSING_CONNECTIONS),
            ],
        ),
        (
            "connections of one client network",
            vec![format!("{} (`per_network`)", count(standard.per_network))],
        ),
        (
            "connections to the admin listener",
            vec![
                count(ours::ADMIN_CONNECTIONS),
                format!("{} of one network", count(ours::ADMIN_NETWORK_CONNECTIONS)),
            ],
        ),
        ("idle connection", vec![format!("{} (`idle_seconds`)", time(standard.keep_alive))]),
        ("first head", vec![format!("{} to arrive (`head_seconds`)", time(standard.head_timeout))]),
        ("TLS handshake", vec![format!("{} (`head_seconds`)", time(standard.head_timeout))]),
        (
            "addresses of listeners",
            vec![
                format!("{} for clients, {0} for operators", ours::LISTEN_ADDRESSES),
                format!("{} bytes", ours::SOCKET_PATH_BYTES),
            ],
        ),
        (
            "certificates",
            vec![
                format!("{} in one file", ours::CERTIFICATES),
                bytes(usize::try_from(ours::CERTIFICATE_BYTES).unwrap()),
            ],
        ),
        ("head of a request", vec![]),
        (
            "from the first byte of a request",
            vec![time(standard.request_deadline()), time(standard.import_deadline())],
        ),
        ("a closed connection", vec![time(ours::DISCONNECT_TIMEOUT)]),
        ("shutting down", vec![format!("{} (`drain_seconds`)", time(ours::DRAIN))]),
    ]
}

fn of_bodies() -> Vec<LimitRow> {
    let standard = Connections::default();
    let largest = |bytes| vec![format!("{} bytes before and after decoding", count(bytes))];
    vec![
        (
            "body of a request",
            vec![format!("{} to arrive (`body_seconds`)", time(standard.body_timeout))],
        ),
        ("| 102,400", largest(protocol::BODY_BYTES)),
        (
            "body of a bulk import",
            vec![format!("{} to arrive (`import_seconds`)", time(standard.import_timeout))],
        ),
        ("| 5,000,000", largest(protocol::BULK_BODY_BYTES)),
        (
            "| 10,000",
            vec![
                format!("{} profiles of", count(protocol::BULK_PROFILES)),
                format!("{} bytes each", count(protocol::BODY_BYTES)),
            ],
        ),
        ("members of one gzip body", vec![count(ours::GZIP_MEMBERS)]),
        (
            "what is left of a refused body",
            vec![format!("{} bytes", count(protocol::BODY_BYTES)), time(ours::DISCARD_TIMEOUT)],
        ),
        ("clients' bodies arriving", body_budget(ours::ARRIVING_BYTES)),
        ("clients' bodies over", body_budget(ours::HELD_BYTES)),
        ("clients' bodies up to", body_budget(ours::HELD_SMALL_BYTES)),
        ("bodies with a private key arriving", body_budget(ours::SERVER_ARRIVING_BYTES)),
        ("bodies with a private key over", body_budget(ours::SERVER_HELD_BYTES)),
        ("bodies with a private key up to", body_budget(ours::SERVER_HELD_SMALL_BYTES)),
    ]
}

fn of_profiles() -> Vec<LimitRow> {
    vec![
        (
            "properties of a profile",
            vec![
                count(protocol::PROPERTIES),
                bytes(protocol::PROPERTIES_BYTES),
                format!("{} levels", protocol::PROPERTY_DEPTH),
            ],
        ),
        (
            "properties up to which clients may fill",
            vec![count(store::CLIENT_PROPERTIES), bytes(store::CLIENT_PROPERTIES_BYTES)],
        ),
        ("profiles merged into one", vec![format!("{} (`merges`)", count(store::MERGES))]),
        (
            "anonymous ids of a profile",
            vec![format!("{} (`anonymous_ids`)", count(store::ANONYMOUS_IDS))],
        ),
        ("push tokens of a profile", vec![count(store::PUSH_TOKENS)]),
        ("push tokens in a page", vec![count(ours::TOKENS_WITH_PROFILES)]),
        (
            "identifiers that a profile has lost",
            vec![count(usize::try_from(store::FORMER_IDENTIFIERS).unwrap())],
        ),
        ("outcomes read to find when", vec![count(store::WRITERS_OUTCOMES)]),
        ("deletion jobs kept", vec![count(usize::try_from(store::DELETION_JOBS).unwrap())]),
        (
            "failed rows of a bulk import",
            vec![count(store::IMPORT_ROWS), format!("{} bytes", ours::IMPORT_SENT_BYTES)],
        ),
        (
            "identifiers in a list for `gateway verify --erased`",
            vec![
                count(ours::ERASED_LINES),
                format!("{} bytes", ours::ERASED_LINE_BYTES),
                bytes(ours::ERASED_BYTES),
            ],
        ),
        (
            "life of an exchange token",
            vec![format!("{} days (`exchange_token_days`)", ours::EXCHANGE_TOKEN_DAYS)],
        ),
        (
            "secondary addresses of a profile",
            vec![format!("{} (`secondary_emails`)", count(protocol::SECONDARY_EMAILS))],
        ),
        (
            "attributes of a profile that clients replaced, and that can come back",
            vec![
                count(store::REPLACED_VALUES),
                bytes(protocol::PROPERTIES_BYTES),
                format!("{} days (`replaced_days`)", store::REPLACED_DAYS),
            ],
        ),
        (
            "list that is kept when a client adds or removes elements",
            vec![bytes(store::REPLACED_LIST_BYTES)],
        ),
    ]
}

fn of_the_log() -> Vec<LimitRow> {
    vec![
        (
            "id of a request in `X-Request-Id`",
            vec![format!("{} bytes", count(store::REQUEST_ID_BYTES))],
        ),
        (
            "log lines about refused requests",
            vec![format!("{} of one company in 1 s (`refusal_lines`)", ours::REFUSAL_LINES)],
        ),
        (
            "companies whose log lines",
            vec![format!("{} in 1 s", count(ours::COMPANIES_WITH_LINES))],
        ),
        ("errors of a refused request", vec![count(ours::LOGGED_ERRORS)]),
        (
            "user agent in a log line",
            vec![format!("{} bytes", count(ours::LOGGED_USER_AGENT_BYTES))],
        ),
        ("parts of a path in a log line", vec![count(ours::LOGGED_PATH_PARTS)]),
        ("spans that wait for the collector", vec![count(ours::SPAN_QUEUE)]),
        ("companies with metrics of their own", vec![count(ours::COMPANIES_WITH_SERIES)]),
    ]
}

fn of_the_console() -> Vec<LimitRow> {
    vec![
        (
            "sessions of the console",
            vec![
                count(ours::CONSOLE_SESSIONS),
                format!("{} with one key", ours::CONSOLE_KEY_SESSIONS),
                format!("{} keys", ours::CONSOLE_KEYS),
                time(ours::CONSOLE_IDLE),
                time(ours::CONSOLE_SESSION_LIFE),
            ],
        ),
        ("sign-ins to the console", windows(ours::CONSOLE_SIGN_INS)),
        (
            "form of the console",
            vec![bytes(ours::CONSOLE_FORM_BYTES), format!("{} fields", ours::CONSOLE_FORM_FIELDS)],
        ),
        (
            "live views of the console",
            vec![
                count(ours::CONSOLE_STREAMS),
                format!("{} of one company", ours::CONSOLE_COMPANY_STREAMS),
                format!("{} outcomes", ours::CONSOLE_LIVE_ITEMS),
                time(ours::CONSOLE_LIVE_PERIOD),
            ],
        ),
        (
            "exports of the console",
            vec![
                count(ours::CONSOLE_EXPORTS),
                format!("{} of one company", ours::CONSOLE_COMPANY_EXPORTS),
                format!("nothing is taken for {}", time(ours::CONSOLE_EXPORT_STALL)),
            ],
        ),
        (
            "ended exports that the console shows",
            vec![
                count(ours::CONSOLE_ENDED_EXPORTS),
                format!("{} of one company", ours::CONSOLE_COMPANY_ENDED_EXPORTS),
            ],
        ),
        (
            "refusals that the console shows",
            vec![
                count(ours::CONSOLE_REFUSALS),
                format!("{} of one company", ours::CONSOLE_COMPANY_REFUSALS),
            ],
        ),
        (
            "requests in the inspector",
            vec![
                format!("{} of one company", ours::INSPECTED_REQUESTS),
                bytes(ours::INSPECTED_BYTES),
                time(ours::INSPECTED_AGE),
                format!("{} together", bytes(ours::INSPECTED_TOTAL_BYTES)),
            ],
        ),
        (
            "samples for charts and alerts of the console",
            vec![
                format!("{} of an hour", ours::HOUR_SAMPLES),
                format!("{} of a day", ours::DAY_SAMPLES),
                format!("{} minutes", ours::COMPANY_SAMPLES),
            ],
        ),
    ]
}

fn of_the_rest() -> Vec<LimitRow> {
    let deadline = time(Connections::default().import_deadline());
    vec![
        ("bulk imports, read", budget(ours::IMPORT_BYTES)),
        (
            "bulk imports carried out",
            vec![
                format!("{}, and 1", ours::IMPORTS_AT_ONCE),
                format!("wait for {}", time(ours::IMPORT_WAIT)),
            ],
        ),
        (
            "bodies of 32 KiB and more",
            vec![
                bytes(ours::LARGE_BODY_BYTES),
                format!("{}, and 1", ours::LARGE_BODIES_AT_ONCE),
                format!("wait for {}", time(ours::LARGE_BODY_WAIT)),
            ],
        ),
        ("an import that takes longer than the", vec![format!("the {deadline} above")]),
        ("bulk imports kept", vec![count(store::IMPORTS)]),
        ("rows of a bulk import that wait", vec![count(ours::IMPORT_ROWS_WAITING)]),
        (
            "filter of a list",
            vec![
                bytes(protocol::FILTER_BYTES),
                format!("{} conditions", protocol::FILTER_CONDITIONS),
                format!("{} values", protocol::FILTER_VALUES),
                format!("{} levels", protocol::FILTER_DEPTH),
            ],
        ),
        (
            "page of a list",
            vec![
                format!("{} entries", ours::PAGE),
                format!("{} of records", bytes(store::LIST_BYTES)),
                format!("{} entries looked at", count(store::LIST_ENTRIES)),
            ],
        ),
        ("names in one `fields[profile]`", vec![count(ours::SPARSE_FIELDS)]),
        ("host that links are made of", vec![format!("{} bytes", count(ours::HOST_BYTES))]),
        (
            "list of headers that a preflight",
            vec![format!("{} bytes", count(ours::PREFLIGHT_HEADERS_BYTES))],
        ),
        ("companies |", vec![count(ours::COMPANIES)]),
        ("commit that waits for the disk", vec![time(ours::DISK_WAIT)]),
        (
            "request that waits to be stored",
            [ours::DISK_WAIT, ours::SLOW_COMMIT, ours::ANSWER_TIMEOUT].map(time).to_vec(),
        ),
        ("read of stored data", vec![time(ours::DISK_WAIT)]),
        (
            "free disk space",
            vec![
                format!("{} MiB for clients", ours::CLIENT_FREE_MIB),
                format!("{} MiB for other writes", ours::SERVER_FREE_MIB),
            ],
        ),
        ("`/openapi.json` to one client network", windows(ours::OPENAPI_NETWORK_RATE_LIMIT)),
        ("`/openapi.json` over all callers", windows(ours::OPENAPI_RATE_LIMIT)),
    ]
}

/// Whether this stands in a row by itself, and not as a piece of a larger number or of
/// another word.
fn says(row: &str, value: &str) -> bool {
    let goes_on = |end: char| end.is_alphanumeric() || end == ',' || end == '.';
    row.match_indices(value).any(|(at, _)| {
        let (before, after) = (&row[..at], &row[at + value.len()..]);
        let next = after.trim_start_matches([',', '.']);
        let within = next.starts_with(|start: char| start.is_ascii_digit()) && next != after;
        !before.ends_with(goes_on) && !after.starts_with(char::is_alphanumeric) && !within
    })
}

#[test]
fn a_value_is_not_found_within_another() {
    for (row, value) in [
        ("| 12 MiB of one company |", "2 MiB of one company"),
        ("| 1,000 bytes |", "000 bytes"),
        ("| 16 conditions |", "6 conditions"),
        ("| 1,000,000 |", "1,000"),
        ("| 2.56 KiB |", "56 KiB"),
        ("| 10 MiBs |", "10 MiB"),
        ("| 100 |", "10"),
    ] {
        assert!(!says(row, value), "{value} in {row}");
    }
    for (row, value) in [
        ("| 12 MiB, 2 MiB of one company |", "2 MiB of one company"),
        ("| 1,000, and no more |", "1,000"),
        ("| (1,000) |", "1,000"),
    ] {
        assert!(says(row, value), "{value} in {row}");
    }
}

#[test]
fn the_documented_limits_are_those_of_the_code() {
    let documented = section("docs/OPERATIONS.md", "limits");
    let rows: Vec<&str> = documented.lines().skip(2).collect();
    let promised = [
        of_requests(),
        of_networks(),
        of_connections(),
        of_bodies(),
        of_profiles(),
        of_the_log(),
        of_the_console(),
        of_the_rest(),
    ]
    .concat();
    let wrong = promised.iter().filter_map(|(start, values)| {
        let begins = |row: &&&str| row.strip_prefix("| ").is_some_and(|row| row.starts_with(start));
        let Some(row) = rows.iter().find(begins) else { return Some(format!("no row {start}")) };
        let absent = values.iter().find(|value| !says(row, value))?;
        Some(format!("{absent} is not in {row}"))
    });
    assert_none(&wrong.collect::<Vec<_>>());
    assert_eq!(rows.len(), promised.len(), "a row is held to nothing");
}

#[test]
fn the_standard_configuration_is_documented_as_it_is() {
    let Connections {
        most,
        per_network,
        head_timeout,
        body_timeout,
        import_timeout,
        answer_timeout,
        keep_alive,
    } = Connections::default();
    let [head, body, import, answer, idle] =
        [head_timeout, body_timeout, import_timeout, answer_timeout, keep_alive]
            .map(|time| time.as_secs());
    let line = format!(
        "connections = {{ most = {most}, per_network = {per_network}, head_seconds = {head}, \
         body_seconds = {body}, import_seconds = {import}, answer_seconds = {answer}, idle_seconds = {idle} }}"
    );
    let text = std::fs::read_to_string(super::root().join("docs/OPERATIONS.md")).unwrap();
    assert!(text.contains(&line), "{line}");
}
