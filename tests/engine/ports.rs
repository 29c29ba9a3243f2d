//! Ports that stay free until they are used.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;

/// A port of the loopback address that nobody listens at, never given twice, and none of those that
/// the kernel gives to others by itself.
pub(crate) fn free_port() -> u16 {
    static ASKED: Mutex<u16> = Mutex::new(0);
    let mut asked = ASKED.lock().unwrap();
    loop {
        *asked += 1;
        assert!(*asked < 10, "one of ten ports is free");
        let port = 20_000 + (std::process::id() % 1000) as u16 * 10 + *asked;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
