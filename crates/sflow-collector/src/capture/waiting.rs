use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A file that may have to be waited for, such as a FIFO or a terminal, until a flag is set.
pub(super) struct Waiting {
    file: File,
    stop: Arc<AtomicBool>,
}

impl Waiting {
    /// Opens a file, without waiting for the writer of a FIFO.
    pub(super) fn open(path: &Path, stop: Arc<AtomicBool>) -> io::Result<Self> {
        let file = open(path)?;
        Ok(Self { file, stop })
    }

    /// Standard input.
    pub(super) fn stdin(stop: Arc<AtomicBool>) -> io::Result<Self> {
        let file = stdin()?;
        Ok(Self { file, stop })
    }

    /// Bytes of it, if it has a size.
    pub(super) fn size(&self) -> io::Result<Option<u64>> {
        let metadata = self.file.metadata()?;
        Ok(metadata.is_file().then_some(metadata.len()))
    }
}

impl Read for Waiting {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(io::Error::other("the end was requested"));
            }
            if !is_ready(&self.file)? {
                continue;
            }
            match self.file.read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    use nix::fcntl::OFlag;

    let flags = OFlag::O_NONBLOCK.bits();
    std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
}

/// Waits for a tenth of a second for something to read, or the end.
#[cfg(target_os = "linux")]
fn is_ready(file: &File) -> io::Result<bool> {
    use std::os::fd::AsFd as _;

    use nix::errno::Errno;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    let mut files = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    match poll(&mut files, PollTimeout::from(100_u8)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(target_os = "linux")]
fn stdin() -> io::Result<File> {
    use std::os::fd::AsFd as _;

    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

#[cfg(not(target_os = "linux"))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Reading waits by itself.
#[cfg(not(target_os = "linux"))]
fn is_ready(_file: &File) -> io::Result<bool> {
    Ok(true)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn stdin() -> io::Result<File> {
    use std::os::fd::AsFd as _;

    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn stdin() -> io::Result<File> {
    use std::os::windows::io::AsHandle as _;

    Ok(File::from(io::stdin().as_handle().try_clone_to_owned()?))
}
