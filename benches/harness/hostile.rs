//! The most expensive requests that rate limits allow.

use std::{fmt::Write as _, io::Write as _, sync::Arc, time::Duration};

use flate2::{Compression, write::GzEncoder};

use crate::{
    attack::{AttackPace, AttackPlan},
    client,
    error::{ErrorContext, HarnessError},
    limits,
    options::AttackName,
    people::{self, VERSION},
};

const EXPLAIN: &str = "/api/profile-explain";
const IMPORT: &str = "/api/profile-bulk-import-jobs";

/// A second, and a little more, so that a burst does not meet the window of the burst before.
const BURST_PERIOD: Duration = Duration::from_millis(1_020);

/// Connections of an attack by bulk imports: more than the gateway lets one company hold.
const IMPORT_CONNECTIONS: usize = 40;

/// The requests of an attack on a store with so many large profiles, and how fast they are sent:
/// at the default limits of `/client/profiles` (350 in 1 s, 3,500 in 60 s), of most of `/api` (75
/// and 750) and of bulk imports (10 and 150).
pub(crate) fn plan(attack: AttackName, large: u64) -> Result<AttackPlan, HarnessError> {
    let (requests, pace, connections) = match attack {
        AttackName::ExplainSteady => (explains(large), AttackPace::even(750), 75),
        AttackName::ExplainBurst => (explains(large), burst(75, 750), 75),
        AttackName::ClientSteady => (clients(large, false), AttackPace::even(3_500), 64),
        AttackName::ClientBurst => (clients(large, false), burst(350, 3_500), 350),
        AttackName::ClientUpdateBurst => (clients(large, true), burst(350, 3_500), 350),
        AttackName::ImportNew => (imports_of_new_people(), burst(10, 150), IMPORT_CONNECTIONS),
        AttackName::ImportLarge => {
            (vec![import_of_large_profiles(large)], burst(10, 150), IMPORT_CONNECTIONS)
        }
        AttackName::Gzip => (vec![compressed_import()?], burst(10, 150), IMPORT_CONNECTIONS),
    };
    Ok(AttackPlan { requests: Arc::new(requests), pace, connections })
}

fn burst(burst: u32, per_minute: u32) -> AttackPace {
    AttackPace { burst, period: BURST_PERIOD, per_minute }
}

/// One of the bodies that together make a large profile.
pub(crate) fn part_of_large_profile(number: u64, part: usize) -> String {
    let value = "x".repeat(limits::LARGE_PROPERTY_BYTES);
    let mut properties = String::new();
    for property in (part..limits::LARGE_PROPERTIES).step_by(limits::LARGE_PARTS) {
        let comma = if properties.is_empty() { "" } else { "," };
        // Writing to a string does not fail.
        let _ = write!(properties, "{comma}\"property_{property:03}\":\"{value}\"");
    }
    let identifiers =
        format!("{},{},{},{}", email(number), phone(number), external(number), device(number));
    format!(
        "{{\"data\":{{\"type\":\"profile\",\"attributes\":{{{identifiers},\
         \"properties\":{{{properties}}}}}}}}}"
    )
}

fn address(number: u64) -> String {
    format!("large.{number:06}@example.com")
}

fn email(number: u64) -> String {
    format!("\"email\":\"{}\"", address(number))
}

fn phone(number: u64) -> String {
    format!("\"phone_number\":\"+1500{number:07}\"")
}

fn external(number: u64) -> String {
    format!("\"external_id\":\"large-{number:06}\"")
}

fn device(number: u64) -> String {
    format!("\"anonymous_id\":\"large-device-{number:06}\"")
}

/// Public requests that each name eight large profiles, by the eight identifiers that a stranger
/// can name. Each profile has another external id, so that none are merged.
fn clients(large: u64, changes: bool) -> Vec<Vec<u8>> {
    let target = format!("/client/profiles/?company_id={}", people::company(people::ATTACKER));
    let body = |number: u64| {
        let named = |offset| (number * 8 + offset) % large;
        let properties = if changes {
            format!(",\"properties\":{{\"property_000\":{}}}", VERSION + number)
        } else {
            String::new()
        };
        format!(
            "{{\"data\":{{\"type\":\"profile\",\"attributes\":{{{},{},{},{}{properties}}},\
             \"meta\":{{\"identifiers\":{{{},{},{},{}}}}}}}}}",
            external(named(4)),
            email(named(5)),
            phone(named(6)),
            device(named(7)),
            external(named(0)),
            email(named(1)),
            phone(named(2)),
            device(named(3)),
        )
    };
    (0..limits::ATTACK_POOL)
        .map(|number| client::post(&target, "", body(number).as_bytes()))
        .collect()
}

