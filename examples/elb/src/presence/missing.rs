//! The kinds of what is missing, and the message of each.

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use crate::words::duration;

/// Names of nodes in one message.
const NAMED: usize = 8;
/// What to do where agents arrive with the address of something else.
const HOST_NETWORK: &str = "A proxy (docker-proxy), NAT or a relay replaces the addresses of the \
                            agents: let elb receive in the host's network (networks: [host] in \
                            compose.yaml); where that is not possible";

/// Something that should report and does not.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
#[non_exhaustive]
pub enum Missing {
    /// No agent has ever been heard.
    NoAgent {
        /// The UDP port that they should send to.
        port: u16,
    },
    /// An agent that was heard, and is not any more.
    SilentAgent {
        /// Which.
        agent: String,
        /// The host that it spoke for.
        host: Option<String>,
        /// How long ago it was heard, in seconds.
        age: f64,
    },
    /// A node of the cluster that no agent speaks for.
    NodeWithoutAgent {
        /// Its name.
        node: String,
        /// Tasks of services under control that run there.
        tasks: u32,
    },
    /// A host that is reported, but not its containers.
    HostWithoutContainers {
        /// Its name.
        host: String,
        /// Tasks of services under control that run there.
        tasks: u32,
    },
    /// A node that several agents claim to report for.
    NodeContested {
        /// Its name.
        node: String,
        /// The senders of these agents.
        senders: Vec<String>,
    },
    /// A sender that reports a node and may not.
    ForeignSender {
        /// The name of the node.
        node: String,
        /// Its senders.
        senders: Vec<String>,
        /// The addresses that the orchestrator has for the node.
        addresses: Vec<IpAddr>,
        /// Whether an agent reports for the node all the same.
        is_reported: bool,
    },
    /// A sender that reports several nodes and may not, as behind NAT or a proxy.
    SharedSender {
        /// Its address.
        sender: IpAddr,
        /// The names of the nodes.
        nodes: Vec<String>,
    },
    /// Senders of sFlow datagrams that `collector.agents` does not allow.
    SenderRefused {
        /// Their addresses.
        senders: Vec<IpAddr>,
        /// The one of them that sends for several agents.
        shared: Option<IpAddr>,
        /// Whether no agent is received at all.
        is_all: bool,
        /// The line of the configuration that allows them.
        line: String,
    },
    /// `collector.agents` is empty, so that every sender is allowed.
    AnySender {
        /// The line of the configuration that allows only the nodes.
        line: String,
    },
    /// A service of which telemetry knows fewer containers than run.
    ServiceUnseen {
        /// Its name.
        service: String,
        /// Containers that telemetry knows.
        seen: u32,
        /// Those that have run for long enough to be known.
        running: u32,
    },
    /// A metric that no container of a service reports.
    MetricUnknown {
        /// The service.
        service: String,
        /// The metric.
        metric: String,
    },
    /// An agent whose address somebody else uses, too.
    AgentContested {
        /// Which.
        agent: String,
    },
    /// An agent of which much is lost on the way.
    AgentLossy {
        /// Which.
        agent: String,
        /// The part of its datagrams that is missing, from 0 to 1.
        loss: f64,
    },
    /// Decisions by bytes or packets, and no packet samples.
    NoPacketSamples,
    /// More of the same.
    More {
        /// How many are not told one by one.
        count: usize,
    },
}

impl Missing {
    /// Every kind, as [`kind`](Self::kind) names it.
    pub const KINDS: [&'static str; 15] = [
        "no_agent",
        "silent_agent",
        "node_without_agent",
        "host_without_containers",
        "service_unseen",
        "metric_unknown",
        "agent_contested",
        "agent_lossy",
        "no_packet_samples",
        "more",
        "node_contested",
        "foreign_sender",
        "shared_sender",
        "sender_refused",
        "any_sender",
    ];

