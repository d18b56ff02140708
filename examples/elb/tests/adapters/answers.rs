//! Services, tasks and lists as engines return them.

use std::time::Duration;

use elb::orchestrator::{
    Orchestrator, OrchestratorError, Rollout, Scaling, Service, Task, TaskState,
};
use serde_json::{Value, json};

use crate::engine::{Reply, Script, docker, docker_within, names, read};

/// The services with these specifications (without names) and update states.
async fn services(answers: &[(Value, Value)]) -> Vec<Service> {
    let answers = answers.iter().enumerate();
    let answers = answers.map(|(place, (spec, update))| {
        let mut spec = spec.clone();
        spec["Name"] = format!("s{place}").into();
        json!({
            "ID": format!("id{place}"), "Version": { "Index": 7 }, "Spec": spec,
            "UpdateStatus": update,
        })
    });
    let answers: Vec<Value> = answers.collect();
    read(&json!(answers), &json!([])).await
}

#[tokio::test]
async fn each_mode_of_a_service_is_read() {
    let expected = [
        (
            json!({ "Replicated": { "Replicas": 3 } }),
            Scaling::Replicated { replicas: 3 },
        ),
        (
            json!({ "Replicated": { "Replicas": 0 } }),
            Scaling::Replicated { replicas: 0 },
        ),
        (json!({ "Global": {} }), Scaling::Global),
        (
            json!({ "ReplicatedJob": { "TotalCompletions": 2 } }),
            Scaling::Job,
        ),
        (json!({ "GlobalJob": {} }), Scaling::Job),
    ];
    let answers = expected.each_ref();
    let answers = answers.map(|(mode, _)| (json!({ "Mode": mode }), Value::Null));
    for (service, (mode, scaling)) in services(&answers).await.iter().zip(expected) {
        assert_eq!(service.scaling, scaling, "{mode}");
    }
}

#[tokio::test]
async fn replicated_service_without_number_is_refused() {
    let spec = json!({ "Name": "a", "Mode": { "Replicated": {} } });
    let answer = json!([{ "ID": "s1", "Version": { "Index": 7 }, "Spec": spec }]);
    let engine = Script::tcp(vec![Reply::json(&answer)]).await;
    let error = docker(&[&engine]).services(&names(&["a"])).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("Replicas"), "{error}");
}

#[tokio::test]
async fn each_update_state_of_a_service_is_read() {
    let expected = [
        ("updating", Rollout::Running),
        ("paused", Rollout::Paused),
        ("completed", Rollout::Settled),
        ("rollback_started", Rollout::Running),
        ("rollback_paused", Rollout::Paused),
        ("rollback_completed", Rollout::Settled),
        ("", Rollout::Settled),
        ("unknown to this version", Rollout::Running),
    ];
    let spec = json!({ "Mode": { "Global": {} } });
    let answers = expected.map(|(state, _)| (spec.clone(), json!({ "State": state })));
    for (service, (state, rollout)) in services(&answers).await.iter().zip(expected) {
        assert_eq!(service.rollout, rollout, "{state}");
    }
}

#[tokio::test]
async fn cpu_limit_of_a_service_is_read() {
    let expected = [
        (Value::Null, None),
        (json!({}), None),
        (json!({ "Limits": {} }), None),
        (json!({ "Limits": { "MemoryBytes": 1 } }), None),
        (json!({ "Limits": { "NanoCPUs": 0 } }), None),
        (json!({ "Limits": { "NanoCPUs": 250_000_000 } }), Some(0.25)),
        (
            json!({ "Limits": { "NanoCPUs": 2_500_000_000_i64 } }),
            Some(2.5),
        ),
    ];
    let answers = expected.each_ref().map(|(resources, _)| {
        let template = json!({ "Resources": resources });
        let spec = json!({ "Mode": { "Global": {} }, "TaskTemplate": template });
        (spec, Value::Null)
    });
    for (service, (resources, limit)) in services(&answers).await.iter().zip(expected) {
        assert_eq!(service.cpu_limit, limit, "{resources}");
    }
}

#[tokio::test]
async fn labels_of_a_service_may_be_null() {
    let mode = json!({ "Global": {} });
    let answers = [
        (json!({ "Labels": null, "Mode": mode }), Value::Null),
        (
            json!({ "Labels": { "elb.max": "8" }, "Mode": mode }),
            Value::Null,
        ),
    ];
    let services = services(&answers).await;
    assert!(services[0].labels.is_empty());
    assert_eq!(services[1].labels["elb.max"], "8");
}

