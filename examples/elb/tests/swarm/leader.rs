//! Three instances of elb on three managers: one acts, and another takes over when it fails.

use std::time::{Duration, Instant};

use crate::agent::Agent;
use crate::balancer::{Balancer, DEFAULTS};
use crate::lab::Lab;
use crate::load::Load;
use crate::managers::Managers;
use crate::proxy::{Proxy, Write};
use crate::service::Service;
use crate::wait::{seconds, throughout, until};

const LEASE: &str = "elb-test-leader";

/// Of the lease: a write ends this time after the start of the last renewal, at the latest.
const DEADLINE: Duration = Duration::from_secs(5);

/// elb on each of three managers; the proxy before its engine records its writes.
struct Instances {
    proxies: Vec<Proxy>,
    balancers: Vec<Balancer>,
    config: String,
}

/// A renewal of the lease by an instance, or the creation of the lease.
#[derive(Clone, Copy, Debug)]
struct Renewal {
    instance: usize,
    term: u64,
    begun: Instant,
}

impl Instances {
    fn start(lab: &Lab, service: &str) -> Self {
        remove_lease(lab);
        let proxies: Vec<Proxy> = (1..=3).map(|node| Proxy::start(lab.socket(node))).collect();
        let config = format!(
            "[leader]\nenabled = true\nname = \"{LEASE}\"\n\
             [control]\nmode = \"act\"\ninterval = \"500ms\"\n{DEFAULTS}max = 30\n\
             [defaults.down]\nstabilise = \"10m\"\n[[service]]\nname = \"{service}\"\n"
        );
        let balancers = proxies
            .iter()
            .map(|proxy| Balancer::start_with(&proxy.endpoint(), &config, &[]));
        let balancers = balancers.collect();
        Self {
            proxies,
            balancers,
            config,
        }
    }

    /// Another instance, whose date is that of tomorrow; `None` if the library for it is not installed.
    /// It sees no telemetry, since the kernel records when datagrams arrive.
    fn start_tomorrow(&mut self, lab: &Lab) -> Option<Balancer> {
        const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
        if !std::path::Path::new(LIBRARY).exists() {
            println!("skipped: an instance whose clock is off (Debian's libfaketime is missing)");
            return None;
        }
        let variables = [
            ("LD_PRELOAD", LIBRARY),
            ("FAKETIME", "+1d"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        let proxy = Proxy::start(lab.socket(1));
        let balancer = Balancer::start_with(&proxy.endpoint(), &self.config, &variables);
        self.proxies.push(proxy);
        Some(balancer)
    }

    fn ports(&self) -> Vec<u16> {
        self.balancers.iter().map(|one| one.port).collect()
    }

    /// All confirmed renewals, in the order of their start.
    fn renewals(&self) -> Vec<Renewal> {
        let mut renewals = Vec::new();
        for (instance, proxy) in self.proxies.iter().enumerate() {
            let writes = proxy.writes();
            let confirmed = writes
                .iter()
                .filter(|write| write.path.contains("/configs/") && write.is_accepted());
            renewals.extend(confirmed.filter_map(|write| {
                let labels = &write.body["Labels"];
                // An empty holder releases the lease.
                labels["holder"]
                    .as_str()
                    .filter(|holder| !holder.is_empty())?;
                Some(Renewal {
                    instance,
                    term: labels["term"].as_str()?.parse().ok()?,
                    begun: write.begun,
                })
            }));
        }
        renewals.sort_by_key(|renewal| renewal.begun);
        renewals
    }

    /// The instance that renewed the lease last.
    fn leader(&self) -> Renewal {
        *self.renewals().last().expect("no leader was elected")
    }

    /// Waits until another instance leads than in this term.
    fn wait_takeover(&self, what: &str, within: Duration, term: u64) -> Renewal {
        let begun = Instant::now();
        let leader = until(what, within, || {
            let leader = self.leader();
            (leader.term > term).then_some(leader)
        });
        println!("{what}: after {:.1?}", begun.elapsed());
        leader
    }

    /// The writes to services, with the instance that sent each.
    fn service_writes(&self) -> Vec<(usize, Write)> {
        let mut all = Vec::new();
        for (instance, proxy) in self.proxies.iter().enumerate() {
            let writes = proxy.writes().into_iter();
            let writes = writes.filter(|write| write.path.contains("/services/"));
            all.extend(writes.map(|write| (instance, write)));
        }
        all.sort_by_key(|(_, write)| write.begun);
        all
    }

    /// Asserts that each service was written only by the leader and within its lease, and that no write
    /// reduced its size.
    fn check_writes(&self) {
        let renewals = self.renewals();
        for pair in renewals.windows(2) {
            let [before, after] = pair else { continue };
            assert!(
                before.term < after.term
                    || before.term == after.term && before.instance == after.instance,
                "two instances in one term: {renewals:?}"
            );
        }
        let writes = self.service_writes();
        for (instance, write) in &writes {
            let last = renewals.iter().rfind(|it| it.begun < write.begun);
            let last = last.unwrap_or_else(|| panic!("before an election: {write:?}"));
            assert_eq!(last.instance, *instance, "{write:?} after {last:?}");
            assert!(
                write.begun - last.begun < DEADLINE,
                "{write:?} after {last:?}"
            );
        }
        let sizes = writes.iter().filter(|(_, write)| write.is_accepted());
        let sizes = sizes.map(|(_, write)| {
            let replicas = &write.body["Mode"]["Replicated"]["Replicas"];
            replicas.as_u64().unwrap()
        });
        let sizes: Vec<u64> = sizes.collect();
        println!("sizes set: {sizes:?}");
        assert!(sizes.is_sorted(), "{sizes:?}");
    }
}

fn remove_lease(lab: &Lab) {
    let path = format!("/configs/{LEASE}");
    lab.engine().request("DELETE", &path, None).ok();
}

/// Removes the lease at the end, also if the test fails.
struct Lease<'a>(&'a Lab);

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        remove_lease(self.0);
    }
}

