//! The Docker adapter against a real engine.
//!
//! Runs if `ELB_TEST_DOCKER` names the manager of a test swarm, such as `tcp://10.99.0.1:2375` or
//! `unix:///path/docker.sock`, and is skipped otherwise. Every node needs an image with a shell and
//! busybox's `httpd`: `localhost:1/lab/web`, or the image in `ELB_TEST_IMAGE`. The tests remove
//! everything that they create.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Once;
use std::time::{Duration, Instant};

use elb::docker::{Docker, Lease, Settings};
use elb::orchestrator::{Orchestrator, OrchestratorError, Rollout, Scaling, Service, TaskState};
use serde_json::{Value, json};
use sflow_autoscale::leader::{Election, LeaseError, LeaseSettings, LeaseStore, Record};

#[tokio::test]
async fn scaling_changes_only_replicas_of_service_with_every_field() {
    let Some(engine) = Engine::of_the_environment() else {
        return;
    };
    let network = engine.create(
        "networks",
        &json!({ "Name": engine.name("net"), "Driver": "overlay", "Attachable": true }),
    );
    let secret = json!({ "Name": engine.name("secret"), "Data": "c2VjcmV0" });
    let secret = engine.create("secrets", &secret);
    let config = json!({ "Name": engine.name("config"), "Data": "Y29uZmln" });
    let config = engine.create("configs", &config);
    let mut spec: Value = serde_json::from_str(include_str!("adapters/every-field.json")).unwrap();
    spec["Name"] = engine.name("every-field").into();
    let template = &mut spec["TaskTemplate"];
    template["ContainerSpec"]["Image"] = engine.image.clone().into();
    template["ContainerSpec"]["Secrets"][0]["SecretID"] = secret.id.clone().into();
    template["ContainerSpec"]["Secrets"][0]["SecretName"] = secret.name.clone().into();
    template["ContainerSpec"]["Configs"][0]["ConfigID"] = config.id.clone().into();
    template["ContainerSpec"]["Configs"][0]["ConfigName"] = config.name.clone().into();
    template["Networks"][0]["Target"] = network.id.clone().into();
    let created = engine.create("services", &spec);
    let path = format!("/services/{}", created.id);
    let before = engine.get(&path)["Spec"].clone();
    for field in [
        "/TaskTemplate/ContainerSpec/Healthcheck/Retries",
        "/UpdateConfig/Order",
    ] {
        assert!(before.pointer(field).is_some(), "{field} is set: {before}");
    }

    let mut docker = engine.docker();
    for replicas in [3, 2, 0, 1] {
        scale(&mut docker, &created.name, replicas).await;
        let mut expected = before.clone();
        expected["Mode"]["Replicated"]["Replicas"] = replicas.into();
        assert_eq!(engine.get(&path)["Spec"], expected);
        let service = read(&mut docker, &created.name).await.unwrap();
        assert_eq!(service.scaling, Scaling::Replicated { replicas });
        assert_eq!(service.cpu_limit, Some(0.25));
        assert_eq!(service.labels["elb.max"], "8");
    }
}

#[tokio::test]
async fn scaling_keeps_running_tasks() {
    let Some(engine) = Engine::of_the_environment() else {
        return;
    };
    let created = engine.create("services", &engine.web("pool", 1));
    let mut docker = engine.docker();
    let one = wait_for(&mut docker, &created.name, |service| service.running() == 1).await;

    scale(&mut docker, &created.name, 3).await;
    let three = wait_for(&mut docker, &created.name, |service| service.running() == 3).await;
    assert!(three.version > one.version);
    assert_eq!(
        containers(&three)[0],
        containers(&one)[0],
        "the first task was replaced"
    );
    for (place, task) in three.tasks.iter().enumerate() {
        let beginning = format!("{}.{}.", created.name, place + 1);
        assert!(task.container.starts_with(&beginning), "{}", task.container);
        assert_eq!(task.state, TaskState::Running);
        assert_eq!(task.error, None);
        assert!(task.age < Duration::from_secs(60), "{:?}", task.age);
    }
    let nodes = engine.get("/nodes");
    let nodes = nodes.as_array().unwrap().iter();
    let hostnames: Vec<_> = nodes
        .filter_map(|node| node["Description"]["Hostname"].as_str())
        .collect();
    for task in &three.tasks {
        assert!(
            hostnames.contains(&task.node.as_deref().unwrap()),
            "{task:?}"
        );
    }

    scale(&mut docker, &created.name, 2).await;
    let two = wait_for(&mut docker, &created.name, |service| {
        service.tasks.len() == 2
    })
    .await;
    assert!(
        containers(&two)
            .iter()
            .all(|container| containers(&three).contains(container))
    );
}

