//! The live views that are open: so many of each company, and of all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use profile_protocol::CompanyId;

use crate::limits;

/// The number of open live views of each company that has one.
#[derive(Clone, Debug, Default)]
pub(crate) struct LiveStreams {
    open: Arc<Mutex<HashMap<CompanyId, usize>>>,
}

/// One open live view, which counts until it is dropped.
#[derive(Debug)]
pub(crate) struct LiveStreamPermit {
    streams: LiveStreams,
    company: CompanyId,
}

impl LiveStreams {
    /// Counts a live view of a company, unless there are too many of the company or of all.
    pub(crate) fn begin(&self, company: &CompanyId) -> Option<LiveStreamPermit> {
        let mut open = self.lock();
        let of_company = open.get(company).copied().unwrap_or_default();
        if limits::CONSOLE_COMPANY_STREAMS <= of_company
            || limits::CONSOLE_STREAMS <= open.values().sum::<usize>()
        {
            return None;
        }
        open.insert(company.clone(), of_company + 1);
        Some(LiveStreamPermit { streams: self.clone(), company: company.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CompanyId, usize>> {
        // Whatever a panic interrupted, numbers are whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LiveStreamPermit {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        if let Some(of_company) = open.get_mut(&self.company) {
            *of_company -= 1;
        }
        open.retain(|_, of_company| *of_company != 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_company_takes_the_live_views_of_another() {
        let (streams, company) = (LiveStreams::default(), |name: &str| name.parse().unwrap());
        let begin = |name: &str| streams.begin(&company(name));
        let most = limits::CONSOLE_COMPANY_STREAMS;
        let first: Vec<_> = std::iter::from_fn(|| begin("ABC123")).take(most + 1).collect();
        assert_eq!(first.len(), most);
        let second: Vec<_> = std::iter::from_fn(|| begin("XYZ789")).take(most + 1).collect();
        assert_eq!(second.len(), most);
        drop(first);
        assert!(begin("ABC123").is_some(), "a view that ended counts no more");
        assert_eq!(streams.lock().len(), 1);
    }

    #[test]
    fn all_live_views_together_are_bounded() {
        let streams = LiveStreams::default();
        let begin = |number: usize| streams.begin(&format!("C{number}").parse().unwrap());
        let open: Vec<_> = (0..2 * limits::CONSOLE_STREAMS).filter_map(begin).collect();
        assert_eq!(open.len(), limits::CONSOLE_STREAMS);
    }
}
