//! `factord stat --clients`: who has a channel.

use super::class_name;
use factord_core::counters::ChannelInfo;
use factord_quant::train::date_time;
use serde_json::{Value, json};

const TITLES: [&str; 10] =
    ["id", "name", "pid", "uid", "class", "worker", "features", "slots", "local", "attached"];

/// One object a channel.
pub(super) fn as_json(channels: &[ChannelInfo]) -> Vec<Value> {
    channels.iter().map(object).collect()
}

fn object(channel: &ChannelInfo) -> Value {
    json!({
        "id": channel.client_id, "name": channel.name, "uid": channel.uid, "pid": channel.pid,
        "features": channel.feature_count, "slots": channel.slot_count,
        "class": class_name(channel.class.into()), "worker": channel.worker,
        "attached_unix_ns": channel.attached_unix_ns, "local": channel.local,
    })
}

/// A line a channel, in the order of their numbers, below the titles.
pub(super) fn as_table(channels: &[ChannelInfo]) -> String {
    let mut channels: Vec<&ChannelInfo> = channels.iter().collect();
    channels.sort_by_key(|channel| channel.client_id);
    let mut lines = vec![TITLES.map(str::to_owned)];
    lines.extend(channels.into_iter().map(cells));
    let width = |column: usize| lines.iter().map(|cells| cells[column].chars().count()).max();
    let widths: Vec<usize> = (0..TITLES.len()).map(|at| width(at).unwrap_or(0)).collect();
    let line = |cells: &[String; TITLES.len()]| {
        let cells = cells.iter().zip(&widths);
        let padded: Vec<String> = cells.map(|(cell, &width)| format!("{cell:<width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    lines.iter().map(line).collect()
}

fn cells(channel: &ChannelInfo) -> [String; TITLES.len()] {
    [
        channel.client_id.to_string(),
        // A client names itself: nothing of it may move a cursor.
        factord_quant::content::shown(&channel.name, usize::MAX),
        channel.pid.to_string(),
        channel.uid.to_string(),
        class_name(channel.class.into()).to_owned(),
        channel.worker.to_string(),
        channel.feature_count.to_string(),
        channel.slot_count.to_string(),
        channel.local.to_string(),
        date_time(channel.attached_unix_ns / 1_000_000_000),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(client_id: u64, name: &str) -> ChannelInfo {
        ChannelInfo {
            client_id,
            name: name.to_owned(),
            uid: 1000,
            pid: 4242,
            feature_count: 3,
            slot_count: 64,
            output_count: 2,
            class: 0,
            worker: 1,
            rights: 1,
            attached_unix_ns: 1_700_000_000_123_456_789,
            local: 7,
        }
    }

    #[test]
    fn columns_are_as_wide_as_what_they_hold_and_names_are_escaped() {
        let table = as_table(&[channel(12, "engine\u{1b}[31m"), channel(3, "b")]);
        assert_eq!(
            table,
            "id  name              pid   uid   class  worker  features  slots  local  attached\n\
             3   b                 4242  1000  light  1       3         64     7      \
             2023-11-14T22:13:20Z\n\
             12  engine\\u{1b}[31m  4242  1000  light  1       3         64     7      \
             2023-11-14T22:13:20Z\n"
        );
        assert_eq!(as_table(&[]).lines().count(), 1);
    }
}
