//! The lease of the leader, in swarm's Raft.
//!
//! A config object holds it: the version of the object is the compare-and-swap, and its labels are the
//! only part that can be updated. `docker config inspect elb-lease` shows who leads.

use std::collections::BTreeMap;
use std::time::Duration;

use client::segment;
use engine::{Answer, EndpointError, or_default};
use serde::Deserialize;
use serde_json::{Value, json};
use sflow_autoscale::leader::{LeaseError, LeaseStore, Record, StoredRecord};
use untrusted::shortened;

use super::failure::Failure;
use super::{Docker, Get, Object, Settings};

/// The contents of a new config, in base64: that its labels are the lease, and not to remove it.
const DATA: &str = "VGhlIGxlYXNlIG9mIHRoZSBsZWFkZXIgb2YgZWxiLCBpbiB0aGUgbGFiZWxzLiBEbyBub3QgcmVtb3ZlIGl0IHdoaWxlIGVsYiBydW5zLgo=";

/// Maximum length of the name and the address of a leader, in characters: others can write the lease.
const LONGEST: usize = 300;

/// The lease in a config object of a swarm.
///
/// Each request goes to one manager. If that one does not answer in time or has no leader, the next
/// request goes to the next manager, so that no request takes longer than its time limit.
#[derive(Debug)]
pub struct Lease {
    docker: Docker,
    name: String,
    /// The contents as last read: an update has to repeat them.
    data: String,
}

/// A config as returned by the engine.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigAnswer {
    version: Version,
    spec: Spec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    index: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Spec {
    #[serde(default, deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    data: String,
}

impl Lease {
    /// The usual name of the config object. Instances of elb with the same name are candidates of one
    /// election.
    pub const NAME: &str = "elb-lease";

    /// The lease in the config object `name`, with this time limit of a request. Sends nothing.
    ///
    /// # Errors
    ///
    /// See [`Docker::connect`].
    pub fn connect(
        settings: &Settings,
        name: impl Into<String>,
        timeout: Duration,
    ) -> Result<Self, EndpointError> {
        let settings = Settings {
            timeout,
            ..settings.clone()
        };
        Ok(Self {
            docker: Docker::connect(&settings)?,
            name: name.into(),
            data: DATA.to_owned(),
        })
    }

    fn path(&self) -> String {
        format!("/configs/{}", segment(&self.name))
    }

    fn spec(&self, record: &Record) -> Value {
        json!({
            "Name": self.name,
            "Data": self.data,
            "Labels": {
                "holder": record.holder,
                "address": record.address,
                "term": record.term.to_string(),
                "renewed": record.renewed.to_string(),
                "journal": record.journal,
            },
        })
    }
}

impl LeaseStore for Lease {
    async fn read(&mut self) -> Result<Option<StoredRecord>, LeaseError> {
        let answer = Object::<ConfigAnswer>::get(self.docker.manager(), &self.path()).await;
        let config = match answer {
            Ok(Object(config)) => config,
            Err(failure) if failure.is_not_found() => return Ok(None),
            Err(failure) => {
                if failure.is_specific_to_manager() {
                    self.docker.use_next_manager();
                }
                return Err(LeaseError::Unreachable(failure.to_string()));
            }
        };
        let record = record(config.spec.labels).map_err(|label| {
            let name = &self.name;
            LeaseError::Unreachable(format!(
                "config {name} is not a lease of elb: label `{label}` is missing or invalid. Stop \
                 all instances of elb, remove the config with `docker config rm {name}`, and start \
                 them again"
            ))
        })?;
        self.data = config.spec.data;
        Ok(Some(StoredRecord {
            version: config.version.index,
            record,
        }))
    }

    async fn create(&mut self, record: &Record) -> Result<(), LeaseError> {
        self.data = DATA.to_owned();
        let spec = self.spec(record);
        let created = self.docker.post("/configs/create", &spec).await;
        written(created)
    }

    async fn replace(&mut self, version: u64, record: &Record) -> Result<(), LeaseError> {
        let path = format!("{}/update?version={version}", self.path());
        let spec = self.spec(record);
        let updated = self.docker.post(&path, &spec).await;
        written(updated)
    }
}

/// The record in these labels.
///
/// # Errors
///
/// The label that is missing or invalid.
fn record(mut labels: BTreeMap<String, String>) -> Result<Record, &'static str> {
    let number = |label| {
        let number = labels.get(label).and_then(|text| text.parse().ok());
        number.ok_or(label)
    };
    let (term, renewed) = (number("term")?, number("renewed")?);
    let short = |text: String| shortened(&text, LONGEST);
    Ok(Record {
        holder: labels.remove("holder").map(short).ok_or("holder")?,
        address: labels.remove("address").map(short).unwrap_or_default(),
        term,
        renewed,
        journal: labels.remove("journal").unwrap_or_default(),
    })
}

fn written(answer: Result<Answer, Failure>) -> Result<(), LeaseError> {
    match answer {
        Ok(_) => Ok(()),
        Err(failure) if failure.is_conflict() || failure.is_not_found() => {
            Err(LeaseError::Conflict)
        }
        Err(failure) => Err(LeaseError::Unreachable(failure.to_string())),
    }
}
