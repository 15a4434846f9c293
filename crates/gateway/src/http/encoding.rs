//! Content codings: from the bytes on the wire to the decoded body.
//!
//! The sender decides what a body expands to, so every decoder here writes into a buffer of fixed
//! size and stops when it is full.

use std::{borrow::Cow, io::Read, str::FromStr};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status, bufread::GzDecoder};
use zstd_safe::zstd_sys::ZSTD_ErrorCode;

use crate::limits;

/// The content coding of a body, from `Content-Encoding`. The default is
/// [`ContentEncoding::Identity`].
#[expect(missing_docs, reason = "each variant is the name of its coding")]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ContentEncoding {
    Brotli,
    Deflate,
    Gzip,
    #[default]
    Identity,
    Zstd,
}

impl ContentEncoding {
    /// The codings a client may use, as the `Accept-Encoding` header of a 415 lists them.
    pub const ACCEPTED: &str = "gzip, deflate, br, zstd";

    /// Decodes a body of at most `limit` bytes.
    ///
    /// Uses memory for `limit` bytes and a fixed amount, whatever the input claims. That memory is
    /// allocated at once, so `limit` must be affordable. The returned body has no spare capacity.
    /// Identity copies nothing. Trailing bytes and missing bytes make the body corrupt.
    pub fn decode(self, bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, DecodeError> {
        let mut decoded = match self {
            ContentEncoding::Brotli => brotli(bytes, limit)?,
            ContentEncoding::Deflate => deflate(bytes, limit)?,
            ContentEncoding::Gzip => gzip(bytes, limit)?,
            ContentEncoding::Identity if bytes.len() <= limit => return Ok(Cow::Borrowed(bytes)),
            ContentEncoding::Identity => return Err(DecodeError::TooLarge),
            ContentEncoding::Zstd => zstd(bytes, limit)?,
        };
        if limit < decoded.len() {
            return Err(DecodeError::TooLarge);
        }
        // The memory budget counts the length of the body, not its capacity.
        decoded.shrink_to_fit();
        Ok(Cow::Owned(decoded))
    }
}

impl FromStr for ContentEncoding {
    type Err = UnsupportedEncoding;

    fn from_str(text: &str) -> Result<ContentEncoding, UnsupportedEncoding> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(ContentEncoding::Identity),
            "br" => Ok(ContentEncoding::Brotli),
            "deflate" => Ok(ContentEncoding::Deflate),
            "gzip" | "x-gzip" => Ok(ContentEncoding::Gzip),
            "zstd" => Ok(ContentEncoding::Zstd),
            _ => Err(UnsupportedEncoding),
        }
    }
}

/// The content coding is not supported, or there is more than one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be one of {}", ContentEncoding::ACCEPTED)]
pub struct UnsupportedEncoding;

/// Why a body could not be decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// The input is not exactly one body in the coding.
    #[error("must be complete and in its content coding")]
    Corrupt,
    /// The body is larger than the limit.
    #[error("must not exceed the size limit after decoding")]
    TooLarge,
}

/// A buffer with one byte more than the limit, so that an excess is detected.
fn buffer(limit: usize) -> Vec<u8> {
    Vec::with_capacity(limit.saturating_add(1))
}

fn gzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut decoded = buffer(limit);
    let mut rest = bytes;
    for _ in 0..limits::GZIP_MEMBERS {
        let allowed = limit.saturating_add(1).saturating_sub(decoded.len());
        let mut member = GzDecoder::new(rest).take(allowed as u64);
        // A checksum mismatch is an error of the reader, too.
        member.read_to_end(&mut decoded).or(Err(DecodeError::Corrupt))?;
        rest = member.into_inner().into_inner();
        if rest.is_empty() || limit < decoded.len() {
            return Ok(decoded);
        }
    }
    Err(DecodeError::Corrupt)
}

fn deflate(bytes: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut decoded = buffer(limit);
    let mut inflate = Decompress::new(has_zlib_header(bytes));
    let status = inflate
        .decompress_vec(bytes, &mut decoded, FlushDecompress::Finish)
        .or(Err(DecodeError::Corrupt))?;
    match status {
        Status::StreamEnd if inflate.total_in() == bytes.len() as u64 => Ok(decoded),
        Status::BufError | Status::Ok if limit < decoded.len() => Err(DecodeError::TooLarge),
        Status::BufError | Status::Ok | Status::StreamEnd => Err(DecodeError::Corrupt),
    }
}

