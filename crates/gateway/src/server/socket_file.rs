//! The file of a unix socket, from the start of a process to its stop.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use tokio::net::{UnixSocket, UnixStream};

use crate::{limits, settings::SocketMode};

/// The file of a unix socket at which this process listens. Dropping it removes the file, unless
/// another process has replaced it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: FileIdentity,
}

impl SocketFile {
    /// Listens at a path. Replaces the socket of a process that has ended.
    ///
    /// The mode is set before connections are accepted, so no other program can connect meanwhile.
    pub(super) async fn bind(
        path: &Path,
        mode: SocketMode,
    ) -> io::Result<(UnixListener, SocketFile)> {
        remove_stale(path).await?;
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        let file = SocketFile { path: path.to_owned(), identity: identity(path)? };
        fs::set_permissions(path, Permissions::from_mode(mode.bits()))?;
        Ok((socket.listen(limits::BACKLOG)?.into_std()?, file))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            // At a failure the next start replaces the file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Tells a file from one that replaces it.
#[derive(Debug, Eq, PartialEq)]
struct FileIdentity {
    device: u64,
    number: u64,
    /// The time at which the file was made. A later file may have the same number.
    made: (i64, i64),
}

fn identity(path: &Path) -> io::Result<FileIdentity> {
    let found = fs::symlink_metadata(path)?;
    let made = (found.mtime(), found.mtime_nsec());
    Ok(FileIdentity { device: found.dev(), number: found.ino(), made })
}

/// Removes the socket of a process that has ended, if there is one. Fails if a process listens
/// there, or if the file is something else.
async fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        let reason = "the file exists and is no socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Its queue is full.
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Ok(_) | Err(_) => {
            let reason = "another process listens there";
            Err(io::Error::new(io::ErrorKind::AddrInUse, reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixStream as Client, thread, time::Duration};

    use actix_web::rt::System;
    use tempfile::TempDir;

    use super::*;

    fn bind(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
        System::new().block_on(SocketFile::bind(path, SocketMode::default()))
    }

    fn directory() -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("clients.sock");
        (directory, path)
    }

    #[test]
    fn a_socket_is_for_its_owner_and_group_and_is_removed_at_the_end() {
        let (_directory, path) = directory();
        let (_listener, file) = bind(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o660);
        Client::connect(&path).unwrap();
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_socket_at_which_no_process_listens_is_replaced() {
        let (_directory, path) = directory();
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let (_listener, _file) = bind(&path).unwrap();
        Client::connect(&path).unwrap();
    }

    #[test]
    fn a_socket_at_which_a_process_listens_is_left_alone() {
        let (_directory, path) = directory();
        let (listener, file) = bind(&path).unwrap();
        assert_eq!(bind(&path).unwrap_err().to_string(), "another process listens there");
        Client::connect(&path).unwrap();
        drop((listener, file));
    }

    #[test]
    fn a_process_whose_queue_is_full_listens_all_the_same() {
        let (_directory, path) = directory();
        let socket = System::new().block_on(async {
            let socket = UnixSocket::new_stream().unwrap();
            socket.bind(&path).unwrap();
            socket.listen(1).unwrap().into_std().unwrap()
        });
        let full = || System::new().block_on(UnixStream::connect(&path)).map(UnixStream::into_std);
        let _waiting: Vec<_> = (0..16).map_while(|_| full().ok()).collect();
        assert!(full().is_err(), "the queue is not full");
        assert_eq!(bind(&path).unwrap_err().to_string(), "another process listens there");
        drop(socket);
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let (_directory, path) = directory();
        fs::write(&path, "text").unwrap();
        assert_eq!(bind(&path).unwrap_err().to_string(), "the file exists and is no socket");
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        fs::remove_file(&path).unwrap();
        // The target of a link is another matter, whatever it is.
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        assert_eq!(bind(&path).unwrap_err().to_string(), "the file exists and is no socket");
    }

    #[test]
    fn the_socket_of_a_process_that_came_later_is_not_removed() {
        let (_directory, path) = directory();
        let (listener, file) = bind(&path).unwrap();
        drop(listener);
        // The clock of the file system may advance by 10 ms at a time.
        thread::sleep(Duration::from_millis(50));
        let (_later, _later_file) = bind(&path).unwrap();
        drop(file);
        Client::connect(&path).unwrap();
    }

    #[test]
    fn a_directory_that_is_missing_is_an_error() {
        let (directory, _) = directory();
        let path = directory.path().join("missing/clients.sock");
        assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
