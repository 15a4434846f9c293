//! Trace contexts (W3C): the place of a request in a distributed trace.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    num::{NonZeroU64, NonZeroU128},
    sync::atomic::{AtomicU64, Ordering},
};

/// A trace, and the span of this gateway in it, as the header `traceparent` has them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TraceContext {
    trace: NonZeroU128,
    span: NonZeroU64,
    parent: Option<NonZeroU64>,
    flags: u8,
}

impl TraceContext {
    /// The length of the header of version 00, in bytes.
    pub(crate) const TEXT_BYTES: usize = 55;

    /// The flag of a trace that is recorded.
    const SAMPLED: u8 = 1;

    /// The context of a request that is the first of its trace.
    pub(crate) fn first(ids: TraceIds) -> TraceContext {
        let TraceIds { trace, span, is_sampled } = ids;
        let flags = if is_sampled { TraceContext::SAMPLED } else { 0 };
        TraceContext { trace, span, parent: None, flags }
    }

    /// The context of a request within the trace of this header. `None` if the header is
    /// malformed.
    pub(crate) fn continued(traceparent: &str, ids: TraceIds) -> Option<TraceContext> {
        let (trace, parent, flags) = parent(traceparent)?;
        Some(TraceContext { trace, span: ids.span, parent: Some(parent), flags })
    }

    /// Whether the trace is recorded.
    pub(crate) fn is_sampled(&self) -> bool {
        self.flags & TraceContext::SAMPLED != 0
    }

    /// The ids of the trace, of this span, and of the span of the caller.
    pub(crate) fn ids(&self) -> SpanIds {
        SpanIds { trace: self.trace, span: self.span, parent: self.parent }
    }

    /// The id of the trace: 32 hexadecimal digits.
    pub(crate) fn trace_id(&self) -> impl fmt::Display + use<> {
        let trace = self.trace;
        fmt::from_fn(move |f| write!(f, "{trace:032x}"))
    }
}

/// The header `traceparent` in version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TraceContext { trace, span, flags, parent: _ } = self;
        write!(f, "00-{trace:032x}-{span:016x}-{flags:02x}")
    }
}

/// The ids of a span.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SpanIds {
    pub(crate) trace: NonZeroU128,
    pub(crate) span: NonZeroU64,
    pub(crate) parent: Option<NonZeroU64>,
}

/// The trace, the span and the flags of a header. A header of a later version is read as far as
/// version 00 goes, and only the flag that version 00 defines is kept.
fn parent(traceparent: &str) -> Option<(NonZeroU128, NonZeroU64, u8)> {
    let (known, later) = traceparent.split_at_checked(TraceContext::TEXT_BYTES)?;
    let mut parts = known.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let (span, flags) = (parts.next()?, parts.next()?);
    let is_whole = match version {
        "00" => later.is_empty(),
        "ff" => false,
        _ => later.is_empty() || later.starts_with('-'),
    };
    let [version, span, flags] =
        [(version, 2), (span, 16), (flags, 2)].map(|(digits, length)| hexadecimal(digits, length));
    let (_, trace, span) = (version?, hexadecimal(trace, 32)?, span?);
    let flags = u8::try_from(flags?).ok()?;
    let span = NonZeroU64::new(u64::try_from(span).ok()?)?;
    let is_valid = is_whole && parts.next().is_none();
    Some((NonZeroU128::new(trace)?, span, flags & TraceContext::SAMPLED)).filter(|_| is_valid)
}

/// The value of so many lower-case hexadecimal digits.
fn hexadecimal(digits: &str, length: usize) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_whole = digits.len() == length && digits.bytes().all(is_digit);
    u128::from_str_radix(digits, 16).ok().filter(|_| is_whole)
}

/// New ids for one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TraceIds {
    /// The id of the trace, if the request begins one, and of the request, if it has none.
    pub(crate) trace: NonZeroU128,
    span: NonZeroU64,
    /// Whether the trace is recorded, if the request begins one.
    is_sampled: bool,
}

