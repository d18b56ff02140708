use askama::Template;
use untrusted::shortened;

/// A colour in hexadecimal, such as `#1D63D8`: on a light and on a dark page.
pub type Color = (&'static str, &'static str);

/// Background.
const CARD: Color = ("#FFFFFF", "#161B22");
/// Border.
const EDGE: Color = ("#D8DEE4", "#30363D");
/// Titles.
pub const INK: Color = ("#1F2933", "#E6EDF3");
/// Labels.
pub const MUTED: Color = ("#5B6774", "#9AA5B1");
/// Grid.
pub const GRID: Color = ("#EAEDF0", "#252B33");
/// Ticks of the horizontal axis, and baselines.
pub(crate) const AXIS: Color = ("#C3CAD2", "#48515C");
/// The main line.
pub const LINE: Color = ("#1D63D8", "#6CA8FF");

/// CSS rules that recolour a drawing inside an element with class `chart` for a dark page. `colors`
/// are those that the drawing uses in addition to the ones of this package.
///
/// A drawing has its colours in attributes, so that it is complete as a file; the CSS of a page
/// takes precedence over attributes.
pub fn night_rules(colors: &[Color]) -> String {
    let rule = |(day, night): &Color| {
        format!(
            ".chart [fill=\"{day}\"]{{fill:{night}}}.chart [stroke=\"{day}\"]{{stroke:{night}}}"
        )
    };
    let own = [CARD, EDGE, INK, MUTED, GRID, AXIS, LINE];
    own.iter().chain(colors).map(rule).collect()
}

/// A drawing of shapes, text and marks. Later shapes cover earlier ones; marks are on top.
#[derive(Debug, Template)]
#[template(path = "plot.svg")]
pub struct Drawing {
    /// Accessible description.
    about: String,
    size: (i32, i32),
    elements: Vec<Element>,
    marks: Vec<Mark>,
}

#[derive(Debug)]
enum Element {
    /// Position, size, colour.
    Rect((i32, i32), (i32, i32), Color),
    /// Centre, radius, colour.
    Dot((i32, i32), u32, Color),
    /// Points, width, colour.
    Line(String, u32, Color),
    /// Points of the outline, colour.
    Area(String, Color),
    /// Position, anchor, colour, text.
    Text((i32, i32), Anchor, Color, String),
    /// Position, font size, text.
    Title((i32, i32), u32, String),
}

/// `start`, `middle` or `end`: the part of a text that is at its position.
pub type Anchor = &'static str;

/// A mark with a tooltip. Its element has the class `note`.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Centre.
    pub at: (i32, i32),
    /// Shape.
    pub shape: Shape,
    /// Colour.
    pub color: Color,
    /// Text that is shown when the pointer is on the mark.
    pub tooltip: String,
    /// Address that the mark links to, percent-encoded.
    pub link: Option<String>,
}

/// Shape of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A filled circle.
    Dot,
    /// A circle.
    Ring,
    /// A filled square on its corner.
    Diamond,
    /// Two crossed lines.
    Cross,
}

/// Symbol of a legend entry.
#[derive(Clone, Copy, Debug)]
pub enum Symbol {
    /// A line.
    Line(Color),
    /// A filled area.
    Area(Color),
    /// A mark.
    Dot(Color),
}

impl Drawing {
    /// A card with a border. `about` describes it to screen readers; at most 200 characters are
    /// kept.
    pub fn new(about: &str, (width, height): (i32, i32)) -> Self {
        let mut drawing = Self {
            about: shortened(about, 200),
            size: (width, height),
            elements: Vec::new(),
            marks: Vec::new(),
        };
        drawing.fill((0, 0), (width, height), EDGE);
        drawing.fill((1, 1), (width - 2, height - 2), CARD);
        drawing
    }

    /// The drawing as an SVG document.
    pub fn svg(&self) -> String {
        // Writing to a string does not fail. If it did, the page would show the error instead of
        // the chart.
        self.render().unwrap_or_else(|error| error.to_string())
    }

    /// A filled rectangle. With a width or height of one pixel it is a sharp line.
    pub fn fill(&mut self, at: (i32, i32), size: (i32, i32), color: Color) {
        self.elements.push(Element::Rect(at, size, color));
    }

    /// Text whose vertical middle is at the given position.
    pub fn text(&mut self, text: &str, at: (i32, i32), anchor: Anchor, color: Color) {
        let text = Element::Text(at, anchor, color, text.to_owned());
        self.elements.push(text);
    }

    /// Bold text that starts at the given position, with this font size.
    pub fn title(&mut self, text: &str, at: (i32, i32), size: u32) {
        self.elements
            .push(Element::Title(at, size, text.to_owned()));
    }

    /// A mark, on top of all shapes.
    pub fn mark(&mut self, mark: Mark) {
        self.marks.push(mark);
    }

    pub(crate) fn polyline(&mut self, points: String, width: u32, color: Color) {
        self.elements.push(Element::Line(points, width, color));
    }

    pub(crate) fn polygon(&mut self, points: String, color: Color) {
        self.elements.push(Element::Area(points, color));
    }

    pub(crate) fn dot(&mut self, center: (i32, i32), radius: u32, color: Color) {
        self.elements.push(Element::Dot(center, radius, color));
    }

    /// A legend that ends at `right`, its first entry leftmost.
    pub fn legend(&mut self, entries: &[(Symbol, String)], right: i32, y: i32) {
        let mut x = right - legend_width(entries);
        for (symbol, name) in entries {
            match *symbol {
                Symbol::Line(color) => self.fill((x, y - 1), (SWATCH, 3), color),
                Symbol::Area(color) => self.fill((x, y - 5), (SWATCH, 10), color),
                Symbol::Dot(color) => self.dot((x + SWATCH / 2, y), 4, color),
            }
            x += SWATCH + 6;
            self.text(name, (x, y), "start", MUTED);
            x += text_width(name) + 14;
        }
    }
}

/// Width of a symbol in a legend.
const SWATCH: i32 = 14;

/// Width of a legend with these entries.
pub fn legend_width(entries: &[(Symbol, String)]) -> i32 {
    let width = |(_, name): &(Symbol, String)| SWATCH + 6 + text_width(name) + 14;
    entries.iter().map(width).sum::<i32>() - 14
}

/// Estimated width of a text in the size of labels, for a wide font; fonts differ.
pub fn text_width(text: &str) -> i32 {
    let ems = |c| match c {
        'i' | 'j' | 'l' | ' ' | '.' | ',' | ':' | '\'' => 0.32,
        'f' | 't' | 'r' | '(' | ')' | '/' | '-' => 0.41,
        'm' | 'w' | 'M' | 'W' | '%' | '+' => 0.9,
        'A'..='Z' => 0.7,
        ' '..='~' | '–' => 0.62,
        _ => 1.0,
    };
    (text.chars().map(ems).sum::<f64>() * 12.0).ceil() as i32
}
