//! What C calls. Pointers to what Rust knows are references or none, as the header demands of their
//! owners; the unsafe code is about texts and rows in the caller's memory.

use crate::engine::{Engine, Failure};
use core::ffi::{CStr, c_char, c_int};
use core::mem::MaybeUninit;
use factord_factors::{Counts, Quote, Row, Side, Trade};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The layout of the structures below, which a program and the library must agree on.
pub const LAYOUT: u32 = 1;

/// How many counts there are; grows with `LAYOUT`.
pub const COUNT_LEN: usize = 20;

/// `factord_factors_trade`: as the header has it, one line of 64 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CTrade {
    /// Nanoseconds since 1970.
    pub ts_ns: i64,
    /// Price.
    pub price: f64,
    /// Quantity.
    pub qty: f64,
    /// 1, -1, 2 or 0.
    pub side: i64,
    /// The buyer's order number, or 0.
    pub buy_id: u64,
    /// The seller's order number, or 0.
    pub sell_id: u64,
    /// The best bid just before; 0 with `ask` when there is no quote.
    pub bid: f64,
    /// The best ask just before.
    pub ask: f64,
}

/// `factord_factors_row`: as the header has it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "factord_factors.h and `Row` say what each is")]
pub struct CRow {
    pub start_ns: i64,
    pub end_ns: i64,
    pub trades: u64,
    pub volume: f64,
    pub turnover: f64,
    pub buy_rate: f64,
    pub sell_rate: f64,
    pub large_buy: f64,
    pub large_sell: f64,
    pub unclassified: f64,
    pub auction: f64,
    pub by_flag: u64,
    pub by_orders: u64,
    pub by_quote: u64,
    pub by_tick: u64,
    pub closed: u64,
}

const _: () = assert!(size_of::<CTrade>() == 64 && size_of::<CRow>() == 128);

impl CTrade {
    fn trade(&self) -> Result<Trade, Failure> {
        let side = match self.side {
            0 => Side::Unknown,
            1 => Side::Buy,
            -1 => Side::Sell,
            2 => Side::None,
            _ => return Err(Failure::Side),
        };
        let CTrade { ts_ns, price, qty, buy_id, sell_id, bid, ask, .. } = *self;
        let quoted = bid != 0.0 || ask != 0.0;
        let quote = quoted.then_some(Quote { bid, ask });
        Ok(Trade { ts_ns, price, qty, side, buy_id, sell_id, quote })
    }
}

impl CRow {
    fn of(row: &Row) -> CRow {
        CRow {
            start_ns: row.start_ns,
            end_ns: row.end_ns,
            trades: row.trades,
            volume: row.volume,
            turnover: row.turnover,
            buy_rate: row.buy_rate,
            sell_rate: row.sell_rate,
            large_buy: row.large_buy,
            large_sell: row.large_sell,
            unclassified: row.unclassified,
            auction: row.auction,
            by_flag: row.methods.flag,
            by_orders: row.methods.orders,
            by_quote: row.methods.quote,
            by_tick: row.methods.tick,
            closed: u64::from(row.closed),
        }
    }
}

/// Their numbers are those of `factord_factors_error`.
fn code(failure: &Failure) -> c_int {
    match failure {
        Failure::Null => -1,
        Failure::Layout => -2,
        Failure::Settings(_) => -3,
        Failure::Mismatch(_) => -4,
        Failure::Side => -5,
        Failure::NotTaken => -6,
        Failure::Internal => -7,
    }
}

/// A number of things, of which there are fewer than 2^22.
fn number(count: usize) -> c_int {
    c_int::try_from(count).unwrap_or(c_int::MAX)
}

/// Does some work; a panic becomes an error.
#[inline(always)]
fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Failure::Internal))
}

