/* The C library of the factors: every column of every window of the golden file, bit for bit, and
 * what it does with input that cannot be. `test GOLDEN`; prints a line a test and ends with
 * `N passed, N failed`. */
#include <factord_factors.h>

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(factord_factors_trade) == 64, "one line");
_Static_assert(sizeof(factord_factors_row) == 128, "two lines");

enum { EVENT_MAX = 2000, LINE_MAX = 1024 };

static int failures;
static const char *golden;

#define CHECK(condition)                                                     \
    do {                                                                     \
        if (!(condition)) {                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            failures++;                                                      \
        }                                                                    \
    } while (0)

static void die(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static int new_factors(factord_factors **made, const char *settings, char *why, size_t len)
{
    return factord_factors_new(made, FACTORD_FACTORS_LAYOUT, settings, why, len);
}

static factord_factors *make(const char *settings)
{
    factord_factors *factors;
    char why[FACTORD_FACTORS_WHY_LEN];
    if (new_factors(&factors, settings, why, sizeof why) != FACTORD_FACTORS_OK) die(why);
    return factors;
}

/* A trade, or the clock when `price` is not there. */
struct event {
    bool is_trade;
    factord_factors_trade trade;
};

static struct event events[EVENT_MAX];
static int event_count;

static int64_t side_of(char word)
{
    switch (word) {
    case 'B': return FACTORD_FACTORS_BUY;
    case 'S': return FACTORD_FACTORS_SELL;
    case 'N': return FACTORD_FACTORS_AUCTION;
    default: return FACTORD_FACTORS_UNKNOWN;
    }
}

/* Takes a line that is an event; whether it was one. */
static bool read_event(const char *line)
{
    struct event *event = &events[event_count];
    factord_factors_trade *trade = &event->trade;
    long long ts_ns;
    unsigned long long buy_id, sell_id;
    char side;
    if (event_count == EVENT_MAX) die("too many events");
    if (sscanf(line, "advance %lld", &ts_ns) == 1) {
        event->is_trade = false;
    } else if (sscanf(line, "trade %lld %lf %lf %c %llu %llu %lf %lf", &ts_ns, &trade->price,
                      &trade->qty, &side, &buy_id, &sell_id, &trade->bid, &trade->ask) == 8) {
        event->is_trade = true;
        trade->side = side_of(side);
        trade->buy_id = buy_id;
        trade->sell_id = sell_id;
    } else {
        return false;
    }
    trade->ts_ns = ts_ns;
    event_count++;
    return true;
}

static int feed(factord_factors *factors, const struct event *event)
{
    if (event->is_trade) return factord_factors_push(factors, &event->trade);
    return factord_factors_advance(factors, event->trade.ts_ns);
}

static uint64_t bits(double value)
{
    uint64_t word;
    memcpy(&word, &value, sizeof word);
    return isnan(value) ? UINT64_C(0x7ff8000000000000) : word;
}

/* The line of a row, after its head. */
static void print_row(char line[LINE_MAX], const char *head, const factord_factors_row *row)
{
    const double shares[8] = {row->volume, row->turnover, row->buy_rate, row->sell_rate,
                              row->large_buy, row->large_sell, row->unclassified, row->auction};
    int len = snprintf(line, LINE_MAX, "%s %lld %lld %llu", head, (long long)row->start_ns,
                       (long long)row->end_ns, (unsigned long long)row->trades);
    for (int i = 0; i < 8; i++) {
        len += snprintf(line + len, (size_t)(LINE_MAX - len), " %016llx",
                        (unsigned long long)bits(shares[i]));
    }
    snprintf(line + len, (size_t)(LINE_MAX - len), " %llu %llu %llu %llu",
             (unsigned long long)row->by_flag, (unsigned long long)row->by_orders,
             (unsigned long long)row->by_quote, (unsigned long long)row->by_tick);
}

static bool next_line(FILE *file, char line[LINE_MAX])
{
    if (!fgets(line, LINE_MAX, file)) return false;
    line[strcspn(line, "\n")] = 0;
    return true;
}

/* The next line of the file is this one. */
static void expect(FILE *file, const char *found)
{
    char line[LINE_MAX] = "";
    next_line(file, line);
    if (strcmp(line, found) != 0) {
        fprintf(stderr, "expected %s\nfound    %s\n", line, found);
        failures++;
    }
}

/* Every window that waits is the next of the file; how many there were. */
static int expect_rows(FILE *file, factord_factors *factors, int waiting, const char *head)
{
    char line[LINE_MAX];
    factord_factors_row rows[3];
    int seen = 0, taken;
    while ((taken = factord_factors_take(factors, rows, 3)) > 0) {
        for (int i = 0; i < taken; i++) {
            CHECK(rows[i].closed == 1);
            print_row(line, head, &rows[i]);
            expect(file, line);
        }
        seen += taken;
    }
    CHECK(taken == 0 && seen == waiting);
    return seen;
}

/* One case: its settings are read already. How many windows it has. */
static int run_case(FILE *file, factord_factors *factors)
{
    char line[LINE_MAX], head[32];
    int windows = 0;
    for (int i = 0; i < event_count; i++) {
        const int waiting = feed(factors, &events[i]);
        snprintf(head, sizeof head, "row %d", i + 1);
        CHECK(waiting >= 0);
        windows += expect_rows(file, factors, waiting, head);
    }
    factord_factors_row now;
    CHECK(factord_factors_now(factors, &now) == FACTORD_FACTORS_OK && now.closed == 0);
    print_row(line, "now", &now);
    expect(file, line);
    windows += expect_rows(file, factors, factord_factors_finish(factors), "row finish");

    factord_factors_counts counts;
    CHECK(factord_factors_count(factors, &counts) == FACTORD_FACTORS_OK);
    uint64_t words[sizeof counts / sizeof(uint64_t)];
    memcpy(words, &counts, sizeof counts);
    int len = snprintf(line, sizeof line, "counts");
    for (size_t i = 0; i < sizeof counts / sizeof(uint64_t); i++) {
        len += snprintf(line + len, sizeof line - (size_t)len, " %llu",
                        (unsigned long long)words[i]);
    }
    expect(file, line);
    return windows;
}

static void every_column_of_every_window_has_the_bits_of_the_crate(void)
{
    FILE *file = fopen(golden, "r");
    if (!file) die("the golden file cannot be read");
    char line[LINE_MAX], settings[LINE_MAX] = "";
    int cases = 0, windows = 0;
    event_count = 0;
    long at = 0;
    for (; next_line(file, line); at = ftell(file)) {
        if (strncmp(line, "set ", 4) == 0) {
            strncat(settings, line + 4, sizeof settings - strlen(settings) - 2);
            strcat(settings, "\n");
        } else if (strncmp(line, "row ", 4) == 0) {
            /* The first of a case whose settings are known by now. */
            fseek(file, at, SEEK_SET);
            factord_factors *factors = make(settings);
            windows += run_case(file, factors);
            factord_factors_free(factors);
            settings[0] = 0;
            cases++;
        } else if (strncmp(line, "case ", 5) != 0 && line[0] != '#' && !read_event(line)) {
            die(line);
        }
    }
    fclose(file);
    printf("%d trades and ticks, %d cases, %d windows\n", event_count, cases, windows);
    CHECK(event_count > 500 && cases >= 10 && windows >= 150);
}

static void a_null_pointer_is_an_error(void)
{
    factord_factors *factors = make(NULL);
    factord_factors_trade trade = {.price = 1, .qty = 1};
    factord_factors_row row;
    factord_factors_counts counts;
    char why[64] = "x";
    CHECK(new_factors(NULL, NULL, why, sizeof why) == FACTORD_FACTORS_ERROR_NULL);
    CHECK(strcmp(why, "a pointer is null that must not be") == 0);
    CHECK(factord_factors_push(NULL, &trade) == FACTORD_FACTORS_ERROR_NULL);
    CHECK(factord_factors_push(factors, NULL) == FACTORD_FACTORS_ERROR_NULL);
    CHECK(factord_factors_advance(NULL, 0) == FACTORD_FACTORS_ERROR_NULL);
    CHECK(factord_factors_finish(NULL) == FACTORD_FACTORS_ERROR_NULL);
    CHECK(factord_factors_take(NULL, &row, 1) == FACTORD_FACTORS_ERROR_NULL);
    CHECK(factord_factors_take(factors, NULL, 1) == FACTORD_FACTORS_ERROR_NULL);
    CHECK(factord_factors_take(factors, NULL, 0) == 0);
    CHECK(factord_factors_now(factors, NULL) == FACTORD_FACTORS_ERROR_NULL);
    CHECK(factord_factors_now(NULL, &row) == FACTORD_FACTORS_ERROR_NULL);
    CHECK(factord_factors_count(NULL, &counts) == FACTORD_FACTORS_ERROR_NULL);
    CHECK(factord_factors_count(factors, NULL) == FACTORD_FACTORS_ERROR_NULL);
    CHECK(factord_factors_check(NULL, "", NULL, 0) == FACTORD_FACTORS_ERROR_NULL);
    CHECK(factord_factors_check(factors, NULL, NULL, 0) == FACTORD_FACTORS_ERROR_NULL);
    CHECK(factord_factors_settings(NULL, why, sizeof why) == FACTORD_FACTORS_ERROR_NULL);
    factord_factors_free(factors);
    factord_factors_free(NULL);
}

static void numbers_that_cannot_be_are_counted_and_sides_refused(void)
{
    factord_factors *factors = make("window = 2trades\nper = trade");
    const double odd[] = {NAN, -NAN, INFINITY, -INFINITY, -1, 0, -0.0, 5e-324, 1.7e308};
    const int64_t times[] = {INT64_MIN, INT64_MAX, -1, 0};
    const size_t count = sizeof odd / sizeof *odd;
    factord_factors_row row;
    for (size_t i = 0; i < count * count * count * count * 4; i++) {
        factord_factors_trade trade = {.ts_ns = times[i % 4], .side = (int64_t)(i / 4 % 4) - 1};
        trade.price = odd[i / 4 % count];
        trade.qty = odd[i / 4 / count % count];
        trade.bid = odd[i / 4 / count / count % count];
        trade.ask = odd[i / 4 / count / count / count % count];
        trade.buy_id = trade.sell_id = UINT64_MAX - i;
        CHECK(factord_factors_push(factors, &trade) >= 0);
        CHECK(factord_factors_advance(factors, times[i / 4 % 4]) >= 0);
        while (factord_factors_take(factors, &row, 1) == 1) CHECK(row.trades == 2);
    }
    factord_factors_counts before, after;
    CHECK(factord_factors_count(factors, &before) == FACTORD_FACTORS_OK);
    CHECK(before.bad_numbers > 10000 && before.zero_sizes > 100 && before.trades > 100);
    const int64_t none[] = {3, -2, INT64_MAX, INT64_MIN, (int64_t)1 << 32};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        const factord_factors_trade trade = {.price = 1, .qty = 1, .side = none[i]};
        CHECK(factord_factors_push(factors, &trade) == FACTORD_FACTORS_ERROR_SIDE);
    }
    CHECK(factord_factors_count(factors, &after) == FACTORD_FACTORS_OK);
    CHECK(memcmp(&before, &after, sizeof after) == 0);
    factord_factors_free(factors);
}

