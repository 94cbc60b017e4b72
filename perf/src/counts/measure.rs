//! Runs the paths' program, plainly and under callgrind, and reads what it cost.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ovsdb_bench::Path;

use crate::counts::Counts;

/// Counts every path, as many at a time as there are processors: counts do not mind company.
///
/// `plant` says how many instructions a path is to waste.
pub(super) fn all(
    paths: &[Path],
    plant: &(dyn Fn(&Path) -> u64 + Sync),
) -> Result<Vec<(Path, Counts)>, String> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let measured = Mutex::new(Vec::with_capacity(paths.len()));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let counts = one(path, plant(path));
                    let mut measured = measured.lock().expect("no one panics with it");
                    measured.push((*path, counts));
                }
            });
        }
    });
    let mut measured = measured.into_inner().expect("no one panics with it");
    let place = |name: &str| paths.iter().position(|path| path.name == name);
    measured.sort_by_key(|(path, _)| place(path.name));
    measured
        .into_iter()
        .map(|(path, counts)| Ok((path, counts.map_err(|error| format!("{}: {error}", path.name))?)))
        .collect()
}

/// Compiler and valgrind, which decide what is counted, and whether the processor has what the parser looks for.
pub(super) fn tools() -> String {
    let version = |program: &str| {
        let output = Command::new(program).arg("--version").output();
        output.map_or_else(
            |_| format!("no {program}"),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
    };
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let simd = if cpuinfo.contains(" avx2 ") {
        "avx2"
    } else {
        "no avx2"
    };
    format!("{}, {}, {simd}", version("rustc"), version("valgrind"))
}

fn one(path: &Path, plant_instructions: u64) -> Result<Counts, String> {
    let program = program()?;
    let arguments = [
        path.name.to_owned(),
        path.runs.to_string(),
        format!("--plant-instructions={plant_instructions}"),
    ];
    let output = run(command(&program).args(&arguments))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse);
    let (Some(Ok(allocations)), Some(Ok(bytes))) = (numbers.next(), numbers.next()) else {
        return Err(format!("the program of the paths printed {text:?}"));
    };
    let name = path.name.replace('/', "-");
    let file = std::env::temp_dir().join(format!("ovsdb-perf-{}-{name}", std::process::id()));
    let output = run(command(&PathBuf::from("valgrind"))
        .args([
            "--tool=callgrind",
            "--collect-atstart=no",
            "--toggle-collect=*counted_runs*",
        ])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(&program)
        .args(&arguments));
    let profile = fs::read_to_string(&file);
    fs::remove_file(&file).ok();
    output?;
    let profile = profile.map_err(|error| format!("what callgrind wrote cannot be read: {error}"))?;
    Ok(Counts {
        runs: path.runs,
        instructions: total(&profile).ok_or("callgrind has not collected anything")?,
        allocations,
        bytes,
    })
}

/// The time of one run on a site with so many flows.
pub(super) fn nanoseconds(path: &str, runs: u32, flows: usize) -> Result<f64, String> {
    let arguments = [path.to_owned(), runs.to_string(), format!("--flows={flows}")];
    let output = run(command(&program()?).args(&arguments))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let nanoseconds = text.split_whitespace().nth(2).map(str::parse::<f64>);
    match nanoseconds {
        Some(Ok(nanoseconds)) => Ok(nanoseconds / f64::from(runs)),
        _ => Err(format!("the program of the paths printed {text:?}")),
    }
}

/// The paths' program, which is built next to this one.
fn program() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
    let program = own.with_file_name("ovsdb-perf-paths");
    if program.exists() {
        Ok(program)
    } else {
        Err(format!(
            "{} is missing: build the whole package",
            program.display()
        ))
    }
}

/// An empty environment, whose size would move the stack and with it a few counts.
fn command(program: &PathBuf) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

fn run(command: &mut Command) -> Result<Output, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name}: {}\n{text}", output.status));
    }
    Ok(output)
}

/// The number of instructions in what callgrind writes.
fn total(profile: &str) -> Option<u64> {
    let of = |key: &str| {
        let line = profile.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse().ok()
    };
    of("totals:")
        .or_else(|| of("summary:"))
        .filter(|count| *count > 0)
}
