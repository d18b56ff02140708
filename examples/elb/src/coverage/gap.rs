//! Kinds of incomplete data and their messages.

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use crate::format::duration;

/// Maximum number of nodes in one message.
const NAMED: usize = 8;
/// Advice for agents whose sender address is replaced.
const HOST_NETWORK: &str = "A proxy (docker-proxy), NAT or a relay replaces the addresses of the \
                            agents: run elb in the host's network (networks: [host] in \
                            compose.yaml); if that is not possible";

/// Incomplete data: an agent, node, service or metric without telemetry.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "what")]
#[non_exhaustive]
pub enum Gap {
    /// No agent has ever reported.
    NoAgent {
        /// UDP port of the collector.
        port: u16,
    },
    /// An agent that no longer reports.
    SilentAgent {
        /// The agent.
        agent: String,
        /// The host that it reported.
        host: Option<String>,
        /// Age of the last datagram, in seconds.
        age: f64,
    },
    /// A node of the cluster without an agent.
    NodeWithoutAgent {
        /// Name of the node.
        node: String,
        /// Running tasks of managed services on the node.
        tasks: u32,
    },
    /// A host whose containers are not reported.
    HostWithoutContainers {
        /// Name of the host.
        host: String,
        /// Running tasks of managed services on the host.
        tasks: u32,
    },
    /// A node that several agents report.
    NodeContested {
        /// Name of the node.
        node: String,
        /// Senders of these agents.
        senders: Vec<String>,
    },
    /// A sender that is not allowed to report a node.
    ForeignSender {
        /// Name of the node.
        node: String,
        /// The senders.
        senders: Vec<String>,
        /// Addresses of the node according to the orchestrator.
        #[schema(value_type = Vec<String>)]
        addresses: Vec<IpAddr>,
        /// Whether an allowed agent reports the node.
        is_reported: bool,
    },
    /// A sender that is not allowed to report several nodes, for example behind NAT or a proxy.
    SharedSender {
        /// Address of the sender.
        #[schema(value_type = String)]
        sender: IpAddr,
        /// Names of the nodes.
        nodes: Vec<String>,
    },
    /// Senders of sFlow datagrams that `collector.agents` does not allow.
    SenderRefused {
        /// Addresses of the senders.
        #[schema(value_type = Vec<String>)]
        senders: Vec<IpAddr>,
        /// The sender that sends for several agents.
        #[schema(value_type = Option<String>)]
        shared: Option<IpAddr>,
        /// Whether the datagrams of all agents are refused.
        is_all: bool,
        /// Configuration line that allows the senders.
        line: String,
    },
    /// `collector.agents` is empty, so that every sender is allowed.
    AnySender {
        /// Configuration line that allows only the nodes.
        line: String,
    },
    /// A service with fewer reported than running containers.
    ServiceUnseen {
        /// Name of the service.
        service: String,
        /// Reported containers.
        seen: u32,
        /// Containers that have been running long enough to be reported.
        running: u32,
    },
    /// A metric that no container of a service reports.
    MetricUnknown {
        /// The service.
        service: String,
        /// The metric.
        metric: String,
    },
    /// An agent whose address is also used by another sender.
    AgentContested {
        /// The agent.
        agent: String,
    },
    /// An agent with high datagram loss.
    AgentLossy {
        /// The agent.
        agent: String,
        /// Fraction of lost datagrams, from 0 to 1.
        loss: f64,
    },
    /// A policy uses bytes or packets, but no packet samples are received.
    NoPacketSamples,
    /// Further problems of the same kind.
    More {
        /// Number of problems that are not listed.
        count: usize,
    },
}

impl Gap {
    /// All kinds as returned by [`kind`](Self::kind).
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

    /// Name of the kind in JSON.
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

    /// The agent, node or service; empty if all are affected.
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

    /// Whether it is logged by this module; others are logged at the start or as a problem of a
    /// service.
    pub(super) const fn is_logged(&self) -> bool {
        !matches!(
            self,
            Self::ServiceUnseen { .. }
                | Self::MetricUnknown { .. }
                | Self::AnySender { .. }
                | Self::More { .. }
        )
    }

