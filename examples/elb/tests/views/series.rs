//! Series of a history.

use elb::charts::series::{Change, Series};
use elb::view::Point;

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
