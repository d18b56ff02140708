//! Measures the rate of receiving and decoding, without output.

use std::hint::black_box;
use std::time::Instant;

use sflow_v5::{Datagram, Sample};

use crate::filter::Filter;
use crate::put::put;

/// Counts of decoded items since the start.
#[derive(Default)]
pub(crate) struct Speed {
    start: Option<Instant>,
    datagrams: u64,
    samples: u64,
    records: u64,
    bytes: u64,
}

impl Speed {
    /// Starts measuring the time, on the first call.
    pub(crate) fn start(&mut self) {
        self.start.get_or_insert_with(Instant::now);
    }

    /// Decodes every record. Returns whether any part of the datagram passed the filter.
    pub(crate) fn datagram(
        &mut self,
        datagram: &Datagram<'_>,
        bytes: usize,
        filter: &Filter,
    ) -> bool {
        let (mut samples, mut records) = (0, 0);
        filter.samples(datagram, |sample| {
            samples += 1;
            records += match sample {
                Sample::Flow(sample) => decoded(sample.records()),
                Sample::Counters(sample) => decoded(sample.records()),
                Sample::Discarded(sample) => decoded(sample.records()),
                Sample::RtMetric(sample) => decoded(sample.metrics.iter()),
                Sample::RtFlow(sample) => decoded(sample.fields.iter()),
                _ => 0,
            };
        });
        if samples == 0 && filter.is_about_content() {
            return false;
        }
        self.datagrams += 1;
        self.samples += samples;
        self.records += records;
        self.bytes += bytes as u64;
        true
    }

    /// Writes the rate as one line.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let elapsed = self.start.map(|start| start.elapsed()).unwrap_or_default();
        let seconds = elapsed.as_secs_f64();
        let datagrams = self.datagrams as f64;
        let Self {
            datagrams: count,
            samples,
            records,
            bytes,
            ..
        } = self;
        put!(
            out,
            "{count} datagrams, {samples} samples, {records} records, {bytes} bytes in {seconds:.3} s"
        );
        if self.datagrams > 0 && seconds > 0.0 {
            let (rate, each) = (datagrams / seconds, seconds * 1e9 / datagrams);
            let gigabits = self.bytes as f64 * 8e-9 / seconds;
            put!(
                out,
                ": {rate:.0} datagrams/s, {each:.0} ns a datagram, {gigabits:.2} Gbit/s"
            );
        }
        out.push(b'\n');
    }
}

fn decoded<T>(items: impl Iterator<Item = T>) -> u64 {
    let mut count = 0;
    for item in items {
        black_box(&item);
        count += 1;
    }
    count
}
