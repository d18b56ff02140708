//! Small captures of problems that users of other tools reported.

use std::sync::Arc;

use top_flows::model::Shared;
use top_flows::source::Source;

use crate::{run, text};

#[test]
fn reported_captures_have_the_right_totals_or_their_cause() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/reported");
    for (name, total, expected) in [
        ("capture-fragments", "\"total\":354000.0", ""),
        ("capture-link-239", "\"total\":5800.0", ""),
        ("capture-outer-gre", "\"total\":5800.0", ""),
        ("capture-outer-vxlan", "\"total\":5800.0", ""),
        (
            "capture-other-port-9995",
            "",
            "top-flows: passed over 1 of 1 packet: 1 to UDP port 9995\n\
             top-flows: no datagram to UDP port 6343 in FILE; --port PORT reads another port\n",
        ),
        (
            "other-netflow9",
            "\"total\":0.0",
            "top-flows: 1 datagram was not sFlow version 5: 1 NetFlow 9\n",
        ),
        (
            "other-sflow4",
            "\"total\":0.0",
            "top-flows: 1 datagram was not sFlow version 5: 1 sFlow 4\n",
        ),
    ] {
        let path = format!("{folder}/{name}.pcap");
        let output = run(&["--once", "--json", &path]);
        let answer = text(&output.stdout);
        assert!(answer.contains(total), "{name}: {answer}");
        let error = text(&output.stderr).replace(&path, "FILE");
        assert_eq!(error, expected, "{name}");
    }
    let path = format!("{folder}/capture-other-port-9995.pcap");
    let output = run(&["--once", "--json", "--port", "9995", &path]);
    assert!(text(&output.stdout).contains("\"total\":5800.0"));
    let output = run(&["--once", "--json", folder]);
    assert!(text(&output.stdout).contains("\"passed_over\":\"passed over 1 of"));
}

/// Datagrams before the end of a truncated file are shown.
#[test]
fn truncated_capture_is_shown() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/reported");
    let whole = std::fs::read(format!("{folder}/capture-outer-gre.pcap")).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [&whole[..], &whole[24..50]].concat()).unwrap();
    let path = file.path().to_str().unwrap();
    let output = run(&["--once", "--json", path]);
    assert!(text(&output.stdout).contains("\"total\":5800.0"));
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    let expected = format!("top-flows: {path}: the capture was cut off: it ends at byte");
    assert!(error.contains(&expected), "{error}");
}

/// Files after broken ones are read; names of files reach the terminal without control characters.
#[test]
fn broken_files_of_a_directory_are_reported_and_the_next_files_read() {
    let folder = tempfile::tempdir().unwrap();
    let good = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/reported/capture-outer-gre.pcap"
    );
    let bytes = std::fs::read(good).unwrap();
    for name in ["1\u{1b}[2J\u{202e}.pcap", "3.pcap"] {
        std::fs::write(folder.path().join(name), &bytes[..9]).unwrap();
    }
    for name in ["2.pcap", "4.pcap"] {
        std::fs::copy(good, folder.path().join(name)).unwrap();
    }
    let path = folder.path().to_str().unwrap();
    let output = run(&["--once", "--json", path]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["stream"]["datagrams"], 2);
    let errors = answer["stream"]["file_errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{answer}");
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr).replace(path, "FILE");
    let expected = [
        "top-flows: FILE/1�[2J�.pcap: the capture was cut off: it ends at byte 9",
        "top-flows: FILE/3.pcap: the capture was cut off: it ends at byte 9",
    ];
    assert_eq!(error.lines().count(), 2, "{error}");
    for (line, expected) in error.lines().zip(expected) {
        assert!(line.starts_with(expected), "{error}");
    }
    // Playback for screen and page reports the same.
    let source = Source::open(folder.path()).unwrap();
    let model = Shared::new(source.model(None, 1e6));
    source
        .run(model.clone(), Arc::default())
        .unwrap()
        .join()
        .unwrap();
    let status = &model.lock().status;
    assert_eq!((status.datagrams, status.file_errors.len()), (2, 2));
    assert_eq!(status.fault, None);
}
