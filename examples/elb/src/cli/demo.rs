use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use sflow_collector::udp::{AsyncUdpReceiver, SocketSettings, UdpReceiver};
use sflow_metrics::Timestamp;
use sflow_simulator::Event;
use sflow_simulator::experiment::{Experiment, NodeAddress, Scenario, SimulatedCluster};
use tokio::net::UdpSocket;

use super::simulate::points;
use super::{Log, PolicyName, Served, end_requested, runtime, say, serve, write_chart};
use crate::balancer::Balancer;
use crate::charts;
use crate::config::Config;
use crate::format;
use crate::policy::Mode;
use crate::status::About;
use crate::terminal::{self, Input, Plain, Screen};
use crate::view::Snapshot;

/// Time factor of `--fast`.
const FAST: f64 = 10.0;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run ten times as fast as real time.
    #[arg(long)]
    fast: bool,

    /// Scaling policy.
    #[arg(long, value_enum, default_value = "two-threshold")]
    policy: PolicyName,

    /// Seed of the random numbers: the same seed gives the same cluster and load.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Folder for the chart and, with the full-screen view, the log.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
}

impl Args {
    pub(super) fn run(self, log: &Log) -> anyhow::Result<()> {
        let is_screen = terminal::is_available();
        if is_screen {
            log.to_file("info", &self.out.join("elb-demo.log"))?;
        } else {
            log.to_stderr("warn")?;
        }
        runtime()?.block_on(self.show(is_screen))
    }

    async fn show(self, is_screen: bool) -> anyhow::Result<()> {
        let end = end_requested();
        let scenario = scenario()?;
        let services = self.policy.services(&scenario);
        let mut experiment = Experiment::new(scenario, services);
        let clock = Clock::new(if self.fast { FAST } else { 1.0 });
        let mut demo = Demo::start(&experiment, self.seed, clock).await?;
        let lasting = experiment.scenario.duration;
        let ended = if is_screen {
            let mut screen = Screen::open()?;
            let mut inputs = terminal::inputs()?;
            let quit = async { while let Some(Input::Redraw) = inputs.recv().await {} };
            let draw = |shown: &Snapshot| screen.draw(|frame| terminal::draw(frame, shown));
            demo.run(draw, lasting, first(end, quit)).await
        } else {
            let mut plain = Plain::new(io::stdout(), Some(format::unix(clock.start)));
            demo.run(|shown| plain.show(shown), lasting, end).await
        };
        let snapshot = demo.served.handle.snapshot(usize::MAX);
        demo.served.server.stop().await?;
        ended?;

        let elapsed = Duration::from_secs_f64(snapshot.elapsed.max(0.0));
        experiment.scenario.duration = elapsed.min(lasting);
        experiment.control.mode = Mode::Advise;
        let without = experiment.run(self.seed)?;
        let path = self.out.join("elb-demo.svg");
        if let (Some(service), Some(alone)) = (snapshot.services.first(), without.services.first())
        {
            let signal = service.signals.first();
            let (upper, unit) = signal.map_or((0.0, "B/s"), |it| (it.upper, it.unit.as_str()));
            let title = format!("{}: average load per container", service.name);
            let picture =
                charts::comparison(&title, &service.past, &points(&alone.past), upper, unit);
            write_chart(&path, &picture)?;
        }
        summarise(&snapshot)?;
        say!("Chart written to {}", path.display())
    }
}

/// The scenario `article` with foreign traffic on the port.
fn scenario() -> Result<Scenario, sflow_simulator::Error> {
    let foreign_traffic = Event::ForeignTraffic {
        interval: Duration::from_millis(2_300),
        duration: Duration::from_secs(60),
    };
    Ok(Scenario::named("article")?.with_event(Duration::from_secs(15), foreign_traffic))
}

fn summarise(snapshot: &Snapshot) -> anyhow::Result<()> {
    say!()?;
    for service in &snapshot.services {
        let wanted = || service.past.iter().map(|point| point.wanted);
        let changes = wanted()
            .zip(wanted().skip(1))
            .filter(|(a, b)| a != b)
            .count();
        let (name, most) = (&service.name, wanted().max().unwrap_or(0));
        let elapsed = format::duration(snapshot.elapsed);
        let now = format::number(service.wanted);
        say!("{name}: {changes} changes in {elapsed}, up to {most} replicas, {now} now.")?;
    }
    let refused: u64 = snapshot.intake.refused.values().sum();
    let datagrams = format::count(snapshot.intake.datagrams);
    let end = if refused == 0 { "." } else { ":" };
    let (agents, refused) = (snapshot.intake.agents, format::count(refused));
    say!("{datagrams} datagrams from {agents} agents; {refused} refused{end}")?;
    for (cause, count) in &snapshot.intake.refused {
        say!("  {count:>4} {}", untrusted::printable(cause))?;
    }
    Ok(())
}

