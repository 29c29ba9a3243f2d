//! Evaluation: the same bits on every path, and the order that is promised.

use crate::common::{Random, model};
use factord_eval::eval::{Output, Triple, eval};
use factord_eval::{FEATURE_COUNT_MAX, Model};
use std::hint::black_box;

fn triple_of(model: &Model, x: [f64; 3]) -> Output {
    let triple = Triple::of(model).unwrap();
    if model.is_classifier() { triple.logistic(x) } else { triple.linear(x) }
}

/// Bit for bit; of two NaNs only that they are NaN, as which one survives is the machine's choice
/// and no request with one is answered.
fn same(a: Output, b: Output) -> bool {
    let equal = |a: f64, b: f64| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
    equal(a.y, b.y) && equal(a.second, b.second)
}

/// The decision value of three features, with every step kept apart from the next.
fn stepwise(model: &Model, x: [f64; 3]) -> f64 {
    let model = model.affine().unwrap();
    let scaled = |i: usize| black_box(black_box(x[i] - model.mean()[i]) / model.scale()[i]);
    let z = if model.is_logistic() { (0..3).map(scaled).collect() } else { x.to_vec() };
    let product = |i: usize| black_box(z[i] * model.weights()[i]);
    let two = black_box(product(0) + product(1));
    black_box(black_box(two + product(2)) + model.intercept())
}

#[test]
fn a_million_triples_get_the_same_bits_on_both_paths() {
    let mut random = Random(1);
    let mut compared = 0;
    for round in 0..100 {
        for logistic in [false, true] {
            let model = model(3, logistic, round);
            for _ in 0..10_000 {
                let x = [random.signed(), random.signed(), random.signed()];
                let general = eval(&model, &x);
                assert!(same(general, triple_of(&model, x)), "{model:?} {x:?}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 2_000_000);
}

#[test]
fn special_values_get_the_same_bits_on_both_paths() {
    let specials = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        f64::MIN_POSITIVE,
        -f64::MIN_POSITIVE,
        f64::from_bits(1),
        -f64::from_bits(1),
        f64::MAX,
        f64::MIN,
        f64::EPSILON,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        1e308,
        -1e-308,
    ];
    let mut compared = 0;
    for logistic in [false, true] {
        let model = model(3, logistic, 5);
        for a in specials {
            for b in specials {
                for c in specials {
                    let x = [a, b, c];
                    assert!(same(eval(&model, &x), triple_of(&model, x)), "{x:?}");
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, 2 * 16 * 16 * 16);
}

#[test]
fn evaluation_is_left_to_right_without_fused_multiply_add() {
    let mut random = Random(2);
    let (mut fused_differs, mut intercept_first_differs) = (0, 0);
    for logistic in [false, true] {
        let model = model(3, logistic, 9);
        let affine = model.affine().unwrap();
        let (w, intercept) = (affine.weights(), affine.intercept());
        for _ in 0..10_000 {
            let x = [random.signed(), random.signed(), random.signed()];
            let decision = stepwise(&model, x);
            let found = eval(&model, &x);
            if logistic {
                assert_eq!(
                    found.y.to_bits(),
                    (1.0 / (1.0 + factord_eval::exp::exp(-decision))).to_bits()
                );
                assert_eq!(found.second, if decision > 0.0 { 1.0 } else { 0.0 });
                continue;
            }
            assert_eq!(found.y.to_bits(), decision.to_bits(), "{x:?}");
            let fused = x[2].mul_add(w[2], x[1].mul_add(w[1], x[0] * w[0])) + intercept;
            let first = ((intercept + x[0] * w[0]) + x[1] * w[1]) + x[2] * w[2];
            fused_differs += usize::from(fused.to_bits() != decision.to_bits());
            intercept_first_differs += usize::from(first.to_bits() != decision.to_bits());
        }
    }
    // Otherwise the comparison above could not tell the orders apart.
    assert!(fused_differs > 100 && intercept_first_differs > 100);
}

#[test]
fn the_first_term_keeps_the_sign_of_its_zero() {
    let model = Model::linear(vec![1.0, 1.0, 1.0], -0.0).unwrap();
    assert_eq!(eval(&model, &[-0.0; 3]).y.to_bits(), (-0.0f64).to_bits());
}

#[test]
fn the_class_is_1_only_above_a_decision_value_of_0() {
    let model = Model::logistic(vec![1.0], 0.0, vec![0.0], vec![1.0]).unwrap();
    let class = |x: f64| eval(&model, &[x]).second;
    assert_eq!(
        [class(0.0), class(-0.0), class(f64::from_bits(1)), class(-1.0)],
        [0.0, 0.0, 1.0, 0.0]
    );
    assert_eq!(eval(&model, &[0.0]).y, 0.5);
}

#[test]
fn widths_outside_1_to_1024_are_no_model() {
    for width in [0, FEATURE_COUNT_MAX + 1] {
        assert!(Model::linear(vec![1.0; width], 0.0).is_err());
        let vector = || vec![1.0; width];
        assert!(Model::logistic(vector(), 0.0, vector(), vector()).is_err());
    }
}
