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

/// Where in a record of a table the next byte is, as the `csv` crate sees it: a quote opens only at
/// the start of a cell, and is text within a cell that is not quoted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum CellPlace {
    Start,
    Plain,
    Quoted,
    /// After a quote that closes the cell, or doubles with the next one.
    AfterQuote,
}

impl CellPlace {
    const fn after(self, byte: u8) -> CellPlace {
        match (self, byte) {
            (CellPlace::Quoted, b'"') => CellPlace::AfterQuote,
            (CellPlace::Quoted, _) | (CellPlace::Start | CellPlace::AfterQuote, b'"') => {
                CellPlace::Quoted
            }
            (_, b',' | b'\r' | b'\n') => CellPlace::Start,
            _ => CellPlace::Plain,
        }
    }
}

/// How a line ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum LineEnd {
    Whole,
    Cut,
    EndOfInput,
}

impl TransferFormat {
    const fn ends_line(self, byte: u8) -> bool {
        match self {
            TransferFormat::Jsonl => byte == b'\n',
            TransferFormat::Csv => matches!(byte, b'\n' | b'\r'),
        }
    }
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
        let (mut bytes, line, mut place) = (Vec::new(), self.lines + 1, CellPlace::Start);
        loop {
            let begun = bytes.len();
            let end = self.line(&mut bytes)?;
            let added = bytes.get(begun..).unwrap_or_default();
            // The mark counts for nothing at the start of a record, as for the `csv` crate.
            let marked = added.strip_prefix(BYTE_ORDER_MARK).filter(|_| begun == 0);
            let text = marked.unwrap_or(added);
            place = text.iter().fold(place, |place, byte| place.after(*byte));
            let is_open = place == CellPlace::Quoted;
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
    /// that is too long as well. A line of a table ends also with a carriage return alone.
    fn line(&mut self, row: &mut Vec<u8>) -> Result<LineEnd, io::Error> {
        let (begun, mut is_cut) = (row.len(), false);
        self.lines += 1;
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Ok(if is_cut { LineEnd::Cut } else { LineEnd::EndOfInput });
            }
            let end = available.iter().position(|byte| self.format.ends_line(*byte));
            let returned = end.is_some_and(|end| available.get(end) == Some(&b'\r'));
            let (taken, _) = available.split_at(end.map_or(available.len(), |end| end + 1));
            let space = limits::TRANSFER_ROW_BYTES.saturating_sub(row.len());
            is_cut |= space < taken.len();
            row.extend(taken.iter().take(space));
            let used = taken.len();
            self.input.consume(used);
            if begun == 0 && self.lines == 1 && row.starts_with(BYTE_ORDER_MARK) {
                row.drain(..BYTE_ORDER_MARK.len());
            }
            if returned && self.input.fill_buf()?.starts_with(b"\n") {
                self.input.consume(1);
                row.extend((!is_cut).then_some(b'\n'));
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
    fn a_quote_within_a_cell_that_is_not_quoted_opens_nothing() {
        let text = b"a,b\n27\" screen,1\nx,2\n27\" screen,3\n \"y,4\n\"p\"q\",5\n";
        let (found, error) = rows(TransferFormat::Csv, text);
        assert!(error.is_none(), "{error:?}");
        let lines = ["a,b", "27\" screen,1", "x,2", "27\" screen,3", "\"y,4", "\"p\"q\",5"];
        let found: Vec<&str> = found.iter().map(|(_, text, _)| text.as_str()).collect();
        assert_eq!(found, lines);
    }

    #[test]
    fn a_carriage_return_alone_ends_a_record_that_is_not_quoted() {
        let (found, error) = rows(TransferFormat::Csv, b"a,b\r1,\"x\ry\"\r\n2,3\r4,5");
        let expected = [(1, "a,b"), (2, "1,\"x\ry\""), (4, "2,3"), (5, "4,5")];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned(), false)));
        assert!(error.is_none());
    }

    /// Reads tables of all kinds of pieces, as the `csv` crate reads the whole of it.
    #[test]
    fn the_records_are_those_of_the_csv_crate_whatever_is_in_them() {
        let pieces = ["a", "\"", ",", "\r", "\n", "\r\n", "\"\"", "b"];
        for number in 0..pieces.len().pow(4) {
            let places = (0..4).map(|place| number / pieces.len().pow(place) % pieces.len());
            let text: String = places.map(|place| pieces[place]).collect();
            let input = io::BufReader::with_capacity(2, io::Cursor::new(text.clone()));
            let mut reader = RowReader::new(Box::new(input), TransferFormat::Csv);
            let mut found = Vec::new();
            let is_whole = loop {
                match reader.next() {
                    Ok(Some(row)) => found.push(super::super::columns::record(&row.bytes).unwrap()),
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            };
            let mut builder = csv::ReaderBuilder::new();
            let mut whole = builder.has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected: Vec<csv::ByteRecord> = whole.byte_records().map(Result::unwrap).collect();
            assert!(!is_whole || found == expected, "{text:?}: {found:?}, {expected:?}");
        }
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