/// What went wrong, as a code; with the sentence where there is room for one.
///
/// # Safety
/// At `why` there is room for `len` bytes, or it is null.
unsafe fn explained(done: Result<(), Failure>, why: *mut c_char, len: usize) -> c_int {
    let (sentence, code) = match done {
        Ok(()) => (String::new(), 0),
        Err(failure) => (failure.to_string(), code(&failure)),
    };
    // SAFETY: the caller of this function answers for the room.
    unsafe { put(&sentence, why, len) };
    code
}

/// Writes as much of a text as fits, whole characters, and a NUL.
///
/// # Safety
/// At `to` there is room for `len` bytes, or it is null.
unsafe fn put(text: &str, to: *mut c_char, len: usize) {
    let Some(room) = len.checked_sub(1).filter(|_| !to.is_null()) else { return };
    // Ends: every text has the boundary 0.
    let mut fits = text.len().min(room);
    while !text.is_char_boundary(fits) {
        fits -= 1;
    }
    // SAFETY: `fits` bytes are in the text, and fewer than the `len` that the caller has room for,
    // in memory of its own, which no text of this library is in.
    unsafe { core::ptr::copy_nonoverlapping(text.as_ptr(), to.cast::<u8>(), fits) };
    // SAFETY: `fits` is at most `len - 1`.
    let end = unsafe { to.add(fits) };
    // SAFETY: the last of the bytes counted above, at most.
    unsafe { end.write(0) };
}

/// A text of the caller; nothing when there is none.
///
/// # Safety
/// `text` is null, or ends with a NUL and stays as it is for `'a`.
unsafe fn text<'a>(text: *const c_char) -> Option<&'a [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller of this function answers for the NUL and for the text's life.
    Some(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// See `factord_factors.h`.
///
/// # Safety
/// `settings` is null or ends with a NUL; `why` is null or has room for `why_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn factord_factors_new(
    made: Option<&mut MaybeUninit<*mut Engine>>,
    layout: u32,
    settings: *const c_char,
    why: *mut c_char,
    why_len: usize,
) -> c_int {
    // SAFETY: the header demands the NUL; the text is read during this call alone.
    let settings = unsafe { text(settings) }.unwrap_or_default();
    let done = guarded(|| {
        let made = made.ok_or(Failure::Null)?;
        made.write(core::ptr::null_mut());
        if layout != LAYOUT {
            return Err(Failure::Layout);
        }
        made.write(Box::into_raw(Box::new(Engine::new(settings)?)));
        Ok(())
    });
    // SAFETY: the header demands the room.
    unsafe { explained(done, why, why_len) }
}

/// See `factord_factors.h`.
#[unsafe(no_mangle)]
pub extern "C" fn factord_factors_free(engine: Option<Box<Engine>>) {
    // What a panic in here could leave is memory that stays taken.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(engine)));
}

/// How many windows wait, or what went wrong.
#[inline(always)]
fn waiting(done: Result<usize, Failure>) -> c_int {
    match done {
        Ok(count) => number(count),
        Err(failure) => code(&failure),
    }
}

/// See `factord_factors.h`.
#[unsafe(no_mangle)]
pub extern "C" fn factord_factors_push(
    engine: Option<&mut Engine>,
    trade: Option<&CTrade>,
) -> c_int {
    waiting(guarded(|| {
        let (engine, trade) = engine.zip(trade).ok_or(Failure::Null)?;
        engine.push(&trade.trade()?)
    }))
}

/// See `factord_factors.h`.
#[unsafe(no_mangle)]
pub extern "C" fn factord_factors_advance(engine: Option<&mut Engine>, now_ns: i64) -> c_int {
    waiting(guarded(|| engine.ok_or(Failure::Null)?.advance(now_ns)))
}

/// See `factord_factors.h`.
#[unsafe(no_mangle)]
pub extern "C" fn factord_factors_finish(engine: Option<&mut Engine>) -> c_int {
    waiting(guarded(|| engine.ok_or(Failure::Null)?.finish()))
}

/// See `factord_factors.h`.
///
/// # Safety
/// At `rows` there is room for `room` rows, or it is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn factord_factors_take(
    engine: Option<&mut Engine>,
    rows: *mut CRow,
    room: usize,
) -> c_int {
    let Some(engine) = engine.filter(|_| !rows.is_null() || room == 0) else {
        return code(&Failure::Null);
    };
    let mut taken = 0;
    while taken < room {
        let Some(row) = engine.take() else { break };
        // SAFETY: `taken < room`, and the header demands room for so many rows.
        let to = unsafe { rows.add(taken) };
        // SAFETY: as above; the caller's memory, whatever is in it, holds no value to be dropped.
        unsafe { to.write(CRow::of(&row)) };
        taken += 1;
    }
    number(taken)
}

