//! Erasure: a person is found by everything that led to them, the job can be read afterwards, and
//! nothing of what found them is left.

use profile_protocol::{IdentifierKind, ProfileId, Revision};
use profile_store::{
    Delete, DeletionJob, FoundBy, ImportBody, ImportHead, ImportJob, ImportRow, Listing,
    ProfileRef, SortKey, Span, Timestamp,
    engine::{Order, Write},
    limits,
};

use crate::{
    engines::Engines,
    harness::{StoreHarness, contents, wait},
};

/// Whether these bytes occur in any key or value.
fn occurs(harness: &StoreHarness, text: &str) -> bool {
    let text = text.as_bytes();
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    contents(harness.engine.as_ref()).iter().any(|(key, value)| holds(key) || holds(value))
}

/// Sends requests, and checks that the word finds the first profile for an erasure only, and that
/// nothing of these texts is left then.
fn erases(engines: &Engines, requests: &[&str], word: &str, found: FoundBy, texts: &[&str]) {
    let mut harness = StoreHarness::new(engines);
    for words in requests {
        let told = harness.try_send(words);
        assert!(!told.starts_with("duplicate"), "{words}: {told}");
    }
    harness.assert_sound();
    let is_held = found == FoundBy::Current;
    assert_eq!(harness.leads_to(word).is_some(), is_held, "{word}");
    assert!(texts.iter().all(|text| occurs(&harness, text)), "{word}");
    let deleted = harness.delete(word);
    assert_eq!(deleted.job.found, Some(found), "{word}");
    assert_eq!(deleted.outcome.survivor, Some(harness.created[0]), "{word}");
    for text in texts {
        assert!(!occurs(&harness, text), "{word}: {text} is left");
    }
    harness.assert_sound();
    assert_eq!(harness.delete(word).job.found, None, "{word}");
}

pub fn a_person_is_erased_by_everything_that_leads_or_has_led_to_them(engines: &Engines) {
    let ann = "ann@example.com";
    let bob = "bob@example.com";
    let (current, former) = (FoundBy::Current, FoundBy::Former);
    erases(engines, &["server x:1 e:ann +e:bob"], "e:bob", current, &[ann, bob]);
    // Replaced, cleared, and taken from the list.
    erases(engines, &["server x:1 e:ann", "update:0 e:bob"], "e:ann", former, &[ann, bob]);
    erases(engines, &["server x:1 e:ann", "update:0 e:-"], "e:ann", former, &[ann]);
    erases(engines, &["server x:1 e:ann +e:bob", "server x:1 -e:bob"], "e:bob", former, &[bob]);
    erases(engines, &["server x:7 e:ann", "update:0 x:8"], "x:7", former, &[ann]);
    erases(engines, &["server x:1 p:5", "update:0 p:6"], "p:5", former, &["+15005550005"]);
    // Lost before and after a merge.
    let merged = ["server x:1 p:6", "server e:ann", "update:1 e:bob", "import x:1 e:bob"];
    erases(engines, &merged, "e:ann", former, &[ann, bob]);
    let merged = ["server x:1", "server e:ann", "import x:1 e:ann", "update:0 e:bob"];
    erases(engines, &merged, "e:ann", former, &[ann, bob]);
}

pub fn a_person_is_erased_by_what_a_manual_merge_dropped(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("server x:1 p:5");
    harness.send("server x:2 p:6");
    harness.merge(0, 1).unwrap();
    harness.assert_sound();
    assert_eq!(harness.leads_to("p:6"), None);
    let deleted = harness.delete("p:6");
    assert_eq!((deleted.job.found, deleted.job.profiles), (Some(FoundBy::Former), 2));
    assert!(!occurs(&harness, "+1500555000"));
    harness.assert_sound();
}

pub fn an_identifier_that_has_gone_to_another_person_finds_that_one(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    // A client names the address of another person, and the company gives it to that one.
    harness.send("server x:other");
    harness.send("x:other e:ann");
    harness.send("import x:owner e:ann");
    assert_eq!(harness.leads_to("e:ann"), Some(1));
    // An address that one person gave up, and another one has now.
    harness.send("server x:3 e:bob");
    harness.send("update:2 e:-");
    harness.send("server x:4 e:bob");
    harness.assert_sound();
    for (word, number) in [("e:ann", 1), ("e:bob", 3)] {
        let deleted = harness.delete(word);
        assert_eq!(deleted.outcome.survivor, Some(harness.created[number]));
        assert_eq!(deleted.job.found, Some(FoundBy::Current));
        assert_eq!(harness.delete(word).job.found, None);
    }
    assert!(harness.exists(0) && harness.exists(2));
    assert!(!occurs(&harness, "ann@example.com") && !occurs(&harness, "bob@example.com"));
}

