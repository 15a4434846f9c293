//! The rows of a file: lines of JSON, or records of CSV, each with a limit on its size.

use std::io::{self, BufRead};

use crate::{limits, settings::TransferFormat};

/// A row as it is in the file.
#[derive(Debug)]
pub(crate) struct RawRow {
    /// Its line, counted from 1. A record of CSV may have several lines, of which this is the
    /// first.
    pub(crate) line: u64,
    pub(crate) bytes: Vec<u8>,
    /// Whether only its beginning is there, because it is too long.
    pub(crate) is_cut: bool,
}

/// Why the file has no further rows that could be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// It cannot be read.
    #[error("the input cannot be read")]
    Read(#[from] io::Error),
    /// A record does not end.
    #[error(
        "the record that begins in line {line} is longer than {most} bytes: perhaps a quote in it \
         is not closed; a quote within a cell is doubled, and the cell is quoted"
    )]
    TooLong {
        /// The line.
        line: u64,
        /// The limit.
        most: usize,
    },
    /// A quote is not closed.
    #[error(
        "a quote of the record that begins in line {line} is not closed; a quote within a cell is \
         doubled, and the cell is quoted"
    )]
    Unclosed {
        /// The line.
        line: u64,
    },
}

/// Reads rows one after the other. Rows without any text are left out.
pub(crate) struct RowReader {
    input: Box<dyn BufRead>,
    format: TransferFormat,
    /// The number of lines that were read.
    lines: u64,
}

/// How a line ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum LineEnd {
    Whole,
    Cut,
    EndOfInput,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl RowReader {
    pub(crate) fn new(input: Box<dyn BufRead>, format: TransferFormat) -> RowReader {
        RowReader { input, format, lines: 0 }
    }

    /// The next row. `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<RawRow>, InputError> {
        loop {
            let row = match self.format {
                TransferFormat::Jsonl => self.json_line()?,
                TransferFormat::Csv => self.record()?,
            };
            let Some(row) = row else { return Ok(None) };
            if row.is_cut || !row.bytes.trim_ascii().is_empty() {
                return Ok(Some(row));
            }
        }
    }

    fn json_line(&mut self) -> Result<Option<RawRow>, InputError> {
        let mut bytes = Vec::new();
        let end = self.line(&mut bytes)?;
        let is_end = end == LineEnd::EndOfInput && bytes.is_empty();
        let row = RawRow { line: self.lines, bytes, is_cut: end == LineEnd::Cut };
        Ok((!is_end).then_some(row))
    }

    /// A record, which goes on in the next line while a quote is open.
    fn record(&mut self) -> Result<Option<RawRow>, InputError> {
        let (mut bytes, line, mut is_open) = (Vec::new(), self.lines + 1, false);
        loop {
            let begun = bytes.len();
            let end = self.line(&mut bytes)?;
            let added = bytes.get(begun..).unwrap_or_default();
            is_open ^= added.split(|byte| *byte == b'"').skip(1).fold(false, |odd, _| !odd);
            match end {
                LineEnd::Cut => {
                    return Err(InputError::TooLong { line, most: limits::TRANSFER_ROW_BYTES });
                }
                LineEnd::EndOfInput if is_open => return Err(InputError::Unclosed { line }),
                LineEnd::EndOfInput if bytes.is_empty() => return Ok(None),
                LineEnd::Whole if is_open => {}
                LineEnd::Whole | LineEnd::EndOfInput => {
                    return Ok(Some(RawRow { line, bytes, is_cut: false }));
                }
            }
        }
    }

    /// Appends the next line with its end, as far as the row may be long. Reads the rest of a line
    /// that is too long as well.
    fn line(&mut self, row: &mut Vec<u8>) -> Result<LineEnd, io::Error> {
        let (begun, mut is_cut) = (row.len(), false);
        self.lines += 1;
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Ok(if is_cut { LineEnd::Cut } else { LineEnd::EndOfInput });
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let (taken, _) = available.split_at(end.map_or(available.len(), |end| end + 1));
            let space = limits::TRANSFER_ROW_BYTES.saturating_sub(row.len());
            is_cut |= space < taken.len();
            row.extend(taken.iter().take(space));
            let used = taken.len();
            self.input.consume(used);
            if begun == 0 && self.lines == 1 && row.starts_with(BYTE_ORDER_MARK) {
                row.drain(..BYTE_ORDER_MARK.len());
            }
            if end.is_some() {
                return Ok(if is_cut { LineEnd::Cut } else { LineEnd::Whole });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(format: TransferFormat, text: &[u8]) -> (Vec<(u64, String, bool)>, Option<InputError>) {
        let input: Box<dyn BufRead> = Box::new(io::Cursor::new(text.to_vec()));
        let (mut reader, mut rows) = (RowReader::new(input, format), Vec::new());
        loop {
            match reader.next() {
                Ok(Some(RawRow { line, bytes, is_cut })) => {
                    rows.push((line, String::from_utf8_lossy(&bytes).trim().to_owned(), is_cut));
                }
                Ok(None) => return (rows, None),
                Err(error) => return (rows, Some(error)),
            }
        }
    }

    #[test]
    fn rows_are_lines_or_records_whatever_ends_them() {
        let (found, error) = rows(TransferFormat::Jsonl, b"\xef\xbb\xbf{}\r\n\n[]\n1");
        let expected = [(1, "{}"), (3, "[]"), (4, "1")];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned(), false)));
        assert!(error.is_none());
        let (found, error) =
            rows(TransferFormat::Csv, b"\xef\xbb\xbfa,b\r\n\"x\r\ny\"\"\",2\r\n\r\n3,4");
        let expected = [(1, "a,b"), (2, "\"x\r\ny\"\"\",2"), (5, "3,4")];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned(), false)));
        assert!(error.is_none());
    }

    #[test]
    fn a_quote_that_is_not_closed_and_a_row_without_end_are_told_with_their_line() {
        let (found, error) = rows(TransferFormat::Csv, b"a\n\"b\nc\n");
        assert_eq!(found.len(), 1);
        assert!(matches!(error, Some(InputError::Unclosed { line: 2 })), "{error:?}");
        let long = [b"a\n".as_slice(), &vec![b'x'; limits::TRANSFER_ROW_BYTES + 1], b"\nb\n"];
        let (_, error) = rows(TransferFormat::Csv, &long.concat());
        assert!(matches!(error, Some(InputError::TooLong { line: 2, .. })), "{error:?}");
        let (found, error) = rows(TransferFormat::Jsonl, &long.concat());
        let cut: Vec<bool> = found.iter().map(|(_, _, is_cut)| *is_cut).collect();
        assert_eq!((cut, error.is_none()), (vec![false, true, false], true));
        assert!(found[1].1.len() <= limits::TRANSFER_ROW_BYTES);
    }
}
