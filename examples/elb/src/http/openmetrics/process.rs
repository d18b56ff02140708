//! Metrics of the process, if the system provides them.

use std::fmt;
use std::fs;

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::{Labels, gauges, label};

pub(super) fn process(encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let version = vec![label("version", env!("CARGO_PKG_VERSION"))];
    encoder
        .encode_descriptor("elb_build", "Version of elb", None, MetricType::Info)?
        .encode_info(&version)?;
    gauges(
        encoder,
        "process_resident_memory_bytes",
        "Resident memory",
        resident().map(|bytes| (Labels::new(), bytes)),
    )?;
    gauges(
        encoder,
        "process_open_fds",
        "Open files and sockets",
        open_files().map(|files| (Labels::new(), files)),
    )
}

fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024.0)
}

fn open_files() -> Option<f64> {
    let files = fs::read_dir("/proc/self/fd").ok()?;
    // One of the entries is the directory itself.
    Some(files.count().saturating_sub(1) as f64)
}
