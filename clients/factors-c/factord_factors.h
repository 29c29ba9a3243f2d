/*
 * The factors of factord as a C library: trades in, windows of buy and sell rates out, by the very
 * code of `factord factors` and of the other clients, so that a window has the same bits
 * everywhere. What each number means is in docs/factors.md. Linux; no daemon, file or clock.
 *
 *     factord_factors *factors;
 *     char why[FACTORD_FACTORS_WHY_LEN];
 *     if (factord_factors_new(&factors, FACTORD_FACTORS_LAYOUT, "window = 60s\nper = trade", why,
 *                             sizeof why) != FACTORD_FACTORS_OK) { puts(why); return 1; }
 *     factord_factors_trade trade = {.ts_ns = 0, .price = 10.0, .qty = 300.0,
 *                                    .side = FACTORD_FACTORS_BUY};
 *     factord_factors_row row;
 *     if (factord_factors_push(factors, &trade) > 0)
 *         while (factord_factors_take(factors, &row, 1) == 1) { ... row.buy_rate ... }
 *
 * One engine is for one symbol. It is for one thread at a time, and may be handed from one to
 * another; different engines share nothing. No function may be called from a signal handler.
 *
 * Every function returns FACTORD_FACTORS_OK, a count, or a negative code. A null pointer is an
 * error where it is not said to be allowed; whatever numbers a trade holds, they are taken, counted
 * or refused. A pointer that is not null must be what this header says, as in all of C.
 *
 * Once its tables have grown to what the flow needs, a trade allocates nothing. Nothing ever locks,
 * logs or makes a system call, other than for memory; where there is none, the process ends. On
 * x86-64 and AArch64 no bit depends on the floating-point environment of the thread, which is left
 * as it was.
 */
#ifndef FACTORD_FACTORS_H
#define FACTORD_FACTORS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The layout of this header's structures, which the library must know: hand it to
 * factord_factors_new. */
#define FACTORD_FACTORS_LAYOUT 1
/* A buffer of this many bytes holds every sentence, but for one that quotes a very long word. */
#define FACTORD_FACTORS_WHY_LEN 1024

/* What can go wrong; factord_factors_strerror says it in words. */
enum factord_factors_error {
    FACTORD_FACTORS_OK = 0,
    FACTORD_FACTORS_ERROR_NULL = -1,
    /* Header and library are of different versions. */
    FACTORD_FACTORS_ERROR_LAYOUT = -2,
    /* The text is not settings, or they cannot be used. */
    FACTORD_FACTORS_ERROR_SETTINGS = -3,
    /* A model was trained on windows of other settings. */
    FACTORD_FACTORS_ERROR_MISMATCH = -4,
    /* The side of a trade is none of the four. */
    FACTORD_FACTORS_ERROR_SIDE = -5,
    /* 2^20 windows or more wait to be taken: take some, and call again. */
    FACTORD_FACTORS_ERROR_NOT_TAKEN = -6,
    /* A fault of the library's; the engine answers nothing else from then on. */
    FACTORD_FACTORS_ERROR_INTERNAL = -7
};

/* Who started a trade, according to the feed. */
enum factord_factors_side {
    /* The feed does not say. */
    FACTORD_FACTORS_UNKNOWN = 0,
    FACTORD_FACTORS_BUY = 1,
    FACTORD_FACTORS_SELL = -1,
    /* Nobody: an auction. */
    FACTORD_FACTORS_AUCTION = 2
};

/* One trade. What a feed does not say is 0. */
typedef struct factord_factors_trade {
    /* Nanoseconds since 1970-01-01 UTC. */
    int64_t ts_ns;
    double price;
    double qty;
    /* An enum factord_factors_side. */
    int64_t side;
    /* Order numbers; 0: none. */
    uint64_t buy_id;
    uint64_t sell_id;
    /* The best prices just before; both 0: no quote. */
    double bid;
    double ask;
} factord_factors_trade;

/* One window. Shares are between 0 and 1, or NaN where there is nothing to share. */
typedef struct factord_factors_row {
    /* Of a window by time its first moment and the first after it; else the times of its first and
     * last trade. */
    int64_t start_ns;
    int64_t end_ns;
    /* Trades, auctions among them. */
    uint64_t trades;
    double volume;
    /* The sum of price times quantity, or of what contracts are worth. */
    double turnover;
    /* Turnover that buyers and sellers started / turnover with an aggressor. */
    double buy_rate;
    double sell_rate;
    /* Turnover of large buys and sells / turnover. */
    double large_buy;
    double large_sell;
    /* Turnover without an aggressor, auctions among it / turnover. */
    double unclassified;
    /* Turnover of auctions / turnover. */
    double auction;
    /* How many trades got their aggressor by each rule. */
    uint64_t by_flag;
    uint64_t by_orders;
    uint64_t by_quote;
    uint64_t by_tick;
    /* 1; 0 for a window as it stands (factord_factors_now). */
    uint64_t closed;
} factord_factors_row;

