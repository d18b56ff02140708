//! Services that share a budget.

use crate::agent::Agent;
use crate::balancer::{Balancer, DEFAULTS};
use crate::lab::Lab;
use crate::load::Load;
use crate::wait::{seconds, until_steady};

const BUDGET: u64 = 7;

#[test]
fn peak_of_critical_service_borrows_replicas_of_batch() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let critical = lab.create(&lab.web("critical", 2));
    let batch = lab.create(&lab.web("batch", 2));
    let config = format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\nbudget = {BUDGET}\n\
         {DEFAULTS}[defaults.down]\nstabilise = \"4s\"\n\
         [[service]]\nname = \"{}\"\npriority = 10\n[service.policy]\nmin = 2\n\
         [[service]]\nname = \"{}\"\n",
        critical.name, batch.name
    );
    let balancer = Balancer::start(&[1], &config);
    let _agents = Agent::everywhere(&lab, balancer.port);
    critical.wait_running(2);
    batch.wait_running(2);
    let sizes = || {
        let sizes = (critical.replicas(), batch.replicas());
        assert!(sizes.0 + sizes.1 <= BUDGET, "{sizes:?}");
        sizes
    };
    let steady = |what: &str, is_so: fn((u64, u64)) -> bool| {
        until_steady(what, seconds(5), seconds(60), || is_so(sizes()));
    };
    Load::during(&lab, &critical, 12, |peak| {
        // More load than its share of the budget can carry.
        Load::during(&lab, &batch, 58, |_| {
            steady("batch has the rest of the budget", |sizes| sizes == (2, 5));
            peak.set(42);
            steady("the peak takes replicas from batch", |(critical, batch)| {
                critical >= 5 && critical + batch == BUDGET
            });
            let decisions = balancer.decisions(&batch.name);
            let is_budget = |step: &serde_json::Value| step["reason"] == "budget";
            let gave = decisions.iter().filter(|it| it["outcome"] == "done");
            let gave = gave.filter(|it| it["result"].as_u64() < it["replicas"].as_u64());
            let gave: Vec<_> = gave.collect();
            assert!(!gave.is_empty());
            for decision in gave {
                assert!(
                    decision["steps"].as_array().unwrap().iter().any(is_budget),
                    "{decision}"
                );
            }
            peak.set(12);
            steady("batch has its replicas back", |sizes| sizes == (2, 5));
        });
    });
}
