//! Small chart of a history.

use std::fmt::Write as _;

use crate::charts::series::Series;
use crate::view::ServiceView;

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 28.0;

/// Load per container with its upper threshold, over the replicas.
pub(super) fn draw(service: &ServiceView) -> String {
    let series = Series::new(&service.past);
    let upper = service.signals.first().map_or(0.0, |signal| signal.upper);
    let upper = Some(upper).filter(|upper| upper.is_finite() && *upper > 0.0);
    let largest = series.largest_load().max(upper.unwrap_or(0.0) * 1.25);
    let (Some((first, last)), true) = (series.span(), largest > 0.0) else {
        return "<span class=\"quiet\">no data</span>".to_owned();
    };
    let span = (last - first).max(60.0);
    let x = |at: f64| (at - first) / span * WIDTH;
    let y = |part: f64| HEIGHT - 1.0 - part.clamp(0.0, 1.0) * (HEIGHT - 2.0);
    let mut svg = format!(
        "<svg class=\"spark\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" \
         aria-hidden=\"true\">"
    );
    let most = f64::from(series.most_replicas().max(1));
    let stairs = series.stairs(|point| point.running);
    let _ = write!(svg, "<polygon class=\"replicas\" points=\"0,{HEIGHT}");
    for (at, replicas) in &stairs {
        let _ = write!(svg, " {:.1},{:.1}", x(*at), y(replicas / most));
    }
    let _ = write!(svg, " {:.1},{HEIGHT}\"/>", x(last));
    if let Some(upper) = upper {
        let y = y(upper / largest);
        let _ = write!(svg, "<path class=\"limit\" d=\"M0 {y:.1}H{WIDTH}\"/>");
    }
    for run in series.load() {
        svg.push_str("<polyline class=\"load\" points=\"");
        for (at, load) in run {
            let _ = write!(svg, "{:.1},{:.1} ", x(at), y(load / largest));
        }
        svg.push_str("\"/>");
    }
    svg + "</svg>"
}