/* xorshift64*, for inputs that are the same in every run. */
static uint64_t next_bits(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Any bits at all, or a number that a feed may send. */
static double next_number(uint64_t *state)
{
    const uint64_t word = next_bits(state);
    double number;
    if (word % 4 > 0) return (double)(word >> 40) / 256;
    memcpy(&number, &(uint64_t){next_bits(state)}, sizeof number);
    return number;
}

static void no_bits_at_all_make_it_fail_inside(void)
{
    const char *settings[] = {
        "window = 1d\nper = own-side-order\norders_max = 64",
        "window = 100trades\nstep = 10trades\nempty = keep",
        "window = 1e9volume\nlarge_by = quantile\nlarge = 0.5\nquantile_last = 100",
        "window = 1e-300turnover\nmultiplier = 1e300\ninverse = true\noutliers = drop",
    };
    uint64_t state = 7, windows = 0;
    /* Many engines: after a time that is far ahead, every other trade is late. */
    for (size_t i = 0; i < 800; i++) {
        factord_factors *factors = make(settings[i % 4]);
        factord_factors_row row;
        for (int number = 0; number < 500; number++) {
            const uint64_t word = next_bits(&state);
            factord_factors_trade trade = {
                .ts_ns = word % 256 ? (int64_t)number * 10000000000000 : (int64_t)next_bits(&state),
                .side = (int64_t)(word >> 8) % 4 - 1,
                .buy_id = next_bits(&state) >> (word >> 16) % 64,
                .sell_id = next_bits(&state) >> (word >> 24) % 64,
            };
            trade.price = next_number(&state);
            trade.qty = next_number(&state);
            trade.bid = next_number(&state);
            trade.ask = next_number(&state);
            CHECK(factord_factors_push(factors, &trade) >= 0);
            if (word % 256 == 1) CHECK(factord_factors_advance(factors, (int64_t)word) >= 0);
            if (word % 256 == 2) CHECK(factord_factors_finish(factors) >= 0);
            while (factord_factors_take(factors, &row, 1) == 1) windows++;
            CHECK(factord_factors_now(factors, &row) == FACTORD_FACTORS_OK);
        }
        factord_factors_free(factors);
    }
    CHECK(windows > 10000);
    for (int number = 0; number < 20000; number++) {
        /* Bytes of settings, some of them changed. */
        char text[] = "window = 60s\nstep = 20s\nper = trade\nlarge = 0.5\nlarge_by = quantile";
        for (int change = 0; change < 3; change++) {
            text[next_bits(&state) % (sizeof text - 1)] = (char)next_bits(&state);
        }
        factord_factors *factors;
        char why[FACTORD_FACTORS_WHY_LEN];
        const int error = new_factors(&factors, text, why, next_bits(&state) % sizeof why);
        CHECK(error == FACTORD_FACTORS_OK || error == FACTORD_FACTORS_ERROR_SETTINGS);
        factord_factors_free(factors);
    }
}

static void settings_that_cannot_be_are_refused_in_words(void)
{
    factord_factors *factors = (factord_factors *)&failures;
    char why[FACTORD_FACTORS_WHY_LEN];
    CHECK(factord_factors_new(&factors, FACTORD_FACTORS_LAYOUT + 1, NULL, why, sizeof why) ==
          FACTORD_FACTORS_ERROR_LAYOUT);
    CHECK(factors == NULL && strstr(why, "build against the library's header"));
    CHECK(new_factors(&factors, "window = 60", why, sizeof why) ==
          FACTORD_FACTORS_ERROR_SETTINGS);
    CHECK(factors == NULL && strstr(why, "`60` is not a window"));
    CHECK(new_factors(&factors, "windows = 60s", why, sizeof why) ==
          FACTORD_FACTORS_ERROR_SETTINGS);
    CHECK(strstr(why, "there is no setting \"windows\": there are window, step"));
    /* A sentence is cut where there is no room, and characters stay whole. */
    memset(why, 'x', sizeof why);
    CHECK(new_factors(&factors, "per = \xc3\xa4\xc3\xa4", why, 16) ==
          FACTORD_FACTORS_ERROR_SETTINGS);
    CHECK(strcmp(why, "unknown unit `") == 0 && why[16] == 'x');
    CHECK(new_factors(&factors, "\xff", NULL, sizeof why) ==
          FACTORD_FACTORS_ERROR_SETTINGS);
    CHECK(new_factors(&factors, "", why, sizeof why) == FACTORD_FACTORS_OK);
    CHECK(why[0] == 0);
    factord_factors_free(factors);
    for (int code = 0; code >= FACTORD_FACTORS_ERROR_INTERNAL; code--) {
        CHECK(strcmp(factord_factors_strerror(code), "unknown error") != 0);
    }
    CHECK(strcmp(factord_factors_strerror(-8), "unknown error") == 0);
}

static void a_model_of_other_windows_is_refused_by_name(void)
{
    factord_factors *factors = make("window = 5m\nper = trade");
    char why[FACTORD_FACTORS_WHY_LEN], text[1024];
    CHECK(factord_factors_check(factors, "", why, sizeof why) == FACTORD_FACTORS_OK && why[0] == 0);
    CHECK(factord_factors_check(factors, "window = 300s\nnot_known_yet = 7", why, sizeof why) ==
          FACTORD_FACTORS_OK);
    CHECK(factord_factors_check(factors, "per = trade\nwindow = 60s", why, sizeof why) ==
          FACTORD_FACTORS_ERROR_MISMATCH);
    CHECK(strcmp(why, "window: the model was trained on 60s, these factors have 300s: make them "
                      "with the model's, or train anew") == 0);
    CHECK(factord_factors_check(factors, "window = 5", why, sizeof why) ==
          FACTORD_FACTORS_ERROR_SETTINGS);
    CHECK(strstr(why, "setting \"window\" cannot be \"5\""));
    /* What the factors state of themselves is no mismatch, and makes the same factors. */
    const int len = factord_factors_settings(factors, NULL, 0);
    CHECK(len > 50 && factord_factors_settings(factors, text, sizeof text) == len);
    CHECK(strlen(text) == (size_t)len && strstr(text, "window = 300s\n"));
    CHECK(factord_factors_check(factors, text, why, sizeof why) == FACTORD_FACTORS_OK);
    factord_factors_free(make(text));
    CHECK(factord_factors_settings(factors, text, 10) == len && strlen(text) == 9);
    factord_factors_free(factors);
}

static void *run_beside(void *settings)
{
    factord_factors *factors = make(settings);
    for (int i = 0; i < event_count; i++) {
        if (feed(factors, &events[i]) < 0) abort();
    }
    factord_factors_row *last = calloc(1, sizeof *last);
    if (!last || factord_factors_now(factors, last) != FACTORD_FACTORS_OK) abort();
    factord_factors_free(factors);
    return last;
}

static void engines_of_several_threads_share_nothing(void)
{
    pthread_t threads[4];
    void *rows[4];
    for (int i = 0; i < 4; i++) {
        if (pthread_create(&threads[i], NULL, run_beside, "window = 5m\nstep = 1s")) abort();
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], &rows[i]);
    for (int i = 0; i < 4; i++) CHECK(memcmp(rows[0], rows[i], sizeof(factord_factors_row)) == 0);
    for (int i = 0; i < 4; i++) free(rows[i]);
}

#define TEST(name) {#name, name}
static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    /* First: others use its events. */
    TEST(every_column_of_every_window_has_the_bits_of_the_crate),
    TEST(a_null_pointer_is_an_error),
    TEST(numbers_that_cannot_be_are_counted_and_sides_refused),
    TEST(no_bits_at_all_make_it_fail_inside),
    TEST(settings_that_cannot_be_are_refused_in_words),
    TEST(a_model_of_other_windows_is_refused_by_name),
    TEST(engines_of_several_threads_share_nothing),
};

int main(int count, char **arguments)
{
    if (count != 2) die("usage: test GOLDEN");
    golden = arguments[1];
    int failed = 0;
    const int all = (int)(sizeof tests / sizeof *tests);
    for (int i = 0; i < all; i++) {
        const int before = failures;
        tests[i].run();
        failed += failures != before;
        printf("%s ... %s\n", tests[i].name, failures == before ? "ok" : "FAILED");
    }
    printf("%s: %d passed, %d failed\n", factord_factors_version(), all - failed, failed);
    return failed != 0;
}
