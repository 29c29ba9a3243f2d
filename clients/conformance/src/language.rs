//! The languages: what each needs, and how its runner is made.

use crate::fault::{During, Fault, fail};
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One language.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Language {
    /// Its folder under `clients`.
    pub(crate) name: &'static str,
    /// Programs that must be there, and what to install for each.
    tools: &'static [(&'static str, &'static str)],
}

const MAKE: (&str, &str) = ("make", "make");

/// All of them; Rust first, as it is what the others are compared with.
pub(crate) const LANGUAGES: [Language; 5] = [
    Language { name: "rust", tools: &[] },
    Language { name: "c", tools: &[MAKE, ("cc", "gcc")] },
    Language { name: "cpp", tools: &[MAKE, ("cc", "gcc"), ("c++", "g++")] },
    Language {
        name: "java",
        tools: &[
            MAKE,
            ("cc", "gcc"),
            ("javac", "a JDK, 17 or newer"),
            ("java", "a JDK, 17 or newer"),
        ],
    },
    Language {
        name: "python",
        tools: &[MAKE, ("python3", "python3 and python3-venv"), ("cargo", "Rust, 1.89 or newer")],
    },
];

/// How a runner is called.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    program: PathBuf,
    first: Option<&'static str>,
}

impl Runner {
    /// The runner's command with the environment it is promised; it dies with its caller.
    pub(crate) fn command(&self, socket: &Path, conduct: &Path, golden: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.first);
        command.env("FACTORD_SOCKET", socket).env("FACTORD_CONDUCT", conduct);
        command.env("FACTORD_GOLDEN", golden);
        command
    }
}

/// The folder of all clients.
fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Tells whether a program is on the path.
fn found(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

impl Language {
    /// What is missing to make its runner, in words.
    pub(crate) fn missing(&self) -> Option<String> {
        let (program, package) = self.tools.iter().find(|(program, _)| !found(program))?;
        Some(format!("{program} is missing: install {package}"))
    }

    /// Makes the runner, under `out` if it is not this program itself.
    pub(crate) fn make(&self, out: &Path) -> Result<Runner, Fault> {
        if self.name == "rust" {
            let program = env::current_exe().during("this program")?;
            return Ok(Runner { program, first: Some("runner") });
        }
        let out = out.join(self.name);
        let output = Command::new("make")
            .arg("-C")
            .arg(clients().join(self.name))
            .arg(format!("OUT={}", out.display()))
            .arg("conformance")
            .stdin(Stdio::null())
            .output()
            .during("make")?;
        if !output.status.success() {
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            // The end of a build's output holds what stopped it.
            let tail = lines[lines.len().saturating_sub(30)..].join("\n");
            return fail(format!("the runner cannot be made:\n{tail}"));
        }
        Ok(Runner { program: out.join("conformance"), first: None })
    }
}
