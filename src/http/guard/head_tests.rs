use super::*;
use proptest::prelude::*;

fn whole(text: &str) -> Head {
    let (head, len) = parse(text.as_bytes()).unwrap().unwrap();
    assert_eq!(len, text.len());
    head
}

fn refused(text: &[u8]) -> Refusal {
    parse(text).unwrap_err()
}

fn post(lines: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n").into_bytes()
}

#[test]
fn a_head_is_not_whole_before_its_empty_line() {
    let text = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    for len in 0..text.len() {
        assert_eq!(parse(&text[..len]), Ok(None), "{len}");
    }
    let mut longer = text.to_vec();
    longer.extend_from_slice(b"GET /next");
    let (head, len) = parse(&longer).unwrap().unwrap();
    assert_eq!((head.method, head.target.as_str(), len), (Method::Get, "/health", text.len()));
    assert!(head.keep_alive);
}

#[test]
fn what_is_passed_on_holds_nothing_of_the_client_but_path_and_body() {
    let head = whole(
        "POST /predict/regression?a=b HTTP/1.1\r\nHost: evil\r\n\
         Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nX: y\r\nContent-Length: 2\r\n\r\n",
    );
    let canonical = String::from_utf8(head.canonical(b"{}")).unwrap();
    assert_eq!(
        canonical,
        "POST /predict/regression?a=b HTTP/1.1\r\nHost: factord\r\nContent-Length: 2\r\n\r\n{}"
    );
    let chunked = whole(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nTE: trailers\r\n\
         Trailer: X\r\nContent-Encoding: identity\r\n\r\n",
    );
    assert_eq!(chunked.framing, Framing::Chunked);
    let canonical = b"POST / HTTP/1.1\r\nHost: factord\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(chunked.canonical(b"abc"), canonical);
    let get = whole("GET http://somewhere/info HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(get.canonical(b"abc"), b"GET /info HTTP/1.1\r\nHost: factord\r\n\r\n");
}

#[test]
fn keep_alive_follows_version_and_connection() {
    for (text, keep_alive) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, close\r\n\r\n", false),
    ] {
        assert_eq!(whole(text).keep_alive, keep_alive, "{text}");
    }
}

