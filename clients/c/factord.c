/* The C client of factord. See factord.h for the contract and docs/abi.md for the layout.
 *
 * From top to bottom: words and clocks, the floating-point environment, evaluation, regions, the model
 * table, whom to trust, the handshake, the client, the names of models, the rings, images, what becomes
 * of a dead engine, waiting, the call shapes, evaluation in the client's own process, attach and close,
 * the rest, subscribers.
 *
 * Memory that the daemon can write is reached only as atomic words. What is read there is a claim: it
 * is compared, and never used as an index, a length or a pointer. Where the Rust client loads
 * Relaxed and then fences, this one loads with acquire, which thread sanitizers understand. */
#define _GNU_SOURCE
#include "factord.h"
#include "factord_abi.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifdef __FAST_MATH__
#error "-ffast-math changes the bits of predictions: build factord.c without it"
#endif
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif
#if FLT_EVAL_METHOD != 0
#error "double must be evaluated as double: on 32-bit x86 use -msse2 -mfpmath=sse"
#endif
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "shared memory is little-endian"
#endif

/* A word of shared memory. */
typedef _Atomic uint64_t word;

_Static_assert(FACTORD_REQUEST_KEY + 1 == FACTORD_REQUEST_FEATURES, "copied as one");
_Static_assert(sizeof(word) == 8 && ATOMIC_LLONG_LOCK_FREE == 2, "words are plain 64-bit words");
_Static_assert(sizeof(factord_prediction) == 56, "answers are packed");
_Static_assert(FACTORD_FEATURE_COUNT_MAX == FACTORD_ABI_FEATURE_COUNT_MAX, "layout");
_Static_assert(FACTORD_SLOT_COUNT_MAX == FACTORD_ABI_SLOT_COUNT_MAX, "layout");
_Static_assert(FACTORD_OUTPUT_COUNT_MAX == FACTORD_ABI_OUTPUT_COUNT_MAX, "layout");
_Static_assert(FACTORD_MODEL_COUNT_MAX == FACTORD_ABI_MODEL_COUNT_MAX, "layout");
_Static_assert(FACTORD_ARM_COUNT_MAX == FACTORD_ABI_ARM_COUNT_MAX, "layout");
_Static_assert(FACTORD_WORKER_COUNT_MAX == FACTORD_ABI_WORKER_COUNT_MAX, "layout");
_Static_assert(FACTORD_NAME_LEN == FACTORD_STATUS_ROW_NAME_LEN, "layout");
_Static_assert((int)FACTORD_LINEAR == (int)FACTORD_KIND_LINEAR, "layout");
_Static_assert((int)FACTORD_LOGISTIC == (int)FACTORD_KIND_LOGISTIC, "layout");

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define COLD __attribute__((cold, noinline))
#define INLINE __attribute__((always_inline)) static inline

/* ---- Words and clocks -------------------------------------------------------------------- */

/* Relaxed: ordered by an acquire load before it or a release store behind it, or by nothing when the
 * word stands for itself. */
static inline uint64_t get(const word *place)
{
    return atomic_load_explicit((word *)place, memory_order_relaxed);
}

static inline void put(word *place, uint64_t value)
{
    atomic_store_explicit(place, value, memory_order_relaxed);
}

static inline uint64_t get_acquire(const word *place)
{
    return atomic_load_explicit((word *)place, memory_order_acquire);
}

static inline uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t rotated(uint64_t value, uint64_t count)
{
    count &= 63;
    return value << count | value >> ((64 - count) & 63);
}

static inline void pause_pipeline(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

/* CLOCK_MONOTONIC: the same in every process, and no system call where there is a vDSO. */
static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * FACTORD_S + (uint64_t)now.tv_nsec;
}

static uint64_t since(uint64_t now, uint64_t then)
{
    return now > then ? now - then : 0;
}

static uint64_t added(uint64_t now, uint64_t duration)
{
    return now + duration < now ? UINT64_MAX : now + duration;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What a word packs for `width` bits from bit `from` on. */
static inline uint64_t part_of(uint64_t value, int from, int width)
{
    return value >> from & ((UINT64_C(1) << width) - 1);
}

/* ---- The floating-point environment ------------------------------------------------------ */

/* How the calling thread rounds, whether it keeps subnormal numbers, what traps. Bits are promised for
 * the environment that every thread starts with; a library of the host program may have changed it. */
#if defined(__SSE2__)
/* MXCSR. */
typedef uint32_t environment;

static const environment ENVIRONMENT_DEFAULT = 0x1F80;

static inline environment environment_get(void)
{
    return __builtin_ia32_stmxcsr();
}

static inline void environment_set(environment state)
{
    __builtin_ia32_ldmxcsr(state);
}

/* What exceptions leave, in the lowest six bits, does not count. */
static inline bool environment_is_default(void)
{
    return (environment_get() & 0xFFC0) == ENVIRONMENT_DEFAULT;
}
#elif defined(__aarch64__)
/* FPCR, and FPSR, where exceptions leave their flags. */
typedef struct environment {
    uint64_t control;
    uint64_t flags;
} environment;

static const environment ENVIRONMENT_DEFAULT = {0, 0};

static inline environment environment_get(void)
{
    environment state;
    __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(state.control), "=r"(state.flags));
    return state;
}

static inline void environment_set(environment state)
{
    __asm__ volatile("msr fpcr, %0\n\tmsr fpsr, %1" ::"r"(state.control), "r"(state.flags)
                     : "memory");
}

static inline bool environment_is_default(void)
{
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    return control == ENVIRONMENT_DEFAULT.control;
}
#else
/* None that is known here: the bits are those of the environment that the host has set. */
typedef int environment;

static const environment ENVIRONMENT_DEFAULT = 0;

static inline environment environment_get(void)
{
    return 0;
}

static inline void environment_set(environment state)
{
    (void)state;
}

static inline bool environment_is_default(void)
{
    return true;
}
#endif

/* ---- Evaluation -------------------------------------------------------------------------- */

/* The parameters of one feature; a linear model uses the weight alone. */
struct term {
    double weight;
    double mean;
    double scale;
};

/* A version that can be evaluated; its terms stand beside it. */
struct model {
    /* 0 when there is none. */
    uint32_t kind;
    uint32_t width;
    double intercept;
};

/* Which version answers. */
struct version {
    uint64_t fingerprint;
    uint32_t generation;
    uint16_t arm;
};

/* e^x for |x| below FACTORD_EXP_NORMAL: every operation rounded on its own, in this order. */
INLINE double exp_core(double x)
{
    double shifted = x * of_bits(FACTORD_EXP_INV_STEP_BITS) + FACTORD_EXP_SHIFTER;
    uint64_t index = bits_of(shifted);
    double k = shifted - FACTORD_EXP_SHIFTER;
    double r = (x - k * of_bits(FACTORD_EXP_STEP_HI_BITS)) - k * of_bits(FACTORD_EXP_STEP_LO_BITS);
    const uint64_t *row = FACTORD_EXP_TABLE[index % (uint64_t)FACTORD_EXP_STEPS];
    double scale = of_bits(row[1] + (index << 45));
    double square = r * r;
    double low = of_bits(row[0]) + r;
    double middle = square * (0.5 + r * (1.0 / 6.0));
    double high = (square * square) * (1.0 / 24.0 + r * (1.0 / 120.0));
    return scale + scale * ((low + middle) + high);
}

/* e^x for every x: the algorithm of crates/eval/src/exp.rs. */
INLINE double exp_portable(double x)
{
    bool near = fabs(x) < FACTORD_EXP_NORMAL;
    double clamped = x < -FACTORD_EXP_SATURATED ? -FACTORD_EXP_SATURATED : x;
    clamped = clamped > FACTORD_EXP_SATURATED ? FACTORD_EXP_SATURATED : clamped;
    double power = exp_core(near ? x : clamped * 0.5);
    return near ? power : power * power;
}

static inline double term_linear(const struct term *term, double x)
{
    return x * term->weight;
}

static inline double term_logistic(const struct term *term, double x)
{
    return ((x - term->mean) / term->scale) * term->weight;
}

INLINE double decision_linear(const struct model *model, const struct term *terms, const double *x)
{
    double sum = term_linear(&terms[0], x[0]);
    for (size_t i = 1; i < model->width; i++) sum += term_linear(&terms[i], x[i]);
    return sum + model->intercept;
}

INLINE double decision_logistic(const struct model *model, const struct term *terms, const double *x)
{
    double sum = term_logistic(&terms[0], x[0]);
    for (size_t i = 1; i < model->width; i++) sum += term_logistic(&terms[i], x[i]);
    return sum + model->intercept;
}

static bool all_finite(const double *x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i])) return false;
    }
    return true;
}

static int fail(factord_prediction *out, int error)
{
    *out = (factord_prediction){.y = NAN, .second = NAN, .error = (int16_t)error};
    return error;
}

/* Answers with a version; `out` receives everything but the epoch, and nothing with an error. */
INLINE int evaluate(const struct model *model, const struct term *terms,
                    struct version version, const double *x, size_t x_count,
                    factord_prediction *out)
{
    if (UNLIKELY(x_count != model->width)) return FACTORD_ERROR_WIDTH_MISMATCH;
    double y;
    double second = 0.0;
    if (model->kind == FACTORD_LINEAR) {
        /* A feature that is not finite makes the sum so, whatever its weight. */
        y = decision_linear(model, terms, x);
        if (UNLIKELY(!isfinite(y))) return FACTORD_ERROR_BAD_INPUT;
    } else {
        double decision = decision_logistic(model, terms, x);
        y = 1.0 / (1.0 + exp_portable(-decision));
        second = decision > 0.0 ? 1.0 : 0.0;
        /* Finite features may overflow a decision value whose probability is 0 or 1 all the same. */
        if (UNLIKELY(!isfinite(decision)) && !(all_finite(x, x_count) && isfinite(y))) {
            return FACTORD_ERROR_BAD_INPUT;
        }
    }
    *out = (factord_prediction){
        .y = y,
        .second = second,
        .fingerprint = version.fingerprint,
        .generation = version.generation,
        .arm = version.arm,
    };
    return FACTORD_OK;
}

/* What a kind of model, a width and parameters have to be before they are evaluated. */
static bool is_sound_shape(uint32_t kind, uint64_t width, uint64_t width_max)
{
    return width >= 1 && width <= width_max &&
           (kind == FACTORD_LINEAR || kind == FACTORD_LOGISTIC);
}

static bool is_sound_term(uint32_t kind, const struct term *term)
{
    if (!isfinite(term->weight)) return false;
    return kind == FACTORD_LINEAR ||
           (isfinite(term->mean) && isfinite(term->scale) && term->scale != 0.0);
}

/* ---- Regions ----------------------------------------------------------------------------- */

/* In the order of the welcome's descriptors; MODELS comes for those alone who may evaluate in their
 * own process. */
enum region { STATUS, REQ, RESP, MODELS, REGION_COUNT };

static const char *const REGION_NAMES[REGION_COUNT] = {"STATUS", "REQ", "RESP", "MODELS"};

struct mapping {
    word *words;
    size_t len;
    /* Who mapped it: it is not there in a forked child, which may have something else in its place. */
    pid_t owner;
};

/* Errors of an attach with their sentences. */
struct why {
    int error;
    char text[FACTORD_WHY_LEN];
};

__attribute__((format(printf, 3, 4))) COLD static int say(struct why *why, int error,
                                                          const char *format, ...)
{
    va_list values;
    va_start(values, format);
    why->error = error;
    vsnprintf(why->text, sizeof why->text, format, values);
    va_end(values);
    return error;
}

static void unmap(struct mapping *mapping)
{
    if (mapping->words && mapping->owner == getpid()) munmap((void *)mapping->words, mapping->len);
    *mapping = (struct mapping){NULL, 0, 0};
}

/* Advice of newer kernels than some headers: include/uapi/asm-generic/mman-common.h. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

/* Maps what a descriptor names, after its seals and its size: nobody can cut it afterwards. */
static int open_named(struct mapping *mapping, const char *name, bool writable, int fd, size_t len,
                      struct why *why)
{
    struct stat file;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW)) {
        return say(why, FACTORD_ERROR_REGION,
                   "attach failed: %s is not sealed: a peer could truncate it", name);
    }
    if (fstat(fd, &file) != 0) return say(why, FACTORD_ERROR_REGION, "%s cannot be read", name);
    if (file.st_size < 0 || (uint64_t)file.st_size != len) {
        return say(why, FACTORD_ERROR_REGION,
                   "attach failed: %s has %lld bytes, the handshake says %zu", name,
                   (long long)file.st_size, len);
    }
    int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *start = mmap(NULL, len, access, MAP_SHARED, fd, 0);
    if (start == MAP_FAILED) {
        return say(why, FACTORD_ERROR_REGION, "attach failed: %s cannot be mapped", name);
    }
    *mapping = (struct mapping){start, len, getpid()};
    int populate = writable ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
    /* Kernels before 5.14 do not know how to populate; pages then come as they are used. */
    if (madvise(start, len, MADV_DONTFORK) != 0 ||
        (madvise(start, len, populate) != 0 && errno != EINVAL)) {
        return say(why, FACTORD_ERROR_REGION, "attach failed: %s cannot be held in memory", name);
    }
    return FACTORD_OK;
}

static int open_region(struct mapping *mapping, enum region region, int fd, size_t len,
                       struct why *why)
{
    /* RESP too, which is only read: through a read-only page the line of an answer would stay shared
     * and the worker's next store into it wait for it. */
    bool writable = region == REQ || region == RESP;
    return open_named(mapping, REGION_NAMES[region], writable, fd, len, why);
}

/* ---- The model table --------------------------------------------------------------------- */

/* Tries to read the table before it counts as torn: the daemon may have died in the middle of an
 * update. */
#define TABLE_TRIES 1000

/* What a look at a row finds. */
enum found { NOTHING_SERVED, SERVED, BEING_WRITTEN };

/* Changes when names come or go. Acquire: pairs with the daemon's release store; the rows are read
 * after it. */
static inline uint64_t names_sequence(const word *status)
{
    return get_acquire(&status[FACTORD_STATUS_NAMES_SEQUENCE]);
}

/* Changes with every change of the rows. Acquire: as for the names. */
static inline uint64_t rows_sequence(const word *status)
{
    return get_acquire(&status[FACTORD_STATUS_ROWS_SEQUENCE]);
}

/* Rows that ever held a name, as far as there may be some. */
static uint16_t row_count(const word *status)
{
    return (uint16_t)least(get(&status[FACTORD_STATUS_ROW_COUNT]), FACTORD_MODEL_COUNT_MAX);
}

static const word *row_at(const word *status, uint16_t number)
{
    return status + FACTORD_STATUS_ROWS + (size_t)number * FACTORD_STATUS_ROW_WORDS;
}

static void copy_bytes(void *to, const word *from, size_t len)
{
    for (size_t i = 0; i < len / 8; i++) {
        uint64_t part = get_acquire(&from[i]);
        memcpy((char *)to + 8 * i, &part, 8);
    }
}

/* Reads a row that is not being written; `row->id` is the engine's number. */
static enum found copy_row(const word *from, uint16_t number, factord_model_row *row, uint32_t *check)
{
    uint64_t shape = get_acquire(&from[FACTORD_STATUS_ROW_SHAPE]);
    uint64_t served = get_acquire(&from[FACTORD_STATUS_ROW_SERVED]);
    uint64_t split = get_acquire(&from[FACTORD_STATUS_ROW_SPLIT]);
    uint64_t width = part_of(shape, 32, 16);
    /* Kinds that this client does not know are rows like any other. */
    if ((uint32_t)served == 0 || width < 1 || width > FACTORD_FEATURE_COUNT_MAX) {
        return NOTHING_SERVED;
    }
    *row = (factord_model_row){
        .cost_ns = get_acquire(&from[FACTORD_STATUS_ROW_COST_NS]),
        .width = (uint32_t)width,
        .output_count = (uint32_t)part_of(shape, 48, 16),
        .generation = (uint32_t)served,
        .kind = (uint32_t)shape,
        .id = number,
        .arm_count = (uint16_t)part_of(served, 32, 16),
        .heavy = part_of(served, 48, 16) == FACTORD_CLASS_HEAVY,
    };
    copy_bytes(row->name, &from[FACTORD_STATUS_ROW_NAME], FACTORD_NAME_LEN);
    copy_bytes(row->sha256, &from[FACTORD_STATUS_ROW_SHA256], sizeof row->sha256);
    memcpy(row->fingerprints, row->sha256, sizeof *row->fingerprints);
    for (size_t arm = 1; arm < FACTORD_ARM_COUNT_MAX; arm++) {
        row->fingerprints[arm] = get_acquire(&from[FACTORD_STATUS_ROW_ARM_FINGERPRINTS + arm - 1]);
        row->share_ends[arm - 1] = (uint16_t)(split >> 16 * (arm - 1));
    }
    *check = (uint32_t)get_acquire(&from[FACTORD_STATUS_ROW_CHECK]);
    return SERVED;
}

static enum found read_row(const word *status, uint16_t number, factord_model_row *row,
                           uint32_t *check)
{
    const word *from = row_at(status, number);
    /* Acquire: pairs with the daemon's release store; the row is read after it and, loaded with
     * acquire itself, before the second look. */
    uint64_t sequence = get_acquire(&from[FACTORD_STATUS_ROW_SEQUENCE]);
    enum found found = copy_row(from, number, row, check);
    bool whole = sequence % 2 == 0 && get(&from[FACTORD_STATUS_ROW_SEQUENCE]) == sequence;
    return whole ? found : BEING_WRITTEN;
}

