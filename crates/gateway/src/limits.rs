//! Every bound of the gateway, with its reason.

mod console;
mod networks;
mod transfers;

use std::{ops::RangeInclusive, time::Duration};

pub use self::{console::*, networks::*, transfers::*};
use crate::capacity::rate_limit::RateLimit;

/// The default time for a response to be computed and read, on top of the time for the request to
/// arrive. A disk that stalls for longer is failing.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The configurable number of anonymous ids per profile. Each costs a few bytes of every write, and
/// each lets one more shared device attach itself.
pub const ANONYMOUS_IDS_RANGE: RangeInclusive<u64> = 1..=256;

/// The configurable factor on the rate limits of `/api`.
pub const API_FACTOR_RANGE: RangeInclusive<u64> = 1..=1_000;

/// The rate limit of the endpoint of `/api` that erases, which the original limits most.
pub const API_SMALL: RateLimit = RateLimit::constant(3, 60);

/// The rate limit of an endpoint of `/api` that does much work per request, as the original
/// documents it.
pub const API_MEDIUM: RateLimit = RateLimit::constant(10, 150);

/// The rate limit of every other endpoint of `/api`, as the original documents it since 2026-04-08.
pub const API_LARGE: RateLimit = RateLimit::constant(75, 750);

/// The largest number of portions of each body budget; a company may use one. With fewer companies
/// there are as many portions as companies, since an unused portion would only cause refusals.
pub const COMPANY_PORTIONS: usize = 4;

/// The admin keys: one for each program that makes backups, and a new one while another is
/// replaced.
pub const ADMIN_KEYS: usize = 8;

/// The time in which the archive of the journal has to say which files it has, and whether it can
/// be written to. One on another machine takes milliseconds. Longer waits would hold up a start.
pub const ARCHIVE_ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The default time between two steps that bring the archive of the journal up to date.
pub const ARCHIVE_PERIOD: Duration = Duration::from_mins(1);

/// The configurable time between two such steps. Each archived file is synced, so more often would
/// cost commits.
pub const ARCHIVE_SECONDS_RANGE: RangeInclusive<u64> = 5..=86_400;

/// The time in which a gateway has to begin to send a backup. It first checkpoints what was
/// committed, which takes seconds.
pub const BACKUP_BEGIN_TIMEOUT: Duration = Duration::from_mins(5);

/// The time in which the admin listener of a gateway has to accept a connection.
pub const BACKUP_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The size of a frame of a backup. A page of entries is at most
/// [`PAGE_BYTES`](profile_store::limits::PAGE_BYTES) and one entry, of which results of bulk
/// imports are the largest: some megabytes each, and 42 MB if all their texts have the greatest
/// length. A batch of the journal is as large as a commit. Both are smaller by far.
pub const BACKUP_FRAME_BYTES: usize = 256 * 1024 * 1024;

/// The frames of a backup that are made before the receiver has read earlier ones.
pub const BACKUP_FRAMES_AHEAD: usize = 4;

/// The time for which a request for a backup waits until an earlier one has ended.
pub const BACKUP_PERMIT_WAIT: Duration = Duration::from_secs(10);

/// What `gateway backup` shows of the response of a gateway that refuses.
pub const BACKUP_REFUSAL_BYTES: u64 = 1_024;

/// The backups that are sent at a time. Each keeps what is replaced meanwhile on the disk.
pub const BACKUPS_AT_ONCE: usize = 1;

/// The time after which the admin listener closes a connection on which a command waits for a
/// backup or for the rows of an import: longer than commands wait, so that they say what is wrong.
pub const ADMIN_DEADLINE: Duration = Duration::from_mins(11);

/// The connections to the admin listener. Operators need few, and only they can reach its address.
pub const ADMIN_CONNECTIONS: usize = 32;

/// The connections of one network to the admin listener: half of all, so that a program with slow
/// requests leaves the other half to health checks from elsewhere.
pub const ADMIN_NETWORK_CONNECTIONS: usize = ADMIN_CONNECTIONS / 2;

/// The files of the admin listener: [`ADMIN_CONNECTIONS`], and as many that are being closed, and
/// as many that are being accepted.
pub const ADMIN_FILES: usize = 3 * ADMIN_CONNECTIONS;

/// The client connections that were accepted and are not admitted or refused yet. Further ones wait
/// in the queue of the system until a worker has time for these.
pub const ARRIVING_CONNECTIONS: usize = 128;