/// Whether the input starts as RFC 1950 requires for `deflate`. Otherwise it is treated as the bare
/// RFC 1951 stream that some clients send under that name.
fn has_zlib_header(bytes: &[u8]) -> bool {
    match bytes {
        [method, flags, ..] => {
            method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        }
        _ => false,
    }
}

fn brotli(bytes: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let stream = with_small_window(bytes, limit);
    let mut decoded = vec![0; limit.saturating_add(1)];
    let (mut unread, mut read) = (stream.len(), 0);
    let (mut unwritten, mut written, mut total) = (decoded.len(), 0, 0);
    // Strict, because the lax mode allows a window of 1 GiB.
    let mut state = BrotliState::new_strict(
        StandardAlloc::default(),
        StandardAlloc::default(),
        StandardAlloc::default(),
    );
    let result = BrotliDecompressStream(
        &mut unread,
        &mut read,
        &stream,
        &mut unwritten,
        &mut written,
        &mut decoded,
        &mut total,
        &mut state,
    );
    decoded.truncate(written);
    match result {
        BrotliResult::NeedsMoreOutput => Err(DecodeError::TooLarge),
        BrotliResult::ResultSuccess if unread == 0 => Ok(decoded),
        BrotliResult::NeedsMoreInput
        | BrotliResult::ResultFailure
        | BrotliResult::ResultSuccess => Err(DecodeError::Corrupt),
    }
}

/// The same stream with a declared window no larger than the limit needs: the decoder allocates its
/// window before it writes any output.
///
/// The low four bits of the first byte encode the window as a power of two; odd values other than 1
/// mean 18 to 24 (RFC 7932, section 9.1). If the output is shorter than the window, the window size
/// makes no difference.
fn with_small_window(bytes: &[u8], limit: usize) -> Vec<u8> {
    let mut stream = bytes.to_vec();
    if let Some(first) = stream.first_mut() {
        let (declared, wanted) = (*first & 0x0f, window_bits(limit));
        if declared % 2 == 1 && wanted < declared {
            *first = *first & 0xf0 | wanted;
        }
    }
    stream
}

/// The encoding of the smallest window larger than `limit`, from 3 for 2^18 to 15 for 2^24. A
/// window is 16 bytes smaller than that, hence the allowance.
fn window_bits(limit: usize) -> u8 {
    match usize::BITS - limit.saturating_add(32).leading_zeros() {
        ..=18 => 3,
        19 => 5,
        20 => 7,
        21 => 9,
        22 => 11,
        23 => 13,
        24.. => 15,
    }
}

fn zstd(bytes: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    // For the library an input without frames is complete, but it encodes no body.
    if bytes.is_empty() {
        return Err(DecodeError::Corrupt);
    }
    let mut decoded = buffer(limit);
    match zstd_safe::decompress(&mut decoded, bytes) {
        Ok(_) => Ok(decoded),
        Err(code) if code == full_zstd_buffer() => Err(DecodeError::TooLarge),
        Err(_) => Err(DecodeError::Corrupt),
    }
}

