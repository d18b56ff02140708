//! The command line.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};
use serde::Serialize;

use sflow_collector::capture::{CaptureError, Port};
use sflow_collector::udp::listen_address;
use sflow_metrics::flow;
use stop::Stop;
use top_flows::matrix::{self, Matrix};
use top_flows::model::Shared;
use top_flows::once::{self, Document, MatrixDocument};
use top_flows::preset::{self, Preset};
use top_flows::question::{Aggregate, Fields, MOST, Question, TOP, smoothing};
use top_flows::source::{Playback, Source};
use top_flows::terminal::{self, Start};
use top_flows::web;
use untrusted::report;

/// The active flows by sender, receiver and other keys, in the terminal and as a page.
///
/// Without a capture it receives sFlow datagrams on port 6343. A capture is played with its own
/// clock: pcap or pcapng, also compressed with gzip, zstd, xz, bzip2 or LZ4, or a directory of
/// these; `-` is standard input. All options can be changed on the screen: press ? for help.
#[derive(Debug, Parser)]
#[command(version, after_long_help = EXAMPLES)]
pub(crate) struct Cli {
    /// A capture to play, instead of receiving.
    #[arg(value_name = "CAPTURE")]
    capture: Option<PathBuf>,

    /// Receive on ADDRESS, PORT or ADDRESS:PORT; default 0.0.0.0:6343.
    #[arg(short, long, value_name = "ADDRESS", value_parser = listen_address, conflicts_with = "capture", help_heading = "Input")]
    listen: Option<SocketAddr>,

    /// The destination port of datagrams in a capture; `any` for all ports.
    #[arg(
        long,
        value_name = "PORT",
        default_value = "6343",
        conflicts_with = "listen",
        help_heading = "Input"
    )]
    port: Port,

    /// Playback speed of the capture as a multiple of real time.
    #[arg(short, long, value_name = "FACTOR", default_value = "1", value_parser = speed, requires = "capture", help_heading = "Input")]
    speed: f64,

    /// Play the capture again after its end.
    #[arg(
        long = "loop",
        requires = "capture",
        conflicts_with = "once",
        help_heading = "Input"
    )]
    is_looped: bool,

    /// Keys that distinguish flows, separated by commas; --keys-help lists them.
    #[arg(short, long, value_name = "KEYS")]
    keys: Option<String>,

    /// The measure: bits, bytes, frames, drops, drops.bytes, distinct(KEY,…), bits.net, bytes.net.
    ///
    /// With a window, as in `bits[1m tumbling]`, values are those of the last complete minute instead
    /// of --smooth.
    #[arg(short, long, value_name = "VALUE")]
    value: Option<String>,

    /// Conditions on packets: KEY=VALUE, separated by &; != excludes, | separates values.
    #[arg(short, long, value_name = "FILTER", default_value = "")]
    filter: String,

    /// Maximum number of listed flows; all others are one row.
    #[arg(short = 'n', long, value_name = "N", default_value_t = TOP, value_parser = top)]
    top: usize,

    /// Minimum value of listed flows, in the unit of the value.
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0, value_parser = least)]
    least: f64,

    /// Time constant of values per second: 2s, 500ms, 1m; `off` for sums since the start.
    ///
    /// The weight of a packet falls to 37 % after this time. Default 2s; `off` for --once with a
    /// capture, since the answer is that at its end.
    #[arg(long, value_name = "TIME")]
    smooth: Option<String>,

    /// Value of a flow that several data sources sample: the `sum` or the `max` of their values.
    #[arg(long, value_name = "MODE", default_value = "sum", value_parser = ["sum", "max"])]
    aggregate: String,

    /// Additional presets, listed first: a JSON list in the format of --presets-help.
    #[arg(long, value_name = "FILE")]
    presets: Option<PathBuf>,

    /// Serve the page on ADDRESS, PORT or ADDRESS:PORT; default 127.0.0.1:8008.
    ///
    /// Access requires no password: with another address than 127.0.0.1, all hosts that can reach
    /// it have read access.
    #[arg(short, long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:8008", value_parser = web::address, help_heading = "Page")]
    web: Option<SocketAddr>,

    /// Serve only the page, without a screen.
    #[arg(long, requires = "web", help_heading = "Page")]
    no_terminal: bool,

    /// Read the capture to its end, or listen for --seconds; print the result and exit.
    #[arg(long, conflicts_with_all = ["web", "speed"], help_heading = "Output")]
    once: bool,

    /// With --once: time to listen in seconds.
    #[arg(long, value_name = "N", default_value = "10", value_parser = seconds, requires = "once", help_heading = "Output")]
    seconds: f64,

    /// With --once: print one JSON document.
    #[arg(long, requires = "once", help_heading = "Output")]
    json: bool,

    /// Show the matrix of traffic between services.
    #[arg(short, long)]
    matrix: bool,

    /// List all keys and exit.
    #[arg(long, help_heading = "Documents")]
    keys_help: bool,

    /// Print the presets as JSON and exit.
    #[arg(long, help_heading = "Documents")]
    presets_help: bool,

    #[command(flatten)]
    output: command::Output,

    #[command(flatten)]
    documents: command::Documents,
}

