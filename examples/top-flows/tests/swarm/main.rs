//! Services of a real Docker swarm under load, as an agent tells of them and the matrix shows
//! them, beside what the kernel counted.
//!
//! Runs if `ELB_TEST_SWARM` is the path of the script that started the swarm (`.ci/swarm`) and
//! `ELB_TEST_AGENT` the path of the program `elb`, whose agent samples packets as root. The test
//! removes what it has created, also when it fails.
#![cfg(target_os = "linux")]

use std::io::Write as _;
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_top-flows");
/// Where the nodes reach this machine.
const HERE: &str = "10.99.0.254";
const IMAGE: &str = "localhost:1/lab/web";
/// What is asked of `back` at most, so that the load ends whatever happens.
const REQUESTS: u32 = 20_000;
/// How long is looked.
const SECONDS: u64 = 8;
/// One packet in so many is sampled.
const SAMPLING: u32 = 20;

/// The swarm that may be played with.
struct Lab {
    script: String,
    agent: String,
    /// What has to be undone, the last first.
    made: Vec<Vec<String>>,
}

impl Lab {
    fn of_the_environment() -> Option<Self> {
        let named = |name| std::env::var(name).ok();
        let (Some(script), Some(agent)) = (named("ELB_TEST_SWARM"), named("ELB_TEST_AGENT")) else {
            // Past the capture of the test harness, which keeps what passing tests print.
            let words = "skipped: flows of a real Docker swarm; as root, run `.ci/swarm up`, and set \
                         ELB_TEST_SWARM to the path of .ci/swarm, ELB_TEST_AGENT to that of elb";
            writeln!(std::io::stderr(), "{words}").ok();
            return None;
        };
        Some(Self {
            script,
            agent,
            made: Vec::new(),
        })
    }

    /// What the client says of the first node's engine, which is a manager.
    fn docker(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.script);
        command
            .args(["docker", "1"])
            .args(arguments)
            .stdin(Stdio::null());
        let out = command.output().map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match out.status.success() {
            true => Ok(text(&out.stdout)),
            false => Err(text(&out.stderr)),
        }
    }

    fn make(&mut self, arguments: &[&str], undo: &[&str]) {
        self.docker(arguments)
            .unwrap_or_else(|why| panic!("{arguments:?}: {why}"));
        let undo = undo.iter().map(|&word| word.to_owned());
        self.made.push(undo.collect());
    }

    /// A service of one task on the first node, in a network that does not leave it.
    fn service(&mut self, name: &str, network: &str, command: &[&str]) {
        let mut arguments = vec!["service", "create", "--detach", "--no-resolve-image"];
        arguments.extend(["--name", name, "--network", network]);
        arguments.extend(["--endpoint-mode", "dnsrr", "--stop-grace-period", "1s"]);
        arguments.extend(["--constraint", "node.hostname==node1", IMAGE]);
        arguments.extend(command);
        self.make(&arguments, &["service", "rm", name]);
    }

    /// The id of a service's container, once it runs.
    fn container(&self, service: &str) -> String {
        let filter = format!("label=com.docker.swarm.service.name={service}");
        until("the container runs", || {
            let found = self.docker(&["ps", "-q", "--filter", &filter]).ok()?;
            (!found.is_empty()).then_some(found)
        })
    }

    /// Bytes that a container has sent, as its kernel counts them.
    fn sent(&self, container: &str) -> f64 {
        let file = "/sys/class/net/eth0/statistics/tx_bytes";
        let counted = self.docker(&["exec", container, "cat", file]).unwrap();
        counted.parse().unwrap()
    }

    /// An agent on the first node, that tells this port.
    fn agent(&self, port: u16) -> Running {
        // What the kernel shows in /sys is of the network that it was mounted in.
        let start = "mount --make-rprivate / && mount -t sysfs sysfs /sys && exec \"$@\"";
        let folder = std::env::var("SWARM_LAB").unwrap_or_else(|_| "/tmp/swarm-lab".to_owned());
        let child = Command::new(&self.script)
            .args(["exec", "1", "unshare", "--mount", "sh", "-c", start, "sh"])
            .arg(&self.agent)
            .args(["agent", "--polling", "1s"])
            .args(["--sampling", &SAMPLING.to_string()])
            .args(["--collector", &format!("{HERE}:{port}")])
            .args(["--docker", &format!("unix://{folder}/node1/docker.sock")])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Running(child.unwrap())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for undo in std::mem::take(&mut self.made).iter().rev() {
            let undo: Vec<&str> = undo.iter().map(String::as_str).collect();
            // A network is in use until the last container has left it.
            let begin = Instant::now();
            while self.docker(&undo).is_err() && begin.elapsed() < Duration::from_secs(20) {
                sleep(Duration::from_millis(300));
            }
        }
    }
}

