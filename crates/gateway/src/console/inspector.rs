//! The inspector: the newest requests of companies that have it on, whole, in memory only.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::web::Bytes;
use profile_protocol::{CompanyId, ProfileId};
use profile_store::Effect;

use crate::{http::encoding::ContentEncoding, limits};

/// A body as it was sent.
#[derive(Clone)]
pub(crate) struct SentBody {
    pub(crate) encoding: ContentEncoding,
    /// How many bytes it had.
    pub(crate) bytes: usize,
    /// The first of them, if they are encoded. Those of others are what was decoded.
    pub(crate) first: Bytes,
}

impl SentBody {
    pub(crate) fn new(encoding: ContentEncoding, sent: &[u8]) -> SentBody {
        let is_encoded = encoding != ContentEncoding::Identity;
        let first = if is_encoded { limits::INSPECTED_UNDECODED_BYTES.min(sent.len()) } else { 0 };
        let (first, _) = sent.split_at(first);
        SentBody { encoding, bytes: sent.len(), first: Bytes::copy_from_slice(first) }
    }

    /// What is kept of it once it is decoded.
    pub(crate) fn decoded(&self) -> SentBody {
        let first: Vec<u8> =
            self.first.iter().copied().take(limits::INSPECTED_ENCODED_BYTES).collect();
        SentBody { first: first.into(), ..self.clone() }
    }
}

/// Why a body that arrived was not decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NotDecoded {
    /// It is not one complete body in its coding.
    Corrupt,
    /// It would be larger than so many bytes.
    TooLarge {
        /// The most that are allowed.
        bytes: usize,
    },
    /// The request was refused before.
    NotTried,
}

/// The body of a request, until the request is answered.
#[derive(Clone)]
pub(crate) struct InspectedBody {
    pub(crate) sent: SentBody,
    pub(crate) decoded: Result<Bytes, NotDecoded>,
    /// When it had arrived and was decoded, since the start of the process.
    pub(crate) read_at: Duration,
}

impl InspectedBody {
    /// What is kept of it: what was decoded, or else the first bytes that were sent.
    pub(crate) fn kept(&self) -> &[u8] {
        self.decoded.as_deref().unwrap_or(&self.sent.first)
    }

    /// What was decoded, if it is text.
    pub(crate) fn text(&self) -> Option<&str> {
        self.decoded.as_deref().ok().and_then(|decoded| std::str::from_utf8(decoded).ok())
    }
}

/// What a request did, and when that was stored, since the start of the process. The request itself
/// carries it until it is answered, so that it is shown with no other.
pub(crate) struct InspectedOutcome {
    pub(crate) effect: Effect,
    /// The number of its outcome.
    pub(crate) sequence: u64,
    /// The person that it is about.
    pub(crate) person: Option<ProfileId>,
    pub(crate) stored_at: Duration,
}

/// The document of an error response, until the request is answered.
#[derive(Clone)]
pub(crate) struct InspectedAnswer(pub(crate) Bytes);

/// A request, whole but for what authorizes it. `Debug` is redacted.
pub(crate) struct InspectedRequest {
    /// When its head had arrived, since the start of the process.
    pub(crate) began: Duration,
    /// When it was answered, since 1970.
    pub(crate) at: Duration,
    pub(crate) request_id: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<InspectedBody>,
    pub(crate) status: u16,
    /// The code of a refusal.
    pub(crate) code: Option<&'static str>,
    pub(crate) answer: Bytes,
    /// What it did.
    pub(crate) stored: Option<InspectedOutcome>,
    /// When it was answered, since the start of the process.
    pub(crate) answered: Duration,
}

impl fmt::Debug for InspectedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InspectedRequest(…)")
    }
}

