//! Storage for redb that reads a file and keeps what is written in memory.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use redb::StorageBackend;

/// Bytes that are kept together.
const BLOCK: usize = 4_096;

/// A file that is never changed, beneath what was written since it was opened.
#[derive(Debug)]
pub(crate) struct ScratchBackend {
    file: File,
    state: Mutex<ScratchState>,
}

#[derive(Debug)]
struct ScratchState {
    length: u64,
    /// Bytes from the start on that are those of the file, except in blocks that were written.
    from_file: u64,
    /// The blocks that were written, by their number.
    written: BTreeMap<u64, Vec<u8>>,
}

impl ScratchBackend {
    pub(crate) fn new(file: File) -> io::Result<ScratchBackend> {
        let length = file.metadata()?.len();
        let state = ScratchState { length, from_file: length, written: BTreeMap::new() };
        Ok(ScratchBackend { file, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, ScratchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ScratchState {
    fn block(&self, file: &File, number: u64) -> io::Result<Cow<'_, [u8]>> {
        match self.written.get(&number) {
            Some(written) => Ok(Cow::Borrowed(written)),
            None => self.unwritten(file, number).map(Cow::Owned),
        }
    }

    /// The bytes of a block that was not written.
    fn unwritten(&self, file: &File, number: u64) -> io::Result<Vec<u8>> {
        let start = number * BLOCK as u64;
        let mut bytes = vec![0; BLOCK.min(usize_from(self.from_file.saturating_sub(start)))];
        file.read_exact_at(&mut bytes, start)?;
        bytes.resize(BLOCK, 0);
        Ok(bytes)
    }

    fn require(&self, offset: u64, bytes: usize) -> io::Result<()> {
        let end = offset.checked_add(bytes as u64);
        let is_within = end.is_some_and(|end| end <= self.length);
        is_within.then_some(()).ok_or_else(outside)
    }
}

fn outside() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

/// This number, or the greatest one that memory has.
fn usize_from(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// The part of one block that a range of bytes covers.
struct Part {
    number: u64,
    of_block: Range<usize>,
    of_range: Range<usize>,
}

/// The parts of blocks that make up a range of bytes.
fn parts(offset: u64, bytes: usize) -> impl Iterator<Item = Part> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let next = offset + done as u64;
        let at = usize_from(next % BLOCK as u64);
        let length = (bytes - done).min(BLOCK - at);
        let (number, of_range) = (next / BLOCK as u64, done..done + length);
        done += length;
        (0 < length).then_some(Part { number, of_block: at..at + length, of_range })
    })
}

impl StorageBackend for ScratchBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        state.require(offset, out.len())?;
        for Part { number, of_block, of_range } in parts(offset, out.len()) {
            let block = state.block(&self.file, number)?;
            let from = block.get(of_block).ok_or_else(outside)?;
            out.get_mut(of_range).ok_or_else(outside)?.copy_from_slice(from);
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.state();
        // What is cut off is zero if the storage grows again.
        drop(state.written.split_off(&length.div_ceil(BLOCK as u64)));
        if let Some(last) = state.written.get_mut(&(length / BLOCK as u64)) {
            last.truncate(usize_from(length % BLOCK as u64));
            last.resize(BLOCK, 0);
        }
        state.from_file = state.from_file.min(length);
        state.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.require(offset, data.len())?;
        for Part { number, of_block, of_range } in parts(offset, data.len()) {
            let mut block = state.block(&self.file, number)?.into_owned();
            let from = data.get(of_range).ok_or_else(outside)?;
            block.get_mut(of_block).ok_or_else(outside)?.copy_from_slice(from);
            state.written.insert(number, block);
        }
        Ok(())
    }
}

#[cfg(test)]
#[cfg(not(feature = "model-check"))]
mod tests {
    use std::fs;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[derive(Clone, Debug)]
    enum StorageStep {
        Write(u64, Vec<u8>),
        Read(u64, usize),
        SetLength(u64),
    }

    fn steps() -> impl Strategy<Value = StorageStep> {
        let offset = || 0u64..20_000;
        let bytes = (any::<u8>(), 0usize..9_000).prop_map(|(byte, length)| vec![byte; length]);
        prop_oneof![
            (offset(), bytes).prop_map(|(offset, bytes)| StorageStep::Write(offset, bytes)),
            (offset(), 0usize..9_000).prop_map(|(offset, bytes)| StorageStep::Read(offset, bytes)),
            offset().prop_map(StorageStep::SetLength),
        ]
    }

    proptest! {
        #[test]
        fn it_reads_as_a_changed_file_would_and_changes_no_file(
            length in 0usize..20_000, steps in vec(steps(), 0..20),
        ) {
            let content: Vec<u8> = (1..=251).cycle().take(length).collect();
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("file");
            fs::write(&path, &content).unwrap();
            let backend = ScratchBackend::new(File::open(&path).unwrap()).unwrap();
            let mut model = content.clone();
            for step in steps {
                match step {
                    StorageStep::Write(offset, bytes) => {
                        let end = usize_from(offset) + bytes.len();
                        let written = backend.write(offset, &bytes);
                        prop_assert_eq!(written.is_ok(), end <= model.len());
                        if written.is_ok() {
                            model[usize_from(offset)..end].copy_from_slice(&bytes);
                        }
                    }
                    StorageStep::Read(offset, bytes) => {
                        let mut out = vec![0xff; bytes];
                        let read = backend.read(offset, &mut out).ok().map(|()| &out[..]);
                        let start = usize_from(offset);
                        prop_assert_eq!(read, model.get(start..start + bytes));
                    }
                    StorageStep::SetLength(length) => {
                        backend.set_len(length).unwrap();
                        model.resize(usize_from(length), 0);
                    }
                }
                prop_assert_eq!(backend.len().unwrap(), model.len() as u64);
            }
            let mut all = vec![0; model.len()];
            backend.read(0, &mut all).unwrap();
            prop_assert_eq!(all, model);
            prop_assert_eq!(fs::read(path).unwrap(), content);
        }
    }
}
