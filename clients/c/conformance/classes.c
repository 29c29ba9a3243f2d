/* The case about models of the other class than the channel's. */
#define _GNU_SOURCE
#include "runner.h"

enum { WIDTH = 1000, OTHERS = 15, ROWS = 100 };

static const char *const NAMES[] = {"wide", "wide-logistic"};

static factord_client *wide_channel(int heavy)
{
    factord_client *client;
    char why[FACTORD_WHY_LEN];
    factord_options options = usual_options(NULL);
    int error = FACTORD_ERROR_ATTACH_DEADLINE;
    options.feature_count = WIDTH;
    options.slot_count = 16;
    options.heavy = heavy;
    for (int i = 0; i < SUITE_ATTACHES && error == FACTORD_ERROR_ATTACH_DEADLINE; i++) {
        error = try_options(&client, &options, why);
    }
    same_error(error, FACTORD_OK, "attach");
    return client;
}

static void right(factord_client *client)
{
    for (int which = 0; which < 2; which++) {
        uint16_t model = id_of(client, NAMES[which]);
        const struct suite_rows *rows = rows_of(NAMES[which], WIDTH);
        for (size_t i = 0; i < rows->count; i++) predict_exact(client, model, rows, i);
    }
}

static void batch(factord_client *client, uint16_t model, const struct suite_rows *rows)
{
    static double inputs[ROWS * WIDTH];
    static factord_prediction answers[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        memcpy(inputs + i * WIDTH, row_x(rows, i % rows->count), WIDTH * sizeof *inputs);
    }
    int error = factord_predict_batch(client, model, inputs, ROWS, PLENTY, answers);
    same_error(error, FACTORD_OK, "predict_batch");
    for (size_t i = 0; i < ROWS; i++) exact(rows, i % rows->count, &answers[i]);
}

void second_channel(void)
{
    factord_client *client = wide_channel(0);
    factord_client *others[OTHERS];
    factord_prediction answer;
    right(client);
    release(client);
    if (strcmp(conduct_with("classes", ""), "-") == 0) return;
    client = wide_channel(0);
    for (int i = 0; i < OTHERS; i++) others[i] = channel();
    uint16_t light = id_of(client, NAMES[0]);
    uint16_t heavy = id_of(client, NAMES[1]);
    const struct suite_rows *light_rows = rows_of(NAMES[0], WIDTH);
    const struct suite_rows *rows = rows_of(NAMES[1], WIDTH);
    for (int i = 0; i < 3; i++) {
        int error = factord_predict(client, heavy, row_x(rows, 0), WIDTH, PLENTY, &answer);
        same_error(error, FACTORD_ERROR_WRONG_CLASS, "without room for a second channel");
        predict_exact(client, light, light_rows, 0);
    }
    for (int i = 0; i < OTHERS; i++) release(others[i]);
    uint64_t end = suite_now_ns() + 5 * FACTORD_S;
    while (factord_predict(client, heavy, row_x(rows, 0), WIDTH, PLENTY, &answer) ==
           FACTORD_ERROR_WRONG_CLASS) {
        REQUIRE(suite_now_ns() < end, "no second channel where there is room");
        suite_sleep_ms(10);
    }
    right(client);
    batch(client, heavy, rows);
    conduct("restart-after 500");
    in_order(client, NAMES, WIDTH, 2000);
    right(wide_channel(1));
}
