//! Tables for the terminal.

use crate::measure::outcome::{Better, Figure, Outcome};

/// The figures of one server, or of two with their ratios.
///
/// `runs` holds the outcomes of one scenario for each server, in the order in which they ran.
pub fn scenario(runs: &[Vec<Outcome>]) -> String {
    let Some(first) = runs.first().and_then(|runs| runs.first()) else {
        return String::new();
    };
    let mut rows = Vec::new();
    let mut header = vec![format!("{} ({} clients)", first.scenario, first.clients)];
    header.extend(
        runs.iter()
            .filter_map(|runs| runs.first())
            .map(|outcome| outcome.server.clone()),
    );
    if runs.len() == 2 {
        header.push("ratio (spread)".to_owned());
    }
    rows.push(header);
    for figure in &first.figures {
        let mut row = vec![format!("{} ({})", figure.name, figure.unit)];
        let values: Vec<Vec<f64>> = runs.iter().map(|runs| values(runs, figure)).collect();
        row.extend(
            values
                .iter()
                .map(|values| median(values).map_or_else(|| "–".to_owned(), number)),
        );
        if let [a, b] = &values[..] {
            row.push(ratio(a, b, figure.better));
        }
        rows.push(row);
    }
    layout(&rows)
}

/// All values of a figure, in the order of the runs.
pub fn values(runs: &[Outcome], figure: &Figure) -> Vec<f64> {
    runs.iter()
        .flat_map(|outcome| &outcome.figures)
        .filter(|found| found.name == figure.name)
        .map(|found| found.value)
        .collect()
}

/// How many times better A is than B, with the least and the most of the pairs of runs.
fn ratio(a: &[f64], b: &[f64], better: Better) -> String {
    let of = |a: f64, b: f64| match better {
        Better::Lower => b / a,
        Better::Higher => a / b,
    };
    let (Some(middle_a), Some(middle_b)) = (median(a), median(b)) else {
        return "–".to_owned();
    };
    let pairs: Vec<f64> = a.iter().zip(b).map(|(&a, &b)| of(a, b)).collect();
    let least = pairs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = pairs.iter().copied().fold(0.0, f64::max);
    let middle = of(middle_a, middle_b);
    if middle.is_finite() {
        format!("{middle:.2}× ({least:.2} … {most:.2})")
    } else {
        "–".to_owned()
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
        value if value >= 1000.0 => {
            let digits = format!("{value:.0}");
            let mut out = String::new();
            for (at, digit) in digits.chars().enumerate() {
                if at > 0 && (digits.len() - at).is_multiple_of(3) {
                    out.push(',');
                }
                out.push(digit);
            }
            out
        }
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
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
    use super::{median, number, ratio};
    use crate::measure::outcome::Better;

    #[test]
    fn numbers_keep_what_means_something() {
        for (value, text) in [
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
    fn a_ratio_above_one_is_better_either_way() {
        assert_eq!(ratio(&[1.0], &[2.0], Better::Lower), "2.00× (2.00 … 2.00)");
        assert_eq!(
            ratio(&[2.0, 3.0], &[1.0, 1.0], Better::Higher),
            "2.50× (2.00 … 3.00)"
        );
        assert_eq!(median(&[]), None);
    }
}
