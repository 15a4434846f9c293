//! Resolution: from claims and the profiles that they find to the profile of a request.

use std::hint::black_box;

use benches::{FIRST_REVISION, SIGN_UP, claims, customer, profile, visitor};
use criterion::Criterion;
use profile_store::{Caller, Claims, IdentitySettings, Intent, StoredProfile, resolve};

/// An address alone.
const ADDRESS: &str =
    r#"{"data":{"type":"profile","attributes":{"email":"Sarah.Mason@example.com"}}}"#;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let [customer, visitor, subject]: [StoredProfile; 3] =
        [customer(1), visitor(2), profile(3, FIRST_REVISION)].map(Into::into);

    measure(&mut criterion, "one_match", &claims(ADDRESS), &[Some(&customer)]);

    let every_kind = claims(FIRST_REVISION);
    measure(&mut criterion, "five_claims_one_profile", &every_kind, &[Some(&subject); 5]);

    let two = [Some(&customer), Some(&visitor)];
    measure(&mut criterion, "merge_of_two", &claims(SIGN_UP), &two);
    criterion.final_summary();
}

fn measure(
    criterion: &mut Criterion,
    name: &str,
    claims: &Claims,
    reached: &[Option<&StoredProfile>],
) {
    assert_eq!(claims.made().len(), reached.len(), "{name}: one profile, or none, for each claim");
    let settings = IdentitySettings::default();
    let mut group = criterion.benchmark_group("resolve");
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let (caller, intent) = (Caller::Client, Intent::Upsert);
            resolve(black_box(claims), black_box(reached), caller, intent, &settings)
        });
    });
    group.finish();
}
