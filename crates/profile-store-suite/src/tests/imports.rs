//! Bulk imports: their records are kept, read, and given up in turn.

use profile_protocol::{CompanyId, ProfileId};
use profile_store::{
    ImportBody, ImportError, ImportHead, ImportJob, Timestamp,
    engine::{Order, Write},
    limits,
};

use crate::engines::Engines;
use crate::harness::{StoreHarness, contents, wait};

fn job(number: u32) -> ImportJob {
    let head = ImportHead {
        id: ProfileId::from_bits(u128::from(number)),
        created: Timestamp::from_millis(5),
        started: Some(Timestamp::from_millis(6)),
        ended: None,
        total: number,
        completed: 1,
        failed: 1,
    };
    let error = ImportError {
        row: 1,
        code: "invalid".to_owned(),
        title: "Invalid input.".to_owned(),
        detail: "Not an address.".to_owned(),
        pointer: "/data/attributes/email".to_owned(),
    };
    let body = ImportBody { profiles: vec![ProfileId::from_bits(9)], errors: vec![error] };
    ImportJob { head, body, rows: Vec::new() }
}

fn keep(harness: &StoreHarness, job: ImportJob) {
    wait(harness.store.keep_import(harness.company.clone(), job)).unwrap();
}

fn listed(harness: &StoreHarness, from: Option<u32>, order: Order, limit: usize) -> Vec<u32> {
    let from = from.map(|number| ProfileId::from_bits(u128::from(number)));
    let heads = wait(harness.store.import_jobs(&harness.company, from, order, limit)).unwrap();
    heads.into_iter().map(|head| head.total).collect()
}

fn kept(harness: &StoreHarness, number: u32) -> Option<ImportJob> {
    let id = ProfileId::from_bits(u128::from(number));
    let head = wait(harness.store.import_job(&harness.company, id)).unwrap();
    let body = wait(harness.store.import_job_body(&harness.company, id)).unwrap();
    assert_eq!(head.is_some(), body.is_some());
    head.zip(body).map(|(head, body)| ImportJob { head, body, rows: Vec::new() })
}

pub fn an_import_is_read_as_it_was_stored_last(engines: &Engines) {
    let harness = StoreHarness::new(engines);
    assert_eq!(kept(&harness, 3), None);
    keep(&harness, job(3));
    assert_eq!(kept(&harness, 3), Some(job(3)));
    let mut ended = job(3);
    ended.head.ended = Some(Timestamp::from_millis(7));
    ended.body.errors.clear();
    keep(&harness, ended.clone());
    assert_eq!(kept(&harness, 3), Some(ended));
    assert_eq!(harness.audit().imports, 1);
    harness.assert_sound();
}

pub fn imports_are_listed_by_age_from_either_end_a_page_at_a_time(engines: &Engines) {
    let harness = StoreHarness::new(engines);
    [4, 1, 3, 2].into_iter().for_each(|number| keep(&harness, job(number)));
    assert_eq!(listed(&harness, None, Order::Ascending, 9), [1, 2, 3, 4]);
    assert_eq!(listed(&harness, Some(2), Order::Ascending, 1), [3]);
    assert_eq!(listed(&harness, None, Order::Descending, 2), [4, 3]);
    assert_eq!(listed(&harness, Some(3), Order::Descending, 9), [2, 1]);
}

pub fn the_oldest_import_is_removed_when_there_are_too_many(engines: &Engines) {
    let harness = StoreHarness::new(engines);
    let many = u32::try_from(limits::IMPORTS).unwrap();
    (1..=many).for_each(|number| keep(&harness, job(number)));
    keep(&harness, job(1));
    assert_eq!(listed(&harness, None, Order::Ascending, usize::MAX).len(), limits::IMPORTS);
    keep(&harness, job(many + 1));
    assert_eq!((kept(&harness, 1), kept(&harness, 2)), (None, Some(job(2))));
    let all = listed(&harness, None, Order::Ascending, usize::MAX);
    assert_eq!((all.len(), all[0]), (limits::IMPORTS, 2));
    harness.assert_sound();
}

pub fn the_record_of_an_import_is_bounded(engines: &Engines) {
    let harness = StoreHarness::new(engines);
    let ImportJob { head, body, rows } = job(1);
    let error = ImportError { detail: "é".repeat(1_000), ..body.errors[0].clone() };
    let body = ImportBody {
        profiles: vec![ProfileId::from_bits(9); limits::IMPORT_PROFILES + 1],
        errors: vec![error; limits::IMPORT_ERRORS + 1],
    };
    keep(&harness, ImportJob { head, body, rows });
    let ImportBody { profiles, errors } = kept(&harness, 1).unwrap().body;
    assert_eq!(profiles.len(), limits::IMPORT_PROFILES);
    assert_eq!(errors.len(), limits::IMPORT_ERRORS);
    assert_eq!(errors[0].detail.len(), limits::IMPORT_TEXT_BYTES);
}

pub fn a_company_has_only_its_own_imports(engines: &Engines) {
    let harness = StoreHarness::new(engines);
    let other: CompanyId = "DEMO012".parse().unwrap();
    wait(harness.store.keep_import(other.clone(), job(1))).unwrap();
    keep(&harness, job(2));
    assert_eq!(listed(&harness, None, Order::Ascending, 9), [2]);
    assert_eq!(kept(&harness, 1), None);
    let id = ProfileId::from_bits(1);
    assert_eq!(wait(harness.store.import_job(&other, id)).unwrap(), Some(job(1).head));
}

pub fn an_import_takes_no_outcome_number(engines: &Engines) {
    let mut harness = StoreHarness::new(engines);
    harness.send("x:1");
    keep(&harness, job(1));
    harness.send("x:2");
    assert_eq!(
        harness.outcomes().iter().map(|outcome| outcome.sequence).collect::<Vec<_>>(),
        [1, 2]
    );
}

pub fn an_audit_reports_a_bulk_import_that_is_damaged_or_incomplete(engines: &Engines) {
    let harness = StoreHarness::new(engines);
    keep(&harness, job(1));
    let id = ProfileId::from_bits(1);
    let sound = contents(harness.engine.as_ref());
    let (head, body) = (*b"DEMO01\0j", *b"DEMO01\0J");
    let faults = [
        (head, None, format!("bulk import {id} has a result, but does not exist")),
        (body, None, format!("bulk import {id} has no result")),
        (head, Some(vec![9]), format!("bulk import {id} is damaged")),
        (body, Some(vec![9]), format!("the result of bulk import {id} is damaged")),
    ];
    for (prefix, value, fault) in faults {
        let key = [&prefix[..], &id.bits().to_be_bytes()].concat();
        wait(harness.engine.apply(vec![Write { key, value }])).unwrap();
        let breaches = harness.audit().breaches;
        assert_eq!(breaches.len(), 1, "{breaches:?}");
        assert!(breaches[0].fault.starts_with(&fault), "{breaches:?}");
        let whole = sound.iter().cloned().map(|(key, value)| Write { key, value: Some(value) });
        wait(harness.engine.apply(whole.collect())).unwrap();
    }
    harness.assert_sound();
}
