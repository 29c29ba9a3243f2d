//! The report as one page: no script, nothing from elsewhere.

use super::plan::{CHANNEL_COUNTS, IDLE_COUNT};
use super::report::{OpenLoop, QUANTILES, Report, middle};
use crate::measure::timeline::Subject;
use factord_quant::plot::{Axis, Chart, escaped, label, long, page_head};
use hdrhistogram::Histogram;
use std::fmt::{Result, Write};

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let mut out = page_head("factord bench", "");
    // Writing to a string cannot fail.
    let _ = write_page(report, &mut out);
    out
}

fn write_page(report: &Report, out: &mut String) -> Result {
    let place = &report.place;
    let worker = place.worker.map_or("no CPU of its own".to_owned(), |core| format!("CPU {core}"));
    let engine = if report.facts.private { "a private engine" } else { "a running engine" };
    writeln!(
        out,
        "<h1>factord bench</h1><p>Client on CPU {}, worker on {worker}, {engine}, {IDLE_COUNT} \
         idle channels attached, everything on as in production; {:.0} seconds.</p>",
        place.own, report.seconds
    )?;
    tiles(report, out)?;
    for note in report.notes() {
        writeln!(out, "<p class=\"note\">{}</p>", escaped(&note))?;
    }
    if report.has(Subject::Linear) {
        table(report, out)?;
        distributions(report, out)?;
        rounds(report, out)?;
    }
    channels(report, out)?;
    batches(report, out)?;
    host(report, out)?;
    writeln!(out, "</body></html>")
}

fn tiles(report: &Report, out: &mut String) -> Result {
    let mut tiles = Vec::new();
    if report.has(Subject::Linear) {
        let p50_ns = report.measurement(Subject::Linear).middle;
        tiles.push((format!("{p50_ns:.0} ns"), "round trip, linear, p50"));
    }
    if report.has(Subject::Floor) && report.has(Subject::Linear) {
        let (p50, p99) = (report.p50_ratio(Subject::Linear), report.p99_ratio(Subject::Linear));
        tiles.push((times(p50.median, 2), "of the floor's p50"));
        tiles.push((times(p99.median, 2), "of the floor's p99"));
    }
    let rate = report.measurement(Subject::Batch).middle;
    tiles.push((label((rate / 1e5).round() * 1e5), "predictions per second, pipelined"));
    let local = [
        (&report.facts.local_linear_ns, "in process, linear"),
        (&report.facts.local_logistic_ns, "in process, logistic"),
    ];
    for (rounds, what) in local.into_iter().filter(|(rounds, _)| !rounds.is_empty()) {
        tiles.push((format!("{:.1} ns", middle(rounds)), what));
    }
    if report.has(Subject::Swaps) {
        let (p50, p99) = report.swap_ratios();
        tiles.push((format!("{:.0}/s", report.facts.swaps.per_s()), "model swaps"));
        tiles.push((times(p50.median, 3), "of p50 without the swaps"));
        tiles.push((times(p99.median, 3), "of p99 without the swaps"));
    }
    write!(out, "<div class=\"tiles\">")?;
    for (figure, what) in tiles {
        write!(out, "<div class=\"tile\"><b>{figure}</b><span>{what}</span></div>")?;
    }
    writeln!(out, "</div>")
}

fn table(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "<h2>Round trips</h2><table><tr><th>ns</th><th>p50</th><th>p90</th><th>p99</th>\
         <th>p99.9</th><th>p99.99</th><th>max</th><th>&times; floor</th><th>p99</th>\
         <th>pairs</th></tr>"
    )?;
    let rows = [
        ("floor", Subject::Floor),
        ("ring, linear", Subject::Linear),
        ("ring, logistic", Subject::Logistic),
    ];
    for (name, subject) in rows.into_iter().filter(|&(_, subject)| report.has(subject)) {
        let measured = report.measurement(subject);
        cells(out, name, measured.middle, &measured.singles)?;
        if subject == Subject::Floor || !report.has(Subject::Floor) {
            writeln!(out, "<td></td><td></td><td></td></tr>")?;
            continue;
        }
        let (p50, p99) = (report.p50_ratio(subject), report.p99_ratio(subject));
        let (p50_ratio, p99_ratio) = (times(p50.median, 2), times(p99.median, 2));
        let pairs = format!("{} of {}", p50.used, p50.pairs);
        writeln!(out, "<td>{p50_ratio}</td><td>{p99_ratio}</td><td>{pairs}</td></tr>")?;
    }
    if let Some(OpenLoop { rate, run }) = &report.facts.open_loop {
        let name = format!("open loop, {}/s", label(*rate as f64));
        let p50 = run.latencies.value_at_quantile(0.5) as f64;
        cells(out, &name, p50, &run.latencies)?;
        writeln!(out, "<td></td><td></td><td></td></tr>")?;
    }
    writeln!(out, "</table>")
}

fn cells(out: &mut String, name: &str, p50: f64, singles: &Histogram<u64>) -> Result {
    write!(out, "<tr><td>{name}</td><td>{}</td>", long(p50))?;
    for (_, q) in QUANTILES {
        write!(out, "<td>{}</td>", long(singles.value_at_quantile(q) as f64))?;
    }
    write!(out, "<td>{}</td>", long(singles.max() as f64))
}

/// Names, classes and colours of what is drawn.
const SERIES: [(&str, &str, Subject); 3] = [
    ("floor", "floor", Subject::Floor),
    ("ring, linear", "linear", Subject::Linear),
    ("ring, logistic", "logistic", Subject::Logistic),
];

