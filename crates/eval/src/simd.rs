//! Several requests of three features evaluated at once, in vectors: the same bits as
//! [`crate::eval`], element by element.
//!
//! The arithmetic is written once, over arrays of eight, in an order that gives every element
//! exactly the operations of the scalar form; the compiler turns it into vector instructions of the
//! level chosen at start. Rust never fuses a product and a sum, so no level changes a bit. The same
//! holds of columns: [`decide`] and [`probabilities`] are [`crate::eval`] row by row, for any
//! width.

use crate::eval::{Triple, probability};
use crate::kind::Kind;
use crate::model::Affine;
use crate::vectors::{Instructions, Level};

/// Elements of a vector: requests evaluated at once.
// 8: one AVX-512 register a feature, or two of AVX.
pub const VECTOR_LEN: usize = 8;

/// One feature, or one result, of each request.
pub type Vector = [f64; VECTOR_LEN];

/// Writes the decision values of rows, whose feature `j` is the column `x[j]`.
pub fn decide(level: Level, model: &Affine, x: &[&[f64]], decisions: &mut [f64]) {
    level.run(
        #[inline(always)]
        || {
            decisions.fill(0.0);
            for (j, (x, &weight)) in x.iter().zip(model.weights()).enumerate() {
                if model.is_logistic() {
                    let (mean, scale) = (model.mean()[j], model.scale()[j]);
                    add(j, decisions, x, |x| (x - mean) / scale * weight);
                } else {
                    add(j, decisions, x, |x| x * weight);
                }
            }
            decisions.iter_mut().for_each(|sum| *sum += model.intercept());
        },
    );
}

/// Adds a term to each sum. The first term is stored, not added: added to zero, -0.0 would lose its
/// sign.
#[inline(always)]
fn add(j: usize, sums: &mut [f64], x: &[f64], term: impl Fn(f64) -> f64) {
    let both = sums.iter_mut().zip(x);
    if j == 0 {
        both.for_each(|(sum, &x)| *sum = term(x));
    } else {
        both.for_each(|(sum, &x)| *sum += term(x));
    }
}

/// Writes the probabilities of class 1 that belong to decision values.
pub fn probabilities(level: Level, decisions: &[f64], probabilities: &mut [f64]) {
    level.run(
        #[inline(always)]
        || {
            for (p, &decision) in probabilities.iter_mut().zip(decisions) {
                *p = probability(decision);
            }
        },
    );
}

