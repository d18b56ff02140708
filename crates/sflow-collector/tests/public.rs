//! Properties of the public types.

use std::error::Error;
use std::io;

use sflow_collector::replay::{InvalidSpeed, Pace, Ticks};
use sflow_collector::udp::{BindError, InvalidAddress, ReceiverStats, SocketSettings, UdpReceiver};
use sflow_collector::{OtherProtocol, Received, ReceivedDatagram, Tally};

fn send_sync<T: Send + Sync>() {}

#[test]
fn types_are_send_and_sync() {
    send_sync::<UdpReceiver>();
    send_sync::<SocketSettings>();
    send_sync::<ReceiverStats>();
    send_sync::<BindError>();
    send_sync::<InvalidAddress>();
    send_sync::<Received<'_>>();
    send_sync::<ReceivedDatagram>();
    send_sync::<OtherProtocol>();
    send_sync::<Tally<OtherProtocol>>();
    send_sync::<Pace>();
    send_sync::<Ticks>();
    send_sync::<InvalidSpeed>();
    #[cfg(feature = "tokio")]
    send_sync::<sflow_collector::udp::AsyncUdpReceiver>();
}

#[test]
fn protocol_display_honours_width() {
    assert_eq!(format!("{:>10}|", OtherProtocol::NetFlow(9)), " NetFlow 9|");
    assert_eq!(format!("{:<7}|", OtherProtocol::Ipfix), "IPFIX  |");
}

#[test]
fn bind_error_has_source() {
    let elsewhere = ([192, 0, 2, 1], 0).into();
    let error = UdpReceiver::bind(elsewhere, &SocketSettings::default()).unwrap_err();
    let source = error.source().expect("a source");
    assert!(source.is::<io::Error>());
    assert!(!error.to_string().contains(&source.to_string()), "{error}");
}

#[cfg(feature = "capture")]
mod capture {
    use std::io::{Cursor, Read};

    use sflow_collector::capture::{
        Capture, CaptureError, CaptureStats, Damage, InvalidPort, PassedOver, Port,
    };

    use super::*;

    fn send<T: Send>() {}

    #[test]
    fn types_are_send_and_sync() {
        // A capture contains the caller's reader, which may not be `Sync`.
        send::<Capture>();
        send_sync::<CaptureError>();
        send_sync::<CaptureStats>();
        send_sync::<Damage>();
        send_sync::<InvalidPort>();
        send_sync::<PassedOver>();
        send_sync::<Port>();
    }

    #[test]
    fn port_display_is_parsed_again_and_honours_width() {
        for port in [Port::Any, Port::To(0), Port::To(6343)] {
            assert_eq!(port.to_string().parse(), Ok(port));
        }
        assert_eq!(
            format!("{:>5}|{:<5}|", Port::Any, Port::To(53)),
            "  any|53   |"
        );
    }

    #[test]
    fn capture_errors_have_sources() {
        let header = [
            0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0,
        ];
        let mut capture =
            Capture::from_reader(Cursor::new([&header[..], &[0xff; 16]].concat())).unwrap();
        let error = capture.next_datagram().unwrap_err();
        assert!(
            error.source().expect("a source").is::<Damage>(),
            "{error:?}"
        );

        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("bad sector"))
            }
        }
        let error = Capture::from_reader(Failing).unwrap_err();
        assert_eq!(error.source().expect("a source").to_string(), "bad sector");

        let error = Capture::open("/nonexistent/sflow.pcap").unwrap_err();
        assert!(error.source().expect("a source").is::<io::Error>());
    }
}