/* The row of a name; BEING_WRITTEN when it was not found, and a row was written that may be its own. */
static enum found find_row(const word *status, const char *name, factord_model_row *row,
                           uint32_t *check)
{
    enum found otherwise = NOTHING_SERVED;
    uint16_t count = row_count(status);
    uint64_t start = 0;
    memcpy(&start, name, strnlen(name, sizeof start));
    for (uint16_t number = 0; number < count; number++) {
        const word *from = row_at(status, number);
        bool settled = get_acquire(&from[FACTORD_STATUS_ROW_SEQUENCE]) % 2 == 0;
        if (settled && get(&from[FACTORD_STATUS_ROW_NAME]) != start) continue;
        enum found found = read_row(status, number, row, check);
        if (found == BEING_WRITTEN) otherwise = BEING_WRITTEN;
        if (found == SERVED && strcmp(row->name, name) == 0) return SERVED;
    }
    return otherwise;
}

/* Whether one of so many looks finds no row of the table being written. */
static bool is_settled(const word *status, int tries)
{
    for (int i = 0; i < tries; i++) {
        factord_model_row row;
        uint32_t check;
        uint64_t sequence = rows_sequence(status);
        uint16_t count = row_count(status);
        bool whole = true;
        for (uint16_t number = 0; number < count && whole; number++) {
            whole = read_row(status, number, &row, &check) != BEING_WRITTEN;
        }
        if (whole && rows_sequence(status) == sequence) return true;
        /* The writer may wait for this very CPU. */
        if (i + 1 < tries) sched_yield();
    }
    return false;
}

/* ---- Whom to trust ----------------------------------------------------------------------- */

/* The shape of a channel. */
struct shape {
    uint32_t feature_count;
    uint32_t slot_count;
    uint32_t output_count;
    /* FACTORD_CLASS_LIGHT or _HEAVY. */
    uint32_t class;
};

/* Whom to attach to, and as what. */
struct target {
    struct sockaddr_un address;
    socklen_t address_len;
    /* The same, with an end. */
    char path[sizeof((struct sockaddr_un *)0)->sun_path + 1];
    struct shape shape;
    char name[FACTORD_HELLO_NAME_LEN];
    /* A user that is trusted like root and one's own. */
    uid_t daemon_uid;
    /* The socket lies where every user may make one. */
    bool shared;
};

static bool is_trusted(const struct target *target, uid_t uid)
{
    return uid == 0 || uid == geteuid() || uid == target->daemon_uid;
}

static int untrusted(struct why *why, const struct target *target, const char *part, uid_t owner,
                     const char *what)
{
    return say(why, FACTORD_ERROR_UNTRUSTED,
               "attach failed: no trust in %s: %.108s, of user %u, %s; FACTORD_DAEMON_UID names a "
               "daemon's user who is to be trusted",
               target->path, part, (unsigned)owner, what);
}

/* Judges every part of a path below a folder in which all users make files. */
static int judge_below(const struct target *target, const char *path, size_t root_len,
                       struct why *why)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof part) return FACTORD_OK;
    for (size_t end = root_len + 1; end <= len; end++) {
        struct stat file;
        if (path[end] != '/' && path[end] != 0) continue;
        memcpy(part, path, end);
        part[end] = 0;
        /* What is not there is for the connect to say. */
        if (lstat(part, &file) != 0) return FACTORD_OK;
        if (S_ISLNK(file.st_mode)) {
            return untrusted(why, target, part, file.st_uid, "is a symbolic link");
        }
        if (!is_trusted(target, file.st_uid)) {
            return untrusted(why, target, part, file.st_uid, "belongs to another user");
        }
        if (S_ISDIR(file.st_mode) && (file.st_mode & (S_IWGRP | S_IWOTH))) {
            return untrusted(why, target, part, file.st_uid, "is writable by others");
        }
    }
    return FACTORD_OK;
}

/* Judges a path if it is below such a folder. */
static int judge(struct target *target, const char *path, struct why *why)
{
    static const char *const SHARED[] = {"/tmp", "/var/tmp", "/dev/shm"};
    for (size_t i = 0; i < sizeof SHARED / sizeof *SHARED; i++) {
        size_t len = strlen(SHARED[i]);
        if (strncmp(path, SHARED[i], len) != 0 || path[len] != '/') continue;
        target->shared = true;
        return judge_below(target, path, len, why);
    }
    return FACTORD_OK;
}

/* Writes a path from the root on, without empty parts and dots; false when it has no room. */
static bool from_root(const char *path, char *out, size_t room)
{
    size_t len = 0;
    if (*path != '/') {
        if (!getcwd(out, room)) return false;
        len = strlen(out);
    }
    while (*path) {
        size_t part = strcspn(path, "/");
        bool named = part > 0 && !(part == 1 && *path == '.');
        if (named && len + 1 + part >= room) return false;
        if (named) {
            out[len++] = '/';
            memcpy(out + len, path, part);
            len += part;
        }
        path += part + (path[part] == '/');
    }
    out[len] = 0;
    return true;
}

/* Judges the path as it is named, and where its folder really is: it may be named from elsewhere. */
static int judge_path(struct target *target, struct why *why)
{
    char named[PATH_MAX];
    char folder[PATH_MAX];
    char real[PATH_MAX + sizeof target->path + 1];
    target->shared = false;
    if (!from_root(target->path, named, sizeof named)) return FACTORD_OK;
    int error = judge(target, named, why);
    if (error) return error;
    char *slash = strrchr(named, '/');
    if (!slash) return FACTORD_OK;
    *slash = 0;
    if (!realpath(*named ? named : "/", folder)) return FACTORD_OK;
    snprintf(real, sizeof real, "%s/%s", folder, slash + 1);
    return judge(target, real, why);
}

/* Judges who listens, which is whoever did when the socket was made. */
static int judge_peer(const struct target *target, int fd, struct why *why)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t len = sizeof peer;
    if (!target->shared) return FACTORD_OK;
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
    if (is_trusted(target, peer.uid)) return FACTORD_OK;
    return untrusted(why, target, "the listener", peer.uid, "is another user's");
}

/* ---- The handshake ----------------------------------------------------------------------- */

static size_t whole_lines(size_t words)
{
    return (words + FACTORD_LINE_WORDS - 1) / FACTORD_LINE_WORDS * FACTORD_LINE_WORDS;
}

static size_t request_stride(struct shape shape)
{
    return whole_lines(FACTORD_REQUEST_FEATURES + shape.feature_count);
}

/* Outputs in the first line of a response. */
#define FIRST_OUTPUTS 2

static size_t response_stride(struct shape shape)
{
    return FACTORD_LINE_WORDS + whole_lines(shape.output_count - FIRST_OUTPUTS);
}

static size_t header_words(void)
{
    return FACTORD_RING_HEADER_LINES * FACTORD_LINE_WORDS;
}

static size_t region_len(enum region region, struct shape shape)
{
    switch (region) {
    case STATUS: return FACTORD_STATUS_LINES * FACTORD_LINE_LEN;
    case MODELS: return FACTORD_MODELS_LINES * FACTORD_LINE_LEN;
    case REQ: return (header_words() + shape.slot_count * request_stride(shape)) * 8;
    default: return (header_words() + shape.slot_count * response_stride(shape)) * 8;
    }
}

static bool is_shape(struct shape shape)
{
    return shape.feature_count >= 1 && shape.feature_count <= FACTORD_FEATURE_COUNT_MAX &&
           shape.slot_count >= 1 && shape.slot_count <= FACTORD_SLOT_COUNT_MAX &&
           (shape.slot_count & (shape.slot_count - 1)) == 0 &&
           region_len(REQ, shape) <= FACTORD_REGION_LEN_MAX;
}

/* Of a shape with a right number of slots. */
static bool has_output_room(struct shape shape)
{
    return shape.output_count >= FIRST_OUTPUTS && shape.output_count <= FACTORD_OUTPUT_COUNT_MAX &&
           region_len(RESP, shape) <= FACTORD_REGION_LEN_MAX;
}

/* One side waits for the other's next message for so long. */
#define HANDSHAKE_NS FACTORD_S

/* What an attempt waits for. */
enum step { NOTHING, ROOM, A_WELCOME, READINESS };

/* An attach under way. It never blocks, so that a call may carry it on between two looks. */
struct attempt {
    enum step step;
    int fd;
    uint64_t nonce;
    uint64_t end_ns;
    struct mapping regions[REGION_COUNT];
    /* Looks at the model table of the new engine: many where the caller waits, else one. */
    int table_tries;
    /* The daemon was there and hung up. */
    bool hung_up;
    struct why why;
};

static void abandon(struct attempt *attempt)
{
    if (attempt->step == NOTHING) return;
    if (attempt->fd >= 0) close(attempt->fd);
    for (int i = 0; i < REGION_COUNT; i++) unmap(&attempt->regions[i]);
    attempt->fd = -1;
    attempt->step = NOTHING;
}

static int unreachable(struct attempt *attempt, const struct target *target, int number)
{
    const char *reason = number == ENOENT         ? "there is no such socket"
                         : number == ECONNREFUSED ? "nobody listens there"
                                                  : "the system refused";
    if (number == EACCES || number == EPERM) {
        return say(&attempt->why, FACTORD_ERROR_UNREACHABLE,
                   "attach failed: user %u may not open %s: the daemon must allow this user "
                   "(--allow-uid), and folder and socket let it in (--socket-mode, --socket-group)",
                   (unsigned)geteuid(), target->path);
    }
    if (number == EAGAIN || number == EINTR) {
        return say(&attempt->why, FACTORD_ERROR_ATTACH_DEADLINE,
                   "attach failed: the daemon at %s took no connection within 1000 ms",
                   target->path);
    }
    return say(&attempt->why, FACTORD_ERROR_UNREACHABLE,
               "no daemon at %s: %s; start one with `factord serve`, or name its socket in "
               "FACTORD_SOCKET",
               target->path, reason);
}

static int misspoken(struct attempt *attempt, const struct target *target, const char *step)
{
    return say(&attempt->why, FACTORD_ERROR_PROTOCOL,
               "attach failed: the peer at %s does not speak the protocol (%s)", target->path, step);
}

/* Whether the words are on their way. They count as that when the daemon is gone: it may have refused
 * already, and its words are read next. */
static bool send_words(int fd, const uint64_t *tail, size_t count)
{
    uint64_t words[FACTORD_MESSAGE_WORDS] = {FACTORD_MAGIC};
    ssize_t sent;
    memcpy(&words[1], tail, count * sizeof *tail);
    do {
        sent = send(fd, words, sizeof words, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0 || errno == EPIPE || errno == ECONNRESET;
}

static int refused(struct why *why, const uint64_t *words)
{
    unsigned long long a = words[FACTORD_REFUSED_A];
    unsigned long long b = words[FACTORD_REFUSED_B];
    unsigned major = words[FACTORD_REFUSED_ABI] >> 16 & 0xFFFF;
    unsigned minor = words[FACTORD_REFUSED_ABI] & 0xFFFF;
    switch (words[FACTORD_REFUSED_CODE]) {
    case FACTORD_REFUSAL_NOT_A_HELLO:
        return say(why, FACTORD_ERROR_REFUSED_GREETING,
                   "attach refused: the daemon did not understand the greeting");
    case FACTORD_REFUSAL_ABI:
        return say(why, FACTORD_ERROR_ABI,
                   "daemon speaks ABI %u.%u, this client %u.%u: rebuild the client", major, minor,
                   (unsigned)(FACTORD_ABI_WORD >> 16), (unsigned)(FACTORD_ABI_WORD & 0xFFFF));
    case FACTORD_REFUSAL_GEOMETRY:
        return say(why, FACTORD_ERROR_REFUSED_GEOMETRY,
                   "attach refused: no ring has %llu features and %llu slots: features are 1 to "
                   "1024, slots a power of two up to 4096, a region at most 8 MiB",
                   a, b);
    case FACTORD_REFUSAL_CHANNEL_QUOTA:
        return say(why, FACTORD_ERROR_REFUSED_CHANNEL_QUOTA,
                   "attach refused: user has %llu of %llu channels: close one, or raise "
                   "channels_per_uid",
                   a, b);
    case FACTORD_REFUSAL_BYTE_QUOTA:
        return say(why, FACTORD_ERROR_REFUSED_BYTE_QUOTA,
                   "attach refused: channels of this user would take %llu of %llu bytes: use "
                   "fewer slots, or raise bytes_per_uid",
                   a, b);
    case FACTORD_REFUSAL_NO_MEMORY:
        return say(why, FACTORD_ERROR_REFUSED_NO_MEMORY,
                   "attach refused: the daemon has no memory for %llu bytes of rings", a);
    case FACTORD_REFUSAL_NOT_ALLOWED:
        return say(why, FACTORD_ERROR_REFUSED_NOT_ALLOWED,
                   "attach refused: user %llu is not on the daemon's allow-list: add it to "
                   "allow_uids, or a group of it to may_attach",
                   a);
    case FACTORD_REFUSAL_SEALED:
        return say(why, FACTORD_ERROR_REFUSED_SEALED,
                   "attach refused: the request region was sealed by the client before the daemon "
                   "could");
    case FACTORD_REFUSAL_BUSY:
        return say(why, FACTORD_ERROR_REFUSED_BUSY,
                   "attach refused: the daemon is busy: try again");
    case FACTORD_REFUSAL_NOT_PERMITTED:
        return say(why, FACTORD_ERROR_REFUSED_NOT_PERMITTED,
                   "attach refused: user %llu may not do this: it takes root, the daemon's own user, "
                   "one of operator_uids, or the right for it: may_attach, may_evaluate, may_observe, "
                   "may_read, may_publish",
                   a);
    case FACTORD_REFUSAL_TOO_MANY:
        return say(why, FACTORD_ERROR_REFUSED_TOO_MANY,
                   "attach refused: user has %llu of %llu connections or requests at once: close "
                   "one, or try again",
                   a, b);
    case FACTORD_REFUSAL_NO_SUCH_CLASS:
        return say(why, FACTORD_ERROR_REFUSED_NO_SUCH_CLASS,
                   "attach refused: the daemon has no worker for class %llu: start it with "
                   "--heavy-core, or attach to class 0",
                   a);
    case FACTORD_REFUSAL_OUTPUTS:
        return say(why, FACTORD_ERROR_REFUSED_OUTPUTS,
                   "attach refused: a response cannot have %llu outputs and %llu slots: outputs are 2 "
                   "to 64, a region at most 8 MiB",
                   a, b);
    default:
        return say(why, FACTORD_ERROR_REFUSED_OTHER,
                   "attach refused: refused with code %llu: the daemon is newer than this client",
                   (unsigned long long)words[FACTORD_REFUSED_CODE]);
    }
}

/* Descriptors that came with a message. */
struct descriptors {
    int fds[REGION_COUNT];
    int count;
};

static void close_all(struct descriptors *descriptors)
{
    for (int i = 0; i < descriptors->count; i++) close(descriptors->fds[i]);
    descriptors->count = 0;
}

/* Keeps as many descriptors as a welcome has; closes the others, and counts them. */
static void keep_descriptors(struct msghdr *message, struct descriptors *descriptors)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (descriptors->count < REGION_COUNT) {
                descriptors->fds[descriptors->count++] = fd;
            } else {
                close(fd);
            }
        }
    }
}

/* What a look at a socket finds. */
enum heard { SILENCE, A_MESSAGE, A_HANG_UP, BABBLE };

/* Takes the next message of a connection, if it is there. */
static enum heard hear(int fd, uint64_t *words, struct descriptors *descriptors)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(REGION_COUNT * sizeof(int))];
    } control;
    struct iovec bytes = {words, FACTORD_MESSAGE_WORDS * 8};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    ssize_t len;
    descriptors->count = 0;
    for (int i = 0; i < 2; i++) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        len = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        /* Said once when the daemon closed before it read all; what it said comes after. */
        if (len >= 0 || errno != ECONNRESET) break;
    }
    if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return SILENCE;
    if (len <= 0) return len == 0 || errno == ECONNRESET ? A_HANG_UP : BABBLE;
    keep_descriptors(&message, descriptors);
    if ((size_t)len == bytes.iov_len && !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
        words[0] == FACTORD_MAGIC) {
        return A_MESSAGE;
    }
    close_all(descriptors);
    return BABBLE;
}

/* Takes the next message of an attempt: 1, or 0 when there is none yet, or an error. */
static int receive(struct attempt *attempt, const struct target *target, uint64_t *words,
                   struct descriptors *descriptors)
{
    const char *step =
        attempt->step == READINESS ? "expected ready" : "expected a welcome";
    enum heard heard = hear(attempt->fd, words, descriptors);
    if (heard == SILENCE) {
        if (now_ns() < attempt->end_ns) return 0;
        return say(&attempt->why, FACTORD_ERROR_ATTACH_DEADLINE,
                   "attach failed: the daemon gave no answer within 1000 ms: it is stopped, "
                   "hangs, or is overloaded");
    }
    attempt->hung_up = heard == A_HANG_UP;
    if (heard != A_MESSAGE) return misspoken(attempt, target, step);
    if (words[1] == FACTORD_REFUSED) {
        close_all(descriptors);
        return refused(&attempt->why, words);
    }
    return 1;
}

