//! HTTP client for engines and hooks: one request per connection, so that no connection is used
//! that the server has closed in the meantime.

use std::error::Error;
use std::io;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::http::request::Builder;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, ToSocketAddrs};

/// A connection to a server.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Opens a TCP connection.
pub(crate) async fn tcp(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A request with a JSON body. `path` may contain a query.
pub(crate) fn request(method: Method, host: &HeaderValue, path: &str) -> Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, host)
        .header(USER_AGENT, concat!("elb/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header(CONNECTION, "close")
}

/// Sends a request and returns the response with its unread body. Follows no redirect. The
/// connection is closed when the response is dropped.
pub(crate) async fn send(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
) -> hyper::Result<Response<Incoming>> {
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the response. Its error is also that of the response.
    tokio::spawn(connection);
    requests.send_request(request).await
}

/// An error with its causes: the outer errors of hyper contain few details.
pub(crate) fn message(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let mut message: Vec<String> = causes.map(ToString::to_string).collect();
    message.dedup();
    message.join(": ")
}

/// Percent-encodes a text as one part of a path or a query.
pub(crate) fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}
