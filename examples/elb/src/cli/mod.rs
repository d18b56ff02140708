//! The command line: one file for each sub-command.

#[cfg(target_os = "linux")]
mod agent;
mod check;
mod compare;
mod demo;
mod health;
mod replay;
mod run;
mod simulate;

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use sflow_simulator::ServiceSpec;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use untrusted::{Format, Lines, printable};

use crate::config::{Config, ServiceSettings};
use crate::policy::{Mode, Rule, Target, Thresholds};
use crate::simulator::Scenario;

/// Prints a line. A closed output is not an error.
macro_rules! say {
    () => { $crate::cli::put(format_args!("\n")) };
    ($($words:tt)*) => { $crate::cli::put(format_args!("{}\n", format_args!($($words)*))) };
}

/// Prints a part of a line, like `say!`.
macro_rules! say_part {
    ($($words:tt)*) => { $crate::cli::put(format_args!($($words)*)) };
}

use {say, say_part};

/// Writes to standard output. A closed output is not an error.
fn put(words: std::fmt::Arguments<'_>) -> anyhow::Result<()> {
    match io::stdout().write_fmt(words) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Whether the reader of the output has closed it.
fn is_closed(error: &anyhow::Error) -> bool {
    let closed = |error: &io::Error| error.kind() == ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(closed)
            || cause
                .downcast_ref::<serde_json::Error>()
                .is_some_and(|error| error.io_error_kind() == Some(ErrorKind::BrokenPipe))
    })
}

/// Elastic load balancing for Docker swarm, driven by sFlow telemetry.
///
/// sFlow agents report what every container uses; elb keeps the picture, decides how many
/// replicas each service should have, says why, and tells Docker.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Cli {
    /// What the log tells, as in `elb=debug` or `warn`; otherwise what suits the command.
    #[arg(long, global = true, value_name = "FILTER", env = "ELB_LOG")]
    log: Option<String>,

    /// How the log is written: for people, or a JSON object on each line for what collects it.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        env = "ELB_LOG_FORMAT"
    )]
    log_format: LogFormat,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole loop on this machine, with nothing else installed.
    ///
    /// A simulated swarm sends real sFlow datagrams over loopback to the real receiver and is
    /// scaled by the real controller, live in the terminal and on a page. Ends by itself, or
    /// with Ctrl-C; then it prints a summary and writes the chart.
    Demo(demo::Args),
    /// Balance the services of a cluster.
    ///
    /// Advises by default: decisions are made and shown, nothing is changed. It acts where the
    /// configuration contains `mode = "act"` twice: under `[control]` and for the service (in its
    /// policy or by its label `elb.mode`). SIGHUP reads the configuration again; a
    /// configuration with an error changes nothing.
    Run(run::Args),
    /// Check an installation, and show what to do about each fault.
    ///
    /// Reads the configuration, asks every manager and listens to the agents for a while; changes
    /// nothing. Shows which services would act. One line for each finding: ok, note or wrong. Ends
    /// early when all has been seen; Ctrl-C prints what is known so far. Fails if anything is wrong.
    Check(check::Args),
    /// Ask an elb that runs whether it is well, for a container's health check.
    Health(health::Args),
    /// Tell a collector what this host and its containers use.
    ///
    /// A small sFlow agent, for hosts without Host sFlow: counters of the host, its interfaces
    /// and its containers, and samples of the packets of the containers. One on each host;
    /// needs the engine's socket, and for the packets the capability CAP_NET_RAW. Ctrl-C ends it.
    #[cfg(target_os = "linux")]
    Agent(agent::Args),
    /// Play a capture through the same decisions, as JSON lines.
    ///
    /// One object for each decision tick, in the capture's own time, and service. Nothing is
    /// scaled: what would have been decided is told beside what was seen.
    Replay(replay::Args),
    /// Try a policy against a load, in virtual time.
    ///
    /// Prints a timeline and writes a chart of the load per container with and without the
    /// balancer. The same seed gives the same run, bit for bit.
    Simulate(simulate::Args),
    /// Compare policies with each other on six loads, in virtual time.
    ///
    /// Ours, the article's rule, Kubernetes' autoscaler and fixed sizes: who is overloaded for
    /// how long, at what cost, and how calmly. The same seed gives the same bytes.
    Compare(compare::Args),
}

/// Which rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PolicyName {
    /// One more above an upper threshold, one fewer below a lower one: the article's rule.
    TwoThreshold,
    /// As many as bring the load per container to a target.
    Target,
}

impl PolicyName {
    /// The services of a scenario, balanced this way: the article's thresholds, or as target
    /// nine tenths of its upper ones.
    fn services(self, scenario: &Scenario, mode: Mode) -> Vec<ServiceSettings> {
        let article = Config::article();
        let Some(like) = article.services.first() else {
            return Vec::new();
        };
        let settings = |service: &ServiceSpec| {
            let mut settings = like.settings.clone();
            (settings.min, settings.max) = scenario.policy(&service.name).bounds;
            settings.mode = mode;
            if let Rule::TwoThreshold { metrics, .. } = &mut settings.rule {
                only_fitting(metrics, service);
            }
            if let (Self::Target, Rule::TwoThreshold { metrics, .. }) = (self, &settings.rule) {
                let target = |metric: &Thresholds| Target {
                    metric: metric.metric.clone(),
                    target: metric.upper * 0.9,
                };
                settings.rule = Rule::Target {
                    metrics: metrics.iter().map(target).collect(),
                    tolerance_up: 0.1,
                    tolerance_down: 0.1,
                };
                settings.down.stabilise = Duration::from_secs(30);
            }
            settings
        };
        let services = scenario
            .cluster
            .services
            .iter()
            .map(|service| ServiceSettings {
                name: service.name.clone(),
                priority: scenario.policy(&service.name).priority,
                settings: settings(service),
            });
        services.collect()
    }
}

