//! Asks all workers, and merges their answers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sflow_metrics::query::{Owner, Query, Summary};
use sflow_metrics::{Timestamp, flow, query};
use tokio::task::JoinSet;
use tokio::time::Instant;
use untrusted::{escaped, report};

use crate::client;
use crate::protocol::{Contribution, Merge, Partitions};

#[derive(Clone, Debug)]
pub(crate) enum Question {
    Query(Query),
    Flows(flow::Definition),
}

#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) question: Question,
    /// `host:port`; a name may have several addresses.
    pub(crate) workers: Vec<String>,
    pub(crate) at: SystemTime,
    /// For all requests together.
    pub(crate) timeout: Duration,
    pub(crate) is_json: bool,
}

/// The partitions that an answer contains.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Coverage {
    /// The number of partitions of the topic.
    partitions: usize,
    answered: usize,
    /// Partitions without an owner, or whose owner does not respond or has not read them to the end.
    missing: Vec<i32>,
}

/// A partition for which a worker can answer.
#[derive(Clone, Copy, Debug)]
struct Claim {
    worker: SocketAddr,
    assigned_ms: u64,
}

/// Which worker is asked for which partitions.
#[derive(Debug, Default)]
struct Plan {
    /// The number of partitions of the topic.
    total: usize,
    partitions: BTreeMap<i32, Claim>,
}

impl Ask {
    /// Prints the answer; returns whether it is complete.
    pub(crate) fn run(&self) -> anyhow::Result<bool> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut out = Vec::new();
        let coverage = runtime.block_on(self.answer(&mut out))?;
        io::stdout().lock().write_all(&out)?;
        if !coverage.missing.is_empty() {
            report!("{coverage}");
        }
        Ok(coverage.missing.is_empty())
    }

    async fn answer(&self, out: &mut Vec<u8>) -> anyhow::Result<Coverage> {
        let deadline = Instant::now() + self.timeout;
        // A worker that does not respond leaves half of the time for the others.
        let half = deadline - self.timeout / 2;
        let plan = Plan::new(each(self.addresses()?, "/partitions", half).await);
        anyhow::ensure!(
            plan.total > 0,
            "no worker knows the partitions of the topic: is one running, and does the topic exist?"
        );
        let now = Timestamp::from(self.at);
        let time = jiff::Timestamp::try_from(self.at)
            .map_or_else(|_| "invalid time".to_owned(), |time| format!("{time:.3}"));
        let (mut printed, coverage) = match &self.question {
            Question::Query(query) => {
                let empty = query::Partial::empty(query);
                let text = query.to_string();
                let (partial, coverage) =
                    self.gather(&plan, "query", &text, empty, deadline).await?;
                (query_lines(query, &partial, now), coverage)
            }
            Question::Flows(definition) => {
                let empty = flow::Partial::empty(definition);
                let text = definition.to_string();
                let (partial, coverage) =
                    self.gather(&plan, "flows", &text, empty, deadline).await?;
                (vec![flow_line(definition, &partial.answer(now))], coverage)
            }
        };
        for line in &mut printed {
            match self.is_json {
                true => {
                    line.json["time"] = time.as_str().into();
                    line.json["coverage"] = serde_json::to_value(&coverage)?;
                    untrusted::json::to_writer(&mut *out, &line.json)?;
                    out.push(b'\n');
                }
                false => {
                    for text in &line.text {
                        writeln!(out, "{time}  {text}")?;
                    }
                }
            }
        }
        Ok(coverage)
    }

    fn addresses(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let mut addresses = BTreeSet::new();
        for worker in &self.workers {
            let found = worker.to_socket_addrs();
            addresses.extend(found.with_context(|| format!("cannot resolve worker {worker}"))?);
        }
        Ok(addresses.into_iter().collect())
    }

    /// Merges the contributions of the planned partitions.
    async fn gather<P: Merge + DeserializeOwned + Send + 'static>(
        &self,
        plan: &Plan,
        path: &str,
        text: &str,
        mut all: P,
        deadline: Instant,
    ) -> anyhow::Result<(P, Coverage)> {
        let mut requests = JoinSet::new();
        for (worker, partitions) in plan.by_worker() {
            let numbers: Vec<_> = partitions.iter().map(i32::to_string).collect();
            let at = Timestamp::from(self.at).as_nanos();
            let path = format!(
                "/{path}?text={}&at={at}&partitions={}",
                client::encode(text),
                numbers.join(",")
            );
            requests.spawn(async move {
                let response = client::get::<Contribution<P>>(worker, &path, deadline).await;
                (worker, partitions, response)
            });
        }
        let mut answered = BTreeSet::new();
        while let Some(response) = requests.join_next().await {
            let (worker, requested, response) = response?;
            match response {
                Ok(contribution) => {
                    // A worker contributes only what it was asked for, and each partition once.
                    let contained: BTreeSet<_> = contribution.partitions.into_iter().collect();
                    anyhow::ensure!(
                        contained.is_subset(&requested),
                        "worker {worker} answers for other partitions than requested"
                    );
                    all.merge(contribution.partial)?;
                    answered.extend(contained);
                }
                Err(error) => report!("worker {worker}: {error:#}"),
            }
        }
        let coverage = Coverage::new(plan.total, &answered);
        Ok((all, coverage))
    }
}

