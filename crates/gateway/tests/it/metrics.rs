//! The metrics as a Prometheus reads them, and as it judges them.

use crate::{
    promtool,
    serving::{Home, Serving},
    wire::{self, RawRequest},
};

/// What the admin listener answers to a request for metrics with this `Accept` header.
fn metrics(gateway: &Serving, accept: &str) -> (String, String) {
    let request = RawRequest::new("GET", "/metrics").with("Accept", accept);
    let answer = wire::exchange(gateway.admin, &request);
    assert_eq!(answer.status, 200);
    (answer.header("content-type").unwrap().to_owned(), answer.text().to_owned())
}

fn of_company(company: &str, endpoint: &str, code: &str) -> String {
    format!(
        "gateway_company_requests_total{{company=\"{company}\",endpoint=\"{endpoint}\",\
         code=\"{code}\"}}"
    )
}

#[test]
fn requests_are_counted_by_company_endpoint_and_code() {
    let home = Home::new();
    let gateway = home.serve();
    let good = RawRequest::email("sarah.mason@klaviyo-demo.com");
    gateway.send(&good).assert_accepted();
    gateway.send(&good).assert_accepted();
    gateway.send(&good.clone().of("ONCE01")).assert_accepted();
    assert_eq!(gateway.send(&good.clone().of("ONCE01")).status, 429);
    assert_eq!(gateway.send(&good.clone().without("revision")).status, 400);
    assert_eq!(gateway.send(&good.clone().of("ABSENT")).status, 400);
    assert_eq!(gateway.send(&RawRequest::new("GET", "/openapi.json")).status, 200);
    assert_eq!(gateway.send(&RawRequest::new("GET", "/api/profiles/1")).status, 401);
    assert_eq!(gateway.send(&RawRequest::new("GET", "/sarah.mason")).status, 404);
    for (company, endpoint, code, expected) in [
        ("ABC123", "POST /client/profiles", "accepted", 2),
        ("ABC123", "POST /client/profiles", "invalid", 1),
        ("ONCE01", "POST /client/profiles", "accepted", 1),
        ("ONCE01", "POST /client/profiles", "throttled", 1),
        ("", "GET /openapi.json", "accepted", 1),
        ("", "GET /api/profiles/{id}", "not_authenticated", 1),
        ("", "", "not_found", 1),
    ] {
        let series = of_company(company, endpoint, code);
        assert_eq!(gateway.meter(&series), expected, "{series}");
    }
    let seconds = r#"gateway_request_seconds_count{endpoint="POST /client/profiles"}"#;
    assert_eq!(gateway.meter(seconds), 6);
    let rendered = gateway.ask("/metrics");
    for word in ["ABSENT", "SHOP01", "sarah"] {
        assert!(!rendered.text().contains(word), "{word} is in {}", rendered.text());
    }
}

#[test]
fn the_used_part_of_the_windows_of_a_company_is_shown() {
    let home = Home::configured(
        r#"
        [[company]]
        id = "ABC123"
        limits = { burst = 100, steady = 8 }
        network_limits = { burst = 100, steady = 100 }
        "#,
    );
    let gateway = home.serve();
    let used = r#"gateway_rate_limit_used_ratio{company="ABC123",endpoint="POST /client/profiles",window="steady"}"#;
    assert!(!gateway.ask("/metrics").text().contains(used));
    for _ in 0..2 {
        gateway.send(&RawRequest::email("sarah@example.com")).assert_accepted();
    }
    let rendered = gateway.ask("/metrics");
    assert!(rendered.text().contains(&format!("{used} 0.25\n")), "{}", rendered.text());
}

#[test]
fn a_company_that_is_no_longer_configured_has_no_series() {
    let home = Home::new();
    let gateway = home.serve();
    gateway.send(&RawRequest::email("sarah@example.com")).assert_accepted();
    assert!(gateway.ask("/metrics").text().contains("ABC123"));
    home.configure("[[company]]\nid = \"SHOP01\"\n");
    gateway.signal("HUP");
    gateway.logged("reloaded the configuration");
    let rendered = gateway.ask("/metrics");
    assert!(!rendered.text().contains("ABC123"), "{}", rendered.text());
}

