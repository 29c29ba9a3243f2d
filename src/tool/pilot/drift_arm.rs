//! Drift of one arm of a name: its windows.

use super::drift_rules::{ROWS_MIN, Rules};
use super::scorer::Scorer;
use factord_core::client::Published;
use factord_eval::status;
use factord_quant::drift::{Bins, Counts, HISTORY_MIN, Judgement, Series};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

const NS_PER_SECOND: u64 = 1_000_000_000;

/// A feature's values, or the outputs.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) label: String,
    counts: Counts,
    series: Series,
    pub(super) last: Option<Judgement>,
    /// What its last window was, which a pilot before may have judged.
    drifts: bool,
}

/// Shares of requests of a window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shares {
    /// With a feature that is no number.
    pub(super) nulls: f64,
    /// With a feature outside the range of training; `None` where the artifact says no range.
    pub(super) outside: Option<f64>,
}

/// An arm of a name that is watched.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) scorer: Arc<Scorer>,
    /// `None` where the deciles are all equal: there is nothing to be judged.
    features: Vec<Option<Track>>,
    output: Option<Track>,
    /// Of the window that has begun: its first moment, requests, and those that [`Shares`] count.
    begun_ns: u64,
    requests: u64,
    nulls: u64,
    outside: u64,
    /// Of the last one that ended.
    pub(super) shares: Shares,
    pub(super) windows: u64,
    /// Windows in which any series drifted.
    drifted: u64,
    /// When it answered last.
    pub(super) latest_ns: u64,
}

/// As JSON.
pub(super) fn judgement_json(judgement: &Judgement) -> Value {
    json!({
        "rows": judgement.rows, "psi": judgement.psi, "band": judgement.band().name(),
        "critical": judgement.critical,
        "critical_independent": judgement.critical_independent,
        "inflation": judgement.inflation, "drift": judgement.is_drift,
    })
}

impl Track {
    fn new(label: &str, bins: &Bins, rows: u64, level: f64) -> Track {
        Track {
            label: label.to_owned(),
            counts: Counts::of(bins),
            series: Series::new(bins.clone(), rows, level),
            last: None,
            drifts: false,
        }
    }

    #[inline]
    fn add(&mut self, value: f64) {
        self.counts.add(self.series.bins(), value);
    }

    /// Judges the window; gives the judgement where it is another than the last.
    fn close(&mut self) -> Option<Judgement> {
        let judgement = self.series.judge(&self.counts);
        self.counts.clear();
        let judgement = judgement?;
        self.last = Some(judgement);
        let was = std::mem::replace(&mut self.drifts, judgement.is_drift);
        (judgement.is_drift != was).then_some(judgement)
    }

    fn json(&self) -> Value {
        let mut json = self.last.as_ref().map_or_else(|| json!({}), judgement_json);
        json["series"] = self.label.clone().into();
        json["windows_remembered"] = self.series.history().len().into();
        json["windows_needed"] = HISTORY_MIN.into();
        json
    }
}

impl Watch {
    /// `None` for a version that does not say how its training rows were spread.
    pub(super) fn new(scorer: &Arc<Scorer>, level: f64) -> Option<Watch> {
        let training = scorer.training.as_ref()?;
        let count = training.features.len() + 1;
        let track = |label: &str, bins: &Option<_>| {
            let bins = bins.as_ref()?;
            // Bonferroni: all series of an arm together are wrong as often as `level` says.
            Some(Track::new(label, bins, training.rows, level / count as f64))
        };
        let features = training.features.iter().map(|(label, bins)| track(label, bins)).collect();
        let output = track("output", &training.output);
        let scorer = Arc::clone(scorer);
        let (begun_ns, requests, nulls, outside) = Default::default();
        let (windows, drifted, latest_ns) = Default::default();
        let shares = Shares::default();
        Some(Watch {
            scorer,
            features,
            output,
            begun_ns,
            requests,
            nulls,
            outside,
            shares,
            windows,
            drifted,
            latest_ns,
        })
    }

    pub(super) fn tracks(&self) -> impl Iterator<Item = &Track> {
        self.features.iter().chain([&self.output]).flatten()
    }

    fn tracks_mut(&mut self) -> impl Iterator<Item = &mut Track> {
        self.features.iter_mut().chain([&mut self.output]).flatten()
    }