    /// What it is, in one word, as in JSON.
    pub const fn kind(&self) -> &'static str {
        let place = match self {
            Self::NoAgent { .. } => 0,
            Self::SilentAgent { .. } => 1,
            Self::NodeWithoutAgent { .. } => 2,
            Self::HostWithoutContainers { .. } => 3,
            Self::ServiceUnseen { .. } => 4,
            Self::MetricUnknown { .. } => 5,
            Self::AgentContested { .. } => 6,
            Self::AgentLossy { .. } => 7,
            Self::NoPacketSamples => 8,
            Self::More { .. } => 9,
            Self::NodeContested { .. } => 10,
            Self::ForeignSender { .. } => 11,
            Self::SharedSender { .. } => 12,
            Self::SenderRefused { .. } => 13,
            Self::AnySender { .. } => 14,
        };
        Self::KINDS[place]
    }

    /// The agent, node or service; empty if it concerns all of them.
    pub fn about(&self) -> String {
        match self {
            Self::SilentAgent { agent, .. }
            | Self::AgentContested { agent }
            | Self::AgentLossy { agent, .. } => agent.clone(),
            Self::NodeWithoutAgent { node, .. }
            | Self::NodeContested { node, .. }
            | Self::ForeignSender { node, .. } => node.clone(),
            Self::HostWithoutContainers { host, .. } => host.clone(),
            Self::SharedSender { sender, .. } => sender.to_string(),
            Self::ServiceUnseen { service, .. } => service.clone(),
            Self::MetricUnknown { service, metric } => format!("{service} {metric}"),
            Self::NoAgent { .. }
            | Self::SenderRefused { .. }
            | Self::AnySender { .. }
            | Self::NoPacketSamples
            | Self::More { .. } => String::new(),
        }
    }

    /// Whether it is logged here: not what is logged at the start or as a problem of a service.
    pub(super) const fn is_logged(&self) -> bool {
        !matches!(
            self,
            Self::ServiceUnseen { .. }
                | Self::MetricUnknown { .. }
                | Self::AnySender { .. }
                | Self::More { .. }
        )
    }

    /// Whether decisions are worse for it; otherwise they are only slower.
    pub const fn is_serious(&self) -> bool {
        !matches!(
            self,
            Self::NoPacketSamples
                | Self::AgentLossy { .. }
                | Self::ForeignSender {
                    is_reported: true,
                    ..
                }
                | Self::SenderRefused { is_all: false, .. }
                | Self::AnySender { .. }
        )
    }

    /// Whether senders are refused that the configuration could allow.
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::ForeignSender { .. } | Self::SharedSender { .. } | Self::SenderRefused { .. }
        )
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAgent { port } => write!(
                f,
                "No agent has been heard. Do they send to UDP port {port} of this host, and does \
                 a firewall let them through?"
            ),
            Self::SilentAgent { agent, host, age } => {
                let age = duration(*age);
                match host {
                    Some(host) => write!(f, "The agent of {host} ({agent}) has been silent for")?,
                    None => write!(f, "The agent {agent} has been silent for")?,
                }
                write!(
                    f,
                    " {age}: its containers count as unknown. Does it run, and does it still send \
                     here?"
                )
            }
            Self::NodeWithoutAgent { node, tasks: 0 } => write!(
                f,
                "No agent reports for the node {node}: containers there will not be seen. Start one, \
                 or let it send from the address of the node."
            ),
            Self::NodeWithoutAgent { node, tasks } => write!(
                f,
                "No agent reports for the node {node}, where {} under control. Start one there, or \
                 let it send from the address of the node.",
                running(*tasks)
            ),
            Self::HostWithoutContainers { host, tasks } => write!(
                f,
                "The agent of {host} reports the host and none of its containers, though {} under \
                 control there. Can it read the engine?",
                running(*tasks)
            ),
            Self::NodeContested { node, senders } => write!(
                f,
                "Several agents report for the node {node}: {}. Its readings are unknown. Stop all \
                 but one of them. If the orchestrator does not know the address of the node, set \
                 {} = [\"ADDRESS\"] under [collector.nodes].",
                senders.join(", "),
                key(node)
            ),
            Self::ForeignSender {
                node,
                senders,
                addresses,
                is_reported,
            } => {
                let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
                let known = match &addresses[..] {
                    [] => "not an address configured for it".to_owned(),
                    addresses => format!("not its address {}", addresses.join(" or ")),
                };
                write!(
                    f,
                    "Readings of the node {node} from {} are ignored: {known}.",
                    senders.join(", ")
                )?;
                if !is_reported {
                    write!(
                        f,
                        " If this is its agent, add {} = {senders:?} under [collector.nodes] in \
                         the configuration.",
                        key(node)
                    )?;
                }
                Ok(())
            }
            Self::SharedSender { sender, nodes } => {
                let others = nodes.len().saturating_sub(NAMED);
                let named: Vec<&str> = nodes.iter().take(NAMED).map(String::as_str).collect();
                let named = named.join(", ");
                let more = match others {
                    0 => String::new(),
                    others => format!(" and {others} more"),
                };
                write!(
                    f,
                    "Readings of the nodes {named}{more} are ignored: they arrive from {sender}, \
                     which is the address of none of them. {HOST_NETWORK}, add \"*\" = \
                     [\"{sender}\"] under [collector.nodes] in the configuration.",
                )
            }
            Self::SenderRefused {
                senders,
                shared,
                is_all,
                line,
            } => {
                let named: Vec<String> = senders.iter().map(IpAddr::to_string).collect();
                let named = named.join(", ");
                let all = if *is_all { "All" } else { "Some" };
                write!(
                    f,
                    "{all} sFlow datagrams are refused: collector.agents does not contain {named}."
                )?;
                let line = format!("{line} under [collector] in the configuration");
                match shared {
                    Some(sender) => write!(
                        f,
                        " Several agents arrive with one address. {HOST_NETWORK}, set {line}, and \
                         add \"*\" = [\"{sender}\"] under [collector.nodes]."
                    ),
                    None => write!(f, " If these are agents of the nodes, set {line}."),
                }
            }
            Self::AnySender { line } => write!(
                f,
                "collector.agents is empty: datagrams of every sender are accepted. Set {line} \
                 under [collector] in the configuration."
            ),
            Self::ServiceUnseen {
                service,
                seen: 0,
                running,
            } => write!(
                f,
                "{service}: none of its {running} containers is seen. It is not made smaller \
                 without telemetry."
            ),
            Self::ServiceUnseen {
                service,
                seen,
                running,
            } => write!(
                f,
                "{service}: only {seen} of its {running} containers are seen. The others count as \
                 loaded when it could shrink, and as idle when it could grow."
            ),
            Self::MetricUnknown { service, metric } => write!(
                f,
                "{service}: no container reports {metric}. It is not made smaller without it."
            ),
            Self::AgentContested { agent } => write!(
                f,
                "Another sender or a second sequence of datagrams uses the address of the agent \
                 {agent}: two agents on one host, or a forged address. What two sequences of one \
                 sender report is unknown; readings count by the address of the sender."
            ),
            Self::AgentLossy { agent, loss } => write!(
                f,
                "{:.0} % of what the agent {agent} sends is lost on the way. Look at the network, \
                 and at the buffers of the socket.",
                loss * 100.0
            ),
            Self::NoPacketSamples => f.write_str(
                "No agent sends packet samples: a surge is seen when counters tell of it, up to a \
                 polling interval later.",
            ),
            Self::More { count } => write!(f, "And {count} more of these."),
        }
    }
}