#[test]
fn a_reload_that_is_refused_is_shown_until_one_is_applied() {
    let home = Home::new();
    let gateway = home.serve();
    assert_eq!(gateway.meter("gateway_config_last_reload_successful"), 1);
    home.configure("nonsense");
    gateway.signal("HUP");
    gateway.logged("the configuration was not reloaded");
    assert_eq!(gateway.meter("gateway_config_last_reload_successful"), 0);
    home.configure("[[company]]\nid = \"SHOP01\"\n");
    gateway.signal("HUP");
    gateway.logged("reloaded the configuration");
    assert_eq!(gateway.meter("gateway_config_last_reload_successful"), 1);
}

#[test]
fn the_process_is_shown_as_the_system_sees_it() {
    let home = Home::new();
    let gateway = home.serve();
    let rendered = gateway.ask("/metrics");
    let value = |name: &str| {
        let line = rendered.text().lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name}")).trim().parse::<f64>().unwrap()
    };
    assert!(value("process_cpu_seconds_total ") < 60.0);
    assert!((1e6..4e9).contains(&value("process_resident_memory_bytes ")));
    assert!((10.0..1_000.0).contains(&value("process_open_fds ")));
    assert!(value("process_open_fds ") <= value("process_max_fds "));
    assert!((4.0..1_000.0).contains(&value("process_threads ")));
    let applied = value("gateway_config_last_reload_success_timestamp_seconds ");
    let started = value("process_start_time_seconds ");
    // The clock of the system has a resolution of some milliseconds.
    assert!((started - 2.0..started + 600.0).contains(&applied), "{started} {applied}");
}

#[test]
fn the_store_shows_its_lanes_its_checkpoints_and_its_cache() {
    let home = Home::new();
    let gateway = home.serve();
    for number in 0..3 {
        let email = format!("sarah{number}@example.com");
        gateway.send(&RawRequest::email(&email)).assert_accepted();
    }
    for (series, expected) in [
        (r#"gateway_batch_requests_bucket{le="1.0"}"#, 3),
        (r#"gateway_batch_requests_bucket{le="+Inf"}"#, 3),
        ("gateway_batch_requests_count", 3),
        (r#"gateway_lane_depth{lane="0"}"#, 0),
        ("gateway_journal_unsynced_commits", 0),
        ("gateway_cache_limit_bytes", 256 << 20),
        (r#"gateway_body_bytes{budget="client_small"}"#, 0),
        (r#"gateway_body_limit_bytes{budget="client_small"}"#, 4 << 20),
        ("gateway_connections_limit", 16_384),
    ] {
        assert_eq!(gateway.meter(series), expected, "{series}");
    }
    assert!(0 < gateway.meter("gateway_checkpoint_pending_bytes"));
    assert!(0 < gateway.meter("gateway_checkpoints_total"));
    assert!(0 < gateway.meter("gateway_client_networks"));
    let finished = gateway.stop();
    finished.assert_exit(0);
    // What was written is read from the table after a start, and the cache is used.
    let gateway = home.serve();
    gateway.send(&RawRequest::email("sarah1@example.com")).assert_accepted();
    assert!(0 < gateway.meter(r#"gateway_cache_reads_total{result="hit"}"#));
    assert!(0 < gateway.meter("gateway_cache_bytes"));
}

#[test]
fn metrics_are_text_unless_openmetrics_is_asked_for() {
    let home = Home::new();
    let gateway = home.serve();
    for accept in ["text/plain", "*/*", "application/json"] {
        let (media_type, rendered) = metrics(&gateway, accept);
        assert_eq!(media_type, "text/plain; version=0.0.4; charset=utf-8", "{accept}");
        assert!(rendered.contains("# TYPE gateway_requests_total counter\n"), "{rendered}");
        assert!(rendered.contains("# TYPE gateway_build_info gauge\n"), "{rendered}");
        assert!(!rendered.contains("# EOF"), "{rendered}");
    }
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let (media_type, rendered) = metrics(&gateway, accept);
    assert_eq!(media_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(rendered.contains("# TYPE gateway_requests counter\n"), "{rendered}");
    assert!(rendered.ends_with("# EOF\n"), "{rendered}");
}

#[test]
fn promtool_finds_no_fault_in_the_metrics() {
    let home = Home::new();
    let gateway = home.serve();
    gateway.send(&RawRequest::email("sarah@example.com")).assert_accepted();
    let (_, rendered) = metrics(&gateway, "text/plain");
    let faults = promtool::faults("the metrics", &["check", "metrics"], &rendered);
    assert_eq!(faults, None);
}
