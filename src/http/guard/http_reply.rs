//! [`HttpReply`], what a handler replied: from the bytes of the server behind the guard to those
//! for the client. Pure.
//!
//! Every reply that the guard did not make up itself has its head from [`render`].

use super::super::limits::{HEAD_LEN_MAX, REPLY_LEN_MAX};
use super::super::method::Method;
use thiserror::Error;

/// The headers that are passed on; the rest belongs to the hop behind the guard.
const PASSED_ON: [&str; 7] = [
    "Allow",
    "Cache-Control",
    "Content-Length",
    "Content-Security-Policy",
    "Content-Type",
    "Date",
    "Retry-After",
];
// Few routes need more; eight lines are ours and three the server's.
const HEADER_COUNT: usize = 24;
// 320: the longest head, that of the page, is 303 bytes.
const HEAD_LEN: usize = 320;

/// Why a reply cannot be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum HttpReplyError {
    /// It is not HTTP, or its length is not told.
    #[error("the answer is malformed")]
    Malformed,
    /// It is longer than any reply of ours.
    #[error("the answer is longer than {REPLY_LEN_MAX} bytes")]
    TooLong,
}

/// One whole reply, rewritten for the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HttpReply {
    /// The status code.
    pub(crate) status: u16,
    /// Head and body.
    pub(crate) bytes: Vec<u8>,
}

/// Reads the reply to a request of `method`; `None` while it is not whole.
pub(crate) fn parse(
    bytes: &[u8],
    method: Method,
    keep_alive: bool,
) -> Result<Option<HttpReply>, HttpReplyError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADER_COUNT];
    let mut reply = httparse::Response::new(&mut headers);
    let head_len = match reply.parse(bytes).map_err(|_| HttpReplyError::Malformed)? {
        httparse::Status::Complete(len) => len,
        httparse::Status::Partial if bytes.len() > HEAD_LEN_MAX => {
            return Err(HttpReplyError::Malformed);
        }
        httparse::Status::Partial => return Ok(None),
    };
    let body_len = declared_len(reply.headers)?;
    if body_len > REPLY_LEN_MAX {
        return Err(HttpReplyError::TooLong);
    }
    let sent_len = if method == Method::Head { 0 } else { body_len };
    let body = match &bytes[head_len..] {
        body if body.len() < sent_len => return Ok(None),
        body if body.len() > sent_len => return Err(HttpReplyError::Malformed),
        body => body,
    };
    let status = reply.code.ok_or(HttpReplyError::Malformed)?;
    let reason = reply.reason.unwrap_or("");
    let passed_on = |name: &str| PASSED_ON.iter().any(|known| known.eq_ignore_ascii_case(name));
    let headers = reply.headers.iter().filter(|header| passed_on(header.name));
    let headers = headers.map(|header| (header.name, header.value));
    Ok(Some(render(status, reason, headers, keep_alive, body)))
}

/// A reply as the client gets it; `headers` has one Content-Length.
pub(crate) fn render<'a>(
    status: u16,
    reason: &str,
    headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    keep_alive: bool,
    body: &[u8],
) -> HttpReply {
    let mut bytes = Vec::with_capacity(HEAD_LEN + body.len());
    bytes.extend_from_slice(b"HTTP/1.1 ");
    bytes.extend_from_slice(status.to_string().as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(reason.as_bytes());
    bytes.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"X-Content-Type-Options: nosniff\r\nConnection: ");
    bytes.extend_from_slice(if keep_alive { b"keep-alive" } else { b"close" });
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes.extend_from_slice(body);
    HttpReply { status, bytes }
}

fn declared_len(headers: &[httparse::Header<'_>]) -> Result<usize, HttpReplyError> {
    let mut lens = headers.iter().filter(|h| h.name.eq_ignore_ascii_case("Content-Length"));
    let (Some(len), None) = (lens.next(), lens.next()) else {
        return Err(HttpReplyError::Malformed);
    };
    std::str::from_utf8(len.value)
        .ok()
        .and_then(|len| len.parse().ok())
        .ok_or(HttpReplyError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &[u8] = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: text/plain\r\n\
        Content-Length: 2\r\n\r\nhi";

    #[test]
    fn an_answer_is_passed_on_only_when_it_is_whole() {
        for len in 0..BYTES.len() {
            assert_eq!(parse(&BYTES[..len], Method::Get, true), Ok(None), "{len}");
        }
        let reply = parse(BYTES, Method::Get, true).unwrap().unwrap();
        assert_eq!(reply.status, 200);
        let text = String::from_utf8(reply.bytes).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"), "{text}");
        assert!(text.ends_with("Connection: keep-alive\r\n\r\nhi"), "{text}");
        assert!(!text.contains("Server"), "{text}");
    }

    #[test]
    fn the_answer_to_head_has_a_length_and_no_body() {
        let head = &BYTES[..BYTES.len() - 2];
        let reply = parse(head, Method::Head, false).unwrap().unwrap();
        let text = String::from_utf8(reply.bytes).unwrap();
        assert!(text.contains("Content-Length: 2\r\n"), "{text}");
        assert!(text.ends_with("Connection: close\r\n\r\n"), "{text}");
        assert_eq!(parse(BYTES, Method::Head, false), Err(HttpReplyError::Malformed));
    }

    #[test]
    fn an_answer_without_one_length_is_malformed() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
            b"nonsense\r\n\r\n",
        ] {
            assert_eq!(parse(bytes, Method::Get, true), Err(HttpReplyError::Malformed));
        }
        let long = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n";
        assert_eq!(parse(long, Method::Get, true), Err(HttpReplyError::TooLong));
    }
}
