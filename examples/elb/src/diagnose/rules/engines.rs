use super::some;
use crate::config::Config;
use crate::diagnose::facts::{EngineFacts, ManagerFacts, Unreachable};
use crate::diagnose::finding::{Findings, Level, Subject};
use crate::docker::{About, Member};
use crate::format::counted;

const SWARM: &str = "swarm";

/// Checks the managers and their swarm.
pub(super) fn check(findings: &mut Findings, config: &Config, engines: &EngineFacts) {
    let is_good = |manager: &ManagerFacts| manager.answer.as_ref().is_ok_and(|it| it.is_manager);
    let has_another = engines.managers.iter().any(is_good);
    for manager in &engines.managers {
        let mut subject = findings.about(format!("manager {}", manager.endpoint));
        match &manager.answer {
            Ok(engine) => answers(&mut subject, engine, has_another),
            Err(why) => unreachable(&mut subject, why, has_another),
        }
    }
    match &engines.members {
        Some(Ok(members)) => swarm(findings, config, members),
        Some(Err(why)) if has_another => undecided(findings, why),
        Some(Err(_)) | None => {}
    }
}

fn answers(subject: &mut Subject<'_>, engine: &About, has_another: bool) {
    let versions = match &engine.oldest_api {
        Some(oldest) => format!("engine {}, API {oldest} to {}", engine.engine, engine.api),
        None => format!("engine {}, API {}", engine.engine, engine.api),
    };
    match engine.swarm.as_str() {
        "active" if engine.is_manager => {
            subject.ok("manager", format!("{versions}, node {}", engine.name));
        }
        "active" => {
            let what = format!("{versions}, but it is a worker: workers cannot change services");
            let advice = "configure managers only; `docker node ls` on a manager lists them";
            let level = if has_another {
                Level::Note
            } else {
                Level::Wrong
            };
            subject.push(level, "not_a_manager", what, advice);
        }
        "locked" => subject.wrong(
            "swarm_locked",
            "the swarm is locked on this node",
            "unlock it there with `docker swarm unlock`",
        ),
        state => subject.wrong(
            "not_in_a_swarm",
            format!("{versions}, but not in a swarm (state {state:?})"),
            "create a swarm with `docker swarm init`, or configure a manager of the existing one",
        ),
    }
    if !engine.problem.is_empty() {
        subject.wrong(
            "swarm_problem",
            format!("error of the engine: {}", engine.problem),
            "see the engine's log",
        );
    }
}

fn unreachable(subject: &mut Subject<'_>, why: &Unreachable, has_another: bool) {
    const UNREACHABLE: &str = "manager_unreachable";
    let (kind, what, advice) = match why {
        Unreachable::Unusable(error) => (
            "endpoint_unusable",
            error.as_str(),
            "correct docker.endpoints in the configuration",
        ),
        Unreachable::Forbidden => (
            "endpoint_forbidden",
            "no permission to open the socket",
            "run elb as root, or as a user in the group that owns the socket (usually `docker`; \
             in a container `--group-add` with its number)",
        ),
        Unreachable::Missing => (
            "endpoint_missing",
            "the socket does not exist",
            "check that the engine is running (`systemctl status docker`); in a container, that \
             the socket is mounted",
        ),
        Unreachable::Refused => (
            UNREACHABLE,
            "connection refused",
            "check that the engine is running and listens on this port (`hosts` in its \
             daemon.json)",
        ),
        Unreachable::Silent => (
            UNREACHABLE,
            "no answer in time",
            "check that the machine is running and that no firewall blocks this port",
        ),
        Unreachable::Other(text) if text.contains("HTTP request to an HTTPS server") => (
            UNREACHABLE,
            "the engine requires TLS on this port",
            "configure the certificates in [docker.tls]; the usual TLS port is 2376",
        ),
        Unreachable::Other(text) if text.to_lowercase().contains("certificate") => (
            UNREACHABLE,
            text.as_str(),
            "`openssl x509 -noout -issuer -ext subjectAltName -dates -in cert.pem` shows issuer, \
             name and validity of a certificate",
        ),
        Unreachable::Other(text) => (
            UNREACHABLE,
            text.as_str(),
            "check the address of the engine",
        ),
    };
    if kind == UNREACHABLE && has_another {
        let advice = format!("{advice}. Until then the other managers are used");
        subject.note(kind, what, advice);
    } else {
        subject.wrong(kind, what, advice);
    }
}

fn undecided(findings: &mut Findings, why: &str) {
    if why.contains("does not have a leader") {
        findings.about(SWARM).wrong(
            "no_quorum",
            "the managers have no leader: more than half of them must be up. Services keep \
             running, but nothing can be changed",
            "restore the managers, or run `docker swarm init --force-new-cluster` on \
             a remaining one",
        );
    } else {
        findings.about(SWARM).wrong(
            "nodes_unreadable",
            format!("the nodes cannot be listed: {why}"),
            "see the engine's log",
        );
    }
}

fn swarm(findings: &mut Findings, config: &Config, members: &[Member]) {
    let managers: Vec<_> = members.iter().filter_map(|node| node.manager).collect();
    let leader = members
        .iter()
        .find(|node| node.manager.is_some_and(|manager| manager.is_leader));
    let led = leader.map_or_else(String::new, |node| format!("; {} leads", node.name));
    findings.about(SWARM).ok(
        "swarm",
        format!(
            "{}, of them {}{led}",
            counted(members.len(), "node"),
            counted(managers.len(), "manager"),
        ),
    );
    let reachable = managers.iter().filter(|it| it.is_reachable).count();
    let without_one = reachable.saturating_sub(1);
    if managers.len() > 1 && without_one * 2 <= managers.len() {
        findings.about(SWARM).note(
            "quorum_thin",
            format!(
                "{reachable} of {} managers are reachable: if one more fails, the swarm cannot be \
                 changed",
                counted(managers.len(), "manager")
            ),
            "run three or five managers",
        );
    }
    if managers.len() >= 3 && config.docker.endpoints.len() == 1 {
        findings.about(SWARM).note(
            "one_endpoint",
            format!(
                "one of {} managers is configured: if it fails, elb cannot change anything",
                counted(managers.len(), "manager")
            ),
            "add the others to docker.endpoints",
        );
    }
    let down: Vec<&str> = members
        .iter()
        .filter(|node| node.state != "ready")
        .map(|node| node.name.as_str())
        .collect();
    if !down.is_empty() {
        findings.about(SWARM).note(
            "node_down",
            format!("not ready: {}", some(&down)),
            "swarm moves their tasks; restore them, or remove them with `docker node rm`",
        );
    }
}
