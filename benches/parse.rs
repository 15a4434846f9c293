//! Parsing: from bytes to a request or to its violations.

use std::hint::black_box;

use benches::{ANONYMOUS, FIRST_REVISION, REFUSED, TODAY, huge_body};
use criterion::{Criterion, Throughput};
use profile_protocol::{ProfileRequest, Revision};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let huge = huge_body();
    let bodies = [
        ("today", TODAY),
        ("first_revision", FIRST_REVISION),
        ("anonymous", ANONYMOUS),
        ("100_kb", &huge),
        ("refused", REFUSED),
    ];
    let mut group = criterion.benchmark_group("parse");
    for (name, body) in bodies {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| ProfileRequest::parse(black_box(body.as_bytes()), Revision::LATEST));
        });
    }
    group.finish();
    criterion.final_summary();
}
