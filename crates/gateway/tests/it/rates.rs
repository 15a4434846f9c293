//! Rate limits: each company gets the promised rate, and `Retry-After` is correct.

use std::{thread, time::Duration};

use crate::{
    serving::{Home, Serving},
    wire::{RawRequest, RawResponse},
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

/// Sends requests to a company at once, on one connection: first some that are
/// stored, then some that are refused, for which nothing is written.
fn burst(gateway: &Serving, company: &str, stored: usize, refused: usize) -> Vec<RawResponse> {
    let mut bytes = good(company).bytes().repeat(stored);
    bytes.extend(good(company).with("revision", "soon").bytes().repeat(refused));
    let mut connection = gateway.connect();
    assert!(connection.send(bytes));
    (0..stored + refused).map(|_| connection.receive()).collect()
}

#[test]
fn the_351st_request_of_a_second_is_the_only_one_refused_and_told_when_to_return() {
    let companies = ["RATE01", "RATE02", "RATE03", "RATE04", "RATE05"];
    let entry = |id: &&str| format!("[[company]]\nid = \"{id}\"\n");
    let home = Home::configured(&companies.iter().map(entry).collect::<String>());
    let gateway = home.serve();
    let throttled = |answer: &&RawResponse| answer.status == 429;
    // On a machine so slow that the second is over before the last request, there
    // is nothing to see, and the next company is tried.
    let seen = companies.into_iter().find_map(|company| {
        let answers = burst(&gateway, company, 5, 346);
        answers.iter().any(|answer| throttled(&answer)).then_some((company, answers))
    });
    let (company, answers) = seen.expect("351 requests within a second");
    let (refused, others): (Vec<&RawResponse>, Vec<&RawResponse>) =
        answers.iter().partition(throttled);
    let [refused] = refused[..] else { panic!("{} were refused", refused.len()) };
    assert_eq!(answers.last().unwrap().status, 429);

    assert_eq!(refused.json()["errors"][0]["code"], "throttled");
    assert!(!RATE_LIMIT_HEADERS.iter().any(|name| refused.has(name)), "{refused:?}");
    let seconds = number(refused, "Retry-After");
    assert_eq!(seconds, 1);

    for (number_sent, answer) in (1..).zip(others) {
        assert_eq!(answer.status, if number_sent <= 5 { 202 } else { 400 });
        assert!(!answer.has("Retry-After"));
        assert_eq!(number(answer, "Ratelimit-Limit"), 3_500);
        assert_eq!(number(answer, "Ratelimit-Remaining"), 3_500 - number_sent);
        assert!((1..=60).contains(&number(answer, "Ratelimit-Reset")), "{answer:?}");
    }

    thread::sleep(Duration::from_secs(seconds));
    let answer = gateway.send(&good(company));
    answer.assert_accepted();
    // What was refused was charged to neither window.
    assert_eq!(number(&answer, "Ratelimit-Remaining"), 3_500 - 351);
}

#[test]
fn a_used_up_steady_window_refuses_until_it_ends_whatever_is_left_of_the_burst() {
    let home = Home::configured(
        "[[company]]\nid = \"FEW001\"\nlimits = { burst = 100, steady = 3 }\n\
         [[company]]\nid = \"OTHER1\"\n",
    );
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
fn threads_together_get_no_more_than_the_limit() {
    let home =
        Home::configured("[[company]]\nid = \"FEW001\"\nlimits = { burst = 50, steady = 50 }\n");
    let gateway = home.serve();
    let accepted = || {
        let answers = burst(&gateway, "FEW001", 25, 0);
        answers.iter().filter(|answer| answer.status == 202).count()
    };
    let accepted: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(accepted)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(accepted, 50);
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
