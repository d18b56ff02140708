//! `DatagramBuf`: a datagram that owns its bytes.
#![cfg(feature = "bytes")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod capture;

use bytes::Bytes;
use sflow_v5::{Datagram, DatagramBuf, ErrorKind};

#[test]
fn owned_datagram_equals_borrowed_one() {
    for bytes in capture::datagrams("openvswitch") {
        let owned = DatagramBuf::new(bytes.clone()).unwrap();
        let borrowed = Datagram::parse(&bytes).unwrap();
        assert_eq!(owned.datagram(), borrowed);
        assert_eq!(*owned.header(), borrowed.header);
        assert_eq!(owned.samples(), borrowed.samples());
        assert_eq!(owned.as_bytes()[..], bytes[..]);
    }
}

#[test]
fn bytes_are_moved_in_and_out_without_a_copy() {
    let bytes = Bytes::from(capture::datagrams("openvswitch").swap_remove(0));
    let place = bytes.as_ptr();
    let owned = DatagramBuf::try_from(bytes).unwrap();
    assert_eq!(owned.into_bytes().as_ptr(), place);
}

#[test]
fn clone_shares_bytes_with_another_thread() {
    let bytes = capture::datagrams("openvswitch").swap_remove(0);
    let owned = DatagramBuf::new(bytes).unwrap();
    let shared = owned.clone();
    assert_eq!(shared.as_bytes().as_ptr(), owned.as_bytes().as_ptr());
    let samples = std::thread::spawn(move || shared.samples().count());
    assert_eq!(samples.join().unwrap(), owned.samples().count());
}

#[test]
fn invalid_datagram_is_refused() {
    let bytes = Bytes::from_static(&[0, 0, 0, 9]);
    let errors = [
        DatagramBuf::new(bytes.clone()).unwrap_err(),
        DatagramBuf::try_from(bytes.clone()).unwrap_err(),
        Datagram::try_from(&bytes[..]).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind, ErrorKind::Version(9));
    }
}
