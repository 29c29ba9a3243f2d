//! Refusals: what the guard answers by itself, one status and one sentence each.

use super::super::limits::{
    BATCH_BODY_LEN_MAX, BODY_LEN_MAX, CHUNK_EXTRA_LEN_MAX, HEAD_LEN_MAX, HEADER_COUNT_MAX,
};
use super::coding::Coding;
use thiserror::Error;

/// Why a request is not passed on. The connection is closed after each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    /// The request line or a header line is malformed.
    #[error("Malformed request")]
    Malformed,
    /// A control byte, a lone CR or LF, or a byte outside ASCII where none may be.
    #[error("Malformed request: control byte or line end out of place")]
    ControlByte,
    /// Content-Length is repeated or not all digits.
    #[error("Malformed request: exactly one all-digit Content-Length is accepted")]
    BadLength,
    /// Host is missing, repeated or no host.
    #[error("Malformed request: exactly one valid Host is needed")]
    Host,
    /// Content-Length beside Transfer-Encoding.
    #[error("Malformed request: Content-Length or Transfer-Encoding, not both")]
    TwoLengths,
    /// Chunks announced twice or by HTTP/1.0.
    #[error("Malformed request: Transfer-Encoding is said twice, or by HTTP/1.0")]
    BadTransfer,
    /// The chunks of a body are malformed.
    #[error("Malformed request: the chunks of the body do not follow RFC 9112")]
    BadChunk,
    /// A trailer holds a field that decides how a request is read.
    #[error("Malformed request: a trailer may not hold this field")]
    BadTrailer,
    /// The path is unknown, and the method is not one of GET, HEAD and POST.
    #[error("Not found")]
    NotFound,
    /// The path takes other methods.
    #[error("Method not allowed")]
    MethodNotAllowed {
        /// The methods it takes.
        allow: &'static str,
    },
    /// The client was too slow.
    #[error("Request timeout")]
    Timeout,
    /// The body is longer than the route takes.
    #[error(
        "Body too large: {BODY_LEN_MAX} bytes are accepted, {BATCH_BODY_LEN_MAX} on /predict/batch"
    )]
    BodyTooLarge,
    /// The chunks of a body carry too much that is no body.
    #[error("Chunk extensions and trailer too large: {CHUNK_EXTRA_LEN_MAX} bytes are accepted")]
    ChunkExtras,
    /// The body is compressed.
    #[error("Content-Encoding {coding} is not accepted: send the body as it is")]
    ContentEncoding {
        /// What the client named.
        coding: Coding,
    },
    /// An expectation other than 100-continue.
    #[error("Expectation failed: only 100-continue is known")]
    Expectation,
    /// The head is longer than the guard reads.
    #[error(
        "Request head too large: {HEAD_LEN_MAX} bytes and {HEADER_COUNT_MAX} headers are accepted"
    )]
    HeadTooLarge,
    /// No handler gave an answer that can be passed on.
    #[error("Internal error")]
    NoAnswer,
    /// A Transfer-Encoding other than chunked.
    #[error("Transfer-Encoding: only chunked is implemented")]
    TransferEncoding,
    /// Too many connections or requests, or no answer in time.
    #[error("Service busy: try again")]
    Busy,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    #[error("HTTP version not supported: HTTP/1.0 and HTTP/1.1 are")]
    Version,
}

impl Refusal {
    /// The status code and its reason phrase.
    pub(crate) fn status(self) -> (u16, &'static str) {
        match self {
            Refusal::Malformed
            | Refusal::ControlByte
            | Refusal::BadLength
            | Refusal::Host
            | Refusal::TwoLengths
            | Refusal::BadTransfer
            | Refusal::BadChunk
            | Refusal::BadTrailer => (400, "Bad Request"),
            Refusal::NotFound => (404, "Not Found"),
            Refusal::MethodNotAllowed { .. } => (405, "Method Not Allowed"),
            Refusal::Timeout => (408, "Request Timeout"),
            Refusal::BodyTooLarge | Refusal::ChunkExtras => (413, "Content Too Large"),
            Refusal::ContentEncoding { .. } => (415, "Unsupported Media Type"),
            Refusal::Expectation => (417, "Expectation Failed"),
            Refusal::HeadTooLarge => (431, "Request Header Fields Too Large"),
            Refusal::NoAnswer => (500, "Internal Server Error"),
            Refusal::TransferEncoding => (501, "Not Implemented"),
            Refusal::Busy => (503, "Service Unavailable"),
            Refusal::Version => (505, "HTTP Version Not Supported"),
        }
    }

    /// The whole reply; `head_only` leaves the body out, as for HEAD.
    pub(crate) fn render(self, head_only: bool) -> Vec<u8> {
        let (code, reason) = self.status();
        // No message holds a character that JSON would escape; a test looks at each of them.
        let body = format!("{{\"error\":\"{self}\"}}\n");
        let extra = match self {
            Refusal::MethodNotAllowed { allow } => format!("Allow: {allow}\r\n"),
            Refusal::ContentEncoding { .. } => "Accept-Encoding: identity\r\n".to_owned(),
            Refusal::Busy => "Retry-After: 1\r\n".to_owned(),
            _ => String::new(),
        };
        let len = body.len();
        let mut reply = format!(
            "HTTP/1.1 {code} {reason}\r\nContent-Type: application/json\r\n\
             X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n{extra}\
             Content-Length: {len}\r\nConnection: close\r\n\r\n"
        );
        if !head_only {
            reply.push_str(&body);
        }
        reply.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Refusal; 19] = [
        Refusal::Malformed,
        Refusal::ControlByte,
        Refusal::BadLength,
        Refusal::Host,
        Refusal::TwoLengths,
        Refusal::BadTransfer,
        Refusal::BadChunk,
        Refusal::BadTrailer,
        Refusal::ChunkExtras,
        Refusal::NotFound,
        Refusal::MethodNotAllowed { allow: "GET, HEAD" },
        Refusal::Timeout,
        Refusal::BodyTooLarge,
        Refusal::Expectation,
        Refusal::HeadTooLarge,
        Refusal::NoAnswer,
        Refusal::TransferEncoding,
        Refusal::Busy,
        Refusal::Version,
    ];

    #[test]
    fn every_refusal_is_one_whole_reply_with_a_json_body() {
        let codings =
            [&b"gzip"[..], b"a\"b\\\x1b\xff", b"a-very-long-name-of-a-coding-indeed", b""];
        let codings = codings.map(|name| Refusal::ContentEncoding { coding: Coding::new(name) });
        for refusal in ALL.into_iter().chain(codings) {
            let bytes = refusal.render(false);
            let mut headers = [httparse::EMPTY_HEADER; 16];
            let mut reply = httparse::Response::new(&mut headers);
            let head_len = reply.parse(&bytes).unwrap().unwrap();
            assert_eq!(reply.code, Some(refusal.status().0));
            let body: serde_json::Value = serde_json::from_slice(&bytes[head_len..]).unwrap();
            assert_eq!(body["error"], refusal.to_string());
            let len = reply.headers.iter().find(|h| h.name == "Content-Length").unwrap().value;
            assert_eq!(len, (bytes.len() - head_len).to_string().as_bytes());
            assert_eq!(refusal.render(true), &bytes[..head_len]);
        }
    }
}
