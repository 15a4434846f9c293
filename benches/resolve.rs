//! Resolution: from claims and the profiles that they find to the profile of a request.

use std::hint::black_box;

use benches::{FIRST_REVISION, SIGN_UP, claims, customer, profile, visitor};
use criterion::Criterion;
use profile_protocol::IdentifierKind;
use profile_store::{Caller, Claim, IdentitySettings, StoredProfile, resolve};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let [customer, visitor, subject]: [StoredProfile; 3] =
        [customer(1), visitor(2), profile(3, FIRST_REVISION)].map(Into::into);

    let sign_up = claims(SIGN_UP);
    let by_email = |claim: &&Claim| claim.kind() == IdentifierKind::Email;
    let email: Vec<Claim> = sign_up.made().iter().filter(by_email).cloned().collect();
    measure(&mut criterion, "one_match", &email, &[Some(&customer)]);

    let every_kind = claims(FIRST_REVISION);
    measure(&mut criterion, "five_claims_one_profile", every_kind.made(), &[Some(&subject); 5]);

    let two = [Some(&customer), Some(&visitor)];
    measure(&mut criterion, "merge_of_two", sign_up.made(), &two);
    criterion.final_summary();
}

fn measure(
    criterion: &mut Criterion,
    name: &str,
    claims: &[Claim],
    reached: &[Option<&StoredProfile>],
) {
    assert_eq!(claims.len(), reached.len(), "{name}: one profile, or none, for each claim");
    let settings = IdentitySettings::default();
    let mut group = criterion.benchmark_group("resolve");
    group.bench_function(name, |bencher| {
        bencher.iter(|| resolve(black_box(claims), black_box(reached), Caller::Client, &settings));
    });
    group.finish();
}
