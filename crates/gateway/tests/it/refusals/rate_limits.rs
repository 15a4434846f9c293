//! The rows of the table of refusals about rate limits.

use expect_test::expect;

use super::{assert_only_stores_the_next, good, shown};
use crate::serving::Home;

#[test]
fn a_window_used_up() {
    let home = Home::new();
    let gateway = home.serve();
    gateway.send(&good().of("ONCE01")).assert_accepted();
    let shown = without_wait(&shown(&gateway.send(&good().of("ONCE01"))));
    expect![[r#"
        429 application/vnd.api+json
        Retry-After: N
        "status":429,"code":"throttled","title":"Request was throttled.","detail":"Request was throttled. Expected available in N seconds.","source":{"pointer":"/data"},"links":{},"meta":{}}
    "#]].assert_eq(&shown);
    assert_only_stores_the_next(&home, gateway, 1);
}

#[test]
fn a_window_of_a_network_used_up() {
    let home = Home::configured(
        "[[company]]\nid = \"ABC123\"\n[[company]]\nid = \"ONCE01\"\n\
         network_limits = { burst = 1, steady = 1 }\n",
    );
    let gateway = home.serve();
    gateway.send(&good().of("ONCE01")).assert_accepted();
    let shown = without_wait(&shown(&gateway.send(&good().of("ONCE01"))));
    expect![[r#"
        429 application/vnd.api+json
        Retry-After: N
        "status":429,"code":"throttled","title":"Request was throttled.","detail":"Too many requests from this network. Expected available in N seconds.","source":{"pointer":"/data"},"links":{},"meta":{}}
    "#]].assert_eq(&shown);
    assert_only_stores_the_next(&home, gateway, 1);
}

/// A shown 429 without its seconds.
fn without_wait(shown: &str) -> String {
    let window = |second: u32| shown.contains(&format!("Retry-After: {second}\n"));
    let second = (1..=60).find(|second| window(*second)).expect("a wait within the window");
    let seconds = if second == 1 { "1 second" } else { &format!("{second} seconds") };
    let shown = shown.replace(&format!("Retry-After: {second}"), "Retry-After: N");
    shown.replace(&format!("in {seconds}."), "in N seconds.")
}
