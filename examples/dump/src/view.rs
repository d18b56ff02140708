//! The output formats.

use sflow_collector::Received;
use sflow_v5::{Datagram, Error};

use crate::brief;
use crate::count::Count;
use crate::filter::Filter;
use crate::json::Json;
use crate::speed::Speed;
use crate::text;

/// An output format.
pub(crate) enum View {
    /// A block per datagram.
    Text { is_colored: bool },
    /// A line per sampled packet.
    Brief,
    /// A line per datagram.
    Json(Json),
    /// A summary at the end.
    Count(Box<Count>),
    /// The rate at the end.
    Speed(Speed),
}

impl View {
    /// Whether all output is written at the end.
    pub(crate) const fn is_quiet(&self) -> bool {
        matches!(self, Self::Count(_) | Self::Speed(_))
    }

    /// Starts measuring the time, before the first datagram.
    pub(crate) fn start(&mut self) {
        if let Self::Speed(speed) = self {
            speed.start();
        }
    }

    /// Shows a datagram. Returns whether any part of it passed the filter.
    pub(crate) fn datagram(
        &mut self,
        received: &Received<'_>,
        datagram: &Datagram<'_>,
        filter: &Filter,
        out: &mut Vec<u8>,
    ) -> bool {
        match self {
            Self::Text { is_colored } => {
                text::datagram(received, datagram, filter, *is_colored, out)
            }
            Self::Brief => brief::datagram(received, datagram, filter, out),
            Self::Json(json) => json.datagram(received, datagram, filter, out),
            Self::Count(count) => count.datagram(datagram, filter),
            Self::Speed(speed) => speed.datagram(datagram, received.bytes.len(), filter),
        }
    }

    /// Shows a datagram that is not sFlow version 5.
    pub(crate) fn refused(&mut self, received: &Received<'_>, error: &Error, out: &mut Vec<u8>) {
        match self {
            Self::Text { .. } => text::refused(received, error, out),
            Self::Brief => brief::refused(received, error, out),
            Self::Json(json) => json.refused(received, error, out),
            Self::Count(count) => count.refused(received.bytes, error),
            Self::Speed(_) => {}
        }
    }

    /// Writes the summary, after the last datagram.
    pub(crate) fn end(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text { .. } | Self::Brief | Self::Json(_) => {}
            Self::Count(count) => count.write(out),
            Self::Speed(speed) => speed.write(out),
        }
    }
}
