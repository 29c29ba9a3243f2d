/* The C runner's own ground: a failed case jumps out, and its channels are closed behind it. */
#ifndef RUNNER_H
#define RUNNER_H

#include "suite.h"

#include <factord.h>
#include <stdbool.h>

/* For everything that must come, on a busy machine too. */
#define PLENTY (10 * FACTORD_S)

/* Ends the case. */
__attribute__((format(printf, 1, 2), noreturn)) void fault(const char *format, ...);

#define REQUIRE(condition, ...)                  \
    do {                                         \
        if (!(condition)) fault(__VA_ARGS__);    \
    } while (0)

/* Of a channel of 3 features and 64 slots at a socket, or at the daemon. */
factord_options usual_options(const char *socket);
/* Attaches, and keeps the channel in mind; its error, and the sentence in `why`. */
int try_options(factord_client **client, const factord_options *options, char why[FACTORD_WHY_LEN]);
int try_channel(factord_client **client, const char *socket, uint32_t features, uint32_t slots,
                char why[FACTORD_WHY_LEN]);
/* A channel of 3 features and 64 slots at the daemon, or at a socket, or of another shape at the
 * daemon; tried again when the daemon did not get a word in edgeways within its second. */
factord_client *channel(void);
factord_client *channel_at(const char *socket);
factord_client *channel_of(uint32_t features, uint32_t slots);
void release(factord_client *client);
void release_all(void);

void conduct(const char *words);
/* Puts a variant of `swing` in place; its generation. */
uint32_t swapped(const char *variant);
/* With a word behind the verb; what the conductor says behind `ok`, until the next call. */
const char *conduct_with(const char *verb, const char *word);
/* Starts a false daemon; its socket. */
const char *impostor(const char *name);
/* Rows of a golden file; freed when the case ends. */
const struct suite_rows *rows_of(const char *name, size_t width);
const struct suite_rows *bad_rows(void);
/* The requests of the image `divided`. */
const struct suite_rows *requests(void);
uint16_t id_of(factord_client *client, const char *name);
/* A row of the model table, which has one of this name. */
factord_model_row row_of_model(factord_client *client, const char *name);
/* Of the SHA-256 that the model table has for a name. */
uint64_t fingerprint_of(factord_client *client, const char *name);

static inline const double *row_x(const struct suite_rows *rows, size_t row)
{
    return rows->x + row * rows->width;
}

/* Fails unless an answer has the bits of a row. */
void exact(const struct suite_rows *rows, size_t row, const factord_prediction *answer);
/* Fails unless an answer is of this version. */
void of_version(const factord_prediction *answer, uint32_t generation, uint64_t arm,
                uint64_t fingerprint);
/* Fails unless an answer is that of a request of the image `divided`. */
void of_request(const struct suite_rows *rows, size_t row, const factord_prediction *answer);
/* Predicts a row with plenty of time; the answer has its bits. */
factord_prediction predict_exact(factord_client *client, uint16_t model,
                                 const struct suite_rows *rows, size_t row);
factord_prediction local_exact(factord_client *client, uint16_t model,
                               const struct suite_rows *rows, size_t row);
/* Fails unless the error is this very one. */
void same_error(int error, int expected, const char *what);
/* Fails unless so much time has passed since `start_ns`, and no more than that. */
void took(uint64_t start_ns, uint64_t least_ns, uint64_t most_ns);
/* Takes the next answer, which must come; its ticket. */
uint64_t next_answer(factord_client *client, factord_prediction *answer);
/* So many requests, rows of two models by turns, with as many under way as there are slots. */
void in_order(factord_client *client, const char *const names[2], size_t width, size_t count);
/* Fails when there is an answer. */
void nothing_left(factord_client *client);

/* The cases, in order. */
void attach_case(void);
void wrong_abi(void);
void golden_regression(void);
void golden_classification(void);
void bad_input(void);
void unknown_model(void);
void width_mismatch(void);
void back_pressure(void);
void pipelined_order(void);
void deadline(void);
void engine_killed(void);
void batch_golden(void);
void batch_across_kill(void);
void model_swapped(void);
void local_equals_ring(void);
void wide(void);
void refused_peer(void);
void golden_image(void);
void half_made_region(void);
void hostile_regions(void);
void hostile_answers(void);
void identity(void);
void forked(void);
void untrusted(void);
void backlog_full(void);
void reaped(void);
void attach_wait(void);
void pinned(void);
void unit_keys(void);
void second_channel(void);

/* The other calls of a runner. */
int ping(void);
int late(void);
int csv(const char *input, const char *output);
int units(const char *count, const char *output);

#endif
