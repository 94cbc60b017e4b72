//! How many times better A is than B.

use crate::measure::outcome::Better;
use crate::measure::table::median;

/// Which runs of A and B belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// The first with the first, and so on: they ran in turns.
    InTurns,
    /// Each with each: they ran apart, and nothing makes one pair better than another.
    Apart,
}

/// Of the medians, with the least and the most of the pairs of runs. All are above 0; above 1 A is the better one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    pub middle: f64,
    pub least: f64,
    pub most: f64,
}

impl Ratio {
    /// Of the values of all runs; `None` where there is no ratio, as one of them is 0 or not there.
    pub fn of(a: &[f64], b: &[f64], better: Better, pairing: Pairing) -> Option<Ratio> {
        let of = |a: f64, b: f64| match better {
            Better::Lower => b / a,
            Better::Higher => a / b,
        };
        let pairs: Vec<f64> = match pairing {
            Pairing::InTurns => a.iter().zip(b).map(|(&a, &b)| of(a, b)).collect(),
            Pairing::Apart => a.iter().flat_map(|&a| b.iter().map(move |&b| of(a, b))).collect(),
        };
        let ratio = Ratio {
            middle: of(median(a)?, median(b)?),
            least: pairs.iter().copied().fold(f64::INFINITY, f64::min),
            most: pairs.iter().copied().fold(0.0, f64::max),
        };
        let is_sound = |value: f64| value.is_finite() && value > 0.0;
        (is_sound(ratio.middle) && is_sound(ratio.least) && is_sound(ratio.most)).then_some(ratio)
    }
}

impl std::fmt::Display for Ratio {
    /// `2.00× (1.90 … 2.10)`, with the spread if there is one.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2}×", self.middle)?;
        if self.least < self.most {
            write!(f, " ({:.2} … {:.2})", self.least, self.most)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Pairing, Ratio};
    use crate::measure::outcome::Better;

    #[test]
    fn a_ratio_above_one_is_better_either_way() {
        let of = |a: &[f64], b: &[f64], better, pairing| {
            Ratio::of(a, b, better, pairing).map_or_else(String::new, |ratio| ratio.to_string())
        };
        assert_eq!(of(&[1.0], &[2.0], Better::Lower, Pairing::InTurns), "2.00×");
        let (a, b) = (&[2.0, 3.0], &[1.0, 2.0]);
        assert_eq!(of(a, b, Better::Higher, Pairing::InTurns), "1.67× (1.50 … 2.00)");
        assert_eq!(of(a, b, Better::Higher, Pairing::Apart), "1.67× (1.00 … 3.00)");
        assert_eq!(of(&[0.0], &[1.0], Better::Lower, Pairing::InTurns), "");
        assert_eq!(of(&[], &[1.0], Better::Lower, Pairing::InTurns), "");
    }
}
