//! How much work each host does with a second of CPU time, beside what the same services do
//! elsewhere.

use std::collections::BTreeMap;

use sflow_metrics::query;

use super::look::Look;
use super::question::Question;
use crate::orchestrator::Service;
use crate::pool::peers::median;

/// Less CPU than this, in cores, says nothing about how well it is used.
const LEAST_CORES: f64 = 0.01;
/// Hosts that a service has to run on, to compare them by it.
const LEAST_HOSTS: usize = 3;

/// What is asked of containers to know how much work they do: CPU, and packets as work.
///
/// # Errors
///
/// Never, as long as the catalogue has these metrics.
pub fn question_of_work() -> Result<Question, query::Error> {
    Question::new(&["vir_cpu_cores", "vir_pkts_in+vir_pkts_out"])
}

/// For each node, by its name, its packets per CPU second as a part of the median over the hosts
/// that run
/// the same service; of several services, weighted by the CPU that they use there. Hosts that
/// cannot be compared are left out.
pub fn work_per_cpu<'s>(
    look: &Look<'_>,
    question: &Question,
    services: impl IntoIterator<Item = &'s Service>,
) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for service in services {
        let mut hosts: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for (task, values) in look.each(question, service) {
            if let (Some(node), [Some(cores), Some(packets)]) = (&task.node, &values[..]) {
                let (all_cores, all_packets) = hosts.entry(node.clone()).or_default();
                *all_cores += cores;
                *all_packets += packets;
            }
        }
        hosts.retain(|_, (cores, packets)| *cores >= LEAST_CORES && *packets > 0.0);
        let mut each: Vec<f64> = hosts
            .values()
            .map(|(cores, packets)| packets / cores)
            .collect();
        if each.len() < LEAST_HOSTS {
            continue;
        }
        let Some(usual) = median(&mut each).filter(|usual| *usual > 0.0) else {
            continue;
        };
        for (host, (cores, packets)) in hosts {
            let (weight, sum) = sums.entry(host).or_default();
            *weight += cores;
            *sum += packets / usual;
        }
    }
    let part = |(host, (cores, sum)): (String, (f64, f64))| (host, sum / cores);
    sums.into_iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sflow_metrics::Timestamp;
    use sflow_simulator::Workload;

    use super::*;
    use crate::orchestrator::Orchestrator;
    use crate::simulator::{Scenario, Simulation};
    use crate::telemetry::Telemetry;

    #[tokio::test]
    async fn hosts_that_are_alike_do_alike_and_one_that_does_not_shows() {
        const START: Timestamp = Timestamp::from_secs(1_700_000_000);
        let mut scenario = Scenario::named("article").unwrap();
        let service = &mut scenario.cluster.services[0];
        (service.replicas, service.workload) = (6, Workload::Constant(2_000.0));
        let names = [service.name.clone()];
        let mut simulation = Simulation::new(&scenario, 1, START).unwrap();
        let mut telemetry = Telemetry::default();
        let now = START + Duration::from_secs(90);
        simulation.advance(now, |sent| {
            telemetry.receive(sent.at, (sent.source, 6343).into(), sent.bytes);
        });
        telemetry.set_nodes(now, simulation.nodes());
        let mut services = simulation.services(&names).await.unwrap();
        let question = question_of_work().unwrap();
        let work = |services: &[Service]| {
            let look = telemetry.look(now, [&question]);
            work_per_cpu(&look, &question, services)
        };
        let alike = work(&services);
        assert_eq!(alike.len(), 3, "{alike:?}");
        for (host, part) in &alike {
            assert!((0.9..1.1).contains(part), "{host}: {part}");
        }
        // On two hosts nothing can be compared.
        services[0]
            .tasks
            .retain(|task| task.node.as_deref() != Some("node3"));
        assert!(work(&services).is_empty());
    }
}
