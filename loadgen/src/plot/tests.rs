//! What plots of known values look like.

use crate::measure::ratio::Ratio;
use crate::plot::{Axis, Chart, Line, Mark, Ratios, Scale, Side, Unit, Weight};

/// A chart of one line.
fn chart(x: Axis, y: Axis, points: &[(f64, Option<f64>)]) -> Chart {
    Chart {
        title: "a < b".to_owned(),
        x,
        y,
        lines: vec![Line {
            name: "line".to_owned(),
            side: Side::A,
            weight: Weight::Strong,
            points: points.to_vec(),
        }],
        marks: Vec::new(),
    }
}

fn count(label: &str, scale: Scale) -> Axis {
    Axis::new(label, scale, Unit::Count)
}

/// The coordinates of the coloured lines.
fn paths(page: &str) -> Vec<Vec<(f64, f64)>> {
    let lines = page
        .lines()
        .filter(|line| line.starts_with("<polyline") && line.contains("--plot-"));
    let points = lines.filter_map(|line| line.split_once("points=\"")?.1.split_once('"'));
    points
        .map(|(points, _)| {
            points
                .split_whitespace()
                .filter_map(|point| point.split_once(','))
                .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
                .collect()
        })
        .collect()
}

#[test]
fn equal_factors_are_equal_distances_on_a_log_axis() {
    let points = [(0.0, Some(1e-3)), (1.0, Some(1e-2)), (2.0, Some(1e-1))];
    let page = chart(
        count("n", Scale::Linear),
        Axis::new("t", Scale::Log, Unit::Seconds),
        &points,
    )
    .html()
    .into_string();
    let path = &paths(&page)[0];
    assert!(
        ((path[0].1 - path[1].1) - (path[1].1 - path[2].1)).abs() <= 1.0,
        "{path:?}"
    );
    for label in ["1 ms", "10 ms", "100 ms", "a &lt; b"] {
        assert!(page.contains(label), "{label}: {page}");
    }
    assert!(!page.contains("http"), "{page}");
}

#[test]
fn each_nine_takes_the_same_room() {
    let points = [90.0, 99.0, 99.9].map(|at| (at, Some(at)));
    let page = chart(
        count("percentile", Scale::Nines),
        count("t", Scale::Linear),
        &points,
    )
    .html()
    .into_string();
    let path = &paths(&page)[0];
    assert!(
        ((path[1].0 - path[0].0) - (path[2].0 - path[1].0)).abs() <= 1.0,
        "{path:?}"
    );
    assert!(page.contains("99.9 %"), "{page}");
}

#[test]
fn a_gap_parts_a_line_and_a_point_alone_is_a_dot() {
    let points = [(0.0, Some(1.0)), (1.0, Some(2.0)), (2.0, None), (3.0, Some(2.0))];
    let page = chart(count("x", Scale::Linear), count("y", Scale::Linear), &points)
        .html()
        .into_string();
    assert_eq!(paths(&page).len(), 1);
    assert_eq!(page.matches("<circle").count(), 1);
}

#[test]
fn names_that_do_not_fit_are_left_out() {
    for (number, shown) in [(1, 1), (40, 8)] {
        let names = (0..number).map(|merge| format!("merge-{merge:04}")).collect();
        let points: Vec<(f64, Option<f64>)> = (0..number).map(|at| (f64::from(at), Some(1.0))).collect();
        let page = chart(Axis::names("merge", names), count("n", Scale::Linear), &points)
            .html()
            .into_string();
        let labels = page.lines().filter(|line| line.starts_with("merge-")).count();
        assert!((1..=shown).contains(&labels), "{labels} of {number}: {page}");
    }
}

#[test]
fn nothing_and_zeros_are_plotted_without_harm() {
    for scale in [Scale::Linear, Scale::Log] {
        for points in [&[][..], &[(0.0, Some(0.0)), (1.0, Some(0.0))]] {
            let mut chart = chart(count("x", Scale::Linear), count("y", scale), points);
            chart.marks.push(Mark {
                side: Side::B,
                at: 0.5,
            });
            let page = chart.html().into_string();
            assert!(
                page.ends_with("</svg>\n</figure>") && !page.contains("NaN"),
                "{page}"
            );
        }
    }
}

#[test]
fn ratios_lie_right_of_the_middle_when_a_is_better() {
    let ratio = |middle: f64| {
        let (least, most) = (middle / 2.0, middle * 2.0);
        ("round (ms)".to_owned(), Ratio { middle, least, most })
    };
    let page = Ratios {
        title: "A against B".to_owned(),
        a: "ours".to_owned(),
        b: "theirs".to_owned(),
        ratios: vec![ratio(4.0), ratio(0.25)],
    }
    .html()
    .into_string();
    let paths = paths(&page);
    assert!(
        paths[0][0].0 < paths[0][1].0 && paths[2][0].0 > paths[2][1].0,
        "{paths:?}"
    );
    assert_eq!(paths[0][1].0 - paths[0][0].0, paths[2][0].0 - paths[2][1].0);
    assert!(
        page.contains("4.00× (2.00 … 8.00)") && page.contains("1/10"),
        "{page}"
    );
}
