//! Whether nodes have capacity for the tasks of all services.
//!
//! Tasks are placed as swarm places them: of the nodes with capacity, the one with the fewest tasks of
//! the same service gets the next task, then the one with the fewest tasks. A better packing would
//! promise capacity that the orchestrator does not find.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::orchestrator::{Census, Demand, Node, Resources, Scaling, ServiceId};

/// The number of machines of a pool that the services need at least.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct MinimumSize {
    /// Machines.
    pub machines: u32,
    /// A service with a task that could not be placed with one machine fewer.
    pub service: Option<String>,
    /// Whether even this number is too small.
    pub is_short: bool,
}

/// The number of machines that the services need for the minimum of each (`least`), besides the nodes
/// that are not of the pool. The smallest machines count first; further ones, up to `most`, count as
/// equally large.
pub fn minimum_size(
    census: &Census,
    machines: &[&Node],
    others: &[&Node],
    least: impl Fn(&Demand) -> u32,
    most: u32,
) -> MinimumSize {
    let mut machines = machines.to_vec();
    machines.sort_by(|a, b| {
        let (a, b) = (a.resources, b.resources);
        a.cores.total_cmp(&b.cores).then(a.memory.cmp(&b.memory))
    });
    let Some(smallest) = machines.first().copied() else {
        // The size of a machine is unknown.
        return MinimumSize::default();
    };
    let mut wanted: Vec<(&Demand, u32)> = census
        .demands
        .iter()
        .filter(|demand| matches!(demand.scaling, Scaling::Replicated { .. }))
        .map(|demand| (demand, least(demand)))
        .collect();
    wanted.sort_by(|(a, _), (b, _)| larger(a.reserved, b.reserved));
    let short = |count: u32| {
        let known = machines.iter().copied();
        let known = known.chain(std::iter::repeat(smallest));
        let pool = known.take(usize::try_from(count).unwrap_or(usize::MAX));
        let nodes = others.iter().copied().chain(pool);
        let mut capacity = Capacity::empty(nodes, &census.demands);
        wanted
            .iter()
            .find(|(demand, tasks)| !capacity.place_all(demand, *tasks))
            .map(|(demand, _)| demand.name.clone())
    };
    let most = most.max(u32::try_from(machines.len()).unwrap_or(u32::MAX));
    // Binary search between a number that is too small and one that is enough.
    let (mut low, mut high) = (0, most);
    if let Some(service) = short(most) {
        return MinimumSize {
            machines: most,
            service: Some(service),
            is_short: true,
        };
    }
    let mut service = short(0);
    if service.is_none() {
        return MinimumSize::default();
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match short(middle) {
            Some(name) => (low, service) = (middle, Some(name)),
            None => high = middle,
        }
    }
    MinimumSize {
        machines: high,
        service,
        is_short: false,
    }
}

/// A service with a task that could not be placed if the tasks of `leaving` had to move to `staying`.
pub fn unplaceable(census: &Census, leaving: &[&Node], staying: &[&Node]) -> Option<String> {
    let mut capacity = Capacity::occupied(staying.iter().copied(), &census.demands);
    let on = |demand: &Demand| {
        let tasks = leaving.iter().filter_map(|node| node.tasks.get(&demand.id));
        tasks.fold(0_u32, |sum, tasks| sum.saturating_add(*tasks))
    };
    let mut moving: Vec<(&Demand, u32)> = census
        .demands
        .iter()
        .filter(|demand| demand.scaling != Scaling::Global)
        .map(|demand| (demand, on(demand)))
        .collect();
    moving.sort_by(|(a, _), (b, _)| larger(a.reserved, b.reserved));
    let mut unplaceable = moving
        .into_iter()
        .filter(|(demand, tasks)| !capacity.place_all(demand, *tasks));
    unplaceable.next().map(|(demand, _)| demand.name.clone())
}

/// Nodes with their free resources.
#[derive(Debug)]
struct Capacity<'c> {
    places: Vec<Slot<'c>>,
}

#[derive(Debug)]
struct Slot<'c> {
    node: &'c Node,
    left: Resources,
    /// Whether the tasks on it count.
    is_occupied: bool,
    crowd: u32,
}

