//! The timeline, the table of flows, and the matrix.

use std::fmt::{self, Display};

use sflow_metrics::flow;

use super::html::Text;
use super::link::Link;
use crate::format::{number, share};
use crate::matrix::{Matrix, Party};
use crate::picture::Picture;
use crate::question::{Narrow, Question};
use crate::timeline::STRIPES;
use crate::timeline::{MOMENTS, Point};

/// Size of the timeline in units of the drawing.
const HEIGHT: f64 = 100.0;
const WIDTH: f64 = (MOMENTS - 1) as f64;

/// The timeline and the table of flows.
pub(super) struct Flows<'p> {
    pub(super) picture: &'p Picture,
    pub(super) is_still: bool,
}

impl Display for Flows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timeline(f)?;
        f.write_str("<div class=\"wide\"><table class=\"flows\"><thead><tr>")?;
        let question = &self.picture.question;
        let titles = self.picture.keys().iter().map(|key| key.name());
        for (column, title) in titles.enumerate() {
            self.title(title, Some(column), f)?;
        }
        if self.picture.keys().is_empty() {
            f.write_str("<th></th>")?;
        }
        self.title(&self.picture.unit, None, f)?;
        f.write_str("<th class=\"number\">share</th><th></th></tr></thead>\n<tbody>\n")?;
        for row in &self.picture.rows {
            f.write_str("<tr>")?;
            for (column, value) in row.keys.iter().enumerate() {
                self.cell(question, column, value, f)?;
            }
            if row.keys.is_empty() {
                f.write_str("<td>all</td>")?;
            }
            let stripe = row.stripe.map_or(STRIPES, |stripe| stripe);
            self.amounts(row.value, Some(row.error), f)?;
            let percent = match self.picture.largest > 0.0 {
                true => (row.value / self.picture.largest * 100.0).clamp(0.5, 100.0),
                false => 0.0,
            };
            writeln!(
                f,
                "<td class=\"bar\"><svg aria-hidden=\"true\"><rect class=\"s{stripe}\" \
                 width=\"{percent:.1}%\" height=\"100%\"/></svg></td></tr>"
            )?;
        }
        f.write_str("</tbody><tfoot>\n")?;
        let columns = self.picture.keys().len().max(1);
        if let Some(other) = self.picture.other {
            write!(
                f,
                "<tr class=\"other\"><td colspan=\"{columns}\">(other)</td>"
            )?;
            self.amounts(other, None, f)?;
            f.write_str("<td></td></tr>\n")?;
        }
        write!(
            f,
            "<tr class=\"total\"><td colspan=\"{columns}\">(total)</td>"
        )?;
        self.amounts(self.picture.total, Some(self.picture.total_error), f)?;
        f.write_str("<td></td></tr>\n</tfoot></table></div>\n")?;
        self.notes(f)
    }
}

