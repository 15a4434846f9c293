//! Answers tell nothing: neither by what they say, nor by how long they take.

use std::time::Duration;

use serde_json::json;

use super::{Form, HostileRandom, UNLIMITED, Watch, figure, report};
use crate::{
    serving::Home,
    wire::{Connection, RawRequest},
};

/// The most that one response time may disclose: how much likelier than not a response about a new
/// profile takes longer than one about an existing profile. A plain request gets no second
/// measurement, since it creates the profile.
const ADVANTAGE: f64 = 0.25;

fn timed(connection: &mut Connection, email: &str) -> (Duration, String) {
    timed_asking(connection, &RawRequest::email(email))
}

fn timed_asking(connection: &mut Connection, request: &RawRequest) -> (Duration, String) {
    let watch = Watch::start();
    let answer = connection.exchange(request);
    let took = watch.elapsed();
    answer.assert_accepted();
    (took, answer.timeless())
}

/// The middle of some times, and within how much the middle half of them lies.
fn median(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |quarters: usize| times[times.len() * quarters / 4];
    (at(2), at(3).abs_diff(at(1)))
}

/// How much likelier than not a time of the one is longer than one of the other,
/// from 0, when they are indistinguishable, to 1, when they always differ.
fn advantage(one: &[Duration], other: &[Duration]) -> f64 {
    let longer = |time: &Duration| other.iter().filter(|other| *other < time).count();
    let longer: usize = one.iter().map(longer).sum();
    let [longer, pairs] = [longer, one.len() * other.len()].map(|n| u32::try_from(n).unwrap());
    (2.0 * f64::from(longer) / f64::from(pairs) - 1.0).abs()
}

#[test]
fn answers_do_not_show_whether_a_profile_exists_nor_does_their_timing() {
    let count = Form::asked().pick(400, 4_000);
    let mut random = HostileRandom::seeded("timing");
    let home = Home::configured(UNLIMITED);
    let gateway = home.serve();
    let mut connection = gateway.connect();
    let known: Vec<String> =
        (0..count).map(|number| format!("known{number}@example.com")).collect();
    known.iter().for_each(|email| drop(timed(&mut connection, email)));
    let mut times = [Vec::new(), Vec::new()];
    let mut strangers = 0;
    let mut answers = Vec::new();
    while times.iter().any(|times| times.len() < count) {
        let stranger = random.below(2);
        let email = match stranger {
            0 => known[random.below(count)].clone(),
            _ => format!("other{strangers:04}@example.com"),
        };
        strangers += stranger;
        let (took, answer) = timed(&mut connection, &email);
        times[stranger].push(took);
        answers.push(answer);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let [mut known, mut strange] = times;
    let advantage_of_asking = advantage(&known, &strange);
    // Two halves of the same kind differ only randomly.
    let half = |rest| known.iter().copied().skip(rest).step_by(2).collect::<Vec<Duration>>();
    let random = advantage(&half(0), &half(1));
    let counts = [known.len(), strange.len()];
    let [(of_known, spread), (of_strange, _)] = [median(&mut known), median(&mut strange)];
    report(
        "timing",
        format_args!(
            "{counts:?} answers, medians {of_known:?} for the known and {of_strange:?} for \
             strangers, half of them within {spread:?}; advantage {advantage_of_asking:.3}, of \
             random {random:.3}"
        ),
    );
    assert!(of_known.abs_diff(of_strange) < spread, "{of_known:?} and {of_strange:?}");
    assert!(advantage_of_asking < ADVANTAGE + random);
}

/// Names the caller's profile and the email of another profile: nothing is attached.
fn repeatable(email: &str) -> RawRequest {
    let attributes = json!({ "external_id": "own", "email": email });
    let body = json!({ "data": { "type": "profile", "attributes": attributes } });
    RawRequest::profile(body.to_string())
}

/// Sends properties for a new person until the profile is nearly full: `count` of them.
fn fill(connection: &mut Connection, email: &str, count: usize) {
    let bytes = 240_000 / count;
    let numbers: Vec<usize> = (0..count).collect();
    for some in numbers.chunks((80_000 / bytes).max(1)) {
        let property = |number: &usize| (format!("p{number}"), json!("x".repeat(bytes - 8)));
        let properties: serde_json::Map<String, serde_json::Value> =
            some.iter().map(property).collect();
        let attributes = json!({ "email": email, "properties": properties });
        let body = json!({ "data": { "type": "profile", "attributes": attributes } });
        drop(timed_asking(connection, &RawRequest::profile(body.to_string())));
    }
}

/// Timing is not defended, as docs/SECURITY.md says: this test measures it, for an address that
/// is not stored, and for those of a small profile and of two full ones.
#[test]
fn the_question_that_can_be_asked_again_is_answered_alike() {
    const NAMES: [&str; 4] = ["stranger", "known", "full_of_long_values", "full_of_short_values"];
    let count = Form::asked().pick(100, 4_000);
    let mut random = HostileRandom::seeded("timing");
    let home = Home::configured(UNLIMITED);
    let gateway = home.serve();
    let mut connection = gateway.connect();
    let emails = NAMES.map(|name| format!("{name}@example.com"));
    drop(timed(&mut connection, &emails[1]));
    fill(&mut connection, &emails[2], 10);
    fill(&mut connection, &emails[3], 890);
    drop(timed_asking(&mut connection, &repeatable("own@example.com")));
    let questions = emails.each_ref().map(|email| repeatable(email));
    let mut times = [const { Vec::new() }; NAMES.len()];
    let mut answers = Vec::new();
    while times.iter().any(|times| times.len() < count) {
        let which = random.below(NAMES.len());
        let (took, answer) = timed_asking(&mut connection, &questions[which]);
        times[which].push(took);
        answers.push(answer);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    for (name, of_profile) in NAMES.iter().zip(&times) {
        let advantage = advantage(of_profile, &times[0]);
        let (median, _) = median(&mut of_profile.clone());
        figure(&format!("asked_again_{name}_us"), median.as_micros());
        report(
            "timing",
            format_args!("asked again, not defended: {name} {median:?}, advantage {advantage:.3}"),
        );
    }
}
