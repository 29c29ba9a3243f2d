//! A reader of the MODELS region against a writer that overtakes it.

use super::*;
use crate::sync::read_only;
use loom::thread;
use std::sync::Arc;

fn model(generation: u32) -> Model {
    let number = f64::from(generation);
    Model::linear(vec![number], 10.0 * number).unwrap()
}

#[test]
fn a_copied_model_is_that_of_its_generation_however_often_it_is_overtaken() {
    loom::model(|| {
        let words = at::ENTRIES + at::ENTRY_WORDS;
        let words: Arc<Vec<AtomicU64>> = Arc::new((0..words).map(|_| AtomicU64::new(0)).collect());
        publish(&words, 0, 1, &model(1));
        let shared = Arc::clone(&words);
        let writer = thread::spawn(move || {
            // Three slots: the fourth publication writes over the first.
            for generation in 2..=4 {
                publish(&shared, 0, generation, &model(generation));
            }
        });
        let (found, generation) = read(read_only(&words), 0).unwrap();
        assert_eq!(found, model(generation));
        writer.join().unwrap();
    });
}
