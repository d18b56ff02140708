//! Names of the tasks of Docker swarm services.
//!
//! ```
//! let task = "shop_web.3.rsm0h0ay4dbn6zbusp3ta9pf7";
//! assert_eq!(swarm::service_of(task), Some("shop_web"));
//! assert_eq!(swarm::service_of("sidecar"), None);
//! ```

/// The service of a task, given the name of its container: `service.slot.id`, or
/// `service.node.id` for a global service.
pub fn service_of(container: &str) -> Option<&str> {
    let (rest, id) = container.rsplit_once('.')?;
    let (service, slot) = rest.rsplit_once('.')?;
    let is_number = !slot.is_empty() && slot.bytes().all(|byte| byte.is_ascii_digit());
    let is_task = is_id(id) && (is_number || is_id(slot)) && !service.is_empty();
    is_task.then_some(service)
}

fn is_id(part: &str) -> bool {
    let mut bytes = part.bytes();
    part.len() >= 12 && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_is_task_name_without_slot_and_id() {
        let cases = [
            ("apache.1.rsm0h0ay4dbn6zbusp3ta9pf7", Some("apache")),
            ("web.prod.12.rsm0h0ay4dbn6zbusp3ta9pf7", Some("web.prod")),
            (
                "agent.b4txb8c1nyzjzbdh1dkfeqh0q.rsm0h0ay4dbn6zbusp3ta9pf7",
                Some("agent"),
            ),
            ("my_apache", None),
            ("a.b.c", None),
            (".1.rsm0h0ay4dbn6zbusp3ta9pf7", None),
        ];
        for (container, service) in cases {
            assert_eq!(service_of(container), service, "{container}");
        }
    }
}
