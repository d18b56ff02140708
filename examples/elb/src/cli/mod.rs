//! The command line: one file per subcommand.

#[cfg(target_os = "linux")]
mod agent;
mod check;
mod compare;
mod demo;
mod health;
mod history;
pub mod replay;
mod run;
mod simulate;

use std::fs::{self, File};
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use sflow_metrics::Timestamp;
use sflow_simulator::experiment::Scenario;
use tracing_subscriber::EnvFilter;
use untrusted::{Format, Lines, printable};

use crate::balancer::Balancer;
use crate::config::{Config, ServiceSettings};
use crate::handle::{Handle, Requests};
use crate::http::{Access, Server, Site};
use crate::orchestrator::Orchestrator;
use crate::status::About;

/// Prints a line. A closed output is not an error.
macro_rules! say {
    () => { $crate::cli::put(format_args!("\n")) };
    ($($message:tt)*) => { $crate::cli::put(format_args!("{}\n", format_args!($($message)*))) };
}

/// Prints part of a line.
macro_rules! say_part {
    ($($message:tt)*) => { $crate::cli::put(format_args!($($message)*)) };
}

use {say, say_part};

/// Writes to standard output. A closed output is not an error.
fn put(message: std::fmt::Arguments<'_>) -> anyhow::Result<()> {
    match io::stdout().write_fmt(message) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Elastic load balancing for Docker swarm, driven by sFlow telemetry.
///
/// sFlow agents report the resource usage of all containers. elb decides how many replicas each
/// service should have, explains the decision, and scales the service through Docker.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Cli {
    /// Log filter, such as `elb=debug` or `warn`; the default depends on the command.
    #[arg(long, global = true, value_name = "FILTER", env = "ELB_LOG")]
    log: Option<String>,

    /// Log format: text, or one JSON object per line.
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
    /// Demonstrate the control loop on this machine, without Docker.
    ///
    /// A simulated swarm sends real sFlow datagrams over loopback to the real receiver and is
    /// scaled by the real controller, shown in the terminal and on a page, whose address it prints.
    /// Ends after two minutes or with Ctrl-C, prints a summary and writes the chart.
    Demo(demo::Args),
    /// Scale the services of a cluster.
    ///
    /// The default mode is `advise`: decisions are made and shown, nothing is changed. elb acts if
    /// the configuration contains `mode = "act"` twice: under `[control]` and for the service (in
    /// its policy or by its label `elb.mode`). SIGHUP reloads the configuration; an invalid
    /// configuration is not applied.
    Run(run::Args),
    /// Check an installation and recommend corrections.
    ///
    /// Reads the configuration, queries every manager and listens to the agents for a while.
    /// Changes nothing. Prints one line per finding: ok, note or wrong, and which services elb
    /// would change. Ends early when all expected data was received; Ctrl-C prints the findings so
    /// far. Fails if anything is wrong.
    Check(check::Args),
    /// Print stored decisions and changes of modes.
    ///
    /// Reads the file that `[history]` in the configuration names, also while elb is running. Times
    /// are in UTC.
    History(history::Args),
    /// Query the health of a running elb, for a container's health check.
    Health(health::Args),
    /// Report the resource usage of this host and its containers to a collector.
    ///
    /// A small sFlow agent for hosts without Host sFlow: counters of the host, its interfaces and
    /// its containers, and packet samples of the containers. Run one per host. It needs access to
    /// the engine's socket, and the capability CAP_NET_RAW for packet samples. Ctrl-C ends it.
    #[cfg(target_os = "linux")]
    Agent(agent::Args),
    /// Replay a capture through the controller and print the decisions as JSON lines.
    ///
    /// One object per decision interval and service, in the capture's time. Nothing is scaled; each
    /// line contains the decision and the observed values.
    Replay(replay::Args),
    /// Simulate a policy under a workload, in virtual time.
    ///
    /// Prints a timeline and writes a chart of the load per container with and without the
    /// balancer. The same seed gives the same result.
    Simulate(simulate::Args),
    /// Compare scaling policies on six workloads, in virtual time.
    ///
    /// elb, a rule with two thresholds, Kubernetes' autoscaler and fixed sizes: overload, cost, and
    /// number of changes. The same seed gives the same result.
    Compare(compare::Args),
}

/// The scaling policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PolicyName {
    /// Thresholds: one replica more above the upper threshold, one fewer below the lower one.
    TwoThreshold,
    /// Target: the number of replicas that brings the load per container to a target.
    Target,
}

