//! Malformed configurations: each is refused with its code, by the name of its source.

use crate::support::{Ran, factord, ran};
use std::fs;

const KEYS: [&str; 12] = [
    "socket",
    "listen",
    "http",
    "models",
    "core",
    "idle",
    "channels_per_uid",
    "bytes_per_uid",
    "allow_uids",
    "may_attach",
    "may_publish",
    "log_level",
];

/// Values that are wrong for every key, in TOML.
const WRONG_FOR_ALL: [&str; 10] = [
    "1979-05-27",
    "1.5",
    "nan",
    "{ a = 1 }",
    "[\"x\"]",
    "[[1]]",
    "-1",
    "99999999999999999999",
    "\"\"",
    "[[], {}]",
];

/// Values that are wrong for one key.
const WRONG_FOR_ONE: [(&str, &str); 28] = [
    ("listen", "\"5000\""),
    ("listen", "\"127.0.0.1\""),
    ("listen", "\"127.0.0.1:70000\""),
    ("listen", "\"example.com:80\""),
    ("listen", "5000"),
    ("http", "\"yes\""),
    ("http", "1"),
    ("core", "1024"),
    ("core", "\"3\""),
    ("core", "true"),
    ("idle", "\"fast\""),
    ("idle", "\"Spin\""),
    ("channels_per_uid", "0"),
    ("channels_per_uid", "16385"),
    ("channels_per_uid", "\"many\""),
    ("bytes_per_uid", "0"),
    ("bytes_per_uid", "\"64MiB\""),
    ("bytes_per_uid", "2000000000000000"),
    ("allow_uids", "1000"),
    ("allow_uids", "[-1]"),
    ("allow_uids", "[4294967295]"),
    ("allow_uids", "[1, \"root\"]"),
    ("may_attach", "\"root\""),
    ("may_evaluate", "[4294967295]"),
    ("may_observe", "[0, \"no such user\"]"),
    ("may_read", "[\"@no such group\"]"),
    ("log_level", "\"LOUD\""),
    ("log_level", "3"),
];

/// Whole lines that are no TOML, or not of this file; with the key the message must hold.
const WRONG_LINES: [(&str, &str); 28] = [
    ("cor = 3", "cor"),
    ("Core = 3", "Core"),
    ("core.x = 3", "core"),
    ("[serve]", "serve"),
    ("[[models]]", "models"),
    ("[core]", "core"),
    ("core", "core"),
    ("core =", "core"),
    ("core = ,", "core"),
    ("core = 1 2", "core"),
    ("core = 01", "core"),
    ("core = 0x", "core"),
    ("core = 1_", "core"),
    ("core == 1", "core"),
    ("core = 1, idle = 2", "core"),
    ("core: 3", "core"),
    ("idle = spin", "idle"),
    ("idle = 'spin", "idle"),
    ("idle = \"spin", "idle"),
    ("idle = \"\\x\"", "idle"),
    ("idle = \"spin\" yield", "idle"),
    ("http = True", "http"),
    ("allow_uids = [1", "allow_uids"),
    ("allow_uids = [1 2]", "allow_uids"),
    ("= 3", ""),
    ("[", ""),
    ("]", ""),
    ("\"core = 3", ""),
];

const WRONG_FLAGS: [&[&str]; 38] = [
    &["--core", "x"],
    &["--core", "-1"],
    &["--core", "1024"],
    &["--core", "1.5"],
    &["--core", ""],
    &["--core"],
    &["--core", "1", "--core", "2"],
    &["--cores", "1"],
    &["--idle", "fast"],
    &["--idle", ""],
    &["--idle", "SPIN"],
    &["--listen", "5000"],
    &["--listen", "127.0.0.1"],
    &["--listen", "127.0.0.1:"],
    &["--listen", "127.0.0.1:65536"],
    &["--listen", "localhost:x"],
    &["--listen", "[::1]"],
    &["--listen", ":5000"],
    &["--listen", "host.example:1"],
    &["--channels-per-uid", "0"],
    &["--channels-per-uid", "16385"],
    &["--channels-per-uid", "1e3"],
    &["--bytes-per-uid", "1"],
    &["--bytes-per-uid", "64MiB"],
    &["--bytes-per-uid", "18446744073709551616"],
    &["--allow-uid", "root"],
    &["--allow-uid", "-1"],
    &["--allow-uid", "4294967295"],
    &["--may-attach", "no-such-user"],
    &["--may-evaluate", "0,@no-such-group"],
    &["--may-observe", "-1"],
    &["--may-publish", "@4294967295"],
    &["--log-level", "LOUD"],
    &["--log-level", ""],
    &["--no-http=3"],
    &["--http"],
    &["--json"],
    &["stray"],
];