/// See `factord_factors.h`.
#[unsafe(no_mangle)]
pub extern "C" fn factord_factors_now(
    engine: Option<&Engine>,
    row: Option<&mut MaybeUninit<CRow>>,
) -> c_int {
    let done = guarded(|| {
        let (engine, row) = engine.zip(row).ok_or(Failure::Null)?;
        row.write(CRow::of(&engine.now()?));
        Ok(())
    });
    done.err().map_or(0, |failure| code(&failure))
}

/// See `factord_factors.h`.
#[unsafe(no_mangle)]
pub extern "C" fn factord_factors_count(
    engine: Option<&Engine>,
    counts: Option<&mut MaybeUninit<[u64; COUNT_LEN]>>,
) -> c_int {
    let done = guarded(|| {
        let (engine, counts) = engine.zip(counts).ok_or(Failure::Null)?;
        let mut named = engine.counts().named().into_iter().map(|(_, count)| count);
        counts.write(std::array::from_fn(|_| named.next().unwrap_or(0)));
        Ok(())
    });
    done.err().map_or(0, |failure| code(&failure))
}

/// See `factord_factors.h`.
///
/// # Safety
/// `model` is null or ends with a NUL; `why` is null or has room for `why_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn factord_factors_check(
    engine: Option<&Engine>,
    model: *const c_char,
    why: *mut c_char,
    why_len: usize,
) -> c_int {
    // SAFETY: the header demands the NUL; the text is read during this call alone.
    let model = unsafe { text(model) };
    let done = guarded(|| {
        let (engine, model) = engine.zip(model).ok_or(Failure::Null)?;
        engine.check(model)
    });
    // SAFETY: the header demands the room.
    unsafe { explained(done, why, why_len) }
}

/// See `factord_factors.h`.
///
/// # Safety
/// At `to` there is room for `len` bytes, or it is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn factord_factors_settings(
    engine: Option<&Engine>,
    to: *mut c_char,
    len: usize,
) -> c_int {
    match guarded(|| Ok(engine.ok_or(Failure::Null)?.settings())) {
        Ok(text) => {
            // SAFETY: the header demands the room.
            unsafe { put(&text, to, len) };
            number(text.len())
        }
        Err(failure) => code(&failure),
    }
}

/// See `factord_factors.h`.
#[unsafe(no_mangle)]
pub extern "C" fn factord_factors_strerror(code: c_int) -> *const c_char {
    let text = match code {
        0 => c"no error",
        -1 => c"a pointer is null that must not be",
        -2 => c"header and library have different layouts: build against the library's header",
        -3 => c"the settings cannot be used",
        -4 => c"the model was trained on windows of other settings",
        -5 => c"the side is none of the four",
        -6 => c"1048576 closed windows or more wait to be taken",
        -7 => c"the library failed inside: make another engine, and report this",
        _ => c"unknown error",
    };
    text.as_ptr()
}

/// See `factord_factors.h`.
#[unsafe(no_mangle)]
pub extern "C" fn factord_factors_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => panic!("a version holds no NUL"),
        };
    VERSION.as_ptr()
}

/// The counts of the header's structure, in its order.
pub fn count_names() -> Vec<&'static str> {
    Counts::default().named().into_iter().map(|(name, _)| name).collect()
}
