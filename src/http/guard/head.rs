//! The head of a request: bytes in, one canonical request out, or a refusal. Pure.
//!
//! What comes through is rebuilt from its parts, never copied: the server behind the guard sees
//! a method, a path of visible ASCII, one Host of ours and at most one Content-Length, whatever
//! the client wrote. Every other header ends here.

use super::super::limits::{BATCH_BODY_LEN_MAX, BODY_LEN_MAX, HEAD_LEN_MAX, HEADER_COUNT_MAX};
use super::super::method::Method;
use super::super::routes;
use super::refusal::Refusal;

/// What sort of traffic a request is: each has room of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// /health and /metrics: there is always room.
    Monitor,
    /// The batch route: long bodies, few at once.
    Batch,
    /// Everything else.
    Public,
}

/// A request's head, as far as the guard cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The method.
    pub(crate) method: Method,
    /// Path and query: visible ASCII, starting with a slash.
    pub(crate) target: String,
    /// Bytes of body that follow.
    pub(crate) body_len: usize,
    /// Whether another request may follow on the connection.
    pub(crate) keep_alive: bool,
    /// Whether the client waits for 100 Continue before it sends the body.
    pub(crate) expects_continue: bool,
}

/// Reads the head at the start of `bytes`: the head and its length, `None` while it is not whole.
///
/// # Errors
///
/// The [`Refusal`] to answer with, as soon as it is certain.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Refusal> {
    let Some(head_len) = find_end(bytes)? else {
        return if bytes.len() >= HEAD_LEN_MAX { Err(Refusal::HeadTooLarge) } else { Ok(None) };
    };
    let mut headers = [httparse::EMPTY_HEADER; HEADER_COUNT_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(&bytes[..head_len]) {
        Ok(httparse::Status::Complete(len)) if len == head_len => {}
        Ok(_) => return Err(Refusal::Malformed),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
        Err(httparse::Error::Version) => return Err(Refusal::Version),
        Err(_) => return Err(Refusal::Malformed),
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(Refusal::Malformed);
    };
    let fields = Fields::read(request.headers)?;
    let target = origin_form(target)?;
    let path = path_of(&target);
    let Some(method) = Method::of(method) else {
        return Err(match routes::allowed_methods(path) {
            Some(allow) => Refusal::MethodNotAllowed { allow },
            None => Refusal::NotFound,
        });
    };
    let body_len_max =
        if traffic(path) == Traffic::Batch { BATCH_BODY_LEN_MAX } else { BODY_LEN_MAX };
    let body_len = match fields.body_len {
        Some(len) if len > body_len_max as u64 => return Err(Refusal::BodyTooLarge),
        Some(len) => usize::try_from(len).map_err(|_| Refusal::BodyTooLarge)?,
        None => 0,
    };
    let keep_alive = !fields.close && (minor == 1 || fields.keep_alive);
    let expects_continue = fields.expects_continue && minor == 1;
    Ok(Some((Head { method, target, body_len, keep_alive, expects_continue }, head_len)))
}

impl Head {
    /// Which traffic the request is.
    pub(crate) fn traffic(&self) -> Traffic {
        traffic(path_of(&self.target))
    }

    /// The request as it is passed on. Only POST keeps its body.
    pub(crate) fn canonical(&self, body: &[u8]) -> Vec<u8> {
        let (method, target) = (self.method.name(), &self.target);
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: factord\r\n").into_bytes();
        if self.method == Method::Post {
            let len = body.len();
            request.extend_from_slice(format!("Content-Length: {len}\r\n\r\n").as_bytes());
            request.extend_from_slice(body);
        } else {
            request.extend_from_slice(b"\r\n");
        }
        request
    }
}

fn traffic(path: &str) -> Traffic {
    match path {
        "/health" | "/metrics" => Traffic::Monitor,
        "/predict/batch" => Traffic::Batch,
        _ => Traffic::Public,
    }
}

/// The path of a target, without its query.
pub(crate) fn path_of(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or(target)
}

/// Finds the length of the head; refuses control bytes and lone CR or LF on the way.
fn find_end(bytes: &[u8]) -> Result<Option<usize>, Refusal> {
    let mut line_len = 0;
    let mut at_start = true;
    let mut index = 0;
    let limit = bytes.len().min(HEAD_LEN_MAX);
    while index < limit {
        match bytes[index] {
            b'\r' => {
                match bytes[..limit].get(index + 1) {
                    None => return Ok(None),
                    Some(b'\n') => {}
                    Some(_) => return Err(Refusal::ControlByte),
                }
                index += 1;
                // Empty lines before the request line are dropped, as RFC 9112 asks (2.2).
                if line_len == 0 && !at_start {
                    return Ok(Some(index + 1));
                }
                line_len = 0;
            }
            b'\t' if !at_start && line_len > 0 => line_len += 1,
            b' '..=b'~' | 0x80.. => {
                if line_len == 0 && bytes[index] == b' ' {
                    return Err(Refusal::Malformed);
                }
                line_len += 1;
                at_start = false;
            }
            _ => return Err(Refusal::ControlByte),
        }
        index += 1;
    }
    Ok(None)
}

/// Reduces a target to path and query of visible ASCII.
fn origin_form(target: &str) -> Result<String, Refusal> {
    if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal::ControlByte);
    }
    if target.starts_with('/') {
        return Ok(target.to_owned());
    }
    let scheme = target.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://"));
    let rest = scheme.and_then(|_| target.get(7..)).ok_or(Refusal::Malformed)?;
    match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => Ok(rest[at..].to_owned()),
        Some(at) => Ok(format!("/{}", &rest[at..])),
        None => Ok("/".to_owned()),
    }
}

/// The headers that matter.
#[derive(Default)]
struct Fields {
    body_len: Option<u64>,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl Fields {
    fn read(headers: &[httparse::Header<'_>]) -> Result<Fields, Refusal> {
        let named = |name: &'static str| {
            headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name))
        };
        if named("Transfer-Encoding").next().is_some() {
            return Err(Refusal::TransferEncoding);
        }
        if named("Host").count() > 1 {
            return Err(Refusal::Malformed);
        }
        let mut fields = Fields::default();
        for header in named("Content-Length") {
            if fields.body_len.is_some() {
                return Err(Refusal::BadLength);
            }
            fields.body_len = Some(digits(header.value)?);
        }
        for header in named("Connection") {
            for word in header.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                fields.close |= word.eq_ignore_ascii_case(b"close");
                fields.keep_alive |= word.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        for header in named("Expect") {
            if !header.value.trim_ascii().eq_ignore_ascii_case(b"100-continue") {
                return Err(Refusal::Expectation);
            }
            fields.expects_continue = true;
        }
        Ok(fields)
    }
}

/// Reads an all-digit length; one beyond 64 bits is too large, not malformed.
fn digits(value: &[u8]) -> Result<u64, Refusal> {
    let value = value.trim_ascii();
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::BadLength);
    }
    let number = value.iter().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    number.ok_or(Refusal::BodyTooLarge)
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
