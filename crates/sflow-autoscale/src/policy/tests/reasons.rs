//! Renders every reason and every obstacle once and checks the clause.

use std::collections::BTreeSet;

use super::*;
use crate::policy::{Beyond, HoldReason, HostLoad, Parts, Saturation, StayReason, SubjectKind};

/// Reasons for holding machines.
fn held() -> Vec<HoldReason> {
    let machine = || "node7".to_owned();
    let service = || "shop_web".to_owned();
    let none_can_go = |why| HoldReason::NoneCanGo {
        machine: machine(),
        why,
    };
    let mut held = vec![
        HoldReason::OneAtATime { machine: machine() },
        none_can_go(StayReason::Manager),
        none_can_go(StayReason::SharedName),
        none_can_go(StayReason::NoRoom { service: service() }),
    ];
    for number in [1, 2] {
        held.push(HoldReason::Arriving { machines: number });
        held.push(HoldReason::HookFails {
            failures: number,
            left: 29.6,
        });
    }
    // Another reason needs another line above.
    for reason in &held {
        match reason {
            HoldReason::OneAtATime { .. }
            | HoldReason::Arriving { .. }
            | HoldReason::NoneCanGo { .. }
            | HoldReason::HookFails { .. } => {}
        }
    }
    held
}

fn obstacles() -> Vec<Obstacle> {
    let not_scalable = |what: &str| Obstacle::NotScalable {
        what: what.to_owned(),
    };
    let obstacles = vec![
        not_scalable("global"),
        not_scalable("job"),
        Obstacle::RolloutRunning,
        Obstacle::RolloutPaused,
        Obstacle::OwnedByOther {
            owner: "other".to_owned(),
        },
    ];
    for obstacle in &obstacles {
        match obstacle {
            Obstacle::NotScalable { .. }
            | Obstacle::RolloutRunning
            | Obstacle::RolloutPaused
            | Obstacle::OwnedByOther { .. } => {}
        }
    }
    obstacles
}

/// One example of each kind of mean.
fn parts() -> Vec<Parts> {
    let whole = Parts {
        unit: "B/s".to_owned(),
        measured: 139_000.0,
        containers: 4,
        of: 4,
        ..Parts::default()
    };
    let of = |containers, others| Parts {
        containers,
        others: Some(others),
        ..whole.clone()
    };
    vec![
        whole.clone(),
        Parts::default(),
        of(3, 0.0),
        of(2, 0.0),
        of(3, 100_000.0),
        of(1, 100_000.0),
        Parts {
            shared_by: Some(1),
            ..of(4, 0.0)
        },
        Parts {
            shared_by: Some(2),
            ..of(3, 0.0)
        },
        Parts {
            samples: Some(12_345),
            ..of(3, 0.0)
        },
        Parts {
            others: None,
            ..of(3, 0.0)
        },
    ]
}

