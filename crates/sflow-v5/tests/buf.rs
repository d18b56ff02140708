//! `DatagramBuf`: a datagram that owns its bytes.
#![cfg(feature = "bytes")]

#[allow(dead_code, reason = "each test uses its part")]
mod capture;

use sflow_v5::{Datagram, DatagramBuf, ErrorKind};

#[test]
fn is_the_datagram_it_was_made_from() {
    for bytes in capture::datagrams("openvswitch") {
        let owned = DatagramBuf::new(bytes.clone()).unwrap();
        assert_eq!(owned.datagram(), Datagram::parse(&bytes).unwrap());
        assert_eq!(owned.as_bytes()[..], bytes[..]);
    }
}

#[test]
fn goes_to_another_thread_without_a_copy() {
    let bytes = capture::datagrams("openvswitch").swap_remove(0);
    let owned = DatagramBuf::new(bytes).unwrap();
    let shared = owned.clone();
    assert_eq!(shared.as_bytes().as_ptr(), owned.as_bytes().as_ptr());
    let samples = std::thread::spawn(move || shared.datagram().samples().count());
    assert_eq!(samples.join().unwrap(), owned.datagram().samples().count());
}

#[test]
fn refuses_what_is_none() {
    let error = DatagramBuf::new(vec![0, 0, 0, 9]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Version(9));
}
