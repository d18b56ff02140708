//! Orders in progress as text, one order a line: the leader stores them with its lease, and its successor
//! repeats them with the same keys.
//!
//! A line is `ACTION KEY MACHINE POOL`, with `-` for an unknown machine.

use super::order::{Action, Order};
use super::status::ActiveOrder;

pub(super) fn line(order: &ActiveOrder, pool: &str) -> String {
    let machine = order.machine.as_deref().unwrap_or("-");
    let (action, key) = (order.action.name(), &order.order);
    format!("{action} {key} {machine} {pool}\n")
}

/// The orders, each with the name of the machine that was promised to join. Lines of another form are
/// skipped.
pub(super) fn read(journal: &str) -> impl Iterator<Item = (Order, Option<String>)> {
    journal.lines().filter_map(|line| {
        let mut parts = line.splitn(4, ' ');
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let (action, key, machine, pool) = (part()?, part()?, part()?, part()?);
        let action = [Action::Add, Action::Remove]
            .into_iter()
            .find(|known| known.name() == action)?;
        let machine = Some(machine.to_owned()).filter(|machine| machine != "-");
        let (machine, promised) = match action {
            Action::Add => (None, machine),
            Action::Remove => (Some(machine?), None),
        };
        let order = Order {
            order: key.to_owned(),
            action,
            pool: pool.to_owned(),
            machine,
        };
        Some((order, promised))
    })
}

/// Whether the journal contains an order.
pub(super) fn contains(journal: &str, key: &str) -> bool {
    read(journal).any(|(order, _)| order.order == key)
}

#[cfg(test)]
mod tests {
    use sflow_metrics::Timestamp;

    use super::*;

    #[test]
    fn journal_contains_orders_with_their_keys_pools_and_machines() {
        let active = |order: &str, action, machine: Option<&str>| ActiveOrder {
            order: order.to_owned(),
            action,
            machine: machine.map(str::to_owned),
            since: Timestamp::from_secs(1),
            is_promised: false,
        };
        let text = [
            line(&active("1-1-add", Action::Add, None), "workers"),
            line(
                &active("1-2-add", Action::Add, Some("node7")),
                "big machines",
            ),
            line(
                &active("1-3-remove", Action::Remove, Some("node4")),
                "workers",
            ),
        ]
        .concat();
        let damaged =
            format!("{text}\nadd 1-4-add\nmove 1-5 node1 workers\nremove 1-6 - workers\n");
        for journal in [&text, &damaged] {
            let orders: Vec<_> = read(journal)
                .map(|(it, promised)| (it.order, it.action, it.pool, it.machine, promised))
                .collect();
            let owned = |text: &str| text.to_owned();
            assert_eq!(
                orders,
                [
                    (owned("1-1-add"), Action::Add, owned("workers"), None, None),
                    (
                        owned("1-2-add"),
                        Action::Add,
                        owned("big machines"),
                        None,
                        Some(owned("node7"))
                    ),
                    (
                        owned("1-3-remove"),
                        Action::Remove,
                        owned("workers"),
                        Some(owned("node4")),
                        None
                    ),
                ]
            );
        }
        assert!(contains(&text, "1-2-add") && !contains(&text, "1-2"));
    }
}
