//! How far the bulk imports are that are being carried out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use profile_protocol::CompanyId;

/// How far a bulk import is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct BulkImportStep {
    pub(crate) company: CompanyId,
    /// When it began, since 1970.
    pub(crate) began: Duration,
    pub(crate) total: u32,
    pub(crate) completed: u32,
    pub(crate) failed: u32,
}

/// The imports that are being carried out. There are as many as have a slot.
#[derive(Debug, Default)]
pub(crate) struct RunningBulkImports {
    steps: Arc<Mutex<BulkImportSteps>>,
}

#[derive(Debug, Default)]
struct BulkImportSteps {
    begun: u64,
    by_number: BTreeMap<u64, BulkImportStep>,
}

impl RunningBulkImports {
    /// Notes that an import begins. It runs until the result is dropped.
    pub(crate) fn begin(
        &self,
        company: CompanyId,
        began: Duration,
        total: u32,
    ) -> RunningBulkImport {
        let mut steps = lock(&self.steps);
        steps.begun += 1;
        let number = steps.begun;
        steps
            .by_number
            .insert(number, BulkImportStep { company, began, total, completed: 0, failed: 0 });
        RunningBulkImport { number, steps: Arc::clone(&self.steps) }
    }

    /// The imports of a company, oldest first.
    pub(crate) fn of_company(&self, company: &CompanyId) -> Vec<BulkImportStep> {
        let steps = lock(&self.steps);
        steps.by_number.values().filter(|step| step.company == *company).cloned().collect()
    }
}

/// An import that is being carried out.
#[derive(Debug)]
pub(crate) struct RunningBulkImport {
    number: u64,
    steps: Arc<Mutex<BulkImportSteps>>,
}

impl RunningBulkImport {
    /// Notes how far it is.
    pub(crate) fn reached(&self, completed: u32, failed: u32) {
        if let Some(step) = lock(&self.steps).by_number.get_mut(&self.number) {
            (step.completed, step.failed) = (completed, failed);
        }
    }
}

impl Drop for RunningBulkImport {
    fn drop(&mut self) {
        lock(&self.steps).by_number.remove(&self.number);
    }
}

fn lock(steps: &Mutex<BulkImportSteps>) -> MutexGuard<'_, BulkImportSteps> {
    // Whatever a panic interrupted, steps are whole.
    steps.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_seen_by_its_company_until_it_ends() {
        let running = RunningBulkImports::default();
        let [one, other] = ["ABC123", "XYZ789"].map(|id| id.parse::<CompanyId>().unwrap());
        let import = running.begin(one.clone(), Duration::ZERO, 10);
        import.reached(3, 1);
        let [step] = &running.of_company(&one)[..] else { panic!() };
        assert_eq!((step.total, step.completed, step.failed), (10, 3, 1));
        assert!(running.of_company(&other).is_empty());
        drop(import);
        assert!(running.of_company(&one).is_empty());
    }
}