impl InspectedRequest {
    fn bytes(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len());
        let decoded = |body: &InspectedBody| body.decoded.as_ref().map_or(0, Bytes::len);
        let body = self.body.as_ref().map_or(0, |body| body.sent.first.len() + decoded(body));
        self.target.len() + headers.sum::<usize>() + body + self.answer.len()
    }

    /// Whether the text, which is in lower case, is anywhere in it.
    pub(crate) fn mentions(&self, text: &str) -> bool {
        let within = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase().contains(text);
        self.request_id.to_lowercase().contains(text)
            || self.code.is_some_and(|code| code == text)
            || self.status.to_string() == text
            || self.target.to_lowercase().contains(text)
            || self.body.as_ref().is_some_and(|body| within(body.kept()))
            || within(&self.answer)
    }
}

/// The kept requests: bounded by number, bytes and age, of each company and of all.
#[derive(Debug, Default)]
pub(crate) struct Inspector {
    kept: Mutex<KeptRequests>,
}

#[derive(Debug, Default)]
struct KeptRequests {
    bytes: usize,
    companies: HashMap<CompanyId, CompanyRequestsKept>,
}

#[derive(Debug, Default)]
struct CompanyRequestsKept {
    /// Each with its number.
    requests: VecDeque<(u64, Arc<InspectedRequest>)>,
    /// The number of the last one. It counts those of this company alone: other numbers would tell
    /// how much others send.
    numbered: u64,
    bytes: usize,
    /// Requests that began before are not kept: one of them may be about an erased person.
    forgotten: Option<Duration>,
}

impl Inspector {
    /// Keeps a request, and forgets the oldest ones of its company that are too many. If those of
    /// all companies are too many, the company with most bytes loses its oldest ones.
    pub(crate) fn keep(&self, company: &CompanyId, request: InspectedRequest) {
        let (now, bytes) = (request.answered, request.bytes());
        let mut guard = self.lock();
        let kept = &mut *guard;
        let of_company = kept.companies.entry(company.clone()).or_default();
        if bytes > limits::INSPECTED_BYTES
            || of_company.forgotten.is_some_and(|forgotten| request.began <= forgotten)
        {
            return;
        }
        let before = of_company.bytes;
        of_company.forget_old(now);
        while limits::INSPECTED_REQUESTS <= of_company.requests.len()
            || limits::INSPECTED_BYTES < of_company.bytes + bytes
        {
            of_company.forget_oldest();
        }
        kept.bytes = kept.bytes + of_company.bytes - before;
        if kept.make_room(company, bytes) {
            kept.push(company, Arc::new(request), bytes);
        }
    }

    /// The kept requests of a company with their numbers, newest first.
    pub(crate) fn list(
        &self,
        company: &CompanyId,
        now: Duration,
    ) -> Vec<(u64, Arc<InspectedRequest>)> {
        self.forget_old(now);
        let kept = self.lock();
        let of_company = kept.companies.get(company);
        of_company.into_iter().flat_map(|one| one.requests.iter().rev().cloned()).collect()
    }

    /// Forgets all requests of a company, also those that are not answered yet: some may be about
    /// a person who is erased now.
    pub(crate) fn forget(&self, company: &CompanyId, now: Duration) {
        let mut kept = self.lock();
        let of_company = kept.companies.entry(company.clone()).or_default();
        let bytes = std::mem::take(&mut of_company.bytes);
        of_company.requests.clear();
        of_company.forgotten = Some(now);
        kept.bytes -= bytes;
    }

    /// Forgets requests that are too old.
    pub(crate) fn forget_old(&self, now: Duration) {
        let mut kept = self.lock();
        kept.companies.values_mut().for_each(|one| one.forget_old(now));
        kept.bytes = kept.companies.values().map(|one| one.bytes).sum();
    }

    /// Forgets companies that have the inspector off.
    pub(crate) fn retain(&self, has_it_on: impl Fn(&CompanyId) -> bool) {
        let mut kept = self.lock();
        kept.companies.retain(|company, _| has_it_on(company));
        kept.bytes = kept.companies.values().map(|one| one.bytes).sum();
    }

