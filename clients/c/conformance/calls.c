/* The calls `ping`, `csv` and `units`. */
#define _GNU_SOURCE
#include "runner.h"

static double inputs[SUITE_INPUTS * 3];

static int complain(const char *what, int error)
{
    fprintf(stderr, "%s: %s\n", what, factord_strerror(error));
    return 1;
}

/* Slots of the channel that batches go through. */
#define BATCH_SLOTS 256

/* Attaches, spinning or not. */
static int open_channel(factord_client **client, int idle, uint32_t slots)
{
    factord_options options = FACTORD_OPTIONS_DEFAULT;
    char why[FACTORD_WHY_LEN];
    options.name = "conformance";
    options.idle = idle;
    options.slot_count = slots;
    int error = factord_attach(client, &options, why, sizeof why);
    if (error != FACTORD_OK) fprintf(stderr, "%s\n", why);
    return error;
}

/* Times groups of round trips; the error of the first that fails. */
static int go(factord_client *client, uint16_t model, size_t count)
{
    static size_t next;
    uint64_t *groups_ns = suite_memory(count, sizeof *groups_ns);
    int error = FACTORD_OK;
    for (size_t group = 0; group < count && error == FACTORD_OK; group++) {
        uint64_t start = suite_now_ns();
        for (int i = 0; i < SUITE_GROUP && error == FACTORD_OK; i++) {
            factord_prediction answer;
            error = factord_predict(client, model, &inputs[3 * next], 3, PLENTY, &answer);
            next = (next + 1) % SUITE_INPUTS;
        }
        groups_ns[group] = suite_now_ns() - start;
    }
    qsort(groups_ns, count, sizeof *groups_ns, suite_ascending);
    if (error == FACTORD_OK && count > 0) {
        printf("p50_ns %.1f\n", (double)groups_ns[count / 2] / SUITE_GROUP);
    }
    free(groups_ns);
    return error;
}

static int many(factord_client *client, uint16_t model, size_t count)
{
    double *rows = suite_memory(3 * count, sizeof *rows);
    factord_prediction *answers = suite_memory(count, sizeof *answers);
    uint64_t spent = 1;
    int error = FACTORD_OK;
    for (size_t i = 0; i < 3 * count; i++) rows[i] = inputs[i % (3 * SUITE_INPUTS)];
    for (int i = 0; i < 2 && error == FACTORD_OK; i++) {
        uint64_t start = suite_now_ns();
        error = factord_predict_batch(client, model, rows, count, PLENTY, answers);
        spent = suite_now_ns() - start;
    }
    if (error == FACTORD_OK) printf("per_second %.0f\n", (double)count * 1e9 / (double)spent);
    free(rows);
    free(answers);
    return error;
}

int ping(void)
{
    factord_client *client;
    factord_client *batch_client;
    factord_model_row row;
    char line[64];
    if (open_channel(&client, FACTORD_IDLE_SPIN, 8) != FACTORD_OK) return 1;
    if (open_channel(&batch_client, FACTORD_IDLE_SPIN, BATCH_SLOTS) != FACTORD_OK) return 1;
    int error = factord_model(client, "regression", &row);
    if (error != FACTORD_OK) return complain("regression", error);
    for (size_t i = 0; i < SUITE_INPUTS; i++) suite_input(i, &inputs[3 * i]);
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (strncmp(line, "go ", 3) == 0) {
            error = go(client, row.id, strtoul(line + 3, NULL, 10));
        } else if (strncmp(line, "many ", 5) == 0) {
            error = many(batch_client, row.id, strtoul(line + 5, NULL, 10));
        } else {
            fprintf(stderr, "no such line: %s", line);
            return 2;
        }
        if (error != FACTORD_OK) return complain(line, error);
        fflush(stdout);
    }
    factord_close(batch_client);
    factord_close(client);
    return 0;
}

/* Predicts all rows with a model; every one must be answered. */
static int predict_all(factord_client *client, const char *name, const double *rows, size_t count,
                       factord_prediction *answers)
{
    factord_model_row row;
    int error = factord_model(client, name, &row);
    if (error == FACTORD_OK) {
        error = factord_predict_batch(client, row.id, rows, count, PLENTY, answers);
    }
    for (size_t i = 0; i < count && error == FACTORD_OK; i++) error = answers[i].error;
    return error;
}

int csv(const char *input, const char *output)
{
    factord_client *client;
    double *rows;
    size_t count = suite_read_csv(input, &rows);
    if (count == 0) {
        fprintf(stderr, "%s holds no rows\n", input);
        return 1;
    }
    if (open_channel(&client, FACTORD_IDLE_BACKOFF, BATCH_SLOTS) != FACTORD_OK) return 1;
    factord_prediction *rates = suite_memory(count, sizeof *rates);
    factord_prediction *classes = suite_memory(count, sizeof *classes);
    int error = predict_all(client, "regression", rows, count, rates);
    if (error == FACTORD_OK) error = predict_all(client, "classification", rows, count, classes);
    if (error != FACTORD_OK) return complain(input, error);
    FILE *file = fopen(output, "w");
    if (!file) {
        fprintf(stderr, "%s cannot be written\n", output);
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        fprintf(file, "%016llx %016llx %016llx\n", (unsigned long long)suite_bits(rates[i].y),
                (unsigned long long)suite_bits(classes[i].y),
                (unsigned long long)suite_bits(classes[i].second));
    }
    int unwritten = fclose(file);
    free(rates);
    free(classes);
    free(rows);
    factord_close(client);
    return unwritten != 0;
}

/* Request `index`, counted from 0: its key, and its features. */
static uint64_t request(uint64_t index, double x[3])
{
    suite_input(index, x);
    return index % 4 == 3 ? 0 : (index + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

/* Asks through the ring and locally, some in a batch too, and writes what answered. */
static int ask_units(factord_client *client, uint16_t model, uint64_t count, FILE *file)
{
    int error = factord_fetch(client, model, PLENTY);
    for (uint64_t index = 0; index < count && error == FACTORD_OK; index++) {
        double x[3];
        factord_prediction answers[3];
        uint64_t key = request(index, x);
        size_t asked = index % 499 == 0 ? 3 : 2;
        error = factord_predict_keyed(client, model, key, x, 3, PLENTY, &answers[0]);
        if (error != FACTORD_OK) break;
        error = factord_predict_local_keyed(client, model, key, x, 3, &answers[1]);
        if (error == FACTORD_OK && asked == 3) {
            error = factord_predict_batch_keyed(client, model, key, x, 1, PLENTY, &answers[2]);
        }
        for (size_t i = 0; i < asked && error == FACTORD_OK; i++) {
            error = answers[i].error;
            fprintf(file, "%u %u %016llx %016llx%c", answers[i].generation, answers[i].arm,
                    (unsigned long long)answers[i].fingerprint,
                    (unsigned long long)suite_bits(answers[i].y), i + 1 < asked ? ' ' : '\n');
        }
    }
    return error;
}

int units(const char *count, const char *output)
{
    factord_client *client;
    factord_model_row row;
    if (open_channel(&client, FACTORD_IDLE_BACKOFF, 64) != FACTORD_OK) return 1;
    FILE *file = fopen(output, "w");
    if (!file) {
        fprintf(stderr, "%s cannot be written\n", output);
        return 1;
    }
    int error = factord_model(client, "regression", &row);
    if (error == FACTORD_OK) error = ask_units(client, row.id, strtoull(count, NULL, 10), file);
    if (error != FACTORD_OK) complain("units", error);
    int unwritten = fclose(file);
    factord_close(client);
    return error != FACTORD_OK || unwritten != 0;
}