/// The tasks of the service `apache` with the id `s1` whose list is this.
async fn tasks(answers: &Value) -> Vec<Task> {
    let service = json!([{
        "ID": "s1", "Version": { "Index": 7 },
        "Spec": { "Name": "apache", "Mode": { "Replicated": { "Replicas": 1 } } },
    }]);
    let [service] = read(&service, answers).await.try_into().unwrap();
    service.tasks
}

async fn task(answer: Value) -> Task {
    let [task] = tasks(&json!([answer])).await.try_into().unwrap();
    task
}

#[tokio::test]
async fn task_of_replicated_service_is_read() {
    let task = task(json!({
        "ID": "t1", "ServiceID": "s1", "Slot": 3, "NodeID": "n1",
        "Status": { "Timestamp": "2026-11-23T04:04:59.75Z", "State": "running", "Err": "" },
    }))
    .await;
    assert_eq!(
        task,
        Task {
            container: "apache.3.t1".to_owned(),
            node: Some("node1".to_owned()),
            state: TaskState::Running,
            age: Duration::from_millis(250),
            ..Task::default()
        }
    );
}

#[tokio::test]
async fn task_of_global_service_is_named_by_node() {
    let task = task(json!({
        "ID": "t1", "ServiceID": "s1", "Slot": 0, "NodeID": "n2",
        "Status": { "State": "rejected", "Err": "No such image: apache:latest" },
    }))
    .await;
    assert_eq!(task.container, "apache.n2.t1");
    // The name of this node is unknown.
    assert_eq!(task.node.as_deref(), Some("n2"));
    assert_eq!(task.state, TaskState::Failed);
    assert_eq!(task.error.as_deref(), Some("No such image: apache:latest"));
    assert_eq!(task.age, Duration::ZERO);
}

#[tokio::test]
async fn task_without_node_is_pending() {
    let task = task(json!({
        "ID": "t1", "ServiceID": "s1", "Slot": 1, "NodeID": "",
        "Status": { "State": "pending", "Err": "no suitable node" },
    }))
    .await;
    assert_eq!((task.node, task.state), (None, TaskState::Pending));
    assert_eq!(task.error.as_deref(), Some("no suitable node"));
}

#[tokio::test]
async fn each_state_of_a_task_is_read() {
    for (states, expected) in [
        (
            &[
                "new",
                "pending",
                "assigned",
                "accepted",
                "preparing",
                "ready",
                "starting",
            ][..],
            TaskState::Pending,
        ),
        (&["running"], TaskState::Running),
        (
            &[
                "complete", "shutdown", "failed", "rejected", "remove", "orphaned",
            ],
            TaskState::Failed,
        ),
    ] {
        let answers = states.iter().enumerate().map(|(slot, state)| {
            json!({
                "ID": state, "ServiceID": "s1", "Slot": slot + 1, "Status": { "State": state },
            })
        });
        let answers: Vec<Value> = answers.collect();
        let tasks = tasks(&json!(answers)).await;
        assert_eq!(tasks.len(), states.len());
        for task in tasks {
            assert_eq!(task.state, expected, "{}", task.container);
        }
    }
}

#[tokio::test]
async fn task_with_invalid_time_has_age_zero() {
    let times = [
        (Some("2026-11-23T04:04:30Z"), 30),
        (Some("2026-11-23T05:04:30+01:00"), 30),
        (Some("2026-11-23T04:05:01Z"), 0),
        (Some("0001-01-01T00:00:00Z"), 0),
        (Some("yesterday"), 0),
        (None, 0),
    ];
    let answers = times.iter().enumerate().map(|(slot, (time, _))| {
        json!({
            "ID": "t", "ServiceID": "s1", "Slot": slot + 1,
            "Status": { "State": "running", "Timestamp": time },
        })
    });
    let answers: Vec<Value> = answers.collect();
    for (task, (time, seconds)) in tasks(&json!(answers)).await.iter().zip(times) {
        assert_eq!(task.age, Duration::from_secs(seconds), "{time:?}");
    }
}

#[tokio::test]
async fn task_has_age_zero_without_clock_of_engine() {
    let without_date = |body: &Value| Reply::Parts(body.to_string(), 4096);
    let engine = Script::tcp(vec![
        without_date(&json!([{
            "ID": "s1", "Version": { "Index": 7 },
            "Spec": { "Name": "apache", "Mode": { "Global": {} } },
        }])),
        without_date(&json!([])),
        without_date(&json!([{
            "ID": "t1", "ServiceID": "s1",
            "Status": { "State": "running", "Timestamp": "2026-11-23T04:04:30Z" },
        }])),
    ])
    .await;
    let services = docker(&[&engine]).services(&names(&["apache"])).await;
    assert_eq!(services.unwrap()[0].tasks[0].age, Duration::ZERO);
}