impl Plan {
    fn new(workers: Vec<(SocketAddr, Partitions)>) -> Self {
        let mut plan = Self::default();
        for (worker, listed) in workers {
            plan.total = plan.total.max(listed.total);
            for partition in listed.partitions.iter().filter(|it| it.is_current) {
                let claim = Claim {
                    worker,
                    assigned_ms: partition.assigned_ms,
                };
                // A worker that was cut off still claims what another one has got since.
                let chosen = plan.partitions.entry(partition.partition).or_insert(claim);
                if claim.assigned_ms > chosen.assigned_ms {
                    *chosen = claim;
                }
            }
        }
        plan
    }

    fn by_worker(&self) -> BTreeMap<SocketAddr, BTreeSet<i32>> {
        let mut workers = BTreeMap::<_, BTreeSet<_>>::new();
        for (partition, claim) in &self.partitions {
            workers.entry(claim.worker).or_default().insert(*partition);
        }
        workers
    }
}

impl Coverage {
    fn new(total: usize, answered: &BTreeSet<i32>) -> Self {
        let all = 0..i32::try_from(total).unwrap_or(i32::MAX);
        Self {
            partitions: total,
            answered: answered.len(),
            missing: all.filter(|it| !answered.contains(it)).collect(),
        }
    }
}

impl std::fmt::Display for Coverage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let missing: Vec<_> = self.missing.iter().map(i32::to_string).collect();
        write!(
            f,
            "incomplete: {} of {} partitions answered; missing: {}",
            self.answered,
            self.partitions,
            missing.join(", ")
        )
    }
}

/// Sends a request to each worker, and returns the responses that arrive in time.
async fn each<T: DeserializeOwned + Send + 'static>(
    workers: Vec<SocketAddr>,
    path: &'static str,
    deadline: Instant,
) -> Vec<(SocketAddr, T)> {
    let mut requests = JoinSet::new();
    for worker in workers {
        requests.spawn(async move { (worker, client::get(worker, path, deadline).await) });
    }
    let mut responses = Vec::new();
    while let Some(response) = requests.join_next().await {
        match response {
            Ok((worker, Ok(response))) => responses.push((worker, response)),
            Ok((worker, Err(error))) => report!("worker {worker}: {error:#}"),
            Err(error) => report!("{error}"),
        }
    }
    responses
}

/// A result as JSON and as lines of text.
struct Line {
    json: serde_json::Value,
    text: Vec<String>,
}

fn query_lines(query: &Query, partial: &query::Partial, now: Timestamp) -> Vec<Line> {
    if query.grouping().is_none() {
        return vec![query_line(query, None, &partial.summaries(now))];
    }
    let groups = partial.groups(now).groups.into_iter();
    let line = |group: query::Group| {
        let owners = partial.owners(&group.name);
        let answered: Vec<_> = group.summaries.into_iter().zip(owners).collect();
        query_line(query, Some(&group.name), &answered)
    };
    groups.map(line).collect()
}