const WRONG_VARIABLES: [(&str, &str); 34] = [
    ("PORT", "x"),
    ("PORT", "-1"),
    ("PORT", "65536"),
    ("PORT", "5000 "),
    ("PORT", "0x10"),
    ("LOG_LEVEL", "LOUD"),
    ("LOG_LEVEL", "10"),
    ("FACTORD_LOG_LEVEL", "verbose"),
    ("FACTORD_CORE", "x"),
    ("FACTORD_CORE", "1024"),
    ("FACTORD_CORE", "-0"),
    ("FACTORD_CORE", " 1"),
    ("FACTORD_IDLE", "fast"),
    ("FACTORD_IDLE", "Spin"),
    ("FACTORD_LISTEN", "5000"),
    ("FACTORD_LISTEN", "localhost"),
    ("FACTORD_LISTEN", "127.0.0.1:99999"),
    ("FACTORD_HTTP", "yes"),
    ("FACTORD_HTTP", "2"),
    ("FACTORD_CHANNELS_PER_UID", "0"),
    ("FACTORD_CHANNELS_PER_UID", "many"),
    ("FACTORD_CHANNELS_PER_UID", "99999999999999999999999"),
    ("FACTORD_BYTES_PER_UID", "1"),
    ("FACTORD_BYTES_PER_UID", "1GiB"),
    ("FACTORD_BYTES_PER_UID", "1.0"),
    ("FACTORD_ALLOW_UIDS", "root"),
    ("FACTORD_ALLOW_UIDS", "1,,2"),
    ("FACTORD_ALLOW_UIDS", "1;2"),
    ("FACTORD_ALLOW_UIDS", "-5"),
    ("FACTORD_ALLOW_UIDS", "4294967295"),
    ("FACTORD_MAY_ATTACH", "no-such-user"),
    ("FACTORD_MAY_OBSERVE", "1,,2"),
    ("FACTORD_MAY_READ", "@"),
    ("FACTORD_MAY_PUBLISH", "@-5"),
];

fn print_config(more: &[&str], environment: Option<(&str, &str)>) -> Ran {
    ran(factord(&["serve", "--print-config"]).args(more).envs(environment))
}

/// Writes each text below `before` lines of comments, and checks code, file, line and key.
fn refuses_lines(cases: &[(String, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.toml");
    for (index, (text, key)) in cases.iter().enumerate() {
        let before = index % 5;
        fs::write(&path, format!("{}{text}\n", "# above\n".repeat(before))).unwrap();
        let ran = print_config(&["--config", path.to_str().unwrap()], None);
        assert_eq!(ran.code, 78, "{text}: {}", ran.err);
        let line = format!("bad.toml:{}:", before + 1);
        // What is left open is noticed on the next line at the latest.
        let next = format!("bad.toml:{}:", before + 2);
        assert!(ran.err.contains(&line) || ran.err.contains(&next), "{text}: {}", ran.err);
        assert!(ran.err.contains(key), "{text}: the key is not named: {}", ran.err);
    }
}

#[test]
fn two_hundred_malformed_settings_are_refused_by_source_and_code() {
    let count = KEYS.len() * WRONG_FOR_ALL.len()
        + WRONG_FOR_ONE.len()
        + WRONG_LINES.len()
        + WRONG_FLAGS.len()
        + WRONG_VARIABLES.len();
    assert!(count >= 200, "{count}");
}

#[test]
fn a_value_of_the_wrong_type_is_named_by_file_line_and_key() {
    let mut cases = Vec::new();
    for key in KEYS {
        cases.extend(WRONG_FOR_ALL.map(|value| (format!("{key} = {value}"), key)));
    }
    cases.extend(WRONG_FOR_ONE.map(|(key, value)| (format!("{key} = {value}"), key)));
    refuses_lines(&cases);
}

#[test]
fn a_line_that_is_no_setting_is_named_by_file_and_line() {
    refuses_lines(&WRONG_LINES.map(|(line, key)| (line.to_owned(), key)));
    refuses_lines(&[("core = 1\ncore = 2".to_owned(), "core")]);
}

#[test]
fn wrong_flags_are_usage_errors_that_name_the_flag() {
    for flags in WRONG_FLAGS {
        let ran = print_config_without(flags);
        assert_eq!(ran.code, 64, "{flags:?}: {}", ran.err);
        let name = flags[0].split('=').next().unwrap();
        assert!(ran.err.contains(name), "{flags:?}: {}", ran.err);
    }
}

/// `--json` is only wrong without `--print-config`.
fn print_config_without(flags: &[&str]) -> Ran {
    match flags {
        ["--json"] => ran(&mut factord(&["serve", "--json"])),
        _ => print_config(flags, None),
    }
}

#[test]
fn wrong_variables_are_configuration_errors_that_name_the_variable() {
    for (name, value) in WRONG_VARIABLES {
        let ran = print_config(&[], Some((name, value)));
        assert_eq!(ran.code, 78, "{name}={value}: {}", ran.err);
        assert!(ran.err.contains(&format!("{name}:")), "{name}={value}: {}", ran.err);
    }
}

#[test]
fn files_that_cannot_be_configurations_have_codes_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("binary.toml"), b"# \ncore = 1\nidle = \"\xff\"\n").unwrap();
    fs::write(at("long.toml"), "# x\n".repeat(1 << 19)).unwrap();
    fs::write(at("models.toml"), format!("models = {:?}\n", at("absent"))).unwrap();
    for (name, code, words) in [
        ("absent.toml", 66, "absent.toml"),
        (".", 66, "cannot read"),
        ("binary.toml", 78, "binary.toml:3:9: key `idle`: the text is not UTF-8"),
        ("long.toml", 78, "longer than 1048576 bytes"),
        ("models.toml", 66, "models.toml"),
    ] {
        let ran = print_config(&["--config", &at(name)], None);
        assert_eq!(ran.code, code, "{name}: {}", ran.err);
        assert!(ran.err.contains(words), "{name}: {}", ran.err);
    }
    let many = vec!["7"; 65].join(",");
    for (name, key) in [("FACTORD_ALLOW_UIDS", "allow_uids:"), ("FACTORD_MAY_READ", "may_read:")] {
        let ran = print_config(&[], Some((name, &many)));
        let said = ran.err.contains("65 users") && ran.err.contains(key);
        assert_eq!((ran.code, said), (78, true), "{}", ran.err);
    }
}
