// Trades into features, as a market-data handler makes them; no daemon is needed. The trades are
// made up, of random signs: see `factord simulate` for a flow with a memory.
#include <factord_factors.hpp>

#include <cstdio>

static constexpr std::uint64_t trades = 100000;

/// A trade every 50 ms, at a price that wanders a little.
static factord::Trade made_up(std::uint64_t number)
{
    // Any mixing does: the last bits of multiples of a large odd number.
    const std::uint64_t mixed = number * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    const auto side = mixed & 1 ? factord::Side::sell : factord::Side::buy;
    const double price = 20.0 + 0.01 * static_cast<double>(mixed >> 1 & 63);
    const double qty = 100.0 * static_cast<double>(1 + (mixed >> 7) % 200);
    return factord::trade(static_cast<std::int64_t>(number) * 50000000, price, qty, side);
}

int main()
{
    auto factors = factord::Factors::make("window = 60s\nper = trade\nlarge = 200000");
    if (!factors) {
        std::fprintf(stderr, "%s\n", factors.error().what());
        return 1;
    }
    unsigned windows = 0;
    factord::FactorRow last{};
    for (std::uint64_t number = 0; number < trades; number++) {
        const auto waiting = factors->push(made_up(number));
        if (!waiting) {
            std::fprintf(stderr, "%s\n", factord::message(waiting.error()));
            return 1;
        }
        // Here a strategy predicts, by factord::Client and factord::features(*row).
        while (const auto row = factors->take()) {
            last = *row;
            windows++;
        }
    }
    std::printf("%u trades, %u windows; buy rate %.17g, large buys %.17g, large sells %.17g\n",
                static_cast<unsigned>(trades), windows, last.buy_rate, last.large_buy,
                last.large_sell);
}