pub fn a_lost_identifier_leads_no_request_to_a_profile(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("server x:1 e:ann name=Ann");
    harness.send("update:0 e:bob");
    assert_eq!(harness.leads_to("e:ann"), None);
    assert_eq!(harness.send("e:ann"), "created 1: attached");
    assert_eq!(harness.about(0), "x:1 e:bob name=Ann");
    harness.assert_sound();
    // Who has lost it twice has it once more.
    harness.send("update:0 e:cat");
    assert_eq!(harness.send("update:0 e:bob"), "updated 0: matched, replaced");
    harness.assert_sound();
    // In the order of addresses, each once: the lost ones are passed over.
    harness.send("e:adam");
    let listing = Listing {
        company: harness.company.clone(),
        sort: SortKey::Email,
        order: Order::Ascending,
        created: Span::default(),
        updated: Span::default(),
        from: None,
        limit: 10,
    };
    let page = wait(harness.store.list(&listing)).unwrap();
    let listed: Vec<ProfileId> = page.profiles.iter().map(|profile| profile.id).collect();
    assert_eq!(listed, [2, 1, 0].map(|number| harness.created[number]));
}

pub fn an_undone_merge_returns_what_was_lost_since_and_each_person_is_erased_alone(
    engines: &Engines,
) {
    let mut harness = StoreHarness::new(engines);
    for words in ["server x:1", "server e:ann", "import x:1 e:ann", "update:0 e:bob"] {
        harness.send(words);
    }
    harness.undo(1).unwrap();
    harness.assert_sound();
    assert_eq!(harness.about(1), "e:ann");
    harness.delete("e:ann");
    assert!(harness.exists(0) && !occurs(&harness, "ann@example.com"));
    harness.delete("x:1");
    assert!(!occurs(&harness, "bob@example.com"));
    harness.assert_sound();
}

pub fn what_was_replaced_while_a_profile_was_merged_is_erased_with_it(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("p:5 a:tab");
    harness.send("e:bob");
    harness.merge(1, 0).unwrap();
    harness.send("server update:0 p:6");
    harness.undo(0).unwrap();
    assert_eq!([0, 1].map(|number| harness.about(number)), ["p:6 a:tab", "e:bob"]);
    harness.assert_sound();
    assert_eq!(harness.delete("p:5").job.found, Some(FoundBy::Former));
    assert!(harness.exists(1) && !harness.exists(0));
    assert!(!occurs(&harness, "+1500555000"));
    harness.assert_sound();
}

pub fn a_profile_remembers_only_so_many_lost_identifiers(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    let most = usize::try_from(limits::FORMER_IDENTIFIERS).unwrap();
    harness.send("server x:1 e:n0");
    for number in 1..=most + 5 {
        harness.send(&format!("update:0 e:n{number}"));
    }
    harness.assert_sound();
    let lost = b"DEMO01\0f";
    let kept = contents(harness.engine.as_ref());
    assert_eq!(kept.iter().filter(|(key, _)| key.starts_with(lost)).count(), most);
    assert_eq!(harness.delete("e:n1").job.found, Some(FoundBy::Former));
    assert_eq!(
        contents(harness.engine.as_ref()).iter().filter(|(key, _)| key.starts_with(lost)).count(),
        0
    );
    assert!((0..=most + 5).all(|number| !occurs(&harness, &format!("n{number}@example.com"))));
}

pub fn a_device_that_leaves_a_full_list_is_not_remembered(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("e:ann");
    for number in 0..=limits::ANONYMOUS_IDS {
        harness.send(&format!("e:ann a:device-{number}"));
    }
    assert_eq!(harness.delete("a:device-0").job.found, None);
    assert!(!occurs(&harness, "device-0\0"));
    harness.assert_sound();
}

fn jobs(harness: &StoreHarness, order: Order) -> Vec<DeletionJob> {
    wait(harness.store.deletion_jobs(&harness.company, None, order, 100)).unwrap()
}

