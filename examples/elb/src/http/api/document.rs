//! The OpenAPI document. Paths, parameters and types are derived from the handlers; this module adds
//! what all of them have in common.

use crate::diagnose::Findings;
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema, openapi};

/// Beginning of the document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "elb",
        version = "1",
        description = "The API of a running elb: services, decisions and their reasons, and \
                       telemetry. GET changes nothing. Methods that change something require the \
                       token if one is configured; without one, they are only allowed from the \
                       machine that elb runs on, with localhost as host and the header X-Elb: 1. \
                       A standby refuses them with status 409 and names the leader. Unknown \
                       parameters are rejected.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")
    ),
    servers((url = "/")),
    components(schemas(Problem))
)]
pub(super) struct Document;

/// Error responses by status.
const ERRORS: [(&str, &str); 15] = [
    ("400", "A parameter is unknown or invalid."),
    ("401", "The token is missing or wrong."),
    ("403", "The client has no write access."),
    ("404", "Not found."),
    ("406", "No available media type matches Accept."),
    ("408", "Request timeout."),
    ("409", "This instance is a standby."),
    ("412", "The configuration has changed since it was read."),
    ("413", "The body is larger than 1 MiB."),
    ("415", "The media type of the body is not supported."),
    ("421", "The Host is not a name of this machine."),
    ("422", "The content of the body is invalid."),
    ("428", "The header If-Match is missing."),
    ("429", "Too many requests."),
    ("503", "The loop is busy or has ended."),
];

/// Problem details (RFC 9457) with a recommended action.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes serve::Problem")]
struct Problem {
    /// Always about:blank: the title contains the kind of problem.
    r#type: String,
    /// Text of the HTTP status.
    title: String,
    /// HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// Problem of this request.
    detail: String,
    /// Recommended action.
    advice: String,
    /// Configuration key with the error.
    #[schema(nullable = false)]
    key: Option<String>,
    /// Position of the error in a query, in bytes.
    #[schema(nullable = false)]
    position: Option<usize>,
    /// URL of the leader, if this instance is a standby.
    #[schema(nullable = false)]
    address: Option<String>,
    /// The most similar metric.
    #[schema(nullable = false)]
    nearest: Option<String>,
}

/// Completes the document of the routes and writes it as JSON.
pub(super) fn text(routes: &openapi::OpenApi) -> String {
    let mut document = serde_json::to_value(routes).unwrap_or_default();
    for (path, operations) in members(&mut document["paths"]) {
        for (_, operation) in members(operations) {
            add_errors(path, operation);
        }
    }
    require_nullable(&mut document["components"]["schemas"]);
    let missing = &mut document["components"]["schemas"]["Missing"];
    missing["required"] = json!(["what", "words"]);
    missing["properties"]["what"]["enum"] = json!(Vec::from_iter(Findings::incomplete_kinds()));
    for (status, description) in ERRORS {
        let headers = match status {
            "401" => json!({"WWW-Authenticate": {"required": true, "schema": {"type": "string"}}}),
            "429" | "503" => json!({"Retry-After": {
                "description": "Seconds to wait, if a retry is useful.",
                "required": status == "429",
                "schema": {"type": "integer"},
            }}),
            _ => json!({}),
        };
        document["components"]["responses"][status] = json!({
            "description": description,
            "content": {"application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
            }},
            "headers": headers,
        });
    }
    document["components"]["securitySchemes"] = json!({
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "The token that is configured as http.token.",
        },
        "thisMachine": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Elb",
            "description": "1; only if no token is configured, and only from the machine that \
                            elb runs on.",
        },
    });
    // Descriptions are comments of Rust types.
    document.to_string().replace("`None`", "null")
}

/// Adds the error responses that follow from the kind of an operation. A handler lists only the
/// statuses of further ones.
fn add_errors(path: &str, operation: &mut Value) {
    let security = operation["security"].to_string();
    let has_body = operation.get("requestBody").is_some();
    let is_shared = |status: &str| match status {
        "400" | "406" | "421" | "429" => true,
        "401" => security.contains("token"),
        "403" | "409" => security.contains("thisMachine"),
        "404" => path.contains('{'),
        "408" | "413" | "415" | "422" | "503" => has_body,
        _ => false,
    };
    let responses = &mut operation["responses"];
    for (status, _) in ERRORS {
        let is_listed = responses.get(status).is_some();
        if is_shared(status) && !is_listed || is_listed && responses[status]["content"].is_null() {
            responses[status] = json!({"$ref": format!("#/components/responses/{status}")});
        }
    }
    for (_, response) in members(responses) {
        for header in response.get_mut("headers").into_iter().flat_map(members) {
            header.1["required"] = true.into();
        }
    }
}

/// Declares nullable members as required: a member is either always present, or absent instead of
/// null. A flattened part that may be absent becomes optional.
fn require_nullable(schema: &mut Value) {
    let null = json!({"type": "null"});
    for (name, member) in members(schema) {
        require_nullable(member);
        if name == "allOf" {
            for part in member.as_array_mut().into_iter().flatten() {
                let choices = part["oneOf"].as_array().cloned().unwrap_or_default();
                if choices.contains(&null) {
                    let other = choices.into_iter().find(|choice| *choice != null);
                    *part = json!({"anyOf": [other, {"type": "object"}]});
                }
            }
        }
    }
    for member in schema.as_array_mut().into_iter().flatten() {
        require_nullable(member);
    }
    let is_nullable = |property: &Value| {
        let types = property["type"].as_array();
        let choices = property["oneOf"].as_array();
        types.is_some_and(|types| types.contains(&json!("null")))
            || choices.is_some_and(|choices| choices.contains(&null))
    };
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let nullable = properties.iter().filter(|(_, it)| is_nullable(it));
    let nullable: Vec<Value> = nullable.map(|(name, _)| name.clone().into()).collect();
    let mut required = schema["required"].as_array().cloned().unwrap_or_default();
    required.extend(nullable);
    schema["required"] = required.into();
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}
