use std::fmt::Write as _;

use crate::Axis;
use crate::drawing::{AXIS, Color, Drawing, GRID, MUTED};

/// A plot area with two axes.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Axis along the bottom, usually of time.
    pub x: Axis,
    /// Axis along the left edge; it starts at zero.
    pub y: Axis,
    /// Left edge.
    pub left: i32,
    /// Right edge.
    pub right: i32,
    /// Upper edge.
    pub top: i32,
    /// Lower edge.
    pub bottom: i32,
}

impl Panel {
    /// Position of a value. Values beyond an axis are placed at its end.
    pub fn place(&self, (x, y): (f64, f64)) -> (i32, i32) {
        let along = |value: f64, axis: &Axis| {
            let span = axis.range.end - axis.range.start;
            ((value - axis.range.start) / span).clamp(0.0, 1.0)
        };
        let width = f64::from(self.right - self.left);
        let height = f64::from(self.bottom - self.top);
        let x = f64::from(self.left) + along(x, &self.x) * width;
        let y = f64::from(self.bottom) - along(y, &self.y) * height;
        (x.round() as i32, y.round() as i32)
    }

    /// Values as the points of a line.
    fn points(&self, values: impl Iterator<Item = (f64, f64)>) -> String {
        values.fold(String::new(), |mut points, value| {
            let (x, y) = self.place(value);
            let _ = write!(points, "{x},{y} ");
            points
        })
    }

    /// Grid and labels of the vertical axis, and the baseline.
    pub fn frame(&self, drawing: &mut Drawing) {
        for (value, label) in &self.y.ticks {
            let (_, y) = self.place((self.x.range.start, *value));
            let color = if *value == 0.0 { AXIS } else { GRID };
            drawing.fill((self.left, y), (self.right - self.left, 1), color);
            drawing.text(label, (self.left - 8, y), "end", MUTED);
        }
    }

    /// Labels of the horizontal axis, below the panel.
    pub fn times(&self, drawing: &mut Drawing) {
        for (at, label) in &self.x.ticks {
            let (x, _) = self.place((*at, 0.0));
            drawing.fill((x, self.bottom), (1, 5), AXIS);
            drawing.text(label, (x, self.bottom + 15), "middle", MUTED);
        }
    }

    /// Shades ranges of time and of values, at least one pixel wide. An infinite range is that of
    /// the axis.
    pub fn shade(
        &self,
        drawing: &mut Drawing,
        (begin, end): (f64, f64),
        (low, high): (f64, f64),
        color: Color,
    ) {
        let ((left, bottom), (right, top)) = (self.place((begin, low)), self.place((end, high)));
        drawing.fill((left, top), ((right - left).max(1), bottom - top), color);
    }

    /// A line of this width in pixels; a single point is a dot.
    pub fn line(&self, drawing: &mut Drawing, values: &[(f64, f64)], color: Color, width: u32) {
        match values {
            [] => {}
            [value] => drawing.dot(self.place(*value), 3, color),
            _ => {
                let points = self.points(values.iter().copied());
                drawing.polyline(points, width, color);
            }
        }
    }

    /// The area between a line and the axis.
    pub fn area(&self, drawing: &mut Drawing, values: &[(f64, f64)], color: Color) {
        let ends = values.first().zip(values.last());
        let base = ends.map(|(first, last)| [(last.0, 0.0), (first.0, 0.0)]);
        let base = base.into_iter().flatten();
        let points = self.points(values.iter().copied().chain(base));
        drawing.polygon(points, color);
    }

    /// The area between two lines. Each point: x, lower value, upper value.
    pub fn between(&self, drawing: &mut Drawing, values: &[(f64, f64, f64)], color: Color) {
        let upper = values.iter().map(|(at, _, upper)| (*at, *upper));
        let lower = values.iter().rev().map(|(at, lower, _)| (*at, *lower));
        let points = self.points(upper.chain(lower));
        drawing.polygon(points, color);
    }
}
