//! `factord`: parses the command line, runs the sub-command, and maps its outcome to a documented
//! exit code.

use factord::exit::Code;
use factord::log;
use factord::tool::{self, Cli};
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
    let code = match tool::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                log::say(&format!("factord: {}\n", tool::escaped(&failure.message)));
            }
            ExitCode::from(failure.code.number())
        }
    };
    log::flush();
    code
}