/// Leaves the CPU threshold out for a service whose requests cost so much of it that it would
/// be above at all times: what it carries is then measured in bytes alone.
fn only_fitting(metrics: &mut Vec<Thresholds>, service: &ServiceSpec) {
    let upper = |name: &str| {
        let metric = metrics.iter().find(|metric| metric.metric.contains(name));
        metric.map(|metric| metric.upper)
    };
    let (Some(percent), Some(bytes)) = (upper("cpu"), upper("bytes")) else {
        return;
    };
    let requests = bytes / service.request.bytes();
    if 100.0 * requests * service.request.cpu.as_secs_f64() > percent {
        metrics.retain(|metric| !metric.metric.contains("cpu"));
    }
}

impl Cli {
    /// Runs the command; errors go to standard error, with what to do about them.
    pub fn run(self) -> ExitCode {
        let log = Log {
            filter: self.log,
            format: self.log_format,
        };
        match self.command.run(&log) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                log.last_words(&error);
                ExitCode::FAILURE
            }
        }
    }
}

/// What the user wants to be told, if the user said so, and how.
#[derive(Debug)]
struct Log {
    filter: Option<String>,
    format: LogFormat,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// An object on each line.
    Json,
}

/// Writers of log lines in which control and invisible characters are escaped.
struct Escaping<M> {
    writer: M,
    format: Format,
}

impl<'w, M: MakeWriter<'w>> MakeWriter<'w> for Escaping<M> {
    type Writer = Lines<M::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Lines::new(self.writer.make_writer(), self.format)
    }
}

impl Log {
    /// The user's filter, or the command's own.
    fn filter(&self, otherwise: &str) -> anyhow::Result<EnvFilter> {
        let directives = self.filter.as_deref().unwrap_or(otherwise);
        EnvFilter::try_new(directives).with_context(|| format!("--log {directives}"))
    }

    /// Log lines to standard error.
    fn to_stderr(&self, otherwise: &str) -> anyhow::Result<()> {
        let is_ansi = io::stderr().is_terminal();
        self.begin(otherwise, io::stderr, is_ansi)
    }

    /// Log lines to a file, while the terminal is taken.
    fn to_file(&self, otherwise: &str, path: &Path) -> anyhow::Result<()> {
        let file = File::create(path)
            .with_context(|| format!("cannot write the log to {}", path.display()))?;
        self.begin(otherwise, Arc::new(file), false)
    }

    fn begin(
        &self,
        otherwise: &str,
        writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
        is_ansi: bool,
    ) -> anyhow::Result<()> {
        let format = match self.format {
            LogFormat::Json => Format::Json,
            LogFormat::Text if is_ansi => Format::Coloured,
            LogFormat::Text => Format::Text,
        };
        let lines = tracing_subscriber::fmt()
            .with_env_filter(self.filter(otherwise)?)
            .with_target(false)
            .with_writer(Escaping { writer, format });
        match self.format {
            LogFormat::Text => lines.with_ansi(is_ansi).init(),
            LogFormat::Json => lines.json().flatten_event(true).init(),
        }
        Ok(())
    }

    /// Why the program ends: a line like all others where lines are for a program.
    fn last_words(&self, error: &anyhow::Error) {
        match self.format {
            LogFormat::Json if tracing::dispatcher::has_been_set() => {
                tracing::error!("{error:#}");
            }
            LogFormat::Text | LogFormat::Json => {
                // Errors of parsers have several lines.
                let error = format!("elb: {error:#}");
                for line in error.lines() {
                    eprintln!("{}", printable(line));
                }
            }
        }
    }
}

impl Command {
    fn run(self, log: &Log) -> anyhow::Result<()> {
        match self {
            Self::Demo(args) => args.run(log),
            Self::Run(args) => args.run(log),
            Self::Check(args) => args.run(log),
            Self::Health(args) => args.run(),
            #[cfg(target_os = "linux")]
            Self::Agent(args) => args.run(log),
            Self::Replay(args) => args.run(log),
            Self::Simulate(args) => args.run(log),
            Self::Compare(args) => args.run(log),
        }
    }
}

/// One thread is enough: the work of the loop is small, and needs no locks this way.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

/// Is ready when the user or the system asks the program to end. From the call on, and not only
/// once it is waited for, that is a request and does not kill.
fn end_requested() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate())
            .and_then(|term| Ok((term, signal(SignalKind::interrupt())?)))
    };
    async move {
        #[cfg(unix)]
        if let Ok((mut terminate, mut interrupt)) = signals {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            return;
        }
        tokio::signal::ctrl_c().await.ok();
    }
}
