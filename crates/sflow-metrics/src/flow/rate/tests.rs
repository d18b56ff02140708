use super::*;

const FIRST: Taken = Taken {
    sequence: 10,
    rate: 400,
    pool: 4000,
    drops: 0,
    lost: None,
    session: 0,
    in_order: true,
    at: Timestamp::from_secs(1_000),
};

const PACKETS_PER_SECOND: f64 = 150e6;

/// A sample a second behind the one with the number before it.
fn next(sequence: u32, pool: u32) -> Taken {
    let seconds = sequence.saturating_sub(FIRST.sequence);
    Taken {
        sequence,
        pool,
        at: FIRST.at + Duration::from_secs(seconds.into()),
        ..FIRST
    }
}

fn packets(worth: Worth) -> f64 {
    match worth {
        Worth::Packets { packets, .. } | Worth::Late { packets, .. } => packets,
        Worth::Old | Worth::Jump | Worth::Doubtful | Worth::Unknown => 0.0,
    }
}

/// The effective rate behind `FIRST` and so many samples, each so much further.
fn settled(steps: u32, step: impl Fn(u32) -> Taken) -> f64 {
    let (mut sampler, _) = Sampler::starting_with(FIRST);
    for number in 1..=steps {
        sampler.take(step(number), PACKETS_PER_SECOND);
    }
    sampler.effective_rate().unwrap_or(0.0)
}

#[test]
fn the_rate_is_what_the_pool_grows_by() {
    let half = |n: u32| next(10 + n, 4000 + 200 * n);
    type Step = fn(u32) -> Taken;
    let cases: [(&str, Step, f64); 9] = [
        ("as stated", |n| next(10 + n, 4000 + 400 * n), 400.0),
        (
            "more often than stated",
            |n| next(10 + n, 4000 + 200 * n),
            200.0,
        ),
        ("less often", |n| next(10 + n, 4000 + 1000 * n), 1000.0),
        (
            "half of the samples lost",
            |n| next(10 + 2 * n, 4000 + 800 * n),
            800.0,
        ),
        ("the pool stands still", |n| next(10 + n, 4000), 400.0),
        ("no pool, a third lost", |n| next(10 + 3 * n, 0), 1200.0),
        ("the pool counts samples", |n| next(10 + n, 4000 + n), 400.0),
        (
            "the agent loses nine of ten",
            |n| Taken {
                drops: 9 * n,
                ..next(10 + n, 4000 + 4000 * n)
            },
            4000.0,
        ),
        (
            "the pool wraps",
            |n| next(10 + n, 0_u32.wrapping_sub(4000).wrapping_add(500 * n)),
            500.0,
        ),
    ];
    for (case, step, expected) in cases {
        let rate = settled(1000, step);
        assert!((rate / expected - 1.0).abs() < 0.01, "{case}: {rate}");
    }
    assert!(
        (settled(4, half) - 332.0).abs() < 5.0,
        "the stated rate weighs at first"
    );
}

#[test]
fn what_a_burst_of_loss_took_is_not_sent_now() {
    let (mut sampler, _) = Sampler::starting_with(FIRST);
    for number in 1..=200 {
        sampler.take(next(10 + number, 4000 + 400 * number), PACKETS_PER_SECOND);
    }
    let behind = 210 + 500;
    let worth = sampler.take(next(behind, 4000 + 400 * (behind - 10)), PACKETS_PER_SECOND);
    assert!(matches!(worth, Worth::Packets { missing: 499, .. }));
    assert!((400.0..450.0).contains(&packets(worth)), "{worth:?}");
}

/// Datagrams of sixteen samples each, ten a second, of which so many percent are lost; returns
/// the packets that the samples stand for, by the pool and by the stated rate, and those that passed.
fn with_lost_datagrams(percent: u32, shape: impl Fn(u32, Taken) -> Taken) -> (f64, f64, f64) {
    const DATAGRAMS: u32 = 4000;
    let mut sampler: Option<Sampler> = None;
    let (mut sum, mut sum_stated) = (0.0, 0.0);
    let (mut lost, mut random) = (0, 12_345_u32);
    for datagram in 0..DATAGRAMS {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let is_last = datagram == DATAGRAMS - 1;
        if datagram > 0 && !is_last && (random >> 16) % 100 < percent {
            lost += 1;
            continue;
        }
        for number in datagram * 16..(datagram + 1) * 16 {
            let taken = Taken {
                sequence: number,
                pool: number * 400,
                lost: Some(lost),
                at: FIRST.at + Duration::from_millis((datagram * 100).into()),
                ..FIRST
            };
            let taken = shape(number, taken);
            let worth = match &mut sampler {
                Some(sampler) => sampler.take(taken, PACKETS_PER_SECOND),
                None => {
                    let (first, worth) = Sampler::starting_with(taken);
                    sampler = Some(first);
                    worth
                }
            };
            sum += packets(worth);
            if let Worth::Packets { stated, .. } = worth {
                sum_stated += stated;
            }
        }
    }
    (sum, sum_stated, f64::from(DATAGRAMS * 16 * 400))
}

