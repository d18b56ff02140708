use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

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

/// One sample per second, with the time of its sequence number.
fn next(sequence: u32, pool: u32) -> Taken {
    let seconds = sequence.saturating_sub(FIRST.sequence);
    Taken {
        sequence,
        pool,
        at: FIRST.at + Duration::from_secs(seconds.into()),
        ..FIRST
    }
}

fn packets(outcome: Outcome) -> f64 {
    match outcome {
        Outcome::Packets { packets, .. } | Outcome::Late { packets, .. } => packets,
        Outcome::Duplicate | Outcome::Jump | Outcome::Doubtful | Outcome::Unknown => 0.0,
    }
}

/// The effective rate after `FIRST` and this number of further samples.
fn settled(steps: u32, step: impl Fn(u32) -> Taken) -> f64 {
    let (mut sampler, _) = Sampler::starting_with(FIRST);
    for number in 1..=steps {
        sampler.add(step(number), PACKETS_PER_SECOND);
    }
    sampler.effective_rate().unwrap_or(0.0)
}

#[test]
fn effective_rate_is_growth_of_pool_per_sample() {
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
        ("the pool is constant", |n| next(10 + n, 4000), 400.0),
        ("no pool, a third lost", |n| next(10 + 3 * n, 0), 1200.0),
        ("the pool counts samples", |n| next(10 + n, 4000 + n), 400.0),
        (
            "the agent drops nine of ten",
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
        "the stated rate has an initial weight"
    );
}

#[test]
fn burst_of_loss_is_not_attributed_to_next_sample() {
    let (mut sampler, _) = Sampler::starting_with(FIRST);
    for number in 1..=200 {
        sampler.add(next(10 + number, 4000 + 400 * number), PACKETS_PER_SECOND);
    }
    let behind = 210 + 500;
    let outcome = sampler.add(next(behind, 4000 + 400 * (behind - 10)), PACKETS_PER_SECOND);
    assert!(matches!(outcome, Outcome::Packets { missing: 499, .. }));
    assert!((400.0..450.0).contains(&packets(outcome)), "{outcome:?}");
}

/// Ten datagrams per second with sixteen samples each, some of which are lost. Returns the number of
/// packets by the pool, by the stated rate, and the true number.
fn with_lost_datagrams(percent: u32, shape: impl Fn(u32, Taken) -> Taken) -> (f64, f64, f64) {
    const DATAGRAMS: u32 = 4000;
    let mut sampler: Option<Sampler> = None;
    let (mut sum, mut sum_stated) = (0.0, 0.0);
    let (mut lost, mut random) = (0, SplitMix64::seed_from_u64(1));
    for datagram in 0..DATAGRAMS {
        let is_last = datagram == DATAGRAMS - 1;
        if datagram > 0 && !is_last && random.next_u32() % 100 < percent {
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
            let outcome = match &mut sampler {
                Some(sampler) => sampler.add(taken, PACKETS_PER_SECOND),
                None => {
                    let (first, outcome) = Sampler::starting_with(taken);
                    sampler = Some(first);
                    outcome
                }
            };
            sum += packets(outcome);
            if let Outcome::Packets { stated, .. } = outcome {
                sum_stated += stated;
            }
        }
    }
    (sum, sum_stated, f64::from(DATAGRAMS * 16 * 400))
}

#[test]
fn packets_of_lost_datagrams_are_included() {
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
fn packets_that_are_not_included_are_in_the_error() {
    // Numbers advance by two and the pool is constant: only lost datagrams are known.
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
    // A burst of loss that is too long to be attributed to one sample.
    let (mut sampler, _) = Sampler::starting_with(FIRST);
    let (mut sum, mut sum_stated) = (0.0, 0.0);
    for number in (1..=200).chain(700..=1500) {
        let outcome = sampler.add(next(10 + number, 4000 + 400 * number), PACKETS_PER_SECOND);
        sum += packets(outcome);
        if let Outcome::Packets { stated, .. } = outcome {
            sum_stated += stated;
        }
    }
    let passed = 1500.0 * 400.0;
    assert!(sum < passed * 0.7, "{sum}");
    assert!((sum_stated / passed - 1.0).abs() < 0.02, "{sum_stated}");
}

#[test]
fn growth_without_agreement_of_pool_numbers_and_time_is_limited() {
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
            sampler.add(steady(number), PACKETS_PER_SECOND);
        }
        let outcome = sampler.add(taken, PACKETS_PER_SECOND);
        assert!(
            (400.0..450.0).contains(&packets(outcome)),
            "{case}: {outcome:?}"
        );
    }
    // All three agree.
    let (mut sampler, _) = Sampler::starting_with(steady(0));
    for number in 1..1600 {
        sampler.add(steady(number), PACKETS_PER_SECOND);
    }
    let outcome = sampler.add(steady(1600 + 500), PACKETS_PER_SECOND);
    assert!(packets(outcome) > 3000.0, "{outcome:?}");
}

