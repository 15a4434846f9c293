//! Compaction: what operators do when what was deleted is to be gone from the disk,
//! too.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::{
    serving::{Finished, Home, finish},
    stored::{StoredProfiles, lies_in, stored},
    wire::RawRequest,
};

fn compact(home: &Home) -> Finished {
    let into = home.directory().join("compacted");
    let mut command = home.command(&["compact"]);
    finish(command.arg("--data-dir").arg(home.data_dir()).arg("--into").arg(into))
}

/// The number after this name in the output.
fn told(finished: &Finished, name: &str) -> u64 {
    let (_, rest) = finished.output.split_once(name).unwrap();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

const PEOPLE: usize = 20;
const ROUNDS: usize = 40;

fn email(number: usize) -> String {
    format!("person.{number}@klaviyo-demo.com")
}

fn title(round: usize) -> String {
    format!("Keeper of round {round}.")
}

/// A store in which every profile was updated many times.
fn busy() -> Home {
    let home = Home::configured(
        "[[company]]\nid = \"ABC123\"\nlimits = { burst = 1000000, steady = 1000000 }\n\
         [company.identity]\nreplaced_days = 0\n",
    );
    let gateway = home.serve();
    let mut connection = gateway.connect();
    for round in 0..ROUNDS {
        for number in 0..PEOPLE {
            let body = format!(
                r#"{{"data":{{"type":"profile","attributes":{{"email":"{}","title":"{}"}}}}}}"#,
                email(number),
                title(round)
            );
            connection.exchange(&RawRequest::profile(body)).assert_accepted();
        }
    }
    gateway.stop().assert_exit(0);
    home
}

#[test]
fn a_compacted_store_serves_the_same_people_and_is_not_larger() {
    let home = busy();
    let compacted = compact(&home);
    compacted.assert_exit(0);
    let (before, after) = (told(&compacted, "bytes before: "), told(&compacted, "bytes after: "));
    assert!(after <= before, "{}", compacted.output);
    let copy = home.directory().join("compacted");
    assert!(lies_in(&copy, &title(ROUNDS - 1)));
    assert!(!(0..ROUNDS - 1).any(|round| lies_in(&copy, &title(round))), "the past was copied");
    let original = StoredProfiles::open(&home);
    let people = |stored: &StoredProfiles| -> Vec<_> {
        (0..PEOPLE).map(|number| stored.by_email("ABC123", &email(number)).unwrap()).collect()
    };
    let (expected, outcomes) = (people(&original), original.outcomes("ABC123"));
    assert_eq!(outcomes.len(), ROUNDS * PEOPLE);
    drop(original);
    // The swap that docs/OPERATIONS.md describes.
    fs::rename(home.data_dir(), home.directory().join("old")).unwrap();
    fs::rename(copy, home.data_dir()).unwrap();
    let verified = home.verify();
    verified.assert_exit(0);
    verified.assert_output("every invariant holds");
    let gateway = home.serve();
    gateway.send(&RawRequest::email("newcomer@klaviyo-demo.com")).assert_accepted();
    let stored = stored(&home, gateway, PEOPLE + 1);
    assert_eq!(people(&stored), expected);
    assert_eq!(stored.outcomes("ABC123")[..outcomes.len()], outcomes);
}

#[test]
fn a_compaction_goes_into_a_directory_of_its_own_or_nowhere() {
    let home = Home::new();
    let missing = compact(&home);
    missing.assert_exit(1);
    missing.assert_output(&format!("there is no store in {}", home.data_dir().display()));
    let into = home.directory().join("compacted");
    assert!(!into.exists() && !home.data_dir().exists(), "a refusal leaves nothing behind");
    let gateway = home.serve();
    gateway.send(&RawRequest::email(&email(1))).assert_accepted();
    let busy = compact(&home);
    busy.assert_exit(1);
    busy.assert_output("another process is using this data directory");
    gateway.stop().assert_exit(0);
    fs::create_dir(&into).unwrap();
    fs::write(into.join("letter"), "Dear Ann").unwrap();
    let taken = compact(&home);
    taken.assert_exit(1);
    taken.assert_output(&format!("{} is not empty", into.display()));
    assert_eq!(fs::read_dir(&into).unwrap().count(), 1);
    fs::remove_dir_all(&into).unwrap();
    let compacted = compact(&home);
    compacted.assert_exit(0);
    // The format and the sender key, and the profile, its address, its update, its outcome and the
    // number of that.
    assert_eq!(told(&compacted, "entries: "), 7);
    assert_eq!(into.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    home.verify().assert_exit(0);
    compact(&home).assert_exit(1);
}
