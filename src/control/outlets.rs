//! Where models are published: the workers' rows, the model table, and MODELS.
//!
//! A name that comes is shown to clients when every worker has it, and one that goes is hidden
//! before any worker drops it: whoever sees a name gets answers for it.

use factord_core::abi::{self, class, models_region};
use factord_core::counters::{ModelRow, StatusWriter};
use factord_core::model::shared::{self, Deployment};
use factord_core::region::Region;
use factord_core::worker::{Handle, Row, Swap};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// Entries of MODELS that get memory together.
// 64: 64 KiB, some 15 us; all 4,096 at the start would take a millisecond.
const ENTRIES_AT_ONCE: usize = 64;

/// One worker, as the control thread sees it.
#[derive(Debug)]
pub struct Station {
    /// Its mailbox.
    pub handle: Handle,
    /// Its class.
    pub class: u64,
    /// Orders that find no room in the mailbox yet.
    waiting: VecDeque<Swap>,
    /// Orders that have not come back.
    under_way: usize,
}

impl Station {
    /// A worker of a class.
    pub fn new(handle: Handle, class: u64) -> Station {
        Station { handle, class, waiting: VecDeque::new(), under_way: 0 }
    }

    fn is_heavy(&self) -> bool {
        self.class == class::HEAVY
    }

    /// Takes back what was carried out and hands over what waits; whether nothing is left.
    fn settle(&mut self) -> bool {
        // What a row owned is dropped here.
        while self.handle.take_spent().is_some() {
            self.under_way -= 1;
        }
        while let Some(swap) = self.waiting.pop_front() {
            if let Err(swap) = self.handle.swap(swap) {
                self.waiting.push_front(swap);
                break;
            }
            self.under_way += 1;
        }
        self.under_way == 0 && self.waiting.is_empty()
    }
}

/// What a name shows once every worker has it.
#[derive(Debug)]
pub struct Showing {
    /// Its row in the model table.
    pub row: ModelRow,
    /// Its entry in MODELS.
    pub deployment: Deployment,
    /// Whether it was not served before.
    pub is_new: bool,
}

/// The outlets.
#[derive(Debug)]
pub struct Outlets {
    /// The workers.
    pub stations: Vec<Station>,
    /// The model table.
    pub status: StatusWriter,
    /// MODELS.
    pub models: Arc<Region>,
    showings: Vec<Showing>,
    /// Whether MODELS is written: where clients may evaluate in their own processes.
    local: bool,
    /// So many entries of MODELS have memory.
    reserved: usize,
}

impl Outlets {
    /// Publishes through these.
    pub fn new(
        stations: Vec<Station>,
        status: StatusWriter,
        models: Arc<Region>,
        local: bool,
    ) -> Outlets {
        Outlets { stations, status, models, showings: Vec::new(), local, reserved: 0 }
    }

    /// Makes room in MODELS for all numbers below `count`.
    ///
    /// # Errors
    ///
    /// The system's error, when the memory is not there.
    pub fn reserve(&mut self, count: usize) -> io::Result<()> {
        let count = count.next_multiple_of(ENTRIES_AT_ONCE).min(abi::MODEL_COUNT_MAX);
        if count > self.reserved {
            let words = models_region::ENTRIES + count * models_region::ENTRY_WORDS;
            self.models.reserve(0..words / abi::LINE_WORDS)?;
            self.reserved = count;
        }
        Ok(())
    }

    /// Hides names from clients, by number.
    pub fn hide(&self, numbers: &[u16]) {
        for &number in numbers {
            shared::withdraw(self.models.mapping().words(), usize::from(number));
            self.status.write_row(number, None);
        }
        if !numbers.is_empty() {
            self.status.rows_changed(true);
        }
    }

    /// Orders a row of every worker; `row` makes it, for a heavy one or not.
    pub fn order(&mut self, number: u16, row: impl Fn(bool) -> Row) {
        for station in &mut self.stations {
            station.waiting.push_back(Swap::new(number, row(station.is_heavy())));
        }
    }

    /// Shows names when all orders have been carried out.
    pub fn show_later(&mut self, showings: Vec<Showing>) {
        self.showings.extend(showings);
    }

    /// Goes on with the orders; whether all are carried out, and what they bring is shown.
    pub fn settle(&mut self) -> bool {
        let mut settled = true;
        for station in &mut self.stations {
            settled &= station.settle();
        }
        if settled {
            self.show();
        }
        settled
    }

    /// Whether orders are under way.
    pub fn is_busy(&self) -> bool {
        self.stations.iter().any(|station| station.under_way > 0 || !station.waiting.is_empty())
    }

    /// Carries out all orders at once, for workers that do not run yet: `exchange` is given each
    /// with its worker's place.
    pub fn settle_before_start(&mut self, mut exchange: impl FnMut(usize, &mut Swap)) {
        for (place, station) in self.stations.iter_mut().enumerate() {
            for mut swap in station.waiting.drain(..) {
                exchange(place, &mut swap);
            }
        }
        self.show();
    }

    fn show(&mut self) {
        if self.showings.is_empty() {
            return;
        }
        let mut names_too = false;
        for Showing { row, deployment, is_new } in self.showings.drain(..) {
            names_too |= is_new;
            if self.local {
                shared::publish(self.models.mapping().words(), usize::from(row.id), &deployment);
            }
            self.status.write_row(row.id, Some(&row));
        }
        self.status.rows_changed(names_too);
    }
}