static void greet(struct attempt *attempt, const struct target *target)
{
    uint64_t hello[FACTORD_MESSAGE_WORDS - 1] = {FACTORD_HELLO};
    attempt->nonce = now_ns() ^ (uint64_t)getpid() << 32;
    hello[FACTORD_HELLO_ABI - 1] = FACTORD_ABI_WORD;
    hello[FACTORD_HELLO_FEATURE_COUNT - 1] = target->shape.feature_count;
    hello[FACTORD_HELLO_SLOT_COUNT - 1] = target->shape.slot_count;
    hello[FACTORD_HELLO_NONCE - 1] = attempt->nonce;
    hello[FACTORD_HELLO_OUTPUT_COUNT - 1] = target->shape.output_count;
    hello[FACTORD_HELLO_CLASS - 1] = target->shape.class;
    memcpy(&hello[FACTORD_HELLO_NAME - 1], target->name, sizeof target->name);
    send_words(attempt->fd, hello, FACTORD_MESSAGE_WORDS - 1);
    attempt->step = A_WELCOME;
    attempt->end_ns = added(now_ns(), HANDSHAKE_NS);
}

/* A word of a region's header, and what it must be. */
struct claim {
    enum region region;
    uint64_t index;
    uint64_t expected;
};

/* Compares the headers that the daemon filled in with what it said. */
static int check_headers(struct attempt *attempt, const uint64_t *welcome)
{
    uint64_t abi = welcome[FACTORD_WELCOME_ABI];
    const struct claim claims[] = {
        {STATUS, FACTORD_STATUS_MAGIC, FACTORD_MAGIC},
        {STATUS, FACTORD_STATUS_ABI, abi},
        {STATUS, FACTORD_STATUS_LAYOUT_HASH, FACTORD_STATUS_HASH},
        {RESP, FACTORD_RESP_HEADER_MAGIC, FACTORD_MAGIC},
        {RESP, FACTORD_RESP_HEADER_ABI, abi},
        {RESP, FACTORD_RESP_HEADER_LAYOUT_HASH, FACTORD_RINGS_HASH},
        {RESP, FACTORD_RESP_HEADER_CLIENT_ID, welcome[FACTORD_WELCOME_CLIENT_ID]},
        {RESP, FACTORD_RESP_HEADER_FEATURE_COUNT, welcome[FACTORD_WELCOME_FEATURE_COUNT]},
        {RESP, FACTORD_RESP_HEADER_SLOT_COUNT, welcome[FACTORD_WELCOME_SLOT_COUNT]},
        {RESP, FACTORD_RESP_HEADER_OUTPUT_COUNT, welcome[FACTORD_WELCOME_OUTPUT_COUNT]},
        {RESP, FACTORD_RESP_HEADER_CLASS, welcome[FACTORD_WELCOME_CLASS]},
        {MODELS, FACTORD_MODELS_MAGIC, FACTORD_MAGIC},
        {MODELS, FACTORD_MODELS_ABI, abi},
        {MODELS, FACTORD_MODELS_LAYOUT_HASH, FACTORD_MODELS_HASH},
        {MODELS, FACTORD_MODELS_MODEL_COUNT, FACTORD_MODEL_COUNT_MAX},
    };
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        const word *words = attempt->regions[claims[i].region].words;
        if (words && get(&words[claims[i].index]) != claims[i].expected) {
            return say(&attempt->why, FACTORD_ERROR_REGION,
                       "attach failed: word %d of %s is not what the handshake says",
                       (int)claims[i].index, REGION_NAMES[claims[i].region]);
        }
    }
    return FACTORD_OK;
}

/* Judges the welcome and maps what came with it. */
static int take_welcome(struct attempt *attempt, const struct target *target,
                        const uint64_t *words, const struct descriptors *descriptors)
{
    if (words[1] != FACTORD_WELCOME) return misspoken(attempt, target, "expected a welcome");
    uint64_t abi = words[FACTORD_WELCOME_ABI];
    uint64_t layout_hash = words[FACTORD_WELCOME_LAYOUT_HASH];
    if (abi >> 16 != FACTORD_ABI_WORD >> 16 || layout_hash != FACTORD_RINGS_HASH) {
        return say(&attempt->why, FACTORD_ERROR_ABI,
                   "daemon speaks ABI %u.%u layout %016llx, this client %u.%u layout %016llx: "
                   "rebuild the client",
                   (unsigned)(abi >> 16 & 0xFFFF), (unsigned)(abi & 0xFFFF),
                   (unsigned long long)layout_hash, (unsigned)(FACTORD_ABI_WORD >> 16),
                   (unsigned)(FACTORD_ABI_WORD & 0xFFFF), (unsigned long long)FACTORD_RINGS_HASH);
    }
    if (words[FACTORD_WELCOME_NONCE] != attempt->nonce ||
        words[FACTORD_WELCOME_FEATURE_COUNT] != target->shape.feature_count ||
        words[FACTORD_WELCOME_SLOT_COUNT] != target->shape.slot_count ||
        words[FACTORD_WELCOME_OUTPUT_COUNT] != target->shape.output_count ||
        words[FACTORD_WELCOME_CLASS] != target->shape.class) {
        return misspoken(attempt, target, "the welcome is for a different greeting");
    }
    bool local = words[FACTORD_WELCOME_RIGHTS] & FACTORD_RIGHT_LOCAL;
    int count = local ? REGION_COUNT : MODELS;
    if (descriptors->count != count) {
        return misspoken(attempt, target, "expected three descriptors, or four");
    }
    for (int region = 0; region < count; region++) {
        int error = open_region(&attempt->regions[region], (enum region)region,
                                descriptors->fds[region],
                                region_len((enum region)region, target->shape), &attempt->why);
        if (error) return error;
    }
    return check_headers(attempt, words);
}

/* Connects, or finds that the daemon has no room yet: then 0. */
static int reach(struct attempt *attempt, const struct target *target)
{
    const struct sockaddr *address = (const struct sockaddr *)&target->address;
    if (connect(attempt->fd, address, target->address_len) == 0 || errno == EISCONN) {
        int error = judge_peer(target, attempt->fd, &attempt->why);
        if (error == FACTORD_OK) greet(attempt, target);
        return error;
    }
    if ((errno == EAGAIN || errno == EINTR) && now_ns() < attempt->end_ns) return 0;
    return unreachable(attempt, target, errno);
}

static int start(struct attempt *attempt, struct target *target)
{
    abandon(attempt);
    attempt->hung_up = false;
    int error = judge_path(target, &attempt->why);
    if (error) return error;
    attempt->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (attempt->fd < 0) {
        return say(&attempt->why, FACTORD_ERROR_SYSTEM,
                   "attach failed: this process can open no more files");
    }
    attempt->step = ROOM;
    attempt->end_ns = added(now_ns(), HANDSHAKE_NS);
    return reach(attempt, target);
}

/* Carries an attempt on as far as it goes without waiting: 1 when it is through, 0 when it waits for
 * the daemon, or an error; the caller then abandons it. */
static int carry_on(struct attempt *attempt, const struct target *target)
{
    if (attempt->step == ROOM) return reach(attempt, target);
    uint64_t words[FACTORD_MESSAGE_WORDS];
    struct descriptors descriptors;
    int got = receive(attempt, target, words, &descriptors);
    if (got <= 0) return got;
    if (attempt->step == A_WELCOME) {
        int error = take_welcome(attempt, target, words, &descriptors);
        close_all(&descriptors);
        if (error) return error;
        const uint64_t mapped = FACTORD_MAPPED;
        send_words(attempt->fd, &mapped, 1);
        attempt->step = READINESS;
        attempt->end_ns = added(now_ns(), HANDSHAKE_NS);
        return 0;
    }
    int strangers = descriptors.count;
    close_all(&descriptors);
    if (words[1] != FACTORD_READY || strangers > 0) {
        return misspoken(attempt, target, "expected ready");
    }
    if (!is_settled(attempt->regions[STATUS].words, attempt->table_tries)) {
        return say(&attempt->why, FACTORD_ERROR_REGION,
                   "attach failed: the model table of STATUS is for ever being written");
    }
    return 1;
}

/* The rule by which daemon and clients find the socket. */
static int find_socket(struct target *target, const char *socket, struct why *why)
{
    struct sockaddr_un *address = &target->address;
    const char *named = socket ? socket : getenv("FACTORD_SOCKET");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    size_t room = sizeof target->path;
    int len;
    if (named && (*named || socket)) {
        len = snprintf(target->path, room, "%s", named);
    } else if (runtime && *runtime) {
        len = snprintf(target->path, room, "%s/factord/factord.sock", runtime);
    } else if (geteuid() == 0) {
        len = snprintf(target->path, room, "/run/factord/factord.sock");
    } else {
        len = snprintf(target->path, room, "/tmp/factord-%u/factord.sock", (unsigned)geteuid());
    }
    if (len < 0 || (size_t)len >= room) {
        return say(why, FACTORD_ERROR_OPTIONS,
                   "the path of the socket is longer than %zu bytes: name a shorter one", room - 1);
    }
    /* The longest path fills its place, without a NUL: the length says where it ends. */
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, target->path, (size_t)len);
    target->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len);
    return FACTORD_OK;
}

/* The user that an option or FACTORD_DAEMON_UID names; root, who is trusted anyway, when none. */
static int find_daemon_uid(struct target *target, uint32_t told, struct why *why)
{
    const char *text = getenv("FACTORD_DAEMON_UID");
    target->daemon_uid = told;
    if (told != 0 || !text || !*text) return FACTORD_OK;
    unsigned long uid = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && uid < UINT32_MAX; at++) {
        uid = 10 * uid + (unsigned long)(*at - '0');
    }
    if (*at || uid >= UINT32_MAX) {
        return say(why, FACTORD_ERROR_OPTIONS,
                   "FACTORD_DAEMON_UID is `%.40s`: it must be the number of a user", text);
    }
    target->daemon_uid = (uid_t)uid;
    return FACTORD_OK;
}

/* ---- The client -------------------------------------------------------------------------- */

/* An answer taken while waiting for a later one. */
struct early {
    uint64_t ticket;
    factord_prediction answer;
};

/* A request under way. */
struct sent {
    /* What its words add to its echo. */
    uint64_t hash;
    /* The client's number of the model that it is for. */
    uint64_t model;
};

/* Which engine answers, as the header of RESP said when it was last read. */
struct epochs {
    uint64_t sequence;
    uint64_t epoch;
    /* The first position that it answers, and the epoch of the engine before it. */
    uint64_t since;
    uint64_t before;
};

/* A version whose parameters came as a file. */
struct image {
    uint64_t fingerprint;
    struct model model;
    /* NULL: it is of a kind or form that this client does not know, or served no more. */
    struct term *terms;
};

/* Images kept at once; the oldest makes room. 25 KB each at 1,024 features. */
#define IMAGE_COUNT_MAX 256

/* What serves one name, as it was published last. */
struct copy {
    /* What requests carried when it was copied. */
    uint64_t meta;
    /* The word that published it; compared with the daemon's before and after an evaluation. */
    uint64_t published;
    /* The champion is here and answers every request. */
    bool sole;
    bool served;
    /* The champion's parameters were published with the rest: they are in `terms`. */
    bool is_inline;
    uint32_t generation;
    uint64_t split;
    uint64_t salt;
    uint64_t fingerprints[FACTORD_ARM_COUNT_MAX];
    /* The champion, if it is here, and its image unless it is inline. */
    struct model champion;
    const struct image *image;
    struct term terms[FACTORD_INLINE_FEATURE_COUNT_MAX];
};

/* A name; its place in the table is the client's number. */
struct name {
    /* The engine's number and the check, as requests carry them. */
    uint64_t meta;
    /* The engine's sequence of names when that was looked up. */
    uint64_t seen;
    struct copy copy;
    /* The only fingerprint whose answers count, if it is pinned. */
    uint64_t pin;
    bool is_pinned;
    char text[FACTORD_NAME_LEN + 1];
};

/* What requests for a name carry that is not served: the engine refuses them in their turn. */
#define NOTHING_MODEL FACTORD_REQUEST_MODEL_NONE
/* The sequence of names of a number that was not looked up in this attachment. */
#define NEVER UINT64_MAX
/* The most numbers of one client, and those that there is room for from the start. */
#define NAME_COUNT_MAX UINT16_MAX
#define NAME_COUNT_FIRST 32

/* The channel to the workers of the other class than the client's own. Every request stands in the
 * client's own ring, which keeps the order. One that is answered "wrong class" there stays untaken, is
 * published in the second channel's ring as well, and gets the answer that comes from there. So the
 * requests are still there when either channel is lost. */
struct second {
    /* A client without names; NULL until one is wanted. */
    factord_client *channel;
    bool is_open;
    /* A request waits for it. */
    bool is_wanted;
    /* Positions of the own ring whose requests were published here, in order: a queue of slot_count. */
    uint64_t *positions;
    uint64_t head;
    uint64_t count;
    /* The first position of the own ring whose answer was not looked at. */
    uint64_t next;
    /* Until then "wrong class" stays an answer, as the daemon refused a second channel. */
    uint64_t declined_until_ns;
};

struct factord_client {
    /* The first slot of each ring; position n is in slot n & mask. */
    word *requests;
    word *responses;
    uint64_t mask;
    size_t stride;
    size_t response_stride;
    size_t width;
    /* The position of the next request, and of the next answer; both start at 1. */
    uint64_t pushed;
    uint64_t popped;
    /* The ticket of position p is base + p. */
    uint64_t base;
    uint64_t flags;
    uint64_t slot_count;
    /* By the client's numbers. */
    struct name *names;
    uint32_t name_count;
    uint32_t name_room;
    bool connected;
    /* Some number is pinned. */
    bool are_pinned;
    int idle;
    uint32_t clock_mask;
    uint32_t empty_looks;
    /* The heartbeat at the last reading of the clock by a local call, local calls that need no other
     * one as long as it does not move, and how many these were at that reading. */
    uint64_t local_beat;
    uint32_t still_calls;
    uint32_t still_calls_max;
    struct epochs epochs;
    /* By the ticket's last bits. */
    struct sent *sent;
    /* Queues of slot_count entries each: more cannot be under way. */
    struct early *early;
    uint64_t early_head;
    uint64_t early_count;
    uint64_t *abandoned;
    uint64_t abandoned_head;
    uint64_t abandoned_count;

    /* One attachment to one engine. */
    struct mapping regions[REGION_COUNT];
    int fd;

    /* The heartbeat and the last answer as seen last, when they moved, when the socket was asked. */
    uint64_t beat_count;
    uint64_t beat_at_ns;
    uint64_t answered;
    uint64_t answered_at_ns;
    uint64_t asked_at_ns;
    uint64_t looked_at_ns;
    uint64_t retry_at_ns;
    uint64_t retry_pause_ns;
    struct target target;
    struct attempt attempt;
    struct second second;

    /* Images of this attachment, the place of the next one, and the one that was asked for. */
    struct image images[IMAGE_COUNT_MAX];
    uint32_t image_count;
    uint32_t image_next;
    uint64_t image_asked;
    bool is_image_asked;
};

/* ---- The names of models ----------------------------------------------------------------- */

/* Names that are there from the start, in the order of their numbers. */
static const char *const FIXED[] = {"regression", "classification"};

static bool is_served(uint64_t meta)
{
    return (meta & FACTORD_REQUEST_MODEL_MASK) != FACTORD_REQUEST_MODEL_NONE;
}

/* Makes room for one more name. */
static int make_name_room(factord_client *client)
{
    if (client->name_count < client->name_room) return FACTORD_OK;
    if (client->name_room >= NAME_COUNT_MAX) return FACTORD_ERROR_TOO_MANY_NAMES;
    uint32_t room = client->name_room == 0 ? NAME_COUNT_FIRST : 2 * client->name_room;
    if (room > NAME_COUNT_MAX) room = NAME_COUNT_MAX;
    struct name *names = realloc(client->names, room * sizeof *names);
    if (!names) return FACTORD_ERROR_SYSTEM;
    client->names = names;
    client->name_room = room;
    return FACTORD_OK;
}

/* The number of a name, new or not; `pin` is the fingerprint that it is pinned to, or NULL. */
static int enter_name(factord_client *client, const char *text, const uint64_t *pin, uint16_t *number)
{
    for (uint32_t i = 0; i < client->name_count; i++) {
        const struct name *name = &client->names[i];
        bool same_pin = name->is_pinned == (pin != NULL) && (!pin || name->pin == *pin);
        if (!same_pin || strcmp(name->text, text) != 0) continue;
        *number = (uint16_t)i;
        return FACTORD_OK;
    }
    int error = make_name_room(client);
    if (error) return error;
    *number = (uint16_t)client->name_count++;
    struct name *name = &client->names[*number];
    *name = (struct name){.meta = NOTHING_MODEL, .seen = NEVER, .is_pinned = pin != NULL};
    if (pin) name->pin = *pin;
    snprintf(name->text, sizeof name->text, "%s", text);
    client->are_pinned |= name->is_pinned;
    return FACTORD_OK;
}

/* Forgets what the engine before said of the names. */
static void forget_numbers(factord_client *client)
{
    for (uint32_t i = 0; i < client->name_count; i++) {
        client->names[i].seen = NEVER;
        client->names[i].copy = (struct copy){.meta = NOTHING_MODEL};
    }
}

/* Looks a name up again in a STATUS region; what its requests carry. A row that is being written is
 * left for the next call. */
