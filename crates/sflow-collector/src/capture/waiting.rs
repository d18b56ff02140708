use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A file whose reads may block, such as a FIFO or a terminal. Reads fail once a flag is set.
pub(super) struct Waiting {
    file: File,
    stop: Arc<AtomicBool>,
}

impl Waiting {
    /// Opens a file; does not wait for the writer of a FIFO.
    pub(super) fn open(path: &Path, stop: Arc<AtomicBool>) -> io::Result<Self> {
        let file = open(path)?;
        Ok(Self { file, stop })
    }

    /// Opens standard input.
    pub(super) fn stdin(stop: Arc<AtomicBool>) -> io::Result<Self> {
        let file = stdin()?;
        Ok(Self { file, stop })
    }

    /// The size of the file in bytes; `None` for pipes and devices.
    pub(super) fn size(&self) -> io::Result<Option<u64>> {
        let metadata = self.file.metadata()?;
        Ok(metadata.is_file().then_some(metadata.len()))
    }
}

impl Read for Waiting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(io::Error::other("stopped"));
            }
            if !is_ready(&self.file)? {
                continue;
            }
            match self.file.read(buffer) {
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

/// Waits up to 0.1 s for data or the end of the file.
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

/// Not polled: a read blocks until there is data.
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
