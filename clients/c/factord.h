/* The C client of factord: predictions of small models through shared memory.
 *
 *     factord_client *client;
 *     char why[FACTORD_WHY_LEN];
 *     if (factord_attach(&client, NULL, why, sizeof why) != FACTORD_OK) { puts(why); return 1; }
 *     double x[3] = {0.5, 0.2, 0.3};
 *     factord_prediction answer;
 *     int error = factord_predict(client, 0, x, 3, 10 * FACTORD_MS, &answer);
 *
 * Attach once, then predict. After factord_attach no call allocates, locks, logs or makes a system
 * call as long as the engine lives (but for an idle strategy that yields or sleeps, names that are new
 * to the client, parameters that factord_predict_local or factord_fetch brings here, and the second
 * channel, if one is needed). When the engine
 * dies, the client attaches again by itself and publishes its unanswered requests once more: a
 * caller sees an error only past its own deadline. Every answer is delivered once, in the order of
 * submission, and is checked to be for the words that were submitted.
 *
 * A model's number is the client's own handle: it is given to a name when the client first sees it,
 * and stays for the client's life, whatever engine it is attached to and wherever that has the name.
 * Whenever names come or go, also by a restart, a name is looked up again before its next request, and
 * what was under way goes to the model of the same name or says UNKNOWN_MODEL. 0 is always
 * `regression` and 1 `classification`.
 *
 * An answer names the version that gave it: the fingerprint of its artifact, the arm where several
 * versions share a name's requests, and the generation of what serves the name. A unit key is a word
 * of the caller's (a symbol, an order, a strategy), 0 for none: all requests of one key go to the same
 * arm. Without a key the features choose.
 *
 * A client whose request meets a model of the other class, light or heavy, attaches a second channel
 * by itself, as it comes back to an engine: step by step, within the calls' deadlines, with the same
 * options. It counts as any channel. Answers keep the order of submission over both, so that what was
 * submitted behind a costly request is polled behind it: where that matters, use two clients. A
 * request goes over when the client next polls or waits. Where the daemon grants no second channel,
 * the answer is WRONG_CLASS, and a second later the client may ask again.
 *
 * Functions return FACTORD_OK, a count, or a negative code of enum factord_error; errno carries
 * nothing. A client is for one thread at a time; several clients are independent. A forked child
 * may close its parent's client and attach one of its own, in either order, and do nothing else with
 * its parent's: the rings are not there.
 *
 * Build the source with -ffp-contract=off and never with -ffast-math: the bits of
 * factord_predict_local are those of the ring. The Makefile does so. On x86-64 and AArch64 they do not
 * depend on the rounding, FTZ, DAZ or traps that the program, or a library in it, has set in the
 * calling thread; these stand again afterwards. On other processors they do. */
#ifndef FACTORD_H
#define FACTORD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header, as text and as numbers; factord_version says that of the library. */
#define FACTORD_VERSION "0.1.0"
#define FACTORD_VERSION_MAJOR 0
#define FACTORD_VERSION_MINOR 1
#define FACTORD_VERSION_PATCH 0

/* Most features of a request, slots of a ring, outputs of a response, models of a daemon, versions
 * that share a name's requests, and workers of a daemon. */
#define FACTORD_FEATURE_COUNT_MAX 1024
#define FACTORD_SLOT_COUNT_MAX 4096
#define FACTORD_OUTPUT_COUNT_MAX 64
#define FACTORD_MODEL_COUNT_MAX 4096
#define FACTORD_ARM_COUNT_MAX 4
#define FACTORD_WORKER_COUNT_MAX 16
/* Bytes of a model's name, without the final NUL. */
#define FACTORD_NAME_LEN 64
/* A buffer of this many bytes holds every sentence of factord_attach. */
#define FACTORD_WHY_LEN 384

/* Units of a deadline, which is in nanoseconds from the call. */
#define FACTORD_US UINT64_C(1000)
#define FACTORD_MS UINT64_C(1000000)
#define FACTORD_S UINT64_C(1000000000)

/* What can go wrong; factord_strerror says it in words. */
enum factord_error {
    FACTORD_OK = 0,