COLD static uint64_t look_up(factord_client *client, const word *status, uint16_t model)
{
    factord_model_row row;
    uint32_t check;
    if (model >= client->name_count) return NOTHING_MODEL;
    struct name *name = &client->names[model];
    uint64_t sequence = names_sequence(status);
    uint16_t number = name->meta & FACTORD_REQUEST_MODEL_MASK;
    if (name->seen == sequence) return name->meta;
    if (is_served(name->meta) && read_row(status, number, &row, &check) == SERVED &&
        strcmp(row.name, name->text) == 0) {
        name->seen = sequence;
        return name->meta;
    }
    enum found found = find_row(status, name->text, &row, &check);
    if (found == BEING_WRITTEN) return name->meta;
    name->meta = NOTHING_MODEL;
    if (found == SERVED) name->meta = row.id | (uint64_t)check << FACTORD_REQUEST_CHECK_SHIFT;
    name->seen = sequence;
    return name->meta;
}

/* What a request for a model carries, without flags: one load and one comparison as long as no names
 * come or go. */
static inline uint64_t meta_of(factord_client *client, uint16_t model)
{
    const word *status = client->regions[STATUS].words;
    if (LIKELY(model < client->name_count)) {
        const struct name *name = &client->names[model];
        if (LIKELY(name->seen == names_sequence(status))) return name->meta;
    }
    return look_up(client, status, model);
}

/* Whether a version may answer for a model. */
COLD static bool accepts(const factord_client *client, uint64_t model, uint64_t fingerprint)
{
    if (model >= client->name_count) return true;
    const struct name *name = &client->names[model];
    return !name->is_pinned || name->pin == fingerprint;
}

/* ---- The rings --------------------------------------------------------------------------- */

static inline uint64_t in_flight(const factord_client *client)
{
    return client->pushed - client->popped;
}

static inline bool has_room(const factord_client *client)
{
    return in_flight(client) + client->early_count < client->slot_count;
}

static inline word *request_slot(const factord_client *client, uint64_t position)
{
    return client->requests + (position & client->mask) * client->stride;
}

static inline word *response_slot(const factord_client *client, uint64_t position)
{
    return client->responses + (position & client->mask) * client->response_stride;
}

/* What a request's own words add to the echo that its answer must carry. */
static inline uint64_t hash_of(uint64_t meta, uint64_t key, const double *x, size_t width)
{
    uint64_t turn = FACTORD_ECHO_FIRST_ROTATION;
    uint64_t hash = meta ^ rotated(key, turn);
    for (size_t i = 0; i < width; i++) {
        turn += FACTORD_ECHO_ROTATION_STEP;
        hash ^= rotated(bits_of(x[i]), turn);
    }
    return hash;
}

/* The place of a request's own record: that of its ticket, which stays when positions begin anew. */
static inline struct sent *sent_at(const factord_client *client, uint64_t position)
{
    return &client->sent[(client->base + position) & client->mask];
}

/* Publishes one request; the caller has seen that there is room. */
static inline uint64_t push(factord_client *client, uint16_t model, uint64_t key, const double *x)
{
    uint64_t meta = meta_of(client, model) | client->flags;
    uint64_t position = client->pushed++;
    word *slot = request_slot(client, position);
    word *features = slot + FACTORD_REQUEST_FEATURES;
    put(&slot[FACTORD_REQUEST_META], meta);
    put(&slot[FACTORD_REQUEST_KEY], key);
    if (LIKELY(client->width == 3)) {
        put(&features[0], bits_of(x[0]));
        put(&features[1], bits_of(x[1]));
        put(&features[2], bits_of(x[2]));
    } else {
        for (size_t i = 0; i < client->width; i++) put(&features[i], bits_of(x[i]));
    }
    /* Release: pairs with the worker's look at the sequence; publishes the payload. */
    atomic_store_explicit(&slot[FACTORD_REQUEST_SEQUENCE], position, memory_order_release);
    /* After the store: the request is on its way meanwhile. Kept in private memory: reading a slot
     * again that the worker has read moves its line back. */
    *sent_at(client, position) = (struct sent){
        LIKELY(client->width == 3) ? hash_of(meta, key, x, 3) : hash_of(meta, key, x, client->width),
        model,
    };
    return position;
}

/* Whether the answer of a position is there. Acquire: pairs with the worker's release store of the
 * sequence; the payload is read after it. */
static inline bool is_answered(const factord_client *client, uint64_t position)
{
    return get_acquire(&response_slot(client, position)[FACTORD_RESPONSE_SEQUENCE]) == position;
}

COLD static int refusal_of(uint64_t verdict, factord_prediction *out)
{
    switch (verdict & 0xFFFF) {
    case FACTORD_STATUS_UNKNOWN_MODEL: return fail(out, FACTORD_ERROR_UNKNOWN_MODEL);
    case FACTORD_STATUS_WIDTH_MISMATCH: return fail(out, FACTORD_ERROR_WIDTH_MISMATCH);
    case FACTORD_STATUS_WRONG_CLASS: return fail(out, FACTORD_ERROR_WRONG_CLASS);
    default: return fail(out, FACTORD_ERROR_BAD_INPUT);
    }
}

/* Reads which engine answers. Acquire loads: each is ordered before the next, and all before the second
 * look at the sequence. */
COLD static void read_epochs(struct epochs *epochs, const word *header)
{
    struct epochs found = {
        .sequence = get_acquire(&header[FACTORD_RESP_HEADER_EPOCH_SEQUENCE]),
        .epoch = get_acquire(&header[FACTORD_RESP_HEADER_EPOCH]),
        .since = get_acquire(&header[FACTORD_RESP_HEADER_EPOCH_SINCE]),
        .before = get_acquire(&header[FACTORD_RESP_HEADER_EPOCH_BEFORE]),
    };
    /* In the middle of a change, too, which is made in the other order: docs/abi.md. */
    if (get(&header[FACTORD_RESP_HEADER_EPOCH_SEQUENCE]) == found.sequence) *epochs = found;
}

/* The epoch of the engine that answered a position. The engine changed the header before it published
 * that answer, whose sequence was loaded with acquire. */
static inline uint64_t epoch_of(factord_client *client, uint64_t position)
{
    const word *header = client->regions[RESP].words;
    if (UNLIKELY(get(&header[FACTORD_RESP_HEADER_EPOCH_SEQUENCE]) != client->epochs.sequence)) {
        read_epochs(&client->epochs, header);
    }
    return LIKELY(position >= client->epochs.since) ? client->epochs.epoch : client->epochs.before;
}

/* Takes the answer of the next position, which is there. */
static inline int pop(factord_client *client, factord_prediction *out)
{
    uint64_t position = client->popped++;
    const struct sent *sent = sent_at(client, position);
    uint64_t echo = position * FACTORD_ECHO_MULTIPLIER ^ sent->hash;
    const word *slot = response_slot(client, position);
    uint64_t verdict = get(&slot[FACTORD_RESPONSE_VERDICT]);
    if (UNLIKELY(get(&slot[FACTORD_RESPONSE_ECHO]) != echo)) {
        return fail(out, FACTORD_ERROR_ECHO_MISMATCH);
    }
    if (UNLIKELY((verdict & 0xFFFF) != FACTORD_STATUS_OK)) return refusal_of(verdict, out);
    out->y = of_bits(get(&slot[FACTORD_RESPONSE_Y]));
    out->second = of_bits(get(&slot[FACTORD_RESPONSE_SECOND]));
    out->epoch = epoch_of(client, position);
    out->t_received = get(&slot[FACTORD_RESPONSE_T_RECEIVED]);
    out->t_done = get(&slot[FACTORD_RESPONSE_T_DONE]);
    out->fingerprint = get(&slot[FACTORD_RESPONSE_FINGERPRINT]);
    out->generation = (uint32_t)(verdict >> 32);
    out->arm = (uint16_t)(verdict >> 16);
    out->error = FACTORD_OK;
    if (UNLIKELY(client->are_pinned) && !accepts(client, sent->model, out->fingerprint)) {
        return fail(out, FACTORD_ERROR_OTHER_VERSION);
    }
    return FACTORD_OK;
}

static void keep_early(factord_client *client, uint64_t ticket, const factord_prediction *answer)
{
    uint64_t at = (client->early_head + client->early_count++) & client->mask;
    client->early[at] = (struct early){ticket, *answer};
}

static void give_up_on(factord_client *client, uint64_t ticket)
{
    client->abandoned[(client->abandoned_head + client->abandoned_count++) & client->mask] = ticket;
}

/* ---- The second channel ------------------------------------------------------------------ */

/* How long "wrong class" stays an answer after the daemon refused a second channel: a quota may be
 * free again by then, and one attach a second burdens nobody. */
#define DECLINED_NS FACTORD_S

static uint16_t status_at(const factord_client *client, uint64_t position)
{
    return get(&response_slot(client, position)[FACTORD_RESPONSE_VERDICT]) & 0xFFFF;
}

/* Publishes the request of a position in a slot of another ring as well, where requests for its model
 * carry `meta`; returns what its words add to its echo there. Whatever was written over the request
 * meanwhile, its answer then has another echo. */
static uint64_t publish_in(const factord_client *client, uint64_t position, word *slot,
                           uint64_t sequence, uint64_t meta)
{
    const word *old = request_slot(client, position);
    uint64_t before = get(&old[FACTORD_REQUEST_META]);
    uint64_t after = meta | (before & FACTORD_REQUEST_FLAG_STAMP);
    put(&slot[FACTORD_REQUEST_META], after);
    for (size_t at = FACTORD_REQUEST_KEY; at < FACTORD_REQUEST_FEATURES + client->width; at++) {
        put(&slot[at], get(&old[at]));
    }
    /* Release: as in push. */
    atomic_store_explicit(&slot[FACTORD_REQUEST_SEQUENCE], sequence, memory_order_release);
    return sent_at(client, position)->hash ^ before ^ after;
}

/* Publishes what was answered "wrong class" in the second ring, which has a slot for each of the own. */
static void go_over(factord_client *client)
{
    struct second *second = &client->second;
    factord_client *channel = second->channel;
    if (!second->is_open) return;
    if (second->next < client->popped) second->next = client->popped;
    for (; second->next < client->pushed && is_answered(client, second->next); second->next++) {
        if (status_at(client, second->next) != FACTORD_STATUS_WRONG_CLASS) continue;
        uint64_t model = sent_at(client, second->next)->model;
        uint64_t meta = meta_of(client, (uint16_t)model);
        uint64_t position = channel->pushed++;
        word *slot = request_slot(channel, position);
        uint64_t hash = publish_in(client, second->next, slot, position, meta);
        *sent_at(channel, position) = (struct sent){hash, model};
        second->positions[(second->head + second->count++) & client->mask] = second->next;
    }
}

/* Takes the second channel's answer to a position of the own ring, if it is there. */
static bool pop_over(factord_client *client, uint64_t position, factord_prediction *out)
{
    struct second *second = &client->second;
    while (second->is_open && second->count > 0) {
        uint64_t first = second->positions[second->head];
        if (first > position || !is_answered(second->channel, second->channel->popped)) break;
        pop(second->channel, out);
        second->head = (second->head + 1) & client->mask;
        second->count--;
        /* An earlier one was answered otherwise after all: the daemon changed its word. */
        if (first == position) return true;
    }
    return false;
}

/* Puts the second channel's answer in the place of "wrong class", which was taken last. False: it is
 * not there yet, and the refusal was put back. */
COLD static bool settle_class(factord_client *client, factord_prediction *out)
{
    uint64_t position = client->popped - 1;
    uint64_t model = sent_at(client, position)->model;
    if (now_ns() < client->second.declined_until_ns) return true;
    if (pop_over(client, position, out)) {
        bool own = out->error != FACTORD_OK || accepts(client, model, out->fingerprint);
        if (!own) fail(out, FACTORD_ERROR_OTHER_VERSION);
        return true;
    }
    client->popped--;
    client->second.is_wanted = true;
    go_over(client);
    return false;
}

/* Takes the answer of the next position, which is there unless the second channel owes it. */
static inline bool pop_next(factord_client *client, factord_prediction *out)
{
    return LIKELY(pop(client, out) != FACTORD_ERROR_WRONG_CLASS) || settle_class(client, out);
}

/* ---- Answers in their order -------------------------------------------------------------- */

/* Takes the next answer that somebody waits for. What nobody asked is no answer: a daemon that lies
 * may fill its ring ahead of any request. */
static inline bool take_next(factord_client *client, uint64_t *ticket, factord_prediction *out)
{
    while (in_flight(client) > 0 && is_answered(client, client->popped)) {
        *ticket = client->base + client->popped;
        if (!pop_next(client, out)) return false;
        if (LIKELY(client->abandoned_count == 0) ||
            client->abandoned[client->abandoned_head] != *ticket) {
            return true;
        }
        client->abandoned_head = (client->abandoned_head + 1) & client->mask;
        client->abandoned_count--;
    }
    return false;
}

/* Keeps what is answered for factord_poll and drops what nobody waits for; for calls that wait for
 * nothing themselves. */
COLD static void set_aside(factord_client *client)
{
    uint64_t ticket;
    factord_prediction answer;
    while (take_next(client, &ticket, &answer)) keep_early(client, ticket, &answer);
}

/* ---- Images ------------------------------------------------------------------------------ */

/* Words of the longest image: header, intercept, and three numbers a feature. */
#define IMAGE_START (FACTORD_IMAGE_PARAMETERS + FACTORD_LINE_WORDS)
#define IMAGE_WORDS_MAX (IMAGE_START + 3 * FACTORD_FEATURE_COUNT_MAX)

/* Reads a memory file whole; how many words it has, or 0. Its length is a stranger's number. */
static size_t read_file(int fd, uint64_t words[IMAGE_WORDS_MAX])
{
    struct stat file;
    /* A memory file has seals, and nobody waits in a read from it. */
    if (fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &file) != 0) return 0;
    if (file.st_size < 0 || (uint64_t)file.st_size > 8 * IMAGE_WORDS_MAX) return 0;
    size_t len = (size_t)file.st_size;
    size_t done = 0;
    while (done < len) {
        ssize_t got = pread(fd, (char *)words + done, len - done, (off_t)done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        done += (size_t)got;
    }
    return len / 8;
}

/* Takes a version from the words of an image that should be of the artifact with this fingerprint; no
 * number in it is used before it is compared. */
static bool take_image_words(struct image *image, const uint64_t *words, size_t count)
{
    if (count < IMAGE_START) return false;
    uint64_t width = part_of(words[FACTORD_IMAGE_SHAPE], 32, 16);
    uint32_t kind = (uint32_t)words[FACTORD_IMAGE_SHAPE];
    bool ours = words[FACTORD_IMAGE_MAGIC] == FACTORD_MAGIC &&
                words[FACTORD_IMAGE_ABI] >> 16 == FACTORD_ABI_WORD >> 16 &&
                words[FACTORD_IMAGE_LAYOUT_HASH] == FACTORD_IMAGE_HASH &&
                words[FACTORD_IMAGE_FINGERPRINT] == image->fingerprint &&
                words[FACTORD_IMAGE_WORD_COUNT] == count &&
                words[FACTORD_IMAGE_FORM] == FACTORD_IMAGE_FORM_PLAIN;
    if (!ours || !is_sound_shape(kind, width, FACTORD_FEATURE_COUNT_MAX)) return false;
    if (count < IMAGE_START + (kind == FACTORD_LINEAR ? 1 : 3) * width) return false;
    image->model = (struct model){kind, (uint32_t)width, of_bits(words[FACTORD_IMAGE_PARAMETERS])};
    if (!isfinite(image->model.intercept)) return false;
    struct term *terms = calloc(width, sizeof *terms);
    bool sound = terms;
    for (size_t i = 0; i < width && sound; i++) {
        terms[i].weight = of_bits(words[IMAGE_START + i]);
        if (kind != FACTORD_LINEAR) {
            terms[i].mean = of_bits(words[IMAGE_START + width + i]);
            terms[i].scale = of_bits(words[IMAGE_START + 2 * width + i]);
        }
        sound = is_sound_term(kind, &terms[i]);
    }
    if (!sound) {
        free(terms);
        return false;
    }
    image->terms = terms;
    return true;
}

/* The place of the next image; what it held, no copy holds any longer. */
static struct image *next_image(factord_client *client)
{
    struct image *image = &client->images[client->image_next];
    client->image_next = (client->image_next + 1) % IMAGE_COUNT_MAX;
    if (client->image_count < IMAGE_COUNT_MAX) {
        client->image_count++;
        return image;
    }
    for (uint32_t i = 0; i < client->name_count; i++) {
        struct copy *copy = &client->names[i].copy;
        if (copy->image == image) *copy = (struct copy){.meta = NOTHING_MODEL};
    }
    free(image->terms);
    return image;
}

/* Takes the reply that is under way, if it is there. */
static void take_image(factord_client *client)
{
    uint64_t message[FACTORD_MESSAGE_WORDS];
    uint64_t words[IMAGE_WORDS_MAX];
    struct descriptors descriptors;
    enum heard heard = hear(client->fd, message, &descriptors);
    if (heard == SILENCE) return;
    client->is_image_asked = false;
    struct image *image = next_image(client);
    *image = (struct image){.fingerprint = client->image_asked};
    bool replied = heard == A_MESSAGE && message[1] == FACTORD_REPLY &&
                   message[FACTORD_REPLY_CODE] == 0 && descriptors.count == 1;
    if (replied) take_image_words(image, words, read_file(descriptors.fds[0], words));
    close_all(&descriptors);
}

