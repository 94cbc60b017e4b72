//! The page: one file of HTML that shows all of a run, or two runs side by side.
//!
//! Goes in: what `--json` holds. Comes out: HTML that is complete in itself, with no script and nothing to fetch; its
//! content security policy forbids the browser to try. The same results give the same page.

mod plots;
mod section;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::measure::about::About;
use crate::measure::results::Results;
use crate::measure::section::Section;
use crate::plot::{self, Chart};

/// What a page shows.
#[derive(Debug)]
pub struct Sheet<'a> {
    pub title: String,
    /// The runs, each with what the page calls it; nothing if there is one only.
    pub origins: Vec<(String, &'a About)>,
    pub sections: Vec<Section<'a>>,
    /// What is to be said about the whole.
    pub notes: Vec<String>,
}

const STYLE: &str = include_str!("style.css");
/// Nothing but the style in the page itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

impl<'a> Sheet<'a> {
    /// Of one run.
    pub fn new(results: &'a Results) -> Sheet<'a> {
        let sections: Vec<Section<'a>> = results
            .scenarios
            .iter()
            .filter_map(|runs| Section::new(runs))
            .collect();
        let labels = sections
            .first()
            .map_or_else(Vec::new, |section| section.labels.clone());
        Sheet {
            title: format!("OVSDB load: {}", labels.join(" against ")),
            origins: vec![(String::new(), &results.about)],
            sections,
            notes: results.notes.clone(),
        }
    }

    /// The page.
    pub fn html(&self) -> String {
        let has_two = self.sections.iter().any(|section| section.runs.len() == 2);
        let body = html! {
            @for (name, about) in &self.origins { (origin(name, about)) }
            (self.servers())
            @for note in &self.notes { p { (note) } }
            (how_to_read(has_two))
            (self.contents())
            @for (number, section) in self.sections.iter().enumerate() { (section::html(number, section)) }
        };
        document(&self.title, &body)
    }

    /// The servers and their versions.
    fn servers(&self) -> Markup {
        let Some(section) = self.sections.first() else {
            return html! {};
        };
        html! {
            dl {
                @for (label, runs) in section::names(section).into_iter().zip(&section.runs) {
                    dt { (label) }
                    dd { (runs[0].version.as_deref().unwrap_or("version unknown, as its process is not known")) }
                }
            }
        }
    }

    fn contents(&self) -> Markup {
        html! {
            nav aria-label="Scenarios" {
                h3 { "Scenarios" }
                ol {
                    @for (number, section) in self.sections.iter().enumerate() {
                        li {
                            a href=(format!("#{}", section::anchor(number))) { (section.title) }
                            @if let Some((figure, ratio)) = section::headline(section) {
                                span.soft { " " (figure) ": " } (ratio)
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Plots that belong together, for a page that shows nothing else.
#[derive(Debug)]
pub struct PageSection {
    pub title: String,
    pub about: String,
    pub plots: Vec<Chart>,
}

/// A page of plots in the style of the others.
pub fn plots_page(title: &str, sections: &[PageSection]) -> String {
    let body = html! {
        @for section in sections {
            section {
                h2 { (section.title) }
                p { (section.about) }
                div.plots { @for plot in &section.plots { (plot.html()) } }
            }
        }
    };
    document(title, &body)
}

/// A whole page.
fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(plot::STYLE)) (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                (body)
            }
        }
    };
    page.into_string()
}

fn origin(name: &str, about: &About) -> Markup {
    let machine = &about.machine;
    html! {
        @if !name.is_empty() { h3 { (name) } }
        dl {
            dt { "Date" } dd { (about.started) }
            dt { "Command" } dd { code { (about.command_line()) } }
            dt { "Machine" }
            dd {
                (machine.processor) ", " (machine.processors) " processors, "
                (format!("{:.1}", machine.memory as f64 / 1e9)) " GB of memory; "
                (machine.system) ", " (machine.kernel)
            }
            dt { "Measured by" } dd { "loadgen " (about.loadgen) ", on the same machine as servers that it started" }
        }
    }
}

fn how_to_read(has_two: bool) -> Markup {
    html! {
        p.soft {
            "Percentile curves show how long all but a share of the requests took: at 99 % is what one in a hundred "
            "exceeded. Where a rate was asked for, latencies count from when a request was meant to be sent. "
            @if has_two {
                "Ratios say how many times better A is than B, of medians; in brackets the least and the most of "
                "single runs. Above 1 A is better, whether less or more of something is good."
            }
        }
    }
}
