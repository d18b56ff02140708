//! Hints for problems: commands of Docker, and configuration keys.

use sflow_autoscale::problem::{Problem, ProblemReason};

/// Appends a hint to the message of a problem, if there is one.
pub(crate) fn add(problem: &mut Problem) {
    let hint = match problem.reason {
        ProblemReason::Orchestrator => "No decisions are made until a manager answers".to_owned(),
        ProblemReason::NodeDown => "See `docker node ls`".to_owned(),
        ProblemReason::TasksNotStarting => {
            format!("See `docker service ps --no-trunc {}`", problem.about)
        }
        ProblemReason::RolloutPaused => "Resume it with `docker service update` or go back with \
             `docker service rollback`"
            .to_owned(),
        ProblemReason::RolloutLong => "See `docker service ps`".to_owned(),
        ProblemReason::NotScalable => "Create it with `--mode replicated`, or add nodes".to_owned(),
        ProblemReason::Budget => "The budget is control.budget".to_owned(),
        ProblemReason::RateLimit => "The limits are up and control.changes_per_minute".to_owned(),
        _ => return,
    };
    let message = problem.message.trim_end_matches('.');
    problem.message = format!("{message}. {hint}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_of_docker_name_the_command() {
        for (reason, command) in [
            (ProblemReason::NodeDown, "docker node ls"),
            (
                ProblemReason::TasksNotStarting,
                "docker service ps --no-trunc web",
            ),
            (ProblemReason::RolloutPaused, "docker service rollback"),
            (ProblemReason::RolloutLong, "docker service ps"),
            (ProblemReason::NotScalable, "--mode replicated"),
        ] {
            let mut problem = Problem::new(reason, "web", "web: it is so");
            add(&mut problem);
            assert!(problem.message.starts_with("web: it is so. "), "{problem}");
            assert!(problem.message.contains(command), "{problem}");
        }
    }
}
