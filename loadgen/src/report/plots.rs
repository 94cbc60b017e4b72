//! The plots of a scenario.

use maud::{Markup, html};

use crate::measure::outcome::{Distribution, Outcome};
use crate::measure::section::Section;
use crate::measure::table::{named, whole};
use crate::measure::timeline::Moment;
use crate::plot::{Axis, Chart, Line, Mark, Ratios, Scale, Side, Unit, Weight};
use crate::report::section::names;

/// All but the ratios.
pub(super) fn all(section: &Section<'_>) -> Markup {
    let distributions = section.distributions();
    html! {
        @for distribution in distributions { (percentiles(section, &distribution.name).html()) }
        @for chart in timelines(section) { (chart.html()) }
    }
}

/// The plot of A against B, if there are two and anything can be compared.
pub(super) fn ratios(section: &Section<'_>) -> Option<Ratios> {
    let ratios: Vec<_> = section
        .figures()
        .into_iter()
        .filter_map(|figure| Some((named(&figure.name, &figure.unit), section.ratio(figure)?)))
        .collect();
    let [a, b] = &names(section)[..] else { return None };
    (!ratios.is_empty()).then(|| Ratios {
        title: "A against B: how many times better A is".to_owned(),
        a: a.clone(),
        b: b.clone(),
        ratios,
    })
}

/// The percentile curves of all runs.
fn percentiles(section: &Section<'_>, name: &str) -> Chart {
    let mut lines = Vec::new();
    let mut counts = Vec::new();
    for (number, (label, runs)) in names(section).into_iter().zip(&section.runs).enumerate() {
        let found = runs.iter().flat_map(|outcome| &outcome.distributions);
        let mut count = 0;
        for distribution in found.filter(|distribution| distribution.name == name) {
            count += distribution.count;
            lines.push(Line {
                name: label.clone(),
                side: Side::of(number),
                weight: Weight::Strong,
                points: curve(distribution),
            });
        }
        counts.push(whole(count));
    }
    Chart {
        title: format!("{name}: percentiles of {} latencies", counts.join(" and ")),
        x: Axis::new("share that took no longer", Scale::Nines, Unit::Count),
        y: Axis::new("latency", Scale::Log, Unit::Seconds),
        lines,
        marks: Vec::new(),
    }
}

/// Percentiles and seconds. The maximum is in the middle of the last latency's share; beyond there is nothing to tell.
fn curve(distribution: &Distribution) -> Vec<(f64, Option<f64>)> {
    let last = 100.0 * (1.0 - 0.5 / distribution.count.max(1) as f64);
    let inside = distribution.percentiles.iter().filter(|(at, _)| *at < last);
    let mut points: Vec<(f64, Option<f64>)> = inside.map(|(at, us)| (*at, Some(*us as f64 / 1e6))).collect();
    points.push((last, Some(distribution.max_us as f64 / 1e6)));
    points
}

/// A name behind the server's, and what of a moment is shown.
type QuantityLine = (&'static str, Weight, fn(&Moment) -> Option<f64>);

/// A quantity over time.
struct Quantity {
    title: &'static str,
    label: &'static str,
    scale: Scale,
    unit: Unit,
    lines: &'static [QuantityLine],
}

const QUANTITIES: &[Quantity] = &[
    Quantity {
        title: "Rate over time",
        label: "replies and updates per second",
        scale: Scale::Linear,
        unit: Unit::Count,
        lines: &[("", Weight::Strong, |moment| Some(moment.messages_per_s))],
    },
    Quantity {
        title: "Clients that are ready",
        label: "clients",
        scale: Scale::Linear,
        unit: Unit::Count,
        lines: &[("", Weight::Strong, |moment| Some(moment.ready as f64))],
    },
    Quantity {
        title: "Latency over time",
        label: "latency",
        scale: Scale::Log,
        unit: Unit::Seconds,
        lines: &[
            ("median", Weight::Strong, |moment| {
                moment.p50_ms.map(|ms| ms / 1e3)
            }),
            ("99 %", Weight::Faint, |moment| moment.p99_ms.map(|ms| ms / 1e3)),
        ],
    },
    Quantity {
        title: "Processor time of the server",
        label: "processors in use",
        scale: Scale::Linear,
        unit: Unit::Count,
        lines: &[("", Weight::Strong, |moment| moment.cpu)],
    },
    Quantity {
        title: "Memory of the server",
        label: "resident memory",
        scale: Scale::Linear,
        unit: Unit::Bytes,
        lines: &[("", Weight::Strong, |moment| {
            moment.resident.map(|bytes| bytes as f64)
        })],
    },
];

/// Time lines of the first run of each server, of all quantities that are known.
fn timelines(section: &Section<'_>) -> Vec<Chart> {
    let names = names(section);
    let firsts: Vec<(usize, &Outcome)> = section.runs.iter().map(|runs| &runs[0]).enumerate().collect();
    let marks = firsts.iter().flat_map(|(number, outcome)| {
        let side = Side::of(*number);
        outcome.phases.iter().map(move |phase| Mark {
            side,
            at: phase.from_s,
        })
    });
    let marks: Vec<Mark> = marks.collect();
    let chart = |quantity: &Quantity| {
        let lines: Vec<Line> = firsts
            .iter()
            .flat_map(|(number, outcome)| {
                let label = &names[*number];
                quantity.lines.iter().map(move |(suffix, weight, of)| Line {
                    name: format!("{label} {suffix}").trim_end().to_owned(),
                    side: Side::of(*number),
                    weight: *weight,
                    points: outcome
                        .timeline
                        .iter()
                        .map(|moment| (moment.at_s, of(moment)))
                        .collect(),
                })
            })
            // A scenario that sends nothing has no rate.
            .filter(|line| {
                line.points
                    .iter()
                    .any(|(_, value)| value.is_some_and(|value| value > 0.0))
            })
            .collect();
        (!lines.is_empty()).then(|| Chart {
            title: quantity.title.to_owned(),
            x: Axis::new("seconds since the beginning", Scale::Linear, Unit::Count),
            y: Axis::new(quantity.label, quantity.scale, quantity.unit),
            lines,
            marks: marks.clone(),
        })
    };
    QUANTITIES.iter().filter_map(chart).collect()
}
