/* Cases about deadlines while nobody takes connections, about room in the ring, and about waiting for a
 * daemon; and the call `late`. */
#define _GNU_SOURCE
#include "runner.h"

#include <sched.h>

/* Everything that does not wait is over by then, on a busy machine too. */
#define SOON (FACTORD_S / 2)
#define TURNS 20

/* Each call beside an engine that neither answers nor takes connections; answers that come after all
 * are of `rows`, from the first on. */
static void calls_return(factord_client *client, uint16_t model, const struct suite_rows *rows)
{
    for (size_t i = 0; i < TURNS; i++) {
        factord_prediction answer;
        uint64_t ticket;
        uint64_t start = suite_now_ns();
        int error = factord_submit(client, model, row_x(rows, 0), 3, &ticket);
        took(start, 0, SOON);
        if (error != FACTORD_OK) same_error(error, FACTORD_ERROR_NOT_CONNECTED, "submit");
        start = suite_now_ns();
        int got = factord_poll(client, &ticket, &answer);
        took(start, 0, SOON);
        REQUIRE(got == 0 || got == FACTORD_ERROR_NOT_CONNECTED, "poll says %d", got);
        start = suite_now_ns();
        error = factord_predict(client, model, row_x(rows, 0), 3, 10 * FACTORD_MS, &answer);
        took(start, 10 * FACTORD_MS, SOON);
        REQUIRE(error != FACTORD_OK, "an answer of an engine that stands still");
        start = suite_now_ns();
        error = factord_predict_local(client, model, row_x(rows, i), 3, &answer);
        took(start, 0, SOON);
        /* A second after the last heartbeat it says so. */
        if (error != FACTORD_ERROR_NOT_CONNECTED) exact(rows, i, &answer);
    }
}

void backlog_full(void)
{
    factord_client *client = channel();
    factord_client *another;
    uint16_t model = id_of(client, "regression");
    const struct suite_rows *rows = rows_of("regression", 3);
    char why[FACTORD_WHY_LEN];
    predict_exact(client, model, rows, 0);
    conduct("kill");
    conduct("start");
    conduct("stop");
    calls_return(client, model, rows);
    conduct("fill-backlog");
    calls_return(client, model, rows);
    uint64_t start = suite_now_ns();
    REQUIRE(try_channel(&another, NULL, 3, SUITE_SLOTS, why) != FACTORD_OK, "attached");
    took(start, 0, 5 * FACTORD_S);
    conduct("continue");
    predict_exact(client, model, rows, 1);
}

void reaped(void)
{
    static factord_prediction answers[SUITE_SLOTS];
    factord_client *client = channel();
    uint16_t model = id_of(client, "regression");
    const struct suite_rows *rows = rows_of("regression", 3);
    uint64_t ticket;
    uint64_t end;
    conduct("stop");
    int error = factord_predict_batch(client, model, rows->x, SUITE_SLOTS, 50 * FACTORD_MS, answers);
    same_error(error, FACTORD_ERROR_DEADLINE, "predict_batch");
    error = factord_submit(client, model, row_x(rows, SUITE_SLOTS), 3, &ticket);
    same_error(error, FACTORD_ERROR_BACK_PRESSURE, "submit");
    conduct("continue");
    end = suite_now_ns() + PLENTY;
    do {
        error = factord_submit(client, model, row_x(rows, SUITE_SLOTS), 3, &ticket);
        REQUIRE(suite_now_ns() < end, "submit: %s", factord_strerror(error));
    } while (error == FACTORD_ERROR_BACK_PRESSURE);
    same_error(error, FACTORD_OK, "submit");
    factord_prediction answer;
    REQUIRE(next_answer(client, &answer) == ticket, "another request's answer");
    exact(rows, SUITE_SLOTS, &answer);
    nothing_left(client);
}

void attach_wait(void)
{
    factord_options options = usual_options(NULL);
    factord_client *client;
    char why[FACTORD_WHY_LEN];
    conduct("kill");
    same_error(try_options(&client, &options, why), FACTORD_ERROR_UNREACHABLE, "one try");
    options.wait_ns = 300 * FACTORD_MS;
    uint64_t start = suite_now_ns();
    same_error(try_options(&client, &options, why), FACTORD_ERROR_UNREACHABLE, "a wait");
    took(start, 300 * FACTORD_MS, 5 * FACTORD_S);
    conduct("start-after 300");
    options.wait_ns = PLENTY;
    int error = try_options(&client, &options, why);
    REQUIRE(error == FACTORD_OK, "attach: %s", why);
    predict_exact(client, id_of(client, "regression"), rows_of("regression", 3), 0);
}

/* ---- Late -------------------------------------------------------------------------------- */

#define ROUNDS 500
#define LIMIT (10 * FACTORD_MS)

enum { PREDICT, SUBMIT, POLL, LOCAL, IDLE, CALL_COUNT };

static const char *const CALLS[] = {"predict", "submit", "poll", "local", "idle"};

static void call(int which, factord_client *client, uint16_t model, const double *x)
{
    factord_prediction answer;
    uint64_t ticket;
    uint64_t end = suite_now_ns() + LIMIT;
    switch (which) {
    case PREDICT: factord_predict(client, model, x, 3, LIMIT, &answer); break;
    case SUBMIT: factord_submit(client, model, x, 3, &ticket); break;
    case POLL: factord_poll(client, &ticket, &answer); break;
    case LOCAL: factord_predict_local(client, model, x, 3, &answer); break;
    default:
        while (suite_now_ns() < end) sched_yield();
    }
}

int late(void)
{
    static uint64_t late_ns[CALL_COUNT][ROUNDS];
    static const double ROW[3] = {0.5, 0.25, 0.125};
    factord_options options = usual_options(NULL);
    factord_client *client;
    factord_prediction answer;
    char why[FACTORD_WHY_LEN];
    options.idle = FACTORD_IDLE_YIELD;
    REQUIRE(try_options(&client, &options, why) == FACTORD_OK, "attach: %s", why);
    uint16_t model = id_of(client, "regression");
    int error = factord_predict(client, model, ROW, 3, PLENTY, &answer);
    same_error(error, FACTORD_OK, "predict");
    conduct("kill");
    conduct("start");
    conduct("stop");
    conduct("fill-backlog");
    for (int round = 0; round < ROUNDS; round++) {
        for (int which = 0; which < CALL_COUNT; which++) {
            uint64_t limit = which == PREDICT || which == IDLE ? LIMIT : 0;
            uint64_t start = suite_now_ns();
            call(which, client, model, ROW);
            uint64_t spent = suite_now_ns() - start;
            late_ns[which][round] = spent > limit ? spent - limit : 0;
        }
    }
    for (int which = 0; which < CALL_COUNT; which++) {
        qsort(late_ns[which], ROUNDS, sizeof **late_ns, suite_ascending);
        printf("%s p99_ns %llu worst_ns %llu\n", CALLS[which],
               (unsigned long long)late_ns[which][ROUNDS * 99 / 100],
               (unsigned long long)late_ns[which][ROUNDS - 1]);
    }
    release_all();
    return 0;
}
