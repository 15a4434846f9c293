//! The deletion of a company on an engine that fails at any operation, or whose machine crashes.
//! What every engine promises about it is in the suite.

use std::sync::Arc;

use profile_store::delete_company;
use profile_store_suite::{
    faulty_engine::{EngineFault, FaultyEngine},
    harness::wait,
    simulated_ids::SimulatedIds,
    tests::company_deletion::{
        assert_resumable, delete, deleted_company, entries_of_companies, memory_with,
    },
};

#[test]
fn a_deletion_that_was_cut_off_anywhere_is_named_and_finished_by_the_next_one_or_by_a_start() {
    let before = entries_of_companies(200);
    let whole = delete(&memory_with(&before)).unwrap();
    let fault = EngineFault { for_good: true, ..EngineFault::default() };
    let mut begun = 0;
    for fails_at in 0.. {
        let engine = FaultyEngine::over(Arc::new(memory_with(&before)), fails_at, fault);
        let ended = wait(delete_company(&engine, &deleted_company(), &SimulatedIds::new()));
        for surviving in 0..=engine.unflushed() {
            let left = engine.after_crash(surviving);
            begun += usize::from(assert_resumable(left.as_ref(), &before, &whole));
        }
        if ended.is_ok() {
            break;
        }
    }
    assert!(8 < begun, "{begun} crashes while it was deleted");
}
