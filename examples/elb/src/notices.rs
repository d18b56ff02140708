//! Log lines for received data that is refused: one per cause.

use sflow_autoscale::observe::{Notice, Telemetry};
use tracing::warn;

/// Logs the notices of `telemetry` since the last call.
pub(crate) fn log(telemetry: &mut Telemetry) {
    for notice in telemetry.drain_notices() {
        match (&notice, notice.source()) {
            (Notice::SenderNotAllowed { .. }, Some(source)) => warn!(
                %source,
                "refused a datagram: its sender is not in collector.agents; further ones are only \
                 counted"
            ),
            (_, Some(source)) => warn!(%source, "{notice}"),
            (_, None) => warn!("{notice}"),
        }
    }
}
