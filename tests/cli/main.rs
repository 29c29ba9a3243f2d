//! The command line, by the real binary: what it prints, and the code it ends with.

mod csv;
mod malformed;
mod settings;
mod support;

use factord_core::client::{AttachOptions, Client};
use factord_eval::Model;
use factord_eval::eval::eval;
use factord_models::file::{Artifact, Details};
use std::process::Stdio;
use support::{Daemon, factord, ran};

#[test]
fn no_argument_prints_the_help() {
    let ran = ran(&mut factord(&[]));
    assert_eq!(ran.code, 64);
    for word in ["Usage: factord", "serve", "predict", "stat", "completions"] {
        assert!(ran.err.contains(word), "{word}: {}", ran.err);
    }
}

#[test]
fn help_lists_every_exit_code() {
    let help = ran(&mut factord(&["--help"])).out;
    for code in factord::exit::Code::ALL {
        assert!(help.contains(&format!("{:>2}  {}", code.number(), code.meaning())), "{code:?}");
    }
    let document = include_str!("../../docs/exit-codes.md");
    for code in factord::exit::Code::ALL {
        let row = format!("| {} | {} |", code.number(), code.meaning());
        assert!(document.contains(&row), "docs/exit-codes.md lacks: {row}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_no_run_badly() {
    for arguments in [&["--help"][..], &["completions", "bash"], &["serve", "--print-config"]] {
        let mut child = factord(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), err.as_ref()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn manual_pages_and_completions_cover_every_sub_command() {
    let folder = tempfile::tempdir().unwrap();
    let ran_man = ran(factord(&["man"]).arg(folder.path().join("man1")));
    assert_eq!(ran_man.code, 0, "{}", ran_man.err);
    for sub in ["serve", "http", "predict", "stat", "check", "import", "model"] {
        let page = folder.path().join("man1").join(format!("factord-{sub}.1"));
        assert!(page.is_file(), "{}", page.display());
        for shell in ["bash", "zsh", "fish"] {
            assert!(ran(&mut factord(&["completions", shell])).out.contains(sub), "{shell} {sub}");
        }
    }
}

#[test]
fn tools_without_a_daemon_say_where_they_looked() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    for arguments in [&["stat"][..], &["predict", "regression", "0.5", "0.2", "0.3"]] {
        let ran = ran(factord(arguments).arg("--socket").arg(&socket));
        assert_eq!(ran.code, 69, "{}", ran.err);
        assert!(ran.err.contains("none.sock") && ran.err.contains("factord serve"), "{}", ran.err);
    }
}

#[test]
fn one_row_is_answered_in_text_and_in_json() {
    let daemon = Daemon::start();
    let run = |arguments: &[&str]| ran(&mut daemon.factord(arguments));
    let row = ["0.5", "0.2", "0.3"];
    let text = run(&[&["predict", "regression"][..], &row].concat());
    assert_eq!((text.code, text.out.as_str()), (0, "0.500053855850386\n"));
    let text = run(&[&["predict", "classification"][..], &row].concat());
    assert!(text.out.starts_with("class 0, probability 0.00109599281974287"), "{}", text.out);
    let json = run(&[&["predict", "classification", "--json"][..], &row].concat());
    let object: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(object["prediction"], 0);
    assert!((object["probability"].as_f64().unwrap() / 0.0010959928197428772 - 1.0).abs() < 1e-12);
    assert_eq!(object["features"].as_array().unwrap().len(), 3);
}

#[test]
fn a_row_that_cannot_be_answered_ends_with_its_code() {
    let daemon = Daemon::start();
    for (arguments, code, word) in [
        (&["regression", "nan", "1", "2"][..], 65, "finite"),
        (&["regression", "inf", "1", "2"], 65, "finite"),
        (&["regression", "1", "2"], 65, "takes 3 features, 2"),
        (&["regression"], 64, "no features"),
        (&["regression", "a", "1", "2"], 64, "invalid"),
        (&["absent", "1", "2", "3"], 64, "regression, classification"),
    ] {
        let ran = ran(&mut daemon.factord(&[&["predict"][..], arguments].concat()));
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(word), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn stat_shows_the_counters_of_the_running_daemon() {
    let daemon = Daemon::start();
    let predict = ["predict", "regression", "0.5", "0.2", "0.3"];
    assert_eq!(ran(&mut daemon.factord(&predict)).code, 0);
    let object: serde_json::Value =
        serde_json::from_str(&ran(&mut daemon.factord(&["stat", "--json"])).out).unwrap();
    assert_eq!(object["state"], "serving");
    assert_eq!(object["models"][0]["name"], "regression");
    assert_eq!(object["models"][1]["name"], "classification");
    assert_eq!(object["workers"][0]["requests"], 1);
    assert_eq!(object["workers"][0]["ok"], 1);
    let text = ran(&mut daemon.factord(&["stat"])).out;
    for word in ["serving", "regression, linear, 3 features", "1 ok", "service time"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn stat_shows_who_has_a_channel() {
    let daemon = Daemon::start();
    let stat =
        |more: &[&str]| ran(&mut daemon.factord(&[&["stat", "--clients"][..], more].concat()));
    assert_eq!(stat(&[]).out.lines().count(), 1, "nobody, below the titles");
    let options = AttachOptions {
        socket: Some(daemon.path("factord.sock")),
        name: "desk 7".to_owned(),
        slot_count: 32,
        ..AttachOptions::default()
    };
    let client = Client::attach(&options).unwrap();
    let table = stat(&[]).out;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    for word in ["desk 7", &std::process::id().to_string(), "light", "32"] {
        assert!(lines[1].contains(word), "{word}: {table}");
    }
    let object: serde_json::Value = serde_json::from_str(&stat(&["--json"]).out).unwrap();
    let channel = &object["clients"][0];
    assert_eq!(channel["name"], "desk 7");
    assert_eq!(channel["slots"], 32);
    assert_eq!(channel["pid"], std::process::id());
    drop(client);
}

#[test]
fn a_manual_page_has_the_lines_variables_files_and_codes_that_a_reader_looks_for() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(ran(factord(&["man"]).arg(folder.path())).code, 0);
    let page =
        |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("the page is there");
    for name in ["factord.1", "factord-serve.1", "factord-model-show.1", "factord-train.1"] {
        let page = page(name);
        for section in ["NAME", "SYNOPSIS", "ENVIRONMENT", "FILES", "EXIT STATUS"] {
            assert!(page.contains(&format!("\n.SH {section}\n")), "{name}: {section}");
        }
        for code in factord::exit::Code::ALL {
            let row = format!(".TP\n\\fB{}\\fR\n", code.number());
            assert!(page.contains(&row), "{name}: {code:?}");
        }
        assert_eq!(page.matches("Exit codes:").count(), 0, "{name}");
    }
    let serve = page("factord-serve.1");
    for line in ["\\fBFACTORD_CORE\\fR", "\\fBMODEL_DIR\\fR", "\\fBPORT\\fR", "Examples:"] {
        assert!(serve.contains(&format!("\n{line}\n")), "{line}: {serve}");
    }
    // Each example is a line of its own, as in --help.
    let notes = serve.split(".nf\n").nth(1).and_then(|rest| rest.split("\n.fi").next()).unwrap();
    assert!(notes.lines().any(|line| line.starts_with("  factord serve \\-\\-core 3")), "{notes}");
}

#[test]
fn completions_offer_the_words_of_idle_and_log_level() {
    let bash = ran(&mut factord(&["completions", "bash"])).out;
    let serve = bash
        .split("factord__subcmd__serve)")
        .nth(1)
        .or_else(|| bash.split("factord__serve)").nth(1));
    let serve = serve.expect("the script completes serve");
    for (flag, words) in [
        ("--idle", "noop spin yield backoff"),
        ("--log-level", "DEBUG INFO WARNING ERROR CRITICAL"),
    ] {
        let after = serve.split(&format!("{flag})")).nth(1).expect(flag);
        assert!(after.lines().nth(1).unwrap().contains(words), "{flag}: {}", &after[..200]);
    }
}

#[test]
fn help_lists_the_options_of_all_commands_apart() {
    for command in ["serve", "predict", "train", "completions"] {
        let help = ran(&mut factord(&[command, "--help"])).out;
        let (own, common) = help.split_once("\nOptions of all commands:\n").expect(command);
        for flag in ["--socket ", "--config ", "--daemon-uid "] {
            assert!(common.contains(flag) && !own.contains(flag), "{command} {flag}: {help}");
        }
    }
}

#[test]
fn a_variable_that_nothing_reads_is_told_with_the_one_that_may_be_meant() {
    let warned = |name: &str| {
        let ran = ran(factord(&["serve", "--print-config"]).env(name, "7"));
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.err
    };
    assert_eq!(
        warned("FACTORD_LISTN"),
        "factord: warning: nothing reads FACTORD_LISTN: FACTORD_LISTEN may be meant\n"
    );
    for fine in ["FACTORD_CORE", "FACTORD_QUIET", "FACTOR", "PORTS"] {
        assert_eq!(warned(fine), "", "{fine}");
    }
}

#[test]
fn the_banner_s_command_works_where_the_daemon_is_and_with_what_it_serves() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("the models");
    std::fs::create_dir(&models).unwrap();
    let model = Model::linear(vec![0.25, -1.0, 3.0, 0.5, 2.0], 0.5).unwrap();
    let expected = eval(&model, &[0.5, 0.2, 0.3, 0.5, 0.2]).y;
    let feature_names = (0..5).map(|index| format!("f{index}")).collect();
    let details = Details { name: "spread-2".to_owned(), feature_names, ..Details::default() };
    let artifact = Artifact::new(model, details).unwrap();
    artifact.save(&models.join("spread-2.fmodel")).unwrap();
    let socket = folder.path().join("it's here.sock");
    let mut child = factord(&["serve", "--no-http", "--idle", "backoff", "--socket"])
        .arg(&socket)
        .arg("--models")
        .arg(&models)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let last = lines.map_while(Result::ok).find(|line| line.contains("try: ")).unwrap();
    let command = last.split_once("try: factord ").unwrap().1.to_owned();
    // As a shell reads it.
    let mut shell = std::process::Command::new("sh");
    let line = format!("exec \"$0\" {command}");
    let tried = ran(shell.env_clear().args(["-c", &line, env!("CARGO_BIN_EXE_factord")]));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((tried.code, tried.err.as_str()), (0, ""), "{command}");
    assert_eq!(tried.out, format!("{expected:?}\n"), "{command}");
}

#[test]
fn an_engine_that_is_stopped_is_said_to_be() {
    let daemon = Daemon::start();
    let signal = |signal| {
        let pid = rustix::process::Pid::from_raw(daemon.pid().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    };
    signal(rustix::process::Signal::STOP);
    let ran = ran(&mut daemon.factord(&["stat"]));
    signal(rustix::process::Signal::CONT);
    assert_eq!((ran.code, ran.out.as_str()), (75, ""), "{}", ran.err);
    assert!(ran.err.contains("it is stopped (kill -CONT goes on), hangs"), "{}", ran.err);
}
