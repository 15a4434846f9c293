//! Rate limits: each company gets the promised rate, and `Retry-After` is correct.

use std::{net::Ipv4Addr, thread, time::Duration};

use profile_store::{ClaimResult, Outcome, Refused};

use crate::{
    api::{KEY, key},
    serving::{Home, Serving},
    stored::{StoredProfiles, identifiers},
    wire::{Connection, RawRequest, RawResponse},
};

const RATE_LIMIT_HEADERS: [&str; 3] = ["Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset"];

fn good(company: &str) -> RawRequest {
    RawRequest::email("sarah.mason@klaviyo-demo.com").of(company)
}

/// A number in a header.
#[track_caller]
fn number(answer: &RawResponse, name: &str) -> u64 {
    let value = answer.header(name).unwrap_or_else(|| panic!("no {name} in {answer:?}"));
    assert!(value.bytes().all(|byte| byte.is_ascii_digit()), "{name}: {value}");
    value.parse().unwrap()
}

/// Sends requests to a company at once, on one connection.
fn burst(gateway: &Serving, requests: &[RawRequest]) -> Vec<RawResponse> {
    let mut connection = gateway.connect();
    assert!(connection.send(requests.iter().flat_map(RawRequest::bytes).collect::<Vec<u8>>()));
    requests.iter().map(|_| connection.receive()).collect()
}

/// Sends requests one after the other, on a new connection after one that was closed.
fn one_after_the_other<'r>(
    gateway: &Serving,
    requests: impl Iterator<Item = &'r RawRequest>,
) -> Vec<RawResponse> {
    let mut connection = gateway.connect();
    let mut answers = Vec::new();
    for request in requests {
        let answer = connection.exchange(request);
        if answer.has("Connection") {
            connection = gateway.connect();
        }
        answers.push(answer);
    }
    answers
}

/// The same from some threads at once, each of which sends all of the requests.
fn bursts(gateway: &Serving, threads: usize, requests: &[RawRequest]) -> Vec<RawResponse> {
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| burst(gateway, requests))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// A company with these limits, to which one network may send as much as all together.
fn company(id: &str, burst: u32, steady: u32) -> String {
    let limits = format!("limits = {{ burst = {burst}, steady = {steady} }}\n");
    format!(
        "[[company]]\nid = \"{id}\"\n{limits}network_limits = {{ burst = 1000, steady = 10000 }}\n"
    )
}

#[test]
fn the_351st_request_of_a_second_is_the_only_one_refused_and_told_when_to_return() {
    let companies = ["RATE01", "RATE02", "RATE03", "RATE04", "RATE05"];
    let configured = companies.map(|id| company(id, 350, 3_500)).concat();
    let home = Home::configured(&format!("durability = \"relaxed\"\n{configured}"));
    let gateway = home.serve();
    // On a machine so slow that the second is over before the last request, there
    // is nothing to see, and the next company is tried.
    let seen = companies.into_iter().find_map(|company| {
        let answers = bursts(&gateway, 7, &vec![good(company); 50]);
        let last = gateway.send(&good(company));
        (last.status == 429).then_some((company, answers, last))
    });
    let (company, answers, refused) = seen.expect("351 requests within a second");
    assert_eq!(refused.json()["errors"][0]["code"], "throttled");
    assert!(!RATE_LIMIT_HEADERS.iter().any(|name| refused.has(name)), "{refused:?}");
    let seconds = number(&refused, "Retry-After");
    assert_eq!(seconds, 1);

    let mut remaining: Vec<u64> = Vec::new();
    for answer in &answers {
        answer.assert_accepted();
        assert!(!answer.has("Retry-After"));
        assert_eq!(number(answer, "Ratelimit-Limit"), 3_500);
        remaining.push(number(answer, "Ratelimit-Remaining"));
        assert!((1..=60).contains(&number(answer, "Ratelimit-Reset")), "{answer:?}");
    }
    remaining.sort_unstable();
    assert_eq!(remaining, (3_150..3_500).collect::<Vec<u64>>());

    thread::sleep(Duration::from_secs(seconds));
    let answer = gateway.send(&good(company));
    answer.assert_accepted();
    // What was refused was charged to neither window.
    assert_eq!(number(&answer, "Ratelimit-Remaining"), 3_500 - 351);
}

