//! The daemon under test: started, killed, halted and given other models.

use crate::fault::{During, Fault, fail};
use crate::models::{self, Set, Variant};
use factord::sys::process;
use factord_client::{AttachOptions, Client, IdleStrategy};
use factord_core::abi::class;
use factord_core::channel;
use factord_core::counters::{ModelRow, Observer, State};
use factord_core::sys::sched;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the daemon may take to serve, or to stand still.
const DEADLINE: Duration = Duration::from_secs(30);
/// Channels of one user: few, so that a runner can have them all.
pub(crate) const CHANNELS_PER_UID: &str = "16";

/// The daemon and where it lives. It dies with the thread that started it.
#[derive(Debug)]
pub(crate) struct Engine {
    program: PathBuf,
    folder: PathBuf,
    arguments: Vec<String>,
    child: Option<Child>,
    halted: bool,
    swing: Variant,
    /// What it serves when it is started next: the usual models unless there is one.
    set: Option<Set>,
    /// Directories made for sets, which all have names of their own.
    set_count: u32,
    /// The cost above which models have a worker of their own, and its CPU.
    classes: Option<(u64, usize)>,
}

impl Engine {
    /// Prepares a daemon in `folder`; its worker waits by `idle`, on `core` if one is named.
    pub(crate) fn prepare(
        program: &Path,
        folder: &Path,
        idle: &str,
        core: Option<usize>,
    ) -> Result<Engine, Fault> {
        let models = folder.join("models");
        fs::create_dir(&models).during("the model directory")?;
        models::save_all(&models)?;
        let mut arguments = vec!["--idle".to_owned(), idle.to_owned()];
        arguments.extend(core.iter().flat_map(|core| ["--core".to_owned(), core.to_string()]));
        Ok(Engine {
            program: program.to_owned(),
            folder: folder.to_owned(),
            arguments,
            child: None,
            halted: false,
            swing: Variant::A,
            set: None,
            set_count: 0,
            classes: None,
        })
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("factord.sock")
    }

    fn models(&self) -> PathBuf {
        self.folder.join("models")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("engine.log")
    }

    /// Starts the daemon, unless it runs, and waits until it serves.
    pub(crate) fn start(&mut self) -> Result<(), Fault> {
        if self.child.is_some() {
            return Ok(());
        }
        let models = match self.set {
            Some(set) => {
                self.set_count += 1;
                let folder = self.folder.join(format!("set-{}", self.set_count));
                fs::create_dir(&folder).during("the directory of a set")?;
                set.save(&folder)?;
                folder
            }
            None => self.models(),
        };
        self.spawn(&models)?;
        if let Some(set) = self.set
            && set.save_later(&models)?
        {
            channel::reload(&self.socket()).during("the reload")?;
        }
        Ok(())
    }

    /// Starts the daemon with other models: a directory, or a store.
    pub(crate) fn start_from(&mut self, models: &Path) -> Result<(), Fault> {
        self.spawn(models)
    }

    /// Names the set of models that the daemon serves when it is started next.
    pub(crate) fn serve_next(&mut self, set: Set) {
        self.set = Some(set);
    }