/// The maximum number of services in the text of a matrix.
const COLUMNS: usize = 12;

const EXAMPLES: &str = "\
Examples:
  Live flows in the terminal and on http://127.0.0.1:8008/
    top-flows --web

  A capture at ten times its speed, again and again
    top-flows capture.pcap --speed 10 --loop

  Traffic between services of a swarm (or press m)
    top-flows --matrix

  Dropped packets by reason
    top-flows --keys drop.reason,ip.src,ip.dst --value drops

  One network by port
    top-flows --keys ip.src,port.dst --filter 'ip.dst=10.0.0.0/8&ip.protocol=tcp'

  For scripts: a whole capture; ten seconds of live traffic
    top-flows --once --json capture.pcap
    top-flows --once --json --seconds 10 --keys service.src,service.dst

Keys on the screen:
  k v f     edit keys, value, filter; Tab completes, Enter applies, Esc cancels
  p         presets, by category            m   the matrix of services
  arrows    select a cell                   Enter   only packets with this value
  !         only packets without it         Backspace   previous question
  s         sort by this column             u   bits, bytes, packets
  space     pause                           + -   speed of a capture
  [ ]       10 s back or forward            { }   60 s
  r         a capture from its start        mouse select a row, a time
  a         sum or maximum of data sources  t l   number of rows, minimum value
  ?         help                            q   quit

Exit codes:
  0  success
  1  a capture or the socket failed, or there were no datagrams
  2  invalid command line";

/// An error with the path of the capture, which only some errors contain.
fn cannot_play(path: &Path, error: CaptureError) -> anyhow::Error {
    let context = match error.path() {
        Some(_) => "cannot play the capture".to_owned(),
        None => format!("cannot play {}", path.display()),
    };
    anyhow::Error::from(error).context(context)
}

