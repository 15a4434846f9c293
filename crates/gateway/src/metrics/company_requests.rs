//! Requests by company, endpoint and code.
//!
//! The series of a company exist once it has sent a request. Only configured companies have any,
//! and only so many of them, so no client can add one.

use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use ahash::RandomState;
use dashmap::DashMap;
use profile_protocol::CompanyId;
use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};

use super::{
    catalogue::COMPANY_REQUESTS,
    labels::{Label, LabelText},
    series::SeriesWriter,
};
use crate::limits;

/// The code of a request that was answered without an error.
pub const ACCEPTED: &str = "accepted";

/// The code of a request whose client closed its connection before the answer.
pub const CLOSED: &str = "closed";

/// The code that counts refusals whose code was not registered.
pub(super) const OTHER: &str = "other";

/// The company of requests that concern no configured company.
const NO_COMPANY: &str = "";

/// The company of requests of all companies that have no series of their own. No id of a company
/// has this character.
const OTHER_COMPANIES: &str = "*";

/// The counts of all companies.
#[derive(Debug)]
pub(super) struct CompanyRequests {
    // Invariant: sorted.
    codes: Box<[&'static str]>,
    endpoints: &'static [&'static str],
    no_company: EndpointCounts,
    other_companies: EndpointCounts,
    // Invariant: a guard into this map never leaves the function that took it.
    companies: DashMap<CompanyId, EndpointCounts, RandomState>,
    /// The companies with series of their own, or one more for each that is being added.
    admitted: AtomicUsize,
}

/// The counts of one company: for each endpoint that it used, one of each code.
#[derive(Debug)]
struct EndpointCounts(Box<[OnceLock<Box<[AtomicU64]>>]>);

impl EndpointCounts {
    fn new(endpoints: usize) -> EndpointCounts {
        EndpointCounts((0..endpoints).map(|_| OnceLock::new()).collect())
    }

