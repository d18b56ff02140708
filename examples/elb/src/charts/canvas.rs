//! Drawing primitives: text, rectangles, and panels with axes.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, RGBColor};

use super::axis::Axis;
use super::palette::{AXIS, GRID, MUTED};

pub(super) type DrawResult = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Font size of labels, in pixels.
pub(super) const SMALL: f64 = 12.0;

/// A drawing in pixels.
pub(super) struct Canvas<'a>(DrawingArea<SVGBackend<'a>, Shift>);

impl<'a> Canvas<'a> {
    pub(super) fn new(svg: &'a mut String, size: (u32, u32)) -> Self {
        Self(SVGBackend::with_string(svg, size).into_drawing_area())
    }

    pub(super) fn finish(self) -> DrawResult {
        self.0.present()
    }

    /// A filled rectangle. With a width or height of one pixel it is a sharp line.
    pub(super) fn fill(
        &self,
        (x, y): (i32, i32),
        (w, h): (i32, i32),
        color: RGBColor,
    ) -> DrawResult {
        self.0
            .draw(&Rectangle::new([(x, y), (x + w, y + h)], color.filled()))
    }

    pub(super) fn text(
        &self,
        text: &str,
        at: (i32, i32),
        anchor: HPos,
        color: RGBColor,
    ) -> DrawResult {
        self.write(text, at, anchor, (color, SMALL, FontStyle::Normal))
    }

    pub(super) fn title(
        &self,
        text: &str,
        at: (i32, i32),
        size: f64,
        color: RGBColor,
    ) -> DrawResult {
        self.write(text, at, HPos::Left, (color, size, FontStyle::Bold))
    }

    /// Text whose vertical middle is at the given place.
    fn write(
        &self,
        text: &str,
        at: (i32, i32),
        anchor: HPos,
        (color, size, style): (RGBColor, f64, FontStyle),
    ) -> DrawResult {
        // The backend divides the size by this factor.
        const POINTS: f64 = 1.24;
        let family = FontFamily::Name("system-ui, sans-serif");
        let font = FontDesc::new(family, size * POINTS, style).color(&color);
        self.0
            .draw_text(text, &font.pos(Pos::new(anchor, VPos::Center)), at)
    }
}

/// Estimated width of a text in a wide font; fonts differ.
pub(super) fn text_width(text: &str, size: f64) -> i32 {
    let ems = |c| match c {
        'i' | 'j' | 'l' | ' ' | '.' | ',' | ':' | '\'' => 0.32,
        'f' | 't' | 'r' | '(' | ')' | '/' | '-' => 0.41,
        'm' | 'w' | 'M' | 'W' | '%' | '+' => 0.9,
        'A'..='Z' => 0.7,
        ' '..='~' | '–' => 0.62,
        _ => 1.0,
    };
    (text.chars().map(ems).sum::<f64>() * size).ceil() as i32
}

/// Symbol of a legend entry.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    Line(RGBColor),
    Area(RGBColor),
    Dot(RGBColor),
}

impl Canvas<'_> {
    /// A legend that ends at `right`, its first entry leftmost.
    pub(super) fn legend(&self, entries: &[(Mark, &str)], right: i32, y: i32) -> DrawResult {
        let mut x = right - legend_width(entries);
        for (mark, name) in entries {
            match mark {
                Mark::Line(color) => self.fill((x, y - 1), (SWATCH, 3), *color)?,
                Mark::Area(color) => self.fill((x, y - 5), (SWATCH, 10), *color)?,
                Mark::Dot(color) => {
                    let middle = (x + SWATCH / 2, y);
                    self.0.draw(&Circle::new(middle, 4, color.filled()))?;
                }
            }
            x += SWATCH + 6;
            self.text(name, (x, y), HPos::Left, MUTED)?;
            x += text_width(name, SMALL) + 14;
        }
        Ok(())
    }
}

const SWATCH: i32 = 14;

pub(super) fn legend_width(entries: &[(Mark, &str)]) -> i32 {
    let width = |(_, name): &(Mark, &str)| SWATCH + 6 + text_width(name, SMALL) + 14;
    entries.iter().map(width).sum::<i32>() - 14
}

