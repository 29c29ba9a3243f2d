//! A trade allocates nothing once the tables have grown to what the flow needs.

use factord_factors::{Cut, Factors, Large, Per, Settings, Side, Trade, Unit, Window};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    /// Calls of this thread: the other tests run beside this one.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has nothing left to count.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: every call goes to the system's allocator with its arguments unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above; `old` came from this allocator, which is the system's.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        count();
        // SAFETY: as above; `old` came from this allocator, which is the system's.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Trades of ever new orders, a few fills each, at one a millisecond.
fn flow(from: u64, count: u64) -> impl Iterator<Item = Trade> {
    (from..from + count).map(|n| {
        let side = if n / 7 % 2 == 0 { Side::Buy } else { Side::Sell };
        let qty = (n * 2_654_435_761 % 900 + 1) as f64;
        let trade = Trade::new(n as i64 * 1_000_000, 10.0 + (n % 13) as f64 * 0.01, qty, side);
        Trade { buy_id: n / 3 + 1, sell_id: n / 5 + 1, ..trade }
    })
}

#[test]
fn a_warm_engine_allocates_nothing_whatever_the_window_and_the_unit() {
    let by = [Cut::Turnover(20_000.0), Cut::Quantile { q: 0.9, last: 1_000 }];
    let windows = [
        Window::time(1_000_000_000),
        Window::time(10_000_000_000).rolling(1e9),
        Window::tumbling(Unit::Trades, 700.0).rolling(70.0),
    ];
    for (window, per, by) in windows.into_iter().flat_map(|window| {
        Per::ALL.into_iter().flat_map(move |per| by.into_iter().map(move |by| (window, per, by)))
    }) {
        let large = Large { per, by };
        let settings = Settings { window, large, orders_max: 1_000, ..Settings::default() };
        let mut factors = Factors::new(&settings).unwrap();
        let mut rows = 0_u64;
        flow(0, 100_000).for_each(|trade| factors.push(&trade, &mut |_| rows += 1));
        let (warm, before) = (rows, CALLS.get());
        flow(100_000, 100_000).for_each(|trade| factors.push(&trade, &mut |_| rows += 1));
        assert_eq!(CALLS.get() - before, 0, "{settings:?}");
        assert!(rows > warm + 50, "{rows} rows: {settings:?}");
        let counts = factors.counts();
        assert_eq!(counts.trades, 200_000);
        // The table is full of orders that will never be filled again.
        assert_eq!(counts.orders_evicted > 30_000, per != Per::Trade, "{counts:?}");
    }
    assert!(CALLS.get() > 0, "nothing was ever counted");
}
