//! What the daemon says on stdout once it is ready: where everything is, and what to try.

use super::Place;
use crate::control::ReadyModel;
use crate::log;
use factord_core::channel;
use std::path::Path;
use std::sync::Arc;

/// The features of an example, over and over.
const EXAMPLE: [&str; 3] = ["0.5", "0.2", "0.3"];
/// The most features that an example writes out.
// 8: a line of a terminal.
const EXAMPLE_WIDTH_MAX: usize = 8;

/// Says what is ready and where: `models` has a line each, and `example` is one to try.
pub(super) fn announce(
    (models, example): (&str, Option<(&str, usize)>),
    path: &Path,
    place: &Place,
    url: Option<&str>,
) {
    let mut text = format!("factord {} is ready\n", env!("CARGO_PKG_VERSION"));
    text += &format!("  socket  {}\n", path.display());
    text += &format!("  http    {}\n", url.unwrap_or("off (--no-http)"));
    for (index, line) in models.lines().enumerate() {
        text += &format!("  {}  {line}\n", if index == 0 { "models" } else { "      " });
    }
    let cores: Vec<String> = place.cores.iter().map(|core| format!("CPU {core}")).collect();
    let name = if cores.len() > 1 { "workers" } else { "worker " };
    text += &format!("  {name} {}, idle strategy {}\n", cores.join(", "), place.idle);
    if !place.heavy_cores.is_empty() {
        let cores: Vec<String> =
            place.heavy_cores.iter().map(|core| format!("CPU {core}")).collect();
        text += &format!("  heavy   {}\n", cores.join(", "));
    }
    let socket = (path != channel::socket_path(None)).then_some(path);
    text += &format!("Ctrl-C ends it; try: {}\n", command(example, socket));
    log::announce(text);
}

/// A model to try: the first one, by its name and width.
pub(super) fn example(served: &[Arc<ReadyModel>]) -> Option<(String, usize)> {
    let model = served.first()?;
    Some((model.name().to_owned(), model.loaded.artifact.model().width()))
}

/// A command that works as it stands; `socket` where no tool would find it by itself.
fn command(example: Option<(&str, usize)>, socket: Option<&Path>) -> String {
    let mut words = match example {
        Some((name, width @ ..=EXAMPLE_WIDTH_MAX)) => {
            format!("factord predict {name} {}", EXAMPLE.repeat(width)[..width].join(" "))
        }
        Some((name, _)) => format!("factord model show {name}"),
        None => "factord stat".to_owned(),
    };
    if let Some(path) = socket {
        words += &format!(" --socket {}", shell_word(&path.to_string_lossy()));
    }
    words
}

/// A text as one word of a shell's command line.
fn shell_word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,=".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_to_try_fits_what_is_served_and_where() {
        for (example, socket, words) in [
            (Some(("regression", 3)), None, "factord predict regression 0.5 0.2 0.3"),
            (Some(("spread", 1)), None, "factord predict spread 0.5"),
            (
                Some(("m.2", 5)),
                Some("/tmp/x/s.sock"),
                "factord predict m.2 0.5 0.2 0.3 0.5 0.2 --socket /tmp/x/s.sock",
            ),
            (
                Some(("wide", 20)),
                Some("/tmp/it's a/s"),
                r"factord model show wide --socket '/tmp/it'\''s a/s'",
            ),
            (None, None, "factord stat"),
        ] {
            assert_eq!(command(example, socket.map(Path::new)), words);
        }
    }
}
