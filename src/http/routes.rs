//! Routes: one total table from method and path to a command. Pure.

use super::method::Method;

/// The longest name of a model that a path may carry.
// 64: twice the model table's names.
const MODEL_NAME_LEN_MAX: usize = 64;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// What there is.
    Index,
    /// Whether the engine answers.
    Health,
    /// The models as they are served.
    Info,
    /// Counters in the format of Prometheus.
    Metrics,
    /// The page that compares both models.
    Plot,
    /// One prediction, features in the path.
    PredictPath {
        /// The model's name.
        model: &'a str,
        /// The features as written.
        values: [&'a str; 3],
    },
    /// One prediction, features in the body.
    Predict {
        /// The model's name.
        model: &'a str,
    },
    /// Many predictions.
    Batch,
}

/// Why there is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RouteError {
    /// Nothing lives at the path.
    NotFound,
    /// The path takes other methods.
    MethodNotAllowed {
        /// The methods it takes, for the Allow header.
        allow: &'static str,
    },
}

const READ: &str = "GET, HEAD, OPTIONS";
const SEND: &str = "POST, OPTIONS";
const ANY: &str = "GET, HEAD, POST, OPTIONS";

/// Finds the command of a request; `path` is without its query.
pub(super) fn route(method: Method, path: &str) -> Result<Command<'_>, RouteError> {
    let (command, allow) = resource(path).ok_or(RouteError::NotFound)?;
    match (method, allow) {
        (Method::Get | Method::Head, READ) | (Method::Post, SEND) => Ok(command),
        (_, allow) => Err(RouteError::MethodNotAllowed { allow }),
    }
}

/// The methods a path takes; `None` when nothing lives there. An asterisk is the whole server.
pub(super) fn allowed_methods(path: &str) -> Option<&'static str> {
    match path {
        "*" => Some(ANY),
        _ => resource(path).map(|(_, allow)| allow),
    }
}

fn resource(path: &str) -> Option<(Command<'_>, &'static str)> {
    let mut segments = path.strip_prefix('/')?.split('/');
    // Five segments are the most any route has; one more tells that there are too many.
    let parts: [Option<&str>; 6] = std::array::from_fn(|_| segments.next());
    let found = match parts {
        [Some(""), None, ..] => (Command::Index, READ),
        [Some("health"), None, ..] => (Command::Health, READ),
        [Some("info"), None, ..] => (Command::Info, READ),
        [Some("metrics"), None, ..] => (Command::Metrics, READ),
        [Some("plot"), Some("model_comparison"), None, ..] => (Command::Plot, READ),
        [Some("predict"), Some("batch"), None, ..] => (Command::Batch, SEND),
        [Some("predict"), Some(model), None, ..] if is_name(model) => {
            (Command::Predict { model }, SEND)
        }
        [Some("predict"), Some(model), Some(x0), Some(x1), Some(x2), None] if is_name(model) => {
            (Command::PredictPath { model, values: [x0, x1, x2] }, READ)
        }
        _ => return None,
    };
    Some(found)
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.len() <= MODEL_NAME_LEN_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_one_command_and_tells_its_methods() {
        let get = [
            ("/", Command::Index),
            ("/health", Command::Health),
            ("/info", Command::Info),
            ("/metrics", Command::Metrics),
            ("/plot/model_comparison", Command::Plot),
            (
                "/predict/regression/1/-2/3e4",
                Command::PredictPath { model: "regression", values: ["1", "-2", "3e4"] },
            ),
        ];
        for (path, command) in get {
            assert_eq!(route(Method::Get, path), Ok(command));
            assert_eq!(route(Method::Head, path), Ok(command));
            let refused = Err(RouteError::MethodNotAllowed { allow: "GET, HEAD, OPTIONS" });
            assert_eq!(route(Method::Post, path), refused);
        }
        for (path, command) in [
            ("/predict/regression", Command::Predict { model: "regression" }),
            ("/predict/batch", Command::Batch),
        ] {
            assert_eq!(route(Method::Post, path), Ok(command));
            let refused = Err(RouteError::MethodNotAllowed { allow: "POST, OPTIONS" });
            assert_eq!(route(Method::Get, path), refused);
            assert_eq!(allowed_methods(path), Some("POST, OPTIONS"));
        }
    }

    #[test]
    fn what_is_not_a_route_is_not_found() {
        for path in [
            "",
            "x",
            "//",
            "/health/",
            "/predict",
            "/predict/",
            "/predict/regression/1/2",
            "/predict/regression/1/2/3/4",
            "/predict/regression/1/2/3/4/5/6",
            "/plot",
        ] {
            assert_eq!(route(Method::Get, path), Err(RouteError::NotFound), "{path}");
        }
    }
}
