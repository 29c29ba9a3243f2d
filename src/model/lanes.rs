//! Several requests of three features evaluated at once, one a lane: the same bits as
//! [`super::eval`], lane by lane.
//!
//! The arithmetic is written once, over arrays of eight, in an order that gives every lane exactly
//! the operations of the scalar form; the compiler turns it into vector instructions of the level
//! chosen at start. Rust never fuses a product and a sum, so no level changes a bit. The
//! exponential follows the steps of `libm::exp` without its branches; lanes outside its normal
//! range are evaluated by themselves.

use super::Kind;
use super::eval::{Output, Triple, sigmoid};

/// Requests evaluated at once.
// 8: one AVX-512 register a feature, or two of AVX.
pub const LANES: usize = 8;

/// One feature, or one result, of each lane.
pub type Lane = [f64; LANES];

/// Which vector instructions to use; every level gives the same bits. Only levels that the machine
/// has can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Instructions);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instructions {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The levels of this machine, the best one last.
    pub fn available() -> Vec<Level> {
        #[allow(unused_mut)]
        let mut levels = vec![Level(Instructions::Baseline)];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") {
                levels.push(Level(Instructions::Avx2));
            }
            if has!("avx512f") && has!("avx512dq") {
                levels.push(Level(Instructions::Avx512));
            }
        }
        levels
    }

    /// The best level of this machine.
    pub fn best() -> Level {
        Level::available().last().copied().unwrap_or(Level(Instructions::Baseline))
    }
}

