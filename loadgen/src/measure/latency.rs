//! Latencies by series, in HDR histograms of microseconds with three significant digits.

use hdrhistogram::Histogram;

use crate::limits::LATENCY_MAX_US;

/// Histograms by the name of their series, in the order of first appearance.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    series: Vec<(&'static str, Histogram<u64>)>,
}

impl Latencies {
    /// Adds one latency.
    pub fn record(&mut self, name: &'static str, us: u64) {
        self.histogram(name)
            .saturating_record(us.clamp(1, LATENCY_MAX_US));
    }

    /// Adds all of another set.
    pub fn add(&mut self, other: Latencies) {
        for (name, histogram) in other.series {
            self.histogram(name)
                .add(histogram)
                .expect("all histograms have the same bounds");
        }
    }

    /// A percentile of a series in microseconds; `None` if nothing was recorded.
    pub fn percentile_us(&self, name: &str, percentile: f64) -> Option<u64> {
        let found = self.series.iter().find(|(known, _)| *known == name);
        found.map(|(_, histogram)| histogram.value_at_percentile(percentile))
    }

    /// All series.
    pub fn series(&self) -> &[(&'static str, Histogram<u64>)] {
        &self.series
    }

    fn histogram(&mut self, name: &'static str) -> &mut Histogram<u64> {
        let at = self
            .series
            .iter()
            .position(|(known, _)| *known == name)
            .unwrap_or_else(|| {
                let histogram =
                    Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("the bounds are sound");
                self.series.push((name, histogram));
                self.series.len() - 1
            });
        &mut self.series[at].1
    }
}
