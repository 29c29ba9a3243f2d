//! Trades into features into predictions, as a market-data handler does it. The trades are made up;
//! `factord simulate` makes some with a memory.

use factord_client::factors::{Factors, Large, Per, Row, Settings, Side, Trade};
use factord_client::{AttachOptions, Client};
use std::time::Duration;

const TRADES: u64 = 100_000;

/// A trade every 50 ms, at a price that wanders a little.
fn trade(number: u64) -> Trade {
    // Any mixing does: the last bits of multiples of a large odd number.
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let side = if mixed & 1 == 0 { Side::Buy } else { Side::Sell };
    let price = 20.0 + 0.01 * (mixed >> 1 & 63) as f64;
    let qty = 100.0 * (1 + (mixed >> 7) % 200) as f64;
    Trade::new(number as i64 * 50_000_000, price, qty, side)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut client = Client::attach(&AttachOptions::default())?;
    let model = client.model("regression").ok_or("no model `regression` is served")?.id;
    let usual = Settings::default();
    let settings = Settings { large: Large { per: Per::Trade, ..usual.large }, ..usual };
    let mut factors = Factors::new(&settings)?;
    let mut closed: Vec<Row> = Vec::new();
    let mut windows = 0;
    let mut last = None;
    for number in 0..TRADES {
        factors.push(&trade(number), &mut |row| closed.push(*row));
        for row in closed.drain(..) {
            let answer = client.predict(model, &row.features(), Duration::from_millis(100))?;
            windows += 1;
            last = Some((row, answer));
        }
    }
    let (row, answer) = last.ok_or("no window closed")?;
    let local = client.predict_local(model, &row.features())?;
    let same = if local.y.to_bits() == answer.y.to_bits() { "the same bits" } else { "other bits" };
    println!("{TRADES} trades, {windows} windows, {:.4} for the last of them", answer.y);
    println!("buy rate {:.4}; in this process {same}", row.buy_rate);
    Ok(())
}