#[tokio::test]
async fn container_is_identified_by_first_half_of_its_id() {
    let with_id = |id: &str| {
        json!({
            "ID": "t1", "ServiceID": "s1", "Slot": 1,
            "Status": { "State": "running", "ContainerStatus": { "ContainerID": id } },
        })
    };
    let id = "0123456789abcdef0011223344556677ffffffffffffffffffffffffffffffff";
    let uuid = task(with_id(id)).await.uuid.unwrap();
    assert_eq!(uuid[..4], [0x01, 0x23, 0x45, 0x67]);
    assert_eq!(uuid[12..], [0x44, 0x55, 0x66, 0x77]);
    for id in ["", "0123", "zz23456789abcdef0011223344556677"] {
        assert_eq!(task(with_id(id)).await.uuid, None, "{id}");
    }
}

#[tokio::test]
async fn recent_failures_count_for_their_slot() {
    let ended = |state: &str, at: &str, error: &str| {
        json!({
            "ID": "t1", "ServiceID": "s1", "Slot": 2, "NodeID": "n1", "DesiredState": "shutdown",
            "Status": { "State": state, "Timestamp": at, "Err": error },
        })
    };
    let running = |slot: u32| {
        json!({
            "ID": "t2", "ServiceID": "s1", "Slot": slot, "NodeID": "n1",
            "Status": { "State": "running" },
        })
    };
    let answers = json!([
        ended("failed", "2026-11-23T04:04:30Z", "task: non-zero exit (1)"),
        ended("rejected", "2026-11-23T04:04:00Z", "No such image"),
        // Too old, and not failed.
        ended("failed", "2026-11-23T03:04:30Z", "old"),
        ended("shutdown", "2026-11-23T04:04:40Z", "stopped"),
        running(2),
        running(3),
    ]);
    let [second, third] = tasks(&answers).await.try_into().unwrap();
    assert_eq!(second.failures, 2);
    assert_eq!(second.error.as_deref(), Some("task: non-zero exit (1)"));
    assert_eq!((third.failures, third.error), (0, None));
}

/// The number of services in a list that arrives in parts of this many bytes.
async fn listed(body: &str, size: usize) -> Result<usize, String> {
    let engine = Script::tcp(vec![Reply::Parts(body.to_owned(), size)]).await;
    let listed = docker_within(&[&engine], Duration::from_secs(60))
        .labelled("elb.enabled")
        .await;
    match listed {
        Ok(services) => Ok(services.len()),
        Err(OrchestratorError::Refused(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn lists_are_parsed_in_parts_of_any_size() {
    let entry = |id: u32| {
        format!(
            r#"{{"ID":"{id}","Version":{{"Index":1}},"Spec":{{"Name":"a","Mode":{{}}}},"M":["\"]"]}}"#
        )
    };
    let list = format!(" [{},{}, {}] ", entry(1), entry(2), entry(3));
    for size in [1, 7, 1000] {
        assert_eq!(listed(&list, size).await, Ok(3));
    }
    assert_eq!(listed("null", 2).await, Ok(0));
    assert_eq!(listed("[]", 1).await, Ok(0));
    for (text, problem) in [
        (String::new(), "EOF"),
        (format!("[{},", entry(1)), "EOF"),
        (format!("[{}] x", entry(1)), "trailing characters"),
        ("{}".to_owned(), "expected a list"),
        ("<html>".to_owned(), "expected value"),
    ] {
        let error = listed(&text, 3).await.unwrap_err();
        assert!(error.contains(problem), "{text}: {error}");
    }
}

#[tokio::test]
async fn list_entries_and_their_memory_are_bounded() {
    let entry = |labels: &str, more: &str| {
        format!(
            r#"{{"ID":"1","Version":{{"Index":1}},"Spec":{{"Name":"a","Labels":{{{labels}}},"Mode":{{}}}},"M":"{more}"}}"#
        )
    };
    let ignored = "x".repeat(3 << 20);
    let list = format!("[{}]", vec![entry("", &ignored); 5].join(","));
    assert_eq!(listed(&list, 65_536).await, Ok(5));
    let large = format!("[{}]", entry("", &ignored.repeat(2)));
    let error = listed(&large, 65_536).await.unwrap_err();
    assert!(error.contains("entry larger than 4 MiB"), "{error}");
    // 100 labels in each of many entries.
    let labels: Vec<String> = (0..100).map(|label| format!("\"{label}\":\"\"")).collect();
    let many = vec![entry(&labels.join(","), ""); 8_000].join(",");
    let error = listed(&format!("[{many}]"), 65_536).await.unwrap_err();
    assert!(error.contains("need more than 64 MiB"), "{error}");
}