    /* Of a request. */
    FACTORD_ERROR_BAD_INPUT = -1,
    FACTORD_ERROR_UNKNOWN_MODEL = -2,
    FACTORD_ERROR_WIDTH_MISMATCH = -3,
    FACTORD_ERROR_BACK_PRESSURE = -4,
    FACTORD_ERROR_DEADLINE = -5,
    FACTORD_ERROR_NOT_CONNECTED = -6,
    FACTORD_ERROR_ECHO_MISMATCH = -7,
    FACTORD_ERROR_WRONG_CLASS = -8,
    FACTORD_ERROR_OTHER_VERSION = -9,
    FACTORD_ERROR_NOT_FETCHED = -10,

    /* Of a name. */
    FACTORD_ERROR_DIVIDED = -11,
    FACTORD_ERROR_TOO_MANY_NAMES = -12,

    /* Of factord_attach. */
    FACTORD_ERROR_UNREACHABLE = -16,
    FACTORD_ERROR_ABI = -17,
    FACTORD_ERROR_PROTOCOL = -18,
    FACTORD_ERROR_REGION = -19,
    FACTORD_ERROR_ATTACH_DEADLINE = -20,
    FACTORD_ERROR_OPTIONS = -21,
    FACTORD_ERROR_SYSTEM = -22,
    /* Below /tmp: the socket's path, or who listens there, may be a stranger's. */
    FACTORD_ERROR_UNTRUSTED = -23,

    /* The daemon's refusals. */
    FACTORD_ERROR_REFUSED_GREETING = -32,
    FACTORD_ERROR_REFUSED_GEOMETRY = -33,
    FACTORD_ERROR_REFUSED_CHANNEL_QUOTA = -34,
    FACTORD_ERROR_REFUSED_BYTE_QUOTA = -35,
    FACTORD_ERROR_REFUSED_NO_MEMORY = -36,
    FACTORD_ERROR_REFUSED_NOT_ALLOWED = -37,
    FACTORD_ERROR_REFUSED_SEALED = -38,
    FACTORD_ERROR_REFUSED_BUSY = -39,
    FACTORD_ERROR_REFUSED_OTHER = -40,
    FACTORD_ERROR_REFUSED_NOT_PERMITTED = -41,
    FACTORD_ERROR_REFUSED_TOO_MANY = -42,
    FACTORD_ERROR_REFUSED_NO_SUCH_CLASS = -43,
    FACTORD_ERROR_REFUSED_OUTPUTS = -44
};

/* What a waiting call does between two looks at shared memory. */
enum factord_idle {
    /* Pauses the pipeline: the fastest on a core of one's own. */
    FACTORD_IDLE_SPIN = 0,
    /* Looks again at once; the polling itself then steals the line it waits for. */
    FACTORD_IDLE_NOOP = 1,
    /* Gives the core away after each look. */
    FACTORD_IDLE_YIELD = 2,
    /* Spins, then yields, then sleeps 100 us at a time. */
    FACTORD_IDLE_BACKOFF = 3
};

/* What a model computes; a newer daemon may serve kinds that are not here. The ring answers for them
 * as for any other. */
enum factord_kind { FACTORD_LINEAR = 1, FACTORD_LOGISTIC = 2 };

/* How to attach; start from FACTORD_OPTIONS_DEFAULT. */
typedef struct factord_options {
    /* The control socket. NULL: FACTORD_SOCKET, $XDG_RUNTIME_DIR/factord/factord.sock,
     * /run/factord/factord.sock for root, else /tmp/factord-UID/factord.sock. */
    const char *socket;
    /* Shown to operators; at most 31 bytes are kept. NULL: "client". */
    const char *name;
    /* Features of every request of this client, 1 to 1,024. */
    uint32_t feature_count;
    /* Slots of each ring, a power of two up to 4,096: the most requests under way. Few make a single
     * round trip faster, many make a batch faster. */
    uint32_t slot_count;
    /* Outputs that a response has room for, 2 to 64: as many as the widest of the models gives. A
     * prediction holds the first two. */
    uint32_t output_count;
    /* A code of enum factord_idle. */
    int idle;
    /* 1 asks for a channel to the workers of costly models, which answer nothing else; else 0. Either
     * way a model of the other class is reached over a second channel: see above. */
    int heavy;
    /* 1 keeps factord_attach from saying on stderr, once in a process, that the calling thread can only
     * run on CPUs that workers poll; else 0. FACTORD_QUIET=1 does the same. */
    int quiet;
    /* The user that the daemon may run as, besides root and this process's own user, where the socket
     * lies below /tmp, /var/tmp or /dev/shm. 0: FACTORD_DAEMON_UID, else nobody. */
    uint32_t daemon_uid;
    /* Nanoseconds in which factord_attach tries again while no daemon is there, or it is busy or does
     * not answer. 0: one try. */
    uint64_t wait_ns;
} factord_options;

