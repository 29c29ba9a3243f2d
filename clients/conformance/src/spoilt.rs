//! The suite turned against itself: where nothing is as it should be, every case must fail. A
//! runner whose case passes here does not look at what the case is about.

use crate::fault::Fault;
use crate::runner;
use crate::say::say;
use crate::stage::{Made, Stage, lines_of, ready};

/// Cases that neither a false golden row nor a conductor that does nothing can spoil: a ring is
/// full of answers that nobody takes, too.
const UNSPOILT: [&str; 4] = ["attach", "unknown-model", "width-mismatch", "back-pressure"];

/// Runs the cases that must fail; true when all do, in every language.
pub(crate) fn run(runners: &[Made]) -> Result<bool, Fault> {
    let stage = Stage::set_spoilt()?;
    let names: Vec<&str> =
        runner::names().into_iter().filter(|name| !UNSPOILT.contains(name)).collect();
    let (mut well, mut ran) = (true, false);
    for (language, runner) in ready(runners) {
        ran = true;
        let lines = lines_of(stage.spawn(runner, &names)?)?;
        let fails = |name: &&str| {
            let said = format!(" {name} ... FAILED: ");
            lines.iter().any(|line| line.contains(&said))
        };
        let blind: Vec<&str> = names.iter().filter(|name| !fails(name)).copied().collect();
        let count = names.len() - blind.len();
        say(format_args!("{}: {count} of {} spoilt cases fail", language.name, names.len()));
        if !blind.is_empty() {
            say(format_args!("{}: does not look: {}", language.name, blind.join(", ")));
            well = false;
        }
    }
    Ok(well && ran)
}
