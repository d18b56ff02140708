use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use sflow_collector::udp::{AsyncUdpReceiver, SocketSettings, UdpReceiver};
use sflow_metrics::Timestamp;
use sflow_simulator::Event;
use sflow_simulator::experiment::{Experiment, NodeAddress, Scenario, SimulatedCluster};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::simulate::points;
use super::{Log, PolicyName, end_requested, runtime, say};
use crate::balancer::Balancer;
use crate::charts;
use crate::config::Config;
use crate::format;
use crate::handle::{Handle, Requests};
use crate::http::{Server, Site};
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
        let speed = if self.fast { FAST } else { 1.0 };
        let scenario = scenario()?;
        let services = self.policy.services(&scenario);
        let mut experiment = Experiment::new(scenario, services);
        let mut demo = Demo::start(&experiment, self.seed, speed).await?;
        let mut face = if is_screen {
            Face::screen()?
        } else {
            Face::plain(demo.clock.unix())
        };

        let lasting = experiment.scenario.duration;
        let ended = demo.run(&mut face, lasting, end).await;
        drop(face);
        let snapshot = demo.stop().await?;
        ended?;

        let elapsed = Duration::from_secs_f64(snapshot.elapsed.max(0.0));
        experiment.scenario.duration = elapsed.min(lasting);
        experiment.control.mode = Mode::Advise;
        let without = experiment.run(self.seed)?;
        let path = self.out.join("elb-demo.svg");
        if let (Some(service), Some(alone)) = (snapshot.services.first(), without.services.first())
        {
            let (upper, unit) = service
                .signals
                .first()
                .map_or((0.0, "B/s"), |signal| (signal.upper, signal.unit.as_str()));
            let title = format!("{}: average load per container", service.name);
            let picture =
                charts::comparison(&title, &service.past, &points(&alone.past), upper, unit);
            fs::write(&path, picture)
                .with_context(|| format!("cannot write the chart to {}", path.display()))?;
        }
        summarise(&snapshot)?;
        say!("Chart written to {}", path.display())?;
        Ok(())
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
        let most = service
            .past
            .iter()
            .map(|point| point.wanted)
            .max()
            .unwrap_or(0);
        let changes = service
            .past
            .windows(2)
            .filter(|pair| pair[0].wanted != pair[1].wanted);
        say!(
            "{}: {} changes in {}, up to {most} replicas, {} now.",
            service.name,
            changes.count(),
            format::duration(snapshot.elapsed),
            format::number(service.wanted),
        )?;
    }
    let refused: u64 = snapshot.intake.refused.values().sum();
    say!(
        "{} datagrams from {} agents; {} ignored{}",
        format::count(snapshot.intake.datagrams),
        snapshot.intake.agents,
        format::count(refused),
        if refused == 0 { "." } else { ":" },
    )?;
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

    fn unix(&self) -> i64 {
        format::unix(self.start)
    }
}

/// State of the demonstration.
struct Demo {
    clock: Clock,
    interval: Duration,
    balancer: Balancer<SimulatedCluster>,
    receiver: AsyncUdpReceiver,
    sender: UdpSocket,
    collector: SocketAddr,
    service: String,
    page: String,
    handle: Handle,
    requests: Requests,
    server: Server,
}

impl Demo {
    async fn start(experiment: &Experiment, seed: u64, speed: f64) -> anyhow::Result<Self> {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let receiver = UdpReceiver::bind(any_port, &SocketSettings::default())?;
        let collector = receiver.local_addr()?;
        let receiver = AsyncUdpReceiver::new(receiver)?;
        let sender = UdpSocket::bind(any_port).await?;
        let listener = TcpListener::bind(any_port)?;
        let page = format!("http://{}/", listener.local_addr()?);

        let clock = Clock::new(speed);
        let cluster = SimulatedCluster::new(&experiment.scenario, seed, clock.start)?;
        // All simulated agents send from one socket.
        cluster.report_addresses(NodeAddress::Shared(Ipv4Addr::LOCALHOST));
        let (control, services) = (experiment.control, &experiment.services);
        let mut balancer = Balancer::new(clock.start, cluster, control, services)?;
        balancer.round(clock.start).await;
        let service = services
            .first()
            .map_or_else(String::new, |service| service.name.clone());

        let (handle, requests) = Handle::new(
            balancer.telemetry().clone(),
            balancer.status().clone(),
            Config::article(),
        );
        let server = Server::start(listener, Site::new(handle.clone()))?;
        Ok(Self {
            clock,
            interval: control.interval,
            balancer,
            receiver,
            sender,
            collector,
            service,
            page,
            handle,
            requests,
            server,
        })
    }

    async fn run(
        &mut self,
        face: &mut Face,
        lasting: Duration,
        end_requested: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let end = self.clock.start + lasting;
        let mut tick = self.clock.start + self.interval;
        let mut redraw = tokio::time::interval(Duration::from_millis(250));
        let mut end_requested = std::pin::pin!(end_requested);
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
                    if tick > end {
                        face.draw(&self.handle.snapshot(usize::MAX))?;
                        return Ok(());
                    }
                }
                _ = redraw.tick() => {
                    self.publish();
                    face.draw(&self.handle.snapshot(usize::MAX))?;
                }
                (request, answer) = self.requests.next() => {
                    answer.send(self.balancer.apply(&request)).ok();
                    self.publish();
                }
                () = face.quit() => return Ok(()),
                () = &mut end_requested => return Ok(()),
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
        let now = self.clock.now();
        let truth = self
            .balancer
            .controller()
            .orchestrator()
            .truth(&self.service);
        let load = truth.map(|truth| {
            let load = format::quantity(Some(truth.offered_bytes), "B/s");
            format!("simulated load: {load}")
        });
        let about = About {
            title: "demo".to_owned(),
            page: Some(self.page.clone()),
            speed: self.clock.speed,
            load,
        };
        self.balancer.status().lock().set_context(now, about);
    }

    async fn stop(self) -> anyhow::Result<Snapshot> {
        let snapshot = self.handle.snapshot(usize::MAX);
        self.server.stop().await?;
        Ok(snapshot)
    }
}

/// Output of the loop.
enum Face {
    Screen(Screen, mpsc::Receiver<Input>),
    Plain(Plain<io::Stdout>),
}

impl Face {
    fn screen() -> io::Result<Self> {
        let screen = Screen::open()?;
        Ok(Self::Screen(screen, terminal::inputs()?))
    }

    fn plain(began: i64) -> Self {
        Self::Plain(Plain::new(io::stdout(), Some(began)))
    }

    fn draw(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        match self {
            Self::Screen(screen, _) => screen.draw(|frame| terminal::draw(frame, snapshot)),
            Self::Plain(plain) => plain.show(snapshot),
        }
    }

    /// Waits for a key that ends the program; never returns without a screen.
    async fn quit(&mut self) {
        match self {
            Self::Screen(_, inputs) => while let Some(Input::Redraw) = inputs.recv().await {},
            Self::Plain(_) => std::future::pending().await,
        }
    }
}
