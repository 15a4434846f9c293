//! How many bytes the requests of a client make the store write, for each byte that it sends.

use profile_store::SenderDigest;
use profile_store_suite::{
    metered_client::{
        LONG, MeteredClient, WRITTEN_BYTES_PER_BYTE, device, email, external_id, letter, phone,
        repeated,
    },
    random::{SeededRandom, setting},
};

#[test]
fn small_changes_of_a_full_profile_write_little() {
    let mut client = MeteredClient::default();
    client.fill(&email("ann"));
    client.restart();
    for number in 0..300 {
        client.write(
            &email("ann"),
            &format!(r#""n":{number},"t":"{}""#, repeated(letter(number), 120)),
        );
    }
    assert!(client.measured("small changes of a full profile") < 12.0);
}

#[test]
fn values_replaced_in_turn_by_two_networks_write_little() {
    let mut client = MeteredClient::default();
    client.fill(&email("ann"));
    client.restart();
    for number in 0..700 {
        client.sender.network = Some(SenderDigest::from_bits(number % 2));
        client.write(&email("ann"), &format!(r#""n":{number}"#));
    }
    assert!(client.measured("values replaced in turn by two networks") < WRITTEN_BYTES_PER_BYTE);
}

#[test]
fn full_profiles_that_are_filled_again_by_another_network_write_little() {
    let mut client = MeteredClient::default();
    for network in 0..6 {
        client.sender.network = Some(SenderDigest::from_bits(network));
        for number in 0..10 {
            let value = repeated(letter(number + usize::try_from(network).unwrap()), LONG);
            client.write(&email("ann"), &format!(r#""p{number}":"{value}""#));
        }
    }
    assert!(client.measured("a full profile that is filled again") < WRITTEN_BYTES_PER_BYTE);
}

#[test]
fn the_smallest_changes_of_a_full_profile_write_little() {
    let mut client = MeteredClient::default();
    client.fill(&email("ann"));
    client.restart();
    for number in 0..300 {
        client.write(&device("a"), &format!(r#""n":{number}"#));
        client.write(&email("ann"), &format!(r#""n":{number}"#));
    }
    assert!(client.measured("the smallest changes of full profiles") < WRITTEN_BYTES_PER_BYTE);
}

#[test]
fn small_changes_of_many_full_profiles_write_little() {
    let mut client = MeteredClient::default();
    (0..2).for_each(|person| client.fill(&email(person)));
    client.restart();
    for number in 0..600 {
        client.write(&email(number % 2), &format!(r#""n":{number}"#));
    }
    assert!(client.measured("small changes of many full profiles") < WRITTEN_BYTES_PER_BYTE);
}

#[test]
fn requests_with_push_tokens_write_little() {
    let long = repeated('m', 160);
    let names = ["device_id", "sdk_version", "device_model", "os_version", "manufacturer"];
    let names = names.into_iter().chain(["app_name", "app_version", "app_build", "app_id"]);
    let texts: Vec<String> = names.map(|name| format!(r#""{name}":"{long}""#)).collect();
    let metadata = format!(r#","device_metadata":{{{}}}"#, texts.join(","));
    let status = |number| {
        let status = if number % 2 == 0 { "DENIED" } else { "AUTHORIZED" };
        format!(r#","enablement_status":"{status}""#)
    };
    let mut client = MeteredClient::default();
    client.push("t", &device("a"), &metadata);
    client.restart();
    (0..300).for_each(|number| drop(client.push("t", &device("a"), &status(number))));
    assert!(client.measured("changes of one push token") < WRITTEN_BYTES_PER_BYTE);

    let mut client = MeteredClient::default();
    (0..2).for_each(|person| client.fill(&email(person)));
    client.restart();
    (0..300).for_each(|number| drop(client.push("t", &email(number % 2), "")));
    assert!(client.measured("a push token between two full profiles") < WRITTEN_BYTES_PER_BYTE);

    let mut client = MeteredClient::default();
    (0..300).for_each(|number| drop(client.push(&format!("t{number}"), &email("ann"), "")));
    assert!(client.measured("push tokens that push out others") < WRITTEN_BYTES_PER_BYTE);

    let mut client = MeteredClient::default();
    client.push("t", &device("a"), &metadata);
    client.restart();
    (0..300).for_each(|_| drop(client.push("t", &device("a"), "")));
    assert!(client.measured("a push token that is repeated") < 3.0);
}

#[test]
fn changes_of_profiles_of_every_size_write_little() {
    for count in [1, 8, 12, 20, 60, 400] {
        let mut client = MeteredClient::default();
        for number in 0..count {
            client.write(
                &email("ann"),
                &format!(r#""p{number}":"{}""#, repeated(letter(number), 80)),
            );
        }
        for number in 0..300 {
            client.write(&email("ann"), &format!(r#""p{}":{number}"#, number % count));
        }
        assert!(client.measured(&format!("{count} properties")) < WRITTEN_BYTES_PER_BYTE);
    }
}

#[test]
fn additions_to_a_long_list_and_removals_from_it_write_little() {
    let mut client = MeteredClient::default();
    let numbers: Vec<String> = (0..15_000).map(|number| number.to_string()).collect();
    client.write(&email("ann"), &format!(r#""list":[{}]"#, numbers.join(",")));
    client.restart();
    for number in 0..100 {
        let (first, last) = (number, 15_000 + number);
        client.send(&format!(
            r#""attributes":{{{}}},"meta":{{"patch_properties":{{"append":{{"list":{last}}},
            "unappend":{{"list":[{first},{}]}}}}}}"#,
            email("ann"),
            14_999 - number,
        ));
    }
    assert!(
        client.measured("additions to a long list and removals from it") < WRITTEN_BYTES_PER_BYTE
    );
}

#[test]
fn long_device_ids_of_a_full_profile_write_little() {
    let mut client = MeteredClient::default();
    client.fill(&email("ann"));
    client.restart();
    for number in 0..300 {
        let long = format!("{number:04}{}", repeated('d', 240));
        client.name(&format!("{},{}", email("ann"), device(long)));
    }
    assert!(client.measured("long device ids") < WRITTEN_BYTES_PER_BYTE);
}

/// Small profiles that a client merges into full ones, with `extra` members in each.
fn merges(client: &mut MeteredClient, extra: &str) {
    for number in 0..200 {
        let person = number / 100;
        if number % 100 == 0 {
            client.fill(&email(person));
            client.restart();
        }
        client.write(&device(number), extra);
        client.name(&format!("{},{}", email(person), device(number)));
    }
}

#[test]
fn merges_of_small_profiles_into_a_full_one_write_little() {
    let mut client = MeteredClient::default();
    merges(&mut client, r#""q":1"#);
    assert!(client.measured("merges of small profiles into a full one") < WRITTEN_BYTES_PER_BYTE);
}

#[test]
fn merges_of_profiles_with_the_names_of_large_properties_write_little() {
    let mut client = MeteredClient::default();
    merges(&mut client, r#""p1":1,"p2":1,"p3":1,"p4":1,"p5":1"#);
    assert!(
        client.measured("merges of profiles with the names of large properties")
            < WRITTEN_BYTES_PER_BYTE
    );
}

#[test]
fn merges_into_a_profile_with_a_long_location_write_little() {
    let mut client = MeteredClient::default();
    for number in 0..100 {
        if number == 0 {
            for field in ["address1", "address2", "city", "country", "region", "zip"] {
                let long = repeated('x', 2_000);
                client.send(&format!(
                    r#""attributes":{{{},"location":{{"{field}":"{long}"}}}}"#,
                    email("ann")
                ));
            }
            client.restart();
        }
        client
            .send(&format!(r#""attributes":{{{},"location":{{"city":"Bonn"}}}}"#, device(number)));
        client.name(&format!("{},{}", email("ann"), device(number)));
    }
    assert!(client.measured("merges into a profile with a long location") < WRITTEN_BYTES_PER_BYTE);
}

#[test]
fn merges_of_small_profiles_into_one_with_full_lists_are_bounded() {
    let mut client = MeteredClient::default();
    client.fill(&email("ann"));
    let long = |number: usize| format!("{number:04}{}", repeated('d', 240));
    (0..32).for_each(|number| {
        client.name(&format!("{},{}", email("ann"), device(long(number))));
    });
    client.restart();
    for number in 100..200 {
        client.write(&device(number), r#""q":1"#);
        client.name(&format!("{},{}", email("ann"), device(number)));
    }
    assert!(
        client.measured("merges of small profiles into one with full lists")
            < WRITTEN_BYTES_PER_BYTE
    );
}

#[test]
fn full_profiles_that_are_absorbed_again_and_again_write_little() {
    let mut client = MeteredClient::default();
    for person in 0..2 {
        client.fill(&device(person));
        client.name(&phone(person));
        client.name(&format!("{},{}", phone(person), device(person)));
        client.name(&email(person));
        client.name(&format!("{},{}", email(person), phone(person)));
        client.name(&format!(r#""external_id":"customer {person}""#));
        client.name(&format!(r#""external_id":"customer {person}",{}"#, email(person)));
    }
    assert!(client.measured("full profiles absorbed three times") < WRITTEN_BYTES_PER_BYTE);
}

#[test]
fn a_full_profile_that_is_absorbed_three_times_and_cleared_writes_little() {
    let mut client = MeteredClient::default();
    client.fill_by(&device(0), 4_800);
    for (higher, lower) in [(phone(0), device(0)), (email(0), phone(0)), (external_id(0), email(0))]
    {
        client.name(&higher);
        client.name(&format!("{higher},{lower}"));
    }
    client.send(&format!(r#""attributes":{{{},"properties":null}}"#, external_id(0)));
    let ratio = client.measured("a full profile absorbed three times and cleared");
    assert!(ratio < WRITTEN_BYTES_PER_BYTE);
}

/// `AMPLIFICATION_SEED` repeats a run; `AMPLIFICATION_SEQUENCES` makes it longer.
#[test]
fn no_sequence_of_requests_writes_much_more_than_it_sends() {
    const STEPS: usize = 20;
    let seed = setting("AMPLIFICATION_SEED", u64::from(std::process::id()));
    let sequences = setting("AMPLIFICATION_SEQUENCES", 4);
    println!("AMPLIFICATION_SEED={seed} AMPLIFICATION_SEQUENCES={sequences}");
    let mut random = SeededRandom::new(seed);
    let mut worst: f64 = 0.0;
    for _ in 0..sequences {
        let seed = random.number();
        let (mut client, mut choices) = (MeteredClient::default(), SeededRandom::new(seed));
        for step in 0..STEPS {
            client.step(&mut choices);
            assert!(client.ratio() < WRITTEN_BYTES_PER_BYTE, "step {step} of {seed}");
            worst = worst.max(client.ratio());
        }
        client.assert_sound();
    }
    println!("worst of {sequences} random sequences: {worst:.1} bytes for each byte");
}