fn query_line(query: &Query, group: Option<&str>, answered: &[(Summary, Option<Owner>)]) -> Line {
    let mut text = Vec::new();
    let mut answers = Vec::new();
    for (expression, (summary, owner)) in query.expressions().iter().zip(answered) {
        let unit = expression.metrics().first().map_or("", |it| it.unit());
        let value = summary.value.map_or_else(
            || "no value".to_owned(),
            |value| format!("{value} {unit}").trim_end().to_owned(),
        );
        let (contributing, matched) = (summary.contributing, summary.matched);
        let owner = owner.as_ref().map(|owner| owner.name.as_str());
        let expression = expression.to_string();
        text.push(format!(
            "{}{}  {value}  from {contributing} of {matched}{}",
            group.map_or_else(String::new, |group| format!("{}  ", escaped(group))),
            escaped(&expression),
            owner.map_or_else(String::new, |owner| format!(": {}", escaped(owner))),
        ));
        answers.push(serde_json::json!({
            "expression": expression,
            "unit": unit,
            "value": summary.value,
            "relative_error": summary.relative_error,
            "contributing": contributing,
            "matched": matched,
            "warming": summary.warming,
            "stale": summary.stale,
            "winner": owner,
        }));
    }
    Line {
        json: serde_json::json!({
            "query": query.to_string(),
            "group": group,
            "answers": answers,
        }),
        text,
    }
}

fn flow_line(definition: &flow::Definition, answer: &flow::Answer) -> Line {
    let row = |row: &flow::Row| {
        let keys: Vec<_> = row.keys.iter().map(ToString::to_string).collect();
        let keys = keys.join("  ");
        let error = row.sampling_error + row.error;
        format!("{}  {} ± {error}", escaped(&keys), row.value)
    };
    let mut text = vec![definition.to_string()];
    text.extend(answer.rows.iter().map(row));
    text.push(format!(
        "(all)  {} ± {}",
        answer.total, answer.total_sampling_error
    ));
    Line {
        json: serde_json::json!({
            "flows": definition.to_string(),
            "keys": answer.keys,
            "rows": answer.rows,
            "total": answer.total,
            "total_sampling_error": answer.total_sampling_error,
            "other": answer.other,
            "samples": answer.samples,
            "evicted": answer.evicted,
            "unseen": answer.unseen,
        }),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Partition;

    fn worker(number: u8, partitions: &[(i32, bool, u64)]) -> (SocketAddr, Partitions) {
        let partition = |&(partition, is_current, assigned_ms)| Partition {
            partition,
            is_current,
            assigned_ms,
            datagrams: 0,
        };
        let listed = Partitions {
            total: 4,
            partitions: partitions.iter().map(partition).collect(),
        };
        (([10, 0, 0, number], 9350).into(), listed)
    }

    #[test]
    fn each_partition_is_requested_from_its_newest_current_owner() {
        let plan = Plan::new(vec![
            worker(1, &[(0, true, 10), (1, true, 10), (3, false, 10)]),
            worker(2, &[(1, true, 20), (2, true, 20)]),
            worker(3, &[(2, false, 30)]),
        ]);
        let requested: Vec<_> = plan
            .by_worker()
            .into_iter()
            .map(|(worker, partitions)| (worker.ip().to_string(), partitions))
            .collect();
        let expected = [
            ("10.0.0.1".to_owned(), BTreeSet::from([0])),
            ("10.0.0.2".to_owned(), BTreeSet::from([1, 2])),
        ];
        assert_eq!(requested, expected);
        let coverage = Coverage::new(plan.total, &BTreeSet::from([0, 1, 2]));
        assert_eq!(coverage.missing, [3]);
        let text = "incomplete: 3 of 4 partitions answered; missing: 3";
        assert_eq!(coverage.to_string(), text);
    }
}
