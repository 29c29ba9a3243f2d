/* The conformance runner of the C client. */
#define _GNU_SOURCE
#include "runner.h"

#include <setjmp.h>
#include <stdarg.h>

#define CHANNELS_MAX 64
#define FILES_MAX 16

static jmp_buf end_of_case;
static char why_it_failed[512];
static factord_client *channels[CHANNELS_MAX];
static struct suite_rows files[FILES_MAX];
static int file_count;

void fault(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(why_it_failed, sizeof why_it_failed, format, values);
    va_end(values);
    longjmp(end_of_case, 1);
}

factord_options usual_options(const char *socket)
{
    factord_options options = FACTORD_OPTIONS_DEFAULT;
    options.socket = socket;
    options.name = "conformance";
    options.slot_count = SUITE_SLOTS;
    /* The cores are shared with the daemon and with whatever else runs. */
    options.idle = FACTORD_IDLE_BACKOFF;
    return options;
}

int try_channel(factord_client **client, const char *socket, uint32_t features, uint32_t slots,
                char why[FACTORD_WHY_LEN])
{
    factord_options options = usual_options(socket);
    options.feature_count = features;
    options.slot_count = slots;
    return try_options(client, &options, why);
}

int try_options(factord_client **client, const factord_options *options, char why[FACTORD_WHY_LEN])
{
    why[0] = 0;
    int error = factord_attach(client, options, why, FACTORD_WHY_LEN);
    for (int i = 0; i < CHANNELS_MAX && error == FACTORD_OK; i++) {
        if (channels[i]) continue;
        channels[i] = *client;
        return FACTORD_OK;
    }
    return error;
}

static factord_client *patiently(const char *socket, uint32_t features, uint32_t slots)
{
    factord_client *client;
    char why[FACTORD_WHY_LEN];
    int error = FACTORD_ERROR_ATTACH_DEADLINE;
    for (int i = 0; i < SUITE_ATTACHES && error == FACTORD_ERROR_ATTACH_DEADLINE; i++) {
        error = try_channel(&client, socket, features, slots, why);
    }
    REQUIRE(error == FACTORD_OK, "attach: %s", why);
    return client;
}

factord_client *channel_at(const char *socket)
{
    return patiently(socket, 3, SUITE_SLOTS);
}

factord_client *channel_of(uint32_t features, uint32_t slots)
{
    return patiently(NULL, features, slots);
}

factord_client *channel(void)
{
    return channel_at(NULL);
}

void release(factord_client *client)
{
    for (int i = 0; i < CHANNELS_MAX; i++) {
        if (channels[i] == client) channels[i] = NULL;
    }
    factord_close(client);
}

void release_all(void)
{
    for (int i = 0; i < CHANNELS_MAX; i++) {
        factord_close(channels[i]);
        channels[i] = NULL;
    }
    while (file_count > 0) suite_free_rows(&files[--file_count]);
}

void conduct(const char *words)
{
    REQUIRE(suite_conduct(words, NULL, 0), "the conductor cannot %s", words);
}

const char *conduct_with(const char *verb, const char *word)
{
    static char said[256];
    char words[128];
    snprintf(words, sizeof words, "%s %s", verb, word);
    REQUIRE(suite_conduct(words, said, sizeof said), "the conductor cannot %s", words);
    return said;
}

const char *impostor(const char *name)
{
    return conduct_with("impostor", name);
}

uint32_t swapped(const char *variant)
{
    return (uint32_t)strtoul(conduct_with("swap", variant), NULL, 10);
}

static const struct suite_rows *read_rows(const char *name, size_t width, enum suite_form form)
{
    REQUIRE(file_count < FILES_MAX, "too many golden files for one case");
    REQUIRE(suite_read(&files[file_count], name, width, form), "%s.golden is not sound", name);
    return &files[file_count++];
}

const struct suite_rows *rows_of(const char *name, size_t width)
{
    return read_rows(name, width, SUITE_ROWS);
}

const struct suite_rows *bad_rows(void)
{
    return read_rows("bad", 3, SUITE_BAD);
}

const struct suite_rows *requests(void)
{
    return read_rows("divided", 3, SUITE_REQUESTS);
}

factord_model_row row_of_model(factord_client *client, const char *name)
{
    factord_model_row row;
    REQUIRE(factord_model(client, name, &row) == FACTORD_OK, "%s: not in the model table", name);
    return row;
}

uint16_t id_of(factord_client *client, const char *name)
{
    return row_of_model(client, name).id;
}

uint64_t fingerprint_of(factord_client *client, const char *name)
{
    factord_model_row row = row_of_model(client, name);
    return suite_fingerprint(row.sha256);
}

void exact(const struct suite_rows *rows, size_t row, const factord_prediction *answer)
{
    uint64_t y = suite_bits(answer->y);
    uint64_t second = suite_bits(answer->second);
    REQUIRE(answer->error == FACTORD_OK, "row %zu: %s", row, factord_strerror(answer->error));
    REQUIRE(y == rows->y[row] && second == rows->second[row],
            "row %zu: %016llx %016llx instead of %016llx %016llx", row, (unsigned long long)y,
            (unsigned long long)second, (unsigned long long)rows->y[row],
            (unsigned long long)rows->second[row]);
}

void of_version(const factord_prediction *answer, uint32_t generation, uint64_t arm,
                uint64_t fingerprint)
{
    REQUIRE(answer->generation == generation && answer->arm == arm &&
                answer->fingerprint == fingerprint,
            "generation %u, arm %u, fingerprint %016llx instead of %u, %llu, %016llx",
            (unsigned)answer->generation, (unsigned)answer->arm,
            (unsigned long long)answer->fingerprint, (unsigned)generation,
            (unsigned long long)arm, (unsigned long long)fingerprint);
}