/// The client connections that were closed to admit others, and whose worker has not closed their
/// file yet. A worker admits 128 connections before it looks at others. With many connections there
/// may be more: one for each [`CLOSING_DIVISOR`].
pub const CLOSING_CONNECTIONS: usize = 256;

/// The client connections for each one that is being closed.
pub const CLOSING_DIVISOR: usize = 16;

/// The connections that wait in the queue of the system until they are accepted: as many as Linux
/// allows by default. With the 128 of the standard library, a client that connects while others
/// open thousands tries again a second later.
pub const BACKLOG: u32 = 4_096;

/// The size of a file with certificates or a private key, in bytes. Each certificate has 1 to 3 KB.
pub const CERTIFICATE_BYTES: u64 = 256 * 1024;

/// The certificates of one file: that of the gateway, and those that lead to one that clients
/// trust. There are usually two or three, and clients accept ten at most.
pub const CERTIFICATES: usize = 10;

/// The time before the end of a certificate from which the log warns at each start and reload.
pub const CERTIFICATE_NOTICE: Duration = Duration::from_hours(14 * 24);

/// The addresses of client listeners, and those of admin listeners: each needs an open file, and
/// a longer list is likelier a mistake.
pub const LISTEN_ADDRESSES: usize = 8;

/// The length of the path of a unix socket, in bytes, as Linux limits it.
pub const SOCKET_PATH_BYTES: usize = 107;

/// The bytes of client bodies that may be arriving at a time, over all connections, without the
/// first [`BODY_FREE_BYTES`] of each. A slow sender can occupy them for [`BODY_TIMEOUT`]. A quarter
/// of them is 170 of the largest bodies.
pub const ARRIVING_BYTES: usize = 64 * 1024 * 1024;

/// The same for bodies with a private key. A quarter of it is three of the largest bulk imports.
pub const SERVER_ARRIVING_BYTES: usize = 64 * 1024 * 1024;

/// The bytes of a body that are not counted while it arrives. Requests of browsers and apps are a
/// few hundred bytes, so a flood of large bodies does not cause their refusal. A connection has
/// twice as many bytes of buffers in any case.
pub const BODY_FREE_BYTES: usize = 4 * 1024;

/// The default time for a body to arrive after its head. A client that needs more for 100 KB is
/// served better by a retry.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The default time for the body of a bulk import to arrive: 5 MB at 170 KB a second. Only a
/// request with a private key gets this time, and only its connection gets the longer deadline.
pub const IMPORT_BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The default rate limit of the client endpoint, as the original documents it.
pub const CLIENT_RATE_LIMIT: RateLimit = RateLimit::constant(350, 3_500);

/// The blocks of addresses of trusted proxies. The largest providers publish about two hundred.
pub const TRUSTED_PROXIES: usize = 256;

/// The addresses of one request that are looked at in a header of proxies: more than a request
/// passes proxies. Each is compared with all of [`TRUSTED_PROXIES`].
pub const FORWARDED_HOPS: usize = 32;

/// The push tokens of one page if the response includes their profiles, of which each may be one of
/// the largest: 4 MiB.
pub const TOKENS_WITH_PROFILES: usize = 16;

/// The rate limit of `/openapi.json` over all callers, who need no key: 36 MB in a minute.
pub const OPENAPI_RATE_LIMIT: RateLimit = RateLimit::constant(20, 300);

/// The same of one client network: a fifth, so that one stranger leaves others the rest.
pub const OPENAPI_NETWORK_RATE_LIMIT: RateLimit = RateLimit::constant(4, 60);

/// The length of the short rate-limit window, as the original documents it.
pub const BURST_WINDOW: Duration = Duration::from_secs(1);

/// The default memory for the cache of the store, in MiB: a quarter of a machine with 4 GiB, once
/// there are enough profiles to fill it.
pub const CACHE_MIB: u64 = 1_024;

/// The configurable memory for the cache of the store, in MiB. sled keeps pages that it would evict
/// before they are flushed, and does not count them: with 64 MiB and 600,000 profiles the process
/// took 1.9 GB, with 256 MiB 0.4 GB. Above 64 GiB a typing error is likelier than the machine.
pub const CACHE_MIB_RANGE: RangeInclusive<u64> = 256..=65_536;