impl<'c> Capacity<'c> {
    /// Nodes with only the tasks that run on every node.
    fn empty(nodes: impl Iterator<Item = &'c Node>, demands: &'c [Demand]) -> Self {
        let global = |demand: &&Demand| demand.scaling == Scaling::Global;
        let place = |node: &'c Node| {
            let mut place = Slot::of(node, false);
            for demand in demands.iter().filter(global) {
                if place.allows(demand) {
                    place.place(demand, 1);
                }
            }
            place
        };
        Self {
            places: nodes.map(place).collect(),
        }
    }

    /// Nodes with their present tasks.
    fn occupied(nodes: impl Iterator<Item = &'c Node>, demands: &'c [Demand]) -> Self {
        let by_id: BTreeMap<&ServiceId, &Demand> =
            demands.iter().map(|demand| (&demand.id, demand)).collect();
        let place = |node: &'c Node| {
            let mut place = Slot::of(node, true);
            for (id, tasks) in &node.tasks {
                if let Some(demand) = by_id.get(id) {
                    place.place(demand, *tasks);
                }
            }
            place
        };
        Self {
            places: nodes.map(place).collect(),
        }
    }

    /// Places tasks; `false` if one could not be placed.
    fn place_all(&mut self, demand: &Demand, tasks: u32) -> bool {
        // Tasks without reservations fit all or none.
        let takes_nothing = demand.reserved == Resources::default() && demand.per_node.is_none();
        let tasks = if takes_nothing { tasks.min(1) } else { tasks };
        let suitable = self.places.iter_mut().filter(|place| place.allows(demand));
        let mut suitable: Vec<(u32, &mut Slot<'_>)> =
            suitable.map(|place| (place.own(demand), place)).collect();
        for _ in 0..tasks {
            let fitting = suitable.iter_mut();
            let fitting = fitting.filter(|(own, place)| place.has_capacity(demand, *own));
            let Some((own, place)) = fitting.min_by_key(|(own, place)| (*own, place.crowd)) else {
                return false;
            };
            *own += 1;
            place.place(demand, 1);
        }
        true
    }
}

impl<'c> Slot<'c> {
    const fn of(node: &'c Node, is_occupied: bool) -> Self {
        Self {
            node,
            left: node.resources,
            is_occupied,
            crowd: 0,
        }
    }

    /// Its tasks of the service before any was moved.
    fn own(&self, demand: &Demand) -> u32 {
        let own = self.node.tasks.get(&demand.id).copied();
        own.filter(|_| self.is_occupied).unwrap_or(0)
    }

    fn has_capacity(&self, demand: &Demand, own: u32) -> bool {
        /// Rounding error of sums of cores.
        const EPSILON: f64 = 1e-6;
        demand.reserved.cores <= self.left.cores + EPSILON
            && demand.reserved.memory <= self.left.memory
            && demand.per_node.is_none_or(|most| own < most)
    }

    fn allows(&self, demand: &Demand) -> bool {
        let mut constraints = demand.constraints.iter();
        constraints.all(|constraint| is_met(constraint, self.node))
    }

    fn place(&mut self, demand: &Demand, tasks: u32) {
        self.left.cores -= demand.reserved.cores * f64::from(tasks);
        let memory = demand.reserved.memory.saturating_mul(tasks.into());
        self.left.memory = self.left.memory.saturating_sub(memory);
        self.crowd = self.crowd.saturating_add(tasks);
    }
}

/// Whether a node meets a constraint on its role, name, id or labels. Others, such as the operating
/// system, count as met: the machines of a pool are alike.
fn is_met(constraint: &str, node: &Node) -> bool {
    let (key, is_equal, value) = match (constraint.split_once("=="), constraint.split_once("!=")) {
        (Some((key, value)), _) => (key.trim(), true, value.trim()),
        (None, Some((key, value))) => (key.trim(), false, value.trim()),
        (None, None) => return true,
    };
    let role = if node.is_manager { "manager" } else { "worker" };
    let found = match key {
        "node.role" => role,
        "node.hostname" => node.name.as_str(),
        "node.id" => node.id.as_str(),
        _ => match key.strip_prefix("node.labels.") {
            Some(label) => node.labels.get(label).map_or("", String::as_str),
            None => return true,
        },
    };
    found.eq_ignore_ascii_case(value) == is_equal
}