/* Asks for an image on the channel's own connection. */
static void ask_image(factord_client *client, uint64_t fingerprint)
{
    uint64_t command[FACTORD_COMMAND_ARGUMENT] = {FACTORD_COMMAND};
    command[FACTORD_COMMAND_ABI - 1] = FACTORD_ABI_WORD;
    command[FACTORD_COMMAND_VERB - 1] = FACTORD_VERB_IMAGE;
    command[FACTORD_COMMAND_ARGUMENT - 1] = fingerprint;
    client->image_asked = fingerprint;
    client->is_image_asked = send_words(client->fd, command, sizeof command / sizeof *command);
}

/* The version with this fingerprint; NULL when it is not here yet, and then it is asked for once no
 * other one is under way, or when it cannot be used. */
static const struct image *image_of(factord_client *client, uint64_t fingerprint)
{
    int number = errno;
    const struct image *found = NULL;
    bool known = false;
    if (client->is_image_asked) take_image(client);
    for (uint32_t i = 0; i < client->image_count && !known; i++) {
        known = client->images[i].fingerprint == fingerprint;
        if (known && client->images[i].terms) found = &client->images[i];
    }
    if (!known && !client->is_image_asked) ask_image(client, fingerprint);
    errno = number;
    return found;
}

static void drop_images(factord_client *client)
{
    for (uint32_t i = 0; i < client->image_count; i++) free(client->images[i].terms);
    client->image_count = 0;
    client->image_next = 0;
    client->is_image_asked = false;
}

/* ---- What becomes of a dead engine ------------------------------------------------------- */

/* A heartbeat that stands still for so long makes the client ask the socket whether the engine
 * lives: the daemon beats every 10 ms. */
#define HEARTBEAT_STALE_NS (25 * FACTORD_MS)
/* So does an answer that is not there for so long: the heart beats on when the daemon hangs up on
 * this client alone. */
#define ANSWER_STALE_NS (100 * FACTORD_MS)
/* First and longest pause between two attempts to attach again. */
#define RETRY_FIRST_NS (1 * FACTORD_MS)
#define RETRY_LAST_NS (100 * FACTORD_MS)
/* How long a call that waits for nothing gives a handshake when such calls come less than twice a
 * second: the daemon gives up on an attach that takes longer than a second. */
#define PATIENCE_NS (2 * FACTORD_MS)

static bool hung_up(int fd)
{
    struct pollfd set = {.fd = fd, .events = POLLRDHUP};
    return poll(&set, 1, 0) > 0 && (set.revents & (POLLHUP | POLLERR | POLLRDHUP | POLLNVAL));
}

/* Lets go of an attachment. */
static void detach(factord_client *client)
{
    for (int i = 0; i < REGION_COUNT; i++) unmap(&client->regions[i]);
    if (client->fd >= 0) close(client->fd);
    client->fd = -1;
    drop_images(client);
}

/* Puts the regions of an attempt that is through in the place of the old ones. */
static void adopt(factord_client *client)
{
    struct attempt *attempt = &client->attempt;
    detach(client);
    memcpy(client->regions, attempt->regions, sizeof client->regions);
    memset(attempt->regions, 0, sizeof attempt->regions);
    client->fd = attempt->fd;
    attempt->fd = -1;
    attempt->step = NOTHING;
    client->requests = client->regions[REQ].words + header_words();
    client->responses = client->regions[RESP].words + header_words();
    client->epochs = (struct epochs){.sequence = 0};
    read_epochs(&client->epochs, client->regions[RESP].words);
    client->pushed = 1;
    client->popped = 1;
    client->still_calls = 0;
    uint64_t now = now_ns();
    client->beat_count = get(&client->regions[STATUS].words[FACTORD_STATUS_HEARTBEAT_COUNT]);
    client->beat_at_ns = now;
    client->answered = 1;
    client->answered_at_ns = now;
    client->asked_at_ns = now;
    client->connected = true;
}

/* Gives the second channel up; what it owes still stands in the client's own ring. */
static void close_second(factord_client *client)
{
    struct second *second = &client->second;
    if (!second->channel) return;
    abandon(&second->channel->attempt);
    detach(second->channel);
    second->channel->retry_pause_ns = RETRY_FIRST_NS;
    second->channel->retry_at_ns = 0;
    second->is_open = false;
    second->is_wanted = false;
    second->count = 0;
    second->next = 0;
}

/* Takes the new rings and publishes every unanswered request in them, in order, each for the model of
 * the same name. */
static void publish_again(factord_client *client)
{
    struct attempt *attempt = &client->attempt;
    const word *status = attempt->regions[STATUS].words;
    word *fresh = attempt->regions[REQ].words + header_words();
    uint64_t count = in_flight(client);
    uint64_t first = client->base + client->popped;
    forget_numbers(client);
    for (uint64_t i = 0; i < count; i++) {
        word *slot = fresh + ((1 + i) & client->mask) * client->stride;
        struct sent *sent = sent_at(client, client->popped + i);
        uint64_t meta = look_up(client, status, (uint16_t)sent->model);
        sent->hash = publish_in(client, client->popped + i, slot, 1 + i, meta);
    }
    adopt(client);
    close_second(client);
    client->base = first - client->popped;
    client->pushed = 1 + count;
}

/* Carries an attempt on, waiting for the daemon at most until `end_ns`. */
static int carry_on_until(struct attempt *attempt, struct target *target, uint64_t end_ns)
{
    for (;;) {
        int got = attempt->step == NOTHING ? start(attempt, target) : carry_on(attempt, target);
        uint64_t now = now_ns();
        if (got != 0 || now >= end_ns) return got;
        if (attempt->step == ROOM) {
            const struct timespec pause = {0, (long)FACTORD_MS};
            nanosleep(&pause, NULL);
        } else {
            uint64_t left_ns = since(least(end_ns, attempt->end_ns), now);
            const struct timespec left = {(time_t)(left_ns / FACTORD_S),
                                          (long)(left_ns % FACTORD_S)};
            struct pollfd set = {.fd = attempt->fd, .events = POLLIN};
            ppoll(&set, 1, &left, NULL);
        }
    }
}

/* Begins an attempt to attach, or carries it on; waits for its steps no longer than it is told to. 1
 * when it is through, 0 when not yet, or an error. */
static int try_to_attach(factord_client *client, uint64_t now, uint64_t patience_ns)
{
    struct attempt *attempt = &client->attempt;
    uint64_t end_ns = 0;
    if (attempt->step == NOTHING && now < client->retry_at_ns) return 0;
    if (attempt->step != NOTHING && since(now, client->looked_at_ns) > HANDSHAKE_NS / 2) {
        /* Called so rarely, no attempt would ever get through. */
        abandon(attempt);
        end_ns = added(now, patience_ns);
    }
    client->looked_at_ns = now;
    return carry_on_until(attempt, &client->target, end_ns);
}

/* Gives an attempt up; the next one comes after a pause. */
static void retry_later(factord_client *client)
{
    abandon(&client->attempt);
    client->retry_at_ns = added(now_ns(), client->retry_pause_ns);
    client->retry_pause_ns = least(2 * client->retry_pause_ns, RETRY_LAST_NS);
}

static void attach_again(factord_client *client, uint64_t now, uint64_t patience_ns)
{
    /* What the dead engine answered is still there: the caller takes it first. But for what the second
     * channel would have answered. */
    if (in_flight(client) > 0 && is_answered(client, client->popped) &&
        status_at(client, client->popped) != FACTORD_STATUS_WRONG_CLASS) {
        return;
    }
    int got = try_to_attach(client, now, patience_ns);
    if (got > 0) publish_again(client);
    if (got < 0) retry_later(client);
}

/* Whether waiting may mend why an attach failed. */
static bool may_pass(const struct attempt *attempt)
{
    int error = attempt->why.error;
    return error == FACTORD_ERROR_UNREACHABLE || error == FACTORD_ERROR_ATTACH_DEADLINE ||
           error == FACTORD_ERROR_REFUSED_BUSY || error == FACTORD_ERROR_REFUSED_TOO_MANY ||
           attempt->hung_up;
}

/* Makes what a second channel needs in this process; false without memory. */
static bool make_second(factord_client *client)
{
    struct second *second = &client->second;
    if (second->channel) return true;
    factord_client *made = calloc(1, sizeof *made);
    uint64_t *positions = calloc(client->slot_count, sizeof *positions);
    struct sent *sent = calloc(client->slot_count, sizeof *sent);
    if (!made || !positions || !sent) {
        free(made);
        free(positions);
        free(sent);
        return false;
    }
    made->fd = -1;
    made->attempt.fd = -1;
    made->attempt.table_tries = 1;
    made->target = client->target;
    made->target.shape.class = client->target.shape.class == FACTORD_CLASS_HEAVY
                                   ? FACTORD_CLASS_LIGHT
                                   : FACTORD_CLASS_HEAVY;
    made->mask = client->mask;
    made->slot_count = client->slot_count;
    made->width = client->width;
    made->stride = client->stride;
    made->response_stride = client->response_stride;
    made->retry_pause_ns = RETRY_FIRST_NS;
    made->sent = sent;
    second->positions = positions;
    second->channel = made;
    return true;
}

/* One step of opening the second channel. */
static void open_second(factord_client *client, uint64_t now, uint64_t patience_ns)
{
    struct second *second = &client->second;
    factord_client *channel = second->channel;
    int got = try_to_attach(channel, now, patience_ns);
    if (got > 0) {
        const word *status = channel->attempt.regions[STATUS].words;
        /* That of another engine has to wait until the own channel goes over to it, too. */
        if (get(&status[FACTORD_STATUS_EPOCH]) != factord_epoch(client)) {
            retry_later(channel);
            return;
        }
        adopt(channel);
        channel->retry_pause_ns = RETRY_FIRST_NS;
        second->is_open = true;
        go_over(client);
    } else if (got < 0 && may_pass(&channel->attempt)) {
        retry_later(channel);
    } else if (got < 0) {
        abandon(&channel->attempt);
        second->is_wanted = false;
        second->declined_until_ns = added(now_ns(), DECLINED_NS);
    }
}

/* Has a second channel where one is wanted, and notices when the daemon hangs up on it. */
static void look_after_second(factord_client *client, uint64_t now, uint64_t patience_ns)
{
    struct second *second = &client->second;
    if (second->is_open) {
        factord_client *channel = second->channel;
        if (second->count == 0 || since(now, channel->asked_at_ns) <= ANSWER_STALE_NS) return;
        channel->asked_at_ns = now;
        if (hung_up(channel->fd)) close_second(client);
    } else if (second->is_wanted && make_second(client)) {
        open_second(client, now, patience_ns);
    } else if (second->is_wanted) {
        second->is_wanted = false;
        second->declined_until_ns = added(now, DECLINED_NS);
    }
}

/* Notices a dead engine and attaches again, without ever waiting for it; called about once a
 * microsecond of waiting. */
COLD static void look_after_engine(factord_client *client, uint64_t patience_ns)
{
    int number = errno;
    uint64_t now = now_ns();
    if (client->connected) {
        uint64_t count = get(&client->regions[STATUS].words[FACTORD_STATUS_HEARTBEAT_COUNT]);
        if (count != client->beat_count) {
            client->beat_count = count;
            client->beat_at_ns = now;
        }
        if (client->popped != client->answered || in_flight(client) == 0) {
            client->answered = client->popped;
            client->answered_at_ns = now;
        }
        uint64_t unasked = since(now, client->asked_at_ns);
        if (least(since(now, client->beat_at_ns), unasked) > HEARTBEAT_STALE_NS ||
            least(since(now, client->answered_at_ns), unasked) > ANSWER_STALE_NS) {
            client->asked_at_ns = now;
            client->connected = !hung_up(client->fd);
            client->retry_pause_ns = RETRY_FIRST_NS;
            client->retry_at_ns = now;
        }
    }
    if (client->connected) {
        look_after_second(client, now, patience_ns);
    } else {
        attach_again(client, now, patience_ns);
    }
    errno = number;
}

/* ---- Waiting ----------------------------------------------------------------------------- */

/* Looks for an answer before a waiting call turns to clocks: some ten round trips. */
#define QUICK_LOOKS 64
/* Empty looks between two readings of the clock, less one: with a pause of some 15 ns each, it is
 * read about once a microsecond. A strategy that gives the core away reads it at each look. */
#define CLOCK_MASK 63
/* Turns of a back-off that pause 2^turn times, and those that only yield after them. */
#define PAUSING_TURNS 6
#define YIELDING_TURNS 10

static void wait_once(int idle, uint32_t *turn)
{
    if (idle == FACTORD_IDLE_SPIN) {
        pause_pipeline();
    } else if (idle == FACTORD_IDLE_YIELD) {
        sched_yield();
    } else if (idle == FACTORD_IDLE_BACKOFF) {
        if (*turn > YIELDING_TURNS) {
            const struct timespec pause = {0, 100 * (long)FACTORD_US};
            nanosleep(&pause, NULL);
            return;
        }
        if (*turn <= PAUSING_TURNS) {
            for (uint32_t i = 0; i < 1u << *turn; i++) pause_pipeline();
        } else {
            sched_yield();
        }
        ++*turn;
    }
}

/* What a call says that ran out of time. */
static int late(const factord_client *client)
{
    return client->connected ? FACTORD_ERROR_DEADLINE : FACTORD_ERROR_NOT_CONNECTED;
}

/* Waits until the answer of `ticket` is there; those before it are kept for factord_poll. */
COLD static int wait_for(factord_client *client, uint64_t ticket, uint64_t deadline_ns,
                         factord_prediction *out)
{
    uint32_t turn = 0;
    uint32_t looks = 0;
    uint64_t end_ns = 0;
    for (;;) {
        uint64_t taken;
        if (take_next(client, &taken, out)) {
            if (taken == ticket) return out->error;
            keep_early(client, taken, out);
            continue;
        }
        if ((++looks & client->clock_mask) == 0) {
            uint64_t now = now_ns();
            /* The first reading comes about a microsecond after the start. */
            if (end_ns == 0) end_ns = added(now, deadline_ns);
            if (now >= end_ns) {
                give_up_on(client, ticket);
                return fail(out, late(client));
            }
            look_after_engine(client, 0);
        }
        wait_once(client->idle, &turn);
    }
}

/* ---- The call shapes --------------------------------------------------------------------- */

/* Makes room in the ring and looks after the engine, as far as that goes without waiting. */
COLD static int make_ready(factord_client *client, uint64_t patience_ns)
{
    set_aside(client);
    if (!client->connected) look_after_engine(client, patience_ns);
    if (!has_room(client)) return FACTORD_ERROR_BACK_PRESSURE;
    return client->connected ? FACTORD_OK : FACTORD_ERROR_NOT_CONNECTED;
}

INLINE int submit(factord_client *client, uint16_t model, uint64_t key, const double *x,
                  size_t x_count, uint64_t patience_ns, uint64_t *ticket)
{
    if (UNLIKELY(x_count != client->width)) return FACTORD_ERROR_WIDTH_MISMATCH;
    if (UNLIKELY(!has_room(client) || !client->connected)) {
        int error = make_ready(client, patience_ns);
        if (error) return error;
    }
    *ticket = client->base + push(client, model, key, x);
    return FACTORD_OK;
}

int factord_submit(factord_client *client, uint16_t model, const double *x, size_t x_count,
                   uint64_t *ticket)
{
    return submit(client, model, 0, x, x_count, PATIENCE_NS, ticket);
}

int factord_submit_keyed(factord_client *client, uint16_t model, uint64_t key, const double *x,
                         size_t x_count, uint64_t *ticket)
{
    return submit(client, model, key, x, x_count, PATIENCE_NS, ticket);
}

/* Waits for room in the ring, or for the engine, then predicts. */
COLD static int predict_late(factord_client *client, uint16_t model, uint64_t key, const double *x,
                             size_t x_count, uint64_t deadline_ns, factord_prediction *out)
{
    uint64_t end_ns = added(now_ns(), deadline_ns);
    uint32_t turn = 0;
    for (;;) {
        uint64_t ticket;
        int error = submit(client, model, key, x, x_count, 0, &ticket);
        if (error == FACTORD_OK) {
            return wait_for(client, ticket, since(end_ns, now_ns()), out);
        }
        if (error != FACTORD_ERROR_BACK_PRESSURE && error != FACTORD_ERROR_NOT_CONNECTED) {
            return fail(out, error);
        }
        if (now_ns() >= end_ns) {
            return fail(out, client->connected ? FACTORD_ERROR_BACK_PRESSURE
                                               : FACTORD_ERROR_NOT_CONNECTED);
        }
        look_after_engine(client, 0);
        wait_once(client->idle, &turn);
    }
}

INLINE int predict(factord_client *client, uint16_t model, uint64_t key, const double *x,
                   size_t x_count, uint64_t deadline_ns, factord_prediction *out)
{
    if (UNLIKELY(x_count != client->width)) return fail(out, FACTORD_ERROR_WIDTH_MISMATCH);
    if (UNLIKELY(!has_room(client) || !client->connected)) {
        return predict_late(client, model, key, x, x_count, deadline_ns, out);
    }
    uint64_t ticket = client->base + push(client, model, key, x);
    /* With nothing else under way the next answer is this one's and needs no sorting. */
    if (LIKELY(in_flight(client) == 1)) {
        for (int look = 0; look < QUICK_LOOKS; look++) {
            if (is_answered(client, client->popped) && pop_next(client, out)) return out->error;
            pause_pipeline();
        }
    }
    return wait_for(client, ticket, deadline_ns, out);
}

int factord_predict(factord_client *client, uint16_t model, const double *x, size_t x_count,
                    uint64_t deadline_ns, factord_prediction *out)
{
    return predict(client, model, 0, x, x_count, deadline_ns, out);
}

