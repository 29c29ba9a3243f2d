//! The host's condition: what a reader must know before believing a figure measured on it.
//!
//! Everything is read from /proc and /sys; what cannot be read is `None`, never a guess.

use serde_json::{Value, json};
use std::fs;
use std::process::{Command, Stdio};

/// Jiffies of one CPU, from /proc/stat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Jiffies {
    total: u64,
    steal: u64,
}

/// Readings at one moment.
#[derive(Clone, Debug, Default)]
struct Moment {
    load: Option<String>,
    /// One entry a CPU of interest.
    jiffies: Vec<Option<Jiffies>>,
}

/// What was read before a run, kept until it is over.
#[derive(Debug)]
pub struct Watch {
    cpus: Vec<usize>,
    before: Moment,
}

/// The host around a run.
#[derive(Clone, Debug)]
pub struct Condition {
    facts: Vec<(&'static str, Option<String>)>,
    /// Share of the run, 0 to 1, in which the hypervisor ran something else on the CPUs of
    /// interest; the larger of the two.
    pub steal: Option<f64>,
}

impl Watch {
    /// Reads the moment before a run on these CPUs.
    pub fn start(cpus: &[usize]) -> Watch {
        Watch { cpus: cpus.to_vec(), before: moment(cpus) }
    }

    /// Reads the moment after it, and everything that does not change.
    pub fn finish(self) -> Condition {
        let after = moment(&self.cpus);
        let shares =
            self.before.jiffies.iter().zip(&after.jiffies).filter_map(|(before, after)| {
                let (before, after) = ((*before)?, (*after)?);
                let total = after.total.checked_sub(before.total).filter(|&total| total > 0)?;
                Some(after.steal.saturating_sub(before.steal) as f64 / total as f64)
            });
        let steal = shares.reduce(f64::max);
        let mut facts = standing(&self.cpus);
        facts.push(("steal", steal.map(|share| format!("{:.2} %", share * 100.0))));
        facts.push(("load_before", self.before.load));
        facts.push(("load_after", after.load));
        Condition { facts, steal }
    }
}

impl Condition {
    /// Names and values in the order of the report; a value that could not be read is `None`.
    pub fn facts(&self) -> &[(&'static str, Option<String>)] {
        &self.facts
    }

    /// The same as one object.
    pub fn as_json(&self) -> Value {
        self.facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
    }
}

fn standing(cpus: &[usize]) -> Vec<(&'static str, Option<String>)> {
    let first = cpus.first().copied().unwrap_or(0);
    let each = |what: &str| {
        let values =
            cpus.iter().map(|cpu| line(&format!("/sys/devices/system/cpu/cpu{cpu}/{what}")));
        let mut values: Vec<String> = values.collect::<Option<_>>()?;
        values.dedup();
        Some(values.join(", "))
    };
    vec![
        ("hostname", line("/proc/sys/kernel/hostname")),
        ("kernel", line("/proc/sys/kernel/osrelease")),
        ("cpu", cpuinfo(first, "model name")),
        ("cpus", line("/sys/devices/system/cpu/online")),
        ("cpus_used", Some(cpus.iter().map(usize::to_string).collect::<Vec<_>>().join(", "))),
        ("siblings", each("topology/thread_siblings_list")),
        ("mhz", cpuinfo(first, "cpu MHz")),
        ("governor", each("cpufreq/scaling_governor")),
        ("isolated", line("/sys/devices/system/cpu/isolated").map(none_if_empty)),
        ("nohz_full", line("/sys/devices/system/cpu/nohz_full").map(none_if_empty)),
        ("clock_source", line("/sys/devices/system/clocksource/clocksource0/current_clocksource")),
        ("hypervisor", hypervisor(first)),
        ("factord", Some(env!("CARGO_PKG_VERSION").to_owned())),
        ("checkout", checkout()),
    ]
}

fn none_if_empty(list: String) -> String {
    if list.is_empty() || list == "(null)" { "none".to_owned() } else { list }
}

fn moment(cpus: &[usize]) -> Moment {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let load = line("/proc/loadavg");
    let load = load.map(|load| load.split(' ').take(3).collect::<Vec<_>>().join(" "));
    Moment { load, jiffies: cpus.iter().map(|&cpu| jiffies(&stat, cpu)).collect() }
}

fn jiffies(stat: &str, cpu: usize) -> Option<Jiffies> {
    let name = format!("cpu{cpu} ");
    let fields = stat.lines().find_map(|line| line.strip_prefix(&name))?;
    let fields: Vec<u64> =
        fields.split_whitespace().map_while(|field| field.parse().ok()).collect();
    // proc(5): user nice system idle iowait irq softirq steal; guests are counted in user.
    Some(Jiffies { total: fields.iter().take(8).sum(), steal: *fields.get(7)? })
}

fn line(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// One field of one processor in /proc/cpuinfo.
fn cpuinfo(cpu: usize, field: &str) -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let block = text.split("\n\n").find(|block| {
        let number = block.lines().find_map(|line| value_of(line, "processor"));
        number.is_some_and(|number| number == cpu.to_string())
    })?;
    block.lines().find_map(|line| value_of(line, field)).map(str::to_owned)
}

fn value_of<'l>(line: &'l str, field: &str) -> Option<&'l str> {
    let (name, value) = line.split_once(':')?;
    (name.trim() == field).then_some(value.trim())
}

fn hypervisor(cpu: usize) -> Option<String> {
    let flags = cpuinfo(cpu, "flags")?;
    if !flags.split(' ').any(|flag| flag == "hypervisor") {
        return Some("none".to_owned());
    }
    let kind = line("/sys/hypervisor/type").or_else(|| line("/sys/class/dmi/id/sys_vendor"));
    Some(kind.unwrap_or_else(|| "yes, of unknown kind".to_owned()))
}

/// The commit of the checkout that the binary was built in; changes not committed are named.
fn checkout() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let mut git = Command::new("git");
    git.arg("-C").arg(program.parent()?);
    git.args(["describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]);
    let output = git.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_the_eighth_field_of_its_own_cpu() {
        let stat = "cpu  9 9 9 9 9 9 9 9\ncpu1 1 1 1 1 1 1 1 7 0 0\ncpu10 2 2 2 2 2 2 2 2\n";
        assert_eq!(jiffies(stat, 1), Some(Jiffies { total: 14, steal: 7 }));
        assert_eq!(jiffies(stat, 10), Some(Jiffies { total: 16, steal: 2 }));
        assert_eq!(jiffies(stat, 2), None);
    }

    #[test]
    fn a_run_that_took_no_time_has_no_steal() {
        let watch = Watch { cpus: vec![0], before: Moment { load: None, jiffies: vec![None] } };
        let condition = watch.finish();
        assert_eq!(condition.steal, None);
        assert!(condition.facts().iter().any(|(name, value)| *name == "kernel" && value.is_some()));
    }
}