impl Cli {
    /// Runs the command.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        if !self.output.is_colored() {
            // Also of the screen.
            ratatui::crossterm::style::force_color_output(false);
        }
        if self.documents.is_requested() {
            self.documents.print(Self::command())?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.output.is_file() && !(self.once || self.keys_help || self.presets_help) {
            usage("--output requires --once");
        }
        let mut out = self.output.open()?;
        if self.keys_help {
            return print(&mut out, &keys_help());
        }
        let mut presets = match &self.presets {
            Some(path) => preset::read(path)?,
            None => Vec::new(),
        };
        presets.extend(preset::own());
        if self.presets_help {
            return print(
                &mut out,
                &(untrusted::json::to_string_pretty(&presets)? + "\n"),
            );
        }
        let question = self.question();
        let is_drawn = !self.once && !self.no_terminal && terminal::is_available();
        let stop = Stop::watch_with(move || {
            if is_drawn {
                terminal::restore();
            }
        });
        let stop = stop.context("cannot watch for Ctrl-C")?;
        let is_over = stop.flag();
        let source = match &self.capture {
            Some(path) => Source::open_until(path, stop.flag())
                .map_err(|error| cannot_play(path, error))?
                .with_port(self.port),
            None => {
                let any = SocketAddr::from(([0, 0, 0, 0], sflow_collector::SFLOW_PORT));
                Source::listen(self.listen.unwrap_or(any))?
            }
        };
        if self.once {
            return self.once(source, &question, &is_over, &mut out);
        }
        self.show(source, question, presets, &is_over)
    }

    fn question(&self) -> Question {
        let is_sum = self.once && self.capture.is_some();
        let smoothing = match self.smooth.as_deref() {
            None if is_sum => None,
            None => Some(flow::Definition::SMOOTHING),
            Some(text) => match smoothing(text) {
                Ok(smoothing) => smoothing,
                Err(message) => usage(&format!("--smooth: {message}")),
            },
        };
        let usual = Question {
            smoothing,
            aggregate: match self.aggregate.as_str() {
                "max" => Aggregate::Max,
                _ => Aggregate::Sum,
            },
            top: self.top,
            least: self.least,
            ..Question::new([])
        };
        let value = match (&self.value, smoothing) {
            (Some(value), _) => value.clone(),
            (None, Some(_)) => "bits".to_owned(),
            (None, None) => "bytes".to_owned(),
        };
        let fields = Fields {
            keys: self
                .keys
                .clone()
                .unwrap_or_else(|| "end.src,end.dst,ip.protocol".to_owned()),
            value,
            filter: self.filter.clone(),
        };
        match fields.read(&usual) {
            Ok(question) if question.window.is_some() && self.smooth.is_some() => {
                usage("--smooth and the window of --value exclude each other")
            }
            Ok(question) => question,
            Err(mistake) => {
                let text = untrusted::printable(fields.text(mistake.field)).into_owned();
                let pointer = " ".repeat(mistake.position);
                let hint = if mistake.message.starts_with("unknown key") {
                    "\n--keys-help lists all keys"
                } else if mistake.message.starts_with("unknown value") {
                    "\nor bits, bits.net or drops.bits"
                } else {
                    ""
                };
                usage(&format!("--{mistake}\n  {text}\n  {pointer}^{hint}"))
            }
        }
    }

    fn once(
        &self,
        source: Source,
        question: &Question,
        is_over: &AtomicBool,
        out: &mut impl Write,
    ) -> anyhow::Result<ExitCode> {
        let asked = match self.matrix {
            true => matrix::question(question),
            false => question.clone(),
        };
        let length = Duration::from_secs_f64(self.seconds);
        let path = self.capture.as_ref();
        let (model, picture) = once::run(source, path, &asked, length, is_over)?;
        for line in model
            .status
            .file_errors
            .iter()
            .chain(&model.status.passed_over)
        {
            report!("{line}");
        }
        let Some(picture) = picture.filter(|_| model.status.datagrams > 0) else {
            match (&self.capture, self.port) {
                (Some(path), Port::To(port)) => report!(
                    "no datagram to UDP port {port} in {}; --port PORT reads another port",
                    path.display()
                ),
                (Some(path), Port::Any) => {
                    report!("no UDP datagram in {}", path.display());
                }
                (None, _) => report!("no datagrams received; check the port and the agents"),
            }
            return Ok(ExitCode::FAILURE);
        };
        if model.status.malformed > 0 {
            let (malformed, protocols) = (model.status.malformed, &model.status.protocols);
            let names = match protocols.total() {
                0 => String::new(),
                _ => format!(": {protocols}"),
            };
            let what = match malformed {
                1 => "datagram was",
                _ => "datagrams were",
            };
            report!("{malformed} {what} not sFlow version 5{names}");
        }
        let code = match (self.matrix, self.json) {
            (true, true) => {
                let matrix = Matrix::new(&picture, once::SERVICES);
                self.document(out, &MatrixDocument::new(&matrix, &model.status))
            }
            (false, true) => self.document(out, &Document::new(&picture, &model.status, false)),
            (true, false) => print(out, &once::matrix_text(&Matrix::new(&picture, COLUMNS))),
            (false, false) => print(out, &once::text(&picture)),
        }?;
        match (&model.status.fault, path) {
            (Some(fault), Some(path)) => {
                report!("{}: {fault}", path.display());
                Ok(ExitCode::FAILURE)
            }
            _ if !model.status.file_errors.is_empty() => Ok(ExitCode::FAILURE),
            _ => Ok(code),
        }
    }

    fn document(
        &self,
        out: &mut impl Write,
        document: &impl Serialize,
    ) -> anyhow::Result<ExitCode> {
        let mut text = match self.output.is_terminal() {
            true => untrusted::json::to_string_pretty(document)?,
            false => untrusted::json::to_string(document)?,
        };
        text.push('\n');
        print(out, &text)
    }

    fn show(
        &self,
        source: Source,
        question: Question,
        presets: Vec<Preset>,
        is_over: &Arc<AtomicBool>,
    ) -> anyhow::Result<ExitCode> {
        let has_terminal = terminal::is_available();
        if !has_terminal && !self.no_terminal {
            usage(
                "not a terminal; use --once for a report, or --web --no-terminal to serve only the page",
            );
        }
        let model = Shared::new(source.model(self.capture.as_ref(), self.speed));
        let page = match self.web {
            Some(address) => {
                let site = web::Site::new(model.clone(), question.clone(), presets.clone());
                let listening = web::serve(address, site)?;
                Some(format!("http://{listening}/"))
            }
            None => None,
        };
        let playback = Playback {
            path: self.capture.clone().filter(|path| path != Path::new("-")),
            port: self.port,
            is_looped: self.is_looped,
        };
        let fed = source.play(playback, model.clone(), Arc::clone(is_over))?;
        if self.no_terminal {
            if let Some(page) = page {
                report!("serving the page on {page}");
            }
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(100));
                let mut model = model.lock();
                model.forget_unasked(std::time::Instant::now());
                model.catch_up();
            }
        } else {
            let start = Start {
                question,
                presets,
                page,
                is_matrix: self.matrix,
            };
            terminal::run(&model, start, is_over)?;
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        fed.join().ok();
        let status = model.lock().status.clone();
        let lines = status.file_errors.iter().chain(&status.passed_over);
        for line in lines.chain(&status.fault) {
            report!("{line}");
        }
        match status.fault.is_some() || !status.file_errors.is_empty() {
            true => Ok(ExitCode::FAILURE),
            false => Ok(ExitCode::SUCCESS),
        }
    }
}

/// Writes text; a closed pipe is not an error.
fn print(out: &mut impl Write, text: &str) -> anyhow::Result<ExitCode> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if !command::is_closed(&error) => Err(error).context("cannot write the output"),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn keys_help() -> String {
    let width = flow::Key::all()
        .iter()
        .map(|key| key.name().len())
        .max()
        .unwrap_or(0);
    let line = |key: &flow::Key| format!("{:width$}  {}\n", key.name(), key.doc());
    flow::Key::all().iter().map(line).collect()
}

fn usage(message: &str) -> ! {
    Cli::command()
        .error(ErrorKind::ValueValidation, message)
        .exit()
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed > 0.0 && speed <= 1e6 => Ok(speed),
        _ => Err("give a number above 0 and up to a million; 1 is as it was recorded".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(seconds),
        _ => Err("give seconds, above 0 and up to a day".to_owned()),
    }
}

fn top(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(top) if (1..=MOST).contains(&top) => Ok(top),
        _ => Err(format!("give a number from 1 to {MOST}")),
    }
}

fn least(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(least) if least >= 0.0 && least.is_finite() => Ok(least),
        _ => Err("give an amount, 0 or more".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_valid() {
        Cli::command().debug_assert();
    }
}
