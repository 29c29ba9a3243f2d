//! The report for a terminal.

use super::plan::{CHANNEL_COUNTS, IDLE_COUNT};
use super::report::{OpenLoop, QUANTILES, Report, middle, quartiles};
use crate::measure::timeline::{Ratio, Subject};
use factord_quant::plot::long;
use hdrhistogram::Histogram;
use std::fmt::Write;

/// The whole report.
pub(super) fn table(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = print(report, &mut text);
    text
}

fn print(report: &Report, out: &mut String) -> std::fmt::Result {
    let place = &report.place;
    let worker = place.worker.map_or("not pinned".to_owned(), |core| format!("CPU {core}"));
    let engine = if report.facts.private { "private" } else { "running" };
    writeln!(
        out,
        "client on CPU {}, worker on {worker}, {engine} engine, {:.0} s\n",
        place.own, report.seconds
    )?;
    trips(report, out)?;
    others(report, out)?;
    swaps(report, out)?;
    start_and_memory(report, out)?;
    writeln!(out)?;
    for (name, value) in report.condition.facts() {
        writeln!(out, "{name:<13} {}", value.as_deref().unwrap_or("unknown"))?;
    }
    for note in report.notes() {
        writeln!(out, "\nnote: {note}")?;
    }
    Ok(())
}

fn trips(report: &Report, out: &mut String) -> std::fmt::Result {
    if !report.has(Subject::Linear) {
        return Ok(());
    }
    writeln!(
        out,
        "{:<16}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}   x floor p50, p99  (pairs)",
        "round trip, ns", "p50", "p90", "p99", "p99.9", "p99.99", "max"
    )?;
    let rows = [
        ("floor", Subject::Floor),
        ("ring, linear", Subject::Linear),
        ("ring, logistic", Subject::Logistic),
    ];
    for (name, subject) in rows.into_iter().filter(|&(_, subject)| report.has(subject)) {
        let measured = report.measurement(subject);
        write!(out, "{name:<16}{}", percentiles(measured.middle, &measured.singles))?;
        if subject != Subject::Floor && report.has(Subject::Floor) {
            let (p50, p99) = (report.p50_ratio(subject), report.p99_ratio(subject));
            let Ratio { used, pairs, .. } = p50;
            write!(out, "   {:>11.2}, {:.2}  ({used} of {pairs})", p50.median, p99.median)?;
        }
        writeln!(out)?;
    }
    if let Some(OpenLoop { run, .. }) = &report.facts.open_loop {
        let p50 = run.latencies.value_at_quantile(0.5) as f64;
        writeln!(out, "{:<16}{}", "open loop", percentiles(p50, &run.latencies))?;
    }
    writeln!(out, "\nwith {IDLE_COUNT} idle channels attached, everything on as in production")
}

fn percentiles(p50: f64, singles: &Histogram<u64>) -> String {
    let mut text = format!("{:>9}", long(p50));
    for (_, q) in QUANTILES {
        text += &format!("{:>9}", long(singles.value_at_quantile(q) as f64));
    }
    text + &format!("{:>9}", long(singles.max() as f64))
}

fn others(report: &Report, out: &mut String) -> std::fmt::Result {
    let batch = report.measurement(Subject::Batch);
    writeln!(
        out,
        "pipelined        {:.1} M predictions/s, best round {:.1} M",
        batch.middle / 1e6,
        batch.best / 1e6
    )?;
    let local =
        [("linear", &report.facts.local_linear_ns), ("logistic", &report.facts.local_logistic_ns)];
    for (name, rounds) in local.into_iter().filter(|(_, rounds)| !rounds.is_empty()) {
        let (low, high) = quartiles(rounds);
        let ns = middle(rounds);
        writeln!(out, "in process       {name:<8} {ns:>6.2} ns a call ({low:.2} to {high:.2})")?;
    }
    for count in CHANNEL_COUNTS {
        let subject = Subject::Channels(count);
        if !report.has(subject) {
            continue;
        }
        let measured = report.measurement(subject);
        write!(out, "{count:>3} idle         {:>8.1} ns", measured.middle)?;
        if count > CHANNEL_COUNTS[0] {
            let one = Subject::Channels(CHANNEL_COUNTS[0]);
            let (over_ns, rounds) = report.timeline.difference_ns(subject, one);
            if over_ns.is_finite() {
                write!(out, ", {over_ns:+.1} ns over one ({rounds} rounds)")?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn start_and_memory(report: &Report, out: &mut String) -> std::fmt::Result {
    if let Some(start_ms) = report.facts.start_ms {
        writeln!(out, "engine start     {start_ms:.1} ms until it serves")?;
    }
    let memory = report.facts.memory.iter();
    let mut parts: Vec<String> =
        memory.map(|memory| format!("{} KiB with {} idle", memory.kib, memory.channels)).collect();
    if let Some(growth) = &report.facts.growth {
        let millions = growth.requests / 1_000_000;
        parts.push(format!("{:+} KiB over {millions} million requests", growth.kib()));
    }
    if parts.is_empty() {
        return Ok(());
    }
    writeln!(out, "engine memory    {}", parts.join(", "))
}

fn swaps(report: &Report, out: &mut String) -> std::fmt::Result {
    if report.has(Subject::Swaps) {
        let (p50, p99) = report.swap_ratios();
        writeln!(
            out,
            "model swaps      {:.0}/s: p50 {:.3} x, p99 {:.3} x as beside {:.0} wake-ups/s without \
             ({} of {} pairs)",
            report.facts.swaps.per_s(),
            p50.median,
            p99.median,
            report.facts.wakes.per_s(),
            p50.used,
            p50.pairs
        )?;
        let took_us = |q| report.facts.swaps.took_us(q);
        writeln!(out, "model reload     {:.0} us, p99 {:.0} us", took_us(0.5), took_us(0.99))?;
    }
    if let Some(OpenLoop { rate, run }) = &report.facts.open_loop {
        writeln!(
            out,
            "open loop        {rate}/s asked, {:.0}/s answered, {} found the ring full",
            run.achieved_per_s, run.delayed
        )?;
    }
    Ok(())
}
