use super::*;

fn stamp(sequence: u32, uptime_s: u32, received_s: u64) -> Stamp {
    Stamp {
        sequence,
        uptime: uptime_s.wrapping_mul(1000),
        port: 0,
        received_at: Timestamp::from_secs(received_s),
    }
}

#[test]
fn jump_is_distinguished_from_late_datagram() {
    const NEXT: fn(Place) -> bool = |place| matches!(place, Place::Next { .. });
    const OLD: fn(Place) -> bool = |place| {
        let is_reordered = matches!(place, Place::Reordered { .. });
        is_reordered || matches!(place, Place::Repeated | Place::Late)
    };
    const JUMP: fn(Place) -> bool = |place| place == Place::Jump;
    const ODD: fn(Place) -> bool = |place| place == Place::Misnumbered;
    let top = u32::MAX;
    let cases = [
        ("goes on", stamp(10, 100, 1000), stamp(11, 101, 1001), NEXT),
        (
            "with loss",
            stamp(10, 100, 1000),
            stamp(5000, 400, 1300),
            NEXT,
        ),
        ("late", stamp(10, 100, 1000), stamp(8, 99, 1001), OLD),
        (
            "long before the newest",
            stamp(9000, 100, 1000),
            stamp(7, 99, 1001),
            OLD,
        ),
        (
            "sequence wraps",
            stamp(top, 100, 1000),
            stamp(0, 101, 1001),
            NEXT,
        ),
        (
            "uptime wraps",
            stamp(10, 4_294_967, 1000),
            stamp(11, 5, 1006),
            NEXT,
        ),
        ("no uptime", stamp(10, 0, 1000), stamp(11, 0, 1010), NEXT),
        (
            "no uptime, late",
            stamp(10, 0, 1000),
            stamp(9, 0, 1001),
            OLD,
        ),
        (
            "the first one, late",
            stamp(9000, 5, 1000),
            stamp(1, 1, 1001),
            OLD,
        ),
        (
            "begins again",
            stamp(9000, 50, 1000),
            stamp(1, 1, 1006),
            JUMP,
        ),
        (
            "no uptime, begins again",
            stamp(9000, 0, 1000),
            stamp(1, 0, 1006),
            JUMP,
        ),
        (
            "begins again, young",
            stamp(30, 100, 1000),
            stamp(1, 1, 1003),
            JUMP,
        ),
        (
            "begins again, first ones lost",
            stamp(9000, 900, 1000),
            stamp(40, 20, 1022),
            JUMP,
        ),
        (
            "behind one that had sent less",
            stamp(10, 900, 1000),
            stamp(40, 20, 1022),
            JUMP,
        ),
        ("late by far", stamp(10, 100, 1000), stamp(8, 80, 1001), OLD),
        (
            "another one",
            stamp(9000, 900, 1000),
            stamp(70, 200, 1001),
            JUMP,
        ),
        (
            "another one, alone since",
            stamp(9000, 900, 1000),
            stamp(77, 231, 1031),
            JUMP,
        ),
        (
            "no uptime, silent since",
            stamp(30, 0, 1000),
            stamp(5, 0, 1011),
            JUMP,
        ),
        (
            "more than was sent",
            stamp(10, 100, 1000),
            stamp(2_000_000_000, 103, 1003),
            ODD,
        ),
        (
            "more than was sent, nearly",
            stamp(10, 100, 1000),
            stamp(31_080, 103, 1003),
            ODD,
        ),
        (
            "uptime ahead of time",
            stamp(10, 100, 1000),
            stamp(11, 9000, 1010),
            JUMP,
        ),
        (
            "our clock forward",
            stamp(10, 100, 1000),
            stamp(11, 110, 4610),
            NEXT,
        ),
        (
            "our clock back",
            stamp(10, 100, 9000),
            stamp(11, 160, 1000),
            NEXT,
        ),
        (
            "ticks of a tenth",
            stamp(10, 100, 1000),
            stamp(11, 101, 1010),
            NEXT,
        ),
    ];
    for (case, newest, next, expected) in cases {
        let place = Stream::starting_with(newest).place(next);
        assert!(expected(place), "{case}: {place:?}");
    }
}

#[test]
fn sequence_has_stopped_after_its_longest_gap() {
    let mut stream = Stream::starting_with(stamp(1, 100, 1000));
    for number in 0..30_u32 {
        let burst = stamp(
            2 + 2 * number,
            110 + 10 * number,
            1010 + u64::from(number) * 10,
        );
        stream.place(burst);
        stream.place(Stamp {
            sequence: burst.sequence + 1,
            ..burst
        });
    }
    assert!(!stream.has_stopped(Timestamp::from_secs(1300 + 15)));
    assert!(stream.has_stopped(Timestamp::from_secs(1300 + 16)));
    // A pause of an hour is not its pace.
    stream.place(stamp(62, 3900, 1300 + 3500));
    assert!(stream.has_stopped(Timestamp::from_secs(4800 + 31)));
}

#[test]
fn each_datagram_has_one_place() {
    let mut stream = Stream::starting_with(stamp(u32::MAX - 1, 100, 1000));
    let cases = [
        (u32::MAX - 1, Place::Repeated),
        (1, Place::Next { missing: 2 }),
        (0, Place::Reordered { was_missing: true }),
        (0, Place::Repeated),
        (u32::MAX, Place::Reordered { was_missing: true }),
        (64, Place::Next { missing: 62 }),
        (1, Place::Repeated),
        (2, Place::Reordered { was_missing: true }),
        (0, Place::Misnumbered),
        (129, Place::Next { missing: 64 }),
        (64, Place::Misnumbered),
        (66, Place::Reordered { was_missing: true }),
    ];
    for (step, (sequence, expected)) in cases.into_iter().enumerate() {
        assert_eq!(
            stream.place(stamp(sequence, 100, 1000)),
            expected,
            "step {step}"
        );
    }
}

#[test]
fn what_was_sent_before_the_first_was_not_missing() {
    let mut stream = Stream::starting_with(stamp(500, 100, 1000));
    let before = stream.place(stamp(498, 100, 1000));
    assert_eq!(before, Place::Reordered { was_missing: false });
    assert_eq!(
        stream.place(stamp(502, 100, 1000)),
        Place::Next { missing: 1 }
    );
    let between = stream.place(stamp(501, 100, 1000));
    assert_eq!(between, Place::Reordered { was_missing: true });
    let before = stream.place(stamp(499, 100, 1000));
    assert_eq!(before, Place::Reordered { was_missing: false });
}
