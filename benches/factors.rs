//! Factors from memory: trades a second on one-minute windows, by what counts as large.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use factord_factors::{Cut, Factors, Large, Per, Settings, Side, Trade, Unit, Window};
use std::hint::black_box;

/// Days, and trades of a day: as many as a liquid stock has.
const DAYS: u64 = 8;
const TRADES_A_DAY: u64 = 131_072;

/// Days of trading: aggressing orders of one to eight fills, each against one of the last thousand
/// resting orders; four hours a day, as many trades a minute as a liquid stock has.
fn days() -> Vec<Trade> {
    // Knuth's 64-bit generator: the flow is the same in every run.
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut trades = Vec::new();
    for day in 0..DAYS {
        let (mut number, mut fills, mut side, mut price) = (100_000, 0, Side::Buy, 10_000);
        for trade in 0..TRADES_A_DAY {
            if fills == 0 {
                number += 1 + random(5);
                fills = 1 + random(8);
                // Signs go on: three of four orders follow the one before.
                if random(4) == 0 {
                    side = if side == Side::Buy { Side::Sell } else { Side::Buy };
                    price = (price + random(3)).saturating_sub(1);
                }
            }
            fills -= 1;
            let resting = number - 1 - random(1_000);
            let (buy_id, sell_id) =
                if side == Side::Buy { (number, resting) } else { (resting, number) };
            let ts_ns = (day * 86_400_000 + trade * 14_400_000 / TRADES_A_DAY) as i64 * 1_000_000;
            let qty = 100.0 * (1 + random(50) * random(50) / 10) as f64;
            trades.push(Trade {
                buy_id,
                sell_id,
                ..Trade::new(ts_ns, price as f64 / 100.0, qty, side)
            });
        }
    }
    trades
}

fn windows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("factors");
    let trades = days();
    group.throughput(Throughput::Elements(trades.len() as u64)).sample_size(20);
    let minute = Window::time(60_000_000_000);
    let cut = Cut::Turnover(200_000.0);
    for (name, window, per, by) in [
        ("1 min, per trade", minute, Per::Trade, cut),
        ("1 min, per aggressing order", minute, Per::AggressingOrder, cut),
        ("1 min, per own-side order", minute, Per::OwnSideOrder, cut),
        (
            "1 min, per aggressing order, quantile",
            minute,
            Per::AggressingOrder,
            Cut::Quantile { q: 0.99, last: 10_000 },
        ),
        ("1 min every s, per aggressing order", minute.rolling(1e9), Per::AggressingOrder, cut),
        (
            "1000 trades, per aggressing order",
            Window::tumbling(Unit::Trades, 1_000.0),
            Per::AggressingOrder,
            cut,
        ),
    ] {
        let settings = Settings { window, large: Large { per, by }, ..Settings::default() };
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || Factors::new(&settings).expect("the settings are constants that can be used"),
                |factors| {
                    let mut sum = 0.0;
                    for trade in &trades {
                        factors.push(trade, &mut |row| sum += row.buy_rate);
                    }
                    assert_eq!(factors.counts().trades, trades.len() as u64);
                    black_box(sum)
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, windows);
criterion_main!(benches);
