//! Work per CPU second of each host, compared with the other hosts that run the same services.

use std::collections::BTreeMap;

use sflow_metrics::query;

use super::metric_query::MetricQuery;
use super::snapshot::Snapshot;
use crate::orchestrator::Service;

/// CPU use in cores below which the work rate is not compared.
const MIN_CORES: f64 = 0.01;
/// Number of hosts of a service from which on they are compared.
const MIN_HOSTS: usize = 3;

/// The query for the work rate of containers: CPU, and packets as a measure of work.
///
/// # Errors
///
/// None, as long as the catalogue has these metrics.
pub fn work_query() -> Result<MetricQuery, query::Error> {
    MetricQuery::new(&["vir_cpu_cores", "vir_pkts_in+vir_pkts_out"])
}

/// Per node name, packets per CPU second divided by the median over the hosts that run the same
/// service. With several services it is the mean weighted by the CPU that they use on the host. Hosts
/// that cannot be compared are left out.
pub fn work_per_cpu<'s>(
    snapshot: &Snapshot<'_>,
    query: &MetricQuery,
    services: impl IntoIterator<Item = &'s Service>,
) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for service in services {
        let mut hosts: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for (task, values) in snapshot.values_by_task(query, service) {
            if let (Some(node), [Some(cores), Some(packets)]) = (&task.node, &values[..]) {
                let (all_cores, all_packets) = hosts.entry(node.clone()).or_default();
                *all_cores += cores;
                *all_packets += packets;
            }
        }
        hosts.retain(|_, (cores, packets)| *cores >= MIN_CORES && *packets > 0.0);
        let mut each: Vec<f64> = hosts
            .values()
            .map(|(cores, packets)| packets / cores)
            .collect();
        if each.len() < MIN_HOSTS {
            continue;
        }
        let Some(median) = median_of(&mut each).filter(|median| *median > 0.0) else {
            continue;
        };
        for (host, (cores, packets)) in hosts {
            let (weight, sum) = sums.entry(host).or_default();
            *weight += cores;
            *sum += packets / median;
        }
    }
    let ratio = |(host, (cores, sum)): (String, (f64, f64))| (host, sum / cores);
    sums.into_iter().map(ratio).collect()
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median_of(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(lower + (upper - lower) / 2.0)
}
