//! The head of a request: bytes in, one canonical request out, or a refusal. Pure.
//!
//! What comes through is rebuilt from its parts, never copied: the server behind the guard sees
//! a method, a path of visible ASCII, one Host of ours and at most one Content-Length, whatever
//! the client wrote: the length of what came, in one piece or in chunks. Every other header ends
//! here.

use super::super::limits::{BATCH_BODY_LEN_MAX, BODY_LEN_MAX, HEAD_LEN_MAX, HEADER_COUNT_MAX};
use super::super::method::Method;
use super::super::routes;
use super::coding::Coding;
use super::refusal::Refusal;

/// What sort of traffic a request is: each has room of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// /health, /metrics and any OPTIONS: there is always room.
    Monitor,
    /// The batch route: long bodies, few at once.
    Batch,
    /// Everything else.
    Public,
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By its length in bytes, which is within the limit; 0 when no body was announced.
    Length(usize),
    /// By a last chunk.
    Chunked,
}

/// A request's head, as far as the guard cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The method.
    pub(crate) method: Method,
    /// Path and query: visible ASCII, starting with a slash; with OPTIONS also a lone asterisk.
    pub(crate) target: String,
    /// How the body that follows ends.
    pub(crate) framing: Framing,
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
    let fields = Fields::read(request.headers, minor)?;
    let target = origin_form(target, method)?;
    let path = path_of(&target);
    let Some(method) = Method::of(method) else {
        return Err(match routes::allowed_methods(path) {
            Some(allow) => Refusal::MethodNotAllowed { allow },
            None => Refusal::NotFound,
        });
    };
    let framing = match fields.body_len {
        _ if fields.chunked => Framing::Chunked,
        Some(len) if len > body_len_max(path) as u64 => return Err(Refusal::BodyTooLarge),
        Some(len) => Framing::Length(usize::try_from(len).map_err(|_| Refusal::BodyTooLarge)?),
        None => Framing::Length(0),
    };
    if let Some(coding) = fields.coding
        && framing != Framing::Length(0)
    {
        return Err(Refusal::ContentEncoding { coding });
    }
    let keep_alive = !fields.close && (minor == 1 || fields.keep_alive);
    let expects_continue = fields.expects_continue && minor == 1;
    Ok(Some((Head { method, target, framing, keep_alive, expects_continue }, head_len)))
}

impl Head {
    /// Which traffic the request is.
    pub(crate) fn traffic(&self) -> Traffic {
        match self.method {
            Method::Options => Traffic::Monitor,
            _ => traffic(path_of(&self.target)),
        }
    }

    /// Bytes that the body may have, however its end is told.
    pub(crate) fn body_len_max(&self) -> usize {
        body_len_max(path_of(&self.target))
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

fn body_len_max(path: &str) -> usize {
    if traffic(path) == Traffic::Batch { BATCH_BODY_LEN_MAX } else { BODY_LEN_MAX }
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

/// Reduces a target to path and query of visible ASCII. Of the server as a whole, written as an
/// asterisk, only OPTIONS may ask.
fn origin_form(target: &str, method: &str) -> Result<String, Refusal> {
    if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal::ControlByte);
    }
    if target.starts_with('/') || target == "*" && method == Method::Options.name() {
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
    chunked: bool,
    coding: Option<Coding>,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl Fields {
    /// Reads the headers of a request of HTTP/1.`minor`.
    fn read(headers: &[httparse::Header<'_>], minor: u8) -> Result<Fields, Refusal> {
        // RFC 9112 (3.2): exactly one from 1.1 on, and a valid one whenever there is one.
        match (named(headers, "Host").count(), minor) {
            (1, _) | (0, 0) => {}
            _ => return Err(Refusal::Host),
        }
        if !named(headers, "Host").all(|header| is_host(header.value)) {
            return Err(Refusal::Host);
        }
        let mut fields = Fields { chunked: chunked(headers, minor)?, ..Fields::default() };
        for header in named(headers, "Content-Length") {
            if fields.body_len.is_some() {
                return Err(Refusal::BadLength);
            }
            fields.body_len = Some(digits(header.value)?);
        }
        let codings = named(headers, "Content-Encoding").map(|header| header.value.trim_ascii());
        fields.coding = codings.filter(|value| !is_identity(value)).map(Coding::new).next();
        for header in named(headers, "Connection") {
            for word in header.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                fields.close |= word.eq_ignore_ascii_case(b"close");
                fields.keep_alive |= word.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        for header in named(headers, "Expect") {
            if !header.value.trim_ascii().eq_ignore_ascii_case(b"100-continue") {
                return Err(Refusal::Expectation);
            }
            fields.expects_continue = true;
        }
        Ok(fields)
    }
}

fn named<'a>(
    headers: &'a [httparse::Header<'a>],
    name: &'static str,
) -> impl Iterator<Item = &'a httparse::Header<'a>> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name))
}

/// Whether the body comes in chunks: said once, in this word alone, and not by HTTP/1.0, whose
/// servers on the way may take the body for another request (RFC 9112, 6.1).
fn chunked(headers: &[httparse::Header<'_>], minor: u8) -> Result<bool, Refusal> {
    let mut codings = named(headers, "Transfer-Encoding");
    let Some(coding) = codings.next() else { return Ok(false) };
    // RFC 9112 (6.3): both at once is what an attempt to smuggle a request looks like.
    if named(headers, "Content-Length").next().is_some() {
        return Err(Refusal::TwoLengths);
    }
    let words = coding.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let is_chunked = |word: &[u8]| word.eq_ignore_ascii_case(b"chunked");
    if minor == 0 || codings.next().is_some() || words.filter(|word| is_chunked(word)).count() > 1 {
        return Err(Refusal::BadTransfer);
    }
    if is_chunked(coding.value.trim_ascii()) { Ok(true) } else { Err(Refusal::TransferEncoding) }
}

/// Whether a Content-Encoding says that the body is as it is.
fn is_identity(value: &[u8]) -> bool {
    value.is_empty() || value.eq_ignore_ascii_case(b"identity")
}

/// Whether a Host is empty or a name, an IPv4 or a bracketed address, with or without a port.
fn is_host(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let (host, port) = match value.iter().rposition(|byte| *byte == b':') {
        Some(at) if !value.ends_with(b"]") => (&value[..at], &value[at + 1..]),
        _ => (value, &[][..]),
    };
    // What RFC 3986 allows in a registered name (3.2.2), and what stands in brackets.
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(byte);
    let host = match host {
        [b'[', address @ .., b']'] => address.split(|byte| *byte == b':').collect(),
        _ => vec![host],
    };
    host.into_iter().flatten().all(fits) && port.iter().all(u8::is_ascii_digit)
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
