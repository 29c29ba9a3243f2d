//! Evaluation: one request at a time, eight at once, and models of other widths.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use factord_eval::evaluator::Evaluator;
use factord_eval::simd::VECTOR_LEN;
use factord_eval::vectors::Level;
use factord_eval::{Model, eval::eval};
use factord_models::catalogue;
use std::hint::black_box;

/// So many numbers spread evenly over (0, 1).
fn inputs(count: usize) -> Vec<f64> {
    (1..=count).map(|index| (index as f64 * 0.618_033_988_749_894_9).fract()).collect()
}

fn shipped(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("eval");
    let rows: Vec<[f64; 3]> = inputs(3 * 1024).as_chunks::<3>().0.to_vec();
    for served in catalogue::embedded() {
        let evaluator = Evaluator::new(served.artifact.model());
        let name = served.artifact.name();
        group.throughput(Throughput::Elements(rows.len() as u64));
        group.bench_function(format!("{name}, one at a time"), |bencher| {
            bencher.iter(|| {
                for row in &rows {
                    black_box(evaluator.evaluate_triple(*black_box(row)));
                }
            });
        });
        for level in Level::available() {
            group.bench_function(format!("{name}, {VECTOR_LEN} at once, {level:?}"), |bencher| {
                bencher.iter(|| {
                    for rows in rows.as_chunks::<VECTOR_LEN>().0 {
                        let x = std::array::from_fn(|i| std::array::from_fn(|at| rows[at][i]));
                        black_box(evaluator.evaluate_vector(level, black_box(&x)));
                    }
                });
            });
        }
    }
    group.finish();
}

fn wide(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wide");
    for width in [1, 64, 1024] {
        let weights = inputs(width);
        let linear = Model::linear(weights.clone(), 0.5).unwrap();
        let scale = vec![0.5; width];
        let logistic = Model::logistic(weights.clone(), 0.5, weights, scale).unwrap();
        for (name, model) in [("linear", linear), ("logistic", logistic)] {
            group.throughput(Throughput::Elements(width as u64));
            group.bench_function(format!("{name} of {width}"), |bencher| {
                bencher.iter_batched_ref(
                    || inputs(width),
                    |x| black_box(eval(&model, black_box(x))),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, shipped, wide);
criterion_main!(benches);
