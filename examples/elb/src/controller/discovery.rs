//! Services that are found by their labels.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use sflow_metrics::Timestamp;
use tracing::info;

use super::managed::{Managed, Origin};
use super::{Controller, Round, unreadable};
use crate::config::{Discovery, ENABLED};
use crate::orchestrator::{Labelled, Orchestrator, OrchestratorError};
use crate::trouble::{Trouble, TroubleReason};

/// How often services are looked for, whatever happens.
const EVERY: Duration = Duration::from_secs(60);

/// What was found, and when.
#[derive(Debug, Default)]
pub(super) struct Found {
    looked: Option<Timestamp>,
    /// What is wrong with the labels of a service.
    wrong: BTreeMap<String, String>,
}

impl Found {
    /// In the next round.
    pub(super) fn look_soon(&mut self) {
        self.looked = None;
    }
}

impl<O: Orchestrator> Controller<O> {
    /// Looks for services if it is time to. What is wrong with labels is told in each round until
    /// it is mended, and what ran before goes on.
    ///
    /// Returns false if the orchestrator did not answer: then nothing else needs to be asked.
    pub(super) async fn find_labelled(&mut self, now: Timestamp, round: &mut Round) -> bool {
        let Some(discovery) = self.discovery.as_ref().filter(|it| it.enabled) else {
            return true;
        };
        let is_due = self.found.looked.is_none_or(|looked| now - looked >= EVERY);
        if is_due {
            match self.orchestrator.labelled(ENABLED).await {
                Ok(labelled) => {
                    self.found.looked = Some(now);
                    self.found.wrong = take_in(&mut self.managed, discovery, &labelled);
                }
                Err(error) => {
                    round.troubles.push(unreadable(&error));
                    if matches!(error, OrchestratorError::Unavailable(_)) {
                        return false;
                    }
                }
            }
        }
        let wrong = self.found.wrong.iter();
        round.troubles.extend(wrong.map(|(service, why)| {
            let message = format!("{service}: label {why}");
            Trouble::new(TroubleReason::Labels, service.as_str(), message)
        }));
        true
    }
}

/// Takes those under control that ask for it, and lets go of those that do not any more.
fn take_in(
    managed: &mut Vec<Managed>,
    discovery: &Discovery,
    labelled: &[Labelled],
) -> BTreeMap<String, String> {
    let mut wrong = BTreeMap::new();
    let mut asked: HashSet<&str> = HashSet::new();
    let places = managed.iter().enumerate();
    let mut places: HashMap<String, usize> = places
        .map(|(place, known)| (known.name.clone(), place))
        .collect();
    for found in labelled {
        let known = places.get(&found.name).copied();
        let origin = known
            .and_then(|place| managed.get(place))
            .map(|known| known.origin);
        if origin == Some(Origin::File) {
            continue;
        }
        let configured = match discovery.labels.service(&found.name, &found.labels) {
            Ok(Some(configured)) => configured,
            Ok(None) => continue,
            Err(error) => {
                asked.insert(&found.name);
                wrong.insert(found.name.clone(), error.to_string());
                continue;
            }
        };
        asked.insert(&found.name);
        let mut new = match Managed::new(&configured, Origin::Labels) {
            Ok(new) => new,
            Err(error) => {
                wrong.insert(found.name.clone(), error.to_string());
                continue;
            }
        };
        match known.and_then(|place| managed.get_mut(place)) {
            None => {
                info!(service = found.name, "asks by its labels to be balanced");
                places.insert(found.name.clone(), managed.len());
                managed.push(new);
            }
            Some(old) if *old.policy.settings() != configured.settings => {
                info!(service = found.name, "has other labels now");
                new.inherit(old);
                *old = new;
            }
            Some(old) => old.priority = configured.priority,
        }
    }
    managed.retain(|known| {
        let stays = known.origin == Origin::File || asked.contains(known.name.as_str());
        if !stays {
            info!(service = known.name, "does not ask to be balanced any more");
        }
        stays
    });
    wrong
}