fn reasons() -> Vec<Reason> {
    let metric = || "vir_bytes_in+vir_bytes_out".to_owned();
    let mut reasons: Vec<Reason> = obstacles().into_iter().map(Reason::Obstacle).collect();
    reasons.extend(held().into_iter().map(Reason::Machines));
    for parts in parts() {
        reasons.push(Reason::Above(Beyond {
            metric: metric(),
            value: 104_250.0,
            limit: 100_000.0,
            parts: parts.clone(),
        }));
        reasons.push(Reason::Below(Beyond {
            metric: metric(),
            value: 0.0042,
            limit: 50_000.0,
            parts: parts.clone(),
        }));
        for most in [75_000.0, 99_000.0] {
            reasons.push(Reason::Within {
                metric: metric(),
                value: 75_000.0,
                most,
                lower: 50_000.0,
                upper: 100_000.0,
                parts: parts.clone(),
            });
        }
    }
    let full = |cpu, steal, network| HostLoad {
        name: "node1".to_owned(),
        cpu,
        steal,
        network,
        ..HostLoad::default()
    };
    for host in [
        full(Some(97.0), None, None),
        full(None, Some(25.0), None),
        full(None, None, Some(93.0)),
    ] {
        let shortage = host.saturated(&Saturation::default()).unwrap();
        reasons.push(Reason::HostsSaturated {
            host: host.name.clone(),
            shortage: shortage.clone(),
        });
        for elsewhere in [1, 2] {
            reasons.push(Reason::HostsSaturatedHere {
                host: host.name.clone(),
                shortage: shortage.clone(),
                elsewhere,
            });
        }
    }
    for number in [1_u32, 2] {
        let seconds = f64::from(number) * 15.0;
        for warming in [0, number] {
            reasons.push(Reason::MetricMissing {
                metric: metric(),
                warming,
            });
            for starting in [0, number] {
                for unread in [0, number] {
                    if warming + starting + unread > 0 {
                        reasons.push(Reason::ContainersMissing {
                            missing: warming + starting + unread,
                            of: 8,
                            warming,
                            starting,
                            warm_up: seconds,
                        });
                    }
                }
            }
        }
        for error in [
            None,
            Some(String::new()),
            Some("no suitable node".to_owned()),
        ] {
            reasons.push(Reason::TasksPending {
                pending: number,
                error,
            });
        }
        for (asked, replicas) in [(1, 2), (1, 3), (1, 5), (30, 5), (30, 20), (30, 40)] {
            reasons.push(Reason::Bounds {
                min: 3,
                max: 20,
                asked,
                replicas,
            });
        }
        for service in [None, Some("shop_web".to_owned())] {
            reasons.push(Reason::ServicesNeed {
                machines: number,
                service,
            });
        }
        reasons.extend([
            Reason::ChangedByOthers {
                before: number,
                after: 3,
            },
            Reason::WarmingUp {
                warming: number,
                of: number,
                warm_up: seconds,
            },
            Reason::NothingKnown,
            Reason::TooFewKnown {
                known: number,
                of: 8,
            },
            Reason::FastSignal {
                metric: metric(),
                unit: "B/s".to_owned(),
                value: 250_000.0,
                counters: 50_000.0,
                samples: 1_234,
            },
            Reason::Stabilised {
                recommendation: number,
                window: 20.0 * seconds,
            },
            Reason::WatchingFirst { window: seconds },
            Reason::DirectionOff,
            Reason::SilentAboveMax { max: number },
            Reason::Scheduled {
                schedule: "mon,fri 08:00–18:00 UTC".to_owned(),
            },
            Reason::WaitsItsTurn { per_minute: number },
            Reason::Cooldown {
                left: seconds / 7.0,
            },
            Reason::RateLimited {
                allowed: number,
                period: seconds,
            },
            Reason::Budget { ceiling: number },
            Reason::ServicesShort {
                machines: number,
                service: "shop_web".to_owned(),
            },
            Reason::StepByStep,
            Reason::TakesTasksAgain,
            Reason::Standby {
                leader: Some("manager2-1795730400-1a2b3c4d".to_owned()),
                address: (number > 1).then(|| "http://10.0.0.2:8080".to_owned()),
            },
            Reason::Standby {
                leader: None,
                address: None,
            },
            Reason::TakesOver,
        ]);
    }
    reasons
}

/// The name of each reason, so that a new one fails to compile here until it is rendered above.
fn name(reason: &Reason) -> &'static str {
    macro_rules! names {
        ($($variant:ident)*) => {{
            const ALL: &[&str] = &[$(stringify!($variant)),*];
            let _ = ALL;
            match reason {
                $(Reason::$variant { .. } => stringify!($variant),)*
            }
        }};
    }
    names!(
        Obstacle ChangedByOthers Above Below Within WarmingUp NothingKnown MetricMissing
        ContainersMissing TooFewKnown FastSignal Stabilised WatchingFirst TasksPending
        HostsSaturated HostsSaturatedHere DirectionOff SilentAboveMax Scheduled WaitsItsTurn
        Cooldown RateLimited Budget Bounds ServicesNeed ServicesShort Machines StepByStep
        TakesTasksAgain Standby TakesOver
    )
}

