//! Responses match the OpenAPI document.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::site::{Answer, World};

pub(crate) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(elb::http::openapi()).expect("the document is JSON"));

/// Fails unless the document allows this response to this request.
pub(crate) fn check(method: &str, target: &str, answer: &Answer) {
    let path = target.split('?').next().unwrap();
    let Some(methods) = described(path) else {
        assert!(
            [400, 404, 421, 429].contains(&answer.status),
            "{method} {path}: {answer:?}"
        );
        return;
    };
    let is_head = method == "HEAD";
    let method = if is_head {
        "get".to_owned()
    } else {
        method.to_ascii_lowercase()
    };
    let Some(operation) = methods.get(&method) else {
        assert!(
            [405, 421, 429].contains(&answer.status),
            "{method} {path}: {answer:?}"
        );
        return;
    };
    let response = &operation["responses"][answer.status.to_string()];
    assert!(
        response.is_object(),
        "{method} {path}: status {} is not described: {answer:?}",
        answer.status
    );
    let response = resolved(response);
    let media_type = answer.header("content-type").unwrap_or_default();
    let schema = &response["content"][media_type]["schema"];
    assert!(
        schema.is_object(),
        "{method} {path}: {media_type} is not described: {answer:?}"
    );
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let is_there = answer.header(&name.to_ascii_lowercase()).is_some();
        assert!(
            is_there || header["required"] != true,
            "header {name} missing: {answer:?}"
        );
    }
    if media_type.ends_with("json") && !is_head {
        let value = answer.json();
        if let Err(error) = validator(schema).validate(&value) {
            panic!(
                "{method} {target}: {error} at {}: {value}",
                error.instance_path()
            );
        }
    }
}

/// The methods that the document describes for a path.
fn described(path: &str) -> Option<&'static Map<String, Value>> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let fits = |template: &str| {
        let (given, template) = (path.split('/'), template.split('/'));
        given.clone().count() == template.clone().count()
            && given
                .zip(template)
                .all(|(given, known)| known.starts_with('{') || given == known)
    };
    let exact = paths.get(path);
    let methods = exact.or_else(|| Some(paths.iter().find(|(path, _)| fits(path))?.1));
    methods.map(|methods| methods.as_object().unwrap())
}

fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// A validator of this schema that rejects undescribed members.
fn validator(schema: &Value) -> Arc<Validator> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap();
    let make = || {
        let mut components = DOCUMENT["components"].clone();
        close_members(&mut components);
        let mut schema = schema.clone();
        close(&mut schema);
        let root = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [schema],
            "components": components,
        });
        Arc::new(jsonschema::draft202012::new(&root).expect("a schema"))
    };
    Arc::clone(known.entry(schema.to_string()).or_insert_with(make))
}

/// Restricts an object to the members that its schema and the schemas that it refers to describe,
/// unless they allow additional ones.
fn close(schema: &mut Value) {
    let describes = ["$ref", "allOf", "anyOf", "oneOf", "properties"];
    if let Value::Object(keywords) = schema
        && describes
            .iter()
            .any(|keyword| keywords.contains_key(*keyword))
    {
        keywords.insert("unevaluatedProperties".to_owned(), false.into());
    }
    close_members(schema);
}

/// Restricts the objects inside an object. Parts of a schema are not restricted themselves: each
/// describes only some of the members.
fn close_members(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            for (keyword, value) in keywords.iter_mut() {
                match (keyword.as_str(), value) {
                    ("properties", Value::Object(members)) => {
                        members.values_mut().for_each(close);
                    }
                    ("items" | "additionalProperties", value) => close(value),
                    (_, value) => close_members(value),
                }
            }
        }
        Value::Array(parts) => parts.iter_mut().for_each(close_members),
        _ => {}
    }
}

