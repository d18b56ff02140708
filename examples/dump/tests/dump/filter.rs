//! `--filter`.

use std::collections::BTreeSet;

use crate::program::{capture, json_lines, printed, run, text};

/// The numbers of datagrams, samples and records that match, and the names of all records.
fn matching(name: &str, filters: &[&str]) -> ([usize; 3], String) {
    let capture = capture(name);
    let mut arguments = vec!["--json", &capture];
    for filter in filters {
        arguments.extend(["--filter", filter]);
    }
    let output = run(&arguments);
    let lines = json_lines(text(&output.stdout));
    assert_eq!(output.status.code(), Some(0));
    let has_report = text(&output.stderr).starts_with("dump: no match for the filter in ");
    assert_eq!(has_report, lines.is_empty(), "{filters:?}");
    let samples = || {
        let lists = lines.iter().map(|line| line["samples"].as_array().unwrap());
        lists.flatten()
    };
    let records = || {
        let lists = samples().map(|sample| sample["records"].as_array().unwrap());
        lists.flatten()
    };
    let names: BTreeSet<_> = records()
        .map(|record| record["name"].as_str().unwrap())
        .collect();
    let names: Vec<_> = names.into_iter().collect();
    let counts = [lines.len(), samples().count(), records().count()];
    (counts, names.join(" "))
}

#[test]
fn filters_of_one_or_several_kinds_select_records() {
    let all = matching("openvswitch", &[]).0;
    assert_eq!(all, [106, 581, 1214]);
    let flows = "extended_switch sampled_header";
    let resources = "app_resources ovs_dp_stats";
    for (filters, expected, names) in [
        // Agents.
        (&["agent=127.0.0.1"][..], all, None),
        (&["127.0.0.0/8"], all, None),
        (&["10.0.0.1"], [0; 3], None),
        (&["10.0.0.1", "127.0.0.1"], all, None),
        (&["::1"], [0; 3], None),
        // A record by format and by name.
        (&["format=0:2203"], [10, 10, 10], Some("app_resources")),
        (&["app_resources"], [10, 10, 10], Some("app_resources")),
        (
            &["APP_*", "name=ovs_dp_????s"],
            [10, 10, 20],
            Some(resources),
        ),
        (
            &["extended_switch"],
            [92, 543, 543],
            Some("extended_switch"),
        ),
        // A sample with all its records.
        (&["flow_sample"], [92, 543, 1086], Some(flows)),
        (&["flow_sample_expanded"], [0; 3], None),
        // 0:1 is a sample, a flow record and a counter record.
        (&["0:1"], [106, 570, 1113], None),
        // A record in a sample; all kinds must match.
        (
            &["format=0:1", "name=sampled_header"],
            [92, 543, 543],
            Some("sampled_header"),
        ),
        (
            &["name=counters_sample", "format=0:2203"],
            [10, 10, 10],
            Some("app_resources"),
        ),
        (&["agent=10.0.0.1", "flow_sample"], [0; 3], None),
        (
            &["agent=127.0.0.1", "flow_sample"],
            [92, 543, 1086],
            Some(flows),
        ),
        // Unknown formats are accepted.
        (&["0:4095"], [0; 3], None),
    ] {
        let (counts, found) = matching("openvswitch", filters);
        assert_eq!(counts, expected, "{filters:?}");
        if let Some(names) = names {
            assert_eq!(found, names, "{filters:?}");
        }
    }
}

#[test]
fn all_outputs_select_the_same() {
    let capture = capture("hsflowd-swarm");
    let [datagrams, samples, records] = matching("hsflowd-swarm", &["virt_*"]).0;
    let blocks = printed(&["-f", "virt_*", &capture]);
    assert_eq!(
        blocks
            .lines()
            .filter(|line| line.contains("  agent "))
            .count(),
        datagrams
    );
    assert_eq!(
        blocks
            .lines()
            .filter(|line| line.starts_with("    virt_"))
            .count(),
        records
    );
    assert!(!blocks.contains("host_descr"));
    let rate = printed(&["-f", "virt_*", "--null", &capture]);
    let expected = format!("{datagrams} datagrams, {samples} samples, {records} records, ");
    assert!(rate.starts_with(&expected), "{rate}");
    let summary = printed(&["-f", "virt_*", "--count", &capture]);
    // Lost datagrams are counted from all datagrams of the agents.
    let all: Vec<_> = summary
        .lines()
        .find(|line| line.starts_with("all"))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(
        all[1..4],
        ["1448", &samples.to_string(), &records.to_string()]
    );
    assert!(!summary.contains("host_descr"));
}

#[test]
fn filter_that_cannot_match_is_an_error() {
    for (filters, expected) in [
        (&["-f", "virt_cpus"][..], "did you mean `virt_cpu`?"),
        (
            &["-f", "name=sampled_haeder"],
            "did you mean `sampled_header`?",
        ),
        (&["-f", "port=1"], "expected agent=, format= or name="),
        (&["-f", "10.0.0.256"], "not an address"),
        (&["-f", "0:99999"], "not a format"),
        (
            &["-f", "format=0:2101", "-f", "name=if_counters"],
            "nothing can match both",
        ),
    ] {
        let output = run(&[filters, &["capture.pcap"]].concat());
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn filter_without_match_is_reported() {
    let capture = capture("openvswitch");
    for view in [&[][..], &["--json"], &["--count"]] {
        let output = run(&[view, &["--filter", "jvm_runtime", &capture]].concat());
        let error = text(&output.stderr);
        assert!(
            error.contains("dump: no match for the filter in "),
            "{error}"
        );
        assert_eq!(output.status.code(), Some(0));
        let output = run(&[view, &["--filter", "if_counters", &capture]].concat());
        assert!(!text(&output.stderr).contains("no match"));
    }
}
