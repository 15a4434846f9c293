//! Answers tell nothing: neither by what they say, nor by how long they take.

use std::time::Duration;

use serde_json::json;

use super::{Chance, Form, UNLIMITED, Watch, figure, told};
use crate::{
    serving::Home,
    wire::{Connection, Request},
};

/// What there may be to learn from one answer: how much likelier than not one about
/// a stranger takes longer than one about somebody known. Whoever asks plainly gets no
/// second answer, since asking about a stranger makes them known.
const ADVANTAGE: f64 = 0.25;

fn timed(connection: &mut Connection, email: &str) -> (Duration, String) {
    timed_asking(connection, &Request::email(email))
}

fn timed_asking(connection: &mut Connection, request: &Request) -> (Duration, String) {
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
/// from 0, when they cannot be told apart, to 1, when they always can.
fn advantage(one: &[Duration], other: &[Duration]) -> f64 {
    let longer = |time: &Duration| other.iter().filter(|other| *other < time).count();
    let longer: usize = one.iter().map(longer).sum();
    let [longer, pairs] = [longer, one.len() * other.len()].map(|n| u32::try_from(n).unwrap());
    (2.0 * f64::from(longer) / f64::from(pairs) - 1.0).abs()
}

#[test]
fn answers_about_strangers_and_the_known_are_alike_and_take_alike() {
    let count = Form::asked().pick(400, 4_000);
    let mut chance = Chance::seeded("timing");
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
        let stranger = chance.below(2);
        let email = match stranger {
            0 => known[chance.below(count)].clone(),
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
    // Two halves of the same kind are as far apart as chance puts them.
    let half = |rest| known.iter().copied().skip(rest).step_by(2).collect::<Vec<Duration>>();
    let chance = advantage(&half(0), &half(1));
    let counts = [known.len(), strange.len()];
    let [(of_known, spread), (of_strange, _)] = [median(&mut known), median(&mut strange)];
    told(
        "timing",
        format_args!(
            "{counts:?} answers, medians {of_known:?} for the known and {of_strange:?} for \
             strangers, half of them within {spread:?}; advantage {advantage_of_asking:.3}, of \
             chance {chance:.3}"
        ),
    );
    assert!(of_known.abs_diff(of_strange) < spread, "{of_known:?} and {of_strange:?}");
    assert!(advantage_of_asking < ADVANTAGE + chance);
}

/// Names the profile of whoever asks, and somebody else's address: nothing is attached.
fn repeatable(email: &str) -> Request {
    let attributes = json!({ "external_id": "own", "email": email });
    let body = json!({ "data": { "type": "profile", "attributes": attributes } });
    Request::profile(body.to_string())
}

/// How long it takes is not defended, and told in docs/SECURITY.md: it is measured here.
#[test]
fn the_question_that_can_be_asked_again_is_answered_alike() {
    let count = Form::asked().pick(100, 4_000);
    let mut chance = Chance::seeded("timing");
    let home = Home::configured(UNLIMITED);
    let gateway = home.serve();
    let mut connection = gateway.connect();
    drop(timed(&mut connection, "known@example.com"));
    drop(timed_asking(&mut connection, &repeatable("own@example.com")));
    let questions = ["known", "stranger"].map(|name| repeatable(&format!("{name}@example.com")));
    let mut times = [Vec::new(), Vec::new()];
    let mut answers = Vec::new();
    while times.iter().any(|times| times.len() < count) {
        let which = chance.below(2);
        let (took, answer) = timed_asking(&mut connection, &questions[which]);
        times[which].push(took);
        answers.push(answer);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let advantage = advantage(&times[0], &times[1]);
    let [(known, _), (stranger, _)] = times.each_mut().map(|times| median(times));
    figure("asked_again_known_us", known.as_micros());
    figure("asked_again_stranger_us", stranger.as_micros());
    told("timing", format_args!("asked again, not defended: advantage {advantage:.3}"));
}