/// A checkpoint that makes no progress for longer makes the gateway unready. Usual steps of it take
/// milliseconds, and the store fails after five minutes.
pub const CHECKPOINT_STALL: Duration = Duration::from_mins(1);

/// The companies in one configuration. Each costs a few hundred bytes while the process runs, so
/// the full number costs tens of megabytes.
pub const COMPANIES: usize = 100_000;

/// The companies that have metrics of their own. A company that uses every endpoint and gets every
/// error has some 200 series; usual ones have ten, and a Prometheus copes with some million.
pub const COMPANIES_WITH_SERIES: usize = 1_000;

/// The time for each step of sending spans to a collector. Only their own thread waits.
pub const COLLECTOR_TIMEOUT: Duration = Duration::from_secs(2);

/// The bytes that are read of the answer of a collector, of which only the status counts.
pub const COLLECTOR_ANSWER_BYTES: u64 = 64 * 1024;

/// The time of a flush of a quick disk, for estimates.
pub const FAST_FLUSH: Duration = Duration::from_millis(1);

/// The time of a flush of a disk that turns, or of a volume on a network, for estimates.
pub const SLOW_FLUSH: Duration = Duration::from_millis(20);

/// The disk space that one commit of a migration takes, for estimates: a record of the journal, and
/// the pages of the table that hold its two entries, each written anew with the pages that lead to
/// it.
pub const MIGRATION_COMMIT_BYTES: u64 = 64 * 1024;

/// The time between two lines of a command that say how far it is, where there is no terminal.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// The cache of each of the two stores of a compaction. A compaction reads and writes each entry
/// once and in order, so a larger cache would hold entries that are not read again.
pub const COMPACTION_CACHE_BYTES: u64 = 128 * 1024 * 1024;

/// The default number of client connections: more than ten thousand idle ones. For a further one,
/// an idle one is closed.
pub const CONNECTIONS: usize = 16_384;

/// How often closed connections are looked at for the log.
pub const CONNECTIONS_EVERY: Duration = Duration::from_millis(500);

/// The time without a closed connection after which the log says that no more are closed. A flood
/// that pauses for less is one flood.
pub const CONNECTIONS_QUIET: Duration = Duration::from_secs(10);

/// The default number of client connections of one network. A browser or an app keeps one, and idle
/// ones are closed for new ones, so an office or a school behind one address gets along with it. It
/// takes 32 networks to fill [`CONNECTIONS`] with slow requests.
pub const NETWORK_CONNECTIONS: usize = 512;

/// The configurable number of client connections. Above a million a typing error is likelier than
/// the machine.
pub const CONNECTIONS_RANGE: RangeInclusive<u64> = 1..=1_000_000;

/// The size of a configuration file, in bytes: [`COMPANIES`] companies at about 600 bytes of TOML
/// each, rounded up. It bounds what a wrong path can read.
pub const CONFIGURATION_BYTES: u64 = 64 * 1024 * 1024;

/// The default time that a commit may wait for the disk. A busy disk answers within a second.
pub const DISK_WAIT: Duration = Duration::from_secs(5);

/// The time from which a commit that waits for the disk counts as slow: requests that have waited
/// for [`DISK_WAIT`], behind one commit or several, are refused then. A busy disk answers sooner,
/// so that a wait for a processor or for the requests of others is seldom taken for this one. It is
/// the shortest [`DISK_WAIT`] that can be configured.
pub const SLOW_COMMIT: Duration = Duration::from_secs(1);

/// How often the age of the oldest commit is looked at for the log. Requests look for themselves.
pub const DISK_WAIT_EVERY: Duration = Duration::from_millis(200);

/// How often the free disk space is measured, by one system call. A disk that takes 256 MiB in that
/// time is faster than the journal is written.
pub const DISK_SPACE_EVERY: Duration = Duration::from_millis(500);

/// The default free disk space below which requests of clients are refused, in MiB: as much again
/// as [`SERVER_FREE_MIB`], so that a company's own programs write on while space is made.
pub const CLIENT_FREE_MIB: u64 = 512;

/// The default free disk space below which all writes but erasures are refused, in MiB. What was
/// accepted needs up to 120 MiB for the files of the journal. A checkpoint adds up to 36 MiB of new
/// data to the table, and 24 MiB for the copies of pages in its last transactions.
pub const SERVER_FREE_MIB: u64 = 256;