/// Configured replicas; `None` while no manager answers.
fn size(lab: &Lab, web: &Service<'_>) -> Option<u64> {
    let path = format!("/services/{}", web.id);
    let (_, service) = lab.engine().request("GET", &path, None).ok()?;
    service["Spec"]["Mode"]["Replicated"]["Replicas"].as_u64()
}

/// Raises the load to more than the service can carry, and waits until it grows.
fn wait_growth(lab: &Lab, web: &Service<'_>, load: &Load) {
    let before = until("a manager answers", seconds(60), || size(lab, web));
    // A container is configured for nine requests per second.
    load.set(9 * before + 14);
    until("the service grows", seconds(90), || {
        (size(lab, web)? > before).then_some(())
    });
}

/// Sends a signal to a process that the test has started.
fn signal(name: &str, balancer: &Balancer) {
    let process = balancer.process().to_string();
    let sent = std::process::Command::new("kill")
        .args([name, &process])
        .status();
    assert!(sent.unwrap().success());
}

#[test]
fn one_instance_acts_and_another_takes_over() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let _managers = Managers::promoted(&lab);
    let _lease = Lease(&lab);
    let web = lab.create(&lab.web("web", 1));
    let mut all = Instances::start(&lab, &web.name);
    let _agents = Agent::everywhere_to(&lab, &all.ports());
    web.wait_running(1);

    // All are started at once: one leads, all see the load, one acts.
    let first = all.wait_takeover("an election", seconds(20), 0);
    Load::during(&lab, &web, 5, |load| {
        for one in &all.balancers {
            one.wait_reporting(&web.name, 1);
            assert_eq!(one.metric("elb_leader_term"), Some(first.term as f64));
        }
        let leaders = all.balancers.iter().map(|one| one.metric("elb_leader"));
        assert_eq!(leaders.flatten().sum::<f64>(), 1.0);

        // For an instance with another date the lease does not expire earlier.
        if let Some(tomorrow) = all.start_tomorrow(&lab) {
            until("it is a standby", seconds(20), || {
                (tomorrow.metric("elb_leader_term") == Some(first.term as f64)).then_some(())
            });
            throughout(seconds(12), || {
                assert_eq!(tomorrow.metric("elb_leader"), Some(0.0));
                assert_eq!(all.leader().term, first.term);
            });
        }
        wait_growth(&lab, &web, load);

        // The leader is killed.
        all.balancers[first.instance].kill();
        let second = all.wait_takeover("takeover after kill", seconds(30), first.term);
        assert_ne!(second.instance, first.instance);
        wait_growth(&lab, &web, load);
        all.balancers[first.instance].kill_and_start_again();

        // The leader is stopped and continues later.
        signal("-STOP", &all.balancers[second.instance]);
        let third = all.wait_takeover("takeover after stop", seconds(30), second.term);
        assert_ne!(third.instance, second.instance);
        wait_growth(&lab, &web, load);
        signal("-CONT", &all.balancers[second.instance]);
        until("the former leader is a standby", seconds(20), || {
            let is_leader = all.balancers[second.instance].metric("elb_leader");
            (is_leader == Some(0.0)).then_some(())
        });
        all.check_writes();

        // The node of the leader loses the network. Its containers do not report; agents of others do.
        let node = third.instance as u32 + 1;
        lab.ask(node % 3 + 1);
        let cut = lab.cut(node);
        let fourth = all.wait_takeover("takeover after cut", seconds(60), third.term);
        assert_ne!(fourth.instance, third.instance);
        let isolated = &all.balancers[third.instance];
        until(
            "the former leader knows that its lease has expired",
            seconds(20),
            || (isolated.metric("elb_leader") == Some(0.0)).then_some(()),
        );
        drop(cut);
        until("the node answers again", seconds(90), || {
            let (status, _) = lab.engine_of(node).request("GET", "/services", None).ok()?;
            (status == 200).then_some(())
        });
        all.check_writes();

        // Two of three managers stop: nothing is written; afterwards one instance acts.
        let last = all.leader();
        let kept = last.instance as u32 + 1;
        let others = [kept % 3 + 1, (kept + 1) % 3 + 1];
        lab.ask(kept);
        let paused = others.map(|node| lab.paused(node));
        std::thread::sleep(DEADLINE);
        let written = all.service_writes().len();
        throughout(seconds(10), || {
            assert_eq!(all.service_writes().len(), written);
        });
        drop(paused);
        let back = Instant::now();
        until("the lease is renewed", seconds(90), || {
            (all.leader().begun > back).then_some(())
        });
        println!("quorum is back: renewed after {:.1?}", back.elapsed());
        wait_growth(&lab, &web, load);
    });
    all.check_writes();

    // A clean stop releases the lease: the next leader does not wait until it expires.
    let last = all.leader();
    signal("-TERM", &all.balancers[last.instance]);
    all.wait_takeover("takeover after a clean stop", seconds(30), last.term);
}
