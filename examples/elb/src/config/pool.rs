//! Node pools in the configuration file.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sflow_metrics::entity::Kind as EntityKind;

use super::policy::{self, Policy};
use super::token::{self, Owner, Token, TokenFile};
use super::value::{Span, at_least, positive, wrong};
use super::{ConfigError, LABEL_PREFIX};
use crate::hooks::{Call, HookSettings, check_ca, check_url};
use crate::policy::{Mode, Settings};
use sflow_autoscale::node_pools::PeerSettings;
use sflow_autoscale::node_pools::{MachineSettings, PoolSettings, Selector};
use sflow_autoscale::observe::MetricQuery;

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PoolFile {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    policy: Policy,
    hook: Option<HookFile>,
    join: Option<Span>,
    drain: Option<Span>,
    leave: Option<Span>,
    #[serde(default)]
    poor: PoorFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HookFile {
    program: Option<PathBuf>,
    arguments: Option<Vec<String>>,
    url: Option<String>,
    token: Option<Token>,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    timeout: Option<Span>,
    tries: Option<u32>,
    pause: Option<Span>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoorFile {
    replace: Option<bool>,
    replacements: Option<u32>,
    period: Option<Span>,
    population: Option<usize>,
    distance: Option<f64>,
    back: Option<f64>,
    steal: Option<f64>,
    work: Option<f64>,
    after: Option<Span>,
    clear: Option<Span>,
    most: Option<f64>,
}

/// Default stabilisation window. Machines start more slowly and cost more than tasks.
const STABILISE_UP: Duration = Duration::from_secs(60);
const STABILISE_DOWN: Duration = Duration::from_secs(900);

/// Maximum number of pools: each is compared with all others.
const MOST: usize = 256;

/// The pools and the token files of their hooks.
pub(super) fn read(given: Vec<PoolFile>) -> Result<(Vec<Pool>, Vec<TokenFile>), ConfigError> {
    if given.len() > MOST {
        let problem = format!("{} pools, the maximum is {MOST}", given.len());
        return Err(wrong("pool", &problem));
    }
    let mut pools: Vec<Pool> = Vec::new();
    let mut names: HashSet<String> = HashSet::new();
    let mut files = Vec::new();
    for (place, pool) in given.into_iter().enumerate() {
        let key = format!("pool[{place}]");
        let name = pool.name.clone();
        if name.trim().is_empty() {
            return Err(wrong(&format!("{key}.name"), "the name is missing"));
        }
        if !names.insert(name) {
            let problem = "duplicate pool";
            return Err(wrong(&format!("{key}.name"), problem));
        }
        let (pool, file) = pool.read(&key)?;
        files.extend(file);
        if let Some(other) = pools.iter().find(|known| known.meets(&pool)) {
            let problem = format!(
                "a node can belong to this pool and to {:?}: use labels that exclude each \
                 other",
                other.name
            );
            return Err(wrong(&format!("{key}.labels"), &problem));
        }
        pools.push(pool);
    }
    Ok((pools, files))
}

/// Checks the files with certificate authorities of hooks.
pub(super) fn check_files(pools: &[Pool]) -> Result<(), ConfigError> {
    for (place, pool) in pools.iter().enumerate() {
        if let Some(hook) = &pool.hook
            && let Call::Http { ca: Some(ca), .. } = &hook.call
        {
            let key = format!("pool[{place}].hook.ca");
            check_ca(ca).map_err(|problem| wrong(&key, &problem))?;
        }
    }
    Ok(())
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
    fn read(self, key: &str) -> Result<(Pool, Option<TokenFile>), ConfigError> {
        for label in self.labels.keys() {
            if label.trim().is_empty() || label.starts_with(LABEL_PREFIX) {
                let problem = format!("{label:?} is not a node label that an operator can set");
                return Err(wrong(&format!("{key}.labels"), &problem));
            }
        }
        let settings = settings(&format!("{key}.policy"), self.policy)?;
        let owner = Owner::Hook(self.name.clone());
        let hook = self
            .hook
            .map(|hook| hook.read(&format!("{key}.hook"), owner));
        let (hook, file) = match hook.transpose()? {
            Some((hook, file)) => (Some(hook), file),
            None => (None, None),
        };
        if settings.mode == Mode::Act && hook.is_none() {
            let problem = "mode \"act\" requires a hook that adds and removes machines: \
                           [pool.hook] with a program or a url";
            return Err(wrong(&format!("{key}.hook"), problem));
        }
        let poor = format!("{key}.poor");
        if self.poor.replace == Some(true) && hook.is_none() {
            let problem = "replacing machines requires a hook";
            return Err(wrong(&format!("{poor}.replace"), problem));
        }
        let time = |name: &str, given, default| {
            let key = format!("{key}.{name}");
            at_least(&key, given, default, 1.0)
        };
        let pool = Pool {
            machines: MachineSettings {
                join: time("join", self.join, 900.0)?,
                drain: time("drain", self.drain, 600.0)?,
                leave: time("leave", self.leave, 900.0)?,
                replacements: self.poor.replacements.unwrap_or(1),
                period: time("poor.period", self.poor.period, 86_400.0)?,
            },
            replace: self.poor.replace.unwrap_or(false),
            peers: self.poor.peers(&poor)?,
            name: self.name,
            nodes: Selector {
                labels: self.labels,
            },
            settings,
            hook,
        };
        Ok((pool, file))
    }
}

/// Policy of a pool: like that of a service, with metrics of hosts.
fn settings(key: &str, own: Policy) -> Result<Settings, ConfigError> {
    for (name, bound) in [("min", own.min), ("max", own.max)] {
        if bound == Some(0) {
            let problem = "must be at least 1: without machines the load is unknown and the pool \
                           would never scale up again";
            return Err(wrong(&format!("{key}.{name}"), problem));
        }
    }
    for (name, is_given) in [
        ("fast", own.fast.is_some()),
        ("saturation", own.saturation.is_some()),
    ] {
        if is_given {
            return Err(wrong(&format!("{key}.{name}"), "not applicable to a pool"));
        }
    }
    policy::check(key, &own)?;
    for (place, metric) in own.metric.iter().flatten().enumerate() {
        let kind = MetricQuery::new(&[&metric.name]).ok();
        let kind = kind.and_then(|question| question.entity_kind(0));
        if !matches!(kind, Some(EntityKind::Host | EntityKind::Interface)) {
            let problem = format!(
                "{:?} is not a host metric; use cpu_utilization, mem_utilization, cpu_steal, \
                 bytes_in+bytes_out or ifoututilization",
                metric.name
            );
            return Err(wrong(&format!("{key}.metric[{place}].name"), &problem));
        }
    }
    let mut own = own;
    own.up.stabilise = own.up.stabilise.or(Some(Span(STABILISE_UP)));
    own.down.stabilise = own.down.stabilise.or(Some(Span(STABILISE_DOWN)));
    own.fast = Some(false);
    own.warm_up = own.warm_up.or(Some(Span(Duration::from_secs(60))));
    policy::settings(key, &Policy::default(), &own)
}

impl HookFile {
    fn read(
        self,
        key: &str,
        owner: Owner,
    ) -> Result<(HookSettings, Option<TokenFile>), ConfigError> {
        let of = |name: &str| format!("{key}.{name}");
        let mut file = None;
        let call = match (self.program, self.url) {
            (Some(program), None) => {
                for (name, is_given) in [
                    ("token", self.token.is_some()),
                    ("token_file", self.token_file.is_some()),
                    ("ca", self.ca.is_some()),
                ] {
                    if is_given {
                        let problem = "not applicable to a program";
                        return Err(wrong(&of(name), problem));
                    }
                }
                if !program.is_absolute() {
                    let problem = format!("{} is not an absolute path", program.display());
                    return Err(wrong(&of("program"), &problem));
                }
                Call::Program {
                    program,
                    arguments: self.arguments.unwrap_or_default(),
                }
            }
            (None, Some(url)) => {
                if self.arguments.is_some() {
                    return Err(wrong(&of("arguments"), "not applicable to a url"));
                }
                let is_tls = check_url(&url).map_err(|problem| wrong(&of("url"), &problem))?;
                if self.ca.is_some() && !is_tls {
                    return Err(wrong(&of("ca"), "only applicable to a url with https"));
                }
                let token;
                (token, file) = token::given(key, owner, self.token, self.token_file)?;
                let ca = self.ca;
                Call::Http { url, token, ca }
            }
            _ => return Err(wrong(key, "set either a program or a url")),
        };
        let tries = self.tries.unwrap_or(3);
        if !(1..=100).contains(&tries) {
            let problem = format!("{tries} is not between 1 and 100");
            return Err(wrong(&of("tries"), &problem));
        }
        let settings = HookSettings {
            call,
            timeout: at_least(&of("timeout"), self.timeout, 60.0, 0.1)?,
            tries,
            pause: at_least(&of("pause"), self.pause, 5.0, 0.0)?,
        };
        Ok((settings, file))
    }
}

impl PoorFile {
    fn peers(&self, key: &str) -> Result<PeerSettings, ConfigError> {
        let ours = PeerSettings::default();
        let of = |name: &str| format!("{key}.{name}");
        let above = |name: &str, given: Option<f64>, ours: f64| {
            let value = given.unwrap_or(ours);
            positive(&of(name), value).map(|()| value)
        };
        let part = |name: &str, given: Option<f64>, ours: f64| {
            let value = above(name, given, ours)?;
            if value < 1.0 {
                return Ok(value);
            }
            let problem = format!("{value} is not between 0 and 1; 0.3 means 30 %");
            Err(wrong(&of(name), &problem))
        };
        let population = self.population.unwrap_or(ours.population);
        if population < 3 {
            let problem = format!("{population} machines are too few for a comparison");
            return Err(wrong(&of("population"), &problem));
        }
        let distance = above("distance", self.distance, ours.distance)?;
        let back = above("back", self.back, ours.back.min(distance))?;
        if back > distance {
            let problem = format!("{back} is greater than distance ({distance})");
            return Err(wrong(&of("back"), &problem));
        }
        Ok(PeerSettings {
            population,
            distance,
            back,
            steal: above("steal", self.steal, ours.steal)?,
            work: part("work", self.work, ours.work)?,
            after: self.after.map_or(ours.after, |span| span.0),
            clear: self.clear.map_or(ours.clear, |span| span.0),
            most: part("most", self.most, ours.most)?,
        })
    }
}
