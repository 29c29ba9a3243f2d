/* Cases about answers of a daemon that lives. */
#define _GNU_SOURCE
#include "runner.h"

static const double ROW[3] = {0.5, 0.25, 0.125};

/* A good row is answered, whatever went before. */
static void still_answers(factord_client *client)
{
    predict_exact(client, id_of(client, "regression"), rows_of("regression", 3), 0);
}

static void golden(const char *name)
{
    factord_client *client = channel();
    uint16_t model = id_of(client, name);
    const struct suite_rows *rows = rows_of(name, 3);
    for (size_t i = 0; i < rows->count; i++) {
        factord_prediction answer = predict_exact(client, model, rows, i);
        REQUIRE(answer.generation >= 1, "generation 0");
    }
}

void golden_regression(void)
{
    golden("regression");
}

void golden_classification(void)
{
    golden("classification");
}

static const char *const BOTH[] = {"regression", "classification"};

void bad_input(void)
{
    factord_client *client = channel();
    const struct suite_rows *bad = bad_rows();
    for (int which = 0; which < 2; which++) {
        uint16_t model = id_of(client, BOTH[which]);
        for (size_t i = 0; i < bad->count; i++) {
            factord_prediction answer;
            int error = factord_predict(client, model, row_x(bad, i), 3, PLENTY, &answer);
            same_error(error, FACTORD_ERROR_BAD_INPUT, BOTH[which]);
            REQUIRE(isnan(answer.y) && isnan(answer.second), "a bad row has a prediction");
        }
    }
    still_answers(client);
}

void unknown_model(void)
{
    factord_client *client = channel();
    factord_prediction answer;
    int error = factord_predict(client, SUITE_NO_MODEL, ROW, 3, PLENTY, &answer);
    same_error(error, FACTORD_ERROR_UNKNOWN_MODEL, "predict");
    still_answers(client);
}

void width_mismatch(void)
{
    factord_client *client = channel();
    factord_prediction answer;
    uint64_t ticket;
    uint16_t narrow = id_of(client, "regression");
    int error = factord_predict(client, id_of(client, "wide"), ROW, 3, PLENTY, &answer);
    same_error(error, FACTORD_ERROR_WIDTH_MISMATCH, "a narrow row");
    error = factord_predict(client, narrow, ROW, 2, PLENTY, &answer);
    same_error(error, FACTORD_ERROR_WIDTH_MISMATCH, "predict of two");
    error = factord_submit(client, narrow, ROW, 2, &ticket);
    same_error(error, FACTORD_ERROR_WIDTH_MISMATCH, "submit of two");
    still_answers(client);
    nothing_left(client);
}

void back_pressure(void)
{
    factord_client *client = channel();
    uint16_t model = id_of(client, "regression");
    const struct suite_rows *rows = rows_of("regression", 3);
    uint64_t tickets[SUITE_SLOTS + 1];
    factord_prediction answer;
    conduct("stop");
    for (size_t i = 0; i < SUITE_SLOTS; i++) {
        int error = factord_submit(client, model, row_x(rows, i), 3, &tickets[i]);
        same_error(error, FACTORD_OK, "submit");
    }
    for (int i = 0; i < 2; i++) {
        int error = factord_submit(client, model, ROW, 3, &tickets[SUITE_SLOTS]);
        same_error(error, FACTORD_ERROR_BACK_PRESSURE, "the 65th");
    }
    conduct("continue");
    for (size_t i = 0; i <= SUITE_SLOTS; i++) {
        if (i == SUITE_SLOTS) {
            int error = factord_submit(client, model, row_x(rows, i), 3, &tickets[i]);
            same_error(error, FACTORD_OK, "submit");
        }
        REQUIRE(next_answer(client, &answer) == tickets[i], "answer %zu is out of order", i);
        exact(rows, i, &answer);
    }
}

void in_order(factord_client *client, const char *const names[2], size_t width, size_t count)
{
    enum { COUNT_MAX = 10000 };
    const uint16_t models[] = {id_of(client, names[0]), id_of(client, names[1])};
    const struct suite_rows *const rows[] = {rows_of(names[0], width), rows_of(names[1], width)};
    static uint64_t tickets[COUNT_MAX];
    size_t submitted = 0;
    REQUIRE(count <= COUNT_MAX, "more requests than there is room for");
    for (size_t taken = 0; taken < count; taken++) {
        factord_prediction answer;
        while (submitted < count && submitted - taken < factord_slot_count(client)) {
            const struct suite_rows *of = rows[submitted % 2];
            const double *x = row_x(of, submitted % of->count);
            int error =
                factord_submit(client, models[submitted % 2], x, width, &tickets[submitted]);
            /* It is coming back. */
            if (error == FACTORD_ERROR_NOT_CONNECTED && submitted > taken) break;
            if (error == FACTORD_ERROR_NOT_CONNECTED) continue;
            same_error(error, FACTORD_OK, "submit");
            submitted++;
        }
        REQUIRE(next_answer(client, &answer) == tickets[taken], "answer %zu is out of order", taken);
        exact(rows[taken % 2], taken % rows[taken % 2]->count, &answer);
    }
    nothing_left(client);
}