#define FACTORD_OPTIONS_DEFAULT {NULL, NULL, 3, 8, 2, FACTORD_IDLE_SPIN, 0, 0, 0, 0}

/* One answer. With an error, y and second are NaN. */
typedef struct factord_prediction {
    /* Linear: the prediction. Logistic: the probability of class 1. */
    double y;
    /* Linear: 0. Logistic: the class, 0 or 1. */
    double second;
    /* The engine that answered: nanoseconds since 1970 at its start. */
    uint64_t epoch;
    /* TSC when the engine saw the request and when it was about to publish the answer; 0 unless
     * factord_stamp asked for it. */
    uint64_t t_received;
    uint64_t t_done;
    /* Of the artifact that answered: the first eight bytes of its SHA-256, little-endian. */
    uint64_t fingerprint;
    /* Of what serves the name; grows with every change. */
    uint32_t generation;
    /* Which of the versions that share the name's requests answered; 0 for the champion. */
    uint16_t arm;
    /* FACTORD_OK or a code of enum factord_error. */
    int16_t error;
} factord_prediction;

/* A row of the daemon's model table. */
typedef struct factord_model_row {
    /* Nanoseconds of one evaluation as measured at load, of the dearest version. */
    uint64_t cost_ns;
    /* Of the artifacts that serve the name, the champion's first; 0 where there is none. */
    uint64_t fingerprints[FACTORD_ARM_COUNT_MAX];
    /* Features and outputs of the champion. */
    uint32_t width;
    uint32_t output_count;
    uint32_t generation;
    /* A code of enum factord_kind, or of a kind that is newer than this client. */
    uint32_t kind;
    /* The client's own number of the name. */
    uint16_t id;
    /* Versions that share the name's requests. */
    uint16_t arm_count;
    /* 1 when the model is served on channels with the option `heavy`, 0 when on those without. */
    uint16_t heavy;
    /* Upper ends of the shares of the first three versions, in 1/256; the last has the rest. */
    uint16_t share_ends[FACTORD_ARM_COUNT_MAX - 1];
    /* NUL-terminated. */
    char name[FACTORD_NAME_LEN + 1];
    /* Of the champion's artifact. */
    uint8_t sha256[32];
} factord_model_row;

/* A channel to the daemon. */
typedef struct factord_client factord_client;

#if defined(__GNUC__)
#define FACTORD_API __attribute__((visibility("default")))
#else
#define FACTORD_API
#endif

/* Attaches to the daemon and stores the client. `options` NULL means the defaults. On an error
 * *client is NULL, and `why`, unless it is NULL, receives the whole sentence with what to do next, cut
 * to `why_len` bytes. Waits at most a second for room in the daemon's queue and for each of its two
 * messages, and as long as options->wait_ns says for a daemon that is not there. */
FACTORD_API int factord_attach(factord_client **client, const factord_options *options, char *why,
                               size_t why_len);

/* Gives the channel back. NULL does nothing. */
FACTORD_API void factord_close(factord_client *client);

/* What a code means, in lower case; says so if the code is unknown. Never NULL. */
FACTORD_API const char *factord_strerror(int error);

/* Predicts one row and waits for the answer, at most deadline_ns. Returns what is in out->error;
 * DEADLINE, or NOT_CONNECTED when the engine is gone, past the deadline: an answer that comes later
 * is dropped. */
FACTORD_API int factord_predict(factord_client *client, uint16_t model, const double *x,
                                size_t x_count, uint64_t deadline_ns, factord_prediction *out);

/* The same for a unit key. */
FACTORD_API int factord_predict_keyed(factord_client *client, uint16_t model, uint64_t key,
                                      const double *x, size_t x_count, uint64_t deadline_ns,
                                      factord_prediction *out);