pub fn a_deletion_job_is_read_as_it_was_answered(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["x:1 e:ann", "p:5", "x:1 p:5"] {
        harness.send(words);
    }
    let erased = harness.delete("e:ann");
    let none = harness.delete("e:ann");
    assert_eq!(
        (erased.job.kind, erased.job.found),
        (IdentifierKind::Email, Some(FoundBy::Current))
    );
    assert_eq!((erased.job.number, erased.job.profiles), (1, 2));
    assert_eq!((none.job.number, none.job.found, none.job.profiles), (2, None, 0));
    for deleted in [&erased, &none] {
        let read = harness.store.deletion_job(&harness.company, deleted.job.id);
        assert_eq!(wait(read).unwrap(), Some(deleted.job));
        assert_eq!(deleted.job.outcome, deleted.outcome.sequence);
        assert_eq!(deleted.job.created, deleted.outcome.at);
        let stranger = "DEMO012".parse().unwrap();
        assert_eq!(wait(harness.store.deletion_job(&stranger, deleted.job.id)).unwrap(), None);
        assert!(
            wait(harness.store.deletion_jobs(&stranger, None, Order::Ascending, 9))
                .unwrap()
                .is_empty()
        );
    }
    assert_eq!(jobs(&harness, Order::Ascending), [erased.job, none.job]);
    assert_eq!(jobs(&harness, Order::Descending), [none.job, erased.job]);
    harness.assert_sound();
}

pub fn the_oldest_deletion_job_is_removed_when_there_are_too_many(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    let first = harness.delete("e:ann").job;
    let second = harness.delete("e:ann").job;
    // As if so many had followed that one more is too many.
    let key = [b"DEMO01\0e".as_slice(), &second.id.bits().to_be_bytes()].concat();
    let kept = contents(harness.engine.as_ref());
    let (_, record) = kept.into_iter().find(|(found, _)| *found == key).unwrap();
    let number = limits::DELETION_JOBS;
    let low = u8::try_from(number & 0x7f).unwrap() | 0x80;
    let high = u8::try_from(number >> 7).unwrap();
    assert_eq!(record[1], 2);
    let value = [&[1, low, high], &record[2..]].concat();
    wait(harness.engine.apply(vec![Write { key, value: Some(value) }])).unwrap();
    let last = harness.delete("e:ann").job;
    assert_eq!(last.number, limits::DELETION_JOBS + 1);
    let left: Vec<u64> = jobs(&harness, Order::Ascending).iter().map(|job| job.number).collect();
    assert_eq!(left, [limits::DELETION_JOBS, last.number]);
    assert_eq!(wait(harness.store.deletion_job(&harness.company, first.id)).unwrap(), None);
    harness.send("e:ann");
    harness.assert_sound();
}

pub fn an_id_that_is_no_profiles_is_looked_up_as_the_next_target(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("x:1");
    let targets = [ProfileRef::Id(ProfileId::from_bits(u128::MAX)), harness.target("x:1")];
    let delete = |targets: &[ProfileRef]| {
        let by = Delete::by(harness.company.clone(), targets[0].clone(), Revision::LATEST);
        wait(harness.store.delete(Delete { targets: targets.to_vec(), ..by })).unwrap()
    };
    let deleted = delete(&targets);
    assert_eq!(harness.describe(&deleted.outcome), "deleted 0: unknown, matched");
    assert_eq!(deleted.job.kind, IdentifierKind::ExternalId);
    let none = delete(&targets);
    assert_eq!(harness.describe(&none.outcome), "nothing_deleted: unknown, no profile");
    assert_eq!(none.job.kind, IdentifierKind::Id);
}

/// An import in which these rows failed, each named by words of the notation.
fn import(harness: &StoreHarness, number: u32, rows: &[&[&str]]) -> ProfileId {
    let id = ProfileId::from_bits(u128::from(number));
    let row = |(row, words): (u32, &&[&str])| ImportRow {
        row,
        names: words.iter().map(|word| harness.target(word)).collect(),
        payload: format!("{{\"row\":\"{}\"}}", words.join(" of row ")),
    };
    let job = ImportJob {
        head: ImportHead {
            id,
            created: Timestamp::from_millis(5),
            started: None,
            ended: None,
            total: 1,
            completed: 0,
            failed: 1,
        },
        body: ImportBody::default(),
        rows: (0..).zip(rows).map(row).collect(),
    };
    wait(harness.store.keep_import(harness.company.clone(), job)).unwrap();
    id
}

fn payloads(harness: &StoreHarness, import: ProfileId, rows: u32) -> Vec<bool> {
    let rows: Vec<u32> = (0..rows).collect();
    let read = harness.store.import_payloads(&harness.company, import, &rows);
    wait(read).unwrap().iter().map(Option::is_some).collect()
}

