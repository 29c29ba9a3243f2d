//! `factord`: parses the command line, runs the sub-command, and maps what came of it to a
//! documented exit code.

use factord::exit::Code;
use factord::tool::{self, Cli};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::from_arguments(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is no reason to fail: whoever read has seen enough.
            let _ = error.print();
            let code = if error.use_stderr() { Code::Usage } else { Code::Ok };
            return ExitCode::from(code.number());
        }
    };
    match tool::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                // With stderr closed there is no one left to tell.
                let _ = writeln!(std::io::stderr(), "factord: {failure}");
            }
            ExitCode::from(failure.code.number())
        }
    }
}
