//! Every interleaving of a publisher and its reader.

use super::*;
use loom::cell::UnsafeCell;
use loom::thread;

/// A value that loom watches: written when made and when dropped, read by `get`.
struct Probe(UnsafeCell<u64>);

impl Probe {
    fn new(number: u64) -> Probe {
        let cell = UnsafeCell::new(0);
        // SAFETY: nobody else knows the cell yet; loom checks it.
        cell.with_mut(|place| unsafe { *place = number });
        Probe(cell)
    }

    fn get(&self) -> u64 {
        // SAFETY: the value is written only before it is published and after it was given up;
        // loom checks it.
        self.0.with(|place| unsafe { *place })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // SAFETY: a value is dropped once nobody reads it any more; loom checks it.
        self.0.with_mut(|place| unsafe { *place = u64::MAX });
    }
}

// SAFETY: loom's cell is watched for every access from another thread, which is what is tested.
unsafe impl Sync for Probe {}

#[test]
fn an_adopted_value_is_whole_and_is_dropped_only_after_its_last_use() {
    loom::model(|| {
        let (mut publisher, mut reader) = cell(Probe::new(1));
        let reading = thread::spawn(move || {
            let mut last = reader.get().get();
            assert_eq!(last, 1);
            for _ in 0..3 {
                let adopted = reader.adopt();
                let now = reader.get().get();
                assert_eq!(adopted, now > last);
                assert!((last..=3).contains(&now));
                last = now;
                thread::yield_now();
            }
            reader
        });
        publisher.publish(Probe::new(2));
        publisher.publish(Probe::new(3));
        publisher.reclaim();
        let mut reader = reading.join().unwrap();
        reader.adopt();
        assert_eq!(reader.get().get(), 3);
        assert_eq!(publisher.reclaim(), 1, "only the published value is kept");
        drop(reader);
    });
}
