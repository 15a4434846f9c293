//! Bulk imports: their records are kept, read, and given up in turn.

use profile_protocol::{CompanyId, ProfileId};
use profile_store::{
    Engine, ImportBody, ImportError, ImportHead, ImportJob, Timestamp,
    engine::{Order, Write},
    limits,
};

use crate::world::{World, contents, wait};

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
    ImportJob { head, body }
}

fn keep(world: &World, job: ImportJob) {
    wait(world.store.keep_import(world.company.clone(), job)).unwrap();
}

fn listed(world: &World, from: Option<u32>, order: Order, limit: usize) -> Vec<u32> {
    let from = from.map(|number| ProfileId::from_bits(u128::from(number)));
    let heads = wait(world.store.import_jobs(&world.company, from, order, limit)).unwrap();
    heads.into_iter().map(|head| head.total).collect()
}

fn kept(world: &World, number: u32) -> Option<ImportJob> {
    let id = ProfileId::from_bits(u128::from(number));
    let head = wait(world.store.import_job(&world.company, id)).unwrap();
    let body = wait(world.store.import_job_body(&world.company, id)).unwrap();
    assert_eq!(head.is_some(), body.is_some());
    head.zip(body).map(|(head, body)| ImportJob { head, body })
}

#[test]
fn an_import_is_read_as_it_was_kept_last() {
    let world = World::new();
    assert_eq!(kept(&world, 3), None);
    keep(&world, job(3));
    assert_eq!(kept(&world, 3), Some(job(3)));
    let mut ended = job(3);
    ended.head.ended = Some(Timestamp::from_millis(7));
    ended.body.errors.clear();
    keep(&world, ended.clone());
    assert_eq!(kept(&world, 3), Some(ended));
    assert_eq!(world.audit().imports, 1);
    world.is_sound();
}

#[test]
fn imports_are_listed_by_age_from_either_end_a_page_at_a_time() {
    let world = World::new();
    [4, 1, 3, 2].into_iter().for_each(|number| keep(&world, job(number)));
    assert_eq!(listed(&world, None, Order::Ascending, 9), [1, 2, 3, 4]);
    assert_eq!(listed(&world, Some(2), Order::Ascending, 1), [3]);
    assert_eq!(listed(&world, None, Order::Descending, 2), [4, 3]);
    assert_eq!(listed(&world, Some(3), Order::Descending, 9), [2, 1]);
}

#[test]
fn the_oldest_import_leaves_when_there_are_too_many() {
    let world = World::new();
    let many = u32::try_from(limits::IMPORTS).unwrap();
    (1..=many).for_each(|number| keep(&world, job(number)));
    keep(&world, job(1));
    assert_eq!(listed(&world, None, Order::Ascending, usize::MAX).len(), limits::IMPORTS);
    keep(&world, job(many + 1));
    assert_eq!((kept(&world, 1), kept(&world, 2)), (None, Some(job(2))));
    let all = listed(&world, None, Order::Ascending, usize::MAX);
    assert_eq!((all.len(), all[0]), (limits::IMPORTS, 2));
    world.is_sound();
}

#[test]
fn what_is_kept_of_an_import_is_bounded() {
    let world = World::new();
    let ImportJob { head, body } = job(1);
    let error = ImportError { detail: "é".repeat(1_000), ..body.errors[0].clone() };
    let body = ImportBody {
        profiles: vec![ProfileId::from_bits(9); limits::IMPORT_PROFILES + 1],
        errors: vec![error; limits::IMPORT_ERRORS + 1],
    };
    keep(&world, ImportJob { head, body });
    let ImportBody { profiles, errors } = kept(&world, 1).unwrap().body;
    assert_eq!(profiles.len(), limits::IMPORT_PROFILES);
    assert_eq!(errors.len(), limits::IMPORT_ERRORS);
    assert_eq!(errors[0].detail.len(), limits::IMPORT_TEXT_BYTES);
}

#[test]
fn imports_of_companies_lie_apart() {
    let world = World::new();
    let other: CompanyId = "DEMO012".parse().unwrap();
    wait(world.store.keep_import(other.clone(), job(1))).unwrap();
    keep(&world, job(2));
    assert_eq!(listed(&world, None, Order::Ascending, 9), [2]);
    assert_eq!(kept(&world, 1), None);
    let id = ProfileId::from_bits(1);
    assert_eq!(wait(world.store.import_job(&other, id)).unwrap(), Some(job(1).head));
}

#[test]
fn an_import_uses_up_no_number_of_an_outcome() {
    let mut world = World::new();
    world.say("x:1");
    keep(&world, job(1));
    world.say("x:2");
    assert_eq!(world.outcomes().iter().map(|outcome| outcome.sequence).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn an_audit_names_a_bulk_import_that_is_damaged_or_half_there() {
    let world = World::new();
    keep(&world, job(1));
    let id = ProfileId::from_bits(1);
    let sound = contents(world.engine.as_ref());
    let (head, body) = (*b"DEMO01\0j", *b"DEMO01\0J");
    let faults = [
        (head, None, format!("bulk import {id} has a result, but does not exist")),
        (body, None, format!("bulk import {id} has no result")),
        (head, Some(vec![9]), format!("bulk import {id} is damaged")),
        (body, Some(vec![9]), format!("the result of bulk import {id} is damaged")),
    ];
    for (prefix, value, fault) in faults {
        let key = [&prefix[..], &id.bits().to_be_bytes()].concat();
        wait(world.engine.apply(vec![Write { key, value }])).unwrap();
        let breaches = world.audit().breaches;
        assert_eq!(breaches.len(), 1, "{breaches:?}");
        assert!(breaches[0].fault.starts_with(&fault), "{breaches:?}");
        let whole = sound.iter().cloned().map(|(key, value)| Write { key, value: Some(value) });
        wait(world.engine.apply(whole.collect())).unwrap();
    }
    world.is_sound();
}
