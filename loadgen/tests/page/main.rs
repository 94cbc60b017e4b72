//! What people see: the page of a tiny run in a headless browser, two runs side by side, and the live line.

mod browser;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use loadgen::measure::results::Results;
use loadgen::measure::section::Section;
use loadgen::measure::table::median;
use ovsdb_harness::Scratch;
use ovsdb_harness::peer::{Peer, packaged_program};

use crate::browser::Browser;

const LOADGEN: &str = env!("CARGO_BIN_EXE_loadgen");

fn loadgen(arguments: &[&str]) -> Output {
    Command::new(LOADGEN)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("loadgen can be run")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs it, which must succeed, and gives what it printed.
fn told(arguments: &[&str]) -> String {
    let output = loadgen(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// A command for `--spawn`.
fn spawn(server: &Path) -> String {
    format!(
        "{} --unixctl={{sock}}.ctl --remote=ptcp:{{port}}:127.0.0.1 --remote=punix:{{sock}} {{db}}",
        server.display()
    )
}

/// A path as an argument.
fn argument(path: &Path) -> String {
    path.display().to_string()
}

/// A tiny run on our server, with the given arguments besides.
fn run(arguments: &[&str]) -> String {
    let ours = spawn(&Peer::Ours.server());
    let mut all = vec!["--clients=20", "--seconds=0.3", "--patience=30", "--connecting=4"];
    all.extend(["--spawn", &ours]);
    all.extend(arguments);
    told(&all)
}

#[test]
fn a_browser_shows_every_figure_and_plot_of_a_run() {
    let scratch = Scratch::new();
    let (json, page, again) = (
        scratch.join("run.json"),
        scratch.join("run.html"),
        scratch.join("again.html"),
    );
    let packaged = spawn(&packaged_program("ovsdb-server"));
    run(&[
        "--scenario=fanout",
        "--scenario=claim",
        "--against",
        &packaged,
        "--json",
        &argument(&json),
        "--report",
        &argument(&page),
    ]);
    told(&["page", &argument(&json), &argument(&again)]);
    let html = std::fs::read_to_string(&page).unwrap();
    assert_eq!(
        html,
        std::fs::read_to_string(&again).unwrap(),
        "the file tells all that the page shows"
    );

    let shown = Browser::new(&scratch).open(&page);
    assert_eq!(shown.console, Vec::<String>::new());
    let results = Results::read(&json).unwrap();
    let sections = shown.elements("section");
    assert_eq!(sections.len(), results.scenarios.len());
    for (runs, shown) in results.scenarios.iter().zip(&sections) {
        let section = Section::new(runs).unwrap();
        let expected: Vec<f64> = section
            .figures()
            .into_iter()
            .flat_map(|figure| {
                let values = section.values(figure).into_iter();
                let medians: Vec<f64> = values.filter_map(|values| median(&values)).collect();
                let ratio = section.ratio(figure).map(|ratio| ratio.middle);
                medians.into_iter().chain(ratio)
            })
            .collect();
        let figures: Vec<f64> = shown
            .elements("data")
            .iter()
            .map(|data| data.attribute("value").parse().unwrap())
            .collect();
        assert_eq!(figures, expected, "{}", section.title);

        let plots = shown.elements("figure");
        let titles: Vec<String> = plots
            .iter()
            .map(|plot| plot.elements("figcaption")[0].text())
            .collect();
        let mut awaited: Vec<String> = section
            .distributions()
            .iter()
            .map(|distribution| format!("{}: percentiles of ", distribution.name))
            .collect();
        for quantity in ["A against B", "Rate", "Clients", "Latency", "Processor", "Memory"] {
            awaited.push(quantity.to_owned());
        }
        for awaited in awaited {
            assert!(
                titles.iter().any(|title| title.starts_with(&awaited)),
                "{awaited}: {titles:?}"
            );
        }
        for (plot, title) in plots.iter().zip(&titles) {
            for side in ["var(--plot-a)", "var(--plot-b)"] {
                let has_line = plot.elements("polyline").iter().any(|line| {
                    line.attribute("stroke") == side
                        && line.attribute("points").split_whitespace().count() > 1
                });
                // What was seen once only is a dot.
                let has_dot = plot
                    .elements("circle")
                    .iter()
                    .any(|dot| dot.attribute("fill") == side);
                let drawn = has_line || has_dot;
                // A ratio has the colour of the better one only.
                assert!(drawn || title.starts_with("A against B"), "{title} lacks {side}");
            }
            assert!(!plot.elements("text").is_empty(), "{title} has no labels");
        }
    }
}

#[test]
fn a_page_that_would_fetch_something_or_is_broken_is_noticed() {
    let scratch = Scratch::new();
    let json = scratch.join("run.json");
    run(&["--quiet", "--scenario=txn", "--json", &argument(&json)]);
    let page = scratch.join("run.html");
    told(&["page", &argument(&json), &argument(&page)]);
    let html = std::fs::read_to_string(&page).unwrap();
    let fetching = html.replace("</body>", "<img src=\"http://127.0.0.1:1/x.png\"></body>");
    assert_ne!(fetching, html);
    let shown = Browser::new(&scratch).open(&scratch.write("fetching.html", fetching));
    assert!(
        shown
            .console
            .iter()
            .any(|line| line.contains("Content Security Policy")),
        "{:?}",
        shown.console
    );
}

#[test]
fn two_files_are_compared() {
    let scratch = Scratch::new();
    let files = ["a.json", "b.json"].map(|name| argument(&scratch.join(name)));
    run(&[
        "--quiet",
        "--scenario=fanout",
        "--scenario=connect",
        "--rounds=2",
        "--json",
        &files[0],
    ]);
    run(&["--quiet", "--scenario=fanout", "--json", &files[1]]);
    let page = argument(&scratch.join("both.html"));
    let table = told(&["compare", &files[0], &files[1], "--report", &page]);
    let results = files
        .each_ref()
        .map(|file| Results::read(Path::new(file)).unwrap());
    let last = |results: &Results| {
        let runs = &results.scenarios[0][0];
        median(
            &runs
                .iter()
                .map(|outcome| outcome.figures[0].value)
                .collect::<Vec<f64>>(),
        )
        .unwrap()
    };
    // Less is better.
    let ratio = last(&results[1]) / last(&results[0]);
    let line = table
        .lines()
        .find(|line| line.starts_with("last client has it (ms)"))
        .unwrap();
    assert!(line.contains(&format!("{ratio:.2}× (")), "{ratio}: {line}");
    assert!(
        table.contains("connect is in A only.") && table.contains(&files[1]),
        "{table}"
    );
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains(&format!("<data value=\"{ratio}\">")), "{html}");
    assert!(html.contains("A against B") && html.contains("update heard: percentiles of"));

    let broken = argument(&scratch.write("broken.json", "{\"about\":1"));
    let other = argument(&scratch.write("other.json", "{}"));
    let mut without = results[0].clone();
    without.scenarios.remove(0);
    let connect = argument(&scratch.write("connect.json", without.to_json()));
    without.scenarios.clear();
    let empty = argument(&scratch.write("empty.json", without.to_json()));
    let absent = argument(&scratch.join("absent.json"));
    for (arguments, expected) in [
        (
            vec!["compare", &absent, &files[0]],
            format!("{absent}: No such file or directory"),
        ),
        (
            vec!["compare", &files[0], &broken],
            format!("{broken}: these are no results"),
        ),
        (
            vec!["compare", &files[0], &other],
            format!("{other}: these are no results"),
        ),
        (
            vec!["compare", &empty, &files[0]],
            format!("{empty}: there are no results in it"),
        ),
        (
            vec!["compare", &connect, &files[1]],
            "have no scenario in common".to_owned(),
        ),
        (
            vec!["compare", &files[0], &files[1], "--report", "/nowhere/x.html"],
            "--report /nowhere/x.html: No such file or directory".to_owned(),
        ),
        (
            vec!["page", &absent, "/nowhere/x.html"],
            "/nowhere/x.html: No such file or directory".to_owned(),
        ),
        (
            vec!["--json", "/nowhere/x.json", "--scenario=connect"],
            "--json /nowhere/x.json: No such file or directory".to_owned(),
        ),
    ] {
        let output = loadgen(&arguments);
        let errors = text(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(
            errors.lines().count() == 1 && errors.contains(&expected),
            "{arguments:?}: {errors}"
        );
    }
}

#[test]
fn a_file_of_results_is_whole_and_readable_or_not_touched() {
    use std::os::unix::fs::MetadataExt;
    let scratch = Scratch::new();
    let json = scratch.write("old.json", "old");
    let output = loadgen(&[
        "--json",
        &argument(&json),
        "--server=tcp:127.0.0.1:1",
        "--scenario=txn",
    ]);
    assert!(!output.status.success());
    assert_eq!(std::fs::read_to_string(&json).unwrap(), "old");
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1, "drafts go");
    run(&["--quiet", "--scenario=txn", "--json", &argument(&json)]);
    assert!(Results::read(&json).is_ok());
    let plain = scratch.write("plain", "");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode();
    assert_eq!(mode(&json), mode(&plain), "as any program makes files");
    // Something that is no file is written to as it is.
    run(&["--quiet", "--scenario=txn", "--json", "/dev/null"]);
}

#[test]
fn the_live_line_is_for_terminals_only() {
    let scratch = Scratch::new();
    let ours = spawn(&Peer::Ours.server());
    let arguments = ["--clients=20", "--seconds=1", "--scenario=txn", "--spawn", &ours];
    let plain = loadgen(&arguments);
    assert!(plain.status.success());
    assert_eq!(text(&plain.stderr), "");
    assert!(!text(&plain.stdout).contains('\x1b'), "{}", text(&plain.stdout));

    let log = scratch.join("terminal");
    let words: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
    let status = Command::new("script")
        .args(["-qec", &format!("{LOADGEN} {}", words.join(" "))])
        .arg(&log)
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("script can be run");
    assert!(status.success());
    let terminal = std::fs::read_to_string(log).unwrap();
    let line = terminal
        .split('\r')
        .find(|line| line.contains("msg/s") && line.contains("p99"))
        .unwrap_or_else(|| panic!("no live line with rate and latencies: {terminal:?}"));
    assert!(
        line.contains("txn ") && line.contains("p50") && line.contains("CPU"),
        "{line:?}"
    );
    // The line is gone when the table comes.
    let (_, table) = terminal.rsplit_once("\x1b[2K").unwrap();
    assert!(
        table.starts_with("txn (20 clients)") || table.starts_with("\r\x1b"),
        "{table:?}"
    );
}