/// Evaluates eight requests: `x[i]` holds feature `i` of each. Returns decision values and first
/// outputs.
#[inline]
pub fn eval(level: Level, kind: Kind, triple: &Triple, x: &[Vector; 3]) -> (Vector, Vector) {
    match level.instructions() {
        Instructions::Baseline => run(kind, triple, x),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a `Level` of AVX2 exists only where the processor has it.
        Instructions::Avx2 => unsafe { run_avx2(kind, triple, x) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a `Level` of AVX-512 exists only where the processor has it.
        Instructions::Avx512 => unsafe { run_avx512(kind, triple, x) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2(kind: Kind, triple: &Triple, x: &[Vector; 3]) -> (Vector, Vector) {
    run(kind, triple, x)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn run_avx512(kind: Kind, triple: &Triple, x: &[Vector; 3]) -> (Vector, Vector) {
    run(kind, triple, x)
}

#[inline(always)]
fn run(kind: Kind, triple: &Triple, x: &[Vector; 3]) -> (Vector, Vector) {
    let of = |at: usize| [x[0][at], x[1][at], x[2][at]];
    match kind {
        // NB: there is no triple of a forest.
        Kind::Linear | Kind::Forest => {
            let decision = each(|at| triple.linear_decision(of(at)));
            (decision, decision)
        }
        Kind::Logistic => {
            let decision = each(|at| triple.logistic_decision(of(at)));
            (decision, each(|at| probability(decision[at])))
        }
    }
}

#[inline(always)]
fn each(mut value: impl FnMut(usize) -> f64) -> Vector {
    let mut vector = [0.0; VECTOR_LEN];
    for (at, element) in vector.iter_mut().enumerate() {
        *element = value(at);
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{Output, eval as eval_one};
    use crate::model::Model;

    /// xorshift64*, for inputs that are the same in every run.
    fn numbers() -> impl FnMut() -> u64 {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        move || {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            state.wrapping_mul(0x2545_f491_4f6c_dd1d)
        }
    }

    #[test]
    fn columns_of_any_width_have_the_bits_of_one_row_at_a_time() {
        let mut next = numbers();
        let mut value = || (next() >> 11) as f64 / (1u64 << 53) as f64 * 4.0 - 1.5;
        for width in [1, 2, 3, 7] {
            let mut some = |count: usize| (0..count).map(|_| value()).collect::<Vec<f64>>();
            let scale = some(width).into_iter().map(|x| 0.5 + x.abs()).collect();
            let linear = Model::linear(some(width), 0.25).unwrap();
            let logistic = Model::logistic(some(width), 0.25, some(width), scale).unwrap();
            let columns: Vec<Vec<f64>> = (0..width).map(|_| some(100)).collect();
            let x: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            for (model, level) in [linear, logistic]
                .iter()
                .flat_map(|m| Level::available().into_iter().map(move |l| (m, l)))
            {
                let (mut decisions, mut chances) = ([0.0; 100], [0.0; 100]);
                decide(level, model.affine().unwrap(), &x, &mut decisions);
                probabilities(level, &decisions, &mut chances);
                for row in 0..100 {
                    let x: Vec<f64> = columns.iter().map(|column| column[row]).collect();
                    let one = eval_one(model, &x);
                    let found = if model.is_classifier() {
                        Output::logistic(decisions[row], chances[row])
                    } else {
                        Output { y: decisions[row], second: 0.0 }
                    };
                    assert_eq!(found.y.to_bits(), one.y.to_bits(), "{level:?}, row {row}");
                    assert_eq!(found.second, one.second, "{level:?}, row {row}");
                }
            }
        }
    }

    #[test]
    fn every_level_has_the_bits_of_one_request_at_a_time() {
        let linear = Model::linear(vec![-0.99, 8e-4, -3e-4], 0.9998).unwrap();
        let logistic = Model::logistic(
            vec![-25.4, -0.13, 0.18],
            0.028,
            vec![0.47, 0.09, 0.11],
            vec![0.087, 0.066, 0.073],
        )
        .unwrap();
        let specials = [0.0, -0.0, f64::NAN, f64::INFINITY, -f64::INFINITY, 5e-324, 1e308, -1e308];
        let mut next = numbers();
        for model in [linear, logistic] {
            let triple = Triple::of(&model).unwrap();
            for round in 0..20_000 {
                let mut value = || {
                    let bits = next();
                    match round % 4 {
                        0 => specials[(bits >> 32) as usize % specials.len()],
                        1 => f64::from_bits(bits),
                        _ => (bits >> 11) as f64 / (1u64 << 53) as f64 * 4.0 - 1.5,
                    }
                };
                let x: [Vector; 3] = core::array::from_fn(|_| core::array::from_fn(|_| value()));
                for level in Level::available() {
                    let (decision, y) = eval(level, model.kind(), &triple, &x);
                    for at in 0..VECTOR_LEN {
                        let output = if model.is_classifier() {
                            Output::logistic(decision[at], y[at])
                        } else {
                            Output { y: y[at], second: 0.0 }
                        };
                        let one = eval_one(&model, &[x[0][at], x[1][at], x[2][at]]);
                        let same = |a: f64, b: f64| {
                            a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
                        };
                        assert!(same(one.y, output.y), "{level:?} at {at}: {one:?} {output:?}");
                        assert!(same(one.second, output.second), "{level:?} at {at}");
                    }
                }
            }
        }
    }
}
