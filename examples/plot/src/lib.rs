//! Plots as SVG: panels with axes, lines, areas and marks with tooltips.
//!
//! A plot is complete: it needs no script, style sheet or font. The same input yields the same
//! bytes. Text is escaped and has no unprintable characters. Positions and sizes are in pixels,
//! `(x, y)` from the upper left corner; a text is placed by its vertical middle.
//!
//! ```
//! use plot::{Axis, Drawing, LINE, Panel};
//!
//! let rates = [(0.0, 1_200.0), (10.0, 4_000.0), (20.0, 3_100.0)];
//! let panel = Panel {
//!     x: Axis::time((0.0, 20.0), None, 400, 70),
//!     y: Axis::values(4_000.0, 150, |value| format!("{value} B/s")),
//!     left: 70,
//!     right: 470,
//!     top: 30,
//!     bottom: 180,
//! };
//! let mut drawing = Drawing::new("Traffic of web", (500, 220));
//! drawing.title("Traffic", (16, 16), 12);
//! panel.frame(&mut drawing);
//! panel.line(&mut drawing, &rates, LINE, 2);
//! panel.times(&mut drawing);
//! let svg = drawing.svg();
//! assert!(svg.contains("4000 B/s") && svg.contains("0:15"));
//! ```

mod axis;
mod drawing;
mod panel;

pub use axis::{Axis, duration};
pub use drawing::{
    Anchor, Color, Drawing, GRID, INK, LINE, MUTED, Mark, Shape, Symbol, legend_width, night_rules,
    text_width,
};
pub use panel::Panel;
