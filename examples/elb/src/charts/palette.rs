//! Colours of the charts, and their replacements on a dark page.

use plotters::style::RGBColor;

/// Background.
pub(super) const CARD: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
/// Border.
pub(super) const EDGE: RGBColor = RGBColor(0xD8, 0xDE, 0xE4);
/// Titles.
pub(super) const INK: RGBColor = RGBColor(0x1F, 0x29, 0x33);
/// Labels.
pub(super) const MUTED: RGBColor = RGBColor(0x5B, 0x67, 0x74);
/// Grid.
pub(super) const GRID: RGBColor = RGBColor(0xEA, 0xED, 0xF0);
/// Time axis, and markers of changes.
pub(super) const AXIS: RGBColor = RGBColor(0xC3, 0xCA, 0xD2);
/// Time ranges without data.
pub(super) const UNKNOWN: RGBColor = RGBColor(0xF3, 0xF4, 0xF6);
/// Range between the thresholds.
pub(super) const CALM: RGBColor = RGBColor(0xE6, 0xF4, 0xEA);
/// The thresholds.
pub(super) const LIMIT: RGBColor = RGBColor(0x3B, 0x74, 0x50);
/// Load, and changes by the balancer.
pub(super) const LOAD: RGBColor = RGBColor(0x1D, 0x63, 0xD8);
/// Running replicas, drawn below the desired replicas.
pub(super) const RUNNING: RGBColor = RGBColor(0xD3, 0xE2, 0xFA);
/// The series without the balancer.
pub(super) const WITHOUT: RGBColor = RGBColor(0xD0, 0x6A, 0x1B);

/// Range from the least to the most loaded container.
pub(super) const SPREAD: RGBColor = RGBColor(0xDD, 0xE8, 0xFB);
/// Decisions based on packet samples.
pub(super) const SAMPLES: RGBColor = RGBColor(0x8A, 0x3F, 0xC4);
/// Decisions that were not applied.
pub(super) const FAILED: RGBColor = RGBColor(0xB3, 0x26, 0x1E);

const AT_NIGHT: [(RGBColor, &str); 14] = [
    (CARD, "#161B22"),
    (EDGE, "#30363D"),
    (INK, "#E6EDF3"),
    (MUTED, "#9AA5B1"),
    (GRID, "#252B33"),
    (AXIS, "#48515C"),
    (UNKNOWN, "#1E242C"),
    (CALM, "#16301F"),
    (LIMIT, "#5FAF7B"),
    (LOAD, "#6CA8FF"),
    (RUNNING, "#1B3358"),
    (SPREAD, "#1C2E4A"),
    (SAMPLES, "#C39BF0"),
    (FAILED, "#FF8A80"),
];

/// CSS rules that recolour a chart inside an element with class `chart` for a dark page.
///
/// A chart has its colours in attributes, so that it is complete as a file; the CSS of a page takes
/// precedence over attributes.
pub fn night_rules() -> String {
    let rule = |(day, night): &(RGBColor, &str)| {
        let RGBColor(r, g, b) = day;
        let day = format!("#{r:02X}{g:02X}{b:02X}");
        format!(
            ".chart [fill=\"{day}\"]{{fill:{night}}}.chart [stroke=\"{day}\"]{{stroke:{night}}}"
        )
    };
    AT_NIGHT.iter().map(rule).collect()
}