#[tokio::test]
async fn never_updated_service_can_be_scaled() {
    let Some(engine) = Engine::of_the_environment() else {
        return;
    };
    let created = engine.create("services", &engine.web("new", 1));
    assert!(engine.get(&format!("/services/{}", created.id))["PreviousSpec"].is_null());
    let mut docker = engine.docker();
    scale(&mut docker, &created.name, 2).await;
}

#[tokio::test]
async fn scaling_after_foreign_change_is_a_conflict() {
    let Some(engine) = Engine::of_the_environment() else {
        return;
    };
    let created = engine.create("services", &engine.web("contested", 1));
    let (mut ours, mut theirs) = (engine.docker(), engine.docker());
    let read_by_us = wait_for(&mut ours, &created.name, |service| service.running() == 1).await;
    let read_by_them = read(&mut theirs, &created.name).await.unwrap();
    theirs.scale(&read_by_them, 3).await.unwrap();
    assert_eq!(
        ours.scale(&read_by_us, 2).await,
        Err(OrchestratorError::Conflict)
    );
    let now = read(&mut ours, &created.name).await.unwrap();
    assert_eq!(now.scaling, Scaling::Replicated { replicas: 3 });

    // The engine's own response to an old version, without our comparison.
    let path = format!("/services/{}", created.id);
    let spec = engine.get(&path)["Spec"].clone();
    let stale = format!("{path}/update?version={}", read_by_us.version);
    let (status, answer) = engine.request("POST", &stale, Some(&spec));
    assert_eq!(status, 500, "{answer}");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("update out of sequence"), "{message}");
}