impl Flows<'_> {
    fn link<'q>(&self, question: &'q Question) -> Link<'q> {
        Link {
            question,
            is_matrix: false,
            is_still: self.is_still,
        }
    }

    fn title(&self, title: &str, column: Option<usize>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let question = &self.picture.question;
        let sorted = Question {
            sort: question.sort.by(column),
            ..question.clone()
        };
        let arrow = match (question.sort.column == column, question.sort.is_reversed) {
            (true, false) => " ▼",
            (true, true) => " ▲",
            (false, _) => "",
        };
        let class = if column.is_none() {
            " class=\"number\""
        } else {
            ""
        };
        write!(
            f,
            "<th{class}><a href=\"{}\">{}{arrow}</a></th>",
            self.link(&sorted),
            Text(title)
        )
    }

    fn cell(
        &self,
        question: &Question,
        column: usize,
        value: &flow::Value,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let Some(key) = question.keys.get(column) else {
            return Ok(());
        };
        let only = question.narrowed(*key, value, Narrow::To);
        let without = question.narrowed(*key, value, Narrow::Without);
        let shown = crate::service_names::value(*key, value);
        write!(
            f,
            "<td><a href=\"{}\" title=\"only with this value\"><bdi>{}</bdi></a>\
             <a class=\"not\" href=\"{}\" title=\"without this value\" aria-label=\"without this value\">≠</a></td>",
            self.link(&only),
            Text(&shown),
            self.link(&without)
        )
    }

    fn amounts(&self, value: f64, error: Option<f64>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match error.filter(|error| *error > 0.0) {
            Some(error) => format!(" title=\"± {}\"", number(error)),
            None => String::new(),
        };
        let share = share(value, self.picture.total);
        let value = number(value);
        write!(
            f,
            "<td class=\"number\"{error}>{value}</td><td class=\"number\">{share}</td>"
        )
    }

    /// Stacked stripes, with all other flows at the top.
    fn timeline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points = &self.picture.timeline;
        if points.len() < 2 {
            return Ok(());
        }
        let largest = points.iter().map(|point| point.total).fold(0.0, f64::max);
        let (seconds, unit) = (points.len(), Text(&self.picture.unit));
        let peak = number(largest);
        write!(
            f,
            "<figure><div class=\"axis\" aria-hidden=\"true\"><span>{peak}</span><span>{}</span>\
             <span>0</span></div><svg class=\"strip\" role=\"img\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             preserveAspectRatio=\"none\" aria-label=\"the last {seconds} seconds\">",
            number(largest / 2.0)
        )?;
        let names = |place: usize| {
            let keys = self.picture.stripes.get(place)?;
            let values = crate::service_names::values(self.picture.keys(), keys);
            Some(values.collect::<Vec<_>>().join(", "))
        };
        let below = |point: &Point, count: usize| {
            let sum: f64 = point.parts.iter().take(count).sum();
            sum.min(point.total)
        };
        let whole = |point: &Point| point.total;
        area(points, largest, |_| 0.0, whole, (STRIPES, "other flows"), f)?;
        for (stripe, name) in (0..STRIPES).map_while(|stripe| Some((stripe, names(stripe)?))) {
            let (from, to) = (
                |point: &Point| below(point, stripe),
                |point: &Point| below(point, stripe + 1),
            );
            area(points, largest, from, to, (stripe, &name), f)?;
        }
        write!(
            f,
            "</svg><figcaption>the last {seconds} s, {} to {} · peak {peak} {unit}",
            time_of_day(points.first()),
            time_of_day(points.last())
        )?;
        for (place, keys) in (0..STRIPES).map_while(|place| Some((place, names(place)?))) {
            write!(
                f,
                " <span class=\"legend\"><svg aria-hidden=\"true\"><rect class=\"s{place}\" \
                 width=\"100%\" height=\"100%\"/></svg> <bdi>{}</bdi></span>",
                Text(&keys)
            )?;
        }
        f.write_str("</figcaption></figure>\n")
    }

    fn notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let picture = self.picture;
        write!(
            f,
            "<p class=\"quiet\">{} samples",
            crate::format::count(picture.samples)
        )?;
        if picture.evicted > 0 {
            let unseen = number(picture.unseen);
            write!(
                f,
                " · flows were evicted: one that is not listed is at most {unseen}"
            )?;
        }
        if picture.unreported > 0.0 {
            write!(
                f,
                " · about {} unreported drops",
                number(picture.unreported)
            )?;
        }
        if picture.missed > 0 {
            write!(
                f,
                " · {} datagrams arrived too fast",
                crate::format::count(picture.missed)
            )?;
        }
        f.write_str("</p>\n")
    }
}

/// `04:00:34`, in UTC.
fn time_of_day(point: Option<&Point>) -> String {
    let time = point.map(|point| crate::format::moment(point.at));
    let time = time.unwrap_or_default();
    time.get(11..19).unwrap_or_default().to_owned()
}