void of_request(const struct suite_rows *rows, size_t row, const factord_prediction *answer)
{
    exact(rows, row, answer);
    of_version(answer, SUITE_IMAGE_GENERATION, rows->arm[row], rows->fingerprint[row]);
}

factord_prediction predict_exact(factord_client *client, uint16_t model,
                                 const struct suite_rows *rows, size_t row)
{
    factord_prediction answer;
    int error = factord_predict(client, model, row_x(rows, row), rows->width, PLENTY, &answer);
    REQUIRE(error == answer.error, "predict returns %d beside %d", error, answer.error);
    exact(rows, row, &answer);
    return answer;
}

factord_prediction local_exact(factord_client *client, uint16_t model,
                               const struct suite_rows *rows, size_t row)
{
    factord_prediction answer;
    int error = factord_predict_local(client, model, row_x(rows, row), rows->width, &answer);
    REQUIRE(error == answer.error, "predict_local returns %d beside %d", error, answer.error);
    exact(rows, row, &answer);
    return answer;
}

void same_error(int error, int expected, const char *what)
{
    REQUIRE(error == expected, "%s: `%s` instead of `%s`", what, factord_strerror(error),
            factord_strerror(expected));
}

void took(uint64_t start_ns, uint64_t least_ns, uint64_t most_ns)
{
    uint64_t spent = suite_now_ns() - start_ns;
    REQUIRE(spent >= least_ns && spent <= most_ns, "took %llu ns, not %llu to %llu",
            (unsigned long long)spent, (unsigned long long)least_ns,
            (unsigned long long)most_ns);
}

uint64_t next_answer(factord_client *client, factord_prediction *answer)
{
    uint64_t end = suite_now_ns() + PLENTY;
    for (;;) {
        uint64_t ticket;
        int got = factord_poll(client, &ticket, answer);
        if (got == 1) return ticket;
        /* It is coming back; requests under way are kept. */
        REQUIRE(got == 0 || got == FACTORD_ERROR_NOT_CONNECTED, "poll: %s", factord_strerror(got));
        REQUIRE(suite_now_ns() < end, "no answer within 10 s");
        if (got != 0) suite_sleep_ms(1);
    }
}

void nothing_left(factord_client *client)
{
    uint64_t ticket;
    factord_prediction answer;
    int got = factord_poll(client, &ticket, &answer);
    REQUIRE(got == 0, "poll says %d where nothing is left", got);
}

static const struct {
    const char *name;
    void (*run)(void);
} CASES[] = {
    {"attach", attach_case},
    {"wrong-abi", wrong_abi},
    {"golden-regression", golden_regression},
    {"golden-classification", golden_classification},
    {"bad-input", bad_input},
    {"unknown-model", unknown_model},
    {"width-mismatch", width_mismatch},
    {"back-pressure", back_pressure},
    {"pipelined-order", pipelined_order},
    {"deadline", deadline},
    {"engine-killed", engine_killed},
    {"batch-golden", batch_golden},
    {"batch-across-kill", batch_across_kill},
    {"model-swapped", model_swapped},
    {"local-equals-ring", local_equals_ring},
    {"wide", wide},
    {"refused-peer", refused_peer},
    {"golden-image", golden_image},
    {"half-made-region", half_made_region},
    {"hostile-regions", hostile_regions},
    {"hostile-answers", hostile_answers},
    {"identity", identity},
    {"forked", forked},
    {"untrusted", untrusted},
    {"backlog-full", backlog_full},
    {"reaped", reaped},
    {"attach-wait", attach_wait},
    {"pinned", pinned},
    {"unit-keys", unit_keys},
    {"second-channel", second_channel},
};

#define CASE_COUNT (sizeof CASES / sizeof *CASES)

static bool passes(size_t index)
{
    why_it_failed[0] = 0;
    if (setjmp(end_of_case) == 0) {
        conduct("reset");
        CASES[index].run();
    }
    release_all();
    return why_it_failed[0] == 0;
}

static int run_cases(int name_count, char **names)
{
    int passed = 0;
    int failed = 0;
    for (int i = 0; i < name_count; i++) {
        bool known = false;
        for (size_t j = 0; j < CASE_COUNT; j++) known |= strcmp(names[i], CASES[j].name) == 0;
        if (known) continue;
        fprintf(stderr, "no case %s\n", names[i]);
        return 1;
    }
    for (size_t index = 0; index < CASE_COUNT; index++) {
        bool wanted = name_count == 0;
        for (int i = 0; i < name_count; i++) wanted |= strcmp(names[i], CASES[index].name) == 0;
        if (!wanted) continue;
        if (passes(index)) {
            passed++;
            printf("%02zu %s ... ok\n", index + 1, CASES[index].name);
        } else {
            failed++;
            printf("%02zu %s ... FAILED: %s\n", index + 1, CASES[index].name, why_it_failed);
        }
        fflush(stdout);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}

int main(int count, char **words)
{
    if (count == 2 && strcmp(words[1], "ping") == 0) return ping();
    if (count == 2 && strcmp(words[1], "late") == 0) {
        return setjmp(end_of_case) == 0 ? late() : (fprintf(stderr, "%s\n", why_it_failed), 1);
    }
    if (count == 4 && strcmp(words[1], "csv") == 0) return csv(words[2], words[3]);
    if (count == 4 && strcmp(words[1], "units") == 0) return units(words[2], words[3]);
    return run_cases(count - 1, words + 1);
}