    /// Whether it affects the quality of decisions; otherwise it only delays them.
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

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAgent { port } => write!(
                f,
                "No data from any agent. Check that the agents send to UDP port {port} of this \
                 host and that no firewall blocks it."
            ),
            Self::SilentAgent { agent, host, age } => {
                let age = duration(*age);
                match host {
                    Some(host) => write!(f, "No data from the agent of {host} ({agent}) for")?,
                    None => write!(f, "No data from agent {agent} for")?,
                }
                write!(
                    f,
                    " {age}: its containers are unknown. Check that it runs and sends to this \
                     host."
                )
            }
            Self::NodeWithoutAgent { node, tasks: 0 } => write!(
                f,
                "No agent reports for the node {node}: its containers will be unknown. Start an \
                 agent there, or configure it to send from the address of the node."
            ),
            Self::NodeWithoutAgent { node, tasks } => write!(
                f,
                "No agent reports for the node {node}, where {}. Start an agent there, or \
                 configure it to send from the address of the node.",
                running(*tasks)
            ),
            Self::HostWithoutContainers { host, tasks } => write!(
                f,
                "The agent of {host} reports the host but no containers, although {} \
                 there. Check that it can access the engine.",
                running(*tasks)
            ),
            Self::NodeContested { node, senders } => write!(
                f,
                "Several agents report for the node {node}: {}. Its readings are not used. Stop \
                 all but one of them. If the orchestrator does not know the address of the node, \
                 set {} = [\"ADDRESS\"] under [collector.nodes].",
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
                let further = nodes.len().saturating_sub(NAMED);
                let named: Vec<&str> = nodes.iter().take(NAMED).map(String::as_str).collect();
                let named = named.join(", ");
                let more = match further {
                    0 => String::new(),
                    further => format!(" and {further} more"),
                };
                write!(
                    f,
                    "Readings of the nodes {named}{more} are ignored: they arrive from {sender}, \
                     which is not the address of any of them. {HOST_NETWORK}, add \"*\" = \
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
                        " Several agents send from one address. {HOST_NETWORK}, set {line}, and \
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
                "{service}: none of its {running} containers is reported. It is not scaled down \
                 without telemetry."
            ),
            Self::ServiceUnseen {
                service,
                seen,
                running,
            } => write!(
                f,
                "{service}: only {seen} of its {running} containers are reported. The others count \
                 as loaded for scaling down, and as idle for scaling up."
            ),
            Self::MetricUnknown { service, metric } => write!(
                f,
                "{service}: no container reports {metric}. It is not scaled down without it."
            ),
            Self::AgentContested { agent } => write!(
                f,
                "Another sender or a second sequence of datagrams uses the address of the agent \
                 {agent}: two agents on one host, or a forged address. Readings of two sequences \
                 of one sender are not used; otherwise agents are distinguished by the address of \
                 the sender."
            ),
            Self::AgentLossy { agent, loss } => write!(
                f,
                "{:.0} % of the datagrams of agent {agent} are lost. Check the network \
                 and the socket buffers.",
                loss * 100.0
            ),
            Self::NoPacketSamples => f.write_str(
                "No agent sends packet samples: a load peak is detected by counters, up to a \
                 polling interval later.",
            ),
            Self::More { count } => write!(f, "{count} more of this kind."),
        }
    }
}

/// The name of a node as a TOML key.
fn key(node: &str) -> String {
    let is_bare = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    match node.chars().all(is_bare) {
        true => node.to_owned(),
        false => format!("{node:?}"),
    }
}

/// Number of running tasks, as a clause.
fn running(tasks: u32) -> String {
    match tasks {
        1 => "1 task of managed services runs".to_owned(),
        tasks => format!("{tasks} tasks of managed services run"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all() -> [Gap; 15] {
        let (service, agent) = ("web".to_owned(), "10.0.0.1/0".to_owned());
        [
            Gap::NoAgent { port: 6343 },
            Gap::SilentAgent {
                agent: agent.clone(),
                host: None,
                age: 90.0,
            },
            Gap::NodeWithoutAgent {
                node: "node1".to_owned(),
                tasks: 1,
            },
            Gap::HostWithoutContainers {
                host: "node1".to_owned(),
                tasks: 2,
            },
            Gap::ServiceUnseen {
                service: service.clone(),
                seen: 1,
                running: 3,
            },
            Gap::MetricUnknown {
                service,
                metric: "vir_cpu_cores".to_owned(),
            },
            Gap::AgentContested {
                agent: agent.clone(),
            },
            Gap::AgentLossy { agent, loss: 0.1 },
            Gap::NoPacketSamples,
            Gap::More { count: 3 },
            Gap::NodeContested {
                node: "node1".to_owned(),
                senders: vec!["10.0.0.1".to_owned(), "10.0.0.9".to_owned()],
            },
            Gap::ForeignSender {
                node: "node1".to_owned(),
                senders: vec!["172.18.0.1".to_owned()],
                addresses: vec![IpAddr::from([10, 0, 0, 1])],
                is_reported: false,
            },
            Gap::SharedSender {
                sender: [172, 18, 0, 1].into(),
                nodes: vec!["node1".to_owned(), "node2".to_owned()],
            },
            Gap::SenderRefused {
                senders: vec![[172, 18, 0, 1].into()],
                shared: Some([172, 18, 0, 1].into()),
                is_all: true,
                line: "agents = [\"172.18.0.1\"]".to_owned(),
            },
            Gap::AnySender {
                line: "agents = [\"10.0.0.1\"]".to_owned(),
            },
        ]
    }

    #[test]
    fn each_kind_has_a_name_and_a_message() {
        let mut kinds = BTreeSet::new();
        for missing in all() {
            let value = serde_json::to_value(&missing).unwrap();
            assert_eq!(value["what"], missing.kind());
            kinds.insert(missing.kind());
            let text = missing.to_string();
            assert!(text.ends_with(['.', '?']), "{text}");
        }
        assert_eq!(kinds, BTreeSet::from(Gap::KINDS));
    }
}
