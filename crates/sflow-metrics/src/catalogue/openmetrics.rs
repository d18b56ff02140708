//! Names and units of metrics in OpenMetrics and Prometheus.

use super::{Metric, MetricKind};

/// Units of the catalogue, the base unit of OpenMetrics, and the factor between them.
const BASE_UNITS: [(&str, &str, f64); 7] = [
    ("bytes", "bytes", 1.0),
    ("s", "seconds", 1.0),
    ("ms", "seconds", 1e-3),
    ("us", "seconds", 1e-6),
    ("mJ", "joules", 1e-3),
    ("W", "watts", 1.0),
    ("mV", "volts", 1e-3),
];

impl Metric {
    /// The name of the metric family in OpenMetrics: `sflow_`, the name, and the
    /// [unit](Self::openmetrics_unit) if there is one. The samples of a counter have the suffix
    /// `_total` in addition.
    ///
    /// ```
    /// use sflow_metrics::{Metric, MetricKind};
    ///
    /// let cpu = Metric::named("vir_cpu_time").expect("a counter of containers");
    /// assert_eq!(cpu.kind(), MetricKind::Rate);
    /// assert_eq!(cpu.openmetrics_name(), "sflow_vir_cpu_time_seconds");
    /// // Milliseconds become seconds.
    /// assert_eq!(cpu.openmetrics_value(1_500.0), 1.5);
    /// ```
    pub fn openmetrics_name(&self) -> String {
        let name = self.name().strip_prefix("custom.").unwrap_or(self.name());
        let mut text = String::from(match self.kind() {
            MetricKind::Custom => "sflow_custom_",
            _ => "sflow_",
        });
        text.extend(name.chars().map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' => character.to_ascii_lowercase(),
            _ => '_',
        }));
        let is_counter = self.is_openmetrics_counter();
        // Suffixes that are reserved for the samples of a type.
        let reserved: &[&str] = match is_counter {
            true => &["_total"],
            false => &["_total", "_count", "_sum", "_bucket", "_info", "_created"],
        };
        for suffix in reserved {
            if let Some(rest) = text.strip_suffix(suffix) {
                let length = rest.len();
                match is_counter {
                    true => text.truncate(length),
                    // `_total` of a gauge, such as `mem_total`, is an amount.
                    false => text.replace_range(length.., &format!("_{}_value", &suffix[1..])),
                }
                break;
            }
        }
        if let Some(unit) = self.openmetrics_unit()
            && !text.ends_with(&format!("_{unit}"))
        {
            // The unit of the reported value, as in `vdi_rtt_avg_ms`.
            if text.ends_with("_ms") {
                text.truncate(text.len() - "_ms".len());
            }
            text.push('_');
            text.push_str(unit);
        }
        text
    }

    /// The base unit in OpenMetrics: `bytes`, `seconds`, `joules`, `volts` or `watts`. `None` for
    /// percentages, numbers and derived rates.
    pub fn openmetrics_unit(&self) -> Option<&'static str> {
        self.base_unit().map(|(unit, _)| unit)
    }

    /// Converts a value, or the [count](crate::entity::Entity::count) of a counter, to
    /// [`openmetrics_unit`](Self::openmetrics_unit).
    pub fn openmetrics_value(&self, value: f64) -> f64 {
        self.base_unit().map_or(value, |(_, factor)| value * factor)
    }

    /// Whether the metric is a counter in OpenMetrics: its value is the
    /// [count](crate::entity::Entity::count), not the rate. All other metrics are gauges.
    pub fn is_openmetrics_counter(&self) -> bool {
        self.kind() == MetricKind::Rate
    }

    fn base_unit(&self) -> Option<(&'static str, f64)> {
        let unit = match self.is_openmetrics_counter() {
            true => self.unit().strip_suffix("/s")?,
            false => self.unit(),
        };
        let line = BASE_UNITS.iter().find(|(known, ..)| *known == unit)?;
        Some((line.1, line.2))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn name(metric: &str) -> String {
        Metric::named(metric).unwrap().openmetrics_name()
    }

    #[test]
    fn names_end_in_base_units() {
        let cases = [
            ("ifinoctets", "sflow_ifinoctets_bytes"),
            ("bytes_in", "sflow_bytes_in_bytes"),
            ("load_one", "sflow_load_one"),
            ("mem_total", "sflow_mem_total_value_bytes"),
            ("http_method_get_count", "sflow_http_method_get_count"),
            ("disk_read_latency", "sflow_disk_read_latency_seconds"),
            ("vdi_rtt_avg_ms", "sflow_vdi_rtt_avg_seconds"),
            ("cpu_utilization", "sflow_cpu_utilization"),
            ("custom.queue.length", "sflow_custom_queue_length"),
        ];
        for (metric, expected) in cases {
            assert_eq!(name(metric), expected);
        }
    }

    #[test]
    fn names_are_distinct() {
        let mut taken = HashSet::new();
        for metric in Metric::all() {
            let name = metric.openmetrics_name();
            let series = match metric.is_openmetrics_counter() {
                true => format!("{name}_total"),
                false => name.clone(),
            };
            for name in HashSet::from([name, series]) {
                assert!(taken.insert(name.clone()), "{name}");
            }
        }
    }
}
