/* Cases about what stands in regions: a golden image, and ones that lie. */
#define _GNU_SOURCE
#include "runner.h"

/* Of the golden image. */
#define IMAGE_ROWS 8
#define IMAGE_EPOCH 42
/* Rows of the epoch before, as the header of RESP says. */
#define EARLIER_ROWS 4
/* For what must not come. */
#define TENTH (100 * FACTORD_MS)

/* Room for the model table of every false daemon. */
#define TABLE_ROOM 16

/* A good row, for those who will not answer it. */
static const double ROW[3] = {0.5, 0.25, 0.125};

/* What this user may not have, or what is not what it says. */
static void not_fetched(factord_client *client, const char *what)
{
    same_error(factord_fetch(client, 0, TENTH), FACTORD_ERROR_NOT_FETCHED, what);
}

/* The golden image as a user sees it that may not evaluate locally. */
static void unentitled(const struct suite_rows *rows)
{
    factord_client *client = channel_at(impostor("unentitled"));
    not_fetched(client, "unentitled");
    for (size_t i = 0; i < IMAGE_ROWS; i++) local_exact(client, 0, rows, i);
}

void golden_image(void)
{
    static const uint32_t GENERATIONS[] = {SUITE_IMAGE_GENERATION, SUITE_IMAGE_GENERATION + 1};
    static const char *const NAMES[] = {"regression", "classification"};
    static const uint32_t KINDS[] = {FACTORD_LINEAR, FACTORD_LOGISTIC};
    factord_client *client = channel_at(impostor("good"));
    const struct suite_rows *rows = rows_of("image", 3);
    factord_model_row table[TABLE_ROOM];
    int count = factord_models(client, table, TABLE_ROOM);
    REQUIRE(count == 2, "%d models", count);
    for (int i = 0; i < 2; i++) {
        REQUIRE(table[i].id == i && strcmp(table[i].name, NAMES[i]) == 0, "row %d: %s", i,
                table[i].name);
        REQUIRE(table[i].kind == KINDS[i] && table[i].width == 3, "row %d: another shape", i);
        REQUIRE(table[i].generation == GENERATIONS[i], "row %d: another generation", i);
    }
    int cores[FACTORD_WORKER_COUNT_MAX];
    count = factord_worker_cores(client, cores);
    REQUIRE(count == 1 && cores[0] == 2, "%d workers, the first on CPU %d", count, cores[0]);
    double spent_ns = factord_ticks_to_ns(client, 10, 30);
    REQUIRE(spent_ns == 10.0, "20 ticks are %g ns", spent_ns);
    REQUIRE(rows->count == 2 * IMAGE_ROWS, "%zu rows", rows->count);
    for (size_t i = 0; i < rows->count; i++) {
        uint16_t model = (uint16_t)(i / IMAGE_ROWS);
        factord_prediction ring = predict_exact(client, model, rows, i);
        factord_prediction local = local_exact(client, model, rows, i);
        uint64_t fingerprint = suite_fingerprint(table[model].sha256);
        of_version(&ring, GENERATIONS[model], 0, fingerprint);
        of_version(&local, GENERATIONS[model], 0, fingerprint);
        REQUIRE(ring.epoch == IMAGE_EPOCH - (i < EARLIER_ROWS), "row %zu: epoch %llu", i,
                (unsigned long long)ring.epoch);
        REQUIRE(local.epoch == IMAGE_EPOCH, "row %zu: local epoch %llu", i,
                (unsigned long long)local.epoch);
    }
    unentitled(rows);
}

/* A ring that is full of answers before anything is asked. */
static void answers_ahead(void)
{
    factord_prediction answers[5] = {{.generation = 0}};
    const struct suite_rows *rows = rows_of("image", 3);
    factord_client *client = channel_at(impostor("good"));
    nothing_left(client);
    int error = factord_predict_batch(client, 0, rows->x, 4, PLENTY, answers);
    same_error(error, FACTORD_OK, "good");
    for (size_t i = 0; i < 4; i++) exact(rows, i, &answers[i]);
    REQUIRE(answers[4].generation == 0, "good: an answer that nobody asked for");
    nothing_left(client);
}

