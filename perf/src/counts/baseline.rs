//! Counts as a file, so that moving a baseline is a commit that everybody can read.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// What a path costs, over all its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) runs: u32,
    pub(crate) instructions: u64,
    /// Calls of the allocator, growing included.
    pub(crate) allocations: u64,
    pub(crate) bytes: u64,
}

/// Of one run.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_one = |count: u64| count as f64 / f64::from(self.runs);
        write!(
            f,
            "{:13.0} instructions {:10.2} allocations {:12.0} bytes",
            of_one(self.instructions),
            of_one(self.allocations),
            of_one(self.bytes)
        )
    }
}

/// What each path cost when that was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Baseline {
    /// Compiler and valgrind: another version of them counts differently.
    pub(crate) tools: String,
    pub(crate) paths: BTreeMap<String, Counts>,
}

impl Baseline {
    pub(crate) fn read(file: &Path) -> Result<Baseline, String> {
        let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let value = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        Baseline::from_json(&value).ok_or_else(|| format!("{}: not a baseline", file.display()))
    }

    pub(crate) fn write(&self, file: &Path) -> Result<(), String> {
        let text = format!("{:#}\n", self.to_json());
        fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
    }

    pub(crate) fn to_json(&self) -> Value {
        let paths = self.paths.iter().map(|(name, counts)| {
            let counts = json!({
                "runs": counts.runs,
                "instructions": counts.instructions,
                "allocations": counts.allocations,
                "bytes": counts.bytes,
            });
            (name.clone(), counts)
        });
        json!({"tools": self.tools, "paths": paths.collect::<serde_json::Map<_, _>>()})
    }

    pub(crate) fn from_json(value: &Value) -> Option<Baseline> {
        let mut paths = BTreeMap::new();
        for (name, counts) in value.get("paths")?.as_object()? {
            let counts = Counts {
                runs: u32::try_from(counts.get("runs")?.as_u64()?).ok()?,
                instructions: counts.get("instructions")?.as_u64()?,
                allocations: counts.get("allocations")?.as_u64()?,
                bytes: counts.get("bytes")?.as_u64()?,
            };
            paths.insert(name.clone(), counts);
        }
        Some(Baseline {
            tools: value.get("tools")?.as_str()?.to_owned(),
            paths,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Baseline, Counts};

    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let counts = Counts {
            runs: 1,
            instructions: 2,
            allocations: 3,
            bytes: 4,
        };
        let baseline = Baseline {
            tools: "rustc 1".to_owned(),
            paths: [("a/b".to_owned(), counts)].into(),
        };
        assert_eq!(Baseline::from_json(&baseline.to_json()), Some(baseline));
    }
}