#[test]
fn lost_datagrams_of_many_samples_are_made_up_for() {
    type Shape = fn(u32, Taken) -> Taken;
    let shapes: [(&str, Shape); 4] = [
        ("pool", |_, taken| taken),
        ("no pool", |_, taken| Taken { pool: 0, ..taken }),
        ("half of the stated rate", |_, taken| Taken {
            rate: 800,
            ..taken
        }),
        ("unknown rate", |_, taken| Taken { rate: 0, ..taken }),
    ];
    for (case, shape) in shapes {
        for percent in [0, 5, 20, 50, 90] {
            let (sum, _, passed) = with_lost_datagrams(percent, shape);
            assert!(
                (sum / passed - 1.0).abs() < 0.04,
                "{case}, {percent} %: {sum} of {passed}"
            );
        }
    }
}

#[test]
fn loss_that_is_not_made_up_for_is_in_the_error() {
    // Numbers step by two, and the pool stands still: only datagrams are known to be lost.
    for percent in [0, 10, 50] {
        let (sum, stated, passed) = with_lost_datagrams(percent, |number, taken| Taken {
            sequence: number * 2,
            pool: 0,
            ..taken
        });
        assert!(
            (1.0..1.0 + 0.3 * f64::from(percent) / 100.0 + 0.001).contains(&(stated / passed)),
            "{percent} %: {sum} and {stated} of {passed}"
        );
    }
    // A burst of loss that is longer than what is used whole.
    let (mut sampler, _) = Sampler::starting_with(FIRST);
    let (mut sum, mut sum_stated) = (0.0, 0.0);
    for number in (1..=200).chain(700..=1500) {
        let worth = sampler.take(next(10 + number, 4000 + 400 * number), PACKETS_PER_SECOND);
        sum += packets(worth);
        if let Worth::Packets { stated, .. } = worth {
            sum_stated += stated;
        }
    }
    let passed = 1500.0 * 400.0;
    assert!(sum < passed * 0.7, "{sum}");
    assert!((sum_stated / passed - 1.0).abs() < 0.02, "{sum_stated}");
}

#[test]
fn jump_that_the_pool_or_the_elapsed_time_contradicts_is_not_used_whole() {
    let steady = |number: u32| Taken {
        sequence: number,
        pool: number * 400,
        at: FIRST.at + Duration::from_millis((number / 16 * 100).into()),
        ..FIRST
    };
    let last = steady(1599);
    let cases = [
        (
            "the pool alone",
            Taken {
                pool: last.pool + 400 * 60,
                ..steady(1600)
            },
        ),
        (
            "more than passes in the elapsed time",
            Taken {
                at: steady(1600).at,
                ..steady(1600 + 500)
            },
        ),
        (
            "number and pool differ",
            Taken {
                pool: last.pool + 400 * 100,
                ..steady(1600 + 32)
            },
        ),
    ];
    for (case, taken) in cases {
        let (mut sampler, _) = Sampler::starting_with(steady(0));
        for number in 1..1600 {
            sampler.take(steady(number), PACKETS_PER_SECOND);
        }
        let worth = sampler.take(taken, PACKETS_PER_SECOND);
        assert!(
            (400.0..450.0).contains(&packets(worth)),
            "{case}: {worth:?}"
        );
    }
    // The same with all three in agreement.
    let (mut sampler, _) = Sampler::starting_with(steady(0));
    for number in 1..1600 {
        sampler.take(steady(number), PACKETS_PER_SECOND);
    }
    let worth = sampler.take(steady(1600 + 500), PACKETS_PER_SECOND);
    assert!(packets(worth) > 3000.0, "{worth:?}");
}

