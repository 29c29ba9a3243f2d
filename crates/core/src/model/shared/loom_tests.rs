//! A reader of the MODELS region against a writer that overtakes it.

use super::*;
use crate::sync::read_only;
use loom::thread;
use std::sync::Arc;

fn deployment(generation: u32) -> Deployment {
    let number = f64::from(generation);
    let word = u64::from(generation);
    Deployment {
        check: generation,
        generation,
        split: word,
        salt: word,
        fingerprints: [word, 0, 0, 0],
        shape: abi::shape(Kind::Linear as u32, 1, 2),
        champion: Some(Model::linear(vec![number], 10.0 * number).unwrap()),
    }
}

#[test]
fn a_copied_deployment_is_that_of_its_generation_however_often_it_is_overtaken() {
    // 2: an overtaken copy takes one switch away and one back; with three the many words of a slot
    // would take hours.
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(|| {
        let words = at::ENTRIES + at::ENTRY_WORDS;
        let words: Arc<Vec<AtomicU64>> = Arc::new((0..words).map(|_| AtomicU64::new(0)).collect());
        publish(&words, 0, &deployment(1));
        let shared = Arc::clone(&words);
        let writer = thread::spawn(move || {
            // Three slots: the fourth publication writes over the first.
            for generation in 2..=4 {
                publish(&shared, 0, &deployment(generation));
            }
        });
        let (found, word) = read(read_only(&words), 0).unwrap();
        assert_eq!(found, deployment((word >> 32) as u32));
        writer.join().unwrap();
    });
}