    fn lock(&self) -> MutexGuard<'_, KeptRequests> {
        // Whatever a panic interrupted, entries are whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptRequests {
    /// Forgets requests until there is room for another one of this company: the oldest ones of the
    /// company that has most. False if that is this company, and it has nothing to forget.
    fn make_room(&mut self, company: &CompanyId, bytes: usize) -> bool {
        while limits::INSPECTED_TOTAL_BYTES < self.bytes + bytes {
            let of = |one: &CompanyId, kept: &CompanyRequestsKept| {
                if one == company { kept.bytes + bytes } else { kept.bytes }
            };
            // Of equals this company pays.
            let fullest = self.companies.iter_mut();
            let fullest = fullest.max_by_key(|(one, kept)| (of(one, kept), *one == company));
            let Some((_, fullest)) = fullest else { return false };
            let before = fullest.bytes;
            fullest.forget_oldest();
            if fullest.bytes == before {
                return false;
            }
            self.bytes -= before - fullest.bytes;
        }
        true
    }

    fn push(&mut self, company: &CompanyId, request: Arc<InspectedRequest>, bytes: usize) {
        self.bytes += bytes;
        let of_company = self.companies.entry(company.clone()).or_default();
        of_company.bytes += bytes;
        of_company.numbered += 1;
        of_company.requests.push_back((of_company.numbered, request));
    }
}

impl CompanyRequestsKept {
    fn forget_oldest(&mut self) {
        if let Some((_, request)) = self.requests.pop_front() {
            self.bytes -= request.bytes();
        }
    }

