//! [`Rows`]: answers in memory, column by column, until they are written.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

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

/// Keys that are found without hashing.
const RECENT_COUNT: usize = 256;

/// Keys with numbers from 0, in the order in which they came.
#[derive(Debug)]
struct Numbers<K> {
    keys: Vec<K>,
    numbers: HashMap<K, u32>,
    /// By a few bits of a key the number of the last one that had them.
    recent: Box<[u32; RECENT_COUNT]>,
}

impl<K> Default for Numbers<K> {
    fn default() -> Numbers<K> {
        let recent = Box::new([0; RECENT_COUNT]);
        Numbers { keys: Vec::new(), numbers: HashMap::new(), recent }
    }
}

impl<K: Clone + Eq + Hash> Numbers<K> {
    /// The number of a key, and whether it is new; `bits` tell it from most others.
    fn number<Q>(&mut self, key: &Q, bits: u64) -> (u32, bool)
    where
        K: Borrow<Q>,
        Q: ToOwned<Owned = K> + Eq + Hash + ?Sized,
    {
        // The upper bits of a product by the golden ratio depend on all others.
        let place = (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize;
        let recent = self.recent[place];
        if self.keys.get(recent as usize).is_some_and(|known| known.borrow() == key) {
            return (recent, false);
        }
        let next = self.keys.len() as u32;
        let number = self.numbers.get(key).copied().unwrap_or(next);
        if number == next {
            self.keys.push(key.to_owned());
            self.numbers.insert(key.to_owned(), number);
        }
        self.recent[place] = number;
        (number, number == next)
    }
}

impl Numbers<String> {
    fn of_text(&mut self, text: &str) -> u32 {
        let bits = text.bytes().fold(0u64, |bits, byte| bits.rotate_left(5) ^ u64::from(byte));
        self.number(text, bits).0
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
    /// Places in `client_names`.
    pub(super) client: Vec<u32>,
    pub(super) key: Vec<u64>,
    pub(super) features: Vec<f64>,
    /// Where each row's features end.
    pub(super) ends: Vec<u32>,
    pub(super) y: Vec<f64>,
    pub(super) status: Vec<u16>,
    /// Places among [`Rows::fingerprints`].
    pub(super) fingerprint: Vec<u32>,
    pub(super) generation: Vec<u32>,
    pub(super) arm: Vec<u16>,
    /// 0 where it was not timed.
    pub(super) service_ns: Vec<u32>,
    names: Numbers<String>,
    fingerprints: Numbers<u64>,
    clients: Numbers<u32>,
    client_names: Vec<Option<String>>,
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

    /// Adds an answer; whether it is the client's first, so that its name is to be told by
    /// [`Rows::name_client`].
    pub fn push(&mut self, row: &Row<'_>) -> bool {
        self.unix_ns.push(row.unix_ns);
        self.epoch.push(row.epoch);
        self.worker.push(row.worker);
        self.ordinal.push(row.ordinal);
        self.name.push(row.name.map_or(0, |name| self.names.of_text(name) + 1));
        let (client, is_new) = self.clients.number(&row.client, row.client.into());
        self.client.push(client);
        self.key.push(row.key);
        self.features.extend_from_slice(row.features);
        self.ends.push(self.features.len() as u32);
        self.y.push(row.y);
        self.status.push(row.status);
        let (fingerprint, _) = self.fingerprints.number(&row.fingerprint, row.fingerprint);
        self.fingerprint.push(fingerprint);
        self.generation.push(row.generation);
        self.arm.push(row.arm);
        let service_ns = row.service_ns.unwrap_or(0);
        self.service_ns.push(u32::try_from(service_ns).unwrap_or(u32::MAX));
        is_new
    }

    /// Says what a client calls itself, if that is known.
    pub fn name_client(&mut self, client: u32, name: Option<&str>) {
        let place = self.clients.number(&client, client.into()).0 as usize;
        let count = self.client_names.len().max(place + 1);
        self.client_names.resize(count, None);
        self.client_names[place] = name.map(str::to_owned);
    }

    /// The features of a row.
    pub(super) fn features_of(&self, row: usize) -> &[f64] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.features[start..self.ends[row] as usize]
    }

    /// The name of a number.
    pub(super) fn name_of(&self, number: u32) -> Option<&str> {
        let place = (number as usize).checked_sub(1)?;
        self.names.keys.get(place).map(String::as_str)
    }

    /// The fingerprints of rows, each once; 0 for no artifact.
    pub(super) fn fingerprints(&self) -> &[u64] {
        &self.fingerprints.keys
    }

    /// What clients call themselves, if that is known.
    pub(super) fn client_names(&self) -> &[Option<String>] {
        &self.client_names
    }

    /// The rows by name, those without one last, and within one by arrival.
    pub(super) fn by_name(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..=self.names.keys.len() as u32).collect();
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