/* Publishes one request without waiting and stores its ticket; tickets count up from 1.
 * BACK_PRESSURE when as many requests are under way, or answered and not polled, as there are
 * slots (answers of calls that ran out of time are dropped first); NOT_CONNECTED when the engine is
 * gone; WIDTH_MISMATCH when x_count is not the channel's. */
FACTORD_API int factord_submit(factord_client *client, uint16_t model, const double *x,
                               size_t x_count, uint64_t *ticket);

/* The same for a unit key. */
FACTORD_API int factord_submit_keyed(factord_client *client, uint16_t model, uint64_t key,
                                     const double *x, size_t x_count, uint64_t *ticket);

/* Takes the next answer, in the order of submission, without waiting: 1 when there was one (whose
 * own error is in out->error), 0 when it is not there yet, NOT_CONNECTED while the engine is gone.
 * Requests under way are then kept and published again once it is back, so polling on is right. With
 * FACTORD_IDLE_SPIN or _NOOP every 64th empty poll looks after the engine, otherwise each. A program
 * that calls submit, poll or predict_local less than twice a second while an engine comes back gives
 * the handshake 2 ms of such a call, and no more. */
FACTORD_API int factord_poll(factord_client *client, uint64_t *ticket, factord_prediction *out);

/* Takes as many answers as there are, at most `room`, in the order of submission, without waiting:
 * how many, or NOT_CONNECTED when there are none and the engine is gone. */
FACTORD_API int factord_poll_many(factord_client *client, uint64_t *tickets,
                                  factord_prediction *out, size_t room);

/* Predicts row_count rows through a full ring. `rows` is row-major with the channel's number of
 * features a row; `out` receives one entry a row, in order. The deadline is for the whole call; past
 * it the missing entries, and the call, read DEADLINE, or BACK_PRESSURE when no row found room, or
 * NOT_CONNECTED. A bad row is no error of the call: its entry says so. */
FACTORD_API int factord_predict_batch(factord_client *client, uint16_t model, const double *rows,
                                      size_t row_count, uint64_t deadline_ns,
                                      factord_prediction *out);

/* The same for rows of one unit. */
FACTORD_API int factord_predict_batch_keyed(factord_client *client, uint16_t model, uint64_t key,
                                            const double *rows, size_t row_count,
                                            uint64_t deadline_ns, factord_prediction *out);

/* Predicts one row by several models: one request each, published together. `out` receives one entry
 * a model, in order; the deadline and what the call returns are as for factord_predict_batch. */
FACTORD_API int factord_predict_each(factord_client *client, const uint16_t *models,
                                     size_t model_count, const double *x, size_t x_count,
                                     uint64_t deadline_ns, factord_prediction *out);

/* Evaluates the daemon's active model in this process: the bits of the ring, without moving a
 * cache line. Swaps of models are seen at once. x may have any width: the model's counts.
 *
 * Models of more than eight features, and the versions beside a champion, come as files of their own.
 * What is not in this process yet, or may not be, goes through the ring where x has the channel's width,
 * and is fetched otherwise; either takes at most 10 ms, and NOT_FETCHED says that it did not come.
 * factord_fetch does so before it counts. NOT_CONNECTED from a second after the engine's last heartbeat
 * on. */
FACTORD_API int factord_predict_local(factord_client *client, uint16_t model, const double *x,
                                      size_t x_count, factord_prediction *out);

/* The same for a unit key. */
FACTORD_API int factord_predict_local_keyed(factord_client *client, uint16_t model, uint64_t key,
                                            const double *x, size_t x_count,
                                            factord_prediction *out);

/* Brings all versions of a model into this process, so that no later factord_predict_local goes
 * through the ring for them; waits at most deadline_ns. NOT_FETCHED past it, and at once where this
 * user may not evaluate locally; UNKNOWN_MODEL. Allocates, and makes system calls. */
FACTORD_API int factord_fetch(factord_client *client, uint16_t model, uint64_t deadline_ns);

/* A number for a name that one artifact alone may answer: where another one serves the name, requests
 * say OTHER_VERSION. UNKNOWN_MODEL when the name is not served now, DIVIDED when several versions
 * share its requests, TOO_MANY_NAMES when all 65,535 numbers are given, SYSTEM without memory. */
FACTORD_API int factord_pin(factord_client *client, const char *name, const uint8_t sha256[32],
                            uint16_t *model);