    fn count(&self, endpoint: usize, code: usize, codes: usize) {
        let Some(counts) = self.0.get(endpoint) else { return };
        let counts = counts.get_or_init(|| (0..codes).map(|_| AtomicU64::new(0)).collect());
        if let Some(count) = counts.get(code) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl CompanyRequests {
    /// Counts for these endpoints, whose names are labels, and these codes of refusals.
    pub(super) fn new(
        codes: &[&'static str],
        endpoints: &'static [&'static str],
    ) -> CompanyRequests {
        let mut codes = [codes, &[ACCEPTED, CLOSED, OTHER]].concat();
        codes.sort_unstable();
        codes.dedup();
        CompanyRequests {
            codes: codes.into(),
            endpoints,
            no_company: EndpointCounts::new(endpoints.len()),
            other_companies: EndpointCounts::new(endpoints.len()),
            companies: DashMap::default(),
            admitted: AtomicUsize::new(0),
        }
    }

    /// Counts a request of a configured company, or of none, to the endpoint of this number.
    pub(super) fn count(&self, company: Option<&CompanyId>, endpoint: usize, code: &str) {
        let find = |code: &str| self.codes.binary_search(&code);
        let Ok(code) = find(code).or_else(|_missing| find(OTHER)) else { return };
        let add = |counts: &EndpointCounts| counts.count(endpoint, code, self.codes.len());
        match company {
            None => add(&self.no_company),
            Some(company) => {
                if let Some(counts) = self.companies.get(company) {
                    return add(&counts);
                }
                if self.admit() {
                    let new = || EndpointCounts::new(self.endpoints.len());
                    let counts = self.companies.entry(company.clone()).or_insert_with(new);
                    add(&counts);
                } else {
                    add(&self.other_companies);
                }
            }
        }
    }

    /// Whether a company has series of its own.
    pub(super) fn has_series(&self, company: &CompanyId) -> bool {
        self.companies.contains_key(company)
    }

    /// Forgets companies that are no longer configured.
    pub(super) fn retain(&self, is_configured: impl Fn(&CompanyId) -> bool) {
        self.companies.retain(|company, _| is_configured(company));
        self.admitted.store(self.companies.len(), Ordering::Relaxed);
    }

    #[cold]
    fn admit(&self) -> bool {
        let one_more = |admitted| (admitted < limits::COMPANIES_WITH_SERIES).then(|| admitted + 1);
        let admitted = self.admitted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        admitted.is_ok()
    }
}

impl Collector for CompanyRequests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut counters = SeriesWriter::begin(&mut encoder, COMPANY_REQUESTS)?;
        let mut encode = |company: LabelText<'_>, counts: &EndpointCounts| {
            for (endpoint, counts) in self.endpoints.iter().zip(&counts.0) {
                for (code, count) in self.codes.iter().zip(counts.get().into_iter().flatten()) {
                    let count = count.load(Ordering::Relaxed);
                    if count != 0 {
                        let labels: [Label<'_>; 3] = [
                            ("company", company),
                            ("endpoint", LabelText::Constant(endpoint)),
                            ("code", LabelText::Constant(code)),
                        ];
                        counters.counter(&labels, &count)?;
                    }
                }
            }
            Ok(())
        };
        encode(LabelText::Constant(NO_COMPANY), &self.no_company)?;
        encode(LabelText::Constant(OTHER_COMPANIES), &self.other_companies)?;
        self.companies
            .iter()
            .try_for_each(|entry| encode(LabelText::Company(entry.key()), entry.value()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus_client::{encoding::text, registry::Registry};

    use super::*;

    fn counted(requests: &[(Option<&str>, usize, &str)]) -> (Arc<CompanyRequests>, String) {
        let counts = Arc::new(CompanyRequests::new(&["invalid"], &["POST /a", "GET /b"]));
        for (company, endpoint, code) in requests {
            let company: Option<CompanyId> = company.map(|company| company.parse().unwrap());
            counts.count(company.as_ref(), *endpoint, code);
        }
        let rendered = rendered(&counts);
        (counts, rendered)
    }

    fn rendered(counts: &Arc<CompanyRequests>) -> String {
        let (mut registry, mut rendered) = (Registry::default(), String::new());
        registry.register_collector(Box::new(Arc::clone(counts)));
        text::encode(&mut rendered, &registry).unwrap();
        rendered
    }

    fn series(company: &str, endpoint: &str, code: &str, count: u64) -> String {
        format!(
            "gateway_company_requests_total{{company=\"{company}\",endpoint=\"{endpoint}\",\
             code=\"{code}\"}} {count}"
        )
    }

    #[test]
    fn a_request_is_counted_by_company_endpoint_and_code() {
        let (_, rendered) = counted(&[
            (Some("ABC123"), 0, ACCEPTED),
            (Some("ABC123"), 0, ACCEPTED),
            (Some("ABC123"), 1, "invalid"),
            (None, 1, "unheard of"),
        ]);
        for expected in [
            series("ABC123", "POST /a", "accepted", 2),
            series("ABC123", "GET /b", "invalid", 1),
            series("", "GET /b", "other", 1),
        ] {
            assert!(rendered.contains(&expected), "{expected} is missing in:\n{rendered}");
        }
        assert_eq!(rendered.lines().filter(|line| !line.starts_with('#')).count(), 3);
    }

    #[test]
    fn only_so_many_companies_have_series_of_their_own_until_others_are_forgotten() {
        let counts = Arc::new(CompanyRequests::new(&[], &["POST /a"]));
        let company = |number: usize| -> CompanyId { format!("C{number}").parse().unwrap() };
        let most = limits::COMPANIES_WITH_SERIES;
        for number in 0..most + 5 {
            counts.count(Some(&company(number)), 0, ACCEPTED);
        }
        assert_eq!(counts.companies.len(), most);
        assert!(counts.has_series(&company(0)) && !counts.has_series(&company(most)));
        assert!(rendered(&counts).contains(&series("*", "POST /a", "accepted", 5)));
        counts.retain(|kept| *kept != company(0));
        counts.count(Some(&company(most)), 0, ACCEPTED);
        assert!(counts.has_series(&company(most)) && !counts.has_series(&company(0)));
    }
}
