//! Names and intervals of entities.

use std::time::Duration;

use sflow_metrics::entity::Entity;

/// The mean time between reports of an entity; `None` until it has been measured.
pub fn reporting_interval(entity: &Entity<'_>) -> Option<Duration> {
    /// From this number of samples on the registry knows the interval and ignores pauses.
    const LEARNED: u64 = 5;
    let samples = entity.samples();
    if samples >= LEARNED {
        return Some(entity.interval());
    }
    let intervals = (samples + entity.samples_lost()).checked_sub(1)?;
    let intervals = u32::try_from(intervals).ok().filter(|count| *count > 0)?;
    Some((entity.last_seen() - entity.first_seen()) / intervals)
}

/// The service of a container by the naming scheme of swarm: `service.slot.task`.
pub fn service_of(container: &str) -> Option<&str> {
    let (rest, task) = container.rsplit_once('.')?;
    let (service, slot) = rest.rsplit_once('.')?;
    let is_task = task.len() == 25 && task.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_slot = !slot.is_empty() && slot.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_task && is_slot && !service.is_empty()).then_some(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_is_derived_from_container_name() {
        let cases = [
            ("apache.1.rsm0h0ay4dbn6zbusp3ta9pf7", Some("apache")),
            (
                "my.stack_web.12.rsm0h0ay4dbn6zbusp3ta9pf7",
                Some("my.stack_web"),
            ),
            (
                "agent.4o2kkqbg8iwkzgfvlfbmdd0wc.rsm0h0ay4dbn6zbusp3ta9pf7",
                Some("agent"),
            ),
            ("apache", None),
            ("apache.1", None),
            ("apache.1.short", None),
            (".1.rsm0h0ay4dbn6zbusp3ta9pf7", None),
            ("apache..rsm0h0ay4dbn6zbusp3ta9pf7", None),
        ];
        for (container, service) in cases {
            assert_eq!(service_of(container), service, "{container}");
        }
    }
}
