//! Sequences of requests of a company, its customers and a stranger, who knows their identifiers.
//!
//! Each byte of an input is one choice. No request of the company fails, no customer is merged with
//! another, taken over, overwritten or locked out, and an audit finds nothing wrong. A repair of
//! what the stranger did ends, and leaves the customers as the company knows them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use profile_store_suite::{
    engines::Engines, generators::different_external_id, random::ChoicesOfBytes,
    tests::adversary::AdversarialWorld,
};

/// Requests of one run.
const STEPS: usize = 48;

fuzz_target!(|input: &[u8]| {
    // An input of odd length is about a company with the other choice.
    let choice = different_external_id(input.len());
    let world = AdversarialWorld::new(&Engines::in_memory(), ChoicesOfBytes(input), choice);
    let mut world = world.with_small_profiles();
    for _ in 0..STEPS {
        world.step();
    }
    world.repair();
    world.assert_sound();
});