    pub(super) fn add(&mut self, answer: &Published<'_>) {
        let record = answer.record;
        if self.requests == 0 {
            self.begun_ns = answer.unix_ns;
        }
        self.requests += 1;
        self.latest_ns = self.latest_ns.max(answer.unix_ns);
        let x = &record.features;
        self.nulls += u64::from(x.iter().any(|x| !x.is_finite()));
        self.outside += u64::from(self.scorer.is_out_of_range(x));
        for (track, x) in self.features.iter_mut().zip(x) {
            if let Some(track) = track {
                track.add(*x);
            }
        }
        if let Some(output) = &mut self.output
            && record.status == status::OK
        {
            output.add(record.y);
        }
    }

    pub(super) fn is_over(&self, now_ns: u64, rules: &Rules) -> bool {
        let age_ns = now_ns.saturating_sub(self.begun_ns);
        self.requests >= rules.rows
            || self.requests >= ROWS_MIN && age_ns >= rules.seconds.saturating_mul(NS_PER_SECOND)
    }

    /// Judges the window, and begins another.
    pub(super) fn close(&mut self) -> Vec<(String, Judgement)> {
        let share = |count: u64| count as f64 / self.requests.max(1) as f64;
        let has_ranges = self.scorer.has_ranges();
        self.shares =
            Shares { nulls: share(self.nulls), outside: has_ranges.then(|| share(self.outside)) };
        (self.requests, self.nulls, self.outside) = (0, 0, 0);
        self.windows += 1;
        let changed = |track: &mut Track| Some((track.label.clone(), track.close()?));
        let changed = self.tracks_mut().filter_map(changed).collect();
        let drifts = self.tracks().any(|track| track.drifts);
        self.drifted += u64::from(drifts);
        changed
    }

    pub(super) fn json(&self, arm: usize) -> Value {
        json!({
            "arm": arm, "version": self.scorer.version, "windows": self.windows, "drifted": self.drifted,
            "requests": self.requests, "nulls": self.shares.nulls, "out_of_range": self.shares.outside,
            "latest_unix_ns": self.latest_ns,
            "series": self.tracks().map(Track::json).collect::<Vec<_>>(),
        })
    }
}

/// What is kept of a watch, so that a pilot that is killed goes on where it was.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptWatch {
    begun_ns: u64,
    requests: u64,
    nulls: u64,
    outside: u64,
    windows: u64,
    drifted: u64,
    latest_ns: u64,
    tracks: Vec<KeptTrack>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptTrack {
    label: String,
    counts: Vec<u64>,
    nulls: u64,
    drifts: bool,
    /// Rows in each bin, window after window.
    history: Vec<Vec<u64>>,
}

impl Watch {
    pub(super) fn keep(&self) -> KeptWatch {
        let track = |track: &Track| KeptTrack {
            label: track.label.clone(),
            counts: track.counts.bins().to_vec(),
            nulls: track.counts.nulls(),
            drifts: track.drifts,
            history: track.series.history().map(<[u64]>::to_vec).collect(),
        };
        let Watch { begun_ns, requests, nulls, outside, windows, drifted, latest_ns, .. } = *self;
        let tracks = self.tracks().map(track).collect();
        KeptWatch { begun_ns, requests, nulls, outside, windows, drifted, latest_ns, tracks }
    }

    /// Goes on from what was kept; series of other bins begin anew.
    pub(super) fn restore(&mut self, kept: KeptWatch) {
        let KeptWatch { tracks, begun_ns, requests, nulls, outside, windows, drifted, latest_ns } =
            kept;
        (self.begun_ns, self.requests, self.nulls) = (begun_ns, requests, nulls);
        (self.outside, self.windows, self.drifted) = (outside, windows, drifted);
        self.latest_ns = latest_ns;
        for kept in tracks {
            let Some(track) = self.tracks_mut().find(|track| track.label == kept.label) else {
                continue;
            };
            let bins = track.series.bins();
            let Some(counts) = Counts::restore(bins, kept.counts, kept.nulls) else { continue };
            (track.counts, track.drifts) = (counts, kept.drifts);
            kept.history.into_iter().for_each(|window| track.series.restore(window));
        }
    }
}
