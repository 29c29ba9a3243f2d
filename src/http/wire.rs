//! From a reply to bytes: by way of tiny_http, or straight to the client. Both ways say the same.

use super::guard::http_reply::{self, HttpReply};
use super::method::Method;
use super::views::{HTML, Reply};
use std::io::Cursor;
use std::time::SystemTime;
use tiny_http::{Header, Response, StatusCode};

impl Reply {
    /// The headers that are the reply's own, in the order in which they are sent. Every value is
    /// a constant.
    fn headers(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let policy = "default-src 'none'; style-src 'unsafe-inline'";
        let headers = [
            Some(("Content-Type", self.content_type)),
            Some(("Cache-Control", "no-store")),
            (self.content_type == HTML).then_some(("Content-Security-Policy", policy)),
            self.allow.map(|allow| ("Allow", allow)),
            (self.status == 503).then_some(("Retry-After", "1")),
        ];
        headers.into_iter().flatten()
    }

    /// What tiny_http sends to the guard.
    pub(super) fn response(self) -> Response<Cursor<Vec<u8>>> {
        let headers = self.headers().map(|(name, value)| {
            Header::from_bytes(name, value).expect("header constants are ASCII without line ends")
        });
        let (headers, len) = (headers.collect(), self.body.len());
        Response::new(self.status.into(), headers, Cursor::new(self.body), Some(len), None)
            // Never chunked: the guard wants to know the length.
            .with_chunked_threshold(usize::MAX)
    }

    /// What the client gets, as the guard makes it from what tiny_http sends.
    pub(super) fn to_http(&self, method: Method, keep_alive: bool) -> HttpReply {
        let date = httpdate::fmt_http_date(SystemTime::now());
        let len = self.body.len().to_string();
        let own = self.headers().map(|(name, value)| (name, value.as_bytes()));
        let headers = std::iter::once(("Date", date.as_bytes()))
            .chain(own)
            .chain([("Content-Length", len.as_bytes())]);
        let body = if method == Method::Head { &[][..] } else { &self.body };
        let reason = StatusCode(self.status).default_reason_phrase();
        http_reply::render(self.status, reason, headers, keep_alive, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_tell_which_way_its_reply_came() {
        let page = Reply::page(HTML, "<p>".to_owned());
        let replies = [
            Reply::json(200, &[0.5]),
            Reply::error(400, "no"),
            Reply::error(404, "no"),
            Reply::error(500, "no"),
            Reply::error(503, "no"),
            Reply::method_not_allowed("POST"),
            page,
        ];
        for reply in replies {
            for (method, keep_alive) in [(Method::Get, true), (Method::Head, false)] {
                let mut sent = Vec::new();
                let response = reply.clone().response();
                let version = tiny_http::HTTPVersion(1, 1);
                let head_only = method == Method::Head;
                response.raw_print(&mut sent, version, &[], head_only, None).unwrap();
                let relayed = http_reply::parse(&sent, method, keep_alive).unwrap().unwrap();
                let direct = reply.to_http(method, keep_alive);
                assert_eq!(relayed.status, direct.status);
                // The two were made at different moments.
                let text = |reply: &HttpReply| {
                    let text = String::from_utf8(reply.bytes.clone()).unwrap();
                    let date = text.find("\r\nDate: ").unwrap();
                    let end = date + "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT".len();
                    assert_eq!(&text[end - 4..end + 2], " GMT\r\n");
                    format!("{}{}", &text[..date], &text[end..])
                };
                assert_eq!(text(&relayed), text(&direct));
            }
        }
    }
}
