/* Cases about the versions of one name: pinned, and divided by unit keys. */
#define _GNU_SOURCE
#include "runner.h"

/* Predicts until an answer is of a generation, or, where that is 0, until there is one: a worker
 * adopts a version between two sweeps. */
static void answered(factord_client *client, uint16_t model, const double *x, uint32_t generation)
{
    uint64_t end = suite_now_ns() + PLENTY;
    for (;;) {
        factord_prediction answer;
        int error = factord_predict(client, model, x, 3, PLENTY, &answer);
        if (error == FACTORD_OK && (generation == 0 || answer.generation == generation)) return;
        if (error != FACTORD_ERROR_OTHER_VERSION) same_error(error, FACTORD_OK, "predict");
        REQUIRE(suite_now_ns() < end, "the version never answered");
    }
}

static void right(factord_client *client, uint16_t model, const struct suite_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        predict_exact(client, model, rows, i);
        local_exact(client, model, rows, i);
    }
}

static void other_version(factord_client *client, uint16_t model, const double *x)
{
    factord_prediction answer;
    int error = factord_predict(client, model, x, 3, PLENTY, &answer);
    same_error(error, FACTORD_ERROR_OTHER_VERSION, "predict");
    REQUIRE(isnan(answer.y) && isnan(answer.second), "another version has a prediction");
    error = factord_predict_local(client, model, x, 3, &answer);
    same_error(error, FACTORD_ERROR_OTHER_VERSION, "predict_local");
    REQUIRE(isnan(answer.y) && isnan(answer.second), "another version has a prediction");
}

void pinned(void)
{
    static uint8_t sevens[32];
    static factord_prediction answers[4096];
    factord_client *client = channel();
    factord_prediction answer;
    uint16_t pin;
    uint16_t never;
    swapped("a");
    const struct suite_rows *a = rows_of("swing-a", 3);
    const struct suite_rows *b = rows_of("swing-b", 3);
    const struct suite_rows *bad = bad_rows();
    factord_model_row swing = row_of_model(client, "swing");
    same_error(factord_pin(client, "swing", swing.sha256, &pin), FACTORD_OK, "pin");
    REQUIRE(pin != swing.id, "the pinned number is that of the name");
    int error = factord_pin(client, "no-such-model", swing.sha256, &never);
    same_error(error, FACTORD_ERROR_UNKNOWN_MODEL, "a name of nobody");
    answered(client, pin, row_x(a, 0), 0);
    right(client, pin, a);
    answered(client, swing.id, row_x(b, 0), swapped("b"));
    other_version(client, pin, row_x(b, 0));
    REQUIRE(b->count <= 4096, "more rows than there is room for");
    error = factord_predict_batch(client, pin, b->x, b->count, PLENTY, answers);
    same_error(error, FACTORD_OK, "predict_batch");
    for (size_t i = 0; i < b->count; i++) {
        same_error(answers[i].error, FACTORD_ERROR_OTHER_VERSION, "a row of a batch");
    }
    for (size_t i = 0; i < bad->count; i++) {
        error = factord_predict(client, pin, row_x(bad, i), 3, PLENTY, &answer);
        same_error(error, FACTORD_ERROR_BAD_INPUT, "a bad row");
    }
    right(client, swing.id, b);
    swapped("a");
    answered(client, pin, row_x(a, 0), 0);
    right(client, pin, a);
    memset(sevens, 7, sizeof sevens);
    same_error(factord_pin(client, "swing", sevens, &never), FACTORD_OK, "pin");
    other_version(client, never, row_x(a, 0));
}

void unit_keys(void)
{
    factord_client *client = channel_at(impostor("divided"));
    const struct suite_rows *rows = requests();
    factord_prediction answer;
    uint16_t pin;
    for (size_t i = 0; i < rows->count; i++) {
        int error = factord_predict_keyed(client, 0, rows->key[i], row_x(rows, i), 3, PLENTY,
                                          &answer);
        same_error(error, FACTORD_OK, "predict");
        of_request(rows, i, &answer);
    }
    factord_model_row regression = row_of_model(client, "regression");
    int error = factord_pin(client, "regression", regression.sha256, &pin);
    same_error(error, FACTORD_ERROR_DIVIDED, "pin");
    same_error(factord_fetch(client, 0, PLENTY), FACTORD_OK, "fetch");
    for (size_t i = 0; i < rows->count; i++) {
        error = factord_predict_local_keyed(client, 0, rows->key[i], row_x(rows, i), 3, &answer);
        same_error(error, FACTORD_OK, "predict_local");
        of_request(rows, i, &answer);
    }
}
