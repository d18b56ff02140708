//! Captures of problems that users of other tools reported.

use std::fs;
use std::io::Write as _;

use crate::program::{fed, json_lines, run, testdata, text};

fn reported(name: &str) -> String {
    let path = testdata("reported").join(name).with_extension("pcap");
    path.to_str().unwrap().to_owned()
}

/// The number of samples shown, and the text on standard error.
fn shown(path: &str) -> (usize, String) {
    let output = run(&["--json", path]);
    let lines = json_lines(text(&output.stdout));
    let samples = lines.iter().filter_map(|line| line["samples"].as_array());
    let error = text(&output.stderr).replace(path, "FILE");
    (samples.map(Vec::len).sum(), error)
}

#[test]
fn packets_without_samples_are_reported_by_cause() {
    for (name, samples, expected) in [
        ("capture-fragments", 30, ""),
        ("capture-link-239", 1, ""),
        ("capture-outer-gre", 1, ""),
        ("capture-outer-vxlan", 1, ""),
        (
            "capture-other-port-9995",
            0,
            "dump: FILE: passed over 1 of 1 packet: 1 to UDP port 9995 (--port PORT reads another \
             port, --port any reads all)\n",
        ),
        (
            "other-netflow9",
            0,
            "dump: FILE: 1 of 1 datagram not sFlow 5: 1 NetFlow 9\n",
        ),
        (
            "other-sflow4",
            0,
            "dump: FILE: 1 of 1 datagram not sFlow 5: 1 sFlow 4\n",
        ),
    ] {
        let (found, error) = shown(&reported(name));
        assert_eq!((found, error.as_str()), (samples, expected), "{name}");
    }
}

#[test]
fn other_protocols_are_named_in_every_output() {
    for (name, protocol) in [("other-netflow9", "NetFlow 9"), ("other-sflow4", "sFlow 4")] {
        let path = reported(name);
        let lines = json_lines(text(&run(&["--json", &path]).stdout));
        assert_eq!(lines[0]["protocol"], protocol);
        let block = run(&[&path]);
        assert!(text(&block.stdout).contains(&format!("({protocol})")));
        let summary = run(&["--count", &path]);
        let row = format!("{protocol} datagrams");
        assert!(
            text(&summary.stdout).contains(&row),
            "{}",
            text(&summary.stdout)
        );
    }
}

#[test]
fn summary_lists_causes_with_counts() {
    let output = run(&["--count", &reported("capture-other-port-9995")]);
    assert_eq!(text(&output.stderr), "");
    let expected = "\
other                              count
datagrams to other ports (--port)      1
  to port 9995                         1
";
    assert_eq!(text(&output.stdout), expected);
    let mut file = fs::read(reported("capture-other-port-9995")).unwrap();
    file[20..24].copy_from_slice(&147_u32.to_le_bytes());
    let summary = fed(&["--count", "-"], &file);
    let summary = text(&summary.stdout);
    assert!(
        summary.contains("  link layer 147 (reserved for private use)      1"),
        "{summary}"
    );
    let mut file = fs::read(reported("capture-fragments")).unwrap();
    // Remove the last record of the file.
    let mut at = 24;
    let mut last = at;
    while at < file.len() {
        last = at;
        let length = u32::from_le_bytes(file[at + 8..at + 12].try_into().unwrap());
        at += 16 + length as usize;
    }
    file.truncate(last);
    let summary = fed(&["--count", "-"], &file);
    let summary = text(&summary.stdout);
    assert!(summary.contains("  incomplete IP packets"), "{summary}");
}

#[test]
fn directories_and_compressed_files_are_read() {
    let whole = run(&["--json", testdata("reported").to_str().unwrap()]);
    assert_eq!(whole.status.code(), Some(0), "{}", text(&whole.stderr));
    let each: Vec<_> = fs::read_dir(testdata("reported"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let lines: usize = each
        .iter()
        .map(|path| json_lines(text(&run(&["--json", path.to_str().unwrap()]).stdout)).len())
        .sum();
    assert_eq!(json_lines(text(&whole.stdout)).len(), lines);

    let path = reported("capture-fragments");
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(&fs::read(&path).unwrap()).unwrap();
    let packed = writer.finish().unwrap();
    let output = fed(&["--json", "-"], &packed);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.stdout, run(&["--json", &path]).stdout);
    let output = fed(&["--json", "-"], &packed[..packed.len() / 2]);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.contains("dump: standard input: cannot decompress the gzip file after"),
        "{error}"
    );
    assert!(
        error.contains("the file is cut off; copy it again"),
        "{error}"
    );
}
