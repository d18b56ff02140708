//! `--count`.

use crate::program::{capture, corpus, fed, pcap, printed, text};

#[test]
fn summary_of_capture() {
    let summary = printed(&["--count", &capture("hsflowd-swarm")]);
    let rows: Vec<Vec<_>> = summary
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let agents: Vec<_> = rows
        .iter()
        .filter(|row| row.first().is_some_and(|cell| cell.starts_with("10.")))
        .collect();
    assert_eq!(agents.len(), 3, "{summary}");
    let sum = |column: usize| -> u64 {
        agents
            .iter()
            .map(|row| row[column].parse::<u64>().unwrap())
            .sum()
    };
    assert_eq!([sum(2), sum(3), sum(4)], [1448, 8860, 18_468]);
    for row in agents {
        let [datagrams, first, last]: [u64; 3] =
            [row[2], row[5], row[6]].map(|cell| cell.parse().unwrap());
        assert_eq!(last - first + 1, datagrams, "{summary}");
        assert_eq!(row[7..], ["0", "0", "0", "0"], "{summary}");
    }
    let row = ["counter", "record", "0:2101", "virt_cpu", "47", "0"];
    assert!(rows.iter().any(|cells| cells[..] == row), "{summary}");
    assert!(
        !summary.contains("malformed:") && !summary.contains("not sFlow"),
        "{summary}"
    );
}

#[test]
fn summary_counts_lost_late_repeated_and_malformed_datagrams() {
    let good = corpus("vector-4-killed-container");
    let numbered = |number: u32, uptime: u32| {
        let mut datagram = good.clone();
        datagram[16..20].copy_from_slice(&number.to_be_bytes());
        datagram[20..24].copy_from_slice(&uptime.to_be_bytes());
        datagram
    };
    let mut file = vec![
        numbered(10, 10_000),
        numbered(12, 12_000),
        numbered(11, 11_000),
        numbered(12, 12_000),
        numbered(15, 15_000),
        numbered(1, 100),
    ];
    file.push(corpus("record-1-short-of-its-fixed-part"));
    file.push(corpus("netflow-5"));
    file.push(corpus("empty"));
    let file: Vec<_> = file.iter().map(Vec::as_slice).collect();
    let output = fed(&["--count", "-"], &pcap(&file));
    let summary = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    let rows: Vec<Vec<_>> = summary
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let expected = [
        "127.0.0.1",
        "100001",
        "6",
        "6",
        "42",
        "10",
        "1",
        "2",
        "1",
        "1",
        "1",
    ];
    assert!(rows.iter().any(|row| row[..] == expected), "{summary}");
    assert!(summary.contains("\nmalformed: 1 truncated\n"), "{summary}");
    assert!(
        summary.contains("\nnot sFlow: 1 NetFlow 5, 1 truncated\n"),
        "{summary}"
    );
    let memory = rows
        .iter()
        .find(|row| row.contains(&"virt_memory"))
        .unwrap();
    assert_eq!(memory.last(), Some(&"1"), "{summary}");
}

#[test]
fn summary_without_datagrams() {
    let output = fed(&["--count", "-"], &pcap(&[]));
    assert_eq!(text(&output.stdout), "no datagrams\n");
}

#[test]
fn unknown_protocol_is_not_named_by_its_version() {
    let request = b"GET / HTTP/1.1\r\nHost: collector\r\n\r\n";
    let output = fed(&["--count", "-"], &pcap(&[request, request]));
    let summary = text(&output.stdout);
    assert_eq!(summary, "not sFlow: 2 of an unknown protocol\n");
    let output = fed(&["-"], &pcap(&[request]));
    let block = text(&output.stdout);
    let expected = "  from 192.0.2.1:50000  not sFlow\n  bytes: 474554202f20";
    assert!(block.contains(expected), "{block}");
}
