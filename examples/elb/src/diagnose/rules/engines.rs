use super::some;
use crate::config::Config;
use crate::diagnose::facts::{EngineFacts, ManagerFacts, Unreachable};
use crate::diagnose::finding::{Findings, Level};
use crate::diagnose::kinds as kind;
use crate::docker::{About, Member};
use crate::format::counted;

const ABOUT: &str = "swarm";

/// Checks the managers and their swarm.
pub(super) fn check(findings: &mut Findings, config: &Config, engines: &EngineFacts) {
    let is_good = |manager: &ManagerFacts| manager.answer.as_ref().is_ok_and(|it| it.is_manager);
    let has_another = engines.managers.iter().any(is_good);
    for manager in &engines.managers {
        let about = format!("manager {}", manager.endpoint);
        match &manager.answer {
            Ok(engine) => answers(findings, &about, engine, has_another),
            Err(why) => unreachable(findings, &about, why, has_another),
        }
    }
    match &engines.members {
        Some(Ok(members)) => swarm(findings, config, members),
        Some(Err(why)) if has_another && why.contains("does not have a leader") => {
            let what = "the managers have no leader: more than half of them must be up. Services \
                        keep running, but nothing can be changed";
            findings.add(kind::NO_QUORUM.of(ABOUT, what));
        }
        Some(Err(why)) if has_another => {
            let what = format!("the nodes cannot be listed: {why}");
            findings.add(kind::NODES_UNREADABLE.of(ABOUT, what));
        }
        Some(Err(_)) | None => {}
    }
}

fn answers(findings: &mut Findings, about: &str, engine: &About, has_another: bool) {
    let versions = match &engine.oldest_api {
        Some(oldest) => format!("engine {}, API {oldest} to {}", engine.engine, engine.api),
        None => format!("engine {}, API {}", engine.engine, engine.api),
    };
    findings.add(match engine.swarm.as_str() {
        "active" if engine.is_manager => {
            kind::MANAGER.of(about, format!("{versions}, node {}", engine.name))
        }
        "active" => {
            let what = format!("{versions}, but it is a worker: workers cannot change services");
            let finding = kind::NOT_A_MANAGER.of(about, what);
            match has_another {
                true => finding.level(Level::Note),
                false => finding,
            }
        }
        "locked" => kind::SWARM_LOCKED.of(about, "the swarm is locked on this node"),
        state => {
            let what = format!("{versions}, but not in a swarm (state {state:?})");
            kind::NOT_IN_A_SWARM.of(about, what)
        }
    });
    if !engine.problem.is_empty() {
        let what = format!("error of the engine: {}", engine.problem);
        findings.add(kind::SWARM_PROBLEM.of(about, what));
    }
}

fn unreachable(findings: &mut Findings, about: &str, why: &Unreachable, has_another: bool) {
    let mut finding = match why {
        Unreachable::Unusable(error) => kind::ENDPOINT_UNUSABLE.of(about, error),
        Unreachable::Forbidden => {
            kind::ENDPOINT_FORBIDDEN.of(about, "no permission to open the socket")
        }
        Unreachable::Missing => kind::ENDPOINT_MISSING.of(about, "the socket does not exist"),
        Unreachable::Refused => kind::MANAGER_UNREACHABLE.of(about, "connection refused").advise(
            "check that the engine is running and listens on this port (`hosts` in its daemon.json)",
        ),
        Unreachable::Silent => kind::MANAGER_UNREACHABLE.of(about, "no answer in time")
            .advise("check that the machine is running and that no firewall blocks this port"),
        Unreachable::Other(text) if text.contains("HTTP request to an HTTPS server") => {
            kind::MANAGER_UNREACHABLE.of(about, "the engine requires TLS on this port")
                .advise("configure the certificates in [docker.tls]; the usual TLS port is 2376")
        }
        Unreachable::Other(text) if text.to_lowercase().contains("certificate") => {
            kind::MANAGER_UNREACHABLE.of(about, text).advise(
                "`openssl x509 -noout -issuer -ext subjectAltName -dates -in cert.pem` shows \
                 issuer, name and validity of a certificate",
            )
        }
        Unreachable::Other(text) => kind::MANAGER_UNREACHABLE.of(about, text),
    };
    if finding.kind == kind::MANAGER_UNREACHABLE.name && has_another {
        let advice = finding.advice.as_deref().unwrap_or_default();
        let advice = format!("{advice}. Until then the other managers are used");
        finding = finding.level(Level::Note).advise(advice);
    }
    findings.add(finding);
}

fn swarm(findings: &mut Findings, config: &Config, members: &[Member]) {
    let managers: Vec<_> = members.iter().filter_map(|node| node.manager).collect();
    let is_leader = |node: &&Member| node.manager.is_some_and(|manager| manager.is_leader);
    let leader = members.iter().find(is_leader);
    let led = leader.map_or_else(String::new, |node| format!("; {} leads", node.name));
    let nodes = counted(members.len(), "node");
    let of = counted(managers.len(), "manager");
    findings.add(kind::SWARM.of(ABOUT, format!("{nodes}, of them {of}{led}")));
    let reachable = managers.iter().filter(|it| it.is_reachable).count();
    let without_one = reachable.saturating_sub(1);
    if managers.len() > 1 && without_one * 2 <= managers.len() {
        let what = format!(
            "{reachable} of {of} are reachable: if one more fails, the swarm cannot be changed"
        );
        findings.add(kind::QUORUM_THIN.of(ABOUT, what));
    }
    if managers.len() >= 3 && config.docker.endpoints.len() == 1 {
        let what = format!("one of {of} is configured: if it fails, elb cannot change anything");
        findings.add(kind::ONE_ENDPOINT.of(ABOUT, what));
    }
    let down = members.iter().filter(|node| node.state != "ready");
    let down: Vec<&str> = down.map(|node| node.name.as_str()).collect();
    if !down.is_empty() {
        findings.add(kind::NODE_DOWN.of(ABOUT, format!("not ready: {}", some(&down))));
    }
}