/// The clock of the loop: the wall clock, possibly accelerated.
#[derive(Clone, Copy, Debug)]
struct Clock {
    begin: Instant,
    start: Timestamp,
    speed: f64,
}

impl Clock {
    fn new(speed: f64) -> Self {
        Self {
            begin: Instant::now(),
            start: SystemTime::now().into(),
            speed,
        }
    }

    fn now(&self) -> Timestamp {
        self.start + self.begin.elapsed().mul_f64(self.speed)
    }

    /// Real time until `then`.
    fn until(&self, then: Timestamp) -> tokio::time::Instant {
        let at = (then - self.start).div_f64(self.speed);
        tokio::time::Instant::from_std(self.begin + at)
    }
}

/// State of the demonstration.
struct Demo {
    clock: Clock,
    balancer: Balancer<SimulatedCluster>,
    receiver: AsyncUdpReceiver,
    sender: UdpSocket,
    collector: SocketAddr,
    served: Served,
}

impl Demo {
    async fn start(experiment: &Experiment, seed: u64, clock: Clock) -> anyhow::Result<Self> {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let receiver = UdpReceiver::bind(any_port, &SocketSettings::default())?;
        let cluster = SimulatedCluster::new(&experiment.scenario, seed, clock.start)?;
        // All simulated agents send from one socket.
        cluster.report_addresses(NodeAddress::Shared(Ipv4Addr::LOCALHOST));
        let (control, services) = (experiment.control, &experiment.services);
        let mut balancer = Balancer::new(clock.start, cluster, control, services)?;
        balancer.round(clock.start).await;
        let served = serve(&balancer, Config::article(), any_port, clock.start, "demo")?;
        Ok(Self {
            clock,
            balancer,
            collector: receiver.local_addr()?,
            receiver: AsyncUdpReceiver::new(receiver)?,
            sender: UdpSocket::bind(any_port).await?,
            served,
        })
    }

    /// Runs the loop until the scenario or `end` ends it.
    async fn run(
        &mut self,
        mut draw: impl FnMut(&Snapshot) -> io::Result<()>,
        lasting: Duration,
        end: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let last = self.clock.start + lasting;
        let mut tick = self.clock.start + self.served.handle.config().lock().control.interval;
        let mut redraw = tokio::time::interval(Duration::from_millis(250));
        let mut end = std::pin::pin!(end);
        loop {
            let due = self.balancer.orchestrator_mut().next_due();
            // Events after the next round are not simulated before it, however late the machine is:
            // what is sent, received and decided depends on the simulated time only.
            let clock = self.clock;
            tokio::select! {
                received = self.receiver.receive() => {
                    let received = received.context("the telemetry socket failed")?;
                    let now = clock.now().min(tick);
                    self.balancer.receive(now, received.source, received.bytes);
                }
                () = tokio::time::sleep_until(clock.until(due)), if due <= tick => {
                    self.send(tick).await?;
                }
                () = tokio::time::sleep_until(clock.until(tick)), if due > tick => {
                    while let Some(received) = self.receiver.try_receive()? {
                        self.balancer.receive(tick, received.source, received.bytes);
                    }
                    tick = self.balancer.round(tick).await.again;
                    self.publish();
                    if tick > last {
                        draw(&self.served.handle.snapshot(usize::MAX))?;
                        return Ok(());
                    }
                }
                _ = redraw.tick() => {
                    self.publish();
                    draw(&self.served.handle.snapshot(usize::MAX))?;
                }
                (request, answer) = self.served.requests.next() => {
                    answer.send(self.balancer.apply(&request)).ok();
                    self.publish();
                }
                () = &mut end => return Ok(()),
            }
        }
    }

    /// Advances the simulated time, at most to the next round, and sends the datagrams of its
    /// agents over loopback.
    async fn send(&mut self, tick: Timestamp) -> anyhow::Result<()> {
        let now = self.clock.now().min(tick);
        for datagram in self.balancer.orchestrator_mut().advance(now) {
            self.sender.send_to(&datagram.bytes, self.collector).await?;
        }
        Ok(())
    }

    fn publish(&mut self) {
        let controller = self.balancer.controller();
        let service = controller.managed().first();
        let truth = service.and_then(|it| controller.orchestrator().truth(&it.name));
        let load = truth.map(|truth| {
            let load = format::quantity(Some(truth.offered_bytes), "B/s");
            format!("simulated load: {load}")
        });
        let about = About {
            title: "demo".to_owned(),
            page: Some(self.served.page.clone()),
            speed: self.clock.speed,
            load,
        };
        let now = self.clock.now();
        self.balancer.status().lock().set_context(now, about);
    }
}

/// Completes when one of the futures does.
async fn first(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = one => {}
        () = other => {}
    }
}
