/* The case `identity`: a client is bound to a model by its name, whatever number an engine gives it. */
#define _GNU_SOURCE
#include "runner.h"

#define ROUNDS 12
#define UNDER_WAY 32
#define BATCH 100000
#define SMALL_BATCH 1000

/* What stays over all rounds. */
static factord_client *client;
static const struct suite_rows *rows;
static uint16_t model;
static factord_prediction answers[BATCH];

static size_t row_of(size_t i)
{
    return i % rows->count;
}

/* An answer on the way is that of its row, or there is no such model: then 0. */
static int judge(size_t row, const factord_prediction *answer)
{
    if (answer->error == FACTORD_ERROR_UNKNOWN_MODEL) return 0;
    exact(rows, row_of(row), answer);
    return 1;
}

static int ask(size_t row)
{
    factord_prediction answer;
    factord_predict(client, model, row_x(rows, row_of(row)), 3, PLENTY, &answer);
    return judge(row, &answer);
}

static int ask_local(size_t row)
{
    factord_prediction answer;
    factord_predict_local(client, model, row_x(rows, row_of(row)), 3, &answer);
    return judge(row, &answer);
}

/* A batch of so many rows; how many have a prediction. */
static size_t ask_batch(size_t count)
{
    static double inputs[3 * BATCH];
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(&inputs[3 * i], row_x(rows, row_of(i)), 3 * sizeof *inputs);
    }
    int error = factord_predict_batch(client, model, inputs, count, 3 * PLENTY, answers);
    same_error(error, FACTORD_OK, "predict_batch");
    for (size_t i = 0; i < count; i++) found += (size_t)judge(i, &answers[i]);
    return found;
}

static void restart_under_single_requests(const char *set)
{
    conduct("stop");
    for (size_t i = 0; i < UNDER_WAY; i++) {
        uint64_t ticket;
        int error = factord_submit(client, model, row_x(rows, row_of(i)), 3, &ticket);
        same_error(error, FACTORD_OK, "submit");
    }
    conduct_with("set", set);
    conduct("kill");
    conduct("start");
    uint64_t last = 0;
    for (size_t i = 0; i < UNDER_WAY; i++) {
        factord_prediction answer;
        uint64_t ticket = next_answer(client, &answer);
        REQUIRE(ticket > last, "out of order");
        last = ticket;
        judge(i, &answer);
        ask_local(i);
    }
    nothing_left(client);
}

static void restart_under_a_batch(const char *set)
{
    uint64_t epoch = factord_epoch(client);
    uint64_t end = suite_now_ns() + PLENTY;
    conduct_with("set", set);
    conduct("restart-after 1000");
    ask_batch(BATCH);
    while (factord_epoch(client) == epoch) {
        REQUIRE(suite_now_ns() < end, "the engine was not started again");
        ask(0);
        ask_local(0);
    }
}

/* What the engine serves now is what its set says. */
static void settled(int served)
{
    uint64_t end = suite_now_ns() + PLENTY;
    while (ask(0) != served) REQUIRE(suite_now_ns() < end, "bb is not %d", served);
    for (size_t i = 0; i < UNDER_WAY; i++) {
        REQUIRE(ask(i) == served && ask_local(i) == served, "row %zu: bb is not %d", i, served);
    }
    size_t found = ask_batch(SMALL_BATCH);
    REQUIRE(found == (served ? SMALL_BATCH : 0), "%zu of %d rows", found, SMALL_BATCH);
    if (served) REQUIRE(id_of(client, "bb") == model, "bb has another number");
}

void identity(void)
{
    static const char *const SETS[] = {"renumbered", "late", "crowded", "without", "back", "plain"};
    const size_t set_count = sizeof SETS / sizeof *SETS;
    const char *text = getenv("FACTORD_IDENTITY_ROUNDS");
    size_t rounds = text ? strtoul(text, NULL, 10) : ROUNDS;
    rows = rows_of("bb", 3);
    conduct("set plain");
    conduct("kill");
    conduct("start");
    client = channel();
    model = id_of(client, "bb");
    REQUIRE(ask(0) && ask_local(0), "bb is not served");
    for (size_t round = 0; round < rounds; round++) {
        const char *set = SETS[round % set_count];
        if (round / set_count % 2 == 0) {
            restart_under_single_requests(set);
        } else {
            restart_under_a_batch(set);
        }
        settled(strcmp(set, "without") != 0);
    }
}
