//! Splits a service's history into drawable series.

use crate::view::Point;

/// Loads and thresholds above this are invalid and cannot be drawn.
pub(crate) const LARGEST_LOAD: f64 = 1e18;
const LONGEST_TIME: f64 = 1e12;

/// Points in order of time, without values that cannot be drawn.
pub(crate) struct Series(Vec<Point>);

impl Series {
    pub(crate) fn new(points: &[Point]) -> Self {
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
    pub(crate) fn span(&self) -> Option<(f64, f64)> {
        Some((self.0.first()?.at, self.0.last()?.at))
    }

    pub(crate) fn largest_load(&self) -> f64 {
        self.0
            .iter()
            .flat_map(|point| [point.load, point.most.map(f64::from)])
            .flatten()
            .fold(0.0, f64::max)
    }

    pub(crate) fn most_replicas(&self) -> u32 {
        self.0
            .iter()
            .map(|point| point.wanted.max(point.running))
            .max()
            .unwrap_or(0)
    }

    /// The load as segments without gaps.
    pub(crate) fn load(&self) -> Vec<Vec<(f64, f64)>> {
        let runs = self.0.chunk_by(|a, b| a.load.is_some() == b.load.is_some());
        let known = runs.map(|run| run.iter().filter_map(|p| Some((p.at, p.load?))).collect());
        known.filter(|run: &Vec<_>| !run.is_empty()).collect()
    }

    /// The least and the most loaded container as segments without gaps: time, least, most. Empty
    /// if both are equal throughout.
    pub(crate) fn spread(&self) -> Vec<Vec<(f64, f64, f64)>> {
        let both = |point: &Point| Some((point.least?, point.most?));
        let runs = self
            .0
            .chunk_by(|a, b| both(a).is_some() == both(b).is_some());
        let known = runs.map(|run| {
            let points = run.iter().filter_map(|point| {
                let (least, most) = both(point)?;
                Some((point.at, f64::from(least), f64::from(most)))
            });
            points.collect()
        });
        let is_informative = |run: &Vec<(f64, f64, f64)>| {
            let mut points = run.iter();
            run.len() > 1 && points.any(|(_, least, most)| most > least)
        };
        known.filter(is_informative).collect()
    }

    /// Time ranges without a known load.
    pub(crate) fn gaps(&self) -> Vec<(f64, f64)> {
        let Some((first, last)) = self.span() else {
            return Vec::new();
        };
        let mut gaps = Vec::new();
        let mut known_until = first;
        for run in self.load() {
            if let (Some(begin), Some(end)) = (run.first(), run.last()) {
                gaps.push((known_until, begin.0));
                known_until = end.0;
            }
        }
        gaps.push((known_until, last));
        gaps.retain(|(begin, end)| end > begin);
        gaps
    }

    /// A number of replicas as steps: it holds from its point to the next.
    pub(crate) fn stairs(&self, replicas: impl Fn(&Point) -> u32) -> Vec<(f64, f64)> {
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
    pub(crate) fn changes(&self) -> Vec<Change> {
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
#[derive(Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) at: f64,
    pub(crate) from: u32,
    pub(crate) to: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: f64, load: Option<f64>, wanted: u32) -> Point {
        Point {
            at,
            load,
            wanted,
            running: wanted,
            ..Point::default()
        }
    }

    #[test]
    fn missing_values_split_the_load() {
        let series = Series::new(&[
            point(0.0, None, 1),
            point(2.0, Some(1.0), 1),
            point(4.0, Some(2.0), 1),
            point(6.0, None, 1),
            point(8.0, Some(f64::NAN), 1),
            point(10.0, Some(3.0), 1),
            point(12.0, None, 1),
        ]);
        assert_eq!(
            series.load(),
            [vec![(2.0, 1.0), (4.0, 2.0)], vec![(10.0, 3.0)]]
        );
        assert_eq!(series.gaps(), [(0.0, 2.0), (4.0, 10.0), (10.0, 12.0)]);
    }

    #[test]
    fn equal_containers_have_no_spread() {
        let of = |at: f64, least: f32, most: f32| Point {
            least: Some(least),
            most: Some(most),
            ..point(at, Some(1.0), 1)
        };
        let alike = Series::new(&[of(0.0, 1.0, 1.0), of(2.0, 1.0, 1.0)]);
        assert!(alike.spread().is_empty());
        let series = Series::new(&[
            of(0.0, 1.0, 1.0),
            of(2.0, 0.5, 3.0),
            point(4.0, None, 1),
            of(6.0, 1.0, f32::INFINITY),
        ]);
        assert_eq!(series.spread(), [vec![(0.0, 1.0, 1.0), (2.0, 0.5, 3.0)]]);
        assert_eq!(series.largest_load(), 3.0);
    }

    #[test]
    fn stairs_step_where_the_number_changes() {
        let series = Series::new(&[
            point(0.0, None, 1),
            point(2.0, None, 1),
            point(4.0, None, 3),
            point(6.0, None, 3),
        ]);
        assert_eq!(
            series.stairs(|p| p.wanted),
            [(0.0, 1.0), (4.0, 1.0), (4.0, 3.0), (6.0, 3.0)]
        );
        assert_eq!(
            series.changes(),
            [Change {
                at: 4.0,
                from: 1,
                to: 3
            }]
        );
    }

    #[test]
    fn empty_history_has_no_series() {
        let series = Series::new(&[point(f64::NAN, Some(1.0), 1)]);
        assert_eq!(series.span(), None);
        assert!(
            series.load().is_empty()
                && series.gaps().is_empty()
                && series.stairs(|p| p.wanted).is_empty()
        );
    }
}