#[test]
fn a_used_up_steady_window_refuses_until_it_ends_whatever_is_left_of_the_burst() {
    let home =
        Home::configured(&format!("{}[[company]]\nid = \"OTHER1\"\n", company("FEW001", 100, 3)));
    let gateway = home.serve();
    let answers: Vec<RawResponse> = (0..3).map(|_| gateway.send(&good("FEW001"))).collect();
    let remaining: Vec<u64> =
        answers.iter().map(|answer| number(answer, "Ratelimit-Remaining")).collect();
    assert_eq!(remaining, [2, 1, 0]);
    let left = number(&answers[2], "Ratelimit-Reset");
    for _ in 0..3 {
        let refused = gateway.send(&good("FEW001"));
        assert_eq!(refused.status, 429);
        assert!((1..=left).contains(&number(&refused, "Retry-After")));
        let seconds = number(&refused, "Retry-After");
        let plural = if seconds == 1 { "" } else { "s" };
        let told =
            format!("Request was throttled. Expected available in {seconds} second{plural}.");
        assert_eq!(refused.json()["errors"][0]["detail"], told);
    }
    // One company's use is nothing to another.
    let answer = gateway.send(&good("OTHER1"));
    answer.assert_accepted();
    assert_eq!(number(&answer, "Ratelimit-Remaining"), 3_499);
}

#[test]
fn threads_together_get_no_more_than_the_limit_whatever_they_send_beside() {
    let home = Home::configured(&company("FEW001", 50, 50));
    let gateway = home.serve();
    let kinds = [good("FEW001"), RawRequest::profile("{").of("FEW001"), good("UNKNOWN")];
    let requests: Vec<RawRequest> = kinds.iter().cycle().take(75).cloned().collect();
    let answers = bursts(&gateway, 4, &requests);
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 50);
}

