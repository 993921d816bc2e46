//! Every limit on the link, with its reason.

use crate::codec::CELL_BYTES;
use crate::time::Millis;

/// Bytes of a frame: the most one TLS 1.3 record carries (RFC 8446, section 5.1).
pub const FRAME_BYTES: usize = 16_384;
/// Bytes of a frame's envelope.
pub const ENVELOPE_BYTES: usize = FRAME_BYTES - CELL_BYTES;
/// Requests a client may have unanswered on one connection; the relay reads no further.
pub const WINDOW_FRAMES: usize = 16;
/// Cells one get may ask for.
pub const GET_COUNT_MAX: u16 = 16;
/// The longest a get may wait.
pub const GET_WAIT_MAX: Millis = Millis::secs(120);
/// The longest a client may take to prove a key after it connected.
pub const PROVE_WITHIN: Millis = Millis::secs(10);
/// A connection on which nothing came for so long is closed: above any waiting get.
pub const IDLE_AFTER: Millis = Millis::secs(300);
/// Tokens of one pass, at most.
pub const PASS_TOKENS_MAX: u32 = 1_000;
/// Cells in a queue, unless the operator says otherwise.
pub const QUEUE_CELLS_DEFAULT: u64 = 2_048;
/// The most that an operator may let a queue hold: a relay that starts makes no longer one of whatever it reads.
pub const QUEUE_CELLS_MAX: u64 = 1_000_000;
/// How long an undelivered cell is kept, unless the operator says otherwise.
pub const RETENTION_DEFAULT: Millis = Millis::days(21);
