//! Merging two profiles, applying patches, and the whole decision around both.

use std::hint::black_box;

use benches::{
    CONTEXT, ORDER, SIGN_UP, TODAY, body_with_properties, customer, devices, profile, request,
    submission, visitor,
};
use criterion::{BatchSize, Criterion};
use profile_store::{IdentitySettings, StoredProfile, decide, merge};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    merges(&mut criterion);
    decisions(&mut criterion);
    patches(&mut criterion);
    criterion.final_summary();
}

fn merges(criterion: &mut Criterion) {
    let half = |numbers| profile(1, &body_with_properties(numbers));
    let with_devices = |numbers| {
        let mut profile = customer(1);
        profile.identifiers.devices = devices(numbers);
        profile
    };
    let pairs = [
        ("typical", customer(1), visitor(2)),
        ("1000_properties", half(0..500), half(500..1_000)),
        ("32_devices", with_devices(0..32), with_devices(16..48)),
    ];
    let settings = IdentitySettings::default();
    let mut group = criterion.benchmark_group("merge");
    for (name, survivor, absorbed) in pairs {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || (survivor.clone(), absorbed.clone()),
                |(survivor, absorbed)| merge(survivor, absorbed, &settings),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn decisions(criterion: &mut Criterion) {
    let [customer, visitor]: [StoredProfile; 2] = [customer(1), visitor(2)].map(Into::into);
    let cases: [(&str, &str, &[Option<&StoredProfile>]); 4] = [
        ("create", TODAY, &[None; 4]),
        ("update", ORDER, &[Some(&customer)]),
        ("unchanged", TODAY, &[Some(&customer); 4]),
        ("merge_of_two", SIGN_UP, &[Some(&customer), Some(&visitor)]),
    ];
    let mut group = criterion.benchmark_group("decide");
    for (name, body, reached) in cases {
        let submission = submission(body);
        assert_eq!(
            submission.claims.made().len(),
            reached.len(),
            "{name}: one profile, or none, for each claim"
        );
        group.bench_function(name, |bencher| {
            bencher.iter(|| decide(black_box(&submission), black_box(reached), CONTEXT));
        });
    }
    group.finish();
}

fn patches(criterion: &mut Criterion) {
    let (visitor, customer) = (visitor(2).attributes, customer(1).attributes);
    let cases = [
        ("fill", TODAY, visitor),
        ("unchanged", TODAY, customer.clone()),
        ("append_unappend_unset", ORDER, customer),
    ];
    let mut group = criterion.benchmark_group("patch");
    for (name, body, attributes) in cases {
        let patch = request(body).into_parts().patch;
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || attributes.clone(),
                |mut attributes| (patch.apply(&mut attributes), attributes),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}
