/* Cases about a daemon that stands still, dies, comes back or changes a model. */
#define _GNU_SOURCE
#include "runner.h"

void deadline(void)
{
    factord_client *client = channel();
    uint16_t model = id_of(client, "regression");
    const struct suite_rows *rows = rows_of("regression", 3);
    factord_prediction answer;
    conduct("stop");
    uint64_t start = suite_now_ns();
    int error = factord_predict(client, model, row_x(rows, 0), 3, 50 * FACTORD_MS, &answer);
    same_error(error, FACTORD_ERROR_DEADLINE, "predict");
    took(start, 50 * FACTORD_MS, 5 * FACTORD_S);
    conduct("continue");
    predict_exact(client, model, rows, 1);
    nothing_left(client);
}

void engine_killed(void)
{
    factord_client *client = channel();
    uint16_t model = id_of(client, "regression");
    const struct suite_rows *rows = rows_of("regression", 3);
    factord_prediction first = predict_exact(client, model, rows, 0);
    factord_prediction answer;
    conduct("kill");
    uint64_t start = suite_now_ns();
    int error = factord_predict(client, model, row_x(rows, 1), 3, FACTORD_S, &answer);
    same_error(error, FACTORD_ERROR_NOT_CONNECTED, "predict");
    took(start, FACTORD_S, PLENTY);
    conduct("start");
    factord_prediction second = predict_exact(client, model, rows, 2);
    REQUIRE(second.epoch > first.epoch, "the epoch did not grow");
    conduct("stop");
    for (size_t i = 3; i < 8; i++) {
        uint64_t ticket;
        error = factord_submit(client, model, row_x(rows, i), 3, &ticket);
        same_error(error, FACTORD_OK, "submit");
    }
    conduct("kill");
    conduct("start");
    uint64_t last = 0;
    for (size_t i = 3; i < 8; i++) {
        uint64_t ticket = next_answer(client, &answer);
        exact(rows, i, &answer);
        REQUIRE(ticket > last, "out of order");
        REQUIRE(answer.epoch > second.epoch, "the epoch did not grow");
        last = ticket;
    }
    nothing_left(client);
}

#define ROWS 1000000
#define TRIES 10

/* One batch of golden rows over and over: all of them right; how many epochs answered. */
static int right_batch(factord_client *client, const struct suite_rows *rows, const double *inputs,
                       size_t count, uint64_t deadline_ns, factord_prediction *answers)
{
    uint16_t model = id_of(client, "regression");
    uint64_t epoch = 0;
    int epochs = 0;
    int error = factord_predict_batch(client, model, inputs, count, deadline_ns, answers);
    same_error(error, FACTORD_OK, "predict_batch");
    for (size_t i = 0; i < count; i++) {
        exact(rows, i % rows->count, &answers[i]);
        REQUIRE(answers[i].epoch >= epoch, "the epoch went back");
        epochs += answers[i].epoch > epoch;
        epoch = answers[i].epoch;
    }
    return epochs;
}

void batch_across_kill(void)
{
    static double inputs[3 * ROWS];
    static factord_prediction answers[ROWS];
    factord_client *client = channel();
    const struct suite_rows *rows = rows_of("regression", 3);
    bool across = false;
    for (size_t i = 0; i < ROWS; i++) {
        memcpy(&inputs[3 * i], row_x(rows, i % rows->count), 3 * sizeof *inputs);
    }
    for (int i = 0; i < TRIES && !across; i++) {
        conduct("restart-after 20000");
        across = right_batch(client, rows, inputs, ROWS, 3 * PLENTY, answers) > 1;
    }
    REQUIRE(across, "no kill fell into one of %d batches", TRIES);
    conduct("reset");
    uint16_t model = id_of(client, "regression");
    conduct("kill");
    uint64_t start = suite_now_ns();
    int error = factord_predict_batch(client, model, inputs, 1000, FACTORD_S / 2, answers);
    same_error(error, FACTORD_ERROR_NOT_CONNECTED, "predict_batch");
    took(start, FACTORD_S / 2, PLENTY);
    conduct("start");
    right_batch(client, rows, inputs, 1000, PLENTY, answers);
}

/* Swaps to a variant and looks until an answer names its generation, which is returned. */
static uint32_t swap_to(factord_client *client, const char *variant, const char *name,
                        uint32_t before, const struct suite_rows *rows_before)
{
    uint16_t model = id_of(client, "swing");
    const struct suite_rows *rows = rows_of(name, 3);
    uint32_t generation = swapped(variant);
    uint64_t end = suite_now_ns() + PLENTY;
    REQUIRE(generation > before, "generation %u after %u", (unsigned)generation, (unsigned)before);
    for (size_t i = 0;; i = (i + 1) % rows->count) {
        factord_prediction answer;
        int error = factord_predict(client, model, row_x(rows, i), 3, PLENTY, &answer);
        same_error(error, FACTORD_OK, "predict");
        if (answer.generation == generation) {
            exact(rows, i, &answer);
            break;
        }
        REQUIRE(answer.generation == before, "generation %u", (unsigned)answer.generation);
        exact(rows_before, i, &answer);
        REQUIRE(suite_now_ns() < end, "generation %u never answered", (unsigned)generation);
    }
    for (size_t i = 0; i < rows->count; i++) {
        predict_exact(client, model, rows, i);
        factord_prediction local = local_exact(client, model, rows, i);
        REQUIRE(local.generation == generation, "local generation %u", (unsigned)local.generation);
    }
    factord_model_row row;
    same_error(factord_model(client, "swing", &row), FACTORD_OK, "swing");
    REQUIRE(row.generation == generation, "the table says %u", (unsigned)row.generation);
    return generation;
}

void model_swapped(void)
{
    factord_client *client = channel();
    uint32_t first = swapped("a");
    uint32_t second = swap_to(client, "b", "swing-b", first, rows_of("swing-a", 3));
    swap_to(client, "a", "swing-a", second, rows_of("swing-b", 3));
}