/// How often a process that is to end after a failed write looks for one.
pub const FAILED_WRITE_EVERY: Duration = Duration::from_millis(200);

/// The configurable free disk space in MiB. Zero refuses nothing. Above 16 TiB a typing error is
/// likelier than the disk.
pub const FREE_MIB_RANGE: RangeInclusive<u64> = 0..=16 * 1024 * 1024;

/// The default disk space that is reserved, in MiB: what a start after a crash and one checkpoint
/// write, as at [`SERVER_FREE_MIB`]. The rest is for erasures.
pub const RESERVE_MIB: u64 = 128;

/// The configurable reserve in MiB. Zero reserves nothing. More than 16 GiB serve no purpose.
pub const RESERVE_MIB_RANGE: RangeInclusive<u64> = 0..=16 * 1024;

/// The part of a mark that must be free above it until requests are accepted again.
pub const DISK_MARGIN_DIVISOR: u64 = 8;

/// Seconds after which a request that was refused for want of space may be repeated. Space is made
/// by people, not by time.
pub const DISK_FULL_RETRY_SECONDS: u64 = 60;

/// The time for the rest of an unneeded body to arrive. It has usually arrived already, and a
/// client does not notice a delay of this length.
pub const DISCARD_TIMEOUT: Duration = Duration::from_millis(250);

/// The time for a peer to notice that its connection was closed.
pub const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The default time for requests in flight when the process is to stop. Containers are killed ten
/// seconds after they are asked to stop, and the store has to be closed before that.
pub const DRAIN: Duration = Duration::from_secs(8);

/// How long `gateway health` waits for a connection, and for each part of the answer: less than
/// supervisors wait for it.
pub const HEALTH_CHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// The bytes of an answer that `gateway health` reads: more than all reasons together have.
pub const HEALTH_CHECK_BYTES: u64 = 64 * 1024;

/// The keys that seal or open exchange tokens: the current one, and those it replaced during the
/// life of a token.
pub const EXCHANGE_KEYS: usize = 16;

/// The size of a file with secret keys, in bytes: [`EXCHANGE_KEYS`] lines, and room for as many
/// again. It bounds what a wrong path can read.
pub const SECRET_FILE_BYTES: u64 = 4 * 1024;

/// The signature keys of one company: the current one, and those it replaces.
pub const SIGNATURE_KEYS: usize = 4;

/// The default life of an exchange token, in days. A thief can use a copied token for as long, so
/// it is a month and not the two years for which the original's script keeps its cookie.
pub const EXCHANGE_TOKEN_DAYS: u64 = 30;

/// The life of an exchange token in days: at most that of the cookie in which browsers store it.
pub const EXCHANGE_TOKEN_DAYS_RANGE: RangeInclusive<u64> = 1..=730;

/// The members of one gzip body. Every encoder in use writes one. Each further member costs a reset
/// of the decoder, 3 µs for 20 bytes, so without a bound a body of 100 KB would cost 17 ms and
/// yield nothing.
pub const GZIP_MEMBERS: usize = 64;

/// The default time for the head of a request to arrive.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// The default time an idle connection is kept open: longer than the 60 s after which common load
/// balancers close theirs, so that the load balancer closes first.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// The bytes of client bodies over [`BODY_FREE_BYTES`] that were read and not yet answered: 81 of
/// the largest, and 20 in a quarter. A parsed body takes up to 24 times its size (an array of
/// one-digit numbers to append), so this is 192 MiB.
pub const HELD_BYTES: usize = 8 * 1024 * 1024;

/// The same for bodies with a private key, whose rate limits are lower: 40 of the largest, and 10
/// in a quarter.
pub const SERVER_HELD_BYTES: usize = 4 * 1024 * 1024;

/// The same for smaller client bodies. They have a budget of their own, so that a flood of large
/// ones does not cause their refusal. It holds more bodies of the usual size than the queue of a
/// company, and a quarter holds four seconds of a company's burst. Parsed, it is at most 96 MiB.
pub const HELD_SMALL_BYTES: usize = 4 * 1024 * 1024;

/// The same for smaller bodies with a private key.
pub const SERVER_HELD_SMALL_BYTES: usize = 2 * 1024 * 1024;

/// The bytes of bulk imports that were read and not yet answered: eight of the largest, and two in
/// a quarter, one that runs and one that waits. They have a budget of their own, so that an import
/// takes no memory of other requests.
pub const IMPORT_BYTES: usize = 40_000_000;