impl PolicyName {
    /// The services of a scenario with this policy.
    fn services(self, scenario: &Scenario) -> Vec<ServiceSettings> {
        match self {
            Self::TwoThreshold => scenario.two_threshold_services(),
            Self::Target => scenario.target_services(),
        }
    }
}

impl Cli {
    /// Runs the command. Errors are printed to standard error.
    pub fn run(self) -> ExitCode {
        let log = Log {
            filter: self.log,
            format: self.log_format,
        };
        match self.command.run(&log) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                log.print_error(&error);
                ExitCode::FAILURE
            }
        }
    }
}

/// Log filter and format, if given by the user.
#[derive(Debug)]
struct Log {
    filter: Option<String>,
    format: LogFormat,
}

/// Log format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Text.
    Text,
    /// One JSON object per line.
    Json,
}

impl Log {
    /// Log lines to standard error.
    fn to_stderr(&self, otherwise: &str) -> anyhow::Result<()> {
        let is_ansi = io::stderr().is_terminal();
        self.begin(otherwise, io::stderr, is_ansi)
    }

    /// Log to a file while a full-screen view uses the terminal.
    fn to_file(&self, otherwise: &str, path: &Path) -> anyhow::Result<()> {
        let file = File::create(path)
            .with_context(|| format!("cannot write the log to {}", path.display()))?;
        let file = Arc::new(file);
        self.begin(otherwise, move || Arc::clone(&file), false)
    }

    /// Starts the log with the user's filter, or the default of the command. Control and invisible
    /// characters are escaped.
    fn begin<W: io::Write + 'static>(
        &self,
        otherwise: &str,
        writer: impl Fn() -> W + Send + Sync + 'static,
        is_ansi: bool,
    ) -> anyhow::Result<()> {
        let directives = self.filter.as_deref().unwrap_or(otherwise);
        let filter =
            EnvFilter::try_new(directives).with_context(|| format!("--log {directives}"))?;
        let format = match self.format {
            LogFormat::Json => Format::Json,
            LogFormat::Text if is_ansi => Format::Coloured,
            LogFormat::Text => Format::Text,
        };
        let lines = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_target(false)
            .with_writer(move || Lines::new(writer(), format));
        match self.format {
            LogFormat::Text => lines.with_ansi(is_ansi).init(),
            LogFormat::Json => lines.json().flatten_event(true).init(),
        }
        Ok(())
    }

    /// Prints the error that ends the program, in the log format.
    fn print_error(&self, error: &anyhow::Error) {
        match self.format {
            LogFormat::Json if tracing::dispatcher::has_been_set() => {
                tracing::error!("{error:#}");
            }
            LogFormat::Text | LogFormat::Json => {
                // Parser errors have several lines.
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
            Self::History(args) => args.run(),
            #[cfg(target_os = "linux")]
            Self::Agent(args) => args.run(log),
            Self::Replay(args) => args.run(log),
            Self::Simulate(args) => args.run(log),
            Self::Compare(args) => args.run(log),
        }
    }
}

/// A single-threaded runtime: the loop needs little CPU time and no locks.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

/// The page and the API of a loop.
struct Served {
    page: String,
    handle: Handle,
    requests: Requests,
    server: Server,
}

/// Serves the page and the API of a loop at an address, and accepts requests to change it.
fn serve<O: Orchestrator>(
    balancer: &Balancer<O>,
    config: Config,
    address: SocketAddr,
    now: Timestamp,
    title: &str,
) -> anyhow::Result<Served> {
    let access = Access {
        token: config.http.token.clone(),
        names: config.http.names.clone(),
    };
    let listener = TcpListener::bind(address)
        .with_context(|| format!("cannot serve the page on {address}"))?;
    let page = format!("http://{}/", listener.local_addr()?);
    let about = About {
        title: title.to_owned(),
        page: Some(page.clone()),
        speed: 1.0,
        load: None,
    };
    balancer.status().lock().set_context(now, about);
    let (telemetry, status) = (balancer.telemetry().clone(), balancer.status().clone());
    let (handle, requests) = Handle::new(telemetry, status, config);
    let server = Server::start(listener, Site::new(handle.clone()).with_access(access))?;
    Ok(Served {
        page,
        handle,
        requests,
        server,
    })
}

fn write_chart(path: &Path, chart: &str) -> anyhow::Result<()> {
    fs::write(path, chart).with_context(|| format!("cannot write the chart to {}", path.display()))
}

/// Completes when the user or the system requests the program to end. The signals are caught from
/// the call on, not from the first poll.
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