/// Descending order by cores, then by memory.
fn larger(a: Resources, b: Resources) -> std::cmp::Ordering {
    b.cores.total_cmp(&a.cores).then(b.memory.cmp(&a.memory))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::orchestrator::Availability;

    fn node(name: &str, cores: f64, tasks: &[(&str, u32)]) -> Node {
        let task = |(service, tasks): &(&str, u32)| (ServiceId((*service).to_owned()), *tasks);
        Node {
            id: name.to_owned(),
            name: name.to_owned(),
            version: 1,
            labels: BTreeMap::from([("disk".to_owned(), "ssd".to_owned())]),
            availability: Availability::Active,
            drained_for: None,
            is_ready: true,
            is_manager: name.starts_with('m'),
            resources: Resources {
                cores,
                memory: 1_000,
            },
            tasks: tasks.iter().map(task).collect(),
        }
    }

    fn demand(name: &str, replicas: u32, cores: f64, memory: u64) -> Demand {
        Demand {
            id: ServiceId(name.to_owned()),
            name: name.to_owned(),
            scaling: Scaling::Replicated { replicas },
            reserved: Resources { cores, memory },
            per_node: None,
            constraints: Vec::new(),
        }
    }

    fn of(demands: Vec<Demand>) -> Census {
        Census {
            nodes: Vec::new(),
            demands,
        }
    }

    fn least(census: &Census, machines: &[Node], other_nodes: &[Node]) -> MinimumSize {
        let machines: Vec<&Node> = machines.iter().collect();
        let other_nodes: Vec<&Node> = other_nodes.iter().collect();
        minimum_size(census, &machines, &other_nodes, Demand::replicas, 10)
    }

    #[test]
    fn cores_and_memory_are_counted_in_whole_tasks() {
        let workers: Vec<Node> = (1..=4).map(|w| node(&format!("w{w}"), 2.0, &[])).collect();
        // Three tasks of 0.9 cores have no capacity on one node of two cores, but on two.
        let census = of(vec![demand("web", 3, 0.9, 0)]);
        let size = least(&census, &workers, &[]);
        assert_eq!((size.machines, size.service.as_deref()), (2, Some("web")));
        // Memory counts as well, and so does what others have capacity for.
        let census = of(vec![demand("web", 3, 0.9, 600)]);
        assert_eq!(least(&census, &workers, &[]).machines, 3);
        let manager = [node("m1", 2.0, &[])];
        assert_eq!(least(&census, &workers, &manager).machines, 2);
        // More than there are: one of the same size each.
        let census = of(vec![demand("web", 14, 0.9, 0)]);
        assert_eq!(least(&census, &workers, &[]).machines, 7);
        let census = of(vec![demand("web", 40, 0.9, 0)]);
        let size = least(&census, &workers, &[]);
        assert_eq!((size.machines, size.is_short), (10, true));
        // A task that fits nowhere fits on no number of them.
        assert!(least(&of(vec![demand("db", 1, 8.0, 0)]), &workers, &[]).is_short);
        // Nothing is reserved: any node will do.
        let census = of(vec![demand("web", 9, 0.0, 0)]);
        assert_eq!(least(&census, &workers, &[]).machines, 1);
        assert_eq!(least(&census, &workers, &manager), MinimumSize::default());
    }

    #[test]
    fn global_services_use_capacity_of_every_node() {
        let workers: Vec<Node> = (1..=4).map(|w| node(&format!("w{w}"), 2.0, &[])).collect();
        let mut agent = demand("agent", 0, 0.5, 0);
        agent.scaling = Scaling::Global;
        let census = of(vec![agent, demand("web", 4, 1.0, 0)]);
        assert_eq!(least(&census, &workers, &[]).machines, 4);
    }

    #[test]
    fn placement_constraints_are_respected() {
        let workers: Vec<Node> = (1..=4).map(|w| node(&format!("w{w}"), 2.0, &[])).collect();
        let manager = [node("m1", 64.0, &[])];
        let mut web = demand("web", 3, 0.1, 0);
        web.per_node = Some(1);
        assert_eq!(
            least(&of(vec![web.clone()]), &workers, &manager).machines,
            2
        );
        for (constraint, machines) in [
            ("node.role == worker", 3),
            ("node.role!=manager", 3),
            ("node.hostname != m1", 3),
            ("node.labels.disk == SSD", 2),
            ("engine.labels.x == y", 2),
        ] {
            web.constraints = vec![constraint.to_owned()];
            let size = least(&of(vec![web.clone()]), &workers, &manager);
            assert_eq!(size.machines, machines, "{constraint}");
        }
        web.constraints = vec!["node.labels.disk == tape".to_owned()];
        assert!(least(&of(vec![web]), &workers, &manager).is_short);
    }

    #[test]
    fn node_can_leave_if_remaining_nodes_have_capacity() {
        let census = of(vec![demand("web", 4, 0.9, 0), demand("db", 1, 1.5, 0)]);
        let leaving = node("w1", 2.0, &[("web", 1), ("gone", 3)]);
        let capacity = node("w2", 2.0, &[("web", 1)]);
        let full = node("w3", 2.0, &[("web", 2)]);
        assert_eq!(unplaceable(&census, &[&leaving], &[&capacity, &full]), None);
        let home = unplaceable(&census, &[&leaving], &[&full]);
        assert_eq!(home.as_deref(), Some("web"));
        assert_eq!(
            unplaceable(&census, &[&leaving], &[]).as_deref(),
            Some("web")
        );
        let database = node("w1", 2.0, &[("db", 1)]);
        let home = unplaceable(&census, &[&database], &[&capacity, &full]);
        assert_eq!(home.as_deref(), Some("db"));
        // What runs everywhere does not move.
        let mut agent = demand("agent", 0, 0.5, 0);
        agent.scaling = Scaling::Global;
        let leaving = node("w1", 2.0, &[("agent", 1)]);
        assert_eq!(unplaceable(&of(vec![agent]), &[&leaving], &[]), None);
    }

    /// A large cluster must not delay the control loop.
    #[test]
    fn large_cluster_has_a_minimum_size() {
        let names: Vec<String> = (0..1_000).map(|number| format!("s{number}")).collect();
        let demands = names.iter().map(|name| demand(name, 10, 0.05, 1));
        let mut census = of(demands.collect());
        let node = |number: usize| {
            let tasks: Vec<(&str, u32)> = names
                .iter()
                .skip(number % 5)
                .step_by(5)
                .map(|name| (name.as_str(), 1))
                .collect();
            node(&format!("w{number}"), 64.0, &tasks)
        };
        census.nodes = (0..50).map(node).collect();
        let nodes: Vec<&Node> = census.nodes.iter().collect();
        let size = minimum_size(&census, &nodes, &[], Demand::replicas, 60);
        assert!((8..=50).contains(&size.machines), "{size:?}");
        for place in 0..nodes.len() {
            let mut staying = nodes.clone();
            let leaving = staying.remove(place);
            assert_eq!(unplaceable(&census, &[leaving], &staying), None);
        }
    }

    proptest! {
        #[test]
        fn minimum_size_is_enough_and_one_fewer_is_not(
            services in proptest::collection::vec((1..8_u32, 1..20_u32, 1..10_u64), 1..6),
            machines in 1..8_u32,
        ) {
            let demands = services.iter().enumerate().map(|(place, (tasks, cores, memory))| {
                demand(&place.to_string(), *tasks, f64::from(*cores) / 10.0, memory * 100)
            });
            let census = of(demands.collect());
            let nodes: Vec<Node> = (0..10).map(|w| node(&format!("w{w}"), 2.0, &[])).collect();
            let there = usize::try_from(machines).unwrap();
            let found = least(&census, &nodes[..there], &[]);
            prop_assert!(found.machines <= 10);
            if !found.is_short {
                let enough: Vec<&Node> = nodes.iter().take(found.machines as usize).collect();
                let at_most = |most: u32| minimum_size(&census, &enough[..1], &[], Demand::replicas, most);
                prop_assert!(!at_most(found.machines).is_short);
                prop_assert!(found.machines == 1 || at_most(found.machines - 1).is_short);
            }
        }
    }
}