/* Asks for the engine's time stamps with every later request, or (0) no longer. */
FACTORD_API void factord_stamp(factord_client *client, int wanted);

/* Fills `rows`, which has room for so many, with the model table as it is now, and returns how many
 * rows it has, at most FACTORD_MODEL_COUNT_MAX. Names that are new get their numbers, for which this
 * call and the next may allocate. 0 when the daemon died in the middle of an update. */
FACTORD_API int factord_models(factord_client *client, factord_model_row *rows, size_t room);

/* Finds one model by name; UNKNOWN_MODEL when none of that name is served, otherwise as factord_pin. */
FACTORD_API int factord_model(factord_client *client, const char *name, factord_model_row *row);

/* Changes with every change of the model table; costs one load. */
FACTORD_API uint64_t factord_rows_sequence(const factord_client *client);

/* Requests whose answers were not taken yet. */
FACTORD_API uint32_t factord_in_flight(const factord_client *client);

/* Fills `cores` with the CPUs that the daemon's workers are pinned to, -1 for one that is not, and
 * returns how many workers there are. A thread that spins on such a CPU takes turns with its worker. */
FACTORD_API int factord_worker_cores(const factord_client *client,
                                     int cores[FACTORD_WORKER_COUNT_MAX]);

/* Nanoseconds from one time stamp of an answer, or reading of the time stamp counter, to another; NaN
 * before the daemon knows the counter's rate. */
FACTORD_API double factord_ticks_to_ns(const factord_client *client, uint64_t earlier,
                                       uint64_t later);

/* The version of the library, such as "0.1.0"; FACTORD_VERSION is that of the header. */
FACTORD_API const char *factord_version(void);

/* The epoch of the engine that serves this client now. */
FACTORD_API uint64_t factord_epoch(const factord_client *client);

/* 1 when the engine was there when last looked for, else 0. */
FACTORD_API int factord_connected(const factord_client *client);

/* Features of every request, slots of each ring, and outputs that a response has room for. */
FACTORD_API uint32_t factord_feature_count(const factord_client *client);
FACTORD_API uint32_t factord_slot_count(const factord_client *client);
FACTORD_API uint32_t factord_output_count(const factord_client *client);

/* ---- Subscribers: every answer of an engine ---- */

/* One answer that an engine gave, to whomever. Name and features stay until the next call. */
typedef struct {
    /* Empty where the request was for no name that was served. */
    const char *name;
    const double *features;
    /* The first output; NaN where there is none. */
    double y;
    /* The unit key. */
    uint64_t key;
    /* Of the artifact that answered; 0 when none did. */
    uint64_t fingerprint;
    /* Time stamp counter when the answers of its run were out. */
    uint64_t tsc;
    /* Answers that the worker had given before. */
    uint64_t ordinal;
    uint32_t feature_count;
    uint32_t generation;
    /* The engine's number of the client that asked. */
    uint32_t client;
    uint32_t worker;
    /* 0 ok, 1 bad input, 2 unknown model, 3 width mismatch, 4 wrong class. */
    uint16_t status;
    uint16_t arm;
} factord_answered;

typedef struct factord_subscriber factord_subscriber;

/* Subscribes to the answers for a name, or to all (NULL), from the next one on. The daemon has to be
 * started with --tap, and the right to observe is needed. `socket` and `why` are as for factord_attach.
 * A subscriber is for one thread at a time, and costs the engine nothing. A forked child may unsubscribe
 * from its parent's, and do nothing else with it. */
FACTORD_API int factord_subscribe(factord_subscriber **subscriber, const char *name,
                                  const char *socket, char *why, size_t why_len);

/* Takes the next answer: 1, or 0 when there is none yet. Never waits, allocates or fails; looks at most
 * once a microsecond while there is nothing. An engine that has ended answers nothing more: whoever
 * subscribes for long attaches a client beside it, and asks factord_connected. */
FACTORD_API int factord_next(factord_subscriber *subscriber, factord_answered *out);

/* Answers of all names that were overwritten before they were read. */
FACTORD_API uint64_t factord_missed(const factord_subscriber *subscriber);

FACTORD_API void factord_unsubscribe(factord_subscriber *subscriber);

#ifdef __cplusplus
}
#endif

#endif