/// The private keys of one company: enough for a key per service, few enough to review.
pub const KEYS_PER_COMPANY: usize = 64;

/// The length of a key's name, in bytes. It is for people and appears in logs.
pub const KEY_NAME_BYTES: usize = 64;

/// The length of an origin, in bytes: a host name has at most 253, and 67 remain for the scheme and
/// the port.
pub const ORIGIN_BYTES: usize = 320;

/// The allowed origins of one company. Every request from a browser is compared with each, so the
/// list must stay short.
pub const ORIGINS_PER_COMPANY: usize = 64;

/// The configurable number of merges into one profile: from none to as many as a record of 160 KB
/// can list.
pub const MERGES_RANGE: RangeInclusive<u64> = 0..=10_000;

/// The configurable number of days for which replaced values are kept. Zero keeps none. What has
/// not been missed for a year is not needed.
pub const REPLACED_DAYS_RANGE: RangeInclusive<u64> = 0..=365;

/// The configurable number of days that an outcome is kept.
pub const OUTCOME_DAYS_RANGE: RangeInclusive<u64> = 1..=3_650;

/// The configurable number of outcomes kept per company.
pub const OUTCOMES_RANGE: RangeInclusive<u64> = 1..=1_000_000_000;

/// The configurable number of outcomes kept per profile: a page of its history at most, since each
/// is looked for when outcomes are removed.
pub const PROFILE_OUTCOMES_RANGE: RangeInclusive<u64> = 0..=100;

/// The time that browsers may cache the response to a preflight: a day, the longest that any of
/// them honours.
pub const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(24);

/// The length of the list of headers that a preflight may ask for, in bytes. The response repeats
/// the list.
pub const PREFLIGHT_HEADERS_BYTES: usize = 1_024;

/// The files a process needs open besides admitted client connections: the store's, the listeners,
/// the runtime's, a configuration file to reload, the admin connections, and the client connections
/// that are being accepted.
pub const OTHER_FILES: usize = 64 + ADMIN_FILES + ARRIVING_CONNECTIONS;

/// The files that each worker has open besides its connections: its event queue, a pipe to wake it,
/// and those of its runtime.
pub const FILES_PER_WORKER: usize = 8;

/// Requests of development mode that are stored and not answered yet. More are answered without a
/// result in their line.
pub const DEVELOPMENT_RESULTS: usize = 1_024;

/// The default number of log lines about refused requests of one company in a second: enough to see
/// every refusal of a shop on an ordinary day, and 5 KB a second of a flood.
pub const REFUSAL_LINES: u32 = 10;

/// The configurable number of such lines. Zero logs none, and says how many there would have been.
pub const REFUSAL_LINES_RANGE: RangeInclusive<u64> = 0..=10_000;

/// The companies whose log lines about refused requests are counted apart in one second. The others
/// share one count, so a flood in the names of all companies does not fill the memory or the disk.
pub const COMPANIES_WITH_LINES: usize = 1_024;

/// A lane for which a company has waited for its turn for longer makes the gateway unready. No
/// pause of a company takes a second.
pub const LANE_STALL: Duration = Duration::from_secs(10);

/// How often the log says how many lines about refused requests were left out: once for each second
/// of the count.
pub const LEFT_OUT_EVERY: Duration = Duration::from_secs(1);

/// The errors of one refused request whose pointers and ids are logged. A request may have a
/// hundred errors, and the first ones are enough to find it.
pub const LOGGED_ERRORS: usize = 10;

/// The length of a user agent in the log, in bytes before it is escaped. Browsers send 80 to 150.
pub const LOGGED_USER_AGENT_BYTES: usize = 200;

/// The bytes of a user agent that are read to decide what is shown of it. A phone number of which
/// the first digit is shown ends among them.
pub const EXAMINED_USER_AGENT_BYTES: usize = LOGGED_USER_AGENT_BYTES + 64;

/// The most digits of a number in the log that a user agent has. A phone number has more.
pub const LOGGED_DIGITS: usize = 6;

/// The parts of a path in the log. No endpoint has more than five.
pub const LOGGED_PATH_PARTS: usize = 8;

/// The configurable rate limit. Above a million per window the limit protects nothing.
pub const REQUESTS_RANGE: RangeInclusive<u64> = 1..=1_000_000;