#[test]
fn what_is_refused_spends_nothing_of_the_company() {
    let home = Home::configured(&company("FEW001", 2, 2));
    let gateway = home.serve();
    let good = || good("FEW001");
    let identifiers = |id| format!(r#"{{"data":{{"type":"profile","attributes":{{{id}}}}}}}"#);
    for request in [
        RawRequest::bare().of("FEW001"),
        good().body("{"),
        good().body(identifiers(r#""email":"blobemail""#)),
        good().body(identifiers(r#""external_id":"undefined""#)),
        good().without("revision"),
        good().with("Content-Type", "text/plain"),
        good().with("Content-Encoding", "compress"),
        good().with("Content-Length", "200000"),
    ] {
        let answer = gateway.send(&request);
        assert!((400..=415).contains(&answer.status), "{answer:?}");
        assert_eq!(number(&answer, "Ratelimit-Limit"), 2);
        assert_eq!(number(&answer, "Ratelimit-Remaining"), 2);
        assert_eq!(number(&answer, "Ratelimit-Reset"), 60);
    }
    for remaining in [1, 0] {
        let answer = gateway.send(&good());
        answer.assert_accepted();
        assert_eq!(number(&answer, "Ratelimit-Remaining"), remaining);
    }
    // Now nothing is read of any request.
    for request in [good(), RawRequest::bare().of("FEW001"), good().without("revision")] {
        assert_eq!(gateway.send(&request).status, 429);
    }
}

#[test]
fn a_request_whose_window_is_exhausted_while_its_body_arrives_is_refused() {
    let home = Home::configured(&company("ONCE01", 1, 1));
    let gateway = home.serve();
    let request = good("ONCE01").with("Expect", "100-continue");
    let (head, whole) = (request.head(), request.bytes());
    let mut slow = gateway.connect();
    assert!(slow.send(&head));
    assert_eq!(slow.receive().status, 100);
    gateway.send(&good("ONCE01")).assert_accepted();
    assert!(slow.send(&whole[head.len()..]));
    let answer = slow.receive();
    assert_eq!(answer.status, 429);
    assert!(!RATE_LIMIT_HEADERS.iter().any(|name| answer.has(name)), "{answer:?}");
}

/// The detail of the only error, without the number of seconds.
fn detail(answer: &RawResponse) -> String {
    let detail = answer.json()["errors"][0]["detail"].as_str().unwrap().to_owned();
    detail.split(" Expected").next().unwrap().to_owned()
}

const OF_NETWORK: &str = "Too many requests from this network.";

/// Another address than that of all other requests.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

#[test]
fn a_network_that_sends_too_much_is_refused_and_its_company_serves_all_others() {
    let home = Home::configured(
        "[[company]]\nid = \"ABC123\"\nnetwork_limits = { burst = 3, steady = 3 }\n\
         [[company]]\nid = \"OTHER1\"\n",
    );
    let gateway = home.serve();
    for request in
        [RawRequest::bare(), RawRequest::profile("{"), good("ABC123").without("revision")]
    {
        assert!([400, 415].contains(&gateway.send(&request).status));
    }
    let refused = gateway.send(&good("ABC123"));
    assert_eq!((refused.status, detail(&refused).as_str()), (429, OF_NETWORK));
    assert_eq!(refused.json()["errors"][0]["code"], "throttled");
    assert!((1..=60).contains(&number(&refused, "Retry-After")));
    assert!(!RATE_LIMIT_HEADERS.iter().any(|name| refused.has(name)), "{refused:?}");

    gateway.send(&good("OTHER1")).assert_accepted();
    let answer = gateway.connect_from(ELSEWHERE).exchange(&good("ABC123"));
    answer.assert_accepted();
    assert_eq!(number(&answer, "Ratelimit-Remaining"), 3_499);
    assert_eq!(gateway.meter(r#"gateway_refusals_total{code="network_throttled"}"#), 1);
    assert_eq!(gateway.meter(r#"gateway_refusals_total{code="throttled"}"#), 0);
}

/// A gateway whose client networks have this limit.
fn with_network_limit(requests: u32) -> Home {
    Home::configured(&format!(
        "[[company]]\nid = \"ABC123\"\n\
         network_limits = {{ burst = {requests}, steady = {requests} }}\n"
    ))
}

/// A request with these attributes.
fn attributes(members: &str) -> RawRequest {
    let body = format!(r#"{{"data":{{"type":"profile","attributes":{{{members}}}}}}}"#);
    RawRequest::profile(&body).of("ABC123")
}

/// How many more requests of this network are accepted until one is refused.
fn left(gateway: &Serving) -> usize {
    let answers = (0..).map(|_| gateway.send(&good("ABC123")));
    answers.take_while(|answer| answer.status == 202).count()
}

#[test]
fn a_large_body_counts_as_several_requests_of_its_network_and_its_company() {
    let home = with_network_limit(10);
    let gateway = home.serve();
    let long = "x".repeat(60_000);
    let large = attributes(&format!(r#""anonymous_id":"device-7","properties":{{"a":"{long}"}}"#));
    let answer = gateway.send(&large);
    answer.assert_accepted();
    assert_eq!(number(&answer, "Ratelimit-Remaining"), 3_500 - 4);
    assert_eq!(left(&gateway), 10 - 4);
}

/// Sends the heads of requests, each on a connection of its own, then waits, and then sends all
/// bodies. Returns the answers.
fn held_back(gateway: &Serving, requests: &[RawRequest], wait: Duration) -> Vec<RawResponse> {
    let asking = |request: &RawRequest| request.clone().with("Expect", "100-continue");
    let requests: Vec<RawRequest> = requests.iter().map(asking).collect();
    let mut connections: Vec<_> = requests.iter().map(|_| gateway.connect()).collect();
    for (connection, request) in connections.iter_mut().zip(&requests) {
        assert!(connection.send(request.head()));
        assert_eq!(connection.receive().status, 100);
    }
    thread::sleep(wait);
    for (connection, request) in connections.iter_mut().zip(&requests) {
        assert!(connection.send(&request.bytes()[request.head().len()..]));
    }
    connections.iter_mut().map(Connection::receive).collect()
}

/// The number of accepted requests. All others were refused for their network.
#[track_caller]
fn accepted(answers: &[RawResponse]) -> usize {
    let refused = answers.iter().filter(|answer| answer.status != 202);
    let mut refused: Vec<String> = refused.map(detail).collect();
    refused.dedup();
    assert!(refused.iter().all(|detail| detail == OF_NETWORK), "{refused:?}");
    answers.iter().filter(|answer| answer.status == 202).count()
}

#[test]
fn a_network_that_holds_bodies_back_spends_no_more_of_its_company_than_its_limit() {
    let second = Duration::from_millis(1_100);
    let long = "x".repeat(60_000);
    let large = attributes(&format!(r#""anonymous_id":"device-7","properties":{{"a":"{long}"}}"#));
    for (request, wait, requests) in [(large, Duration::ZERO, 4), (good("ABC123"), second, 1)] {
        let home = with_network_limit(20);
        let gateway = home.serve();
        let answers = held_back(&gateway, &vec![request; 20], wait);
        // Twenty heads are charged. The first body has its place, and exceeds the limit.
        assert_eq!(accepted(&answers), 1);
        let other = gateway.connect_from(ELSEWHERE).exchange(&good("ABC123"));
        assert_eq!(number(&other, "Ratelimit-Remaining"), 3_500 - requests - 1);
    }
}

#[test]
fn a_network_may_send_one_large_body_whatever_its_limit_is() {
    let home = with_network_limit(1);
    let gateway = home.serve();
    let long = "x".repeat(60_000);
    gateway
        .send(&attributes(&format!(r#""email":"a@b.co","properties":{{"a":"{long}"}}"#)))
        .assert_accepted();
    assert_eq!(left(&gateway), 0);
}

#[test]
fn a_large_body_that_is_refused_counts_for_its_network_alone() {
    let home = with_network_limit(10);
    let gateway = home.serve();
    assert_eq!(gateway.send(&RawRequest::profile("[".repeat(60_000))).status, 400);
    let answer = gateway.send(&good("ABC123"));
    assert_eq!(number(&answer, "Ratelimit-Remaining"), 3_499);
    assert_eq!(left(&gateway), 10 - 4 - 1);
}

fn has_merged(outcome: &Outcome) -> bool {
    outcome.absorbed().next().is_some()
}

/// Device `number`, and the same device beside an address that has a profile.
fn device(number: usize) -> String {
    format!(r#""anonymous_id":"device-{number}""#)
}

fn identified(number: usize) -> String {
    format!(r#"{},"email":"ann@klaviyo-demo.com""#, device(number))
}

#[test]
fn requests_that_merge_spend_no_more_of_a_limit_than_others() {
    for is_known in [true, false] {
        let home = with_network_limit(20);
        let gateway = home.serve();
        let address = if is_known { "ann@klaviyo-demo.com" } else { "bea@klaviyo-demo.com" };
        gateway.send(&attributes(&format!(r#""email":"{address}""#))).assert_accepted();
        gateway.send(&attributes(&device(1))).assert_accepted();
        let answer = gateway.send(&attributes(&identified(1)));
        answer.assert_accepted();
        assert_eq!(number(&answer, "Ratelimit-Remaining"), 3_500 - 3);
        assert_eq!(left(&gateway), 20 - 3);
        gateway.stop().assert_exit(0);
        let merged = StoredProfiles::open(&home).outcomes("ABC123").iter().any(has_merged);
        assert_eq!(merged, is_known);
    }
}

#[test]
fn a_network_merges_no_more_profiles_than_its_limit_and_loses_nothing() {
    // A fifth of 25 requests are five merges.
    let home = with_network_limit(25);
    let gateway = home.serve();
    gateway.send(&attributes(r#""email":"ann@klaviyo-demo.com""#)).assert_accepted();
    for number in 0..7 {
        gateway.send(&attributes(&device(number))).assert_accepted();
        gateway.send(&attributes(&identified(number))).assert_accepted();
    }
    // Another network merges meanwhile.
    gateway.connect_from(ELSEWHERE).exchange(&attributes(&identified(5))).assert_accepted();
    gateway.stop().assert_exit(0);
    let stored = StoredProfiles::open(&home);
    let ann = stored.by_email("ABC123", "ann@klaviyo-demo.com").unwrap();
    let mut expected = vec!["ann@klaviyo-demo.com".to_owned()];
    expected.extend((0..6).map(|number| format!("device-{number}")));
    assert_eq!(identifiers(&ann), expected);
    let refused = ClaimResult::Refused(Refused::MergeRate);
    let outcomes = stored.outcomes("ABC123");
    let of_spent = |outcome: &&Outcome| outcome.claims.iter().any(|claim| claim.result == refused);
    assert_eq!(outcomes.iter().filter(of_spent).count(), 2);
}

#[test]
fn requests_at_the_same_time_merge_no_more_than_the_limit() {
    let home = with_network_limit(200);
    let gateway = home.serve();
    gateway.send(&attributes(r#""email":"ann@klaviyo-demo.com""#)).assert_accepted();
    let devices: Vec<RawRequest> = (0..60).map(|number| attributes(&device(number))).collect();
    burst(&gateway, &devices).iter().for_each(RawResponse::assert_accepted);
    let merging: Vec<RawRequest> = (0..60).map(|number| attributes(&identified(number))).collect();
    thread::scope(|scope| {
        for part in merging.chunks(6) {
            let gateway = &gateway;
            scope.spawn(move || {
                burst(gateway, part).iter().for_each(RawResponse::assert_accepted);
            });
        }
    });
    gateway.stop().assert_exit(0);
    let outcomes = StoredProfiles::open(&home).outcomes("ABC123");
    let merges = outcomes.iter().filter(|outcome| has_merged(outcome)).count();
    // A fifth of 200, in a minute.
    assert_eq!(merges, 40);
}

#[test]
fn a_company_without_limits_is_never_refused_for_its_rate() {
    let home = Home::configured(&format!(
        "[[company]]\nid = \"ABC123\"\nlimits = \"none\"\napi_limits = \"none\"\n{}",
        key("all", KEY, r#""data-privacy:write""#)
    ));
    let gateway = home.serve();
    let requests = vec![good("ABC123"); 500];
    for answer in burst(&gateway, &requests) {
        answer.assert_accepted();
        assert!(!RATE_LIMIT_HEADERS.iter().any(|name| answer.has(name)), "{answer:?}");
    }
    // The original allows three of these in a second.
    let erasure = RawRequest::new("POST", "/api/data-privacy-deletion-jobs")
        .with("Authorization", &format!("Klaviyo-API-Key {KEY}"))
        .with("revision", "2026-07-15")
        .body("{}");
    let answers = burst(&gateway, &vec![erasure; 20]);
    assert!(answers.iter().all(|answer| answer.status != 429), "{answers:?}");
    let metrics = gateway.ask("/metrics");
    assert!(!metrics.text().contains("gateway_rate_limit_used_ratio{"), "{}", metrics.text());
}

#[test]
fn what_concerns_no_company_is_charged_to_its_network_alone() {
    let home = Home::new();
    let gateway = home.serve();
    let kinds = [
        good("UNKNOWN"),
        good("ABC123").to("/nowhere"),
        RawRequest::new("PUT", "/client/profiles?company_id=ABC123"),
        RawRequest::new("OPTIONS", "/client/profiles?company_id=UNKNOWN"),
        RawRequest::new("GET", "/api/profiles"),
        RawRequest::new("GET", "/api/profiles").with("Authorization", "Klaviyo-API-Key pk_guessed"),
        RawRequest::new("PUT", "/api/profiles"),
    ];
    let answers = one_after_the_other(&gateway, kinds.iter().cycle().take(3_000));
    let refused: Vec<&RawResponse> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(refused.iter().all(|answer| detail(answer) == OF_NETWORK));
    // Some close as they would otherwise, so a flood of them needs a new connection for each.
    assert!(refused.iter().any(|answer| answer.header("Connection") == Some("close")));
    // 50 in a second, and 700 in a minute.
    let others = answers.len() - refused.len();
    assert!((50..=700).contains(&others), "{others}");
    let others = gateway.connect_from(ELSEWHERE).exchange(&good("ABC123").to("/nowhere"));
    assert_eq!(others.status, 404);
    gateway.send(&good("ABC123")).assert_accepted();
}

#[test]
fn preflights_have_windows_of_their_own() {
    let home = with_network_limit(10);
    let gateway = home.serve();
    let preflight = RawRequest::new("OPTIONS", "/client/profiles?company_id=ABC123")
        .with("Origin", "https://shop.example")
        .with("Access-Control-Request-Method", "POST");
    let answers = burst(&gateway, &vec![preflight.clone(); 12]);
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [vec![204; 10], vec![429; 2]].concat());
    assert_eq!(detail(&answers[11]), OF_NETWORK);
    assert_eq!(left(&gateway), 10);
    let others = gateway.connect_from(ELSEWHERE).exchange(&preflight);
    assert_eq!(others.status, 204);
}

#[test]
fn a_private_key_that_is_missing_or_wrong_closes_the_connection() {
    let home = Home::new();
    let gateway = home.serve();
    for authorization in ["", "Klaviyo-API-Key pk_guessed"] {
        let request = RawRequest::new("GET", "/api/profiles").with("Authorization", authorization);
        let mut connection = gateway.connect();
        let answer = connection.exchange(&request);
        assert_eq!((answer.status, answer.header("Connection")), (401, Some("close")));
        assert!(connection.ends());
    }
}

#[test]
fn a_trusted_proxy_reports_the_addresses_of_clients_until_a_reload_trusts_it_no_more() {
    let company = "[[company]]\nid = \"ABC123\"\nnetwork_limits = { burst = 2, steady = 2 }\n";
    let home = Home::configured(&format!("trusted_proxies = [\"127.0.0.1/32\"]\n{company}"));
    let gateway = home.serve();
    let from = |client: &str| good("ABC123").with("X-Forwarded-For", client);
    for client in ["192.0.2.1", "192.0.2.2", "2001:db8::1", "198.51.100.1, 192.0.2.3"] {
        let statuses = [(); 3].map(|()| gateway.send(&from(client)).status);
        assert_eq!(statuses, [202, 202, 429], "{client}");
    }
    let forwarded = good("ABC123").with("Forwarded", "for=\"[2001:db8::2]\";proto=https");
    assert_eq!(gateway.send(&forwarded.clone().of("ABC123")).status, 429, "the same /64");
    // What is left of the client's address is of the client's own making.
    assert_eq!(gateway.send(&from("198.51.100.9, 192.0.2.1")).status, 429);
    // A proxy that is not trusted reports what it likes.
    let mut elsewhere = gateway.connect_from(ELSEWHERE);
    let statuses = ["192.0.2.7", "192.0.2.8", "192.0.2.9"]
        .map(|client| elsewhere.exchange(&from(client)).status);
    assert_eq!(statuses, [202, 202, 429]);

    home.configure(company);
    gateway.signal("HUP");
    gateway.logged("reloaded the configuration");
    let statuses =
        ["192.0.2.10", "192.0.2.11", "192.0.2.12"].map(|client| gateway.send(&from(client)).status);
    assert_eq!(statuses, [202, 202, 429]);
    // Now nothing says that the proxy is one, but what it sends.
    gateway.logged("if the proxy is yours, name it in trusted_proxies");
    assert_eq!(gateway.send(&from("192.0.2.13")).status, 429);
    let finished = gateway.stop();
    assert_eq!(finished.output.matches("name it in trusted_proxies").count(), 1);
}

#[test]
fn refusals_before_the_company_is_found_carry_no_rate_limit_headers() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    for request in [good("UNKNOWN"), good("ABC123").to("/nowhere")] {
        let answer = gateway.send(&request);
        assert!(!RATE_LIMIT_HEADERS.iter().any(|name| answer.has(name)), "{answer:?}");
    }
}

#[test]
fn header_names_are_in_title_case() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let page = |request: RawRequest| request.with("Origin", "https://anywhere.example");
    let mut names = Vec::new();
    for request in [good("ABC123"), good("ONCE01"), good("ONCE01"), RawRequest::profile("{")] {
        let answer = gateway.send(&page(request));
        names.extend(answer.names().map(str::to_owned));
    }
    for name in &names {
        let title = |part: &str| part.starts_with(|first: char| first.is_ascii_uppercase());
        assert!(name.split('-').all(title), "{name}");
    }
    for name in
        RATE_LIMIT_HEADERS.into_iter().chain(["Retry-After", "Content-Type", "Content-Length"])
    {
        assert!(names.iter().any(|other| other == name), "{name} is not in {names:?}");
    }
}
