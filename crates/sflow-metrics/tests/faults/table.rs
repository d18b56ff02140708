//! All faults of counters in one table: the faults of each poll, and the expected values.

use sflow_metrics::Health;
use sflow_v5::types::Counter32;

use crate::support::world::World;

/// A fault before or during a poll. Polls are 10 s apart.
#[derive(Clone, Copy, Debug)]
enum Poll {
    Arrives,
    Lost,
    Twice,
    /// Arrives after the next one.
    Overtaken,
    /// The agent restarted before it.
    AgentRestarts,
    /// The container restarted before it.
    ContainerRestarts,
    /// The counters were reset before it without a restart.
    Reset,
    /// The processor time has increased by an impossible hour.
    Jump,
    /// The processor time is unavailable.
    Unknown,
    /// The local clock was set forward by an hour before it.
    ClockForward,
    /// The local clock was set back by an hour before it.
    ClockBack,
    /// Only the uptime of the agent restarted before it.
    UptimeBack,
}

use Poll::{
    AgentRestarts, Arrives, ClockBack, ClockForward, ContainerRestarts, Jump, Lost, Overtaken,
    Reset, Twice, Unknown, UptimeBack,
};

struct Scenario {
    fault: &'static str,
    polls: &'static [Poll],
    /// After each poll: `v` for the correct rate, `.` for none.
    answers: &'static str,
    /// The expected counts.
    health: fn(&Health) -> [u64; 3],
    counted: [u64; 3],
}

const LOSS: fn(&Health) -> [u64; 3] = |health| {
    [
        health.datagrams_lost,
        health.counter_samples_lost,
        health.datagrams_repeated,
    ]
};

const ORDER: fn(&Health) -> [u64; 3] = |health| {
    [
        health.datagrams_reordered,
        health.counter_samples_old,
        health.datagrams_lost,
    ]
};

const RESTART: fn(&Health) -> [u64; 3] = |health| {
    [
        health.agent_restarts,
        health.source_restarts,
        health.disputed_intervals,
    ]
};

const STEP: fn(&Health) -> [u64; 3] = |health| {
    [
        health.counter_wraps,
        health.counter_resets,
        health.counter_jumps,
    ]
};

const SCENARIOS: &[Scenario] = &[
    Scenario {
        fault: "none",
        polls: &[Arrives, Arrives, Arrives],
        answers: ".vv",
        health: LOSS,
        counted: [0, 0, 0],
    },
    Scenario {
        fault: "T1, one of two",
        polls: &[Arrives, Lost, Arrives, Lost, Arrives],
        answers: "..vvv",
        health: LOSS,
        counted: [2, 2, 0],
    },
    Scenario {
        fault: "T1, a burst",
        polls: &[
            Arrives, Arrives, Lost, Lost, Lost, Lost, Lost, Arrives, Arrives,
        ],
        answers: ".vvvvvvvv",
        health: LOSS,
        counted: [5, 5, 0],
    },
    Scenario {
        fault: "T2",
        polls: &[Twice, Twice, Arrives, Twice],
        answers: ".vvv",
        health: LOSS,
        counted: [0, 0, 3],
    },
    Scenario {
        fault: "T3",
        polls: &[Arrives, Overtaken, Arrives, Overtaken, Arrives, Arrives],
        answers: "..vvvv",
        health: ORDER,
        counted: [2, 2, 0],
    },
    Scenario {
        fault: "T3, the first one",
        polls: &[Overtaken, Arrives, Arrives],
        answers: "..v",
        health: ORDER,
        counted: [1, 1, 0],
    },
    Scenario {
        fault: "T3, with loss",
        polls: &[Arrives, Overtaken, Lost, Arrives, Arrives],
        answers: "...vv",
        health: ORDER,
        counted: [1, 1, 1],
    },
    Scenario {
        fault: "T5, the agent",
        polls: &[Arrives, Arrives, AgentRestarts, Arrives, Arrives],
        answers: ".v.vv",
        health: RESTART,
        counted: [1, 1, 0],
    },
    Scenario {
        fault: "T5, the agent, again and again",
        polls: &[Arrives, AgentRestarts, Arrives, AgentRestarts, Arrives],
        answers: "..v.v",
        health: RESTART,
        counted: [2, 2, 0],
    },
    Scenario {
        fault: "T5, a container",
        polls: &[Arrives, Arrives, ContainerRestarts, Arrives],
        answers: ".v.v",
        health: RESTART,
        counted: [0, 1, 0],
    },
    Scenario {
        fault: "T6, set back",
        polls: &[Arrives, Arrives, Reset, Arrives],
        answers: ".v.v",
        health: STEP,
        counted: [0, 5, 0],
    },
    Scenario {
        fault: "T6, an impossible step",
        polls: &[Arrives, Arrives, Jump, Arrives],
        answers: ".v.v",
        health: STEP,
        counted: [0, 0, 1],
    },
    Scenario {
        fault: "T8",
        polls: &[Arrives, Arrives, Unknown, Unknown, Arrives, Arrives],
        answers: ".v...v",
        health: STEP,
        counted: [0, 0, 0],
    },
    Scenario {
        fault: "T10, ours forward",
        polls: &[Arrives, Arrives, ClockForward, Arrives],
        answers: ".v.v",
        health: RESTART,
        counted: [0, 0, 1],
    },
    Scenario {
        fault: "T10, ours back",
        polls: &[Arrives, Arrives, ClockBack, Arrives],
        answers: ".v.v",
        health: RESTART,
        counted: [0, 0, 1],
    },
    Scenario {
        fault: "T10, the agent's uptime back alone",
        polls: &[Arrives, Arrives, UptimeBack, Arrives],
        answers: ".v.v",
        health: RESTART,
        counted: [1, 1, 0],
    },
];

