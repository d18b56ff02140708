//! Node pools in the configuration file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sflow_autoscale::node_pools::{MachineSettings, PeerSettings, PoolSettings, Selector};
use sflow_autoscale::observe::MetricQuery;
use sflow_metrics::entity::Kind as EntityKind;

use super::error::Errors;
use super::file::check_names;
use super::policy::{self, Policy};
use super::value::{fraction, positive, time};
use super::{LABEL_PREFIX, token};
use crate::hooks::{Call, HookSettings, check_ca, check_url};
use crate::policy::{Mode, Settings};

/// Maximum number of pools: each is compared with all others.
const MOST: usize = 256;

/// A node pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pool {
    /// Name of the pool.
    pub name: String,
    /// Selects the nodes of the pool by labels.
    pub nodes: Selector,
    /// Scaling policy.
    pub settings: Settings,
    /// Hook that adds and removes machines; without one the pool can only advise.
    pub hook: Option<HookSettings>,
    /// Time limits of machine operations.
    pub machines: MachineSettings,
    /// Detection of machines with poor performance.
    pub peers: PeerSettings,
    /// Whether machines with poor performance are replaced.
    pub replace: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PoolFile {
    name: String,
    labels: BTreeMap<String, String>,
    policy: Policy,
    hook: Option<HookFile>,
    #[serde(deserialize_with = "time::<1000, _, _>")]
    join: Option<Duration>,
    #[serde(deserialize_with = "time::<1000, _, _>")]
    drain: Option<Duration>,
    #[serde(deserialize_with = "time::<1000, _, _>")]
    leave: Option<Duration>,
    poor: PoorFile,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HookFile {
    program: Option<PathBuf>,
    arguments: Option<Vec<String>>,
    url: Option<String>,
    token: Option<String>,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    #[serde(deserialize_with = "time::<100, _, _>")]
    timeout: Option<Duration>,
    tries: Option<u32>,
    #[serde(deserialize_with = "time::<0, _, _>")]
    pause: Option<Duration>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PoorFile {
    replace: Option<bool>,
    replacements: Option<u32>,
    #[serde(deserialize_with = "time::<1000, _, _>")]
    period: Option<Duration>,
    population: Option<usize>,
    #[serde(deserialize_with = "positive")]
    distance: Option<f64>,
    #[serde(deserialize_with = "positive")]
    back: Option<f64>,
    #[serde(deserialize_with = "positive")]
    steal: Option<f64>,
    #[serde(deserialize_with = "fraction")]
    work: Option<f64>,
    #[serde(deserialize_with = "time::<0, _, _>")]
    after: Option<Duration>,
    #[serde(deserialize_with = "time::<0, _, _>")]
    clear: Option<Duration>,
    #[serde(deserialize_with = "fraction")]
    most: Option<f64>,
}

/// The pools. Adds the token files of their hooks, by pool, to `token_files`.
pub(super) fn read(
    errors: &mut Errors,
    given: Vec<PoolFile>,
    token_files: &mut BTreeMap<String, PathBuf>,
) -> Vec<Pool> {
    if given.len() > MOST {
        let problem = format!("{} pools, the maximum is {MOST}", given.len());
        errors.add("pool", problem);
        return Vec::new();
    }
    check_names(errors, "pool", given.iter().map(|it| it.name.as_str()));
    let mut pools: Vec<Pool> = Vec::new();
    for (place, mut pool) in given.into_iter().enumerate() {
        let key = format!("pool[{place}]");
        let file = pool.hook.as_mut().and_then(|hook| hook.token_file.take());
        if let Some(hook) = &pool.hook {
            hook.check(errors, &format!("{key}.hook"), file.is_some());
        }
        token_files.extend(file.map(|file| (pool.name.clone(), file)));
        let pool = pool.read(errors, &key);
        let is_overlapping = |known: &&Pool| known.name != pool.name && known.meets(&pool);
        if let Some(other) = pools.iter().find(is_overlapping) {
            let problem = format!(
                "a node can belong to this pool and to {:?}: use labels that exclude each other",
                other.name
            );
            errors.add(format!("{key}.labels"), problem);
        }
        pools.push(pool);
    }
    pools
}

/// Checks the files with certificate authorities of hooks.
pub(super) fn check_files(errors: &mut Errors, pools: &[Pool]) {
    for (place, pool) in pools.iter().enumerate() {
        if let Some(hook) = &pool.hook
            && let Call::Http { ca: Some(ca), .. } = &hook.call
        {
            let checked = check_ca(ca);
            errors.check(&format!("pool[{place}].hook.ca"), checked);
        }
    }
}

impl Pool {
    /// Settings for the reconciler, which does not use the hook.
    pub fn without_hook(&self) -> PoolSettings {
        PoolSettings {
            name: self.name.clone(),
            nodes: self.nodes.clone(),
            settings: self.settings.clone(),
            has_provider: self.hook.is_some(),
            machines: self.machines,
            peers: self.peers,
            replace: self.replace,
        }
    }

    /// Whether a node can belong to both pools.
    fn meets(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.nodes.labels, &other.nodes.labels);
        let (few, many) = match ours.len() <= theirs.len() {
            true => (ours, theirs),
            false => (theirs, ours),
        };
        !few.iter().any(|(key, value)| {
            let theirs = many.get(key);
            theirs.is_some_and(|theirs| theirs != value)
        })
    }
}

impl PoolFile {
    fn read(self, errors: &mut Errors, key: &str) -> Pool {
        for label in self.labels.keys() {
            if label.trim().is_empty() || label.starts_with(LABEL_PREFIX) {
                let problem = format!("{label:?} is not a node label that an operator can set");
                errors.add(format!("{key}.labels"), problem);
            }
        }
        let settings = settings(errors, &format!("{key}.policy"), self.policy);
        if settings.mode == Mode::Act && self.hook.is_none() {
            let problem = "mode \"act\" requires a hook that adds and removes machines: \
                           [pool.hook] with a program or a url";
            errors.add(format!("{key}.hook"), problem);
        }
        let poor = self.poor;
        let replace = poor.replace.unwrap_or(false);
        if replace && self.hook.is_none() {
            let problem = "replacing machines requires a hook";
            errors.add(format!("{key}.poor.replace"), problem);
        }
        let minute = Duration::from_secs(60);
        Pool {
            machines: MachineSettings {
                join: self.join.unwrap_or(15 * minute),
                drain: self.drain.unwrap_or(10 * minute),
                leave: self.leave.unwrap_or(15 * minute),
                replacements: poor.replacements.unwrap_or(1),
                period: poor.period.unwrap_or(24 * 60 * minute),
            },
            replace,
            peers: poor.peers(errors, &format!("{key}.poor")),
            name: self.name,
            nodes: Selector {
                labels: self.labels,
            },
            settings,
            hook: self.hook.and_then(HookFile::settings),
        }
    }
}

/// Policy of a pool: like that of a service, with metrics of hosts. Machines start more slowly and
/// cost more than tasks.
fn settings(errors: &mut Errors, key: &str, mut own: Policy) -> Settings {
    for (name, is_given) in [
        ("fast", own.fast.is_some()),
        ("saturation", own.saturation.is_some()),
    ] {
        if is_given {
            errors.add(format!("{key}.{name}"), "not applicable to a pool");
        }
    }
    for (place, metric) in own.metric.iter().flatten().enumerate() {
        // Unknown metrics are reported with those of services.
        let kind = MetricQuery::new(&[&metric.name]).ok();
        let kind = kind.and_then(|query| query.entity_kind(0));
        if kind.is_some_and(|kind| !matches!(kind, EntityKind::Host | EntityKind::Interface)) {
            let problem = format!(
                "{:?} is not a host metric; use cpu_utilization, mem_utilization, cpu_steal, \
                 bytes_in+bytes_out or ifoututilization",
                metric.name
            );
            errors.add(format!("{key}.metric[{place}].name"), problem);
        }
    }
    let minute = Duration::from_secs(60);
    own.up.stabilise.get_or_insert(minute);
    own.down.stabilise.get_or_insert(15 * minute);
    own.fast = Some(false);
    own.warm_up.get_or_insert(minute);
    policy::settings(errors, key, &Policy::default(), &own)
}

impl HookFile {
    fn check(&self, errors: &mut Errors, key: &str, has_token_file: bool) {
        let of = |name: &str| format!("{key}.{name}");
        let mut refuse = |name: &str, is_given: bool, problem: &str| {
            if is_given {
                errors.add(of(name), problem);
            }
        };
        let not_of_program = "not applicable to a program";
        match (&self.program, &self.url) {
            (Some(program), None) => {
                refuse("token", self.token.is_some(), not_of_program);
                refuse("token_file", has_token_file, not_of_program);
                refuse("ca", self.ca.is_some(), not_of_program);
                let problem =
                    "not an absolute path; what the program is given belongs in arguments";
                refuse("program", !program.is_absolute(), problem);
            }
            (None, Some(url)) => {
                let has_arguments = self.arguments.is_some();
                refuse("arguments", has_arguments, "not applicable to a url");
                let is_tls = check_url(url);
                let is_plain = is_tls == Ok(false);
                let problem = "only applicable to a url with https";
                refuse("ca", self.ca.is_some() && is_plain, problem);
                refuse("url", is_tls.is_err(), &is_tls.err().unwrap_or_default());
                let token = self.token.as_deref();
                token::check_given(errors, key, token, has_token_file, token::check);
            }
            _ => errors.add(key, "set either a program or a url"),
        }
        if let Some(tries) = self.tries
            && !(1..=100).contains(&tries)
        {
            errors.add(of("tries"), format!("{tries} is not between 1 and 100"));
        }
    }

    /// The settings, if the hook has a program or a URL.
    fn settings(self) -> Option<HookSettings> {
        let call = match (self.program, self.url) {
            (Some(program), _) => Call::Program {
                program,
                arguments: self.arguments.unwrap_or_default(),
            },
            (None, Some(url)) => Call::Http {
                url,
                token: self.token,
                ca: self.ca,
            },
            (None, None) => return None,
        };
        Some(HookSettings {
            call,
            timeout: self.timeout.unwrap_or(Duration::from_secs(60)),
            tries: self.tries.unwrap_or(3),
            pause: self.pause.unwrap_or(Duration::from_secs(5)),
        })
    }
}

impl PoorFile {
    fn peers(&self, errors: &mut Errors, key: &str) -> PeerSettings {
        let ours = PeerSettings::default();
        let population = self.population.unwrap_or(ours.population);
        if population < 3 {
            let problem = format!("{population} machines are too few for a comparison");
            errors.add(format!("{key}.population"), problem);
        }
        let distance = self.distance.unwrap_or(ours.distance);
        let back = self.back.unwrap_or(ours.back.min(distance));
        if back > distance {
            let problem = format!("{back} is greater than distance ({distance})");
            errors.add(format!("{key}.back"), problem);
        }
        PeerSettings {
            population,
            distance,
            back,
            steal: self.steal.unwrap_or(ours.steal),
            work: self.work.unwrap_or(ours.work),
            after: self.after.unwrap_or(ours.after),
            clear: self.clear.unwrap_or(ours.clear),
            most: self.most.unwrap_or(ours.most),
        }
    }
}
