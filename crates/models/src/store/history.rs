//! What the ledger tells of names.

use super::ledger::{self, Event, Head, Line, Verb};
use super::{Canary, Deployment, Digest, Served, Split, StoreError};
use std::collections::BTreeMap;
use std::path::Path;

/// What became of a name.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The highest generation that it has had.
    pub generation: u32,
    /// What serves it, if anything does.
    pub served: Option<Served>,
    /// What to go back to, the latest last.
    before: Vec<Before>,
}

/// A champion, and how requests were divided besides it, if they were.
pub(super) type Before = (Digest, Option<Split>);

impl Past {
    /// What served before what serves now.
    pub(super) fn before(&self) -> Option<&Before> {
        self.before.last()
    }

    fn apply(&mut self, verb: Verb, served: Option<Served>, generation: u32) {
        // What served before a canary stands there already: it is what to go back to.
        let last = self.served.take().filter(|served| served.canary.is_none());
        let last = last.map(|served| (served.champion, served.split));
        match verb {
            Verb::Promote | Verb::Split | Verb::Canary => self.before.extend(last),
            Verb::Rollback => {
                self.before.pop();
            }
            Verb::Pin | Verb::Unpin | Verb::Shadow | Verb::Step | Verb::Settle => {}
            Verb::Withdraw => self.before.clear(),
        }
        self.generation = generation;
        self.served = served;
    }
}

/// All names, as the lines up to one of them tell.
#[derive(Debug, Default)]
pub(super) struct History {
    /// By name.
    pub names: BTreeMap<String, Past>,
    /// The end of the ledger.
    pub head: Head,
    /// An intended change behind those lines, which was not carried out yet.
    pub pending: Option<u64>,
}

impl History {
    /// Reads the ledger up to the deployment's line, and looks whether they agree.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when they do not, or a line does not follow from the one before it.
    pub(super) fn of(
        ledger: &Path,
        path: &Path,
        deployment: &Deployment,
    ) -> Result<History, StoreError> {
        let (mut history, mut pending, mut hash) = (History::default(), None::<Line>, None);
        history.head = ledger::scan(ledger, |line, line_hash| {
            if line.line == deployment.line {
                hash = Some(line_hash);
            }
            match &line.event {
                Event::Intended { .. } => {
                    if let Some(before) = pending.replace(line.clone()) {
                        history.apply(&before.event);
                    }
                }
                Event::Dropped { line } => {
                    pending.take_if(|pending| pending.line == *line);
                }
                Event::Published { .. } | Event::Serving { .. } => {}
            }
        })?;
        match pending {
            Some(line) if line.line <= deployment.line => history.apply(&line.event),
            pending => history.pending = pending.map(|line| line.line),
        }
        let refused = |reason: String| StoreError::Deployment { path: path.to_owned(), reason };
        if deployment.line != 0 && hash != Some(deployment.hash) {
            return Err(refused(format!(
                "the ledger has no line {} of the hash that it names ({}): one of them was replaced \
                 or cut short; put back copies of both",
                deployment.line,
                deployment.hash.short()
            )));
        }
        history.agree(deployment).map_err(refused)?;
        Ok(history)
    }

    /// Adds a change that was carried out.
    pub(super) fn apply(&mut self, event: &Event) {
        if let Event::Intended {
            verb,
            name,
            champion,
            generation,
            pinned,
            split,
            shadows,
            canary,
            reason: _,
        } = event
        {
            let served = champion.map(|champion| Served {
                champion,
                generation: *generation,
                pinned: *pinned,
                split: split.clone(),
                shadows: shadows.clone(),
                canary: canary.as_deref().cloned(),
            });
            self.names.entry(name.clone()).or_default().apply(*verb, served, *generation);
        }
    }

    fn agree(&self, deployment: &Deployment) -> Result<(), String> {
        let served = |name: &str| self.names.get(name).and_then(|past| past.served.as_ref());
        let names = self.names.keys().chain(deployment.names.keys());
        for name in names {
            if served(name) != deployment.names.get(name) {
                return Err(format!(
                    "it differs from the ledger in what serves {name:?}: change it with `factord \
                     model`, not by hand"
                ));
            }
        }
        Ok(())
    }
}

/// One change of what serves a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The line that intended it.
    pub line: u64,
    /// When that was, nanoseconds since 1970.
    pub at_unix_ns: u64,
    /// The user who did it.
    pub uid: u32,
    /// What was asked for.
    pub verb: Verb,
    /// What serves the name from then on.
    pub champion: Option<Digest>,
    /// How its requests are divided from then on, if they are.
    pub split: Option<Split>,
    /// Versions that are scored from the tap from then on.
    pub shadows: Vec<Digest>,
    /// The canary under way from then on, if there is one.
    pub canary: Option<Canary>,
    /// Why, where nobody asked for it.
    pub reason: Option<String>,
    /// The generation from then on.
    pub generation: u32,
    /// When a daemon said that it serves it, or something later.
    pub serving_unix_ns: Option<u64>,
}

/// The changes of a name, from the first on.
///
/// # Errors
///
/// [`StoreError::Ledger`].
pub(super) fn changes(ledger: &Path, wanted: &str) -> Result<Vec<Change>, StoreError> {
    let mut changes: Vec<Change> = Vec::new();
    ledger::scan(ledger, |line, _| match &line.event {
        Event::Intended {
            verb,
            name,
            champion,
            generation,
            split,
            shadows,
            canary,
            reason,
            pinned: _,
        } if name == wanted => {
            changes.push(Change {
                line: line.line,
                at_unix_ns: line.at_unix_ns,
                uid: line.uid,
                verb: *verb,
                champion: *champion,
                split: split.clone(),
                shadows: shadows.clone(),
                canary: canary.as_deref().cloned(),
                reason: reason.clone(),
                generation: *generation,
                serving_unix_ns: None,
            });
        }
        Event::Dropped { line } => changes.retain(|change| change.line != *line),
        Event::Serving { line: until, name } if name.as_ref().is_none_or(|name| name == wanted) => {
            let covered = changes.iter_mut().filter(|change| change.line <= *until);
            for change in covered {
                change.serving_unix_ns.get_or_insert(line.at_unix_ns);
            }
        }
        _ => {}
    })?;
    Ok(changes)
}