/// Evaluates eight requests: `x[i]` holds feature `i` of each.
#[inline]
pub fn eval(level: Level, kind: Kind, triple: &Triple, x: &[Lane; 3]) -> [Output; LANES] {
    let (decision, y) = match level.0 {
        Instructions::Baseline => run(kind, triple, x),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a `Level` of AVX2 exists only where the processor has it.
        Instructions::Avx2 => unsafe { run_avx2(kind, triple, x) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a `Level` of AVX-512 exists only where the processor has it.
        Instructions::Avx512 => unsafe { run_avx512(kind, triple, x) },
    };
    match kind {
        Kind::Linear => core::array::from_fn(|lane| Output { y: y[lane], second: 0.0 }),
        Kind::Logistic => core::array::from_fn(|lane| {
            let d = decision[lane];
            if d.abs() < NORMAL {
                Output { y: y[lane], second: if d > 0.0 { 1.0 } else { 0.0 } }
            } else {
                sigmoid(d)
            }
        }),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2(kind: Kind, triple: &Triple, x: &[Lane; 3]) -> (Lane, Lane) {
    run(kind, triple, x)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn run_avx512(kind: Kind, triple: &Triple, x: &[Lane; 3]) -> (Lane, Lane) {
    run(kind, triple, x)
}

/// Decision values and first outputs; for a logistic model the latter hold below [`NORMAL`] only.
#[inline(always)]
fn run(kind: Kind, triple: &Triple, x: &[Lane; 3]) -> (Lane, Lane) {
    let decision = match kind {
        Kind::Linear => each(|lane| triple.decision([x[0][lane], x[1][lane], x[2][lane]])),
        Kind::Logistic => {
            each(|lane| triple.decision(triple.standardise([x[0][lane], x[1][lane], x[2][lane]])))
        }
    };
    match kind {
        Kind::Linear => (decision, decision),
        Kind::Logistic => (decision, each(|lane| 1.0 / (1.0 + exp(-decision[lane])))),
    }
}

#[inline(always)]
fn each(mut value: impl FnMut(usize) -> f64) -> Lane {
    let mut lanes = [0.0; LANES];
    for (lane, slot) in lanes.iter_mut().enumerate() {
        *slot = value(lane);
    }
    lanes
}

/// Beyond this the exponential overflows, underflows or is subnormal.
// 708: the threshold of `libm::exp` is 708.39.
const NORMAL: f64 = 708.0;

// The constants of FreeBSD's e_exp.c.
const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LO: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
const INV_LN2: f64 = f64::from_bits(0x3ff7_1547_652b_82fe);
const P1: f64 = f64::from_bits(0x3fc5_5555_5555_553e);
const P2: f64 = f64::from_bits(0xbf66_c16c_16be_bd93);
const P3: f64 = f64::from_bits(0x3f11_566a_af25_de2c);
const P4: f64 = f64::from_bits(0xbebb_bd41_c5d2_6bf1);
const P5: f64 = f64::from_bits(0x3e66_3769_72be_a4d0);
/// High words of |x|: half of ln 2, three halves of it, 2^-28.
const HALF_LN2: u64 = 0x3fd6_2e42;
const THREE_HALVES_LN2: u64 = 0x3ff0_a2b2;
const TINY: u64 = 0x3e30_0000;
/// Adding it to an integer below 2^51 leaves that integer in the low bits: 1.5 * 2^52.
const SHIFTER: f64 = 6_755_399_441_055_744.0;

/// `libm::exp` for |x| below [`NORMAL`], by selections instead of branches.
#[inline(always)]
fn exp(x: f64) -> f64 {
    let high = x.to_bits() >> 32 & 0x7fff_ffff;
    let far = (INV_LN2 * x + 0.5f64.copysign(x)).trunc();
    let near = 1.0f64.copysign(x);
    let k = if high >= THREE_HALVES_LN2 {
        far
    } else if high > HALF_LN2 {
        near
    } else {
        0.0
    };
    let hi = x - k * LN2_HI;
    let lo = k * LN2_LO;
    let r = hi - lo;
    let square = r * r;
    let c = r - square * (P1 + square * (P2 + square * (P3 + square * (P4 + square * P5))));
    let reduced = 1.0 + (r * c / (2.0 - c) - lo + hi);
    // 2^k, for k of a normal number: its biased exponent, moved to its place.
    let power = f64::from_bits(((k + SHIFTER).to_bits().wrapping_add(1023)) << 52);
    if high > TINY { reduced * power } else { 1.0 + x }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::model::eval::eval as eval_one;

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
    fn the_exponential_without_branches_has_the_bits_of_libm() {
        let mut next = numbers();
        let edges: [f64; 5] =
            [0.0, -0.0, 0.34657359027997264, 1.0397207708399179, 3.725290298461914e-9];
        let near = edges.iter().flat_map(|&e| {
            (-40i64..40).map(move |step| f64::from_bits((e.to_bits() as i64 + step) as u64))
        });
        for x in near.flat_map(|x| [x, -x]).filter(|x| x.abs() < NORMAL) {
            assert_eq!(exp(x).to_bits(), libm::exp(x).to_bits(), "{x:e}");
        }
        for _ in 0..4_000_000 {
            let bits = next();
            // By turns over the whole range, near zero, and over all exponents.
            let x = match bits % 3 {
                0 => (bits >> 11) as f64 / (1u64 << 53) as f64 * 1416.0 - 708.0,
                1 => (bits >> 11) as f64 / (1u64 << 53) as f64 * 4.0 - 2.0,
                _ => f64::from_bits(bits),
            };
            if x.abs() < NORMAL {
                assert_eq!(exp(x).to_bits(), libm::exp(x).to_bits(), "{x:e}");
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
                let x: [Lane; 3] = core::array::from_fn(|_| core::array::from_fn(|_| value()));
                for level in Level::available() {
                    let outputs = eval(level, model.kind(), &triple, &x);
                    for (lane, output) in outputs.into_iter().enumerate() {
                        let one = eval_one(&model, &[x[0][lane], x[1][lane], x[2][lane]]);
                        let same = |a: f64, b: f64| {
                            a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
                        };
                        assert!(same(one.y, output.y), "{level:?} lane {lane}: {one:?} {output:?}");
                        assert!(same(one.second, output.second), "{level:?} lane {lane}");
                    }
                }
            }
        }
    }
}
