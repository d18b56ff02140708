//! The page as HTML.

use std::fmt::{self, Display};

use super::html::{Sent, Text};
use super::link::{Asked, Link};
use super::parts::{Flows, Services};
use crate::completion::Completion;
use crate::format::{self, count, number};
use crate::matrix::Matrix;
use crate::model::Status;
use crate::picture::Picture;
use crate::preset::Preset;
use crate::question::{Field, Question};

/// Maximum number of services with rows of their own.
const SERVICES: usize = 24;

/// The content of the page.
pub(super) struct Page<'p> {
    pub(super) asked: &'p Asked,
    pub(super) picture: Option<&'p Picture>,
    pub(super) status: &'p Status,
    pub(super) presets: &'p [Preset],
    /// The completions of each field.
    pub(super) completions: &'p [Vec<Completion>; 3],
}

impl Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.asked.is_part {
            return self.live(f);
        }
        let style = include_str!("style.css");
        let refresh = match self.asked.is_still {
            true => "",
            false => "<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>\n",
        };
        write!(
            f,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n{refresh}\
             <title>Top flows · {}</title>\n<style>\n{style}</style>\n</head>\n<body>\n",
            Text(&self.status.source)
        )?;
        self.head(f)?;
        self.form(f)?;
        self.chosen(f)?;
        self.live(f)?;
        self.presets(f)?;
        let query = self.link(&self.asked.question).query();
        let path = if self.asked.is_matrix {
            "matrix"
        } else {
            "flows"
        };
        write!(
            f,
            "<footer>JSON: <a href=\"/api/{path}?{query}\">/api/{path}</a></footer>\n\
             <script src=\"/script.js\"></script>\n</body>\n</html>\n"
        )
    }
}