/// The library's error number for a full buffer, negated.
fn full_zstd_buffer() -> zstd_safe::ErrorCode {
    (ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as zstd_safe::ErrorCode).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const LIMIT: usize = 102_400;

    const COMPRESSED: [ContentEncoding; 4] = [
        ContentEncoding::Brotli,
        ContentEncoding::Deflate,
        ContentEncoding::Gzip,
        ContentEncoding::Zstd,
    ];

    fn encode(encoding: ContentEncoding, body: &[u8]) -> Vec<u8> {
        match encoding {
            ContentEncoding::Brotli => brotlied(body, 22),
            ContentEncoding::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(body).unwrap();
                encoder.finish().unwrap()
            }
            ContentEncoding::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(body).unwrap();
                encoder.finish().unwrap()
            }
            ContentEncoding::Identity => body.to_vec(),
            ContentEncoding::Zstd => {
                let mut encoded = Vec::with_capacity(zstd_safe::compress_bound(body.len()));
                zstd_safe::compress(&mut encoded, body, 3).unwrap();
                encoded
            }
        }
    }

    fn brotlied(body: &[u8], window: i32) -> Vec<u8> {
        let mut encoded = Vec::new();
        let parameters =
            brotli::enc::BrotliEncoderParams { lgwin: window, quality: 5, ..Default::default() };
        brotli::BrotliCompress(&mut &body[..], &mut encoded, &parameters).unwrap();
        encoded
    }

    fn bare_deflate(body: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    /// A zstd frame of these blocks: the last-block flag, type, size and bytes of each.
    fn zstd_frame(blocks: &[(bool, u32, usize, &[u8])]) -> Vec<u8> {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
        for (last, kind, size, content) in blocks {
            let header = u32::from(*last) | kind << 1 | u32::try_from(*size).unwrap() << 3;
            frame.extend(&header.to_le_bytes()[..3]);
            frame.extend(*content);
        }
        frame
    }

    fn profile() -> Vec<u8> {
        br#"{"data":{"type":"profile","attributes":{"email":"sarah@example.com"}}}"#.repeat(20)
    }

    #[test]
    fn a_coding_is_named_in_any_case() {
        for (name, encoding) in [
            ("identity", ContentEncoding::Identity),
            ("", ContentEncoding::Identity),
            ("GZip", ContentEncoding::Gzip),
            ("x-gzip", ContentEncoding::Gzip),
            (" deflate ", ContentEncoding::Deflate),
            ("BR", ContentEncoding::Brotli),
            ("zstd", ContentEncoding::Zstd),
        ] {
            assert_eq!(name.parse(), Ok(encoding), "{name}");
        }
    }

    #[test]
    fn two_codings_or_an_unknown_one_are_unsupported() {
        for name in ["gzip, br", "compress", "gzip;q=1", "*", "gzip,"] {
            assert_eq!(name.parse::<ContentEncoding>(), Err(UnsupportedEncoding), "{name}");
        }
    }

    #[test]
    fn identity_copies_nothing() {
        let body = profile();
        let decoded = ContentEncoding::Identity.decode(&body, LIMIT).unwrap();
        assert!(matches!(decoded, Cow::Borrowed(same) if std::ptr::eq(same, &raw const body[..])));
    }

    #[test]
    fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
        for encoding in COMPRESSED.into_iter().chain([ContentEncoding::Identity]) {
            let body = vec![b'x'; LIMIT];
            let encoded = encode(encoding, &body);
            assert_eq!(encoding.decode(&encoded, LIMIT).as_deref(), Ok(&body[..]), "{encoding:?}");
            let refused = encoding.decode(&encoded, LIMIT - 1);
            assert_eq!(refused, Err(DecodeError::TooLarge), "{encoding:?}");
        }
    }

    #[test]
    fn what_was_decoded_takes_no_more_than_it_has_bytes() {
        for encoding in COMPRESSED {
            let encoded = encode(encoding, &profile());
            let decoded = encoding.decode(&encoded, LIMIT).unwrap().into_owned();
            assert_eq!(decoded.capacity(), profile().len(), "{encoding:?}");
        }
    }

    #[test]
    fn a_bomb_is_too_large() {
        let body = vec![0; 64 << 20];
        for encoding in COMPRESSED {
            let bomb = encode(encoding, &body);
            assert_eq!(encoding.decode(&bomb, LIMIT), Err(DecodeError::TooLarge), "{encoding:?}");
        }
    }

    #[test]
    fn a_zstd_bomb_of_repeated_bytes_is_too_large() {
        let block = (false, 1, 128 << 10, &b"a"[..]);
        let bomb = zstd_frame(&vec![block; 1_000]);
        assert_eq!(ContentEncoding::Zstd.decode(&bomb, LIMIT), Err(DecodeError::TooLarge));
    }

    #[test]
    fn a_zstd_bomb_within_one_block_is_refused() {
        // 2,000 sequences, each of which copies 131,074 bytes.
        let mut sequences = vec![0x00, 0x87, 0xd0, 0x54, 0, 0, 52];
        sequences.extend([0xff; 4_000]);
        sequences.push(1);
        let bomb =
            zstd_frame(&[(false, 0, 16, &[b'a'; 16]), (true, 2, sequences.len(), &sequences)]);
        assert!(ContentEncoding::Zstd.decode(&bomb, LIMIT).is_err());
    }

    #[test]
    fn what_is_cut_short_is_corrupt() {
        let body = profile();
        for encoding in COMPRESSED {
            let encoded = encode(encoding, &body);
            for length in 0..encoded.len() {
                let decoded = encoding.decode(&encoded[..length], LIMIT);
                assert_eq!(decoded, Err(DecodeError::Corrupt), "{encoding:?} {length}");
            }
        }
    }

    #[test]
    fn what_follows_the_body_is_corrupt() {
        for encoding in COMPRESSED {
            for garbage in [&b"\0"[..], b"garbage", &[0; 100]] {
                let encoded = [&encode(encoding, &profile()), garbage].concat();
                let decoded = encoding.decode(&encoded, LIMIT);
                assert_eq!(decoded, Err(DecodeError::Corrupt), "{encoding:?}");
            }
        }
    }

    #[test]
    fn a_damaged_checksum_is_corrupt() {
        for (encoding, from_end) in [(ContentEncoding::Deflate, 1), (ContentEncoding::Gzip, 8)] {
            let mut encoded = encode(encoding, &profile());
            let at = encoded.len() - from_end;
            encoded[at] ^= 1;
            assert_eq!(encoding.decode(&encoded, LIMIT), Err(DecodeError::Corrupt), "{encoding:?}");
        }
    }

    #[test]
    fn deflate_without_its_header_is_tolerated() {
        let body = profile();
        let encoded = bare_deflate(&body);
        let decoded = ContentEncoding::Deflate.decode(&encoded, LIMIT);
        assert_eq!(decoded.as_deref(), Ok(&body[..]));
        let bomb = bare_deflate(&vec![0; 64 << 20]);
        assert_eq!(ContentEncoding::Deflate.decode(&bomb, LIMIT), Err(DecodeError::TooLarge));
    }

    #[test]
    fn gzip_may_have_several_members_but_not_any_number() {
        let member = encode(ContentEncoding::Gzip, b"ab");
        let decoded =
            |count| ContentEncoding::Gzip.decode(&member.repeat(count), LIMIT).map(Cow::into_owned);
        assert_eq!(decoded(3), Ok(b"ababab".to_vec()));
        assert_eq!(decoded(limits::GZIP_MEMBERS), Ok(b"ab".repeat(limits::GZIP_MEMBERS)));
        assert_eq!(decoded(limits::GZIP_MEMBERS + 1), Err(DecodeError::Corrupt));
    }

    #[test]
    fn zstd_may_have_several_frames() {
        let frame = encode(ContentEncoding::Zstd, b"ab");
        let decoded = ContentEncoding::Zstd.decode(&frame.repeat(3), LIMIT).map(Cow::into_owned);
        assert_eq!(decoded, Ok(b"ababab".to_vec()));
    }

    #[test]
    fn brotli_may_declare_any_window_of_the_standard() {
        let body: Vec<u8> = (0_u32..25_000).flat_map(|i| (i * i).to_le_bytes()).collect();
        for window in 10..=24 {
            let encoded = brotlied(&body, window);
            let decoded = ContentEncoding::Brotli.decode(&encoded, LIMIT);
            assert_eq!(decoded.as_deref(), Ok(&body[..]), "{window}");
        }
    }

    #[test]
    fn a_smaller_brotli_window_holds_every_body_within_the_limit() {
        for limit in [0, LIMIT, (1 << 18) - 33, (1 << 18) - 32, 1 << 20, (1 << 24) - 33] {
            let window = 1_usize << (18 + (window_bits(limit) - 3) / 2);
            assert!(limit + 16 < window, "{limit}");
        }
        assert_eq!(with_small_window(&[0xff, 0xff], LIMIT), [0xf3, 0xff]);
        assert_eq!(with_small_window(&[0xf0, 0xff], LIMIT), [0xf0, 0xff]);
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(body in vec(any::<u8>(), 0..4_000), times in 1..20_usize) {
            let body = body.repeat(times);
            for encoding in COMPRESSED {
                let encoded = encode(encoding, &body);
                let decoded = encoding.decode(&encoded, LIMIT);
                prop_assert_eq!(decoded.as_deref(), Ok(&body[..]));
            }
        }

        #[test]
        fn no_bytes_yield_more_than_the_limit(
            at in any::<prop::sample::Index>(),
            bits in 1..=u8::MAX,
            body in vec(b'a'..b'f', 1..2_000),
            limit in 0..3_000_usize,
        ) {
            for encoding in COMPRESSED {
                let mut encoded = encode(encoding, &body);
                let at = at.index(encoded.len());
                encoded[at] ^= bits;
                if let Ok(decoded) = encoding.decode(&encoded, limit) {
                    prop_assert!(decoded.len() <= limit);
                }
            }
        }

        #[test]
        fn no_bytes_stop_the_process(bytes in vec(any::<u8>(), 0..600)) {
            for encoding in COMPRESSED {
                let _ = encoding.decode(&bytes, 1_000);
            }
        }
    }
}
