//! From sums to [`Trained`], but for the artifacts.

use super::assess::{Assessed, Shown};
use super::bootstrap;
use super::figures::Cell;
use super::load::Loaded;
use super::plots::Frame;
use super::ranks::Ranks;
use super::split::Split;
use super::trainees::Trainees;
use super::{Counts, Figures, Fold, Settings, Trained, Warning};
use crate::skill::{Rows, Skill};
use factord_factors::Stated;
use std::panic::resume_unwind;
use std::thread;

/// Puts everything together but the artifacts.
pub(super) fn assemble(
    settings: &Settings,
    loaded: &Loaded,
    counts: Counts,
    split: &Split,
    trainees: &Trainees,
    mut assessed: Assessed,
    (shown, frame): (Shown, Frame),
) -> Trained {
    let mut warnings = trainees.warnings(settings);
    if loaded.overlapping > 0 {
        warnings.push(Warning::Overlap { rows: loaded.overlapping, of: loaded.used });
    }
    let tested = assessed.tests.iter().filter(|cell| has_rows(cell)).count();
    if settings.folds > 0 && tested < 8 {
        warnings.push(Warning::FewBlocks { blocks: tested });
    }
    let [kept, holdout_kept] = [&mut assessed.kept, &mut assessed.holdout_kept];
    let seed = settings.seed;
    let skilled = |figures: Figures, kept: &mut [Rows; 2]| {
        let [line_skill, class_skill] = skills(kept, settings);
        Figures { line_skill, class_skill, ..figures }
    };
    let walk_forward = (settings.folds > 0).then(|| {
        let mut all = Ranks::default();
        assessed.fold_ranks.iter().for_each(|ranks| all.merge(ranks));
        skilled(exact(blocks_of(&assessed.tests, seed), &all), kept)
    });
    let holdout = (loaded.held_out > 0).then(|| {
        let figures = exact(blocks_of(&assessed.holdout, seed), &assessed.holdout_ranks);
        skilled(figures, holdout_kept)
    });
    let training = exact(figures_of(&assessed.training), &assessed.training_ranks);
    let training = if shown == Shown::Training { skilled(training, kept) } else { training };
    let symbols = loaded.symbols.iter().cloned().zip(assessed.symbols.iter().map(figures_of));
    Trained {
        settings: settings.clone(),
        stated: Stated::default(),
        regression: None,
        classification: None,
        counts,
        warnings,
        folds: folds(split, trainees, &assessed, loaded.used),
        walk_forward,
        holdout,
        training,
        line_coefficients: trainees.line_coefficients(settings, &assessed),
        class_coefficients: trainees.class_coefficients(settings, &assessed),
        cut: trainees.last().cut,
        shown,
        symbols: symbols
            .filter(|symbol| symbol.1.line.is_some() || symbol.1.class.is_some())
            .collect(),
        periods: assessed.tests.iter().filter(|cell| has_rows(cell)).map(figures_of).collect(),
        plots: assessed.plots,
        frame,
    }
}

/// How well each model orders the targets; one of them in a thread of its own, where there may be
/// one.
fn skills([lines, classes]: &mut [Rows; 2], settings: &Settings) -> [Option<Skill>; 2] {
    let seed = settings.seed;
    if settings.threads < 2 {
        return [Skill::of(lines, seed), Skill::of(classes, seed)];
    }
    thread::scope(|scope| {
        let line = scope.spawn(|| Skill::of(lines, seed));
        let class = Skill::of(classes, seed);
        [line.join().unwrap_or_else(|panic| resume_unwind(panic)), class]
    })
}

fn has_rows(cell: &Cell) -> bool {
    cell.line.figures().is_some() || cell.class.figures().is_some()
}

fn figures_of(cell: &Cell) -> Figures {
    Figures {
        line: cell.line.figures(),
        class: cell.class.figures(),
        intervals: None,
        line_skill: None,
        class_skill: None,
    }
}

/// Figures with the area of all pairs of rows in place of the one counted in bins.
fn exact(mut figures: Figures, ranks: &Ranks) -> Figures {
    if let (Some(class), Some(area)) = (&mut figures.class, ranks.clone().area()) {
        (class.auc, class.auc_is_exact) = (area, true);
    }
    figures
}

/// The figures of all blocks together, with intervals.
fn blocks_of(blocks: &[Cell], seed: u64) -> Figures {
    let mut total = Cell::new(true);
    blocks.iter().for_each(|block| total.merge(block));
    let intervals = Some(bootstrap::figures(blocks, seed));
    Figures { intervals, ..figures_of(&total) }
}

fn folds(split: &Split, trainees: &Trainees, assessed: &Assessed, used: u64) -> Vec<Fold> {
    let rows = |cell: &Cell| {
        let line = cell.line.figures().map(|line| line.rows);
        line.or(cell.class.figures().map(|class| class.rows)).unwrap_or(0)
    };
    let fold = |(at, &from_ns): (usize, &i64)| {
        let tested: u64 = assessed.folds[at..].iter().map(rows).sum();
        let trained = trainees.moments[at].count;
        let figures = exact(figures_of(&assessed.folds[at]), &assessed.fold_ranks[at]);
        Fold {
            from_ns,
            trained,
            purged: (used - tested).saturating_sub(trained),
            cut: trainees.all[at].cut,
            line: figures.line,
            class: figures.class,
        }
    };
    split.cuts_ns.iter().enumerate().map(fold).collect()
}