impl Page<'_> {
    fn link<'q>(&self, question: &'q Question) -> Link<'q> {
        Link {
            question,
            is_matrix: self.asked.is_matrix,
            is_still: self.asked.is_still,
        }
    }

    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let question = &self.asked.question;
        let turned = Link {
            is_matrix: !self.asked.is_matrix,
            ..self.link(question)
        };
        let view = if self.asked.is_matrix {
            "flows"
        } else {
            "matrix of services"
        };
        let stopped = Link {
            is_still: !self.asked.is_still,
            ..self.link(question)
        };
        let still = if self.asked.is_still {
            "resume"
        } else {
            "pause"
        };
        let other_unit = Question {
            value: question.value.next(),
            least: 0.0,
            ..question.clone()
        };
        let other_aggregate = Question {
            aggregate: question.aggregate.other(),
            ..question.clone()
        };
        writeln!(
            f,
            "<header><h1><a href=\"/\">Top flows</a></h1><nav><a href=\"{turned}\">{view}</a>\
             <a href=\"{stopped}\">{still}</a>\
             <a href=\"{}\">as {}</a><a href=\"{}\">{} of data sources</a>\
             <a href=\"#presets\">presets</a></nav></header>",
            self.link(&other_unit),
            Text(other_unit.value.unit()),
            self.link(&other_aggregate),
            other_aggregate.aggregate.name(),
        )
    }

    fn form(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Asked {
            question, fields, ..
        } = self.asked;
        f.write_str("<form action=\"/\" autocomplete=\"off\">\n")?;
        for (field, completions) in Field::ALL.into_iter().zip(self.completions) {
            let name = field.name();
            let text = Sent(fields.text(field));
            let hint = match field {
                Field::Keys => "all traffic as one flow",
                Field::Value => "bits",
                Field::Filter => "all packets",
            };
            write!(
                f,
                "<label class=\"{name}\">{name}<input name=\"{name}\" value=\"{text}\" \
                 placeholder=\"{hint}\" list=\"{name}-list\" spellcheck=\"false\">"
            )?;
            if let Some(mistake) = self.asked.mistake.as_ref().filter(|it| it.field == field) {
                let typed: Vec<char> = fields.text(field).chars().collect();
                let (before, behind) = typed.split_at(mistake.position.min(typed.len()));
                let (before, behind): (String, String) =
                    (before.iter().collect(), behind.iter().collect());
                write!(
                    f,
                    "<span class=\"mistake\" role=\"alert\"><code>{}<mark>{}</mark></code> {}</span>",
                    Text(&before),
                    Text(if behind.is_empty() { " " } else { &behind }),
                    Text(&mistake.message)
                )?;
            }
            write!(f, "</label><datalist id=\"{name}-list\">")?;
            for completion in completions {
                let (text, note) = (Sent(&completion.text), Text(&completion.note));
                write!(f, "<option value=\"{text}\" label=\"{note}\">")?;
            }
            f.write_str("</datalist>\n")?;
        }
        write!(
            f,
            "<label class=\"top\">top<input name=\"top\" type=\"number\" min=\"1\" max=\"1000\" \
             value=\"{}\"></label><label class=\"top\">at least<input name=\"least\" \
             value=\"{}\" inputmode=\"decimal\"></label>",
            question.top, question.least
        )?;
        for (name, value) in self.unseen() {
            write!(
                f,
                "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">"
            )?;
        }
        f.write_str("<button>Show</button>\n</form>\n")
    }

    /// The hidden inputs of the form.
    fn unseen(&self) -> Vec<(&'static str, String)> {
        let question = &self.asked.question;
        let mut unseen = vec![("aggregate", question.aggregate.name().to_owned())];
        unseen.push(match question.smoothing {
            Some(constant) => ("smooth", format!("{}s", constant.as_secs_f64())),
            None => ("smooth", "off".to_owned()),
        });
        if self.asked.is_matrix {
            unseen.push(("view", "matrix".to_owned()));
        }
        unseen
    }

    /// The conditions, each with a link that removes it.
    fn chosen(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let question = &self.asked.question;
        if self.asked.mistake.is_some() || question.filters.is_empty() {
            return Ok(());
        }
        f.write_str("<p class=\"chosen\">Only ")?;
        for (place, filter) in question.filters.iter().enumerate() {
            let mut without = question.clone();
            without.filters.remove(place);
            let (link, filter) = (self.link(&without), filter.to_string());
            write!(
                f,
                "<a href=\"{link}\" title=\"without this condition\"><bdi>{}</bdi> ✕</a> ",
                Text(&filter)
            )?;
        }
        f.write_str("</p>\n")
    }

    /// The part of the page that refreshes.
    fn live(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let still = if self.asked.is_still {
            " data-still"
        } else {
            ""
        };
        writeln!(f, "<main id=\"live\"{still}>")?;
        self.main(f)?;
        f.write_str("</main>\n")
    }

    fn main(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status;
        write!(
            f,
            "<p class=\"facts\"><span><bdi>{}</bdi></span>",
            Text(&status.source)
        )?;
        if let Some(picture) = self.picture {
            write!(
                f,
                "<span>as of <time>{}</time></span>",
                format::moment(picture.at)
            )?;
        }
        let (class, word) = match status {
            Status {
                fault: Some(fault), ..
            } => ("odd", fault.as_str()),
            Status {
                is_paused: true, ..
            } => ("odd", "paused"),
            Status {
                has_ended: true, ..
            } => ("odd", "ended"),
            Status {
                is_capture: true, ..
            } => ("well", "playing"),
            _ => ("well", "live"),
        };
        write!(f, "<span class=\"{class}\">{}</span>", Text(word))?;
        if status.is_capture {
            write!(f, "<span>×{}</span>", number(status.speed))?;
        }
        write!(f, "<span>{} datagrams</span>", count(status.datagrams))?;
        let not_sflow = status.not_sflow();
        for odd in [&not_sflow, &status.passed_over].into_iter().flatten() {
            write!(f, "<span class=\"odd\">{}</span>", Text(odd))?;
        }
        if let Some(drops) = status.kernel_drops.filter(|drops| *drops > 0) {
            write!(
                f,
                "<span class=\"odd\">{} dropped here</span>",
                count(drops)
            )?;
        }
        f.write_str("</p>\n")?;
        match self.picture {
            None if self.asked.mistake.is_some() => Ok(()),
            None if status.has_ended => f.write_str("<p class=\"quiet\">No datagrams.</p>\n"),
            None => f.write_str("<p class=\"quiet\">Waiting for the first datagram.</p>\n"),
            Some(picture) if self.asked.is_matrix => {
                let matrix = Matrix::new(picture, SERVICES);
                let question = &self.asked.question;
                Services {
                    matrix: &matrix,
                    question,
                    is_still: self.asked.is_still,
                }
                .fmt(f)
            }
            Some(picture) => Flows {
                picture,
                is_still: self.asked.is_still,
            }
            .fmt(f),
        }
    }

    fn presets(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<section id=\"presets\"><h2>Presets</h2>\n<div>")?;
        let mut category = None;
        for preset in self.presets {
            if category != Some(&preset.category) {
                if category.is_some() {
                    f.write_str("</ul></details>\n")?;
                }
                category = Some(&preset.category);
                let name = Text(&preset.category);
                write!(f, "<details open><summary>{name}</summary><ul>")?;
            }
            // Presets were validated.
            let Ok(question) = preset.fields.read(&Question {
                sort: Default::default(),
                ..self.asked.question.clone()
            }) else {
                continue;
            };
            let link = Link {
                is_matrix: false,
                ..self.link(&question)
            };
            write!(
                f,
                "<li><a href=\"{link}\"><small>{}</small> {}</a></li>",
                Text(&preset.protocol),
                Text(&preset.description)
            )?;
        }
        if category.is_some() {
            f.write_str("</ul></details>")?;
        }
        f.write_str("</div></section>\n")
    }
}
