use super::some;
use crate::check::facts::{EngineFacts, ManagerFacts, Unreachable};
use crate::check::finding::Findings;
use crate::config::Config;
use crate::docker::{About, Member};
use crate::words::counted;

const SWARM: &str = "swarm";

/// Judges the managers, and the swarm that they are of.
pub(super) fn judge(findings: &mut Findings, config: &Config, engines: &EngineFacts) {
    let is_good = |manager: &ManagerFacts| manager.answer.as_ref().is_ok_and(|it| it.is_manager);
    let has_another = engines.managers.iter().any(is_good);
    for manager in &engines.managers {
        let about = format!("manager {}", manager.endpoint);
        match &manager.answer {
            Ok(engine) => answers(findings, &about, engine, has_another),
            Err(why) => silent(findings, &about, why, has_another),
        }
    }
    match &engines.members {
        Some(Ok(members)) => swarm(findings, config, members),
        Some(Err(why)) if has_another => undecided(findings, why),
        Some(Err(_)) | None => {}
    }
}

fn answers(findings: &mut Findings, about: &str, engine: &About, has_another: bool) {
    let versions = match &engine.oldest_api {
        Some(oldest) => format!("engine {}, API {oldest} to {}", engine.engine, engine.api),
        None => format!("engine {}, API {}", engine.engine, engine.api),
    };
    match engine.swarm.as_str() {
        "active" if engine.is_manager => {
            findings.ok(
                "manager",
                about,
                format!("{versions}, node {}", engine.name),
            );
        }
        "active" => {
            let what = format!("{versions}, but a worker: workers cannot change services");
            let advice = "name managers only; `docker node ls` on one of them lists them";
            if has_another {
                findings.note("not-a-manager", about, what, advice);
            } else {
                findings.wrong("not-a-manager", about, what, advice);
            }
        }
        "locked" => findings.wrong(
            "swarm-locked",
            about,
            "the swarm is locked on this node",
            "unlock it there with `docker swarm unlock`",
        ),
        state => findings.wrong(
            "not-in-a-swarm",
            about,
            format!("{versions}, but not in a swarm (it says {state:?})"),
            "begin a swarm with `docker swarm init`, or name a manager of the one that there is",
        ),
    }
    if !engine.problem.is_empty() {
        findings.wrong(
            "swarm-problem",
            about,
            format!("the engine says: {}", engine.problem),
            "see the engine's own log",
        );
    }
}

fn silent(findings: &mut Findings, about: &str, why: &Unreachable, has_another: bool) {
    match why {
        Unreachable::Unusable(error) => findings.wrong(
            "endpoint-unusable",
            about,
            error.clone(),
            "correct docker.endpoints in the configuration",
        ),
        Unreachable::Forbidden => findings.wrong(
            "endpoint-forbidden",
            about,
            "the socket may not be opened by this user",
            "run elb as root, or as a user in the group that owns the socket (usually `docker`; \
             in a container `--group-add` with its number)",
        ),
        Unreachable::Missing => findings.wrong(
            "endpoint-missing",
            about,
            "there is no such socket",
            "is the engine running (`systemctl status docker`), and in a container: is the socket \
             mounted?",
        ),
        Unreachable::Refused | Unreachable::Silent | Unreachable::Other(_) => {
            let (what, advice) = unreached(why);
            if has_another {
                let advice = format!("{advice} Until then the other managers are asked");
                findings.note("manager-unreachable", about, what, advice);
            } else {
                findings.wrong("manager-unreachable", about, what, advice);
            }
        }
    }
}

fn unreached(why: &Unreachable) -> (String, &'static str) {
    match why {
        Unreachable::Refused => (
            "nobody listens there".to_owned(),
            "is the engine running, and does it listen on this port (`hosts` in its daemon.json)?",
        ),
        Unreachable::Other(words) if words.contains("HTTP request to an HTTPS server") => (
            "the engine wants TLS on this port".to_owned(),
            "name the certificates in [docker.tls]: its port is 2376 as a rule.",
        ),
        Unreachable::Other(words) if words.to_lowercase().contains("certificate") => (
            words.clone(),
            "`openssl x509 -noout -issuer -ext subjectAltName -dates -in cert.pem` tells who signed \
             a certificate, for which name and until when.",
        ),
        Unreachable::Other(words) => (words.clone(), "is this the engine's address?"),
        _ => (
            "no answer in time".to_owned(),
            "is the machine up, and does a firewall let this port through?",
        ),
    }
}

fn undecided(findings: &mut Findings, why: &str) {
    if why.contains("does not have a leader") {
        findings.wrong(
            "no-quorum",
            SWARM,
            "the managers have no leader: more than half of them must be up. Services run on, \
             but nothing can be changed",
            "bring managers back, or begin anew with `docker swarm init --force-new-cluster` on \
             one that is left",
        );
    } else {
        findings.wrong(
            "nodes-unreadable",
            SWARM,
            format!("the nodes cannot be listed: {why}"),
            "the engine's log says more",
        );
    }
}

fn swarm(findings: &mut Findings, config: &Config, members: &[Member]) {
    let managers: Vec<_> = members.iter().filter_map(|node| node.manager).collect();
    let leader = members
        .iter()
        .find(|node| node.manager.is_some_and(|manager| manager.is_leader));
    let led = leader.map_or_else(String::new, |node| format!("; {} leads", node.name));
    findings.ok(
        "swarm",
        SWARM,
        format!(
            "{}, of them {}{led}",
            counted(members.len(), "node"),
            counted(managers.len(), "manager"),
        ),
    );
    let reachable = managers.iter().filter(|it| it.is_reachable).count();
    let without_one = reachable.saturating_sub(1);
    if managers.len() > 1 && without_one * 2 <= managers.len() {
        findings.note(
            "quorum-thin",
            SWARM,
            format!(
                "{reachable} of {} can be reached: when one more is lost, nothing can be changed",
                counted(managers.len(), "manager")
            ),
            "have three or five managers, all up",
        );
    }
    if managers.len() >= 3 && config.docker.endpoints.len() == 1 {
        findings.note(
            "one-endpoint",
            SWARM,
            format!(
                "of {} one is configured: without it elb can do nothing",
                counted(managers.len(), "manager")
            ),
            "name the others in docker.endpoints, too",
        );
    }
    let down: Vec<&str> = members
        .iter()
        .filter(|node| node.state != "ready")
        .map(|node| node.name.as_str())
        .collect();
    if !down.is_empty() {
        findings.note(
            "node-down",
            SWARM,
            format!("not ready: {}", some(&down)),
            "swarm moves their tasks; bring them back, or remove them with `docker node rm`",
        );
    }
}
