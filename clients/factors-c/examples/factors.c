/* Trades into features, as a market-data handler makes them; no daemon is needed. The trades are
 * made up, of random signs: see `factord simulate` for a flow with a memory. */
#include <factord_factors.h>
#include <stdio.h>

enum { TRADES = 100000 };

/* A trade every 50 ms, at a price that wanders a little. */
static factord_factors_trade trade(uint64_t number)
{
    /* Any mixing does: the last bits of multiples of a large odd number. */
    const uint64_t mixed = number * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    return (factord_factors_trade){
        .ts_ns = (int64_t)number * 50000000,
        .price = 20.0 + 0.01 * (double)(mixed >> 1 & 63),
        .qty = 100.0 * (double)(1 + (mixed >> 7) % 200),
        .side = mixed & 1 ? FACTORD_FACTORS_SELL : FACTORD_FACTORS_BUY,
    };
}

int main(void)
{
    factord_factors *factors;
    char why[FACTORD_FACTORS_WHY_LEN];
    const char *settings = "window = 60s\nper = trade\nlarge = 200000";
    if (factord_factors_new(&factors, FACTORD_FACTORS_LAYOUT, settings, why, sizeof why) !=
        FACTORD_FACTORS_OK) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    unsigned windows = 0;
    factord_factors_row row = {0};
    for (uint64_t number = 0; number < TRADES; number++) {
        const factord_factors_trade next = trade(number);
        const int waiting = factord_factors_push(factors, &next);
        if (waiting < 0) {
            fprintf(stderr, "%s\n", factord_factors_strerror(waiting));
            return 1;
        }
        /* Here a strategy predicts: buy_rate, large_buy and large_sell are what the models take. */
        while (factord_factors_take(factors, &row, 1) == 1) windows++;
    }
    printf("%d trades, %u windows; buy rate %.17g, large buys %.17g, large sells %.17g\n", TRADES,
           windows, row.buy_rate, row.large_buy, row.large_sell);
    factord_factors_free(factors);
    return 0;
}