#[tokio::test]
async fn openapi_document_is_served_and_valid() {
    let world = World::new().await;
    let served = world.json("/api/v1/openapi.json").await;
    assert_eq!(served, *DOCUMENT);
    for rust in ["::", "`None`", "[`"] {
        assert!(!elb::http::openapi().contains(rust), "{rust}");
    }
    let is_ref = |value: &Value| Some(value.get("$ref")?.as_str()?.to_owned());
    let document: &'static Value = &DOCUMENT;
    let mut waiting = vec![document];
    let mut references = 0;
    while let Some(value) = waiting.pop() {
        if let Some(reference) = is_ref(value) {
            references += 1;
            let place = reference.trim_start_matches('#');
            assert!(DOCUMENT.pointer(place).is_some(), "{reference}");
        }
        match value {
            Value::Object(members) => waiting.extend(members.values()),
            Value::Array(members) => waiting.extend(members),
            _ => {}
        }
    }
    assert!(references > 50);
    let schemas = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": DOCUMENT["components"]["schemas"],
    });
    assert!(jsonschema::meta::is_valid(&schemas));
}

#[tokio::test]
async fn described_and_served_paths_are_the_same() {
    let world = World::with_machines().await;
    for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
        for method in [
            "GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE",
        ] {
            let name = if method == "HEAD" { "GET" } else { method };
            let target = path.replace("{name}", "apache");
            let answer = world.ask(method, &target, &[], "").await;
            let is_there = ![404, 405].contains(&answer.status);
            let is_described = methods.get(name.to_ascii_lowercase()).is_some();
            assert_eq!(is_there, is_described, "{method} {path}: {answer:?}");
            if !is_there {
                let allowed: Vec<&str> = answer.header("allow").unwrap().split(',').collect();
                let has = |method: &String| allowed.contains(&method.as_str());
                assert!(
                    methods.as_object().unwrap().keys().all(has),
                    "{path}: {allowed:?}"
                );
            }
        }
    }
}

/// The parameters of GET at a path, by name.
fn parameters(methods: &'static Value) -> HashMap<&'static str, &'static Value> {
    let parameters = methods["get"]["parameters"]
        .as_array()
        .into_iter()
        .flatten();
    let parameters = parameters.map(resolved);
    parameters
        .filter_map(|it| Some((it["name"].as_str()?, it)))
        .collect()
}

#[tokio::test]
async fn documented_parameter_bounds_are_enforced() {
    let world = World::with_machines().await;
    let (mut limits, mut times) = (0, 0);
    for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
        let parameters = parameters(methods);
        let target = path.replace("{name}", "apache");
        let base = match path.ends_with("/query") {
            true => format!("{target}?q=avg:vir_cpu_cores&"),
            false => format!("{target}?"),
        };
        if let Some(limit) = parameters.get("limit") {
            limits += 1;
            let most = limit["schema"]["maximum"].as_u64().unwrap();
            let least = limit["schema"]["minimum"].as_u64().unwrap();
            for (limit, status) in [(least, 200), (most, 200), (least - 1, 400), (most + 1, 400)] {
                let answer = world.get(&format!("{base}limit={limit}")).await;
                assert_eq!(answer.status, status, "{path} {limit}: {answer:?}");
            }
        }
        for name in ["past", "wait"] {
            let Some(parameter) = parameters.get(name) else {
                continue;
            };
            times += 1;
            let is_time = jsonschema::draft202012::new(&parameter["schema"]).unwrap();
            for time in [
                "0", "1s", "1.5s", "20ms", "", "s", "-1s", "1d", "1e3s", "1.", ".5s", "1.2.3",
                "inf", " 1s",
            ] {
                let escaped = time.replace(' ', "%20");
                let wanted = if is_time.is_valid(&json!(time)) {
                    200
                } else {
                    400
                };
                let answer = world.get(&format!("{base}after=0&{name}={escaped}")).await;
                let answer = match parameters.contains_key("after") {
                    true => answer,
                    false => world.get(&format!("{base}{name}={escaped}")).await,
                };
                assert_eq!(answer.status, wanted, "{path} {name}={time:?}: {answer:?}");
            }
        }
    }
    assert!(limits >= 5 && times >= 3, "{limits} {times}");
}