/* What was seen, left out and given so far; docs/factors.md has the cases. */
typedef struct factord_factors_counts {
    uint64_t trades;
    uint64_t auction_trades;
    uint64_t unclassified_trades;
    uint64_t by_flag;
    uint64_t by_orders;
    uint64_t by_quote;
    uint64_t by_tick;
    /* Taken in order of arrival. */
    uint64_t equal_times;
    /* Older than the trade before, taken into the open window. */
    uint64_t late_taken;
    /* Older than the open window, left out. */
    uint64_t late_dropped;
    uint64_t zero_sizes;
    /* Price, quantity or time cannot be; left out. */
    uint64_t bad_numbers;
    uint64_t outliers;
    uint64_t without_order;
    uint64_t orders_evicted;
    uint64_t orders_idle;
    uint64_t windows;
    uint64_t windows_empty;
    uint64_t windows_undefined;
    uint64_t windows_unwritten;
} factord_factors_counts;

typedef struct factord_factors factord_factors;

/* Makes factors that have seen no trade; *made is null when that fails. `layout` is
 * FACTORD_FACTORS_LAYOUT. `settings` has a line `name = value` for each setting that is not the
 * usual one; null or "" has none:
 *
 *     window         60s     a time (500ms, 60s, 5m, 1h, 1d), or 1000trades, 1e5volume, 5e6turnover
 *     step                   lets windows roll, one closing every step; it divides the window
 *     large          200000  from where on a trade or an order is large
 *     large_by       turnover, quantity, or quantile of the last turnovers
 *     quantile_last  10000   how many of them
 *     per            trade, aggressing-order (usual), own-side-order: what is compared with it
 *     aggressor      auto, flag, orders, lee-ready, quote, tick
 *     empty          skip, keep: whether windows without rates are rows
 *     outliers       keep, drop
 *     outlier        0.01    the price change, as a share, that makes one
 *     orders_max     1048576 the most orders remembered on a side
 *     multiplier     1       what a contract is worth
 *     inverse        false, true: whether that is a fixed sum in the quote currency
 *
 * What is wrong with them is written to `why`, cut where there is no room, "" when nothing is; it
 * may be null. */
int factord_factors_new(factord_factors **made, uint32_t layout, const char *settings, char *why,
                        size_t why_len);

/* Frees them; null is allowed. */
void factord_factors_free(factord_factors *factors);

/* Takes one trade: how many closed windows wait to be taken, 0 for most trades. A trade that is too
 * late, or whose price, quantity or time cannot be, is left out and counted: a feed goes on. */
int factord_factors_push(factord_factors *factors, const factord_factors_trade *trade);

/* Says that it is `now_ns`: closes the windows by time that ended before, without a trade. How
 * many wait. */
int factord_factors_advance(factord_factors *factors, int64_t now_ns);

/* Says that the trades have ended: closes the open window by time. The next trade opens a new one.
 * How many wait. */
int factord_factors_finish(factord_factors *factors);

/* Takes the oldest of the windows that wait, at most `room` of them; how many. `rows` may be null
 * where `room` is 0. */
int factord_factors_take(factord_factors *factors, factord_factors_row *rows, size_t room);

/* The window as it stands; before the first trade one without trades and rates. */
int factord_factors_now(const factord_factors *factors, factord_factors_row *row);

/* What was counted so far. */
int factord_factors_count(const factord_factors *factors, factord_factors_counts *counts);

/* Compares the settings with those that a model states, a line `name = value` each:
 *
 *     factord model show FILE --json | jq -r '.settings | to_entries[] | "\(.key) = \(.value)"'
 *
 * FACTORD_FACTORS_ERROR_MISMATCH with the first that differs in `why`, and both values. What the
 * model does not state is no mismatch. */
int factord_factors_check(const factord_factors *factors, const char *model_settings, char *why,
                          size_t why_len);

/* Writes the settings that decide what a row means, a line `name = value` each, as much of them as
 * fits; how many bytes they have, without the NUL. `text` may be null where `len` is 0. */
int factord_factors_settings(const factord_factors *factors, char *text, size_t len);

/* What a code means, in lower case. */
const char *factord_factors_strerror(int code);

/* The version of the library, such as "0.1.0". */
const char *factord_factors_version(void);

#ifdef __cplusplus
}
#endif

#endif