/// The error in a clause, if any.
pub(crate) fn fault(words: &str) -> Option<&'static str> {
    const NEVER: [&str; 17] = [
        ",:", ": :", "::", ",,", ";;", "..", "  ", " ,", " ;", " .", " :", "()", "( ", " )", ",)",
        ", ;", ":;",
    ];
    let is_word = |end: Option<char>| end.is_some_and(char::is_alphanumeric);
    let ends = words.chars().next_back();
    if NEVER.iter().any(|never| words.contains(never)) {
        return Some("punctuation");
    }
    if !is_word(words.chars().next()) || !(is_word(ends) || matches!(ends, Some(')' | '%'))) {
        return Some("beginning or end");
    }
    if words.matches('(').count() != words.matches(')').count() || words.matches(':').count() > 3 {
        return Some("parentheses or colons");
    }
    // The number one needs a singular noun.
    for plural in [
        "replicas",
        "machines",
        "containers",
        "tasks",
        "changes",
        "times",
    ] {
        let one = format!("1 {plural}");
        let is_whole = |place: usize| {
            let before = words[..place].chars().next_back();
            before.is_none_or(|before| !before.is_ascii_digit() && !matches!(before, ',' | '.'))
        };
        let mut places = words.match_indices(&one).map(|(place, _)| place);
        // `1 of 1 containers` is a fraction.
        if places.any(|place| is_whole(place) && !words[..place].ends_with("of ")) {
            return Some("number");
        }
    }
    if ["NaN", "inf", "None", "Some(", "{", "}"]
        .iter()
        .any(|never| words.contains(never))
    {
        return Some("a value of the program");
    }
    None
}

#[test]
fn every_reason_reads_as_one_clause() {
    let mut rendered = BTreeSet::new();
    for kind in [SubjectKind::Service, SubjectKind::Pool] {
        for reason in reasons() {
            rendered.insert(name(&reason));
            let words = reason.describe(kind);
            assert_eq!(fault(&words), None, "{words:?} of {reason:?}");
        }
    }
    let all = 31;
    assert_eq!(rendered.len(), all, "{rendered:?}");
}

#[test]
fn every_obstacle_goes_with_every_reason() {
    let mut observation = loaded(4, 1.0);
    for obstacle in obstacles() {
        observation.obstacle = Some(obstacle);
        let mut decision = once(settings(cpu()), &observation);
        for reason in reasons() {
            decision.note(Stage::Recommend, reason);
            let words = decision.to_string();
            let inside = words.strip_prefix("apache: stays at 4 (").unwrap();
            let inside = inside.strip_suffix(')').unwrap();
            assert_eq!(
                fault(inside).filter(|it| *it != "parentheses or colons"),
                None,
                "{words}"
            );
            decision.steps.pop();
        }
    }
}

#[test]
fn faulty_clause_is_detected() {
    for words in [
        "node1 has no more CPU, which other machines take,: more replicas would not help",
        "cpu is 1 per container ,above 2",
        "1 tasks do not start",
        "it is kept (",
        "no room,",
        "two  spaces",
        "",
    ] {
        assert!(fault(words).is_some(), "{words:?}");
    }
    assert_eq!(
        fault("11 replicas would be enough (measured: 1 % on 1 of 1 containers)"),
        None
    );
}

#[test]
fn mean_is_shown_with_its_parts() {
    // Four containers, one of which has no fresh value and one of which is young.
    let mut observation = observed(5, vec![signal("cpu", 1.0, 2)]);
    observation.running = vec![Duration::from_secs(3600); 4];
    observation.running[3] = Duration::from_secs(3);
    observation.signals[0].warming = 1;
    observation.signals[0].unit = "%".to_owned();
    let decision = once(settings(cpu()), &observation);
    let recommended = decision.steps.last().unwrap();
    let Reason::Within {
        value, most, parts, ..
    } = &recommended.reason
    else {
        panic!("{decision}");
    };
    assert_eq!((*value, *most), (2.0 / 5.0, (2.0 + 3.0 * 0.5) / 5.0));
    assert_eq!((parts.measured, parts.containers, parts.of), (1.0, 2, 5));
    assert_eq!((parts.missing, parts.warming, parts.starting), (1, 1, 1));
    assert_eq!(
        decision.to_string(),
        "apache: stays at 5 (load is within its limits: cpu is between 0.4 % and 0.7 % per \
         container, limits 0.45 % and 0.55 % (measured: 1 % on 2 of 5 containers); of 5 \
         containers, 1 has no fresh value, 1 is younger than the warm-up of 10 s, 1 does not run \
         yet)"
    );
}
