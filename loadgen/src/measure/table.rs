//! Tables for the terminal.

use crate::measure::section::Section;

/// The figures of one server, or of two with their ratios.
pub fn section(section: &Section<'_>) -> String {
    let mut header = vec![section.title.clone()];
    header.extend(section.labels.iter().cloned());
    let is_comparison = section.runs.len() == 2;
    if is_comparison {
        header.push("ratio (spread)".to_owned());
    }
    let mut rows = vec![header];
    let absent = || "–".to_owned();
    for figure in section.figures() {
        let mut row = vec![named(&figure.name, &figure.unit)];
        let values = section.values(figure);
        row.extend(
            values
                .iter()
                .map(|values| median(values).map_or_else(absent, number)),
        );
        if is_comparison {
            row.push(
                section
                    .ratio(figure)
                    .map_or_else(absent, |ratio| ratio.to_string()),
            );
        }
        rows.push(row);
        rows.extend(samples(section, &figure.name, is_comparison));
    }
    layout(&rows)
}

/// How many latencies the percentiles are of whose last is the figure with that name.
fn samples(section: &Section<'_>, figure: &str, is_comparison: bool) -> Option<Vec<String>> {
    let series = figure.strip_suffix(" max").unwrap_or(figure);
    let counts = section.counts(series)?;
    let mut row = vec![format!("{series}, samples")];
    row.extend(counts.into_iter().map(whole));
    if is_comparison {
        row.push(String::new());
    }
    Some(row)
}

/// A name with its unit, if it has one.
pub fn named(name: &str, unit: &str) -> String {
    if unit.is_empty() {
        name.to_owned()
    } else {
        format!("{name} ({unit})")
    }
}

/// The middle of some values, or the mean of both middles.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let low = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some((low + sorted[sorted.len() / 2]) / 2.0)
}

/// A number with as many digits as mean something.
pub fn number(value: f64) -> String {
    match value.abs() {
        value if value >= 1000.0 => grouped(&format!("{value:.0}")),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        0.1.. => format!("{value:.2}"),
        0.01.. => format!("{value:.3}"),
        0.000_05.. => format!("{value:.4}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number, in groups of three digits.
pub fn whole(value: u64) -> String {
    grouped(&value.to_string())
}

fn grouped(digits: &str) -> String {
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Columns padded to their widest cell, the first to the left and the others to the right.
fn layout(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            let padding = " ".repeat(widths[column] - cell.chars().count());
            if column == 0 {
                out.push_str(&format!("{cell}{padding}"));
            } else {
                out.push_str(&format!("  {padding}{cell}"));
            }
        }
        out.push('\n');
        if index == 0 {
            let total = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
            out.push_str(&format!("{}\n", "─".repeat(total)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{median, number};

    #[test]
    fn numbers_keep_what_means_something() {
        for (value, text) in [
            (0.0, "0.00"),
            (0.00123, "0.0012"),
            (0.0123, "0.012"),
            (0.1234, "0.12"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1234.5, "1,234"),
            (1e6, "1,000,000"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn the_middle_of_an_even_number_is_between() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
