//! The directory of the journal. Tests put a simulated disk in its place.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    sync::{Arc, OnceLock},
};

use rustix::{
    fs::{AtFlags, Dir, Mode, OFlags, mkdirat, renameat, statat},
    io::Errno,
};

use crate::open_file::open_file;

/// What a file grows by at a time.
static ZEROS: [u8; 64 * 1_024] = [0; 64 * 1_024];

/// One directory of files.
pub(super) trait Disk: Send + Sync + 'static {
    /// Creates the directory if it is missing.
    fn create(&self) -> io::Result<()>;

    /// The names of its files, in any order. A directory that is missing has none.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Bytes of all its files.
    fn bytes(&self) -> io::Result<u64>;

    /// The contents of a file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// Opens a file for writing, and creates it if it is missing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Renames a file, in place of the file that has the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Returns once all names survive a crash.
    fn sync_names(&self) -> io::Result<()>;
}

/// A file that is open for writing.
pub(super) trait DiskFile: Send + Sync + 'static {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Bytes of the file.
    fn len(&self) -> io::Result<u64>;

    /// Makes a shorter file this long. The disk has the added blocks once the file is synced: later
    /// syncs of what is written to them need no change of the file system's own, for which they
    /// would wait until the file system has written the new blocks of other files.
    fn grow(&self, bytes: u64) -> io::Result<()>;

    /// Makes a longer file this long.
    fn cut(&self, bytes: u64) -> io::Result<()>;

    /// Returns once all that was written before survives a crash.
    fn sync_data(&self) -> io::Result<()>;

    /// As `sync_data`, with all that the file system knows about the file.
    fn sync_all(&self) -> io::Result<()>;
}

/// A directory within another one that is held open: if either is moved, its files are found where
/// they are.
pub(super) struct Directory {
    parent: File,
    name: &'static str,
    handle: OnceLock<File>,
}

impl Directory {
    pub(super) fn within(parent: File, name: &'static str) -> Directory {
        Directory { parent, name, handle: OnceLock::new() }
    }

    fn handle(&self) -> io::Result<&File> {
        if let Some(handle) = self.handle.get() {
            return Ok(handle);
        }
        let opened = open_file(&self.parent, self.name, OFlags::RDONLY | OFlags::DIRECTORY)?;
        Ok(self.handle.get_or_init(|| opened))
    }
}

impl Disk for Directory {
    fn create(&self) -> io::Result<()> {
        match mkdirat(&self.parent, self.name, Mode::from_raw_mode(0o700)) {
            Err(error) if error != Errno::EXIST => return Err(error.into()),
            _ => {}
        }
        self.parent.sync_all()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        let handle = match self.handle() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
            handle => handle?,
        };
        for entry in Dir::read_from(handle)? {
            // The journal's own names are UTF-8.
            names.extend(entry?.file_name().to_str().ok().map(str::to_owned));
        }
        names.retain(|name| name != "." && name != "..");
        Ok(names)
    }

    fn bytes(&self) -> io::Result<u64> {
        let mut bytes = 0;
        for name in self.names()? {
            match statat(self.handle()?, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(status) => bytes += u64::try_from(status.st_size).unwrap_or(0),
                // The file was renamed meanwhile.
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(bytes)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        open_file(self.handle()?, name, OFlags::RDONLY)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(open_file(self.handle()?, name, OFlags::WRONLY | OFlags::CREATE)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let handle = self.handle()?;
        Ok(renameat(handle, from, handle, to)?)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.handle()?.sync_all()
    }
}

impl DiskFile for File {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn grow(&self, bytes: u64) -> io::Result<()> {
        let mut written = self.metadata()?.len();
        while written < bytes {
            let zeros = usize::try_from(bytes - written)
                .map_or(&ZEROS[..], |rest| ZEROS.get(..rest).unwrap_or(&ZEROS));
            FileExt::write_all_at(self, zeros, written)?;
            written += zeros.len() as u64;
        }
        Ok(())
    }

    fn cut(&self, bytes: u64) -> io::Result<()> {
        if bytes < self.metadata()?.len() { self.set_len(bytes) } else { Ok(()) }
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn sync_all(&self) -> io::Result<()> {
        File::sync_all(self)
    }
}