#[test]
fn each_malformed_head_gets_its_refusal() {
    let allow = "GET, HEAD, OPTIONS";
    let coding = |name: &str| Refusal::ContentEncoding { coding: Coding::new(name.as_bytes()) };
    for (text, refusal) in [
        (&b"GET / HTTP/1.1\n\n"[..], Refusal::ControlByte),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\rc\r\n\r\n", Refusal::ControlByte),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\nc\r\n\r\n", Refusal::ControlByte),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\0\r\n\r\n", Refusal::ControlByte),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\x7f\r\n\r\n", Refusal::ControlByte),
        (b"\x16\x03\x01", Refusal::ControlByte),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Malformed),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n folded\r\n\r\n", Refusal::Malformed),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\tfolded\r\n\r\n", Refusal::ControlByte),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", Refusal::Malformed),
        (b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", Refusal::Malformed),
        (b"GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n", Refusal::Malformed),
        (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Malformed),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Malformed),
        (b"GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Malformed),
        (b"nonsense\r\n\r\n", Refusal::Malformed),
        (b"PRI * HTTP/2.0\r\n\r\n", Refusal::Version),
        (b"GET / HTTP/1.2\r\n\r\n", Refusal::Version),
        (&post("Transfer-Encoding: xchunked"), Refusal::TransferEncoding),
        (&post("Transfer-Encoding: gzip, chunked"), Refusal::TransferEncoding),
        (&post("Transfer-Encoding: chunked, identity"), Refusal::TransferEncoding),
        (&post("Transfer-Encoding: identity"), Refusal::TransferEncoding),
        (&post("Transfer-Encoding:"), Refusal::TransferEncoding),
        (&post("Transfer-Encoding: chunked;q=1"), Refusal::TransferEncoding),
        (&post("Transfer-Encoding: \"chunked\""), Refusal::TransferEncoding),
        (&post("Transfer-Encoding: chunked, chunked"), Refusal::BadTransfer),
        (&post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x"), Refusal::BadTransfer),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Refusal::BadTransfer),
        (&post("Content-Length: 1\r\nTransfer-Encoding: xchunked"), Refusal::TwoLengths),
        (&post("Transfer-Encoding: chunked\r\nContent-Length: 0"), Refusal::TwoLengths),
        (&post("Content-Length: 1\r\nContent-Encoding: gzip"), coding("gzip")),
        (&post("Transfer-Encoding: chunked\r\nContent-Encoding: a\"b"), coding("a?b")),
        (&post("Transfer-Encoding : chunked"), Refusal::Malformed),
        (&post("Transfer-Encoding\t: chunked"), Refusal::Malformed),
        (&post("A: b\r\n Transfer-Encoding: chunked"), Refusal::Malformed),
        (&post("Transfer-Encoding:\x0bchunked"), Refusal::ControlByte),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n", Refusal::Expectation),
        (b"DELETE /health HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::MethodNotAllowed { allow }),
        (b"DELETE /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::NotFound),
    ] {
        assert_eq!(refused(text), refusal, "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn one_valid_host_is_needed_from_http_1_1_on() {
    let get = |minor: u8, lines: &str| format!("GET / HTTP/1.{minor}\r\n{lines}\r\n");
    for lines in ["Host: a:80\r\n", "host:\r\n", "Host: [::1]:5000\r\n", "Host: [::1]\r\n"] {
        whole(&get(1, lines));
        whole(&get(0, lines));
    }
    whole(&get(0, ""));
    assert_eq!(refused(get(1, "").as_bytes()), Refusal::Host);
    for lines in [
        "Host: a\r\nHost: a\r\n",
        "Host: a b\r\n",
        "Host: a, b\r\n",
        "Host: a/b\r\n",
        "Host: u@a\r\n",
        "Host: a:b\r\n",
        "Host: a:1:2\r\n",
        "Host: [::1\r\n",
        "Host: \u{e4}\r\n",
    ] {
        for minor in [0, 1] {
            assert_eq!(refused(get(minor, lines).as_bytes()), Refusal::Host, "{lines}");
        }
    }
}

#[test]
fn options_may_ask_of_the_whole_server() {
    for (text, target) in [
        ("OPTIONS / HTTP/1.0\r\n\r\n", "/"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*"),
        ("OPTIONS /predict/batch HTTP/1.1\r\nHost: a\r\n\r\n", "/predict/batch"),
    ] {
        let head = whole(text);
        assert_eq!((head.method, head.target.as_str()), (Method::Options, target));
        assert_eq!(head.traffic(), Traffic::Monitor);
    }
}

#[test]
fn a_content_length_is_one_number_of_digits_within_the_limit() {
    let post =
        |path: &str, lines: &str| format!("POST {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n");
    for lines in [
        "Content-Length: +5",
        "Content-Length: -1",
        "Content-Length: 0x5",
        "Content-Length: 5, 5",
        "Content-Length:",
        "Content-Length: 5\r\nContent-Length: 5",
    ] {
        let text = post("/predict/regression", lines);
        assert_eq!(refused(text.as_bytes()), Refusal::BadLength, "{lines}");
    }
    for (path, max) in
        [("/predict/regression", BODY_LEN_MAX), ("/predict/batch", BATCH_BODY_LEN_MAX)]
    {
        let at = |len: u128| post(path, &format!("Content-Length: {len}"));
        assert_eq!(whole(&at(max as u128)).framing, Framing::Length(max));
        for len in [max as u128 + 1, 1_000_000_000_000_000, u128::from(u64::MAX), u128::MAX] {
            assert_eq!(refused(at(len).as_bytes()), Refusal::BodyTooLarge, "{len}");
        }
    }
}

#[test]
fn a_head_beyond_the_limits_is_refused() {
    let endless = [b"GET / HTTP/1.1\r\nHost: a\r\nA: ".to_vec(), vec![b'a'; HEAD_LEN_MAX]].concat();
    assert_eq!(refused(&endless[..HEAD_LEN_MAX]), Refusal::HeadTooLarge);
    assert_eq!(parse(&endless[..HEAD_LEN_MAX - 1]), Ok(None));
    let headers = |count| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(count));
    whole(&headers(HEADER_COUNT_MAX - 1));
    assert_eq!(refused(headers(HEADER_COUNT_MAX).as_bytes()), Refusal::HeadTooLarge);
    assert_eq!(refused(&b"\r\n".repeat(HEAD_LEN_MAX / 2)), Refusal::HeadTooLarge);
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&'static [u8]> = vec![
        b"GET ",
        b"POST ",
        b"HEAD ",
        b"/predict/batch",
        b"/health",
        b"http://a",
        b" HTTP/1.1\r\n",
        b" HTTP/1.1\r\nHost: a\r\n",
        b" HTTP/1.0\r\n",
        b"Content-Length: ",
        b"Transfer-Encoding: chunked",
        b"Expect: 100-continue",
        b"Connection: close",
        b"\r\n",
        b"\r\n\r\n",
        b"12",
        b": ",
        b"\r",
        b"\n",
        b" ",
    ];
    prop_oneof![
        8 => proptest::sample::select(known).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
    ]
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..9000)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn what_is_forwarded_parses_back_as_exactly_one_request(
        pieces in proptest::collection::vec(piece(), 0..24),
        body in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let bytes = pieces.concat();
        if let Ok(Some((head, len))) = parse(&bytes) {
            prop_assert!(len <= bytes.len());
            let body = match head.framing {
                Framing::Length(len) => &body[..body.len().min(len)],
                Framing::Chunked => &body[..],
            };
            let canonical = head.canonical(body);
            let (again, again_len) = parse(&canonical).unwrap().unwrap();
            prop_assert_eq!(again.method, head.method);
            prop_assert_eq!(&again.target, &head.target);
            prop_assert!(again.keep_alive && !again.expects_continue);
            let rest = &canonical[again_len..];
            let sent = if head.method == Method::Post { body } else { &[] };
            prop_assert_eq!(rest, sent);
            prop_assert_eq!(again.framing, Framing::Length(sent.len()));
        }
    }

    #[test]
    fn a_head_cut_in_two_reads_as_the_whole(
        pieces in proptest::collection::vec(piece(), 0..24),
        cut in 0_usize..400,
    ) {
        let bytes = pieces.concat();
        if let Ok(Some((_, len))) = parse(&bytes) {
            let cut = cut.min(len.saturating_sub(1));
            prop_assert_eq!(parse(&bytes[..cut]), Ok(None));
        }
    }
}
