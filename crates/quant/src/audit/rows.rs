//! [`Rows`]: answers in memory, column by column, until they are written.

use std::collections::HashMap;

/// The most rows of a file.
// 524,288: half a second at a million answers a second, some 60 MB with three features each.
const ROW_COUNT_MAX: usize = 1 << 19;
/// The most features of a file.
// 4,194,304: 32 MiB.
const FEATURE_COUNT_MAX: usize = 1 << 22;

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'r> {
    /// Nanoseconds since 1970.
    pub unix_ns: i64,
    /// The epoch of the engine.
    pub epoch: u64,
    /// The worker that answered.
    pub worker: u16,
    /// How many answers it had given before in its epoch.
    pub ordinal: u64,
    /// The name; none where none of that number was served.
    pub name: Option<&'r str>,
    /// The client's own number at the engine.
    pub client: u32,
    /// The unit key.
    pub key: u64,
    /// The features.
    pub features: &'r [f64],
    /// The first output.
    pub y: f64,
    /// The status.
    pub status: u16,
    /// The fingerprint of the artifact.
    pub fingerprint: u64,
    /// The generation of what serves the name.
    pub generation: u32,
    /// The arm.
    pub arm: u16,
    /// Nanoseconds from seeing the request to publishing the answer, where it was timed.
    pub service_ns: Option<u64>,
}

/// Texts with numbers.
#[derive(Debug, Default)]
struct Texts {
    texts: Vec<String>,
    numbers: HashMap<String, u32>,
    last: u32,
}

impl Texts {
    fn number(&mut self, text: &str) -> u32 {
        if self.texts.get(self.last as usize).is_some_and(|last| last == text) {
            return self.last;
        }
        self.last = match self.numbers.get(text) {
            Some(&number) => number,
            None => {
                let number = self.texts.len() as u32;
                self.texts.push(text.to_owned());
                self.numbers.insert(text.to_owned(), number);
                number
            }
        };
        self.last
    }
}

/// Answers, in the order of their arrival.
#[derive(Debug, Default)]
pub struct Rows {
    pub(super) unix_ns: Vec<i64>,
    pub(super) epoch: Vec<u64>,
    pub(super) worker: Vec<u16>,
    pub(super) ordinal: Vec<u64>,
    /// Numbers of names from 1; 0 for none.
    pub(super) name: Vec<u32>,
    pub(super) client: Vec<u32>,
    pub(super) key: Vec<u64>,
    pub(super) features: Vec<f64>,
    /// Where each row's features end.
    pub(super) ends: Vec<u32>,
    pub(super) y: Vec<f64>,
    pub(super) status: Vec<u16>,
    pub(super) fingerprint: Vec<u64>,
    pub(super) generation: Vec<u32>,
    pub(super) arm: Vec<u16>,
    /// 0 where it was not timed.
    pub(super) service_ns: Vec<u32>,
    names: Texts,
    clients: HashMap<u32, Option<String>>,
}

impl Rows {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// Whether they fill a file.
    pub fn is_full(&self) -> bool {
        self.len() >= ROW_COUNT_MAX || self.features.len() >= FEATURE_COUNT_MAX
    }

    /// When the first of them arrived.
    pub fn first_unix_ns(&self) -> Option<i64> {
        self.unix_ns.first().copied()
    }

    /// Adds an answer; whether the client's name has to be told by [`Rows::name_client`].
    pub fn push(&mut self, row: &Row<'_>) -> bool {
        self.unix_ns.push(row.unix_ns);
        self.epoch.push(row.epoch);
        self.worker.push(row.worker);
        self.ordinal.push(row.ordinal);
        self.name.push(row.name.map_or(0, |name| self.names.number(name) + 1));
        self.client.push(row.client);
        self.key.push(row.key);
        self.features.extend_from_slice(row.features);
        self.ends.push(self.features.len() as u32);
        self.y.push(row.y);
        self.status.push(row.status);
        self.fingerprint.push(row.fingerprint);
        self.generation.push(row.generation);
        self.arm.push(row.arm);
        let service_ns = row.service_ns.unwrap_or(0);
        self.service_ns.push(u32::try_from(service_ns).unwrap_or(u32::MAX));
        !self.clients.contains_key(&row.client)
    }

    /// Says what a client calls itself, if that is known.
    pub fn name_client(&mut self, client: u32, name: Option<&str>) {
        self.clients.insert(client, name.map(str::to_owned));
    }

    /// The features of a row.
    pub(super) fn features_of(&self, row: usize) -> &[f64] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.features[start..self.ends[row] as usize]
    }

    /// The name of a number.
    pub(super) fn name_of(&self, number: u32) -> Option<&str> {
        let place = (number as usize).checked_sub(1)?;
        self.names.texts.get(place).map(String::as_str)
    }

    /// What a client calls itself.
    pub(super) fn client_name(&self, client: u32) -> Option<&str> {
        self.clients.get(&client)?.as_deref()
    }

    /// The rows by name, those without one last, and within one by arrival.
    pub(super) fn by_name(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..=self.names.texts.len() as u32).collect();
        numbers.sort_by_key(|&number| {
            let name = self.name_of(number);
            (name.is_none(), name)
        });
        let mut counts = vec![0; numbers.len()];
        self.name.iter().for_each(|&number| counts[number as usize] += 1);
        // Where the rows of each number begin.
        let (mut starts, mut start) = (vec![0; numbers.len()], 0);
        for &number in &numbers {
            starts[number as usize] = start;
            start += counts[number as usize];
        }
        let mut order = vec![0; self.len()];
        for (row, &number) in self.name.iter().enumerate() {
            let place = &mut starts[number as usize];
            order[*place] = row as u32;
            *place += 1;
        }
        order
    }
}