int factord_predict_keyed(factord_client *client, uint16_t model, uint64_t key, const double *x,
                          size_t x_count, uint64_t deadline_ns, factord_prediction *out)
{
    return predict(client, model, key, x, x_count, deadline_ns, out);
}

/* Takes the next answer, one that was taken early first. */
static inline bool take(factord_client *client, uint64_t *ticket, factord_prediction *out)
{
    if (UNLIKELY(client->early_count > 0)) {
        const struct early *entry = &client->early[client->early_head];
        *ticket = entry->ticket;
        *out = entry->answer;
        client->early_head = (client->early_head + 1) & client->mask;
        client->early_count--;
        return true;
    }
    return take_next(client, ticket, out);
}

/* What a poll says that found nothing. */
static inline int nothing_there(factord_client *client)
{
    bool opening = client->second.is_wanted && !client->second.is_open;
    if (UNLIKELY((++client->empty_looks & client->clock_mask) == 0 || !client->connected ||
                 opening)) {
        look_after_engine(client, PATIENCE_NS);
    }
    return LIKELY(client->connected) ? 0 : FACTORD_ERROR_NOT_CONNECTED;
}

int factord_poll(factord_client *client, uint64_t *ticket, factord_prediction *out)
{
    return take(client, ticket, out) ? 1 : nothing_there(client);
}

int factord_poll_many(factord_client *client, uint64_t *tickets, factord_prediction *out, size_t room)
{
    size_t most = (size_t)least(room, INT_MAX);
    size_t count = 0;
    while (count < most && take(client, &tickets[count], &out[count])) count++;
    return count > 0 ? (int)count : nothing_there(client);
}

/* Requests pushed, and answers taken, by turns: enough lines under way to hide a transfer, few
 * enough to keep both sides busy. */
#define BURST 16

/* A batch under way: entry i is of model and row i times the step. */
struct batch {
    const uint16_t *models;
    size_t model_step;
    uint64_t key;
    const double *rows;
    size_t row_step;
    size_t count;
    factord_prediction *out;
    size_t submitted;
    size_t taken;
    uint64_t first_ticket;
};

static inline void push_burst(factord_client *client, struct batch *batch)
{
    for (int i = 0; i < BURST && batch->submitted < batch->count; i++) {
        if (!has_room(client) || !client->connected) return;
        uint16_t model = batch->models[batch->submitted * batch->model_step];
        const double *row = batch->rows + batch->submitted * batch->row_step;
        uint64_t position = push(client, model, batch->key, row);
        if (batch->submitted++ == 0) batch->first_ticket = client->base + position;
    }
}

static inline void take_burst(factord_client *client, struct batch *batch)
{
    /* These loads do not depend on each other, so the lines of all answers travel at once. */
    uint64_t limit = least(BURST, in_flight(client));
    uint64_t ready = 0;
    while (ready < limit && is_answered(client, client->popped + ready)) ready++;
    for (; ready > 0; ready--) {
        uint64_t ticket;
        factord_prediction answer;
        if (!take_next(client, &ticket, &answer)) return;
        if (batch->submitted > 0 && ticket >= batch->first_ticket) {
            batch->out[batch->taken++] = answer;
        } else {
            keep_early(client, ticket, &answer);
        }
    }
}

COLD static int give_up_batch(factord_client *client, const struct batch *batch)
{
    bool no_room = client->connected && batch->submitted == 0;
    int error = no_room ? FACTORD_ERROR_BACK_PRESSURE : late(client);
    for (size_t i = batch->taken; i < batch->count; i++) fail(&batch->out[i], error);
    for (size_t i = batch->taken; i < batch->submitted; i++) {
        give_up_on(client, batch->first_ticket + i);
    }
    return error;
}

static int go_through(factord_client *client, struct batch *batch, uint64_t deadline_ns)
{
    uint64_t end_ns = added(now_ns(), deadline_ns);
    uint32_t turn = 0;
    uint32_t looks = 0;
    while (batch->taken < batch->count) {
        size_t before = batch->submitted + batch->taken;
        push_burst(client, batch);
        take_burst(client, batch);
        if (LIKELY(batch->submitted + batch->taken != before)) {
            turn = 0;
            continue;
        }
        if ((++looks & client->clock_mask) == 0) {
            if (now_ns() >= end_ns) return give_up_batch(client, batch);
            look_after_engine(client, 0);
        }
        wait_once(client->idle, &turn);
    }
    return FACTORD_OK;
}

int factord_predict_batch(factord_client *client, uint16_t model, const double *rows,
                          size_t row_count, uint64_t deadline_ns, factord_prediction *out)
{
    return factord_predict_batch_keyed(client, model, 0, rows, row_count, deadline_ns, out);
}

int factord_predict_batch_keyed(factord_client *client, uint16_t model, uint64_t key,
                                const double *rows, size_t row_count, uint64_t deadline_ns,
                                factord_prediction *out)
{
    struct batch batch = {.models = &model, .key = key, .rows = rows, .row_step = client->width};
    batch.count = row_count;
    batch.out = out;
    return go_through(client, &batch, deadline_ns);
}

int factord_predict_each(factord_client *client, const uint16_t *models, size_t model_count,
                         const double *x, size_t x_count, uint64_t deadline_ns,
                         factord_prediction *out)
{
    struct batch batch = {.models = models, .model_step = 1, .rows = x};
    batch.count = model_count;
    batch.out = out;
    if (x_count == client->width) return go_through(client, &batch, deadline_ns);
    for (size_t i = 0; i < model_count; i++) fail(&out[i], FACTORD_ERROR_WIDTH_MISMATCH);
    return FACTORD_ERROR_WIDTH_MISMATCH;
}

/* ---- Evaluation in the client's own process ---------------------------------------------- */

/* Evaluations repeated because the model was swapped meanwhile, at most. */
#define SWAPS_MAX 8
/* Copies begun anew because the model was published twice meanwhile, at most. */
#define COPIES_MAX 1000
/* Local evaluations between two looks at the engine: every 20 us at some 5 ns each. */
#define LOCAL_CALLS_PER_LOOK 4096

/* Local evaluations between two readings of the clock while the heart does not beat, at most. The
 * daemon beats every 10 ms, so that most calls of a quick caller see no new beat; a slow one sees one
 * at each call, and reads the clock each time. */
#define STILL_CALLS_MAX 63
/* After so long without a heartbeat, local calls answer no more. */
#define LOCAL_STALE_NS FACTORD_S
/* How long a local call waits when what it needs is not in this process: for the ring or, where the
 * channel has another width, for the model to come. */
#define RING_DEADLINE_NS (10 * FACTORD_MS)
#define FETCH_DEADLINE_NS (10 * FACTORD_MS)
/* Between two looks of factord_fetch for what it waits for. */
#define FETCH_PAUSE_NS (50 * FACTORD_US)
/* The split of a name whose requests all go to the champion. */
#define UNDIVIDED UINT64_C(0x10001000100)

/* The entry of MODELS that belongs to what a request carries; there is one for every number below
 * FACTORD_MODEL_COUNT_MAX, and whoever calls has looked. */
static inline const word *entry_of(const factord_client *client, uint64_t meta)
{
    return client->regions[MODELS].words + FACTORD_MODELS_ENTRIES +
           (meta & FACTORD_REQUEST_MODEL_MASK) * FACTORD_MODELS_ENTRY_WORDS;
}

/* Whether there is such an entry. The number is of a row, of which there are no more. */
static inline bool has_entry(const factord_client *client, uint64_t meta)
{
    return client->regions[MODELS].words &&
           (meta & FACTORD_REQUEST_MODEL_MASK) < FACTORD_MODEL_COUNT_MAX;
}

/* Copies the parameters of a slot; without a champion when no sound model of eight features at most is
 * there. Acquire loads: whatever is read before the second look at the generation is ordered before
 * it. */
static void copy_champion(struct copy *copy, const word *slot, uint64_t shape)
{
    uint64_t width = part_of(shape, 32, 16);
    uint32_t kind = (uint32_t)shape;
    if (!is_sound_shape(kind, width, FACTORD_INLINE_FEATURE_COUNT_MAX)) return;
    double intercept = of_bits(get_acquire(&slot[FACTORD_MODELS_SLOT_INTERCEPT]));
    bool sound = isfinite(intercept);
    for (size_t i = 0; i < width; i++) {
        struct term *term = &copy->terms[i];
        term->weight = of_bits(get_acquire(&slot[FACTORD_MODELS_SLOT_WEIGHTS + i]));
        term->mean = of_bits(get_acquire(&slot[FACTORD_MODELS_SLOT_MEAN + i]));
        term->scale = of_bits(get_acquire(&slot[FACTORD_MODELS_SLOT_SCALE + i]));
        sound = sound && is_sound_term(kind, term);
    }
    if (!sound) return;
    copy->is_inline = true;
    copy->champion = (struct model){kind, (uint32_t)width, intercept};
}

static void copy_slot(struct copy *copy, const word *slot)
{
    uint64_t name = get_acquire(&slot[FACTORD_MODELS_SLOT_NAME]);
    copy->split = get_acquire(&slot[FACTORD_MODELS_SLOT_SPLIT]);
    copy->salt = get_acquire(&slot[FACTORD_MODELS_SLOT_SALT]);
    for (size_t arm = 0; arm < FACTORD_ARM_COUNT_MAX; arm++) {
        copy->fingerprints[arm] = get_acquire(&slot[FACTORD_MODELS_SLOT_FINGERPRINTS + arm]);
    }
    if (part_of(name, 48, 16) != 0) {
        copy_champion(copy, slot, get_acquire(&slot[FACTORD_MODELS_SLOT_SHAPE]));
    }
    /* Another name's, where the row was given to it meanwhile. */
    copy->served = (uint32_t)name == copy->meta >> FACTORD_REQUEST_CHECK_SHIFT;
}

/* Copies what is published now for a name. A writer that dies half-way leaves the published slot whole,
 * so nobody waits for it. */
static void refresh(struct copy *copy, const struct name *name, const word *entry)
{
    for (int i = 0; i < COPIES_MAX; i++) {
        /* Acquire: pairs with the daemon's release store; the slot is read after it. */
        uint64_t published = get_acquire(&entry[FACTORD_MODELS_PUBLISHED]);
        uint64_t index = published & 0xFFFFFFFF;
        *copy = (struct copy){.meta = name->meta, .generation = (uint32_t)(published >> 32)};
        if (published == 0 || index >= FACTORD_MODELS_SLOT_COUNT) return;
        const word *slot = entry + FACTORD_MODELS_SLOTS + index * FACTORD_MODELS_SLOT_WORDS;
        copy_slot(copy, slot);
        if (get(&slot[FACTORD_MODELS_SLOT_GENERATION]) != copy->generation) continue;
        if (!copy->served) break;
        copy->published = published;
        copy->sole = copy->is_inline && copy->split == UNDIVIDED &&
                     (!name->is_pinned || name->pin == copy->fingerprints[0]);
        return;
    }
    *copy = (struct copy){.meta = name->meta};
}

/* The copy of a name that was looked up, as fresh as what is published. */
static struct copy *fresh_copy(factord_client *client, uint16_t model)
{
    struct name *name = &client->names[model];
    const word *entry = entry_of(client, name->meta);
    if (name->copy.meta != name->meta ||
        name->copy.published != get(&entry[FACTORD_MODELS_PUBLISHED])) {
        refresh(&name->copy, name, entry);
    }
    return &name->copy;
}

/* The arm that a request goes to, as docs/abi.md says: by its key or, without one, its features. */
static uint16_t arm_of(const struct copy *copy, uint64_t key, const double *x, size_t x_count)
{
    if (copy->split == UNDIVIDED) return 0;
    uint64_t z = copy->salt ^ (key ? key : hash_of(0, 0, x, x_count));
    uint16_t arm = 0;
    z = (z ^ z >> 30) * FACTORD_ARM_FIRST_MULTIPLIER;
    z = (z ^ z >> 27) * FACTORD_ARM_SECOND_MULTIPLIER;
    z = (z ^ z >> 31) >> 56;
    for (int i = 0; i < FACTORD_ARM_COUNT_MAX - 1; i++) arm += z >= part_of(copy->split, 16 * i, 16);
    return arm;
}

/* Adds the epoch, and counts in the header that this client owns. */
static inline int finish_local(factord_client *client, int error, uint64_t status,
                               factord_prediction *out)
{
    word *count = &client->regions[REQ].words[FACTORD_REQ_HEADER_LOCAL_BY_STATUS + status];
    uint64_t counted = get(count) + 1;
    put(count, counted);
    out->epoch = factord_epoch(client);
    if (UNLIKELY(counted % LOCAL_CALLS_PER_LOOK == 0)) {
        if (!client->connected) set_aside(client);
        look_after_engine(client, PATIENCE_NS);
    }
    return error;
}

COLD static int refuse_local(factord_client *client, int error, factord_prediction *out)
{
    uint64_t status = error == FACTORD_ERROR_UNKNOWN_MODEL    ? FACTORD_STATUS_UNKNOWN_MODEL
                      : error == FACTORD_ERROR_WIDTH_MISMATCH ? FACTORD_STATUS_WIDTH_MISMATCH
                      : error == FACTORD_ERROR_BAD_INPUT      ? FACTORD_STATUS_BAD_INPUT
                                                              : FACTORD_STATUS_OK;
    fail(out, error);
    return finish_local(client, error, status, out);
}

/* Evaluates the version of a copy that a request goes to; NOT_FETCHED when it is not here. */
COLD static int evaluate_copy(factord_client *client, const struct copy *copy, uint64_t key,
                              const double *x, size_t x_count, factord_prediction *out)
{
    if (!copy->served) return FACTORD_ERROR_UNKNOWN_MODEL;
    uint16_t arm = arm_of(copy, key, x, x_count);
    struct version version = {copy->fingerprints[arm], copy->generation, arm};
    const struct model *model = &copy->champion;
    const struct term *terms = copy->terms;
    if (arm > 0 || !copy->is_inline) {
        const struct image *image = image_of(client, version.fingerprint);
        if (!image) return FACTORD_ERROR_NOT_FETCHED;
        model = &image->model;
        terms = image->terms;
    }
    return evaluate(model, terms, version, x, x_count, out);
}

/* Keeps the image of a champion that answers every request at hand. */
static void keep_at_hand(factord_client *client, const struct name *name, struct copy *copy)
{
    if (copy->is_inline || copy->split != UNDIVIDED) return;
    if (name->is_pinned && name->pin != copy->fingerprints[0]) return;
    copy->image = image_of(client, copy->fingerprints[0]);
    if (!copy->image) return;
    copy->champion = copy->image->model;
    copy->sole = true;
}

/* Copies what was published meanwhile, and evaluates it; NOT_FETCHED when it is not here. */
static int evaluate_anew(factord_client *client, uint16_t model, uint64_t key, const double *x,
                         size_t x_count, factord_prediction *out)
{
    int error = FACTORD_ERROR_UNKNOWN_MODEL;
    if (!client->regions[MODELS].words) return FACTORD_ERROR_NOT_FETCHED;
    if (!has_entry(client, meta_of(client, model))) return error;
    const struct name *name = &client->names[model];
    const word *published = &entry_of(client, name->meta)[FACTORD_MODELS_PUBLISHED];
    for (int i = 0; i < SWAPS_MAX; i++) {
        struct copy *copy = fresh_copy(client, model);
        uint64_t before = copy->published;
        error = evaluate_copy(client, copy, key, x, x_count, out);
        if (error == FACTORD_OK) keep_at_hand(client, name, copy);
        if (get(published) == before) break;
    }
    return error;
}

COLD static int predict_anew(factord_client *client, uint16_t model, uint64_t key, const double *x,
                             size_t x_count, factord_prediction *out)
{
    int error = evaluate_anew(client, model, key, x, x_count, out);
    if (error == FACTORD_ERROR_NOT_FETCHED && x_count == client->width) {
        return predict(client, model, key, x, x_count, RING_DEADLINE_NS, out);
    }
    if (error == FACTORD_ERROR_NOT_FETCHED) {
        error = factord_fetch(client, model, FETCH_DEADLINE_NS);
        if (error == FACTORD_OK) error = evaluate_anew(client, model, key, x, x_count, out);
        if (error == FACTORD_ERROR_NOT_FETCHED) return fail(out, error);
    }
    if (error == FACTORD_OK && !accepts(client, model, out->fingerprint)) {
        error = FACTORD_ERROR_OTHER_VERSION;
    }
    if (error != FACTORD_OK) return refuse_local(client, error, out);
    return finish_local(client, error, FACTORD_STATUS_OK, out);
}

/* Whether the engine's heart has not beaten for too long; looks after the engine then. */
COLD static bool is_stale(factord_client *client, uint64_t beat)
{
    const word *status = client->regions[STATUS].words;
    uint64_t beat_ns = get(&status[FACTORD_STATUS_HEARTBEAT_NS]);
    uint32_t before = client->still_calls_max;
    bool still = beat == client->local_beat;
    client->local_beat = beat;
    client->still_calls_max = 0;
    client->still_calls = 0;
    if (since(now_ns(), beat_ns) <= LOCAL_STALE_NS) {
        /* No more calls than there were since the beat. */
        if (still) client->still_calls_max = (uint32_t)least(2 * before + 1, STILL_CALLS_MAX);
        client->still_calls = client->still_calls_max;
        return false;
    }
    if (!client->connected) set_aside(client);
    look_after_engine(client, PATIENCE_NS);
    return true;
}

