//! Which quantities are contracts and no coins, by what files and symbols say.

/// Columns that give quantities in coins, next to those in contracts.
const COINS: [&str; 3] = ["base_qty", "homeNotional", "home_notional"];

/// A column that says that the quantities of a table are contracts.
pub(super) fn column_of_coins(names: &[String]) -> Option<&str> {
    names.iter().map(String::as_str).find(|name| COINS.contains(name))
}

/// What Binance's coin-margined contracts are worth.
pub(super) const BINANCE: &str =
    "--inverse --multiplier with what one is worth (Binance: 100 for BTC, 10 for others)";

/// By what quantities are known to be contracts, and the flags that say what one is worth.
pub(super) type Known = (String, String);

/// What the worth of a trade in two currencies says of its size, as Bybit and BitMEX give it.
pub(super) fn of_notionals(value: &dyn Fn(&str) -> Option<f64>) -> Option<Known> {
    let (size, price) = (value("size")?, value("price")?);
    let (home, foreign) = (value("homeNotional")?, value("foreignNotional")?);
    // Both are rounded, to eight digits of a coin.
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-3 * b.abs();
    let (product, quotient) = (size * price, size / price);
    // Which of the two is the coin differs between the exchanges.
    for (same, other) in [(home, foreign), (foreign, home)] {
        if near(same, size) && near(other, product) {
            return None;
        }
        if near(same, size) && near(other, quotient) {
            let why = "its sizes are worth as much in the quote currency".to_owned();
            return Some((why, "--inverse --multiplier 1".to_owned()));
        }
    }
    let why = "its homeNotional and foreignNotional are not its sizes".to_owned();
    let flags = match near(foreign, home * price) {
        true => format!("--multiplier {}", (home / size * 1e9).round() / 1e9),
        false => "--multiplier with what one is worth".to_owned(),
    };
    Some((why, flags))
}

/// OKX counts contracts of swaps and futures.
pub(super) fn of_okx(symbol: &str) -> Option<Known> {
    let parts: Vec<&str> = symbol.split('-').collect();
    let [_, quote, term, ..] = parts[..] else { return None };
    (term == "SWAP" || is_date(term)).then_some(())?;
    let flags = match quote {
        "USD" => "--inverse --multiplier with its ctVal (100 for BTC, 10 for most others)",
        _ => "--multiplier with its ctVal (0.01 for BTC-USDT-SWAP)",
    };
    Some((format!("{symbol} is traded in contracts"), flags.to_owned()))
}

/// Tardis passes on what the exchange counts.
pub(super) fn of_tardis(exchange: &str, symbol: &str) -> Option<Known> {
    const COUNTING: [&str; 9] = [
        "bitmex",
        "binance-delivery",
        "okex-swap",
        "okex-futures",
        "huobi-dm",
        "huobi-dm-swap",
        "huobi-dm-linear-swap",
        "gate-io-futures",
        "cryptofacilities",
    ];
    if COUNTING.contains(&exchange) {
        let why = format!("{exchange} counts contracts of {symbol}");
        let flags = "--multiplier with what one is worth, and --inverse if that is in the quote \
                     currency";
        return Some((why, flags.to_owned()));
    }
    // Deribit's and Bybit's inverse contracts are counted in dollars.
    let dollars = exchange == "deribit" && symbol.contains("PERPETUAL") && !symbol.contains('_')
        || exchange == "bybit" && symbol.ends_with("USD");
    dollars.then(|| {
        let why = format!("{exchange} counts dollars of {symbol}");
        (why, "--inverse --multiplier 1".to_owned())
    })
}

/// Whether a word is the date of a delivery, as in `240628`.
fn is_date(word: &str) -> bool {
    word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether Binance margins it in coins: `BTCUSD_PERP`, `ETHUSD_240628`.
pub(super) fn is_coin_margined(symbol: &str) -> bool {
    symbol
        .split_once('_')
        .is_some_and(|(pair, term)| pair.to_ascii_uppercase().ends_with("USD") && is_term(term))
}

/// What stands behind `_` in the name of a perpetual or a future.
pub(super) fn is_term(word: &str) -> bool {
    word.eq_ignore_ascii_case("perp") || is_date(word)
}

/// Whether a symbol is known as that of contracts which are worth a fixed sum in the quote
/// currency, whatever the price: of Binance, BitMEX, Deribit, OKX and Kraken.
pub fn is_inverse(symbol: &str) -> bool {
    let symbol = symbol.to_ascii_uppercase();
    let parts: Vec<&str> = symbol.split('-').collect();
    let month = |word: &str| {
        word.len() == 3
            && word.starts_with(|letter| "FGHJKMNQUVXZ".contains(letter))
            && word[1..].bytes().all(|byte| byte.is_ascii_digit())
    };
    match parts[..] {
        [_, "USD", "SWAP"] => true,
        [_, "USD", date] => is_date(date),
        ["BTC" | "ETH", "PERPETUAL"] => true,
        ["BTC" | "ETH", date] => {
            // As in `BTC-29DEC23`.
            let letters = date.trim_matches(|letter: char| letter.is_ascii_digit());
            letters.len() == 3 && letters.len() < date.len()
        }
        [one] => {
            is_coin_margined(one)
                || one == "XBTUSD"
                || one.strip_prefix("XBT").is_some_and(month)
                || ["PI_", "FI_"].iter().any(|kraken| one.starts_with(kraken))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_contracts_are_known_by_their_symbols() {
        for symbol in [
            "BTCUSD_PERP",
            "ETHUSD_240628",
            "XBTUSD",
            "XBTM24",
            "BTC-PERPETUAL",
            "BTC-29DEC23",
            "BTC-USD-SWAP",
            "ETH-USD-240628",
            "PI_XBTUSD",
        ] {
            assert!(is_inverse(symbol), "{symbol}");
        }
        for symbol in [
            "BTCUSDT",
            "BTCUSDT_240628",
            "BTC-USDT-SWAP",
            "BTC-USD",
            "600519.SH",
            "XBT",
            "",
            "BTC-29DEC23-40000-C",
            "BRK-B",
            "€-é",
        ] {
            assert!(!is_inverse(symbol), "{symbol}");
        }
    }
}