/// A program that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn until<T>(what: &str, mut is_so: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = is_so() {
            return found;
        }
        assert!(begin.elapsed() < Duration::from_secs(40), "never: {what}");
        sleep(Duration::from_millis(200));
    }
}

/// The services among themselves, as the program sees them from now on.
fn matrix(port: u16) -> Value {
    let out = Command::new(PROGRAM)
        .args(["--listen", &format!("{HERE}:{port}"), "--once", "--json"])
        .args(["--matrix", "--seconds", &SECONDS.to_string()])
        // A packet is seen where it leaves one container and where it comes to the other.
        .args(["--smooth", "off", "--value", "bytes", "--aggregate", "max"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(out.status.success(), "{out:?}");
    serde_json::from_slice(&out.stdout).unwrap()
}

fn cell(matrix: &Value, from: &str, to: &str) -> f64 {
    let place = |name: &str| {
        let parties = matrix["parties"].as_array().unwrap();
        let place = parties.iter().position(|party| party == name);
        place.unwrap_or_else(|| panic!("{name} is not seen: {matrix}"))
    };
    matrix["cells"][place(from)][place(to)].as_f64().unwrap()
}

#[test]
fn services_that_talk_to_each_other_are_seen_by_name() {
    let Some(mut lab) = Lab::of_the_environment() else {
        return;
    };
    let own = |name: &str| format!("flows-{}-{name}", std::process::id());
    let (scope, network) = (own("scope"), own("net"));
    let (front, back) = (own("front"), own("back"));
    // A network of the swarm that is a bridge on its node: who talks to whom is seen at the
    // containers' edges, without a tunnel around it.
    let subnet = ["--subnet", "172.30.77.0/24"];
    let mut arguments = vec!["network", "create", "--config-only"];
    arguments.extend(subnet);
    arguments.push(&scope);
    lab.make(&arguments, &["network", "rm", &scope]);
    let from = ["--scope", "swarm", "-d", "bridge", "--config-from", &scope];
    let mut arguments = vec!["network", "create"];
    arguments.extend(from);
    arguments.push(&network);
    lab.make(&arguments, &["network", "rm", &network]);

    lab.service(&back, &network, &[]);
    let sender = lab.container(&back);
    let address = [
        "inspect",
        "-f",
        "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}",
    ];
    let mut arguments = address.to_vec();
    arguments.push(&sender);
    let addresses = lab.docker(&arguments).unwrap();
    let mut addresses = addresses.split_whitespace();
    let address = addresses
        .find(|it| it.starts_with("172.30.77."))
        .expect("an address in the network");
    let asking = format!(
        "i=0; while [ $i -lt {REQUESTS} ]; do wget -q -O /dev/null http://{address}/; \
         i=$((i+1)); done; sleep 600"
    );
    lab.service(&front, &network, &["sh", "-c", &asking]);
    lab.container(&front);

    let port = UdpSocket::bind((HERE, 0)).unwrap().local_addr().unwrap();
    let _agent = lab.agent(port.port());
    // Containers are known by name once their first counters have come.
    sleep(Duration::from_secs(3));
    let (before, begin) = (lab.sent(&sender), Instant::now());
    let seen = matrix(port.port());
    let rate = (lab.sent(&sender) - before) / begin.elapsed().as_secs_f64();

    let (answers, questions) = (cell(&seen, &back, &front), cell(&seen, &front, &back));
    println!("{seen:#}");
    println!(
        "{:.0} bytes/s by samples, {rate:.0} by the kernel",
        answers / SECONDS as f64
    );
    // Agents tell once a second what they have sampled, so that at both ends a second more or less
    // may be in it. Each answer has ten thousand bytes, each question a few hundred.
    assert!(answers > 5.0 * questions && questions > 0.0, "{seen}");
    let ratio = answers / SECONDS as f64 / rate;
    assert!(
        (0.6..1.4).contains(&ratio),
        "{ratio} of what the kernel counted"
    );
}