INLINE int predict_in_default(factord_client *client, uint16_t model, uint64_t key, const double *x,
                              size_t x_count, factord_prediction *out)
{
    uint64_t beat = get(&client->regions[STATUS].words[FACTORD_STATUS_HEARTBEAT_COUNT]);
    if (UNLIKELY(beat != client->local_beat || client->still_calls == 0)) {
        if (is_stale(client, beat)) return fail(out, FACTORD_ERROR_NOT_CONNECTED);
    } else {
        client->still_calls--;
    }
    uint64_t meta = meta_of(client, model);
    if (UNLIKELY(model >= client->name_count)) {
        return predict_anew(client, model, key, x, x_count, out);
    }
    const struct copy *copy = &client->names[model].copy;
    if (UNLIKELY(!copy->sole || copy->meta != meta)) {
        return predict_anew(client, model, key, x, x_count, out);
    }
    const word *published = &entry_of(client, meta)[FACTORD_MODELS_PUBLISHED];
    if (LIKELY(get(published) == copy->published)) {
        const struct version version = {copy->fingerprints[0], copy->generation, 0};
        const struct term *terms = copy->image ? copy->image->terms : copy->terms;
        int error = evaluate(&copy->champion, terms, version, x, x_count, out);
        if (LIKELY(get(published) == copy->published)) {
            if (UNLIKELY(error != FACTORD_OK)) return refuse_local(client, error, out);
            return finish_local(client, error, FACTORD_STATUS_OK, out);
        }
    }
    return predict_anew(client, model, key, x, x_count, out);
}

/* Compilers do not follow it: they take arithmetic for free of side effects, and might do some of it
 * before the default environment is set, or after it was. */
static int (*volatile const call_in_default)(factord_client *, uint16_t, uint64_t, const double *,
                                             size_t, factord_prediction *) = predict_in_default;

/* Puts the default environment in the place of what the host has set, for as long as it takes. */
COLD static int predict_for_host(factord_client *client, uint16_t model, uint64_t key,
                                 const double *x, size_t x_count, factord_prediction *out)
{
    const environment host = environment_get();
    environment_set(ENVIRONMENT_DEFAULT);
    int error = call_in_default(client, model, key, x, x_count, out);
    environment_set(host);
    return error;
}

int factord_predict_local(factord_client *client, uint16_t model, const double *x, size_t x_count,
                          factord_prediction *out)
{
    if (UNLIKELY(!environment_is_default())) {
        return predict_for_host(client, model, 0, x, x_count, out);
    }
    return predict_in_default(client, model, 0, x, x_count, out);
}

int factord_predict_local_keyed(factord_client *client, uint16_t model, uint64_t key,
                                const double *x, size_t x_count, factord_prediction *out)
{
    if (UNLIKELY(!environment_is_default())) {
        return predict_for_host(client, model, key, x, x_count, out);
    }
    return predict_in_default(client, model, key, x, x_count, out);
}

/* Goes on with bringing all versions of a model here: 1 when they are, 0 when not yet. */
static int go_on_fetching(factord_client *client, uint16_t model)
{
    if (!client->regions[MODELS].words) return FACTORD_ERROR_NOT_FETCHED;
    if (!has_entry(client, meta_of(client, model))) return FACTORD_ERROR_UNKNOWN_MODEL;
    const struct copy *copy = fresh_copy(client, model);
    if (!copy->served) return FACTORD_ERROR_UNKNOWN_MODEL;
    uint64_t wanted[FACTORD_ARM_COUNT_MAX];
    bool all = true;
    memcpy(wanted, copy->fingerprints, sizeof wanted);
    if (copy->is_inline) wanted[0] = 0;
    for (int arm = 0; arm < FACTORD_ARM_COUNT_MAX; arm++) {
        if (wanted[arm] != 0) all &= image_of(client, wanted[arm]) != NULL;
    }
    return all;
}

int factord_fetch(factord_client *client, uint16_t model, uint64_t deadline_ns)
{
    int number = errno;
    uint64_t end_ns = added(now_ns(), deadline_ns);
    int got;
    while ((got = go_on_fetching(client, model)) == 0 && now_ns() < end_ns) {
        const struct timespec pause = {0, (long)FETCH_PAUSE_NS};
        look_after_engine(client, 0);
        nanosleep(&pause, NULL);
    }
    errno = number;
    return got > 0 ? FACTORD_OK : got < 0 ? got : FACTORD_ERROR_NOT_FETCHED;
}

/* ---- Attach and close -------------------------------------------------------------------- */

#define NO_MEMORY "attach failed: this process has no memory left"

/* Fills in what stays the same over all attachments. */
static int prepare(factord_client *client, const factord_options *options, struct why *why)
{
    struct shape shape = {
        options->feature_count,
        options->slot_count,
        options->output_count,
        options->heavy ? FACTORD_CLASS_HEAVY : FACTORD_CLASS_LIGHT,
    };
    const char *name = options->name ? options->name : "client";
    if (!is_shape(shape)) {
        return say(why, FACTORD_ERROR_OPTIONS,
                   "no ring has %u features and %u slots: features are 1 to 1024, slots a power of "
                   "two up to 4096, a region at most 8 MiB",
                   (unsigned)shape.feature_count, (unsigned)shape.slot_count);
    }
    if (!has_output_room(shape)) {
        return say(why, FACTORD_ERROR_OPTIONS,
                   "a response cannot have %u outputs and %u slots: outputs are 2 to 64, a region at "
                   "most 8 MiB",
                   (unsigned)shape.output_count, (unsigned)shape.slot_count);
    }
    if (options->idle < FACTORD_IDLE_SPIN || options->idle > FACTORD_IDLE_BACKOFF) {
        return say(why, FACTORD_ERROR_OPTIONS, "no idle strategy has number %d", options->idle);
    }
    client->target.shape = shape;
    snprintf(client->target.name, sizeof client->target.name, "%s", name);
    client->mask = shape.slot_count - 1;
    client->slot_count = shape.slot_count;
    client->width = shape.feature_count;
    client->stride = request_stride(shape);
    client->response_stride = response_stride(shape);
    client->idle = options->idle;
    client->clock_mask = options->idle <= FACTORD_IDLE_NOOP ? CLOCK_MASK : 0;
    client->retry_pause_ns = RETRY_FIRST_NS;
    client->sent = calloc(shape.slot_count, sizeof *client->sent);
    client->early = calloc(shape.slot_count, sizeof *client->early);
    client->abandoned = calloc(shape.slot_count, sizeof *client->abandoned);
    bool room = client->sent && client->early && client->abandoned;
    for (size_t i = 0; i < sizeof FIXED / sizeof *FIXED && room; i++) {
        uint16_t number;
        room = enter_name(client, FIXED[i], NULL, &number) == FACTORD_OK;
    }
    if (!room) return say(why, FACTORD_ERROR_SYSTEM, NO_MEMORY);
    int error = find_daemon_uid(&client->target, options->daemon_uid, why);
    return error ? error : find_socket(&client->target, options->socket, why);
}

/* Attaches for the first time, again and again until the wait is over. Every attempt ends by itself:
 * each of its steps has a deadline. */
static int attach_within(factord_client *client, uint64_t wait_ns)
{
    struct attempt *attempt = &client->attempt;
    uint64_t end_ns = added(now_ns(), wait_ns);
    uint64_t pause_ns = RETRY_FIRST_NS;
    for (;;) {
        int got = carry_on_until(attempt, &client->target, UINT64_MAX);
        uint64_t now = now_ns();
        if (got > 0 || !may_pass(attempt) || now >= end_ns) return got;
        abandon(attempt);
        pause_ns = least(pause_ns, end_ns - now);
        const struct timespec pause = {0, (long)pause_ns};
        nanosleep(&pause, NULL);
        pause_ns = least(2 * pause_ns, RETRY_LAST_NS);
    }
}

/* Says once in a process that the calling thread can run nowhere but on workers' CPUs. */
static void mention_neighbour(const factord_client *client)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    const char *quiet = getenv("FACTORD_QUIET");
    int cores[FACTORD_WORKER_COUNT_MAX];
    int count = factord_worker_cores(client, cores);
    int first = -1;
    cpu_set_t allowed;
    if ((quiet && *quiet) || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed)) continue;
        bool shared = false;
        for (int i = 0; i < count; i++) shared |= cores[i] == cpu;
        if (!shared) return;
        if (first < 0) first = cpu;
    }
    if (first < 0 || atomic_flag_test_and_set(&said)) return;
    fprintf(stderr,
            "factord: this thread can only run on CPU %d, which a worker polls: they take turns; pin "
            "it elsewhere\n",
            first);
}

int factord_attach(factord_client **client, const factord_options *options, char *why,
                   size_t why_len)
{
    const factord_options defaults = FACTORD_OPTIONS_DEFAULT;
    int number = errno;
    factord_client *made = calloc(1, sizeof *made);
    *client = NULL;
    if (!options) options = &defaults;
    if (!made) {
        if (why && why_len > 0) snprintf(why, why_len, "%s", NO_MEMORY);
        errno = number;
        return FACTORD_ERROR_SYSTEM;
    }
    made->fd = -1;
    made->attempt.fd = -1;
    int error = prepare(made, options, &made->attempt.why);
    made->attempt.table_tries = TABLE_TRIES;
    if (error == FACTORD_OK) error = attach_within(made, options->wait_ns);
    if (error > 0) {
        adopt(made);
        made->attempt.table_tries = 1;
        error = FACTORD_OK;
        if (!options->quiet) mention_neighbour(made);
        *client = made;
    } else {
        if (why && why_len > 0) snprintf(why, why_len, "%s", made->attempt.why.text);
        factord_close(made);
    }
    errno = number;
    return error;
}

void factord_close(factord_client *client)
{
    if (!client) return;
    factord_close(client->second.channel);
    abandon(&client->attempt);
    detach(client);
    free(client->second.positions);
    free(client->sent);
    free(client->early);
    free(client->abandoned);
    free(client->names);
    free(client);
}

/* ---- The rest ---------------------------------------------------------------------------- */

/* Reads the table with the client's own numbers: how many rows it has, or -1 while one is being
 * written. */
static int number_rows(factord_client *client, factord_model_row *rows, size_t room)
{
    const word *status = client->regions[STATUS].words;
    uint64_t sequence = rows_sequence(status);
    uint16_t end = row_count(status);
    int count = 0;
    for (uint16_t number = 0; number < end; number++) {
        factord_model_row row;
        uint32_t check;
        enum found found = read_row(status, number, &row, &check);
        if (found == BEING_WRITTEN) return -1;
        if (found != SERVED || enter_name(client, row.name, NULL, &row.id) != FACTORD_OK) continue;
        if ((size_t)count < room) rows[count] = row;
        count++;
    }
    return rows_sequence(status) == sequence ? count : -1;
}

int factord_models(factord_client *client, factord_model_row *rows, size_t room)
{
    for (int i = 0; i < TABLE_TRIES; i++) {
        int count = number_rows(client, rows, room);
        if (count >= 0) return count;
        /* The writer may wait for this very CPU. */
        sched_yield();
    }
    return 0;
}

/* The row of a name that is served now. */
static int served_row(const factord_client *client, const char *name, factord_model_row *row)
{
    uint32_t check;
    for (int i = 0; i < TABLE_TRIES; i++) {
        enum found found = find_row(client->regions[STATUS].words, name, row, &check);
        if (found != BEING_WRITTEN) return found == SERVED ? FACTORD_OK : FACTORD_ERROR_UNKNOWN_MODEL;
        sched_yield();
    }
    return FACTORD_ERROR_UNKNOWN_MODEL;
}

int factord_model(factord_client *client, const char *name, factord_model_row *row)
{
    factord_model_row found;
    int error = served_row(client, name, &found);
    if (error == FACTORD_OK) error = enter_name(client, name, NULL, &found.id);
    if (error == FACTORD_OK) *row = found;
    return error;
}

int factord_pin(factord_client *client, const char *name, const uint8_t sha256[32], uint16_t *model)
{
    factord_model_row row;
    uint64_t pin;
    int error = served_row(client, name, &row);
    if (error) return error;
    if (row.arm_count > 1) return FACTORD_ERROR_DIVIDED;
    memcpy(&pin, sha256, sizeof pin);
    return enter_name(client, name, &pin, model);
}

void factord_stamp(factord_client *client, int wanted)
{
    client->flags = wanted ? FACTORD_REQUEST_FLAG_STAMP : 0;
}

uint64_t factord_rows_sequence(const factord_client *client)
{
    return rows_sequence(client->regions[STATUS].words);
}

uint32_t factord_in_flight(const factord_client *client)
{
    return (uint32_t)in_flight(client);
}

int factord_worker_cores(const factord_client *client, int cores[FACTORD_WORKER_COUNT_MAX])
{
    const word *status = client->regions[STATUS].words;
    uint64_t count = least(get(&status[FACTORD_STATUS_WORKER_COUNT]), FACTORD_WORKER_COUNT_MAX);
    for (uint64_t i = 0; i < count; i++) {
        const word *worker = status + FACTORD_STATUS_WORKERS + i * FACTORD_STATUS_WORKER_WORDS;
        uint64_t core = get(&worker[FACTORD_STATUS_CORE]);
        cores[i] = core >= 1 && core <= INT_MAX ? (int)(core - 1) : -1;
    }
    return (int)count;
}

double factord_ticks_to_ns(const factord_client *client, uint64_t earlier, uint64_t later)
{
    uint64_t hz = get(&client->regions[STATUS].words[FACTORD_STATUS_TSC_HZ]);
    return hz == 0 ? NAN : (double)(int64_t)(later - earlier) * 1e9 / (double)hz;
}

uint64_t factord_epoch(const factord_client *client)
{
    /* In STATUS, which goes on when another engine takes the channels over. */
    return get(&client->regions[STATUS].words[FACTORD_STATUS_EPOCH]);
}

int factord_connected(const factord_client *client)
{
    return client->connected;
}

uint32_t factord_feature_count(const factord_client *client)
{
    return client->target.shape.feature_count;
}

uint32_t factord_slot_count(const factord_client *client)
{
    return client->target.shape.slot_count;
}

uint32_t factord_output_count(const factord_client *client)
{
    return client->target.shape.output_count;
}

const char *factord_strerror(int error)
{
    switch (error) {
    case FACTORD_OK: return "no error";
    case FACTORD_ERROR_BAD_INPUT:
        return "bad input: every feature, and the prediction, must be a finite number";
    case FACTORD_ERROR_UNKNOWN_MODEL: 
        return "the daemon serves no such model: factord_models lists those it does";
    case FACTORD_ERROR_WIDTH_MISMATCH: return "the number of features is not the model's";
    case FACTORD_ERROR_BACK_PRESSURE:
        return "the ring is full: take answers before submitting more";
    case FACTORD_ERROR_DEADLINE: return "no answer before the deadline";
    case FACTORD_ERROR_NOT_CONNECTED: return "not connected to a daemon";
    case FACTORD_ERROR_ECHO_MISMATCH:
        return "the answer is for different features than those submitted";
    case FACTORD_ERROR_WRONG_CLASS:
        return "the model is served on channels of the other class (option `heavy`), and the daemon "
               "grants this client no second one";
    case FACTORD_ERROR_OTHER_VERSION:
        return "another version serves the name than the one it is pinned to";
    case FACTORD_ERROR_NOT_FETCHED:
        return "the model's parameters are still on their way to this process: try again, or fetch "
               "them first";
    case FACTORD_ERROR_DIVIDED:
        return "several versions share the name's requests: a pinned name has one";
    case FACTORD_ERROR_TOO_MANY_NAMES:
        return "this client has bound 65535 names: use another client";
    case FACTORD_ERROR_UNREACHABLE: return "no daemon listens at the socket";
    case FACTORD_ERROR_ABI: return "daemon and client speak another ABI: rebuild the client";
    case FACTORD_ERROR_PROTOCOL: return "the peer does not speak the protocol";
    case FACTORD_ERROR_REGION: return "a region is not what the handshake said";
    case FACTORD_ERROR_ATTACH_DEADLINE: return "the daemon did not answer in time";
    case FACTORD_ERROR_OPTIONS: return "an option is out of range";
    case FACTORD_ERROR_SYSTEM: return "this process has no memory or no files left";
    case FACTORD_ERROR_UNTRUSTED: return "the socket's path or its listener may be a stranger's";
    case FACTORD_ERROR_REFUSED_GREETING: return "refused: the greeting was not understood";
    case FACTORD_ERROR_REFUSED_GEOMETRY: return "refused: no ring has this shape";
    case FACTORD_ERROR_REFUSED_CHANNEL_QUOTA: return "refused: the user has too many channels";
    case FACTORD_ERROR_REFUSED_BYTE_QUOTA:
        return "refused: the user's channels would take too much memory";
    case FACTORD_ERROR_REFUSED_NO_MEMORY: return "refused: the daemon has no memory left";
    case FACTORD_ERROR_REFUSED_NOT_ALLOWED:
        return "refused: the user is not on the daemon's allow-list";
    case FACTORD_ERROR_REFUSED_SEALED: return "refused: the request region was sealed too early";
    case FACTORD_ERROR_REFUSED_BUSY: return "refused: the daemon is busy: try again";
    case FACTORD_ERROR_REFUSED_NOT_PERMITTED: return "refused: the user may not do this";
    case FACTORD_ERROR_REFUSED_TOO_MANY:
        return "refused: the user has too many connections or requests at once";
    case FACTORD_ERROR_REFUSED_NO_SUCH_CLASS: return "refused: the daemon has no worker for this class";
    case FACTORD_ERROR_REFUSED_OUTPUTS: return "refused: no response has this many outputs";
    case FACTORD_ERROR_REFUSED_OTHER: return "refused: the daemon is newer than this client";
    default: return "no code of factord";
    }
}