pub fn failed_rows_of_imports_lose_what_they_have_of_an_erased_person(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    for words in ["server x:1 e:ann +e:cat a:tab", "update:0 e:bob", "p:5", "server x:1 p:5"] {
        harness.send(words);
    }
    harness.send("e:dan");
    let rows: [&[&str]; 9] = [
        &["e:ann"],
        &["e:bob", "x:other"],
        &["e:cat"],
        &["p:5"],
        &["a:tab"],
        &["id:0"],
        &["id:1"],
        &["x:1", "e:stranger"],
        &["e:dan"],
    ];
    let first = import(&harness, 1, &rows);
    let second = import(&harness, 2, &[&["x:1"], &["e:lead"]]);
    harness.assert_sound();
    assert_eq!(payloads(&harness, first, 10), [[true; 9].as_slice(), &[false]].concat());
    let deleted = harness.delete("p:5");
    assert_eq!((deleted.job.profiles, deleted.job.import_rows), (2, 9));
    assert_eq!(payloads(&harness, first, 9), [[false; 8].as_slice(), &[true]].concat());
    assert_eq!(payloads(&harness, second, 2), [false, true]);
    for text in ["ann@example.com", "stranger@example.com", "of row x:other", "+15005550005"] {
        assert!(!occurs(&harness, text), "{text} is left");
    }
    harness.assert_sound();
    // A person of whom there is only the failed row.
    let deleted = harness.delete("e:lead");
    assert_eq!((deleted.job.found, deleted.job.import_rows), (None, 1));
    assert!(!occurs(&harness, "lead@example.com"));
    harness.assert_sound();
}

pub fn more_failed_rows_than_one_step_removes_leave_with_one_deletion(engines: &Engines) {
    let harness = StoreHarness::new(engines);
    let rows: Vec<&[&str]> = vec![&["e:ann"]; limits::IMPORT_ROWS];
    for number in 1..=2 {
        import(&harness, number, &rows);
    }
    const { assert!(limits::DELETION_SCAN < 2 * limits::IMPORT_ROWS) };
    let deleted = harness.delete("e:ann").job;
    assert_eq!(usize::try_from(deleted.import_rows).unwrap(), 2 * limits::IMPORT_ROWS);
    assert!(!occurs(&harness, "ann@example.com"));
    assert_eq!(harness.outcomes().len(), 1);
    harness.assert_sound();
}

pub fn failed_rows_leave_with_their_import_and_are_bounded(engines: &Engines) {
    let harness = StoreHarness::new(engines);
    let many: Vec<&[&str]> = vec![&["e:ann"]; limits::IMPORT_ROWS + 1];
    let first = import(&harness, 1, &many);
    let rows = u32::try_from(limits::IMPORT_ROWS).unwrap();
    let kept = payloads(&harness, first, rows + 1);
    assert_eq!(kept.iter().filter(|kept| **kept).count(), limits::IMPORT_ROWS);
    // The same import again has other rows.
    import(&harness, 1, &[&["e:bob"]]);
    assert!(!occurs(&harness, "ann@example.com") && occurs(&harness, "bob@example.com"));
    harness.assert_sound();
    let most = u32::try_from(limits::IMPORTS).unwrap();
    for number in 2..=most + 1 {
        import(&harness, number, &[]);
    }
    assert!(!occurs(&harness, "bob@example.com"));
    harness.assert_sound();
}

pub fn an_audit_reports_what_an_erasure_would_not_find(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("server x:1 e:ann");
    harness.send("update:0 e:bob");
    import(&harness, 1, &[&["e:cat"]]);
    harness.delete("e:lead");
    harness.assert_sound();
    let sound = contents(harness.engine.as_ref());
    let is_lost = |value: &[u8]| value.len() == 17;
    let faults = [
        (
            &b"DEMO01\0f"[..],
            None,
            "an email refers to it as a former one, but it does not know of it",
        ),
        (b"DEMO01\0ieann", None, "its former email does not refer to it"),
        (
            b"DEMO01\0f",
            Some([1].as_slice()),
            "its former email is damaged: the record ends too early",
        ),
        (b"DEMO01\0g", None, "is not found by all that it names"),
        (b"DEMO01\0q", None, "which does not exist"),
        (b"DEMO01\0q", Some([9].as_slice()), "is damaged"),
        (b"DEMO01\0e", Some([9].as_slice()), "is damaged"),
    ];
    assert!(sound.iter().any(|(key, value)| key.starts_with(b"DEMO01\0ieann") && is_lost(value)));
    for (prefix, value, fault) in faults {
        let value = value.map(<[u8]>::to_vec);
        let (key, _) = sound.iter().find(|(key, _)| key.starts_with(prefix)).unwrap();
        wait(harness.engine.apply(vec![Write { key: key.clone(), value }])).unwrap();
        let breaches = harness.audit().breaches;
        assert_eq!(breaches.len(), 1, "{fault}: {breaches:?}");
        assert!(breaches[0].fault.contains(fault), "{fault}: {breaches:?}");
        let whole = sound.iter().cloned().map(|(key, value)| Write { key, value: Some(value) });
        wait(harness.engine.apply(whole.collect())).unwrap();
    }
    harness.assert_sound();
}