/// One area of the timeline, between two lines, with the name of its flow.
fn area(
    points: &[Point],
    largest: f64,
    from: impl Fn(&Point) -> f64,
    to: impl Fn(&Point) -> f64,
    (stripe, name): (usize, &str),
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let first = WIDTH + 1.0 - points.len() as f64;
    let y = |value: f64| match largest > 0.0 {
        true => HEIGHT - value / largest * HEIGHT,
        false => HEIGHT,
    };
    write!(f, "<polygon class=\"s{stripe}\" points=\"")?;
    for (place, point) in points.iter().enumerate() {
        write!(f, "{},{:.1} ", first + place as f64, y(to(point)))?;
    }
    for (place, point) in points.iter().enumerate().rev() {
        write!(f, "{},{:.1} ", first + place as f64, y(from(point)))?;
    }
    write!(f, "\"><title>{}</title></polygon>", Text(name))
}

/// The matrix of services.
pub(super) struct Services<'p> {
    pub(super) matrix: &'p Matrix,
    pub(super) question: &'p Question,
    pub(super) is_still: bool,
}

impl Display for Services<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matrix = self.matrix;
        let names: Vec<String> = matrix.parties.iter().map(Party::name).collect();
        write!(
            f,
            "<div class=\"wide\"><table class=\"matrix\"><caption>{} from each row to each column; \
             traffic of no container is outside</caption>\n<thead><tr><td></td>",
            Text(&matrix.unit)
        )?;
        for name in &names {
            write!(f, "<th scope=\"col\"><bdi>{}</bdi></th>", Text(name))?;
        }
        f.write_str("<th class=\"sum\">all</th></tr></thead>\n<tbody>\n")?;
        for (from, name) in names.iter().enumerate() {
            write!(f, "<tr><th scope=\"row\"><bdi>{}</bdi></th>", Text(name))?;
            for to in 0..names.len() {
                self.cell(from, to, f)?;
            }
            writeln!(
                f,
                "<td class=\"sum\">{}</td></tr>",
                number(matrix.sent(from))
            )?;
        }
        f.write_str("</tbody><tfoot><tr><th class=\"sum\">all</th>")?;
        for to in 0..names.len() {
            write!(f, "<td class=\"sum\">{}</td>", number(matrix.received(to)))?;
        }
        writeln!(
            f,
            "<td class=\"sum\"><b>{}</b></td></tr></tfoot></table></div>",
            number(matrix.total)
        )?;
        f.write_str("<p class=\"quiet matrix\">up to")?;
        for (value, step) in matrix.scale().into_iter().zip([2, 4, 6, 8]) {
            write!(f, " <span class=\"h{step}\"> {} </span>", number(value))?;
        }
        writeln!(f, " {}</p>", Text(&matrix.unit))?;
        if matrix.beyond > 0.0 {
            let beyond = number(matrix.beyond);
            write!(
                f,
                "<p class=\"quiet\">{beyond} more of services beyond the limit</p>"
            )?;
        }
        Ok(())
    }
}

impl Services<'_> {
    fn cell(&self, from: usize, to: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.matrix.cell(from, to);
        if value <= 0.0 {
            return f.write_str("<td>·</td>");
        }
        let ends = [
            (flow::Key::ServiceSource, from),
            (flow::Key::ServiceDestination, to),
        ];
        let mut question = Question {
            keys: vec![flow::Key::EndSource, flow::Key::EndDestination],
            ..self.question.clone()
        };
        for (key, place) in ends {
            question = match self.matrix.parties.get(place) {
                Some(Party::Service(name)) => {
                    question.narrowed(key, &flow::Value::Text(name.as_str().into()), Narrow::To)
                }
                Some(Party::Outside) => question.narrowed(key, &flow::Value::Absent, Narrow::To),
                _ => question,
            };
        }
        let link = Link {
            question: &question,
            is_matrix: false,
            is_still: self.is_still,
        };
        let heat = (self.matrix.heat(from, to) * 8.0).ceil().clamp(1.0, 8.0);
        write!(
            f,
            "<td class=\"heat h{heat}\"><a href=\"{link}\">{}</a></td>",
            number(value)
        )
    }
}
