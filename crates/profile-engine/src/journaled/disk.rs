//! The directory of the journal. Tests put a simulated disk in its place.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// One directory of files.
pub(super) trait Disk: Send + Sync + 'static {
    /// Creates the directory if it is missing.
    fn create(&self) -> io::Result<()>;

    /// The names of its files, in any order.
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

    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Returns once all that was written before survives a crash.
    fn sync_data(&self) -> io::Result<()>;

    /// As `sync_data`, with all that the file system knows about the file.
    fn sync_all(&self) -> io::Result<()>;
}

/// A directory of the file system.
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(super) fn new(path: &Path) -> Directory {
        Directory { path: path.to_owned() }
    }
}

impl Disk for Directory {
    fn create(&self) -> io::Result<()> {
        fs::create_dir_all(&self.path)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // The journal's own names are UTF-8.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn bytes(&self) -> io::Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(&self.path)? {
            match entry?.metadata() {
                Ok(metadata) => bytes += metadata.len(),
                // The file was renamed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(name))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        Ok(Arc::new(options.open(self.path.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl DiskFile for File {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        File::set_len(self, bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn sync_all(&self) -> io::Result<()> {
        File::sync_all(self)
    }
}
