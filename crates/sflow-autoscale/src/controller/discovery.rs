//! Services that are found by their labels.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use sflow_metrics::Timestamp;

use super::managed::{ManagedService, Origin};
use super::{Controller, Discovery, Round, unreadable};
use crate::orchestrator::{Labelled, Orchestrator, OrchestratorError};
use crate::problem::{Problem, ProblemReason};

/// Time between two searches for services.
const INTERVAL: Duration = Duration::from_secs(60);

/// The result of the last search.
#[derive(Debug, Default)]
pub(super) struct Found {
    searched: Option<Timestamp>,
    /// The error of the labels of a service, by its name.
    invalid: BTreeMap<String, String>,
}

impl Found {
    /// Searches in the next round.
    pub(super) fn search_soon(&mut self) {
        self.searched = None;
    }
}

impl<O: Orchestrator> Controller<O> {
    /// Searches for services if a search is due. Invalid labels are a problem of each round until they
    /// are corrected; the service keeps its former settings.
    ///
    /// Returns false if the orchestrator is unavailable.
    pub(super) async fn find_labelled(&mut self, now: Timestamp, round: &mut Round) -> bool {
        let Some(discovery) = self.discovery.as_ref() else {
            return true;
        };
        let is_due = self
            .found
            .searched
            .is_none_or(|searched| now - searched >= INTERVAL);
        if is_due {
            match self.orchestrator.labelled(&discovery.label).await {
                Ok(labelled) => {
                    self.found.searched = Some(now);
                    self.found.invalid = update(
                        &mut self.managed,
                        discovery,
                        &labelled,
                        &mut round.discovered,
                    );
                }
                Err(error) => {
                    round.problems.push(unreadable(&error));
                    if matches!(error, OrchestratorError::Unavailable(_)) {
                        return false;
                    }
                }
            }
        }
        let invalid = self.found.invalid.iter();
        round.problems.extend(invalid.map(|(service, why)| {
            let message = format!("{service}: label {why}");
            Problem::new(ProblemReason::Labels, service.as_str(), message)
        }));
        true
    }
}

/// A change of the list of services by their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovered {
    /// The service of this name is new.
    Added(String),
    /// The service of this name has other settings.
    Changed(String),
    /// The service of this name is not scaled any more.
    Removed(String),
}

/// Adds, updates and removes services by their labels. Returns the errors of labels.
fn update(
    managed: &mut Vec<ManagedService>,
    discovery: &Discovery,
    labelled: &[Labelled],
    discovered: &mut Vec<Discovered>,
) -> BTreeMap<String, String> {
    let mut invalid = BTreeMap::new();
    let mut labelled_names: HashSet<&str> = HashSet::new();
    let places = managed.iter().enumerate();
    let mut places: HashMap<String, usize> = places
        .map(|(place, known)| (known.name.clone(), place))
        .collect();
    for found in labelled {
        let known = places.get(&found.name).copied();
        let origin = known
            .and_then(|place| managed.get(place))
            .map(|known| known.origin);
        if origin == Some(Origin::Configuration) {
            continue;
        }
        let configured = match discovery.reader.service(&found.name, &found.labels) {
            Ok(Some(configured)) => configured,
            Ok(None) => continue,
            Err(error) => {
                labelled_names.insert(&found.name);
                invalid.insert(found.name.clone(), error);
                continue;
            }
        };
        labelled_names.insert(&found.name);
        let mut new = match ManagedService::new(&configured, Origin::Labels) {
            Ok(new) => new,
            Err(error) => {
                invalid.insert(found.name.clone(), error.to_string());
                continue;
            }
        };
        match known.and_then(|place| managed.get_mut(place)) {
            None => {
                discovered.push(Discovered::Added(found.name.clone()));
                places.insert(found.name.clone(), managed.len());
                managed.push(new);
            }
            Some(old) if *old.policy.settings() != configured.settings => {
                discovered.push(Discovered::Changed(found.name.clone()));
                new.inherit(old);
                *old = new;
            }
            Some(old) => old.priority = configured.priority,
        }
    }
    managed.retain(|known| {
        let stays =
            known.origin == Origin::Configuration || labelled_names.contains(known.name.as_str());
        if !stays {
            discovered.push(Discovered::Removed(known.name.clone()));
        }
        stays
    });
    invalid
}