static void hostile_rings(void)
{
    factord_prediction answer;
    factord_client *client = channel_at(impostor("resp-echo"));
    int error = factord_predict(client, 0, ROW, 3, PLENTY, &answer);
    same_error(error, FACTORD_ERROR_ECHO_MISMATCH, "resp-echo");
    REQUIRE(isnan(answer.y) && isnan(answer.second), "resp-echo: a prediction");
    client = channel_at(impostor("resp-status"));
    /* The row that the rest of the answer is for. */
    const struct suite_rows *rows = rows_of("image", 3);
    error = factord_predict(client, 0, row_x(rows, 0), 3, PLENTY, &answer);
    REQUIRE(error < 0 && isnan(answer.y), "resp-status: an answer");
    client = channel_at(impostor("resp-ahead"));
    uint64_t start = suite_now_ns();
    error = factord_predict(client, 0, ROW, 3, TENTH, &answer);
    same_error(error, FACTORD_ERROR_DEADLINE, "resp-ahead");
    took(start, TENTH, PLENTY);
    client = channel_at(impostor("epoch-odd"));
    start = suite_now_ns();
    predict_exact(client, 0, rows, 0);
    took(start, 0, 5 * FACTORD_S);
}

/* Images of an arm that are not what was asked for: the ring has its answers. */
static void false_versions(void)
{
    static const char *const LYING[] = {"image-short", "image-long", "image-other",  "image-kind",
                                        "image-width", "image-form", "image-layout", "image-nan"};
    const struct suite_rows *rows = requests();
    for (size_t i = 0; i < sizeof LYING / sizeof *LYING; i++) {
        factord_client *client = channel_at(impostor(LYING[i]));
        factord_prediction answer;
        not_fetched(client, LYING[i]);
        int error =
            factord_predict_local_keyed(client, 0, rows->key[0], row_x(rows, 0), 3, &answer);
        same_error(error, FACTORD_OK, LYING[i]);
        of_request(rows, 0, &answer);
    }
}

void hostile_answers(void)
{
    factord_prediction answer;
    factord_model_row table[TABLE_ROOM];
    answers_ahead();
    hostile_rings();
    factord_client *client = channel_at(impostor("models-wild"));
    REQUIRE(factord_models(client, table, TABLE_ROOM) == 10, "models-wild: not ten models");
    for (uint16_t model = 0; model < 10; model++) {
        int error = factord_predict_local(client, model, ROW, 3, &answer);
        /* What cannot be evaluated here is asked for, and that daemon says nothing. */
        REQUIRE(error < 0 && isnan(answer.y), "models-wild: model %d answers", model);
    }
    client = channel_at(impostor("models-torn"));
    uint64_t start = suite_now_ns();
    REQUIRE(factord_predict_local(client, 0, ROW, 3, &answer) < 0, "models-torn: an answer");
    took(start, 0, 5 * FACTORD_S);
    client = channel_at(impostor("models-check"));
    int error = factord_predict_local(client, 0, ROW, 3, &answer);
    same_error(error, FACTORD_ERROR_UNKNOWN_MODEL, "models-check");
    client = channel_at(impostor("status-wild"));
    int count = factord_models(client, table, TABLE_ROOM);
    REQUIRE(count == 1, "status-wild: %d models", count);
    REQUIRE(table[0].id == 2 && strcmp(table[0].name, "h") == 0, "status-wild: %s has number %d",
            table[0].name, table[0].id);
    REQUIRE(table[0].kind == 9 && table[0].width == 3 && table[0].generation == 1,
            "status-wild: kind %u, width %u", (unsigned)table[0].kind, (unsigned)table[0].width);
    REQUIRE(factord_predict_local(client, 2, ROW, 3, &answer) < 0, "status-wild: an answer");
    start = suite_now_ns();
    char why[FACTORD_WHY_LEN];
    error = try_channel(&client, impostor("status-odd"), 3, SUITE_SLOTS, why);
    same_error(error, FACTORD_ERROR_REGION, "status-odd");
    took(start, 0, 5 * FACTORD_S);
    false_versions();
}
