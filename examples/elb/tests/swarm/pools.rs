//! A pool of machines, whose hook lets a node leave the swarm and join it again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::balancer::{Balancer, DEFAULTS};
use crate::lab::Lab;
use crate::load::Load;
use crate::wait::{seconds, throughout, until};

#[test]
fn machine_is_drained_before_removal_and_added_again_under_load() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let hook = Hook::new(&lab, folder.path());
    // Two tasks on machines of the pool and one on the manager.
    let mut spec = lab.web("web", 4);
    spec["TaskTemplate"]["Placement"] = json!({ "Constraints": ["node.role==worker"] });
    let web = lab.create(&spec);
    // Each node has capacity for one of these tasks.
    let cores = lab.engine().get("/info")["NCPU"].as_f64().unwrap();
    let mut spec = lab.web("heavy", 3);
    let most = (cores * 0.6 * 1e9) as u64;
    spec["TaskTemplate"]["Resources"] = json!({ "Reservations": { "NanoCPUs": most } });
    let heavy = lab.create(&spec);
    web.wait_running(4);
    heavy.wait_running(3);

    let config = format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\n{DEFAULTS}min = 4\nmax = 4\n\
         [[service]]\nname = \"{}\"\n\
         [[pool]]\nname = \"machines\"\ndrain = \"60s\"\nleave = \"60s\"\njoin = \"60s\"\n\
         [pool.policy]\nmode = \"act\"\nmin = 1\nmax = 2\nwarm_up = \"1s\"\n\
         metric = [{{ name = \"bytes_in+bytes_out\", target = 300_000 }}]\n\
         up = {{ stabilise = \"0s\" }}\ndown = {{ stabilise = \"5s\" }}\n\
         [pool.hook]\nprogram = \"{}\"\ntimeout = \"30s\"\n",
        web.name,
        hook.program()
    );
    let balancer = Balancer::start(&[1], &config);
    let _agents = Agent::everywhere(&lab, balancer.port);
    let pool = || balancer.get("/api/v1/pools/machines");
    let number = |pool: &Value, key: &str| pool[key].as_u64();
    until("the pool is known", seconds(30), || {
        (number(&pool(), "serving") == Some(2)).then_some(())
    });

    // The machines are idle but needed.
    until("the minimum of the services is known", seconds(40), || {
        let pool = pool();
        let floor = &pool["floor"];
        (floor["machines"] == 2 && floor["service"] == heavy.name.as_str()).then_some(())
    });
    throughout(seconds(22), || {
        assert_eq!(number(&pool(), "serving"), Some(2), "{}", pool());
    });
    assert_eq!(hook.orders(), Vec::<String>::new());

    // One machine is no longer needed.
    heavy.scale(2);
    let order = until("a machine is given back", seconds(90), || {
        hook.orders().pop()
    });
    let parts: Vec<&str> = order.split(' ').collect();
    let [action, machine, tasks] = parts[..] else {
        panic!("{order}");
    };
    assert_eq!(action, "remove");
    assert_eq!(tasks, "0", "tasks were on it when it was removed");
    until("the machine has left", seconds(30), || {
        let names = lab.node_names();
        (!names.contains(&machine.to_owned())).then_some(())
    });
    until("all tasks run without it", seconds(30), || {
        (web.running() == 4 && heavy.running() == 2).then_some(())
    });
    throughout(seconds(12), || assert_eq!(hook.orders().len(), 1));
    let events = pool()["events"].clone();
    let drained = events.as_array().unwrap().iter();
    let drained = drained.filter(|event| event.to_string().contains(machine));
    assert!(drained.count() >= 2, "{events}");

    // More load than one machine can carry.
    Load::during(&lab, &web, 60, |_| {
        until("a machine is ordered", seconds(60), || {
            let orders = hook.orders();
            orders
                .iter()
                .any(|order| order.starts_with("add"))
                .then_some(())
        });
        until("the machine serves", seconds(60), || {
            (number(&pool(), "serving") == Some(2)).then_some(())
        });
    });
    let orders = hook.orders();
    println!("{orders:?}");
    assert_eq!(orders.len(), 2, "{orders:?}");
}

/// A hook program that makes nodes leave and join, and logs its orders. Nodes that have left join
/// again when this is dropped.
struct Hook<'a> {
    lab: &'a Lab,
    folder: &'a Path,
}

impl<'a> Hook<'a> {
    fn new(lab: &'a Lab, folder: &'a Path) -> Self {
        let hook = Self { lab, folder };
        let script = format!(
            "#!/bin/sh\nset -e\nlab='{lab}' folder='{folder}'\n{}",
            r#"
case $ELB_ACTION in
remove)
  tasks=$("$lab" docker 1 node ps "$ELB_MACHINE" --filter desired-state=running -q | wc -l)
  echo "remove $ELB_MACHINE $tasks" >>"$folder/orders"
  "$lab" docker "${ELB_MACHINE#node}" swarm leave >&2
  "$lab" docker 1 node rm --force "$ELB_MACHINE" >&2
  echo "${ELB_MACHINE#node}" >"$folder/left" ;;
add)
  node=$(cat "$folder/left")
  echo "add node$node -" >>"$folder/orders"
  token=$("$lab" docker 1 swarm join-token -q worker)
  "$lab" docker "$node" swarm join --token "$token" 10.99.0.1:2377 >&2
  rm "$folder/left" ;;
esac
"#,
            lab = lab.path().display(),
            folder = folder.display(),
        );
        let program = folder.join("hook");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        hook
    }

    fn program(&self) -> String {
        self.folder.join("hook").display().to_string()
    }

    /// The orders, one per line.
    fn orders(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join("orders")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Hook<'_> {
    fn drop(&mut self) {
        if self.folder.join("left").exists() {
            let mut add = Command::new(self.program());
            add.env("ELB_ACTION", "add").output().ok();
        }
        // A node that was drained and not removed.
        for name in self.lab.node_names() {
            let number = name.trim_start_matches("node").to_owned();
            if number != "1" {
                let mut command = Command::new(self.lab.path());
                command.args(["docker", "1", "node", "update", "--availability", "active"]);
                command.arg(name).output().ok();
            }
        }
    }
}