    fn forget_old(&mut self, now: Duration) {
        let is_old = |(_, request): &(u64, Arc<InspectedRequest>)| {
            limits::INSPECTED_AGE <= now.saturating_sub(request.answered)
        };
        while self.requests.front().is_some_and(is_old) {
            self.forget_oldest();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(began: u64, bytes: usize) -> InspectedRequest {
        InspectedRequest {
            began: Duration::from_secs(began),
            at: Duration::ZERO,
            request_id: began.to_string(),
            method: "POST".to_owned(),
            target: "/client/profiles".to_owned(),
            headers: vec![],
            body: None,
            status: 202,
            code: None,
            answer: Bytes::from(vec![b'a'; bytes]),
            stored: None,
            answered: Duration::from_secs(began + 1),
        }
    }

    fn company(name: &str) -> CompanyId {
        name.parse().unwrap()
    }

    fn kept(inspector: &Inspector, name: &str, now: u64) -> Vec<String> {
        let list = inspector.list(&company(name), Duration::from_secs(now));
        list.iter().map(|(_, request)| request.request_id.clone()).collect()
    }

    #[test]
    fn a_request_is_found_by_its_id_whatever_its_case() {
        let request = InspectedRequest { request_id: "Seen-A".to_owned(), ..request(1, 1) };
        assert!(request.mentions("seen-a") && !request.mentions("seen-b"));
    }

    #[test]
    fn requests_are_bounded_by_number_and_bytes_and_age() {
        let inspector = Inspector::default();
        for number in 0..limits::INSPECTED_REQUESTS as u64 + 3 {
            inspector.keep(&company("A"), request(number, 10));
        }
        assert_eq!(kept(&inspector, "A", 0).len(), limits::INSPECTED_REQUESTS);
        for number in 200..204 {
            inspector.keep(&company("A"), request(number, limits::INSPECTED_BYTES / 2 - 100));
        }
        assert_eq!(kept(&inspector, "A", 0), ["203", "202"]);
        inspector.keep(&company("A"), request(210, limits::INSPECTED_BYTES + 1));
        assert_eq!(kept(&inspector, "A", 0), ["203", "202"]);
        let age = limits::INSPECTED_AGE.as_secs();
        assert_eq!(kept(&inspector, "A", 203 + age), ["203"]);
        assert!(kept(&inspector, "A", 204 + age).is_empty());
        assert_eq!(inspector.lock().bytes, 0);
    }

    #[test]
    fn all_companies_together_are_bounded_and_none_takes_from_one_that_has_less() {
        let inspector = Inspector::default();
        let full = limits::INSPECTED_BYTES / 2 - 100;
        let companies = limits::INSPECTED_TOTAL_BYTES / limits::INSPECTED_BYTES;
        for number in 0..companies {
            for began in [1, 2] {
                inspector.keep(&company(&format!("C{number}")), request(began, full));
            }
        }
        // A company with less than others takes the oldest of one of them, until it has as much.
        for began in [3, 4, 5] {
            inspector.keep(&company("NEW"), request(began, full));
        }
        let has = |number: usize| kept(&inspector, &format!("C{number}"), 6).len();
        let mut counts: Vec<usize> = (0..companies).map(has).collect();
        counts.sort_unstable();
        assert_eq!(counts[..2], [1, 2], "one has lost one request");
        assert_eq!(kept(&inspector, "NEW", 6), ["5"], "it pays for its later ones itself");
        // And one that would have more than all others loses nothing of them.
        inspector.keep(&company("LARGE"), request(6, limits::INSPECTED_BYTES - 100));
        assert!(kept(&inspector, "LARGE", 7).is_empty());
        let bytes = inspector.lock().bytes;
        assert!(bytes <= limits::INSPECTED_TOTAL_BYTES);
        assert_eq!(bytes, inspector.lock().companies.values().map(|one| one.bytes).sum::<usize>());
        inspector.retain(|_| false);
        assert_eq!(inspector.lock().bytes, 0);
    }

    #[test]
    fn the_numbers_of_requests_tell_a_company_nothing_of_others() {
        let inspector = Inspector::default();
        for began in 1..=3 {
            inspector.keep(&company("A"), request(began, 10));
        }
        inspector.keep(&company("B"), request(4, 10));
        inspector.forget(&company("A"), Duration::from_secs(5));
        inspector.keep(&company("A"), request(6, 10));
        let numbers = |name| {
            let list = inspector.list(&company(name), Duration::from_secs(8));
            list.iter().map(|(number, _)| *number).collect::<Vec<u64>>()
        };
        assert_eq!((numbers("A"), numbers("B")), (vec![4], vec![1]));
    }

    #[test]
    fn a_body_is_kept_once_whether_it_was_encoded_or_not() {
        let body = |encoding, sent: &[u8], decoded: &'static [u8]| InspectedBody {
            sent: SentBody::new(encoding, sent).decoded(),
            decoded: Ok(Bytes::from_static(decoded)),
            read_at: Duration::ZERO,
        };
        let text = &[b'a'; 10_000];
        let bytes = |body| {
            let empty = request(1, 0).bytes();
            InspectedRequest { body: Some(body), ..request(1, 0) }.bytes() - empty
        };
        assert_eq!(bytes(body(ContentEncoding::Identity, text, text)), text.len());
        let encoded = bytes(body(ContentEncoding::Gzip, text, text));
        assert_eq!(encoded, text.len() + limits::INSPECTED_ENCODED_BYTES);
    }

    #[test]
    fn an_erasure_forgets_what_is_kept_and_what_is_under_way() {
        let inspector = Inspector::default();
        inspector.keep(&company("A"), request(1, 10));
        inspector.keep(&company("B"), request(1, 10));
        inspector.forget(&company("A"), Duration::from_secs(5));
        inspector.keep(&company("A"), request(4, 10));
        assert!(kept(&inspector, "A", 6).is_empty());
        inspector.keep(&company("A"), request(6, 10));
        assert_eq!(kept(&inspector, "A", 8), ["6"]);
        assert_eq!(kept(&inspector, "B", 8), ["1"]);
    }
}
