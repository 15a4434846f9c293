//! The bounds on imports and exports of files, and on deletions and copies of companies.

use std::time::Duration;

/// The size of a row in a file that is imported, in bytes. The largest profiles take a quarter of a
/// megabyte, and a table doubles the quotes of their properties.
pub const TRANSFER_ROW_BYTES: usize = 1024 * 1024;

/// The columns of a table that is imported: more than the properties that a profile may have.
pub const TRANSFER_COLUMNS: usize = 1_100;

/// The headers that an error lists.
pub const TRANSFER_HEADERS_SHOWN: usize = 20;

/// The properties in one body that `gateway import` makes, in bytes: with everything else they have
/// to fit into a body of `POST /api/profile-import`. A row with more has several bodies.
pub const TRANSFER_PROPERTIES_BYTES: usize = 48 * 1024;

/// The bodies of one row. A profile has some dozens of devices at most.
pub const TRANSFER_DOCUMENTS: usize = 1_000;

/// The bytes of the bodies of one row: with the rows before it, they fit into a part. The bodies of
/// the largest profiles have a quarter of a megabyte.
pub const TRANSFER_DOCUMENTS_BYTES: usize = 4 * 1024 * 1024;

/// The faults of one row that are told one by one. The answer to a part has those of all its rows.
pub const TRANSFER_FAULTS: usize = 10;

/// The rows that `gateway import` sends at a time. So many are at most sent again after it was
/// killed.
pub const TRANSFER_PART_ROWS: usize = 500;

/// The bytes of bodies after which it sends them although there are fewer rows.
pub const TRANSFER_PART_BYTES: usize = 1024 * 1024;

/// The size of such a request, and of the answer to it. The last row may be a large one.
pub const TRANSFER_BODY_BYTES: usize = 8 * 1024 * 1024;

/// The time that a gateway has for such a request: rows wait while other companies are served.
pub const TRANSFER_PART_TIMEOUT: Duration = Duration::from_mins(10);

/// How often such a request is sent if the gateway cannot take it.
pub const TRANSFER_ATTEMPTS: u32 = 5;

/// The pause before such a request is sent again.
pub const TRANSFER_RETRY: Duration = Duration::from_secs(2);

/// The outcomes that are read at a time to find which rows are stored already.
pub const TRANSFER_OUTCOMES: usize = 1_000;

/// How often a part looks whether its rows are on disk, before it gives up: for a minute.
pub const TRANSFER_SYNC_WAITS: u32 = 6_000;

/// The pause between two such looks.
pub const TRANSFER_SYNC_WAIT: Duration = Duration::from_millis(10);

/// The deletions and copies of companies that a gateway which serves carries out at a time.
pub const COMPANY_CHANGES_AT_ONCE: usize = 1;

/// How often such a gateway tells how far the deletion of a company is.
pub const DELETION_LINE_EVERY: Duration = Duration::from_secs(1);

/// The lines about a deletion that wait for the command to read them. Others are left out.
pub const DELETION_LINES_AHEAD: usize = 4;

/// The length of such a line, in bytes.
pub const DELETION_LINE_BYTES: u64 = 4 * 1024;

/// The frames of a company that wait to be sent to the gateway that gets it, and the parts of its
/// request that wait there to be stored.
pub const COMPANY_FRAMES_AHEAD: usize = 4;

/// The answer of such a gateway, in bytes: two numbers.
pub const COMPANY_ANSWER_BYTES: u64 = 1_024;