const char *factord_version(void)
{
    return FACTORD_VERSION;
}

/* ---- Subscribers ------------------------------------------------------------------------- */

/* Between two looks that find nothing: closer ones take the line from its writer. */
#define TAP_PAUSE_NS 1000
/* Cells that one look passes at most. */
#define TAP_LOOKS_MAX 1024

/* One worker's tap and the place in it. */
struct feed {
    struct mapping map;
    uint64_t mask;
    uint64_t position;
    /* The ordinals of the answer that stands next, and of the one that is wanted next. */
    uint64_t at;
    uint64_t next;
    uint64_t tsc;
    /* Whether the next answer may stand within a run, whose start was not seen. */
    bool lost;
};

/* What served a number under one generation; nothing is known of it when that is 0. */
struct deployment {
    uint64_t fingerprints[FACTORD_ARM_COUNT_MAX];
    uint32_t generation;
    uint32_t check;
    char name[FACTORD_NAME_LEN + 1];
};

struct factord_subscriber {
    struct target target;
    struct attempt attempt;
    struct mapping status;
    struct feed feeds[FACTORD_WORKER_COUNT_MAX];
    uint32_t feed_count;
    uint32_t turn;
    uint64_t missed;
    uint64_t empty_ns;
    /* The only name that is wanted; all when empty. */
    char wanted[FACTORD_NAME_LEN + 1];
    struct deployment deployments[FACTORD_MODEL_COUNT_MAX];
    double features[FACTORD_FEATURE_COUNT_MAX];
};

/* Waits for the next message of an attempt; its deadline ends the wait. */
static int await(struct attempt *attempt, const struct target *target, uint64_t *words,
                 struct descriptors *descriptors)
{
    for (;;) {
        int got = receive(attempt, target, words, descriptors);
        if (got != 0) return got;
        struct pollfd readable = {attempt->fd, POLLIN, 0};
        poll(&readable, 1, 10);
    }
}

/* Gets STATUS as an observer. */
static int observe(factord_subscriber *subscriber)
{
    struct attempt *attempt = &subscriber->attempt;
    const struct target *target = &subscriber->target;
    const struct timespec pause = {0, FACTORD_MS};
    uint64_t words[FACTORD_MESSAGE_WORDS];
    struct descriptors descriptors;
    int error = start(attempt, &subscriber->target);
    while (error == FACTORD_OK && attempt->step == ROOM) {
        nanosleep(&pause, NULL);
        error = reach(attempt, target);
    }
    if (error) return error;
    int got = await(attempt, target, words, &descriptors);
    if (got < 0) return got;
    if (words[1] != FACTORD_WELCOME || descriptors.count < 1 ||
        words[FACTORD_WELCOME_NONCE] != attempt->nonce) {
        close_all(&descriptors);
        return misspoken(attempt, target, "expected a welcome");
    }
    error = open_region(&attempt->regions[STATUS], STATUS, descriptors.fds[0],
                        region_len(STATUS, target->shape), &attempt->why);
    close_all(&descriptors);
    if (error == FACTORD_OK) error = check_headers(attempt, words);
    subscriber->status = attempt->regions[STATUS];
    attempt->regions[STATUS] = (struct mapping){NULL, 0, 0};
    return error;
}

/* Where the next cell will be written, as the writer says. Acquire: pairs with its release store; the
 * count of answers is read after it. */
static uint64_t newest(const word *words)
{
    uint64_t position = get_acquire(&words[FACTORD_TAP_NEXT]);
    uint64_t most = UINT64_MAX >> FACTORD_TAP_RECORD_TURN_SHIFT;
    if (position < FACTORD_TAP_RECORD_FIRST_POSITION) return FACTORD_TAP_RECORD_FIRST_POSITION;
    return least(position, most);
}

/* Maps a tap, whose length follows from the file. */
static int map_tap(struct feed *feed, int fd, struct why *why)
{
    struct stat file;
    uint64_t cells = 0;
    if (fstat(fd, &file) == 0 && file.st_size >= 8 * (int64_t)FACTORD_TAP_CELLS) {
        cells = (uint64_t)file.st_size / FACTORD_LINE_LEN - FACTORD_TAP_CELLS / FACTORD_LINE_WORDS;
    }
    if (cells < FACTORD_TAP_RECORD_CELL_COUNT_MIN || cells > FACTORD_TAP_RECORD_CELL_COUNT_MAX ||
        (cells & (cells - 1)) != 0) {
        return say(why, FACTORD_ERROR_REGION, "attach failed: TAP has a length that none has");
    }
    int error = open_named(&feed->map, "TAP", false, fd, (size_t)file.st_size, why);
    if (error) return error;
    const word *words = feed->map.words;
    if (get(&words[FACTORD_TAP_MAGIC]) != FACTORD_MAGIC ||
        get(&words[FACTORD_TAP_LAYOUT_HASH]) != FACTORD_TAP_HASH ||
        get(&words[FACTORD_TAP_CELL_COUNT]) != cells) {
        return say(why, FACTORD_ERROR_REGION, "attach failed: the header of TAP is another one");
    }
    feed->mask = cells - 1;
    feed->position = newest(words);
    feed->next = get(&words[FACTORD_TAP_RECORD_HEADER_COUNT]);
    return FACTORD_OK;
}

/* Gets the tap of a worker, over the connection of the observer. */
static int open_tap(factord_subscriber *subscriber, uint32_t worker)
{
    struct attempt *attempt = &subscriber->attempt;
    uint64_t command[FACTORD_COMMAND_ARGUMENT] = {FACTORD_COMMAND};
    uint64_t words[FACTORD_MESSAGE_WORDS];
    struct descriptors descriptors;
    command[FACTORD_COMMAND_ABI - 1] = FACTORD_ABI_WORD;
    command[FACTORD_COMMAND_VERB - 1] = FACTORD_VERB_TAP;
    command[FACTORD_COMMAND_ARGUMENT - 1] = worker;
    send_words(attempt->fd, command, sizeof command / sizeof *command);
    attempt->end_ns = added(now_ns(), HANDSHAKE_NS);
    int got = await(attempt, &subscriber->target, words, &descriptors);
    if (got < 0) return got;
    int error;
    if (words[1] != FACTORD_REPLY || descriptors.count != 1) {
        error = misspoken(attempt, &subscriber->target, "expected a tap");
    } else if (words[FACTORD_REPLY_CODE] != 0) {
        char said[FACTORD_WHY_LEN / 2];
        bool is_file = fcntl(descriptors.fds[0], F_GET_SEALS) >= 0;
        ssize_t len = is_file ? pread(descriptors.fds[0], said, sizeof said - 1, 0) : 0;
        said[len > 0 ? len : 0] = 0;
        error = say(&attempt->why, FACTORD_ERROR_REFUSED_OTHER, "attach refused: %s", said);
    } else {
        error = map_tap(&subscriber->feeds[worker], descriptors.fds[0], &attempt->why);
    }
    close_all(&descriptors);
    return error;
}

int factord_subscribe(factord_subscriber **subscriber, const char *name, const char *socket,
                      char *why, size_t why_len)
{
    int number = errno;
    factord_subscriber *made = calloc(1, sizeof *made);
    *subscriber = NULL;
    if (!made) {
        if (why && why_len > 0) snprintf(why, why_len, "%s", NO_MEMORY);
        errno = number;
        return FACTORD_ERROR_SYSTEM;
    }
    made->attempt.fd = -1;
    struct why *said = &made->attempt.why;
    int error = FACTORD_OK;
    if (name && strlen(name) > FACTORD_NAME_LEN) {
        error = say(said, FACTORD_ERROR_OPTIONS, "a name has up to %d bytes", FACTORD_NAME_LEN);
    }
    snprintf(made->wanted, sizeof made->wanted, "%s", name ? name : "");
    snprintf(made->target.name, sizeof made->target.name, "subscriber");
    if (!error) error = find_daemon_uid(&made->target, 0, said);
    if (!error) error = find_socket(&made->target, socket, said);
    if (!error) error = observe(made);
    if (!error) {
        uint64_t count = get(&made->status.words[FACTORD_STATUS_WORKER_COUNT]);
        made->feed_count = (uint32_t)least(count > 0 ? count : 1, FACTORD_WORKER_COUNT_MAX);
        for (uint32_t i = 0; i < made->feed_count && !error; i++) error = open_tap(made, i);
    }
    if (error) {
        if (why && why_len > 0) snprintf(why, why_len, "%s", said->text);
        factord_unsubscribe(made);
    } else {
        abandon(&made->attempt);
        *subscriber = made;
    }
    errno = number;
    return error;
}

void factord_unsubscribe(factord_subscriber *subscriber)
{
    if (!subscriber) return;
    abandon(&subscriber->attempt);
    unmap(&subscriber->status);
    for (int i = 0; i < FACTORD_WORKER_COUNT_MAX; i++) unmap(&subscriber->feeds[i].map);
    free(subscriber);
}

uint64_t factord_missed(const factord_subscriber *subscriber) { return subscriber->missed; }

/* What stands at a position. */
enum look { A_CELL, AHEAD, BEHIND };

/* Reads the cell of one turn, whole or not at all; of the turn only whether it is a first one. */
static enum look copy_cell(const struct feed *feed, uint64_t position, uint64_t *cell)
{
    const word *from = feed->map.words + FACTORD_TAP_CELLS +
                       (position & feed->mask) * FACTORD_TAP_CELL_WORDS;
    uint64_t turn = get_acquire(&from[FACTORD_TAP_CELL_TURN]);
    uint64_t found = turn >> FACTORD_TAP_RECORD_TURN_SHIFT;
    if (found != position) return found < position ? AHEAD : BEHIND;
    if (turn & FACTORD_TAP_RECORD_WRITING) return AHEAD;
    for (size_t i = 1; i < FACTORD_TAP_CELL_WORDS; i++) cell[i] = get_acquire(&from[i]);
    if (get(&from[FACTORD_TAP_CELL_TURN]) != turn) return BEHIND;
    cell[FACTORD_TAP_CELL_TURN] = turn & FACTORD_TAP_RECORD_FIRST;
    return A_CELL;
}

/* Goes on half a tap behind the newest, with the next run. */
static void fall_back(struct feed *feed)
{
    uint64_t front = newest(feed->map.words);
    uint64_t back = feed->mask / 2;
    uint64_t start = front > back ? front - back : 0;
    feed->position = start > feed->position ? start : feed->position + 1;
    feed->lost = true;
}

/* Takes the features of a record whose first cell was read. */
static enum look take_features(factord_subscriber *subscriber, struct feed *feed,
                               const uint64_t *first, size_t width)
{
    uint64_t cell[FACTORD_TAP_CELL_WORDS];
    uint64_t position = feed->position;
    size_t done = 0;
    for (size_t i = FACTORD_TAP_CELL_FEATURES; i < FACTORD_TAP_CELL_WORDS && done < width; i++) {
        subscriber->features[done++] = of_bits(first[i]);
    }
    while (done < width) {
        enum look look = copy_cell(feed, ++position, cell);
        if (look != A_CELL) return look;
        if (cell[FACTORD_TAP_CELL_TURN] != 0) return BEHIND;
        for (size_t i = 1; i < FACTORD_TAP_CELL_WORDS && done < width; i++) {
            subscriber->features[done++] = of_bits(cell[i]);
        }
    }
    feed->position = position + 1;
    return A_CELL;
}

/* What served a number under a generation; NULL when that is not known. */
static const struct deployment *deployment_of(factord_subscriber *subscriber, uint16_t number,
                                              uint32_t generation)
{
    factord_model_row row;
    uint32_t check;
    if (number >= FACTORD_MODEL_COUNT_MAX || generation == 0) return NULL;
    struct deployment *known = &subscriber->deployments[number];
    if (known->generation == generation && known->name[0]) return known;
    if (read_row(subscriber->status.words, number, &row, &check) != SERVED) return NULL;
    if (known->generation == generation && known->check == check) {
        memcpy(known->name, row.name, sizeof known->name);
        return known;
    }
    if (row.generation != generation) return NULL;
    known->generation = generation;
    known->check = check;
    memcpy(known->name, row.name, sizeof known->name);
    memcpy(known->fingerprints, row.fingerprints, sizeof known->fingerprints);
    return known;
}

/* Notes what serves a number from here on. */
static void take_version(factord_subscriber *subscriber, const uint64_t *cell)
{
    uint64_t number = cell[FACTORD_TAP_RECORD_VERSION_NUMBER];
    if ((uint16_t)number >= FACTORD_MODEL_COUNT_MAX) return;
    struct deployment *known = &subscriber->deployments[(uint16_t)number];
    uint32_t check = (uint32_t)cell[FACTORD_TAP_RECORD_VERSION_CHECK];
    if (known->check != check) known->name[0] = 0;
    known->check = check;
    known->generation = (uint32_t)(number >> 32);
    memcpy(known->fingerprints, &cell[FACTORD_TAP_RECORD_VERSION_FINGERPRINTS],
           sizeof known->fingerprints);
}

/* Fills in an answer; whether its name is wanted. */
static bool is_wanted(factord_subscriber *subscriber, const struct feed *feed, const uint64_t *cell,
                      size_t width, factord_answered *out)
{
    uint64_t request = cell[FACTORD_TAP_CELL_REQUEST];
    uint64_t verdict = cell[FACTORD_TAP_CELL_VERDICT];
    *out = (factord_answered){
        .name = "",
        .features = subscriber->features,
        .feature_count = (uint32_t)width,
        .y = of_bits(cell[FACTORD_TAP_CELL_Y]),
        .key = cell[FACTORD_TAP_CELL_KEY],
        .tsc = feed->tsc,
        .ordinal = feed->next - 1,
        .generation = (uint32_t)(verdict >> 32),
        .client = (uint32_t)(request >> FACTORD_TAP_RECORD_CLIENT_SHIFT),
        .worker = (uint32_t)(feed - subscriber->feeds),
        .status = (uint16_t)verdict,
        .arm = (uint16_t)(verdict >> 16),
    };
    const struct deployment *known =
        deployment_of(subscriber, (uint16_t)request, out->generation);
    if (known) {
        out->name = known->name;
        bool answered = out->status != FACTORD_STATUS_UNKNOWN_MODEL &&
                        out->status != FACTORD_STATUS_WRONG_CLASS;
        if (answered && out->arm < FACTORD_ARM_COUNT_MAX) {
            out->fingerprint = known->fingerprints[out->arm];
        }
    }
    return !subscriber->wanted[0] || strcmp(subscriber->wanted, out->name) == 0;
}

/* Notes when a run's answers were out, and what was missed before it. */
static void begin_run(factord_subscriber *subscriber, struct feed *feed, const uint64_t *cell)
{
    uint64_t count = cell[FACTORD_TAP_RECORD_RUN_COUNT];
    feed->position++;
    feed->lost = false;
    feed->tsc = cell[FACTORD_TAP_RECORD_RUN_TSC];
    feed->at = count;
    if (count <= feed->next) return;
    subscriber->missed += count - feed->next;
    feed->next = count;
}

/* Looks what is next in a tap: 1 for an answer, else 0. */
static int look_at(factord_subscriber *subscriber, struct feed *feed, factord_answered *out)
{
    uint64_t cell[FACTORD_TAP_CELL_WORDS];
    for (int i = 0; i < TAP_LOOKS_MAX; i++) {
        enum look look = copy_cell(feed, feed->position, cell);
        if (look == AHEAD) return 0;
        if (look == A_CELL) {
            uint64_t request = cell[FACTORD_TAP_CELL_REQUEST];
            size_t width = request >> FACTORD_TAP_RECORD_WIDTH_SHIFT;
            uint64_t kind = width == 0 ? request & FACTORD_REQUEST_MODEL_MASK : 0;
            bool first = cell[FACTORD_TAP_CELL_TURN] != 0;
            if (first && kind == FACTORD_TAP_RECORD_RUN) {
                begin_run(subscriber, feed, cell);
                continue;
            }
            if (first && kind == FACTORD_TAP_RECORD_VERSION) {
                take_version(subscriber, cell);
                feed->position++;
                continue;
            }
            if (feed->lost) {
                feed->position++;
                continue;
            }
            look = first && width >= 1 && width <= FACTORD_FEATURE_COUNT_MAX
                       ? take_features(subscriber, feed, cell, width)
                       : BEHIND;
            if (look == AHEAD) return 0;
            if (look == A_CELL) {
                if (feed->at++ < feed->next) continue;
                feed->next = feed->at;
                if (is_wanted(subscriber, feed, cell, width, out)) return 1;
                continue;
            }
        }
        fall_back(feed);
    }
    return 0;
}

int factord_next(factord_subscriber *subscriber, factord_answered *out)
{
    uint64_t now = now_ns();
    if (since(now, subscriber->empty_ns) < TAP_PAUSE_NS) return 0;
    for (uint32_t i = 0; i < subscriber->feed_count; i++) {
        struct feed *feed = &subscriber->feeds[subscriber->turn];
        if (look_at(subscriber, feed, out)) return 1;
        subscriber->turn = (subscriber->turn + 1) % subscriber->feed_count;
    }
    subscriber->empty_ns = now;
    return 0;
}
