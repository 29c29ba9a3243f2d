use super::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// Rows of a window.
const ROWS: usize = 2000;
/// Rows that the artifacts of these tests were trained on.
const TRAINING_ROWS: u64 = 1_000_000;

/// Deciles of the uniform distribution.
fn bins() -> Bins {
    Bins::of(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], None, None).unwrap()
}

/// Windows that were called drift, of so many, with the values that `value` gives.
fn alarms(series: &mut Series, windows: usize, mut value: impl FnMut() -> f64) -> Vec<bool> {
    let bins = series.bins().clone();
    let mut counts = Counts::of(&bins);
    let mut window = || {
        counts.clear();
        (0..ROWS).for_each(|_| counts.add(&bins, value()));
        series.judge(&counts).unwrap().is_drift
    };
    (0..windows).map(|_| window()).collect()
}

fn share(alarms: &[bool]) -> f64 {
    alarms.iter().filter(|alarm| **alarm).count() as f64 / alarms.len() as f64
}

#[test]
fn of_10_000_windows_of_independent_rows_about_one_in_a_hundred_is_called_drift() {
    let mut random = Pcg64::seed_from_u64(15);
    let mut series = Series::new(bins(), TRAINING_ROWS, 0.01);
    let found = share(&alarms(&mut series, 10_000, || random.random::<f64>()));
    println!("figure: independent rows, 10,000 windows of {ROWS}: {:.2} % alarms", 100.0 * found);
    assert!((0.005..=0.02).contains(&found), "{found}");
}

/// Normal numbers whose neighbours are alike by a share `memory`, as their place in the
/// distribution.
fn flow(seed: u64, memory: f64) -> impl FnMut() -> f64 {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut last = 0.0;
    move || {
        // Of Box and Muller, one of two.
        let [u, v]: [f64; 2] = [random.random(), random.random()];
        let normal = (-2.0 * libm::log(1.0 - u)).sqrt() * libm::cos(std::f64::consts::TAU * v);
        last = memory * last + (1.0 - memory * memory).sqrt() * normal;
        0.5 * libm::erfc(-last / std::f64::consts::SQRT_2)
    }
}

#[test]
fn flow_that_remembers_is_judged_by_how_much_it_varies() {
    // 0.98: shares vary as those of a fiftieth of the rows.
    let mut next = flow(7, 0.98);
    let mut series = Series::new(bins(), TRAINING_ROWS, 0.01);
    let corrected = alarms(&mut series, 1000, &mut next);
    let found = share(&corrected[HISTORY_MIN..]);
    println!("figure: neighbours alike by 0.98, 1,000 windows: {:.2} % alarms", 100.0 * found);
    assert!(found <= 0.025, "{found}");
    // Without what it has seen, nearly every window is beyond the value of independent rows.
    let bins = bins();
    let critical = critical(0.01, 10, pooled(ROWS as u64, TRAINING_ROWS));
    let mut counts = Counts::of(&bins);
    let beyond = (0..100).filter(|_| {
        counts.clear();
        (0..ROWS).for_each(|_| counts.add(&bins, next()));
        counts.psi(&bins).unwrap() > critical
    });
    assert!(beyond.count() > 80);
}

use super::judgement::{critical, pooled};

/// A shift of 0.2 standard deviations is found within two windows: the one in which it begins may
/// be half old.
#[test]
fn a_shift_of_a_fifth_of_a_standard_deviation_is_found_within_two_windows() {
    let mut missed = 0;
    for seed in 0..200 {
        let mut random = Pcg64::seed_from_u64(seed);
        let mut normal = move || {
            let [u, v]: [f64; 2] = [random.random(), random.random()];
            (-2.0 * libm::log(1.0 - u)).sqrt() * libm::cos(std::f64::consts::TAU * v)
        };
        // A level for each of four series, so that one window has one in a hundred in all.
        let mut series = Series::new(bins(), TRAINING_ROWS, 0.01 / 4.0);
        let place = |z: f64| 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
        let _ = alarms(&mut series, 64, || place(normal()));
        let shifted = alarms(&mut series, 1, || place(normal() + 0.2));
        missed += usize::from(!shifted[0]);
    }
    assert!(missed <= 2, "{missed} of 200 were not found by one whole window");
}

#[test]
fn drift_is_not_learned_and_gross_drift_is_seen_at_once() {
    let mut random = Pcg64::seed_from_u64(1);
    let mut series = Series::new(bins(), TRAINING_ROWS, 0.01);
    // Squares: half of them lie in the lowest quarter.
    let gross = alarms(&mut series, 20, || random.random::<f64>().powi(2));
    assert!(gross.iter().all(|alarm| *alarm));
    assert_eq!(series.history().len(), 0);
    let _ = alarms(&mut series, 300, || random.random::<f64>());
    assert_eq!(series.history().len(), HISTORY_MAX);
    let later = alarms(&mut series, 100, || random.random::<f64>().powf(1.2));
    assert!(later.iter().all(|alarm| *alarm));
}

#[test]
fn what_was_kept_is_judged_as_before_and_what_does_not_fit_is_left_out() {
    let mut random = Pcg64::seed_from_u64(2);
    let mut series = Series::new(bins(), TRAINING_ROWS, 0.01);
    let _ = alarms(&mut series, 40, || random.random::<f64>());
    let mut restored = Series::new(bins(), TRAINING_ROWS, 0.01);
    series.history().for_each(|window| restored.restore(window.to_vec()));
    restored.restore(vec![500, 500]);
    restored.restore(vec![u64::MAX; 10]);
    restored.restore(vec![0; 10]);
    let bins = bins();
    let mut counts = Counts::of(&bins);
    (0..ROWS).for_each(|_| counts.add(&bins, random.random()));
    assert_eq!(series.judge(&counts), restored.judge(&counts));
    assert_eq!(Counts::restore(&bins, counts.bins().to_vec(), 0).as_ref(), Some(&counts));
    assert_eq!(Counts::restore(&bins, vec![1; 9], 0), None);
}