#[test]
fn faults_make_no_wrong_value() {
    for scenario in SCENARIOS {
        let mut world = World::beginning(10_000.0, 0);
        world.web.cpu_ms = 50_000;
        world.web.rx_bytes = 1 << 40;
        world.web.tx_bytes = 1 << 40;
        world.web.packets = 1 << 30;

        let mut answers = String::new();
        let mut overtaken: Option<Vec<u8>> = None;
        for poll in scenario.polls {
            before(*poll, &mut world);
            let known = world.web.cpu_ms;
            if matches!(poll, Unknown) {
                world.web.cpu_ms = Counter32::UNKNOWN.0;
            }
            let bytes = world.send();
            world.web.cpu_ms = known;
            match poll {
                Lost => {}
                Overtaken => overtaken = Some(bytes),
                Twice => {
                    world.deliver(&bytes);
                    world.deliver(&bytes);
                }
                _ => world.deliver(&bytes),
            }
            if !matches!(poll, Overtaken | Lost)
                && let Some(late) = overtaken.take()
            {
                world.deliver(&late);
            }
            answers.push(match world.cores() {
                None => '.',
                Some(0.5) => 'v',
                Some(other) => panic!("{}: {other} after {answers}", scenario.fault),
            });
        }
        assert_eq!(answers, scenario.answers, "{}", scenario.fault);
        let counted = (scenario.health)(world.registry.health());
        assert_eq!(counted, scenario.counted, "{}", scenario.fault);
    }
}

/// Applies the fault that precedes a poll.
fn before(poll: Poll, world: &mut World) {
    match poll {
        AgentRestarts => {
            world.agent.restart(world.now + 5.0);
            world.sequence = 0;
        }
        ContainerRestarts => {
            set_back(world);
            world.sequence = 0;
        }
        Reset => set_back(world),
        Jump => world.web.cpu_ms += 3_600_000,
        ClockForward => {
            world.now += 3600.0;
            world.agent.started += 3600.0;
        }
        ClockBack => {
            world.now -= 3600.0;
            world.agent.started -= 3600.0;
        }
        UptimeBack => world.agent.started = world.now + 5.0,
        _ => {}
    }
    world.work(10.0);
}

fn set_back(world: &mut World) {
    world.web.cpu_ms = 0;
    world.web.rx_bytes = 0;
    world.web.tx_bytes = 0;
    world.web.packets = 0;
}
