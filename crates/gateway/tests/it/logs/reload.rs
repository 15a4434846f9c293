//! What is logged is changed while the gateway runs, by SIGHUP.

use std::{thread, time::Duration};

use super::{lines, refusals, refused, serve};
use crate::{
    serving::{Home, Serving},
    wire::RawRequest,
};

/// The configuration with these settings and so many companies.
fn configuration(settings: &str, companies: usize) -> String {
    let company = |number| format!("[[company]]\nid = \"SHOP{number}\"\n");
    let others: String = (1..companies).map(company).collect();
    format!("{settings}\n[[company]]\nid = \"ABC123\"\n{others}")
}

/// Reloads another configuration, of which the log names the number of companies.
fn reload(home: &Home, gateway: &Serving, settings: &str, companies: usize) {
    home.configure(&configuration(settings, companies));
    gateway.signal("HUP");
    gateway.logged(&format!("\"companies\":{companies}"));
}

#[test]
fn a_reload_changes_the_level() {
    let home = Home::configured(&configuration("", 1));
    let gateway = home.serve();
    home.configure(&configuration("log = \"error\"", 1));
    gateway.signal("HUP");
    gateway.logged("changing what is logged");
    // The line is written by the filter that ends with it.
    thread::sleep(Duration::from_millis(500));
    gateway.send(&refused().with("X-Request-Id", "while-quiet"));
    reload(&home, &gateway, "log = \"warn,gateway=info\"", 2);
    gateway.send(&refused().with("X-Request-Id", "afterwards"));
    let (logged, left_out) = refusals(&gateway.stop());
    let [line] = &logged[..] else { panic!("{logged:?}") };
    assert_eq!((line["request_id"].as_str(), left_out), (Some("afterwards"), 0));
}

#[test]
fn a_reload_switches_the_access_log_on_and_off() {
    let home = Home::configured(&configuration("", 1));
    let gateway = home.serve();
    let request = RawRequest::email("sarah.mason@klaviyo-demo.com");
    let mut connection = gateway.connect();
    let mut send = |id: &str| connection.exchange(&request.clone().with("X-Request-Id", id));
    send("before").assert_accepted();
    reload(&home, &gateway, "access_log = true", 2);
    send("during").assert_accepted();
    reload(&home, &gateway, "access_log = false", 3);
    send("after").assert_accepted();
    let logged = lines(&gateway.stop(), "answered a request");
    let ids: Vec<_> = logged.iter().map(|line| line["request_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["during"]);
}

#[test]
fn a_reload_changes_how_many_lines_about_refusals_there_are() {
    let home = Home::configured(&configuration("refusal_lines = 0", 1));
    let gateway = home.serve();
    gateway.send(&refused());
    reload(&home, &gateway, "refusal_lines = 5", 2);
    gateway.send(&refused());
    let (logged, left_out) = refusals(&gateway.stop());
    assert_eq!((logged.len(), left_out), (1, 1));
}

#[test]
fn a_flag_takes_precedence_over_the_file_at_a_reload_too() {
    let home = Home::configured(&configuration("", 1));
    let gateway = serve(&home, &["--log", "info", "--access-log", "--refusal-lines", "5"]);
    reload(&home, &gateway, "log = \"off\"\naccess_log = false\nrefusal_lines = 0", 2);
    gateway.send(&refused());
    let finished = gateway.stop();
    assert_eq!(refusals(&finished).0.len(), 1);
    assert_eq!(lines(&finished, "answered a request").len(), 1);
}

#[test]
fn a_file_with_a_wrong_filter_is_refused_whole() {
    let home = Home::configured(&configuration("", 1));
    let gateway = home.serve();
    home.configure(&configuration("log = \"loud\"\naccess_log = true", 1));
    gateway.signal("HUP");
    let line = gateway.logged("the configuration was not reloaded");
    assert!(line.contains("log must be a level"), "{line}");
    gateway.send(&refused());
    let finished = gateway.stop();
    assert_eq!(refusals(&finished).0.len(), 1);
    assert!(lines(&finished, "answered a request").is_empty());
}
