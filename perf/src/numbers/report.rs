//! The table: medians of both sides, their spread and their ratio.

use crate::numbers::SIDES;

/// All samples, by measurement in the order of their first appearance.
#[derive(Default)]
pub(super) struct Report {
    rows: Vec<(String, [Vec<f64>; 2])>,
}

impl Report {
    /// Adds a sample of one side.
    pub(super) fn add(&mut self, what: &str, side: usize, sample: f64) {
        let at = self
            .rows
            .iter()
            .position(|(name, _)| name == what)
            .unwrap_or_else(|| {
                self.rows.push((what.to_owned(), Default::default()));
                self.rows.len() - 1
            });
        self.rows[at].1[side].push(sample);
    }

    /// Prints the table in Markdown.
    pub(super) fn print(mut self) {
        println!(
            "| measurement (median, min … max) | {} | {} | ours / packaged |",
            SIDES[0], SIDES[1]
        );
        println!("| --- | --- | --- | --- |");
        for (what, sides) in &mut self.rows {
            for samples in sides.iter_mut() {
                samples.sort_unstable_by(f64::total_cmp);
            }
            let [packaged, ours] = &*sides;
            let ratio = median(ours) / median(packaged);
            println!("| {what} | {} | {} | {ratio:.2} |", show(packaged), show(ours));
        }
    }
}

/// The middle of sorted samples, or the mean of both middles.
fn median(sorted: &[f64]) -> f64 {
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

fn show(sorted: &[f64]) -> String {
    let digits = if median(sorted) >= 100.0 { 0 } else { 1 };
    let (least, most) = (sorted[0], sorted[sorted.len() - 1]);
    format!("{:.digits$} ({least:.digits$} … {most:.digits$})", median(sorted))
}