/// Explained requests that each name a hundred large profiles.
fn explains(large: u64) -> Vec<Vec<u8>> {
    let body = |number: u64| {
        format!(
            "{{\"data\":{{\"type\":\"profile-explain\",\"attributes\":{{\"scope\":\"server\",\
             \"body\":{{\"data\":{}}}}}}}}}",
            names_a_hundred(number, large)
        )
    };
    (0..limits::ATTACK_POOL)
        .map(|number| client::post(EXPLAIN, &authorization(), body(number).as_bytes()))
        .collect()
}

/// A profile of a request that names a large profile, and the addresses of a hundred others.
fn names_a_hundred(number: u64, large: u64) -> String {
    let first = number * limits::APPENDED_EMAILS;
    let emails: Vec<String> = (1..=limits::APPENDED_EMAILS)
        .map(|offset| format!("\"{}\"", address((first + offset) % large)))
        .collect();
    format!(
        "{{\"type\":\"profile\",\"attributes\":{{{}}},\
         \"meta\":{{\"patch_identifiers\":{{\"append\":{{\"email\":[{}]}}}}}}}}",
        external(first % large),
        emails.join(",")
    )
}

fn imports_of_new_people() -> Vec<Vec<u8>> {
    (0..limits::IMPORT_POOL)
        .map(|number| import("", import_body(people_from(number)).as_bytes()))
        .collect()
}

/// The rows of an import: enough people, and no two imports with the same.
fn people_from(number: u64) -> impl Iterator<Item = String> {
    let first = limits::SEEDED + number * 10_000;
    (first..).map(|person| {
        let body = people::customer(person, VERSION);
        let row = body.strip_prefix("{\"data\":").and_then(|rest| rest.strip_suffix('}'));
        row.unwrap_or_default().to_owned()
    })
}

fn import_of_large_profiles(large: u64) -> Vec<u8> {
    import("", import_body((0..).map(|number| names_a_hundred(number, large))).as_bytes())
}

/// An import that is decompressed and read as a whole before its last byte turns out to be missing.
fn compressed_import() -> Result<Vec<u8>, HarnessError> {
    let doing = "compress a bulk import";
    let body = import_body(people_from(0));
    let cut = body.get(..body.len() - 1).unwrap_or_default();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(cut.as_bytes()).while_doing(doing)?;
    Ok(import("Content-Encoding: gzip\r\n", &encoder.finish().while_doing(doing)?))
}

/// The body of an import with as many of these rows as fit.
fn import_body(rows: impl Iterator<Item = String>) -> String {
    const HEAD: &str = "{\"data\":{\"type\":\"profile-bulk-import-job\",\
                        \"attributes\":{\"profiles\":{\"data\":[";
    const TAIL: &str = "]}}}}";
    let mut body = HEAD.to_owned();
    for row in rows {
        if limits::IMPORT_BYTES < body.len() + row.len() + 1 + TAIL.len() {
            break;
        }
        if body.len() != HEAD.len() {
            body.push(',');
        }
        body.push_str(&row);
    }
    body + TAIL
}

fn import(headers: &str, body: &[u8]) -> Vec<u8> {
    client::post(IMPORT, &(headers.to_owned() + &authorization()), body)
}

fn authorization() -> String {
    format!("Authorization: Klaviyo-API-Key {}\r\n", people::ATTACKER_KEY)
}

#[cfg(test)]
mod tests {
    use profile_protocol::{BulkImport, ProfileExplain, ProfileRequest, Revision};

    use super::*;

    fn body(request: &[u8]) -> &[u8] {
        let head = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        &request[head + 4..]
    }

    #[test]
    fn every_hostile_body_is_accepted_by_the_parsers() {
        for part in 0..limits::LARGE_PARTS {
            let body = part_of_large_profile(7, part);
            assert!(body.len() < 100_000);
            ProfileRequest::parse(body.as_bytes(), Revision::LATEST).unwrap();
        }
        for request in clients(1_000, true) {
            ProfileRequest::parse(body(&request), Revision::LATEST).unwrap();
        }
        for request in explains(1_000) {
            ProfileExplain::parse(body(&request), Revision::LATEST).unwrap();
        }
        for request in
            [import_of_large_profiles(1_000), import("", import_body(people_from(3)).as_bytes())]
        {
            let import = BulkImport::parse(body(&request), Revision::LATEST).unwrap();
            assert!(1_000 < import.profiles().len() && import.profiles().iter().all(Result::is_ok));
        }
    }

    #[test]
    fn a_large_profile_has_220_kb_of_properties() {
        let bytes: usize =
            (0..limits::LARGE_PARTS).map(|part| part_of_large_profile(1, part).len()).sum();
        assert!((215_000..230_000).contains(&bytes), "{bytes}");
    }
}