#[test]
fn each_step_is_announced_from_the_others() {
    let (_, first) = Sampler::starting_with(FIRST);
    assert_eq!(packets(first), 400.0);
    let taken = |missing, dropped| Worth::Packets {
        packets: 400.0,
        stated: 400.0,
        missing,
        dropped,
    };
    let cases = [
        ("next", next(11, 4400), taken(0, 0)),
        (
            "two missing",
            next(13, 5200),
            Worth::Packets {
                packets: 486.0,
                stated: 486.0,
                missing: 2,
                dropped: 0,
            },
        ),
        (
            "the agent dropped three",
            Taken {
                drops: 3,
                ..next(11, 4400)
            },
            taken(0, 3),
        ),
        ("again", next(10, 4000), Worth::Old),
        (
            "late, before the first",
            Taken {
                in_order: false,
                ..next(8, 3200)
            },
            Worth::Old,
        ),
        ("begins anew", next(1, 400), Worth::Jump),
        (
            "another life",
            Taken {
                session: 1,
                ..next(11, 7)
            },
            taken(0, 0),
        ),
        ("numbered anew", next(5_000_000, 1), Worth::Jump),
        ("the pool began anew", next(11, 3), taken(0, 0)),
        (
            "another rate",
            Taken {
                rate: 1000,
                ..next(11, 5000)
            },
            Worth::Packets {
                packets: 1000.0,
                stated: 1000.0,
                missing: 0,
                dropped: 0,
            },
        ),
        (
            "no rate any more",
            Taken {
                rate: 0,
                ..next(11, 4400)
            },
            Worth::Unknown,
        ),
    ];
    for (case, step, expected) in cases {
        let (mut sampler, _) = Sampler::starting_with(FIRST);
        let worth = sampler.take(step, PACKETS_PER_SECOND);
        match (worth, expected) {
            (
                Worth::Packets {
                    packets: found,
                    missing: m,
                    dropped: d,
                    ..
                },
                Worth::Packets {
                    packets,
                    missing,
                    dropped,
                    ..
                },
            ) => {
                assert_eq!((m, d), (missing, dropped), "{case}");
                assert!((found / packets - 1.0).abs() < 0.1, "{case}: {found}");
            }
            _ => assert_eq!(worth, expected, "{case}"),
        }
    }
}

#[test]
fn without_a_stated_rate_the_pool_tells() {
    let (mut sampler, first) = Sampler::starting_with(Taken { rate: 0, ..FIRST });
    assert_eq!(first, Worth::Unknown);
    let second = sampler.take(
        Taken {
            rate: 0,
            ..next(11, 4100)
        },
        PACKETS_PER_SECOND,
    );
    assert_eq!(packets(second), 100.0);
    assert_eq!(sampler.stated_rate(), None);
}

#[test]
fn what_comes_late_counts_once() {
    let (mut sampler, _) = Sampler::starting_with(FIRST);
    sampler.take(next(12, 4800), PACKETS_PER_SECOND);
    let late = Taken {
        in_order: false,
        ..next(11, 4400)
    };
    assert!(matches!(
        sampler.take(late, PACKETS_PER_SECOND),
        Worth::Late { .. }
    ));
    let before = Taken {
        in_order: false,
        ..next(3, 100)
    };
    assert_eq!(sampler.take(before, PACKETS_PER_SECOND), Worth::Old);
}

#[test]
fn the_sum_is_the_pool() {
    // One in a hundred, of which every third is lost and one in ten comes late.
    let (mut sampler, first) = Sampler::starting_with(Taken {
        rate: 100,
        ..next(0, 0)
    });
    let mut sum = packets(first);
    let mut held_back = None;
    for number in 1_u32..=30_000 {
        let taken = Taken {
            rate: 100,
            ..next(number, number * 100)
        };
        match number % 30 {
            0 | 3 | 6 | 9 | 12 | 15 | 18 | 21 | 24 | 27 => continue,
            10 => held_back = Some(taken),
            _ => sum += packets(sampler.take(taken, PACKETS_PER_SECOND)),
        }
        if number % 30 == 13 {
            let late = held_back.take().map(|taken| Taken {
                in_order: false,
                ..taken
            });
            sum += late.map_or(0.0, |late| packets(sampler.take(late, PACKETS_PER_SECOND)));
        }
    }
    let pool = 3_000_000.0;
    assert!((sum / pool - 1.0).abs() < 0.02, "{sum}");
}
