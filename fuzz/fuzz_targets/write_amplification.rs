//! Sequences of requests of clients, weighed: the store writes no more bytes for them than a small
//! multiple of those that they send.
//!
//! Each byte of an input is one choice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use profile_store_suite::{
    metered_client::{MeteredClient, WRITTEN_BYTES_PER_BYTE},
    random::ChoicesOfBytes,
};

/// Steps of one run.
const STEPS: usize = 12;

fuzz_target!(|input: &[u8]| {
    let (mut client, mut choices) = (MeteredClient::default(), ChoicesOfBytes(input));
    for step in 0..STEPS {
        client.step(&mut choices);
        assert!(client.ratio() < WRITTEN_BYTES_PER_BYTE, "step {step}: {}", client.ratio());
    }
    client.assert_sound();
});
