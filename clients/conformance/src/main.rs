//! The conformance suite of factord's clients: driver, conductor, and the runner of Rust.
//!
//! `README.md` beside it says what a runner in any language is and does.

mod conductor;
mod divided;
mod drive;
mod engine;
mod fault;
mod golden;
mod golden_rows;
mod image;
mod images;
mod impostor;
mod language;
mod late;
mod latency;
mod models;
mod runner;
mod say;
mod spoilt;
mod stage;
mod table;
mod units;
mod untrusted;

use fault::{Fault, fail};
use impostor::Impostor;
use say::say;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

fn run(arguments: &[String]) -> Result<bool, Fault> {
    let [call, rest @ ..] = arguments else {
        return fail(
            "calls: drive [--late|--latency|--spoilt] [LANGUAGE...], runner ..., conduct ..., golden FOLDER",
        );
    };
    match (call.as_str(), rest) {
        ("drive", arguments) => drive::run(arguments),
        ("runner", arguments) => runner::run(arguments),
        ("impostor", [name, golden, socket]) => {
            let _impostor = Impostor::start(name, Path::new(golden), socket.into())?;
            say(format_args!("ready"));
            // Whoever started it ends it.
            loop {
                thread::park();
            }
        }
        ("conduct", [socket, words @ ..]) => {
            say(format_args!("{}", conductor::call(Path::new(socket), words)?));
            Ok(true)
        }
        ("golden", [folder]) => {
            say(format_args!("{} files", golden::write_all(Path::new(folder))?));
            Ok(true)
        }
        (call, _) => fail(format!("no such call: {call}")),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("factord-conformance: {fault}");
            ExitCode::FAILURE
        }
    }
}