    fn spawn(&mut self, models: &Path) -> Result<(), Fault> {
        let log = File::options().create(true).append(true).open(self.log()).during("the log")?;
        let mut command = Command::new(&self.program);
        // The run is to be the same whatever the caller's environment says.
        command.env_clear().arg("--socket").arg(self.socket());
        command.args(["serve", "--no-http", "--log-level", "ERROR"]);
        command.args(["--channels-per-uid", CHANNELS_PER_UID]).args(&self.arguments);
        command.arg("--models").arg(models);
        if let Some((cost_ns, core)) = self.classes {
            command.args(["--max-cost", &cost_ns.to_string(), "--heavy-core", &core.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = process::bind_to_parent(&mut command).spawn();
        self.child = Some(child.during(self.program.display())?);
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            if self.serves() {
                return Ok(());
            }
            if let Some(child) = &mut self.child
                && let Ok(Some(status)) = child.try_wait()
            {
                self.child = None;
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                return fail(format!("the daemon ended before it served ({status}): {log}"));
            }
            sleep(Duration::from_millis(2));
        }
        fail(format!("the daemon did not serve within {DEADLINE:?}"))
    }

    fn serves(&self) -> bool {
        let observer = Observer::attach(Some(&self.socket()));
        observer.is_ok_and(|observer| observer.state() == State::Serving)
    }

    /// A reader of the counters of the daemon that runs now.
    pub(crate) fn observer(&self) -> Result<Observer, Fault> {
        Observer::attach(Some(&self.socket())).during("the daemon's counters")
    }

    /// Kills the daemon, if it runs, and waits for its end.
    pub(crate) fn kill(&mut self) -> Result<(), Fault> {
        self.halted = false;
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill().and_then(|()| child.wait()).map(drop).during("the daemon cannot be killed")
    }

    fn running(&self) -> Result<&Child, Fault> {
        self.child.as_ref().ok_or_else(|| Fault("the daemon does not run".to_owned()))
    }

    /// Halts every thread of the daemon, and waits until they stand still.
    pub(crate) fn stop(&mut self) -> Result<(), Fault> {
        let child = self.running()?;
        process::halt(child).during("the daemon cannot be halted")?;
        let tasks = PathBuf::from(format!("/proc/{}/task", child.id()));
        self.halted = true;
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            if stands_still(&tasks) {
                return Ok(());
            }
            sleep(Duration::from_millis(1));
        }
        fail(format!("the daemon does not stand still within {DEADLINE:?}"))
    }

    /// Lets the daemon run again.
    pub(crate) fn go_on(&mut self) -> Result<(), Fault> {
        process::go_on(self.running()?).during("the daemon cannot go on")?;
        self.halted = false;
        Ok(())
    }

    /// Has the daemon serve a variant of `swing`; returns the generation.
    pub(crate) fn swap(&mut self, variant: Variant) -> Result<u32, Fault> {
        models::save_swing(variant, &self.models())?;
        channel::reload(&self.socket()).during("the reload")?;
        self.swing = variant;
        self.row("swing").map(|row| row.generation)
    }

    /// The state that every case starts from.
    pub(crate) fn reset(&mut self) -> Result<(), Fault> {
        if self.halted {
            self.go_on()?;
        }
        if self.set.take().is_some() | self.classes.take().is_some() {
            self.kill()?;
        }
        if self.swing != Variant::A && self.child.is_none() {
            models::save_swing(Variant::A, &self.models())?;
            self.swing = Variant::A;
        }
        self.start()?;
        if self.swing != Variant::A {
            let generation = self.swap(Variant::A)?;
            self.wait_until_answers_name(generation)?;
        }
        Ok(())
    }

    /// Starts the daemon again with a worker for costly models, of which `wide-logistic` is one and
    /// `wide` is none; false on a machine with one CPU, which has no room for it.
    pub(crate) fn divide_classes(&mut self) -> Result<bool, Fault> {
        const TRIES: usize = 10;
        let cpus = sched::allowed_cpus().during("the CPUs")?;
        let [heavy_core, _, ..] = *cpus else { return Ok(false) };
        for _ in 0..TRIES {
            let (light, heavy) = (self.row("wide")?, self.row("wide-logistic")?);
            if u64::from(light.class) == class::LIGHT && u64::from(heavy.class) == class::HEAVY {
                return Ok(true);
            }
            // What an evaluation takes is measured anew at each start.
            self.classes = Some(((light.cost_ns * heavy.cost_ns).isqrt(), heavy_core));
            self.kill()?;
            self.start()?;
        }
        fail("`wide` costs as much as `wide-logistic`")
    }

    fn row(&self, name: &str) -> Result<ModelRow, Fault> {
        let rows = self.observer()?.models().during("the model table")?;
        let row = rows.into_iter().find(|row| row.name == name);
        row.ok_or_else(|| Fault(format!("`{name}` is not served")))
    }

    /// The worker adopts a model between two sweeps, some time after the reload is done.
    fn wait_until_answers_name(&self, generation: u32) -> Result<(), Fault> {
        let options = AttachOptions {
            socket: Some(self.socket()),
            idle: IdleStrategy::Backoff,
            ..AttachOptions::default()
        };
        let mut client = Client::attach(&options).during("attach")?;
        let model = client.model("swing").ok_or("not served").during("swing")?.id;
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            let answer = client.predict(model, &[0.0; 3], DEADLINE).during("swing")?;
            if answer.generation == generation {
                return Ok(());
            }
        }
        fail(format!("no answer names generation {generation} within {DEADLINE:?}"))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A halted process dies of SIGKILL as well; there is nobody left to tell of an error.
        let _ = self.kill();
    }
}

/// Tells whether every thread of a process is stopped.
fn stands_still(tasks: &Path) -> bool {
    let Ok(tasks) = fs::read_dir(tasks) else { return false };
    tasks.flatten().all(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
    })
}