#[test]
fn step_determines_outcome() {
    let (_, first) = Sampler::starting_with(FIRST);
    assert_eq!(packets(first), 400.0);
    let taken = |missing, dropped| Outcome::Packets {
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
            Outcome::Packets {
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
        ("duplicate", next(10, 4000), Outcome::Duplicate),
        (
            "late, before the first",
            Taken {
                in_order: false,
                ..next(8, 3200)
            },
            Outcome::Duplicate,
        ),
        ("restart", next(1, 400), Outcome::Jump),
        (
            "another session",
            Taken {
                session: 1,
                ..next(11, 7)
            },
            taken(0, 0),
        ),
        ("new numbers", next(5_000_000, 1), Outcome::Jump),
        ("pool reset", next(11, 3), taken(0, 0)),
        (
            "another rate",
            Taken {
                rate: 1000,
                ..next(11, 5000)
            },
            Outcome::Packets {
                packets: 1000.0,
                stated: 1000.0,
                missing: 0,
                dropped: 0,
            },
        ),
        (
            "rate becomes unknown",
            Taken {
                rate: 0,
                ..next(11, 4400)
            },
            Outcome::Unknown,
        ),
    ];
    for (case, step, expected) in cases {
        let (mut sampler, _) = Sampler::starting_with(FIRST);
        let outcome = sampler.add(step, PACKETS_PER_SECOND);
        match (outcome, expected) {
            (
                Outcome::Packets {
                    packets: found,
                    missing: m,
                    dropped: d,
                    ..
                },
                Outcome::Packets {
                    packets,
                    missing,
                    dropped,
                    ..
                },
            ) => {
                assert_eq!((m, d), (missing, dropped), "{case}");
                assert!((found / packets - 1.0).abs() < 0.1, "{case}: {found}");
            }
            _ => assert_eq!(outcome, expected, "{case}"),
        }
    }
}

#[test]
fn pool_determines_rate_without_stated_rate() {
    let (mut sampler, first) = Sampler::starting_with(Taken { rate: 0, ..FIRST });
    assert_eq!(first, Outcome::Unknown);
    let second = sampler.add(
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
fn late_sample_is_counted_once() {
    let (mut sampler, _) = Sampler::starting_with(FIRST);
    sampler.add(next(12, 4800), PACKETS_PER_SECOND);
    let late = Taken {
        in_order: false,
        ..next(11, 4400)
    };
    assert!(matches!(
        sampler.add(late, PACKETS_PER_SECOND),
        Outcome::Late { .. }
    ));
    let before = Taken {
        in_order: false,
        ..next(3, 100)
    };
    assert_eq!(sampler.add(before, PACKETS_PER_SECOND), Outcome::Duplicate);
}

#[test]
fn sum_of_packets_is_growth_of_pool() {
    // One in a hundred packets is sampled; every third sample is lost and some are late.
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
            _ => sum += packets(sampler.add(taken, PACKETS_PER_SECOND)),
        }
        if number % 30 == 13 {
            let late = held_back.take().map(|taken| Taken {
                in_order: false,
                ..taken
            });
            sum += late.map_or(0.0, |late| packets(sampler.add(late, PACKETS_PER_SECOND)));
        }
    }
    let pool = 3_000_000.0;
    assert!((sum / pool - 1.0).abs() < 0.02, "{sum}");
}