void pipelined_order(void)
{
    in_order(channel(), BOTH, 3, 10000);
}

void batch_golden(void)
{
    static factord_prediction answers[4096];
    static double inputs[3 * 4096];
    factord_client *client = channel();
    uint16_t model = id_of(client, "regression");
    const struct suite_rows *rows = rows_of("regression", 3);
    const struct suite_rows *bad = bad_rows();
    size_t count = rows->count + bad->count;
    REQUIRE(count <= 4096, "more rows than there is room for");
    memcpy(inputs, rows->x, 3 * rows->count * sizeof *inputs);
    memcpy(inputs + 3 * rows->count, bad->x, 3 * bad->count * sizeof *inputs);
    int error = factord_predict_batch(client, model, inputs, count, PLENTY, answers);
    same_error(error, FACTORD_OK, "predict_batch");
    for (size_t i = 0; i < rows->count; i++) exact(rows, i, &answers[i]);
    for (size_t i = rows->count; i < count; i++) {
        same_error(answers[i].error, FACTORD_ERROR_BAD_INPUT, "a bad row");
    }
    error = factord_predict_batch(client, model, NULL, 0, 0, NULL);
    same_error(error, FACTORD_OK, "an empty batch");
}

void local_equals_ring(void)
{
    factord_client *client = channel();
    const struct suite_rows *bad = bad_rows();
    factord_prediction answer;
    for (int which = 0; which < 2; which++) {
        uint16_t model = id_of(client, BOTH[which]);
        uint64_t fingerprint = fingerprint_of(client, BOTH[which]);
        const struct suite_rows *rows = rows_of(BOTH[which], 3);
        for (size_t i = 0; i < rows->count; i++) {
            factord_prediction ring = predict_exact(client, model, rows, i);
            factord_prediction local = local_exact(client, model, rows, i);
            of_version(&ring, ring.generation, 0, fingerprint);
            of_version(&local, ring.generation, 0, fingerprint);
        }
        for (size_t i = 0; i < bad->count; i++) {
            int error = factord_predict_local(client, model, row_x(bad, i), 3, &answer);
            same_error(error, FACTORD_ERROR_BAD_INPUT, BOTH[which]);
        }
    }
    int error = factord_predict_local(client, SUITE_NO_MODEL, ROW, 3, &answer);
    same_error(error, FACTORD_ERROR_UNKNOWN_MODEL, "predict_local");
}

void wide(void)
{
    enum { WIDTH = 1000 };
    static const char *const NAMES[] = {"wide", "wide-logistic"};
    static const double ZEROS[WIDTH];
    factord_client *client = channel_of(WIDTH, 16);
    const struct suite_rows *rows[2];
    factord_prediction answer;
    for (int which = 0; which < 2; which++) {
        uint16_t model = id_of(client, NAMES[which]);
        uint64_t fingerprint = fingerprint_of(client, NAMES[which]);
        rows[which] = rows_of(NAMES[which], WIDTH);
        same_error(factord_fetch(client, model, PLENTY), FACTORD_OK, "fetch");
        for (size_t i = 0; i < rows[which]->count; i++) {
            factord_prediction ring = predict_exact(client, model, rows[which], i);
            factord_prediction local = local_exact(client, model, rows[which], i);
            of_version(&ring, ring.generation, 0, fingerprint);
            of_version(&local, ring.generation, 0, fingerprint);
        }
    }
    int error = factord_predict(client, id_of(client, "regression"), ZEROS, WIDTH, PLENTY, &answer);
    same_error(error, FACTORD_ERROR_WIDTH_MISMATCH, "a wide row");
    client = channel();
    for (int which = 0; which < 2; which++) {
        uint16_t model = id_of(client, NAMES[which]);
        error = factord_predict_local(client, model, row_x(rows[which], 0), WIDTH, &answer);
        if (error != FACTORD_ERROR_NOT_FETCHED) exact(rows[which], 0, &answer);
        same_error(factord_fetch(client, model, PLENTY), FACTORD_OK, "fetch");
        local_exact(client, model, rows[which], 0);
    }
}