/// The default percentage of the traces begun here that are recorded.
pub const SAMPLE_PERCENT: u8 = 100;

/// The configurable percentage. Zero records only traces that a caller records.
pub const SAMPLE_PERCENT_RANGE: RangeInclusive<u64> = 0..=100;

/// The configurable number of secondary emails per profile.
pub const SECONDARY_EMAILS_RANGE: RangeInclusive<u64> = 0..=64;

/// The placeholders that a company may add to the list, or remove from it. Each identifier is
/// compared with all of them.
pub const PLACEHOLDERS_PER_COMPANY: usize = 256;

/// Spans that wait to be exported, each of some 500 bytes. If a collector hangs for a second, none
/// of 4,000 requests a second is lost.
pub const SPAN_QUEUE: usize = 4_096;

/// Spans that are sent at a time.
pub const SPAN_BATCH: usize = 512;

/// How long a span waits for others to be sent with it.
pub const SPAN_DELAY: Duration = Duration::from_secs(1);

/// The length of the long rate-limit window, as the original documents it.
pub const STEADY_WINDOW: Duration = Duration::from_mins(1);

/// The configurable times of a connection, in seconds. No client waits longer than an hour.
pub const TIMEOUT_SECONDS_RANGE: RangeInclusive<u64> = 1..=3_600;

/// The configurable number of worker threads. Above 1,024 a typing error is likelier than the
/// machine.
pub const WORKERS_RANGE: RangeInclusive<u64> = 1..=1_024;

/// The largest page of profiles, outcomes or imports, as the original documents it.
pub const PAGE: usize = 100;

/// The default page of profiles, outcomes or imports.
pub const PAGE_DEFAULT: usize = 20;

/// The names in one `fields[profile]`. There are thirty without the properties.
pub const SPARSE_FIELDS: usize = 200;

/// The bulk imports that run at a time, at most one per company. An import of 5 MB takes up to 120
/// MB while it runs, 24 times its size, and occupies [`IMPORT_ROWS_WAITING`] entries of the queue.
/// Two keep the store busy.
pub const IMPORTS_AT_ONCE: usize = 2;

/// The time a bulk import waits for a slot: about twenty imports ahead of it, of its company and of
/// others.
pub const IMPORT_WAIT: Duration = Duration::from_secs(20);

/// The rows of one bulk import that wait for a commit at a time: as many as one flush takes, and a
/// quarter of the company's queue, so that other requests fit into it.
pub const IMPORT_ROWS_WAITING: usize = 256;

/// The size from which a body is decompressed and parsed on a blocking thread. The requests of
/// browsers and apps are far smaller, and a switch of threads would cost them more than it saves.
pub const LARGE_BODY_BYTES: usize = 32 * 1024;

/// The large bodies that are decompressed or parsed at a time, at most one per company. They
/// occupy two processors at most, and a company waits for at most one body of each other company.
pub const LARGE_BODIES_AT_ONCE: usize = 2;

/// The repairs that run at a time, at most one per company. Each holds what one sender did, and one
/// profile.
pub const REPAIRS_AT_ONCE: usize = 2;

/// The time a large body waits for its slot: hundreds of bodies ahead of it.
pub const LARGE_BODY_WAIT: Duration = Duration::from_secs(20);

/// The length of the host in links, in bytes: the longest host name, and a port.
pub const HOST_BYTES: usize = 260;

/// The length of a request line in which characters may stand that are not percent-encoded, in
/// bytes: more than the largest filter, of which each byte is encoded.
pub const REQUEST_LINE_BYTES: usize = 64 * 1_024;

/// The maximum of identifiers in a list for `gateway verify --erased`: more people than are erased
/// in a year. The search takes some 3 KB of memory for each.
pub const ERASED_LINES: usize = 100_000;

/// The maximum size of an identifier in that list, in bytes: an identifier has at most 255, and a
/// number may be written with spaces.
pub const ERASED_LINE_BYTES: usize = 512;

/// The maximum size of that list, in bytes.
pub const ERASED_BYTES: usize = 10 * 1_024 * 1_024;

/// How many bytes of a file are searched at a time.
pub const ERASED_CHUNK: usize = 1_024 * 1_024;

/// The maximum size of an identifier of a failed row of an import that is kept, in bytes of JSON:
/// so that five of them are no more than the store keeps. The longest real ones have 100.
pub const IMPORT_SENT_BYTES: usize = 384;
