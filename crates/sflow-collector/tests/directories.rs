//! Directories of captures.

mod forge;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use forge::{Order, chain, ipv4, pcap, pcapng};
use sflow_collector::capture::{Capture, CaptureError};

fn write(directory: &Path, name: &str, payload: &[u8]) {
    let file = pcap(Order::Little, false, 101, &[&ipv4(payload)]);
    fs::write(directory.join(name), file).unwrap();
}

/// All payloads and all errors, each in order.
fn read(capture: &mut Capture) -> (Vec<String>, Vec<String>) {
    let (mut payloads, mut errors) = (Vec::new(), Vec::new());
    loop {
        match capture.next_datagram() {
            Ok(Some(received)) => {
                payloads.push(String::from_utf8(received.bytes.to_vec()).unwrap());
            }
            Ok(None) => return (payloads, errors),
            Err(error) => errors.push(chain(&error)),
        }
    }
}

#[test]
fn files_are_read_in_the_order_of_their_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    for name in ["x.pcap10", "x.pcap2", "x.pcap", "a.pcap", "x.pcap1"] {
        write(path, name, name.as_bytes());
    }
    let file = pcapng(Order::Big, 101, &[&ipv4(b"b.pcapng")]);
    fs::write(path.join("b.pcapng"), file).unwrap();
    fs::write(path.join("README.md"), "not a capture").unwrap();
    fs::write(path.join("empty"), "").unwrap();
    fs::create_dir(path.join("more")).unwrap();
    write(&path.join("more"), "deep.pcap", b"deep");
    for mut capture in [
        Capture::open(path).unwrap(),
        Capture::open_until(path, Arc::default()).unwrap(),
    ] {
        let (payloads, errors) = read(&mut capture);
        let expected = [
            "a.pcap", "b.pcapng", "x.pcap", "x.pcap1", "x.pcap2", "x.pcap10",
        ];
        assert_eq!(payloads, expected);
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(
            capture.passed_over().to_string(),
            "2 files are not captures: README.md, empty"
        );
        assert!(capture.bytes_read() <= capture.file_size().unwrap());
    }
}

#[test]
fn damaged_file_does_not_affect_other_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    write(path, "a.pcap", b"a");
    write(path, "b.pcap", b"b");
    write(path, "d.pcap", b"d");
    let whole = fs::read(path.join("b.pcap")).unwrap();
    fs::write(path.join("b.pcap"), &whole[..whole.len() - 3]).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(path.join("nowhere"), path.join("c.pcap")).unwrap();
    let mut capture = Capture::open(path).unwrap();
    let (payloads, errors) = read(&mut capture);
    assert_eq!(payloads, ["a", "d"]);
    assert!(
        errors[0].contains("b.pcap: the capture was cut off: it ends at byte"),
        "{errors:?}"
    );
    #[cfg(unix)]
    assert!(
        errors[1].starts_with("cannot open ") && errors[1].contains("c.pcap"),
        "{errors:?}"
    );
}

/// `open` succeeds for any error of the first file, and the other files are read.
#[test]
fn unreadable_first_file_does_not_stop_the_next_files() {
    type Break = fn(&Path);
    let mut breaks: Vec<(Break, &str)> = vec![
        (
            |file| fs::write(file, &pcap(Order::Little, false, 101, &[])[..9]).unwrap(),
            "a.pcap: the capture was cut off: it ends at byte 9, inside the file header",
        ),
        (
            |file| fs::write(file, [0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 7, 1, 1, 1, 1]).unwrap(),
            "a.pcap: the capture is broken at byte",
        ),
    ];
    #[cfg(feature = "compressed")]
    breaks.push((
        |file| fs::write(file, [0x1f, 0x8b, 8, 0, 0]).unwrap(),
        "a.pcap: cannot decompress the gzip file",
    ));
    #[cfg(unix)]
    breaks.push((
        |file| std::os::unix::fs::symlink("nowhere", file).unwrap(),
        "a.pcap: ",
    ));
    for (damage, expected) in breaks {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        damage(&path.join("a.pcap"));
        let (payloads, errors) = read(&mut Capture::open(path).unwrap());
        assert!(payloads.is_empty());
        assert!(
            matches!(&errors[..], [error] if error.contains(expected)),
            "{errors:?}"
        );
        write(path, "b.pcap", b"b");
        for mut capture in [
            Capture::open(path).unwrap(),
            Capture::open_until(path, Arc::default()).unwrap(),
        ] {
            let (payloads, errors) = read(&mut capture);
            assert_eq!(payloads, ["b"]);
            assert!(
                matches!(&errors[..], [error] if error.contains(expected)),
                "{errors:?}"
            );
        }
    }
}

#[test]
fn directory_without_captures_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let error = |expected: &str| match Capture::open(path) {
        Err(error @ CaptureError::NoCapture { .. }) => {
            let text = error.to_string();
            assert_eq!(
                text,
                format!("cannot read captures in {}: {expected}", path.display())
            );
        }
        other => panic!("{other:?}"),
    };
    error("the directory contains no files; expected pcap or pcapng");
    fs::create_dir(path.join("more")).unwrap();
    error(
        "the directory contains no files; expected pcap or pcapng \
         (its subdirectories are not searched: give their paths instead)",
    );
    fs::remove_dir(path.join("more")).unwrap();
    fs::write(path.join("notes.txt"), "not a capture").unwrap();
    error("the only file in the directory is not a capture; expected pcap or pcapng");
    fs::write(path.join("other.txt"), "not a capture").unwrap();
    error("none of the 2 files in the directory is a capture; expected pcap or pcapng");
}

/// Progress is reported and the stop flag checked even if no packet contains a datagram.
#[test]
fn file_without_datagrams_reports_progress_and_stops() {
    let directory = tempfile::tempdir().unwrap();
    let packet = ipv4(b"telemetry");
    let file = pcap(Order::Little, false, 147, &vec![&packet[..]; 20_000]);
    fs::write(directory.path().join("x.pcap"), &file).unwrap();
    let stop: Arc<AtomicBool> = Arc::default();
    let seen: Arc<AtomicU64> = Arc::default();
    let (flag, position) = (Arc::clone(&stop), Arc::clone(&seen));
    let mut capture = Capture::open_until(directory.path(), stop)
        .unwrap()
        .on_progress(move |bytes_read| {
            position.store(bytes_read, Ordering::Relaxed);
            flag.store(true, Ordering::Relaxed);
        });
    assert!(capture.next_datagram().unwrap().is_none());
    let seen = seen.load(Ordering::Relaxed);
    assert!(seen > 0 && seen < file.len() as u64, "{seen}");
    assert_eq!(capture.stats().packets, 4096);
}