/// The name of a node as a key of TOML.
fn key(node: &str) -> String {
    let is_bare = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    match node.chars().all(is_bare) {
        true => node.to_owned(),
        false => format!("{node:?}"),
    }
}

/// `1 task runs`, `2 tasks run`.
fn running(tasks: u32) -> String {
    match tasks {
        1 => "1 task runs".to_owned(),
        tasks => format!("{tasks} tasks run"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all() -> [Missing; 15] {
        let (service, agent) = ("web".to_owned(), "10.0.0.1/0".to_owned());
        [
            Missing::NoAgent { port: 6343 },
            Missing::SilentAgent {
                agent: agent.clone(),
                host: None,
                age: 90.0,
            },
            Missing::NodeWithoutAgent {
                node: "node1".to_owned(),
                tasks: 1,
            },
            Missing::HostWithoutContainers {
                host: "node1".to_owned(),
                tasks: 2,
            },
            Missing::ServiceUnseen {
                service: service.clone(),
                seen: 1,
                running: 3,
            },
            Missing::MetricUnknown {
                service,
                metric: "vir_cpu_cores".to_owned(),
            },
            Missing::AgentContested {
                agent: agent.clone(),
            },
            Missing::AgentLossy { agent, loss: 0.1 },
            Missing::NoPacketSamples,
            Missing::More { count: 3 },
            Missing::NodeContested {
                node: "node1".to_owned(),
                senders: vec!["10.0.0.1".to_owned(), "10.0.0.9".to_owned()],
            },
            Missing::ForeignSender {
                node: "node1".to_owned(),
                senders: vec!["172.18.0.1".to_owned()],
                addresses: vec![IpAddr::from([10, 0, 0, 1])],
                is_reported: false,
            },
            Missing::SharedSender {
                sender: [172, 18, 0, 1].into(),
                nodes: vec!["node1".to_owned(), "node2".to_owned()],
            },
            Missing::SenderRefused {
                senders: vec![[172, 18, 0, 1].into()],
                shared: Some([172, 18, 0, 1].into()),
                is_all: true,
                line: "agents = [\"172.18.0.1\"]".to_owned(),
            },
            Missing::AnySender {
                line: "agents = [\"10.0.0.1\"]".to_owned(),
            },
        ]
    }

    #[test]
    fn each_kind_has_a_name_and_words() {
        let mut kinds = BTreeSet::new();
        for missing in all() {
            let value = serde_json::to_value(&missing).unwrap();
            assert_eq!(value["what"], missing.kind());
            kinds.insert(missing.kind());
            let words = missing.to_string();
            assert!(words.ends_with(['.', '?']), "{words}");
        }
        assert_eq!(kinds, BTreeSet::from(Missing::KINDS));
    }
}
