//! Every bound of the console, with its reason.

use std::time::Duration;

use crate::capacity::rate_limit::RateLimit;

/// The sessions of the console at a time: far more than a company has operators. The one that was
/// unused for the longest time ends for a new one.
pub const CONSOLE_SESSIONS: usize = 256;

/// The private keys of one session, each of another company.
pub const CONSOLE_KEYS: usize = 16;

/// The sessions of one private key at a time, so that its holder ends no sessions of others.
pub const CONSOLE_KEY_SESSIONS: usize = 32;

/// The time after which an unused session of the console ends, as of a browser that was left open.
pub const CONSOLE_IDLE: Duration = Duration::from_mins(30);

/// The time after which every session of the console ends: a working day.
pub const CONSOLE_SESSION_LIFE: Duration = Duration::from_hours(12);

/// The sign-ins of one client network to the console. A key has 136 random bits, so this bounds
/// what the log says about attempts and what they cost.
pub const CONSOLE_SIGN_INS: RateLimit = RateLimit::constant(10, 30);

/// The size of a form of the console, in bytes: the body of a request of the largest size, each
/// byte of it percent-encoded, and some fields.
pub const CONSOLE_FORM_BYTES: usize = 320 * 1024;

/// The fields of a form of the console. The largest one edits all attributes of a person.
pub const CONSOLE_FORM_FIELDS: usize = 256;

/// The live views of the console at a time: a quarter of the connections to the admin listener.
pub const CONSOLE_STREAMS: usize = 8;

/// The live views of one company at a time, so that each of two has its share.
pub const CONSOLE_COMPANY_STREAMS: usize = CONSOLE_STREAMS / 2;

/// The time after which a live view looks for what is new.
pub const CONSOLE_LIVE_PERIOD: Duration = Duration::from_secs(1);

/// The outcomes, and the refusals, that a live view shows of each period. Others are counted.
pub const CONSOLE_LIVE_ITEMS: usize = 50;

/// The exports of the console at a time. Each uses the store at most half of the time.
pub const CONSOLE_EXPORTS: usize = 2;

/// Those of one company, so that each of two has its share.
pub const CONSOLE_COMPANY_EXPORTS: usize = CONSOLE_EXPORTS / 2;

/// The profiles that an export looks at in one step, which takes some milliseconds.
pub const CONSOLE_EXPORT_STEP: usize = 256;

/// The bytes of what is written of them after which a step ends, although it has looked at fewer.
pub const CONSOLE_EXPORT_STEP_BYTES: usize = 256 * 1024;

/// The longest pause of an export after a step. It pauses for as long as it read, which is longer
/// only if the disk hangs.
pub const CONSOLE_EXPORT_PAUSE: Duration = Duration::from_secs(1);

/// The size of a part that an export hands over, in bytes.
pub const CONSOLE_EXPORT_PART_BYTES: usize = 64 * 1024;

/// The parts that wait until the receiver has read earlier ones.
pub const CONSOLE_EXPORT_PARTS: usize = 1;

/// The time in which the receiver has to take a part, so that none keeps others from exporting: one
/// kilobyte in a second.
pub const CONSOLE_EXPORT_STALL: Duration = Duration::from_mins(1);

/// The ended exports that the console shows, of all companies. One takes some 200 bytes.
pub const CONSOLE_ENDED_EXPORTS: usize = 256;

/// Those of one company.
pub const CONSOLE_COMPANY_ENDED_EXPORTS: usize = 16;

/// The refused requests that the console shows, of all companies. One takes some 200 bytes.
pub const CONSOLE_REFUSALS: usize = 1_024;

/// Those of one company, of which a flood leaves the refusals of others.
pub const CONSOLE_COMPANY_REFUSALS: usize = CONSOLE_REFUSALS / 4;

/// The requests of one company that the inspector keeps.
pub const INSPECTED_REQUESTS: usize = 100;

/// The bytes of them: the largest requests of clients twenty times.
pub const INSPECTED_BYTES: usize = 2 * 1024 * 1024;

/// The bytes of an encoded body that the inspector keeps as they were sent: enough to recognize its
/// coding.
pub const INSPECTED_ENCODED_BYTES: usize = 16;

/// Those of a body that cannot be decoded: enough to see what was sent instead.
pub const INSPECTED_UNDECODED_BYTES: usize = 512;

/// The bytes that the inspector shows of what is no text. Each takes up to four characters.
pub const INSPECTED_SHOWN_BYTES: usize = 4 * 1024;

/// The bytes of the kept requests of all companies.
pub const INSPECTED_TOTAL_BYTES: usize = 32 * 1024 * 1024;

/// The time for which the inspector keeps a request.
pub const INSPECTED_AGE: Duration = Duration::from_hours(1);

/// The time between two samples of the metrics that the console charts.
pub const METRIC_SAMPLE: Duration = Duration::from_mins(1);

/// The samples for the charts of an hour: one more than there are minutes.
pub const HOUR_SAMPLES: usize = 61;

/// The minutes between two samples for the charts of a day.
pub const DAY_SAMPLE_MINUTES: usize = 5;

/// The samples for the charts of a day. Those of both charts have some 70 values each: 3 MB.
pub const DAY_SAMPLES: usize = 24 * 60 / DAY_SAMPLE_MINUTES + 1;

/// The minutes of which the requests of single companies are kept: one more than a rule looks back.
/// Those of as many companies as have metrics of their own take a megabyte.
pub const COMPANY_SAMPLES: usize = 16;

/// The people on one page of a list in the console.
pub const CONSOLE_PAGE: usize = 25;

/// The push tokens of a person that a page shows: as many as a profile keeps.
pub const CONSOLE_PUSH_TOKENS: usize = profile_store::limits::PUSH_TOKENS;

/// The companies whose last count of profiles is kept. One takes some 100 bytes.
pub const PROFILE_COUNTS: usize = 1_024;

/// The age from which a count of profiles is made again when the overview is looked at.
pub const PROFILE_COUNT_AGE: Duration = Duration::from_mins(5);

/// How many times longer than a count takes there is none after it: 2 % of the time at most.
pub const PROFILE_COUNT_SHARE: u32 = 50;

/// How many times longer than a step of a count takes the count pauses after it: it uses a fifth of
/// one processor.
pub const PROFILE_COUNT_PAUSES: u32 = 4;

/// The shortest pause of a count after a step, in which others have the processor and the disk.
pub const PROFILE_COUNT_PAUSE: Duration = Duration::from_millis(1);

/// The time for which the overview waits for a count, so that a small store is shown counted.
pub const PROFILE_COUNT_WAIT: Duration = Duration::from_millis(20);