/// A plot area with two axes.
pub(super) struct Panel<'p, 'c> {
    pub(super) canvas: &'p Canvas<'c>,
    pub(super) x: &'p Axis,
    pub(super) y: &'p Axis,
    pub(super) left: i32,
    pub(super) right: i32,
    pub(super) top: i32,
    pub(super) bottom: i32,
}

impl Panel<'_, '_> {
    /// Pixel coordinates of a value.
    pub(super) fn place(&self, (x, y): (f64, f64)) -> (i32, i32) {
        let along = |value: f64, axis: &Axis| {
            let span = axis.range.end - axis.range.start;
            ((value - axis.range.start) / span).clamp(0.0, 1.0)
        };
        let (width, height) = (
            f64::from(self.right - self.left),
            f64::from(self.bottom - self.top),
        );
        let x = f64::from(self.left) + along(x, self.x) * width;
        let y = f64::from(self.bottom) - along(y, self.y) * height;
        (x.round() as i32, y.round() as i32)
    }

    /// Grid and labels of the vertical axis, and the baseline.
    pub(super) fn frame(&self) -> DrawResult {
        for (value, label) in &self.y.ticks {
            let (_, y) = self.place((self.x.range.start, *value));
            let color = if *value == 0.0 { AXIS } else { GRID };
            self.canvas
                .fill((self.left, y), (self.right - self.left, 1), color)?;
            self.canvas
                .text(label, (self.left - 8, y), HPos::Right, MUTED)?;
        }
        Ok(())
    }

    /// Labels of time, below the panel.
    pub(super) fn times(&self) -> DrawResult {
        for (at, label) in &self.x.ticks {
            let (x, _) = self.place((*at, 0.0));
            self.canvas.fill((x, self.bottom), (1, 5), AXIS)?;
            self.canvas
                .text(label, (x, self.bottom + 15), HPos::Center, MUTED)?;
        }
        Ok(())
    }

    /// Shades a time range over the whole height.
    pub(super) fn stretch(&self, (begin, end): (f64, f64), color: RGBColor) -> DrawResult {
        let ((left, _), (right, _)) = (self.place((begin, 0.0)), self.place((end, 0.0)));
        self.canvas.fill(
            (left, self.top),
            ((right - left).max(1), self.bottom - self.top),
            color,
        )
    }

    /// Shades a range of values over the whole width.
    pub(super) fn band(&self, (low, high): (f64, f64), color: RGBColor) -> DrawResult {
        let ((_, bottom), (_, top)) = (self.place((0.0, low)), self.place((0.0, high)));
        self.canvas.fill(
            (self.left, top),
            (self.right - self.left, bottom - top),
            color,
        )
    }

    /// A line; a single point is a dot.
    pub(super) fn line(&self, points: &[(f64, f64)], color: RGBColor, width: u32) -> DrawResult {
        match points {
            [] => Ok(()),
            [point] => self.dot(*point, color),
            _ => {
                let path: Vec<_> = points.iter().map(|point| self.place(*point)).collect();
                self.canvas
                    .0
                    .draw(&PathElement::new(path, color.stroke_width(width)))
            }
        }
    }

    /// The area between a line and the axis.
    pub(super) fn area(&self, points: &[(f64, f64)], color: RGBColor) -> DrawResult {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return Ok(());
        };
        let outline = points
            .iter()
            .copied()
            .chain([(last.0, 0.0), (first.0, 0.0)]);
        let path: Vec<_> = outline.map(|point| self.place(point)).collect();
        self.canvas.0.draw(&Polygon::new(path, color.filled()))
    }

    /// The area between two lines. Each point: x, lower value, upper value.
    pub(super) fn between(&self, points: &[(f64, f64, f64)], color: RGBColor) -> DrawResult {
        let upper = points.iter().map(|(at, _, upper)| (*at, *upper));
        let lower = points.iter().rev().map(|(at, lower, _)| (*at, *lower));
        let path: Vec<_> = upper.chain(lower).map(|point| self.place(point)).collect();
        self.canvas.0.draw(&Polygon::new(path, color.filled()))
    }

    pub(super) fn dot(&self, point: (f64, f64), color: RGBColor) -> DrawResult {
        self.canvas
            .0
            .draw(&Circle::new(self.place(point), 3, color.filled()))
    }
}