#[tokio::test]
async fn global_services_and_jobs_are_distinguished_and_not_scaled() {
    let Some(engine) = Engine::of_the_environment() else {
        return;
    };
    let mut global = engine.web("global", 1);
    global["Mode"] = json!({ "Global": {} });
    let global = engine.create("services", &global);
    let mut job = engine.web("job", 1);
    job["Mode"] = json!({ "ReplicatedJob": { "MaxConcurrent": 1, "TotalCompletions": 1 } });
    job["TaskTemplate"]["ContainerSpec"]["Command"] = json!(["true"]);
    job["TaskTemplate"]["RestartPolicy"] = json!({ "Condition": "none" });
    let job = engine.create("services", &job);
    let mut docker = engine.docker();

    let nodes = engine.get("/nodes").as_array().unwrap().len();
    let everywhere = |service: &Service| usize::try_from(service.running()).unwrap() == nodes;
    let service = wait_for(&mut docker, &global.name, everywhere).await;
    assert_eq!(service.scaling, Scaling::Global);
    let ids = engine.get("/nodes");
    for task in &service.tasks {
        let mut ids = ids
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["ID"].as_str().unwrap());
        let named_by = |id: &str| {
            task.container
                .starts_with(&format!("{}.{id}.", global.name))
        };
        assert!(ids.any(named_by), "{}", task.container);
    }
    let refusal = docker.scale(&service, 2).await;
    assert!(
        matches!(refusal, Err(OrchestratorError::NotScalable { .. })),
        "{refusal:?}"
    );
    let taken_for_another = Service {
        scaling: Scaling::Replicated { replicas: 1 },
        ..service.clone()
    };
    let refusal = docker.scale(&taken_for_another, 2).await;
    assert!(
        matches!(refusal, Err(OrchestratorError::NotScalable { .. })),
        "{refusal:?}"
    );

    let service = read(&mut docker, &job.name).await.unwrap();
    assert_eq!(service.scaling, Scaling::Job);
    let refusal = docker.scale(&service, 2).await;
    assert!(
        matches!(refusal, Err(OrchestratorError::NotScalable { .. })),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn names_match_exactly_and_missing_services_are_omitted() {
    let Some(engine) = Engine::of_the_environment() else {
        return;
    };
    let short = engine.create("services", &engine.web("name", 0));
    let long = engine.create("services", &engine.web("name-and-more", 0));
    let mut docker = engine.docker();
    let wanted = [engine.name("missing"), short.name.clone()];
    let services = docker.services(&wanted).await.unwrap();
    let names: Vec<_> = services.iter().map(|service| &service.name).collect();
    assert_eq!(names, [&short.name]);
    let services = docker
        .services(&[long.name.clone(), short.name.clone()])
        .await
        .unwrap();
    let names: Vec<_> = services.iter().map(|service| &service.name).collect();
    assert_eq!(names, [&long.name, &short.name]);
    assert_eq!(docker.services(&[engine.name("nam")]).await, Ok(Vec::new()));
}

#[tokio::test]
async fn service_removed_after_read_is_not_found() {
    let Some(engine) = Engine::of_the_environment() else {
        return;
    };
    let created = engine.create("services", &engine.web("removed", 1));
    let name = created.name.clone();
    let mut docker = engine.docker();
    let service = read(&mut docker, &name).await.unwrap();
    drop(created);
    let again = engine.create("services", &engine.web("removed", 1));
    assert_eq!(again.name, name);
    assert_eq!(
        docker.scale(&service, 2).await,
        Err(OrchestratorError::NotFound(name))
    );
    let service = read(&mut docker, &again.name).await.unwrap();
    assert_eq!(service.scaling, Scaling::Replicated { replicas: 1 });
}

#[tokio::test]
async fn unstartable_tasks_have_their_error() {
    let Some(engine) = Engine::of_the_environment() else {
        return;
    };
    let mut unplaceable = engine.web("unplaceable", 1);
    unplaceable["TaskTemplate"]["Placement"] = json!({ "Constraints": ["node.hostname==nowhere"] });
    let unplaceable = engine.create("services", &unplaceable);
    let mut imageless = engine.web("imageless", 1);
    imageless["TaskTemplate"]["ContainerSpec"]["Image"] = "localhost:1/lab/missing".into();
    let imageless = engine.create("services", &imageless);
    let mut docker = engine.docker();

    let error = |service: &Service| service.tasks.iter().find_map(|task| task.error.clone());
    let service = wait_for(&mut docker, &unplaceable.name, |service| {
        error(service).is_some()
    })
    .await;
    assert_eq!(service.tasks[0].state, TaskState::Pending);
    assert_eq!(service.tasks[0].node, None);
    assert!(
        error(&service).unwrap().contains("no suitable node"),
        "{service:?}"
    );

    let service = wait_for(&mut docker, &imageless.name, |service| {
        error(service).is_some()
    })
    .await;
    // The task has failed, or its replacement has not failed yet.
    let state = service.tasks[0].state;
    assert!(
        matches!(state, TaskState::Failed | TaskState::Pending),
        "{service:?}"
    );
    assert!(error(&service).unwrap().contains("missing"), "{service:?}");
    assert_eq!(service.running(), 0);
}

#[tokio::test]
async fn rolling_update_is_reported_until_paused() {
    let Some(engine) = Engine::of_the_environment() else {
        return;
    };
    let mut spec = engine.web("rolling", 2);
    spec["UpdateConfig"] =
        json!({ "Parallelism": 1, "Monitor": 1_000_000_000, "FailureAction": "pause" });
    let created = engine.create("services", &spec);
    let mut docker = engine.docker();
    let settled = wait_for(&mut docker, &created.name, |service| service.running() == 2).await;
    assert_eq!(settled.rollout, Rollout::Settled);

    let path = format!("/services/{}", created.id);
    let mut fresh = engine.get(&path);
    fresh["Spec"]["TaskTemplate"]["ContainerSpec"]["Command"] = json!(["sh", "-c", "exit 3"]);
    let update = format!("{path}/update?version={}", settled.version);
    let (status, answer) = engine.request("POST", &update, Some(&fresh["Spec"]));
    assert_eq!(status, 200, "{answer}");
    wait_for(&mut docker, &created.name, |service| {
        service.rollout == Rollout::Running
    })
    .await;
    wait_for(&mut docker, &created.name, |service| {
        service.rollout == Rollout::Paused
    })
    .await;
}

#[tokio::test]
async fn engine_and_api_versions_are_read() {
    let Some(engine) = Engine::of_the_environment() else {
        return;
    };
    let version = engine.docker().version().await.unwrap();
    assert_eq!(
        version.engine,
        engine.get("/version")["Version"].as_str().unwrap()
    );
    assert!(version.api.starts_with("1."), "{version}");
}

async fn read(docker: &mut Docker, name: &str) -> Option<Service> {
    let mut services = docker.services(&[name.to_owned()]).await.unwrap();
    assert!(services.len() < 2, "{services:?}");
    services.pop()
}

/// Reads and scales; retries if swarm has changed the version, which it does shortly after a
/// service is created or changed, when it assigns addresses and ports.
async fn scale(docker: &mut Docker, name: &str, replicas: u32) {
    for _ in 0..5 {
        let service = read(docker, name).await.unwrap();
        match docker.scale(&service, replicas).await {
            Err(OrchestratorError::Conflict) => tokio::time::sleep(Duration::from_millis(50)).await,
            done => return done.unwrap(),
        }
    }
    panic!("five conflicts without a foreign change");
}

async fn wait_for(docker: &mut Docker, name: &str, until: impl Fn(&Service) -> bool) -> Service {
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let service = read(docker, name).await.unwrap();
        if until(&service) {
            return service;
        }
        assert!(Instant::now() < deadline, "timed out: {service:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn containers(service: &Service) -> Vec<&str> {
    service
        .tasks
        .iter()
        .map(|task| task.container.as_str())
        .collect()
}

/// Eight writers at once: one creates the lease, and one replaces each version.
#[tokio::test]
async fn lease_has_one_winner_of_concurrent_writers() {
    let Some(engine) = Engine::of_the_environment() else {
        return;
    };
    let _removed = RemovedConfig(&engine, engine.name("race"));
    let lease = || engine.lease("race", Duration::from_secs(2));
    let record = |holder: usize| Record {
        holder: format!("elb{holder}"),
        ..Record::default()
    };
    let mut winners = Vec::new();
    for race in 0..10 {
        let version = lease().read().await.unwrap().map(|stored| stored.version);
        let writers = (0..8).map(|writer| {
            let (mut lease, record) = (lease(), record(writer));
            async move {
                match version {
                    None => lease.create(&record).await,
                    Some(version) => lease.replace(version, &record).await,
                }
            }
        });
        let mut running = tokio::task::JoinSet::new();
        writers.for_each(|writer| drop(running.spawn(writer)));
        let written = running.join_all().await;
        let won = written.iter().filter(|written| written.is_ok()).count();
        let lost = written.iter();
        let lost = lost.filter(|written| **written == Err(LeaseError::Conflict));
        assert_eq!((won, lost.count()), (1, 7), "race {race}: {written:?}");
        winners.push(lease().read().await.unwrap().unwrap().record.holder);
    }
    assert_eq!(winners.len(), 10);
}

#[tokio::test]
async fn leader_is_replaced_when_it_ends_and_at_once_when_it_releases_the_lease() {
    let Some(engine) = Engine::of_the_environment() else {
        return;
    };
    let _removed = RemovedConfig(&engine, engine.name("lease"));
    let settings = LeaseSettings {
        lease: Duration::from_millis(2_000),
        renew: Duration::from_millis(400),
        deadline: Duration::from_millis(1_300),
        timeout: Duration::from_millis(600),
    };
    let begun = Instant::now();
    let clock = || begun.elapsed();
    let candidate = |instance: &str| {
        let election = Election::new(settings, instance, "http://127.0.0.1:1").unwrap();
        (election, engine.lease("lease", settings.timeout))
    };
    let [mut a, mut b, mut c] = ["a", "b", "c"].map(candidate);
    for (election, lease) in [&mut a, &mut b, &mut c] {
        election.attend(lease, clock).await;
    }
    // The first renews for 3 s, and then ends without a word.
    let mut ended = None;
    let taken = loop {
        let now = clock();
        if now > Duration::from_secs(3) && ended.is_none() {
            ended = Some(now);
        }
        for (place, (election, lease)) in [&mut a, &mut b, &mut c].into_iter().enumerate() {
            let is_ended = place == 0 && ended.is_some();
            if !is_ended && election.due() <= now {
                election.attend(lease, clock).await;
            }
        }
        let leaders = [&b, &c].map(|(election, _)| election.leadership().is_leader);
        match (ended, leaders) {
            (Some(ended), [true, false] | [false, true]) => break clock() - ended,
            (None, [false, false]) => assert!(a.0.leadership().may_write(clock())),
            (Some(ended), [false, false]) => {
                assert!(clock() < ended + Duration::from_secs(4), "no takeover");
            }
            _ => panic!("{leaders:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(taken < Duration::from_millis(2_600), "{taken:?}");
    assert!(!a.0.leadership().may_write(clock()));
    let (mut leader, mut standby) = match b.0.leadership().is_leader {
        true => (b, c),
        false => (c, b),
    };
    leader.0.release(&mut leader.1).await.unwrap();
    standby.0.attend(&mut standby.1, clock).await;
    let view = standby.0.leadership();
    assert_eq!((view.is_leader, view.term), (true, 3));
}

/// A client of the engine that does not use the code under test.
struct Engine {
    endpoint: String,
    image: String,
}

/// A created object, removed when dropped.
struct Created<'a> {
    engine: &'a Engine,
    kind: &'static str,
    id: String,
    name: String,
}

impl Drop for Created<'_> {
    fn drop(&mut self) {
        self.engine
            .request("DELETE", &format!("/{}/{}", self.kind, self.id), None);
    }
}

/// Removes the config of this name when it is dropped.
struct RemovedConfig<'e>(&'e Engine, String);

impl Drop for RemovedConfig<'_> {
    fn drop(&mut self) {
        let path = format!("/configs/{}", self.1);
        self.0.request("DELETE", &path, None);
    }
}

impl Engine {
    fn of_the_environment() -> Option<Self> {
        static NOTICE: Once = Once::new();
        let Ok(endpoint) = std::env::var("ELB_TEST_DOCKER") else {
            // Written directly: the test harness captures the output of passing tests.
            NOTICE.call_once(|| {
                let notice = "skipped: tests against a real Docker swarm; set ELB_TEST_DOCKER to \
                             a manager of a test swarm, such as tcp://10.99.0.1:2375";
                writeln!(std::io::stderr(), "{notice}").ok();
            });
            return None;
        };
        let image =
            std::env::var("ELB_TEST_IMAGE").unwrap_or_else(|_| "localhost:1/lab/web".to_owned());
        Some(Self { endpoint, image })
    }

    fn docker(&self) -> Docker {
        let endpoints = vec![self.endpoint.clone()];
        Docker::connect(&Settings {
            endpoints,
            ..Settings::default()
        })
        .unwrap()
    }

    /// The lease in a config of this name.
    fn lease(&self, name: &str, timeout: Duration) -> Lease {
        let settings = Settings {
            endpoints: vec![self.endpoint.clone()],
            ..Settings::default()
        };
        Lease::connect(&settings, self.name(name), timeout).unwrap()
    }

    /// A name unique to this run, because several runs may share the swarm.
    fn name(&self, name: &str) -> String {
        format!("elb-test-{}-{name}", std::process::id())
    }

    fn web(&self, name: &str, replicas: u32) -> Value {
        json!({
            "Name": self.name(name),
            "TaskTemplate": {
                "ContainerSpec": { "Image": self.image, "StopGracePeriod": 100_000_000 },
            },
            "Mode": { "Replicated": { "Replicas": replicas } },
        })
    }

    fn create(&self, kind: &'static str, what: &Value) -> Created<'_> {
        let (status, answer) = self.request("POST", &format!("/{kind}/create"), Some(what));
        assert_eq!(status, 201, "{kind}: {answer}");
        let id = answer["ID"]
            .as_str()
            .or(answer["Id"].as_str())
            .unwrap()
            .to_owned();
        Created {
            engine: self,
            kind,
            id,
            name: what["Name"].as_str().unwrap().to_owned(),
        }
    }

    fn get(&self, path: &str) -> Value {
        let (status, answer) = self.request("GET", path, None);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Sends one HTTP/1.0 request, after which the engine closes the connection.
    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = self.stream();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    fn stream(&self) -> Box<dyn ReadWrite> {
        match self.endpoint.split_once("://") {
            Some(("tcp", address)) => Box::new(TcpStream::connect(address).unwrap()),
            #[cfg(unix)]
            Some(("unix", path)) => {
                Box::new(std::os::unix::net::UnixStream::connect(path).unwrap())
            }
            _ => panic!("ELB_TEST_DOCKER is {:?}", self.endpoint),
        }
    }
}

trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}