fn keys(report: &Report, open_loop: bool, out: &mut String) -> Result {
    write!(out, "<p>")?;
    for (name, class, _) in SERIES.into_iter().filter(|series| report.has(series.2)) {
        write!(out, "<span class=\"key\" style=\"--hue:var(--{class})\">{name}</span>")?;
    }
    if open_loop {
        write!(out, "<span class=\"key\" style=\"--hue:var(--open)\">open loop</span>")?;
    }
    writeln!(out, "</p>")
}

fn distributions(report: &Report, out: &mut String) -> Result {
    writeln!(out, "<h2>From the median to the tail</h2>")?;
    let open_loop = report.facts.open_loop.as_ref();
    keys(report, open_loop.is_some(), out)?;
    let mut lines: Vec<(&str, Histogram<u64>)> = SERIES
        .into_iter()
        .filter(|series| report.has(series.2))
        .map(|(_, class, subject)| (class, report.measurement(subject).singles))
        .collect();
    lines.extend(open_loop.map(|open_loop| ("open", open_loop.run.latencies.clone())));
    // Each half of a nine: 0 is 0 %, 1 is 90 %, 2 is 99 %.
    let nines: Vec<f64> = (0..=40).map(|step| f64::from(step) / 10.0).collect();
    let value = |singles: &Histogram<u64>, nines: f64| {
        singles.value_at_quantile(1.0 - 10f64.powf(-nines)) as f64
    };
    let all =
        lines.iter().flat_map(|(_, s)| nines.iter().map(|&n| value(s, n)).collect::<Vec<_>>());
    let y = Axis::logarithmic(all, "round trip, ns");
    let names = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %"];
    let ticks = names.iter().enumerate().map(|(at, name)| (at as f64, (*name).to_owned()));
    let x = Axis::of(ticks.collect(), "share of round trips that were at least as fast");
    let mut chart = Chart::new(x, y, "Percentiles of single round trips");
    for (class, singles) in &lines {
        chart.line(class, nines.iter().map(|&nines| (nines, value(singles, nines))));
    }
    out.push_str(&chart.finish());
    Ok(())
}

fn rounds(report: &Report, out: &mut String) -> Result {
    writeln!(out, "<h2>Round by round</h2>")?;
    keys(report, false, out)?;
    writeln!(
        out,
        "<p>Each dot is the median of one round. Where the floor jumps, the machine did, not the \
         ring.</p>"
    )?;
    let all = report.timeline.rounds();
    let shown = || all.iter().filter(|r| SERIES.iter().any(|series| series.2 == r.subject));
    let y = Axis::logarithmic(shown().map(|round| round.value), "p50, ns");
    let x = Axis::from_zero(shown().map(|round| round.at_s), "seconds into the run");
    let mut chart = Chart::new(x, y, "Medians of the rounds over time");
    for (_, class, subject) in SERIES {
        let of = all.iter().filter(|round| round.subject == subject);
        chart.dots(class, of.map(|round| (round.at_s, round.value)));
    }
    out.push_str(&chart.finish());
    Ok(())
}

fn channels(report: &Report, out: &mut String) -> Result {
    let rows: Vec<_> = CHANNEL_COUNTS
        .into_iter()
        .filter(|&count| report.has(Subject::Channels(count)))
        .map(|count| (count, report.measurement(Subject::Channels(count)).middle))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2>Idle channels</h2><p>Median round trip next to that many.</p>")?;
    let mut ticks = vec![(0.0, String::new())];
    ticks.extend(rows.iter().enumerate().map(|(at, row)| (at as f64 + 1.0, row.0.to_string())));
    ticks.push((rows.len() as f64 + 1.0, String::new()));
    // A fifth above the highest bar leaves room for its value.
    let y = Axis::from_zero(rows.iter().map(|row| row.1 * 1.2), "p50, ns");
    let mut chart = Chart::new(Axis::of(ticks, "idle channels"), y, "The cost of idle channels");
    for (at, (count, p50_ns)) in rows.into_iter().enumerate() {
        let one = Subject::Channels(CHANNEL_COUNTS[0]);
        let (over, _) = report.timeline.difference_ns(Subject::Channels(count), one);
        let mut text = format!("{p50_ns:.1} ns");
        if at > 0 && over.is_finite() {
            text += &format!(" ({over:+.1})");
        }
        chart.bar("linear", (at as f64 + 1.0, p50_ns), &text);
    }
    out.push_str(&chart.finish());
    Ok(())
}

fn batches(report: &Report, out: &mut String) -> Result {
    let measured = report.measurement(Subject::Batch);
    let (median, best) = (measured.middle / 1e6, measured.best / 1e6);
    writeln!(
        out,
        "<h2>Pipelined</h2><p>Batches through a full ring: {median:.1} million predictions per \
         second in the median round, {best:.1} in the best.</p>"
    )?;
    let rounds = || report.timeline.rounds().iter().filter(|r| r.subject == Subject::Batch);
    let y = Axis::from_zero(rounds().map(|round| round.value), "predictions per second");
    let x = Axis::from_zero(rounds().map(|round| round.at_s), "seconds into the run");
    let mut chart = Chart::new(x, y, "Predictions per second, round by round");
    chart.dots("linear", rounds().map(|round| (round.at_s, round.value)));
    out.push_str(&chart.finish());
    Ok(())
}

fn host(report: &Report, out: &mut String) -> Result {
    writeln!(out, "<h2>Host</h2><table class=\"host\">")?;
    for (name, value) in report.condition.facts() {
        let value = escaped(value.as_deref().unwrap_or("unknown"));
        writeln!(out, "<tr><td>{name}</td><td>{value}</td></tr>")?;
    }
    writeln!(out, "</table>")
}

/// A ratio, or a dash when no pair of floors held still.
fn times(ratio: f64, digits: usize) -> String {
    if ratio.is_finite() { format!("{ratio:.digits$} &times;") } else { "&ndash;".to_owned() }
}
