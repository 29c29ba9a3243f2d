//! Which quantities are contracts and no coins, by what files and symbols say.

/// Columns that give quantities in coins, next to those in contracts.
const COINS: [&str; 3] = ["base_qty", "homeNotional", "home_notional"];

/// A column that says that the quantities of a table are contracts.
pub(super) fn column_of_coins(names: &[String]) -> Option<&str> {
    names.iter().map(String::as_str).find(|name| COINS.contains(name))
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
