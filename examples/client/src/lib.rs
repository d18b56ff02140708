//! A small HTTP/1 client: one request per connection, so that no connection is used that the server
//! has closed in the meantime.
//!
//! The caller opens the connection: [`tcp`], with TLS by [`Certificates`], or any other [`Stream`]
//! such as a Unix socket. Limits of time and size are the caller's, too.

mod tls;

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

pub use tls::{Certificates, TlsError};

/// A connection to a server.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Opens a TCP connection.
///
/// # Errors
///
/// If the name is unknown or no address accepts the connection.
pub async fn tcp(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A request with a JSON body. `path` may contain a query. `program` is the name and the version of
/// the program, such as `elb/0.1.0`.
pub fn request(method: Method, host: &HeaderValue, path: &str, program: &'static str) -> Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, host)
        .header(USER_AGENT, program)
        .header(CONTENT_TYPE, "application/json")
        .header(CONNECTION, "close")
}

/// Sends a request and returns the response with its unread body. Follows no redirect. The
/// connection is closed when the response is dropped.
///
/// # Errors
///
/// If the connection fails, or the server does not answer in HTTP/1.
pub async fn send(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
) -> hyper::Result<Response<Incoming>> {
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the response. Its error is also that of the response.
    tokio::spawn(connection);
    requests.send_request(request).await
}

/// An error with its causes: the outer errors of hyper contain few details.
pub fn message(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let mut message: Vec<String> = causes.map(ToString::to_string).collect();
    message.dedup();
    message.join(": ")
}

/// Percent-encodes a text as one part of a path or a query.
///
/// ```
/// assert_eq!(client::segment("a/b c"), "a%2Fb%20c");
/// ```
pub fn segment(text: &str) -> String {
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
