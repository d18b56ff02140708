use super::{Case, about, alone, and_another, members};
use elb::diagnose::Level::{Note, Wrong};
use elb::diagnose::Unreachable;
use elb::docker::Manager;

pub(crate) const CASES: &[Case] = &[
    (
        |facts| alone(facts, Unreachable::Forbidden),
        Wrong,
        "endpoint-forbidden",
        &["group", "docker.sock"],
    ),
    (
        |facts| and_another(facts, Unreachable::Forbidden),
        Wrong,
        "endpoint-forbidden",
        &["2375"],
    ),
    (
        |facts| alone(facts, Unreachable::Missing),
        Wrong,
        "endpoint-missing",
        &["mounted"],
    ),
    (
        |facts| alone(facts, Unreachable::Unusable("TLS needs ca.pem".to_owned())),
        Wrong,
        "endpoint-unusable",
        &["ca.pem", "docker.endpoints"],
    ),
    (
        |facts| alone(facts, Unreachable::Refused),
        Wrong,
        "manager-unreachable",
        &["connection refused", "daemon.json"],
    ),
    (
        |facts| and_another(facts, Unreachable::Silent),
        Note,
        "manager-unreachable",
        &["no answer in time", "the other managers are used"],
    ),
    (
        |facts| {
            let text = "status 400: Client sent an HTTP request to an HTTPS server.";
            alone(facts, Unreachable::Other(text.to_owned()));
        },
        Wrong,
        "manager-unreachable",
        &["TLS", "[docker.tls]"],
    ),
    (
        |facts| {
            let text = "invalid peer certificate: Expired";
            alone(facts, Unreachable::Other(text.to_owned()));
        },
        Wrong,
        "manager-unreachable",
        &["Expired", "openssl x509"],
    ),
    (
        |facts| about(facts).is_manager = false,
        Wrong,
        "not-a-manager",
        &["worker", "docker node ls"],
    ),
    (
        |facts| about(facts).swarm = "inactive".to_owned(),
        Wrong,
        "not-in-a-swarm",
        &["docker swarm init"],
    ),
    (
        |facts| about(facts).swarm = "locked".to_owned(),
        Wrong,
        "swarm-locked",
        &["unlock"],
    ),
    (
        |facts| about(facts).problem = "rpc error".to_owned(),
        Wrong,
        "swarm-problem",
        &["rpc error"],
    ),
    (
        |facts| {
            let text = "status 500: The swarm does not have a leader. It's possible …";
            facts.engines.members = Some(Err(text.to_owned()));
            facts.engines.services = None;
        },
        Wrong,
        "no-quorum",
        &["more than half", "force-new-cluster"],
    ),
    (
        |facts| facts.engines.members = Some(Err("status 403: no".to_owned())),
        Wrong,
        "nodes-unreadable",
        &["403"],
    ),
    (
        |facts| {
            let other = Manager {
                is_leader: false,
                is_reachable: true,
            };
            members(facts)[1].manager = Some(other);
        },
        Note,
        "quorum-thin",
        &["2 of 2 managers", "three or five"],
    ),
    (
        |facts| {
            for member in members(facts) {
                let is_leader = member.manager.is_some();
                member.manager = Some(Manager {
                    is_leader,
                    is_reachable: true,
                });
            }
        },
        Note,
        "one-endpoint",
        &["3 managers", "docker.endpoints"],
    ),
    (
        |facts| members(facts)[0].state = "down".to_owned(),
        Note,
        "node-down",
        &["node1"],
    ),
];