/// Makes ids for requests. They are different in each process, and do not show how many requests
/// there were. Making them allocates nothing and takes no lock.
#[derive(Debug, Default)]
pub(crate) struct TraceIdGenerator {
    /// Keyed hashes of the number of the request.
    keys: [RandomState; 3],
    requests: AtomicU64,
    /// Of 100 traces that begin here, how many are recorded.
    sample_percent: u8,
}

impl TraceIdGenerator {
    /// A generator that records so many of 100 traces.
    pub(crate) fn sampling(sample_percent: u8) -> TraceIdGenerator {
        TraceIdGenerator { sample_percent, ..TraceIdGenerator::default() }
    }

    pub(crate) fn next(&self) -> TraceIds {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let [high, low, span] = self.keys.each_ref().map(|key| key.hash_one(number));
        let trace = u128::from(high) << u64::BITS | u128::from(low);
        TraceIds {
            trace: NonZeroU128::new(trace).unwrap_or(NonZeroU128::MIN),
            span: NonZeroU64::new(span).unwrap_or(NonZeroU64::MIN),
            is_sampled: low % 100 < u64::from(self.sample_percent),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn continued(traceparent: &str) -> Option<String> {
        let ids = TraceIdGenerator::default().next();
        TraceContext::continued(traceparent, ids).map(|context| context.to_string())
    }

    #[test]
    fn a_trace_is_continued_in_a_span_of_its_own() {
        let sent = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let answered = continued(&sent).unwrap();
        assert_eq!(answered.len(), TraceContext::TEXT_BYTES);
        assert_eq!(answered[..36], sent[..36]);
        assert_ne!(answered[36..52], sent[36..52]);
        assert_eq!(&answered[52..], "-01");
    }

    #[test]
    fn a_later_version_is_continued_as_version_00() {
        for rest in ["", "-", "-what-the-future-will-be-like"] {
            let answered = continued(&format!("cc-{TRACE}-00f067aa0ba902b7-ff{rest}")).unwrap();
            assert!(answered.starts_with(&format!("00-{TRACE}-")), "{answered}");
            assert!(answered.ends_with("-01"), "{answered}");
        }
    }

    #[test]
    fn a_malformed_header_is_not_continued() {
        let span = "00f067aa0ba902b7";
        for sent in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{span}"),
            format!("00-{TRACE}-{span}-1"),
            format!("00-{TRACE}-{span}-01-"),
            format!("00-{TRACE}-{span}-011"),
            format!("cc-{TRACE}-{span}-01."),
            format!("ff-{TRACE}-{span}-01"),
            format!("0x-{TRACE}-{span}-01"),
            format!("00-{}-{span}-01", TRACE.to_uppercase()),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}-{span}-0g"),
            format!("00-{TRACE}0-{}-01", &span[1..]),
            format!("00-+{}-{span}-01", &TRACE[1..]),
            format!("00-{}é-{span}-01", &TRACE[2..]),
            format!(" 00-{TRACE}-{span}-01"),
        ] {
            assert_eq!(continued(&sent), None, "{sent:?}");
        }
    }

    #[test]
    fn ids_are_different_in_each_request_and_each_process() {
        let one = TraceIdGenerator::default();
        let other = TraceIdGenerator::default();
        let made: HashSet<_> = (0..1_000)
            .flat_map(|_| [one.next(), other.next()])
            .map(|ids| (ids.trace, ids.span))
            .collect();
        assert_eq!(made.len(), 2_000);
    }

    proptest! {
        #[test]
        fn no_header_is_answered_by_one_that_is_malformed(
            text in "\\PC{0,80}|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}[-a-f]{0,3}",
        ) {
            if let Some(answered) = continued(&text) {
                prop_assert!(continued(&answered).is_some());
            }
        }
    }
}
