//! `--json`.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};

use flate2::read::GzDecoder;
use serde_json::{Value as Json, json};
use sflow_v5::Datagram;

use crate::program::{self, capture, corpus, fed, json_lines, pcap, printed, testdata, text};

#[test]
fn values_equal_those_of_sflowtool() {
    for (name, expected) in [
        ("hsflowd-swarm", [1448, 8860, 18_468]),
        ("openvswitch", [106, 581, 1_214]),
    ] {
        let ours = json_lines(&printed(&["--json", &capture(name)]));
        let path = testdata("captures").join(format!("{name}.sflowtool.jsonl.gz"));
        let theirs = BufReader::new(GzDecoder::new(File::open(path).unwrap()));
        let theirs: Vec<Json> = theirs
            .lines()
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect();
        assert_eq!(ours.len(), theirs.len());
        let mut counts = [0; 3];
        for (ours, theirs) in ours.iter().zip(&theirs) {
            counts[0] += 1;
            for (our_key, their_key) in [
                ("agent_address", "agent"),
                ("sub_agent_id", "agentSubId"),
                ("sequence_number", "packetSequenceNo"),
                ("uptime", "sysUpTime"),
            ] {
                same(&ours[our_key], &theirs[their_key]);
            }
            let ours = ours["samples"].as_array().unwrap();
            let theirs = theirs["samples"].as_array().unwrap();
            assert_eq!(ours.len(), theirs.len());
            for (ours, theirs) in ours.iter().zip(theirs) {
                counts[1] += 1;
                same(&ours["format"], &theirs["sampleType_tag"]);
                same(&ours["sequence_number"], &theirs["sampleSequenceNo"]);
                let ours = ours["records"].as_array().unwrap();
                let theirs = theirs["elements"].as_array().unwrap();
                assert_eq!(ours.len(), theirs.len());
                for (ours, theirs) in ours.iter().zip(theirs) {
                    counts[2] += 1;
                    let tag = ["counterBlock_tag", "flowBlock_tag"];
                    let tag = tag.iter().find_map(|tag| theirs.get(tag)).unwrap();
                    same(&ours["format"], tag);
                    assert!(ours["fields"].is_object(), "{ours}");
                }
            }
        }
        assert_eq!(counts, expected, "{name}");
    }
}

/// Compares values; sflowtool prints numbers as text.
#[track_caller]
fn same(ours: &Json, theirs: &Json) {
    let ours = ours
        .as_str()
        .map_or_else(|| ours.to_string(), str::to_owned);
    assert_eq!(Some(ours.as_str()), theirs.as_str());
}

/// The output equals the serde output of the library for valid and invalid inputs.
#[test]
fn corpus_equals_serde_output() {
    let files = fs::read_dir(testdata("corpus/datagram")).unwrap();
    let inputs = files.map(|entry| fs::read(entry.unwrap().path()).unwrap());
    // The longest input does not fit a packet with headers.
    let inputs: Vec<_> = inputs.filter(|bytes| bytes.len() < 65_508).collect();
    assert!(inputs.len() > 100);
    let slices: Vec<_> = inputs.iter().map(Vec::as_slice).collect();
    let output = fed(&["--json", "-"], &pcap(&slices));
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), inputs.len());
    for (line, bytes) in lines.iter().zip(&inputs) {
        match Datagram::parse(bytes) {
            Ok(datagram) => assert_eq!(*line, serde_json::to_string(&datagram).unwrap()),
            Err(error) => {
                let line: Json = serde_json::from_str(line).unwrap();
                assert_eq!(line["error"], error.to_string());
                assert_eq!(line["source"], "192.0.2.1:50000");
            }
        }
    }
}

#[test]
fn captures_equal_serde_output() {
    for name in ["hsflowd-swarm", "openvswitch"] {
        let mut capture = sflow_collector::capture::Capture::open(capture(name)).unwrap();
        let mut expected = Vec::new();
        while let Some(received) = capture.next_datagram().unwrap() {
            let datagram = Datagram::parse(received.bytes).unwrap();
            serde_json::to_writer(&mut expected, &datagram).unwrap();
            expected.push(b'\n');
        }
        let ours = printed(&["--json", &program::capture(name)]);
        // Not `assert_eq`, which would print megabytes.
        assert!(ours.as_bytes() == expected, "{name}");
    }
}

#[test]
fn line_has_fields_in_order() {
    let datagram = corpus("vector-4-killed-container");
    let output = fed(&["--json", "--time", "-"], &pcap(&[&datagram]));
    let line = text(&output.stdout);
    let start = "{\"received_at\":\"2016-09-24T01:00:17.25Z\",\"agent_address\":\"127.0.0.1\",\
        \"sub_agent_id\":100001,\"sequence_number\":7,\"uptime\":21179,\"samples\":[\
        {\"format\":\"0:4\",\"name\":\"counters_sample_expanded\",\"sequence_number\":1,";
    assert!(line.starts_with(start), "{line}");
    let records = &json_lines(line)[0]["samples"][0]["records"];
    let expected = json!({"format": "0:2101", "name": "virt_cpu",
        "fields": {"state": 4, "cpuTime": 0, "nrVirtCpu": 2}});
    assert!(records.as_array().unwrap().contains(&expected), "{records}");
}

#[test]
fn control_characters_in_names_are_escaped() {
    let mut datagram = corpus("vector-4-killed-container");
    let place = datagram.windows(5).position(|bytes| bytes == b"web.1");
    datagram[place.unwrap()..][..5].copy_from_slice(b"\x1b\xc2\x9b\"\n");
    let output = fed(&["--json", "-"], &pcap(&[&datagram]));
    let line = text(&output.stdout);
    let expected = r#""hostname":"\u001b\u009b\"\n""#;
    assert!(line.contains(expected), "{line}");
    let output = fed(&["-"], &pcap(&[&datagram]));
    let block = text(&output.stdout);
    assert!(block.contains(r#"hostname: "\u{1b}\u{9b}\"\n""#), "{block}");
}
