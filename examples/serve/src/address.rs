use std::net::SocketAddr;

/// Parses the address of a server: a port, an address, or both. `default` has the missing part;
/// `None` if the text is neither.
///
/// ```
/// let default = ([127, 0, 0, 1], 8008).into();
/// for (text, expected) in [
///     ("80", "127.0.0.1:80"),
///     (":80", "127.0.0.1:80"),
///     ("192.0.2.1", "192.0.2.1:8008"),
///     ("[::1]", "[::1]:8008"),
///     ("0.0.0.0:80", "0.0.0.0:80"),
/// ] {
///     assert_eq!(serve::listen_address(text, default), expected.parse().ok());
/// }
/// assert_eq!(serve::listen_address("capture.pcap", default), None);
/// ```
pub fn listen_address(text: &str, default: SocketAddr) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
        return Some(SocketAddr::new(default.ip(), port));
    }
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = inner.unwrap_or(text).parse().ok()?;
    Some(SocketAddr::new(address, default.port()))
}
