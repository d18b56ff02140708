//! Splits a service's history into drawable series.

use crate::view::Point;

/// Loads and thresholds above this are invalid and cannot be drawn.
pub const LARGEST_LOAD: f64 = 1e18;
const LONGEST_TIME: f64 = 1e12;

/// Points in order of time, without values that cannot be drawn.
#[derive(Clone, Debug)]
pub struct Series(Vec<Point>);

impl Series {
    /// The points that can be drawn; negative loads become zero.
    pub fn new(points: &[Point]) -> Self {
        let in_time = |point: &&Point| point.at.abs() <= LONGEST_TIME;
        let mut points: Vec<Point> = points.iter().filter(in_time).copied().collect();
        points.sort_by(|a, b| a.at.total_cmp(&b.at));
        for point in &mut points {
            let load = point.load.filter(|load| load.abs() <= LARGEST_LOAD);
            point.load = load.map(|load| load.max(0.0));
            let inside = |load: Option<f32>| {
                let is_usable = |load: &f32| f64::from(load.abs()) <= LARGEST_LOAD;
                load.filter(is_usable).map(|load| load.max(0.0))
            };
            (point.least, point.most) = (inside(point.least), inside(point.most));
        }
        Self(points)
    }

    /// First and last time.
    pub fn span(&self) -> Option<(f64, f64)> {
        Some((self.0.first()?.at, self.0.last()?.at))
    }

    /// The largest load, also of a single container.
    pub fn largest_load(&self) -> f64 {
        self.0
            .iter()
            .flat_map(|point| [point.load, point.most.map(f64::from)])
            .flatten()
            .fold(0.0, f64::max)
    }

    /// The largest number of desired or running replicas.
    pub fn most_replicas(&self) -> u32 {
        self.0
            .iter()
            .map(|point| point.wanted.max(point.running))
            .max()
            .unwrap_or(0)
    }

    /// The load as segments without gaps: time, load.
    pub fn load(&self) -> Vec<Vec<(f64, f64)>> {
        self.segments(|point| Some((point.at, point.load?)))
    }

    /// The least and the most loaded container as segments without gaps: time, least, most. Empty
    /// if both are equal throughout.
    pub fn spread(&self) -> Vec<Vec<(f64, f64, f64)>> {
        let mut segments = self
            .segments(|point| Some((point.at, f64::from(point.least?), f64::from(point.most?))));
        segments.retain(|segment| {
            let mut points = segment.iter();
            segment.len() > 1 && points.any(|(_, least, most)| most > least)
        });
        segments
    }

    fn segments<T>(&self, value: impl Fn(&Point) -> Option<T>) -> Vec<Vec<T>> {
        let runs = self
            .0
            .chunk_by(|a, b| value(a).is_some() == value(b).is_some());
        let known = runs.map(|run| run.iter().filter_map(&value).collect());
        known.filter(|run: &Vec<T>| !run.is_empty()).collect()
    }

    /// Time ranges without a known load.
    pub fn gaps(&self) -> Vec<(f64, f64)> {
        let Some((first, last)) = self.span() else {
            return Vec::new();
        };
        let segments = self.load();
        let begins = segments.iter().filter_map(|segment| segment.first());
        let ends = segments.iter().filter_map(|segment| segment.last());
        let gap_begins = std::iter::once(first).chain(ends.map(|(at, _)| *at));
        let gap_ends = begins.map(|(at, _)| *at).chain([last]);
        let gaps = gap_begins.zip(gap_ends);
        gaps.filter(|(begin, end)| end > begin).collect()
    }

    /// A number of replicas as steps: it holds from its point to the next.
    pub fn stairs(&self, replicas: impl Fn(&Point) -> u32) -> Vec<(f64, f64)> {
        let mut stairs: Vec<(f64, f64)> = Vec::new();
        for point in &self.0 {
            let level = f64::from(replicas(point));
            match stairs.last().copied() {
                Some((_, before)) if before != level => {
                    stairs.extend([(point.at, before), (point.at, level)]);
                }
                Some(_) => {}
                None => stairs.push((point.at, level)),
            }
        }
        if let (Some((_, level)), Some(point)) = (stairs.last().copied(), self.0.last()) {
            stairs.push((point.at, level));
        }
        stairs
    }

    /// Changes of the desired replicas.
    pub fn changes(&self) -> Vec<Change> {
        let pairs = self.0.windows(2).filter_map(|pair| match pair {
            [before, after] if before.wanted != after.wanted => Some(Change {
                at: after.at,
                from: before.wanted,
                to: after.wanted,
            }),
            _ => None,
        });
        pairs.collect()
    }
}

/// A change of the desired replicas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Seconds since the start of the loop.
    pub at: f64,
    /// Replicas before the change.
    pub from: u32,
    /// Replicas after the change.
    pub to: u32,
}
