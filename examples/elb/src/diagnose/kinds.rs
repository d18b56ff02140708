//! Every kind of finding: names, severity and recommended action. A rule sets another severity if it
//! depends on the facts, and the action if it contains values (empty here).

use std::collections::BTreeMap;

use super::finding::{Finding, Level};

/// A kind of finding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// Stable name in the API, the metrics and the JSON of `elb check`.
    pub(super) name: &'static str,
    /// `id` in the JSON of `elb check`; empty if it is the name with hyphens.
    pub(super) id: &'static str,
    level: Level,
    advice: &'static str,
}

impl Kind {
    /// A finding of this kind about a subject, such as `service apache`.
    pub(super) fn of(self, about: impl Into<String>, what: impl AsRef<str>) -> Finding {
        let finding = Finding {
            level: self.level,
            kind: self.name,
            about: about.into(),
            what: one_line(what.as_ref()),
            advice: None,
            details: BTreeMap::new(),
        };
        finding.advise(self.advice)
    }
}

/// The text in one line: errors of parsers have several.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Declares kinds, a constant for each and one for all of them: constant, severity, name, `id` if it
/// is not the name with hyphens, recommended action.
macro_rules! kinds {
    ($(#[$doc:meta])* $all:ident: $($kind:ident $level:ident $name:literal $(($id:literal))?,
        $advice:literal;)*) => {
        $(
            pub(super) const $kind: Kind = Kind {
                name: $name,
                id: concat!($($id)?),
                level: Level::$level,
                advice: $advice,
            };
        )*
        $(#[$doc])*
        pub(super) const $all: &[Kind] = &[$($kind),*];
    };
}

kinds! {
    /// Missing or unusable data, and leadership: the API, the page and the metrics of a running loop
    /// contain these.
    INCOMPLETE:

    AGENT_CONTESTED Wrong "agent_contested" ("address-contested"),
        "give each agent a different address (`agent = eth0` or `agentIP` in hsflowd.conf). Readings \
         of two sequences of one sender are not used; otherwise agents are distinguished by the \
         address of the sender";
    AGENT_LOSSY Note "agent_lossy" ("loss"),
        "check the network path and the socket buffers of both ends (`nstat -az UdpRcvbufErrors \
         UdpSndbufErrors`)";
    AGENT_RESTARTS Wrong "agent_restarts",
        "check its log for crashes; or two agents use the same identity: run one agent per node";
    ANY_SENDER Note "any_sender" ("agents-unrestricted"), "";
    FOREIGN_SENDER Wrong "foreign_sender", "restrict the port to the agents with a firewall";
    HOST_TWICE Wrong "host_twice",
        "run one agent on each node (Host sFlow or `elb agent`, not both), and give each machine a \
         different host name";
    HOST_WITHOUT_CONTAINERS Wrong "host_without_containers" ("no-containers"),
        "load the agent's Docker module (`docker { markTraffic = on }` in hsflowd.conf), and give it \
         access to the engine's socket";
    LEADER_CHANGES Note "leader_changes",
        "the logs of the instances show why it was replaced; if managers answer slowly, increase \
         leader.lease";
    LEASE_UNREACHABLE Wrong "lease_unreachable",
        "check that a manager of docker.endpoints answers, and that more than half of the managers \
         are up (`docker node ls`); elb continues when the lease can be renewed";
    METRIC_PARTIAL Note "metric_partial", "";
    METRIC_UNKNOWN Wrong "metric_unknown" ("metric-unreported"), "";
    MORE Note "more", "";
    NO_AGENT Wrong "no_agent" ("no-datagram"), "";
    NO_LEADER Wrong "no_leader",
        "see the logs of the instances; restart those that no longer renew or read the lease";
    NO_PACKET_SAMPLES Note "no_packet_samples",
        "if there is traffic, enable sampling (`sampling = 100` and a `pcap` line for each bridge in \
         hsflowd.conf)";
    NODE_CONTESTED Wrong "node_contested" ("host-twice"), "";
    NODE_WITHOUT_AGENT Wrong "node_without_agent" ("node-silent"),
        "start an agent there, or configure it to send from the address of the node";
    SENDER_REFUSED Note "sender_refused" ("turned-away"), "";
    SERVICE_UNSEEN Wrong "service_unseen" ("containers-unheard"),
        "see the findings about their nodes; a new container is reported within a polling interval. \
         Until then these containers count as loaded for scaling down, and as idle for scaling up";
    SHARED_SENDER Wrong "shared_sender" ("foreign-sender"), "";
    SILENT_AGENT Wrong "silent_agent", "check that it runs and sends to this host";
}

kinds! {
    /// Everything else, in the order of the rules.
    OTHER:

    CONFIGURATION Ok "configuration", "";
    CONFIGURATION_UNREADABLE Wrong "configuration_unreadable",
        "name the file with --config, or create one with `elb run --example > elb.toml`";
    CONFIGURATION_REFUSED Wrong "configuration_refused",
        "correct the error; an invalid configuration is not applied";
    COLLECTOR_LOOPBACK Note "collector_loopback",
        "set collector.listen = \"0.0.0.0:6343\" to receive from other machines";
    PAGE_OPEN Note "page_open",
        "restrict access with a firewall or a proxy, and set http.token_file";
    DOCKER_UNENCRYPTED Note "docker_unencrypted",
        "use TLS with a client certificate ([docker.tls]), or the engine's socket on this machine";

    MANAGER Ok "manager", "";
    ENDPOINT_UNUSABLE Wrong "endpoint_unusable", "correct docker.endpoints in the configuration";
    ENDPOINT_FORBIDDEN Wrong "endpoint_forbidden",
        "run elb as root, or as a user in the group that owns the socket (usually `docker`; in a \
         container `--group-add` with its number)";
    ENDPOINT_MISSING Wrong "endpoint_missing",
        "check that the engine is running (`systemctl status docker`); in a container, that the \
         socket is mounted";
    MANAGER_UNREACHABLE Wrong "manager_unreachable", "check the address of the engine";
    NOT_A_MANAGER Wrong "not_a_manager",
        "configure managers only; `docker node ls` on a manager lists them";
    SWARM_LOCKED Wrong "swarm_locked", "unlock it there with `docker swarm unlock`";
    NOT_IN_A_SWARM Wrong "not_in_a_swarm",
        "create a swarm with `docker swarm init`, or configure a manager of the existing one";
    SWARM_PROBLEM Wrong "swarm_problem", "see the engine's log";
    SWARM Ok "swarm", "";
    NO_QUORUM Wrong "no_quorum",
        "restore the managers, or run `docker swarm init --force-new-cluster` on a remaining one";
    NODES_UNREADABLE Wrong "nodes_unreadable", "see the engine's log";
    QUORUM_THIN Note "quorum_thin", "run three or five managers";
    ONE_ENDPOINT Note "one_endpoint", "add the others to docker.endpoints";
    NODE_DOWN Note "node_down",
        "swarm moves their tasks; restore them, or remove them with `docker node rm`";

    LEADER Ok "leader", "";

    LABELS Wrong "labels" ("labels-wrong"),
        "correct it with `docker service update --label-add`; until then the service is not balanced";
    LABELS_UNREADABLE Wrong "labels_unreadable", "see the engine's log";
    LABELS_UNUSED Note "labels_unused", "remove the labels or the entry of the file";
    MODE Ok "mode", "";
    MODE_UNSET Wrong "mode_unset", "";
    NO_SERVICE Wrong "no_service",
        "add one to the configuration ([[service]]), or label one: `docker service update \
         --label-add elb.enabled=true`";
    SERVICES_UNREADABLE Wrong "services_unreadable", "see the engine's log";
    SERVICE Ok "service", "";
    SERVICE_GONE Wrong "service_gone" ("service-missing"),
        "see `docker service ls`; services of a stack are named STACK_SERVICE";
    NOT_SCALABLE Wrong "not_scalable" ("service-not-scalable"),
        "remove it from the configuration, or create it again with `--mode replicated`";
    OWNED_BY_ANOTHER Note "owned_by_another",
        "if this balancer should scale it, change the label or control.owner";
    OUTSIDE_BOUNDS Note "outside_bounds",
        "set min and max to the sizes required at low and at peak load";
    NO_ROOM Note "no_room", "increase max";
    ROLLOUT_RUNNING Note "rollout_running", "wait until it ends";
    ROLLOUT_PAUSED Wrong "rollout_paused",
        "see `docker service ps` for the reason; then resume with `docker service update` or undo \
         with `docker service rollback`";
    TASKS_FAILING Wrong "tasks_failing", "";
    TASKS_WAITING Wrong "tasks_waiting", "";
    TASKS_STARTING Note "tasks_starting", "probably starting; check again in a minute";
    LIMIT_MISSING Wrong "limit_missing",
        "set a limit (`docker service update --limit-cpu`, or deploy.resources.limits in a stack \
         file), or use vir_cpu_cores";
    LIMIT_NOT_WHOLE Note "limit_not_whole", "use vir_cpu_cores with a target below the limit";
    LIMIT_BELOW_RULE Wrong "limit_below_rule",
        "lower the target or the upper threshold, or raise the limit";
    CONTAINERS Ok "containers", "";
    CONTAINERS_ELSEWHERE Wrong "containers_elsewhere",
        "set the host name of each agent to the node name that `docker node ls` shows";

    POOL Ok "pool", "";
    POOL_HOOKLESS Note "pool_hookless", "to let it act, set a program or a url in [pool.hook]";
    HOOK_MISSING Wrong "hook_missing",
        "correct pool.hook.program; in a container, mount the program or add it to the image";
    HOOK_FORBIDDEN Wrong "hook_forbidden",
        "`chmod +x` it, or set the interpreter as program and the script as an argument";
    CLUSTER_UNREADABLE Wrong "cluster_unreadable", "see the engine's log";
    POOL_EMPTY Wrong "pool_empty", "";
    POOL_MANAGERS Wrong "pool_managers",
        "add workers to the swarm, or remove the pool from the configuration";
    POOL_SIZE Note "pool_size", "";
    POOL_SMALL Note "pool_small", "";
    POOL_SHORT Note "pool_short", "raise pool.policy.max, or reserve less";
    POOL_UNREPORTED Note "pool_unreported" ("pool-unheard"),
        "a machine without data counts as fully loaded: run an agent on it";

    PORT_IN_USE Wrong "port_in_use", "";
    PORT_UNUSABLE Wrong "port_unusable",
        "set collector.listen to an address of this machine, or to 0.0.0.0:6343";
    OTHER_PROTOCOL Note "other_protocol" ("turned-away"),
        "restrict the port to the agents with a firewall; use other ports for other protocols";
    KERNEL_DROPS Wrong "kernel_drops",
        "raise net.core.rmem_max (`sysctl -w net.core.rmem_max=4194304`), or find the sender of so \
         many datagrams";
    UNUSABLE_DATAGRAMS Note "unusable_datagrams" ("strangers"),
        "restrict the port to the agents; use other ports for other protocols";
    DATAGRAMS Ok "datagrams", "";
    NODES Ok "nodes", "";
    HOST_UNKNOWN Note "host_unknown",
        "if one is a node, configure its agent to send from an address of the node, or add its \
         address under [collector.nodes]";
    POLLING_SLOW Note "polling_slow",
        "set the agent's polling interval to 10 s (`polling = 10` in hsflowd.conf)";
    UPTIME_BACKWARDS Note "uptime_backwards",
        "upgrade the agent: uptime is the time since its start in milliseconds";
    UPTIME_WRONG Note "uptime_wrong",
        "upgrade the agent; until then rates are computed from arrival times, which include network \
         jitter";
    SAMPLING_UNSCALED Note "sampling_unscaled",
        "set a sampling rate in the agent; samples without one may be ignored";
    NO_ADAPTERS Note "no_adapters",
        "Host sFlow: set `docker { markTraffic = on }` in hsflowd.conf (version 2.0.30 or newer); \
         `elb agent`: it needs root and the host's PID namespace";
}
