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
        "POST /predict/regression?a=b HTTP/1.1\r\nHost: evil\r\nConnection: Upgrade, HTTP2-Settings\r\n\
         Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nX: y\r\nContent-Length: 2\r\n\r\n",
    );
    let canonical = String::from_utf8(head.canonical(b"{}")).unwrap();
    assert_eq!(
        canonical,
        "POST /predict/regression?a=b HTTP/1.1\r\nHost: factord\r\nContent-Length: 2\r\n\r\n{}"
    );
    let get = whole("GET http://somewhere/info HTTP/1.1\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(get.canonical(b"abc"), b"GET /info HTTP/1.1\r\nHost: factord\r\n\r\n");
}

#[test]
fn keep_alive_follows_version_and_connection() {
    for (text, keep_alive) in [
        ("GET / HTTP/1.1\r\n\r\n", true),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nConnection: foo, close\r\n\r\n", false),
    ] {
        assert_eq!(whole(text).keep_alive, keep_alive, "{text}");
    }
}

#[test]
fn each_malformed_head_gets_its_refusal() {
    let allow = "GET, HEAD";
    for (text, refusal) in [
        (&b"GET / HTTP/1.1\n\n"[..], Refusal::ControlByte),
        (b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", Refusal::ControlByte),
        (b"GET / HTTP/1.1\r\nA: b\nc\r\n\r\n", Refusal::ControlByte),
        (b"GET / HTTP/1.1\r\nA: b\0\r\n\r\n", Refusal::ControlByte),
        (b"GET / HTTP/1.1\r\nA: b\x7f\r\n\r\n", Refusal::ControlByte),
        (b"\x16\x03\x01", Refusal::ControlByte),
        (b"GET /\xff HTTP/1.1\r\n\r\n", Refusal::Malformed),
        (b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", Refusal::Malformed),
        (b"GET / HTTP/1.1\r\nA: b\r\n\tfolded\r\n\r\n", Refusal::ControlByte),
        (b"GET / HTTP/1.1\r\nA : b\r\n\r\n", Refusal::Malformed),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", Refusal::Malformed),
        (b"GET / HTTP/1.1\r\n: empty\r\n\r\n", Refusal::Malformed),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Refusal::Malformed),
        (b"GET  / HTTP/1.1\r\n\r\n", Refusal::Malformed),
        (b"GET nowhere HTTP/1.1\r\n\r\n", Refusal::Malformed),
        (b"nonsense\r\n\r\n", Refusal::Malformed),
        (b"PRI * HTTP/2.0\r\n\r\n", Refusal::Version),
        (b"GET / HTTP/1.2\r\n\r\n", Refusal::Version),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", Refusal::TransferEncoding),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: xchunked\r\n\r\n",
            Refusal::TransferEncoding,
        ),
        (b"GET / HTTP/1.1\r\nExpect: wonders\r\n\r\n", Refusal::Expectation),
        (b"DELETE /health HTTP/1.1\r\n\r\n", Refusal::MethodNotAllowed { allow }),
        (b"DELETE /nowhere HTTP/1.1\r\n\r\n", Refusal::NotFound),
    ] {
        assert_eq!(refused(text), refusal, "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn a_content_length_is_one_number_of_digits_within_the_limit() {
    let post = |path: &str, lines: &str| format!("POST {path} HTTP/1.1\r\n{lines}\r\n\r\n");
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
        assert_eq!(whole(&at(max as u128)).body_len, max);
        for len in [max as u128 + 1, 1_000_000_000_000_000, u128::from(u64::MAX), u128::MAX] {
            assert_eq!(refused(at(len).as_bytes()), Refusal::BodyTooLarge, "{len}");
        }
    }
}

#[test]
fn a_head_beyond_the_limits_is_refused() {
    let endless = [b"GET / HTTP/1.1\r\nA: ".to_vec(), vec![b'a'; HEAD_LEN_MAX]].concat();
    assert_eq!(refused(&endless[..HEAD_LEN_MAX]), Refusal::HeadTooLarge);
    assert_eq!(parse(&endless[..HEAD_LEN_MAX - 1]), Ok(None));
    let headers = |count| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
    whole(&headers(HEADER_COUNT_MAX));
    assert_eq!(refused(headers(HEADER_COUNT_MAX + 1).as_bytes()), Refusal::HeadTooLarge);
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
            let body = &body[..body.len().min(head.body_len)];
            let canonical = head.canonical(body);
            let (again, again_len) = parse(&canonical).unwrap().unwrap();
            prop_assert_eq!(again.method, head.method);
            prop_assert_eq!(&again.target, &head.target);
            prop_assert!(again.keep_alive && !again.expects_continue);
            let rest = &canonical[again_len..];
            let sent = if head.method == Method::Post { body } else { &[] };
            prop_assert_eq!(rest, sent);
            prop_assert_eq!(again.body_len, sent.len());
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
