//! A scenario's part of the page: what it is about, its figures, its plots.

use maud::{Markup, html};

use crate::measure::outcome::{Better, Figure};
use crate::measure::section::Section;
use crate::measure::table::{median, named, number};
use crate::report::plots;

/// Where links find it.
pub(super) fn anchor(number: usize) -> String {
    format!("scenario-{}", number + 1)
}

/// What the servers are called: by letters too if there are two.
pub(super) fn names(section: &Section<'_>) -> Vec<String> {
    match &section.labels[..] {
        [a, b] => vec![format!("A: {a}"), format!("B: {b}")],
        one => one.to_vec(),
    }
}

/// The first figure that has a ratio, and the ratio.
pub(super) fn headline(section: &Section<'_>) -> Option<(String, String)> {
    let mut figures = section.figures().into_iter();
    figures.find_map(|figure| Some((figure.name.clone(), section.ratio(figure)?.to_string())))
}

pub(super) fn html(number: usize, section: &Section<'_>) -> Markup {
    html! {
        section id=(anchor(number)) {
            h2 { (section.title) }
            p { (section.first().summary) }
            div.beside {
                (table(section))
                @if let Some(ratios) = plots::ratios(section) { (ratios.html()) }
            }
            div.plots { (plots::all(section)) }
            p.soft { (facts(section)) }
        }
    }
}

fn table(section: &Section<'_>) -> Markup {
    let is_comparison = section.runs.len() == 2;
    html! {
        div.wide {
            table {
                thead {
                    tr {
                        th { "figure" }
                        @for (name, class) in names(section).iter().zip(["a", "b"]) { th.(class) { span.server { (name) } } }
                        @if is_comparison { th { "times better A is" } }
                    }
                }
                tbody { @for figure in section.figures() { (row(section, figure)) } }
            }
        }
    }
}

fn row(section: &Section<'_>, figure: &Figure) -> Markup {
    let direction = match figure.better {
        Better::Lower => "less is better",
        Better::Higher => "more is better",
    };
    html! {
        tr {
            td title=(direction) { (named(&figure.name, &figure.unit)) }
            @for values in section.values(figure) { td { (value(&values)) } }
            @if section.runs.len() == 2 {
                td {
                    @match section.ratio(figure) {
                        Some(ratio) => {
                            data value=(ratio.middle) { (format!("{:.2}×", ratio.middle)) }
                            @if ratio.least < ratio.most {
                                span.spread { (format!("{:.2} … {:.2}", ratio.least, ratio.most)) }
                            }
                        }
                        None => "–",
                    }
                }
            }
        }
    }
}

/// The median, exactly and as it is read, with the least and the most if there are several.
fn value(values: &[f64]) -> Markup {
    let Some(middle) = median(values) else {
        return html! { "–" };
    };
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    html! {
        data value=(middle) { (number(middle)) }
        @if least < most { span.spread { (number(least)) " … " (number(most)) } }
    }
}

/// How it was measured, in a few words.
fn facts(section: &Section<'_>) -> String {
    let first = section.first();
    let rounds = section.runs.iter().map(|runs| runs.len()).max().unwrap_or(1);
    let mut parts = Vec::new();
    if rounds > 1 {
        parts.push(format!(
            "{rounds} rounds: the table has medians, the percentile curves are of all rounds, the time lines of the first."
        ));
    }
    parts.push("Every reply was checked.".to_owned());
    if first.compared > 0 {
        parts.push(format!(
            "At the end what {} clients knew was compared with the database.",
            first.compared
        ));
    }
    for (name, runs) in names(section).iter().zip(&section.runs) {
        let phases: Vec<String> = runs[0]
            .phases
            .iter()
            .map(|phase| format!("{} from {:.2} s", phase.name, phase.from_s))
            .collect();
        if !phases.is_empty() {
            parts.push(format!("Vertical lines, {name}: {}.", phases.join(", ")));
        }
    }
    parts.join(" ")
}
