//! Where settings come from, and in which order.

use crate::support::{factord, ran};
use serde_json::Value;

/// The effective settings of `serve` under flags and environment.
fn effective(flags: &[&str], environment: &[(&str, &str)]) -> Value {
    let mut command = factord(&["serve", "--print-config", "--json"]);
    let ran = ran(command.args(flags).envs(environment.iter().copied()));
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

#[track_caller]
fn is(settings: &Value, key: &str, value: impl Into<Value>, origin: &str) {
    assert_eq!(settings[key]["value"], value.into(), "{key}");
    assert_eq!(settings[key]["origin"], origin, "{key}");
}

#[test]
fn a_setting_comes_from_flag_then_environment_then_file_then_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.toml");
    std::fs::write(&path, "core = 1\nidle = \"yield\"\nlog_level = \"error\"\n").unwrap();
    let file = path.to_str().unwrap();
    let from_file = format!("file {file}");

    let all = [("FACTORD_CORE", "2"), ("FACTORD_IDLE", "noop"), ("FACTORD_CONFIG", file)];
    let settings = effective(&["--core", "3"], &all);
    is(&settings, "core", 3, "flag --core");
    is(&settings, "idle", "noop", "environment FACTORD_IDLE");
    is(&settings, "log_level", "ERROR", &from_file);
    is(&settings, "listen", "127.0.0.1:5000", "default");

    let settings = effective(&["--config", file], &[("FACTORD_CONFIG", "/nowhere.toml")]);
    is(&settings, "core", 1, &from_file);
}

#[test]
fn the_replaced_services_variables_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let seed = [("PORT", "8080"), ("LOG_LEVEL", "warning"), ("MODEL_DIR", dir)];
    let settings = effective(&[], &seed);
    is(&settings, "listen", "127.0.0.1:8080", "environment PORT");
    is(&settings, "log_level", "WARNING", "environment LOG_LEVEL");
    is(&settings, "models", dir, "environment MODEL_DIR");

    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let other = other.to_str().unwrap();
    let ours = [
        ("FACTORD_MODELS", other),
        ("FACTORD_LISTEN", "127.0.0.1:9"),
        ("FACTORD_LOG_LEVEL", "debug"),
    ];
    let settings = effective(&[], &[&seed[..], &ours].concat());
    is(&settings, "models", other, "environment FACTORD_MODELS");
    is(&settings, "listen", "127.0.0.1:9", "environment FACTORD_LISTEN");
    is(&settings, "log_level", "DEBUG", "environment FACTORD_LOG_LEVEL");
}

#[test]
fn port_changes_the_port_of_the_files_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.toml");
    std::fs::write(&path, "listen = \"0.0.0.0:1\"\n").unwrap();
    let file = path.to_str().unwrap();
    let settings = effective(&["--config", file], &[("PORT", "7")]);
    is(&settings, "listen", "0.0.0.0:7", "environment PORT");
}

#[test]
fn a_variable_that_is_set_but_empty_counts_as_not_set() {
    let empty = ["PORT", "LOG_LEVEL", "MODEL_DIR", "FACTORD_CORE", "FACTORD_CONFIG"];
    let settings = effective(&[], &empty.map(|name| (name, "")));
    for (key, setting) in settings.as_object().unwrap() {
        assert_eq!(setting["origin"], "default", "{key}");
    }
}

#[test]
fn what_print_config_prints_is_a_file_that_brings_it_about() {
    let folder = tempfile::tempdir().unwrap();
    let rights = ["--may-attach", "root,@root,7", "--may-publish", "@8", "--may-publish", "9"];
    let flags = ["--core", "0", "--no-http", "--allow-uid", "7", "--allow-uid", "8"];
    let flags = [&flags[..], &rights].concat();
    let mut command = factord(&["serve", "--print-config"]);
    let printed = ran(command.args(&flags)).out;
    let path = folder.path().join("f.toml");
    std::fs::write(&path, &printed).unwrap();
    let again = effective(&["--config", path.to_str().unwrap()], &[]);
    let first = effective(&flags, &[]);
    for (key, setting) in first.as_object().unwrap() {
        assert_eq!(setting["value"], again[key]["value"], "{key}: {printed}");
    }
    let listed = ["may_attach", "may_publish"].map(|key| first[key]["value"].to_string());
    assert_eq!(listed, [r#"[0,"@0",7]"#, r#"["@8",9]"#]);
}

#[test]
fn rights_come_from_flags_the_environment_or_the_file_each_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.toml");
    std::fs::write(&path, "may_attach = [7, \"root\"]\nmay_read = [\"@root\"]\n").unwrap();
    let file = path.to_str().unwrap();
    let variables = [("FACTORD_MAY_READ", "8,@9"), ("FACTORD_MAY_OBSERVE", "root")];
    let settings = effective(&["--config", file, "--may-observe", "10"], &variables);
    for (key, value, origin) in [
        ("may_attach", "[7,0]", "file"),
        ("may_evaluate", "[]", "default"),
        ("may_observe", "[10]", "flag --may-observe"),
        ("may_read", r#"[8,"@9"]"#, "environment FACTORD_MAY_READ"),
        ("may_publish", "[]", "default"),
    ] {
        assert_eq!(settings[key]["value"].to_string(), value, "{key}");
        assert!(settings[key]["origin"].as_str().unwrap().starts_with(origin), "{key}");
    }
}

#[test]
fn the_example_file_says_what_the_defaults_are() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/factord.toml");
    let settings = effective(&["--config", example], &[]);
    let defaults = effective(&[], &[]);
    let mut named = 0;
    for (key, setting) in settings.as_object().unwrap() {
        assert_eq!(setting["value"], defaults[key]["value"], "{key}");
        named += usize::from(setting["origin"] != "default");
    }
    assert!(named >= 5, "the example names {named} settings");
}

#[test]
fn print_config_says_what_takes_effect_where_nobody_set_it() {
    let mut command = factord(&["serve", "--print-config"]);
    let printed = ran(command.env("XDG_RUNTIME_DIR", "/x")).out;
    let line = |key: &str| {
        let line = printed.lines().find(|line| line.starts_with(key)).expect(&printed);
        line.split_once(" = ").unwrap().1.split("  ").next().unwrap().to_owned()
    };
    assert_eq!(line("# socket "), "\"/x/factord/factord.sock\"");
    assert_eq!(line("# socket_mode "), "\"0660\"");
    assert!(line("# core ").parse::<usize>().is_ok(), "{printed}");
    assert!(["\"spin\"", "\"yield\""].contains(&&*line("# idle ")), "{printed}");
    assert!(!printed.contains("not set"), "{printed}");
    let settings = effective(&["--allow-uid", "7"], &[]);
    is(&settings, "socket_mode", "0666", "default");
}
