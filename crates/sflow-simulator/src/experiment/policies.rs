use std::time::Duration;

use sflow_autoscale::controller::ServiceSettings;
use sflow_autoscale::policy::{Mode, Pace, Rule, Select, Settings, Target, Thresholds};

use super::scenario::Scenario;
use crate::spec::ServiceSpec;

/// Two thresholds: one replica more when a container transfers 100 kB/s or uses 1 % of a core on
/// average, one fewer below half of both; from 1 to 10 replicas, in mode `act`.
pub fn two_thresholds() -> Settings {
    let metric = |metric: &str, lower, upper| Thresholds {
        metric: metric.to_owned(),
        lower,
        upper,
    };
    let pace = |cooldown| Pace {
        cooldown: Duration::from_secs(cooldown),
        ..pace(Duration::ZERO)
    };
    let rule = Rule::TwoThreshold {
        metrics: vec![
            metric("vir_bytes_in+vir_bytes_out", 50_000.0, 100_000.0),
            metric("vir_cpu_utilization", 0.5, 1.0),
        ],
        step_up: 1,
        step_down: 1,
    };
    Settings {
        mode: Mode::Act,
        warm_up: Duration::from_secs(8),
        up: pace(4),
        down: pace(2),
        ..Settings::new(rule)
    }
}

/// Documented defaults of Kubernetes'
/// [horizontal pod autoscaler](https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/)
/// for one target: tolerance 10 %; scale up immediately by the larger of 100 % and four pods in 15 s;
/// scale down by 100 % in 15 s to the largest recommendation of five minutes; pods that are younger
/// than 30 s do not count; in mode `act`. It decides every 15 s, which is a setting of the experiment.
pub fn kubernetes(rule: Rule) -> Settings {
    let pace = |tasks, stabilise| Pace {
        tasks,
        stabilise: Duration::from_secs(stabilise),
        percent: Some(100.0),
        period: Duration::from_secs(15),
        select: Select::Max,
        ..Pace::default()
    };
    Settings {
        mode: Mode::Act,
        warm_up: Duration::from_secs(30),
        fast: false,
        up: pace(Some(4), 0),
        down: pace(None, 300),
        ..Settings::new(rule)
    }
}

/// A pace without limits.
pub(crate) fn pace(stabilise: Duration) -> Pace {
    Pace {
        stabilise,
        period: Duration::from_secs(60),
        ..Pace::default()
    }
}

impl Scenario {
    /// [`two_thresholds`] for each service. The CPU threshold is left out for a service whose requests
    /// need so much CPU time that it would always be exceeded.
    pub fn two_threshold_services(&self) -> Vec<ServiceSettings> {
        let mut services = self.services(&two_thresholds());
        for (service, spec) in services.iter_mut().zip(&self.cluster.services) {
            if let Rule::TwoThreshold { metrics, .. } = &mut service.settings.rule {
                keep_possible(metrics, spec);
            }
        }
        services
    }

    /// Targets of nine tenths of the upper thresholds of
    /// [`two_threshold_services`](Self::two_threshold_services) for each service. It shrinks after 30 s.
    pub fn target_services(&self) -> Vec<ServiceSettings> {
        let mut services = self.two_threshold_services();
        for service in &mut services {
            if let Rule::TwoThreshold { metrics, .. } = &service.settings.rule {
                let targets = metrics.iter().map(|metric| Target {
                    metric: metric.metric.clone(),
                    target: metric.upper * 0.9,
                });
                service.settings.rule = Rule::Target {
                    metrics: targets.collect(),
                    tolerance_up: 0.1,
                    tolerance_down: 0.1,
                };
            }
            service.settings.down.stabilise = Duration::from_secs(30);
        }
        services
    }
}

fn keep_possible(metrics: &mut Vec<Thresholds>, service: &ServiceSpec) {
    let upper = |name: &str| {
        let metric = metrics.iter().find(|metric| metric.metric.contains(name));
        metric.map(|metric| metric.upper)
    };
    let (Some(percent), Some(bytes)) = (upper("cpu"), upper("bytes")) else {
        return;
    };
    let requests = bytes / service.request.bytes();
    if 100.0 * requests * service.request.cpu.as_secs_f64() > percent {
        metrics.retain(|metric| !metric.metric.contains("cpu"));
    }
}
