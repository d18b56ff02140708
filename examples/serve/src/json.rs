use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A response in JSON in which control and invisible characters are escaped.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/json");

        match untrusted::json::to_string(&self.0) {
            Ok(body) => ([(CONTENT_TYPE, MEDIA_TYPE)], body).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}
