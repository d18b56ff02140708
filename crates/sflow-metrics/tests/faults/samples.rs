//! Impossible packet samples.

use sflow_metrics::{Config, Health, Registry};
use sflow_v5::enums::HeaderProtocol;
use sflow_v5::flow::SampledHeader;
use sflow_v5::types::Opaque;
use sflow_v5::{Address, Datagram, Encoder, FlowSample, Header, Interface, Records, Sample};

use crate::support::{Agent, at, interface, interface_source};

type Change = fn(&mut FlowSample<'_>, &mut SampledHeader<'_>);

/// A datagram with a flow sample of a packet of 1000 bytes, of a source that samples ten times a
/// second at a rate of 100.
fn flow(number: u32, change: Change) -> Vec<u8> {
    let mut sample = FlowSample {
        sequence_number: number,
        source_id: interface_source(3),
        sampling_rate: 100,
        sample_pool: number * 100,
        input: Interface::index(3),
        ..FlowSample::default()
    };
    let mut sampled = SampledHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: 1000,
        stripped: 4,
        header: Opaque(&[0; 64]),
    };
    change(&mut sample, &mut sampled);
    let records = [sampled.into()];
    let sample = FlowSample {
        records: Records::from(&records[..]),
        ..sample
    };
    let header = Header {
        agent_address: Address::V4([10, 0, 0, 1]),
        sequence_number: number,
        uptime: 100_000 + number * 100,
        ..Header::default()
    };
    let mut buffer = [0; 1400];
    let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
    encoder.push(&Sample::Flow(sample)).unwrap();
    encoder.finish().to_vec()
}

/// Ingests 1,000 samples, a changed one, and nine more. Returns the rate in bytes per second that
/// differs most from the sent 1 MB/s.
fn with_changed_sample(change: Change) -> (Registry, f64) {
    let mut registry = Registry::new(Config::default());
    let definition = "keys=;value=bytes;smooth=10s".parse().unwrap();
    let id = registry.watch_flows(definition).unwrap();
    let mut worst: f64 = 10_000.0;
    for number in 1..=1010 {
        let bytes = flow(number, if number == 1001 { change } else { |_, _| {} });
        let now = at(f64::from(number) / 10.0);
        registry.ingest(now, [10, 0, 0, 1].into(), &Datagram::parse(&bytes).unwrap());
        let total = registry.flows(now, id).unwrap().total;
        if number > 1000 && (total - 1e6).abs() > (worst - 1e6).abs() || number == 1000 {
            worst = total;
        }
    }
    (registry, worst)
}

#[test]
fn t23_impossible_samples_do_not_move_a_flow() {
    type Count = fn(&Health) -> u64;
    let cases: [(&str, Change, Count, u64); 13] = [
        (
            "nothing",
            |_, _| {},
            |health| health.flow_samples_rejected,
            0,
        ),
        (
            "a rate of all ones",
            |sample, _| sample.sampling_rate = u32::MAX,
            |health| health.flow_samples_bad_rate,
            1,
        ),
        (
            "4 GB",
            |_, packet| packet.frame_length = u32::MAX,
            |health| health.flow_samples_bad_length,
            1,
        ),
        (
            "a byte more than any packet",
            |_, packet| packet.frame_length = 65_536,
            |health| health.flow_samples_bad_length,
            1,
        ),
        (
            "4 GB and a rate of all ones",
            |sample, packet| {
                packet.frame_length = u32::MAX;
                sample.sampling_rate = u32::MAX;
            },
            |health| health.flow_samples_bad_length,
            1,
        ),
        (
            "a packet shorter than its header",
            |_, packet| packet.frame_length = 20,
            |health| health.flow_samples_bad_length,
            1,
        ),
        (
            "another rate",
            |sample, _| sample.sampling_rate = 1_000_000,
            |health| health.flow_samples_rejected,
            1,
        ),
        (
            "another rate, and a pool",
            |sample, _| {
                sample.sampling_rate = 1_000_000;
                sample.sample_pool = 3_000_000_000;
            },
            |health| health.flow_samples_rejected,
            1,
        ),
        (
            "another sequence",
            |sample, _| sample.sequence_number = 3_000_000_000,
            |health| health.flow_samples_rejected,
            1,
        ),
        (
            "an earlier sequence",
            |sample, _| sample.sequence_number = 3,
            |health| health.flow_samples_rejected,
            1,
        ),
        (
            "a pool that goes back",
            |sample, _| sample.sample_pool = 5,
            |health| health.flow_samples_lost,
            0,
        ),
        (
            "a pool that grew by too much",
            |sample, _| sample.sample_pool += 1 << 30,
            |health| health.flow_samples_lost,
            0,
        ),
        (
            "drops",
            |sample, _| sample.drops = 2_000_000_000,
            |health| health.flow_samples_dropped,
            0,
        ),
    ];
    for (case, change, count, expected) in cases {
        let (registry, bytes) = with_changed_sample(change);
        let sampler = registry.samplers().next().unwrap();
        assert_eq!(count(registry.health()), expected, "{case}");
        assert!((bytes / 1e6 - 1.0).abs() < 0.02, "{case}: {bytes}");
        assert!(
            (sampler.effective_rate.unwrap() / 100.0 - 1.0).abs() < 0.02,
            "{case}"
        );
        assert!(
            sampler.missing <= 1 && sampler.dropped == 0,
            "{case}: {sampler:?}"
        );
    }
}

/// The first sample of a source is bounded by the speed of its interface.
#[test]
fn t23_sample_above_line_rate_does_not_count() {
    for (speed, rate, is_refused) in [
        (10_000_000_000, 30_000, true),
        (10_000_000_000, 10_000, false),
        (100_000_000_000, 30_000, false),
        (0, 1_000_000, true),
        (0, 100_000, false),
    ] {
        let mut registry = Registry::new(Config::default());
        let definition = "keys=;value=bytes;smooth=off".parse().unwrap();
        let id = registry.watch_flows(definition).unwrap();
        let mut agent = Agent::new(1);
        if speed > 0 {
            agent.report(&mut registry, 0.0, &[interface(3, 1, speed, 0)]);
        }
        let packet = [0; 64];
        let records = [SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: 65_535,
            stripped: 4,
            header: Opaque(&packet),
        }
        .into()];
        let sample = FlowSample {
            sequence_number: 1,
            source_id: interface_source(3),
            sampling_rate: rate,
            records: Records::from(&records[..]),
            ..FlowSample::default()
        };
        let header = Header {
            agent_address: Address::V4([10, 0, 0, 1]),
            sub_agent_id: 100_000,
            sequence_number: 2,
            uptime: 101_000,
        };
        let mut buffer = [0; 1400];
        let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
        encoder.push(&Sample::Flow(sample)).unwrap();
        let bytes = encoder.finish().to_vec();
        agent.deliver(&mut registry, 1.0, &bytes);
        let total = registry.flows(at(1.0), id).unwrap().total;
        let expected = f64::from(rate) * 65_535.0;
        assert_eq!(
            total,
            if is_refused { 0.0 } else { expected },
            "{speed} {rate}"
        );
        let refused = registry.health().flow_samples_above_line_rate;
        assert_eq!(refused, u64::from(is_refused), "{speed} {rate}");
    }
}
