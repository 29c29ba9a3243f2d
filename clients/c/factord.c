/* The C client of factord. See factord.h for the contract and docs/abi.md for the layout.
 *
 * From top to bottom: words and clocks, the floating-point environment, evaluation, regions, the model table, whom to trust, the
 * handshake, the rings, the names of models, what becomes of a dead engine, waiting, the call shapes.
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

_Static_assert(sizeof(word) == 8 && ATOMIC_LLONG_LOCK_FREE == 2, "words are plain 64-bit words");
_Static_assert(sizeof(factord_prediction) == 48, "answers are packed");
_Static_assert(FACTORD_FEATURE_COUNT_MAX == FACTORD_ABI_FEATURE_COUNT_MAX, "layout");
_Static_assert(FACTORD_SLOT_COUNT_MAX == FACTORD_ABI_SLOT_COUNT_MAX, "layout");
_Static_assert(FACTORD_MODEL_COUNT_MAX == FACTORD_ABI_MODEL_COUNT_MAX, "layout");
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

/* A private copy of a published model. */
struct copy {
    /* The word that published it; compared with the daemon's before and after an evaluation. */
    uint64_t published;
    uint32_t generation;
    /* 0 when there is no model. */
    uint32_t kind;
    size_t width;
    double intercept;
    struct term terms[FACTORD_FEATURE_COUNT_MAX];
};

/* e^x for |x| below FACTORD_EXP_NORMAL: every operation rounded on its own, in this order. */
static inline double exp_core(double x)
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
static inline double exp_portable(double x)
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

static inline double decision_linear(const struct copy *copy, const double *x)
{
    double sum = term_linear(&copy->terms[0], x[0]);
    for (size_t i = 1; i < copy->width; i++) sum += term_linear(&copy->terms[i], x[i]);
    return sum + copy->intercept;
}

static inline double decision_logistic(const struct copy *copy, const double *x)
{
    double sum = term_logistic(&copy->terms[0], x[0]);
    for (size_t i = 1; i < copy->width; i++) sum += term_logistic(&copy->terms[i], x[i]);
    return sum + copy->intercept;
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

/* Answers with a copy; `out` receives everything but the epoch. */
static inline int evaluate(const struct copy *copy, const double *x, size_t x_count,
                           factord_prediction *out)
{
    if (UNLIKELY(x_count != copy->width)) return FACTORD_ERROR_WIDTH_MISMATCH;
    double y;
    double second = 0.0;
    if (copy->kind == FACTORD_LINEAR) {
        /* A feature that is not finite makes the sum so, whatever its weight. */
        y = decision_linear(copy, x);
        if (UNLIKELY(!isfinite(y))) return FACTORD_ERROR_BAD_INPUT;
    } else {
        double decision = decision_logistic(copy, x);
        y = 1.0 / (1.0 + exp_portable(-decision));
        second = decision > 0.0 ? 1.0 : 0.0;
        /* Finite features may overflow a decision value whose probability is 0 or 1 all the same. */
        if (UNLIKELY(!isfinite(decision)) && !(all_finite(x, x_count) && isfinite(y))) {
            return FACTORD_ERROR_BAD_INPUT;
        }
    }
    *out = (factord_prediction){.y = y, .second = second, .generation = copy->generation};
    return FACTORD_OK;
}

/* ---- Regions ----------------------------------------------------------------------------- */

/* In the order of the welcome's descriptors. */
enum region { STATUS, MODELS, REQ, RESP, REGION_COUNT };

static const char *const REGION_NAMES[REGION_COUNT] = {"STATUS", "MODELS", "REQ", "RESP"};

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
static int open_region(struct mapping *mapping, enum region region, int fd, size_t len,
                       struct why *why)
{
    const char *name = REGION_NAMES[region];
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
    /* RESP too, which is only read: through a read-only page the line of an answer would stay shared
     * and the worker's next store into it wait for it. */
    bool writable = region == REQ || region == RESP;
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

/* ---- The model table --------------------------------------------------------------------- */

/* Tries to read the table before it counts as torn: the daemon may have died in the middle of an
 * update. */
#define TABLE_TRIES 1000

/* A whole model table; the ids are the engine's. */
struct table {
    uint64_t sequence;
    int count;
    factord_model_row rows[FACTORD_MODEL_COUNT_MAX];
};

static bool read_row(const word *words, uint16_t id, factord_model_row *row)
{
    const word *from = words + FACTORD_STATUS_ROWS + id * FACTORD_STATUS_ROW_WORDS;
    uint64_t generation = get_acquire(&from[FACTORD_STATUS_ROW_GENERATION]);
    uint64_t shape = get_acquire(&from[FACTORD_STATUS_ROW_SHAPE]);
    uint64_t width = shape >> 32;
    uint32_t kind = (uint32_t)shape;
    /* Kinds that this client does not know are rows like any other. */
    bool sound = generation >= 1 && generation <= UINT32_MAX && width >= 1 &&
                 width <= FACTORD_FEATURE_COUNT_MAX && kind >= 1 && kind <= UINT16_MAX;
    if (!sound) return false;
    *row = (factord_model_row){
        .width = (uint32_t)width,
        .generation = (uint32_t)generation,
        .id = id,
        .kind = (uint16_t)kind,
    };
    for (size_t i = 0; i < FACTORD_NAME_LEN / 8; i++) {
        uint64_t part = get_acquire(&from[FACTORD_STATUS_ROW_NAME + i]);
        memcpy(row->name + 8 * i, &part, 8);
    }
    for (size_t i = 0; i < sizeof row->sha256 / 8; i++) {
        uint64_t part = get_acquire(&from[FACTORD_STATUS_ROW_SHA256 + i]);
        memcpy(row->sha256 + 8 * i, &part, 8);
    }
    return row->name[0] != 0;
}

/* Reads the table of a STATUS region; false, with `table` as it was, when each of so many looks finds
 * it being written. */
static bool read_table(const word *words, int tries, struct table *table)
{
    for (int i = 0; i < tries; i++) {
        struct table found = {.count = 0};
        /* Acquire: pairs with the daemon's release store; the rows are read after it, and, loaded
         * with acquire themselves, before the second look. */
        found.sequence = get_acquire(&words[FACTORD_STATUS_MODELS_SEQUENCE]);
        for (uint16_t id = 0; id < FACTORD_MODEL_COUNT_MAX; id++) {
            if (read_row(words, id, &found.rows[found.count])) found.count++;
        }
        if (found.sequence % 2 == 0 &&
            get(&words[FACTORD_STATUS_MODELS_SEQUENCE]) == found.sequence) {
            *table = found;
            return true;
        }
        pause_pipeline();
    }
    return false;
}

/* ---- Whom to trust ----------------------------------------------------------------------- */

/* The shape of a channel. */
struct shape {
    uint32_t feature_count;
    uint32_t slot_count;
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

static size_t stride_words(uint32_t feature_count)
{
    size_t words = FACTORD_REQUEST_FEATURES + feature_count;
    return (words + FACTORD_LINE_WORDS - 1) / FACTORD_LINE_WORDS * FACTORD_LINE_WORDS;
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
    case REQ: return (header_words() + shape.slot_count * stride_words(shape.feature_count)) * 8;
    default: return (header_words() + shape.slot_count * FACTORD_LINE_WORDS) * 8;
    }
}

static bool is_shape(struct shape shape)
{
    return shape.feature_count >= 1 && shape.feature_count <= FACTORD_FEATURE_COUNT_MAX &&
           shape.slot_count >= 1 && shape.slot_count <= FACTORD_SLOT_COUNT_MAX &&
           (shape.slot_count & (shape.slot_count - 1)) == 0 &&
           region_len(REQ, shape) <= FACTORD_REGION_LEN_MAX;
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
    uint64_t epoch;
    struct mapping regions[REGION_COUNT];
    struct table table;
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

/* A send that fails says nothing: the daemon may have refused already, and its words are read
 * next. */
static void send_words(int fd, const uint64_t *tail, size_t count)
{
    uint64_t words[FACTORD_MESSAGE_WORDS] = {FACTORD_MAGIC};
    memcpy(&words[1], tail, count * sizeof *tail);
    while (send(fd, words, sizeof words, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EINTR) {
    }
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
                   "allow_uids",
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
                   "attach refused: user %llu may not do this: it takes root, the daemon's own user, or "
                   "one of operator_uids",
                   a);
    case FACTORD_REFUSAL_TOO_MANY:
        return say(why, FACTORD_ERROR_REFUSED_TOO_MANY,
                   "attach refused: user has %llu of %llu connections or requests at once: close "
                   "one, or try again",
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

/* Takes the next message: 1, or 0 when there is none yet, or an error. */
static int receive(struct attempt *attempt, const struct target *target, uint64_t *words,
                   struct descriptors *descriptors)
{
    const char *step =
        attempt->step == READINESS ? "expected ready" : "expected a welcome";
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(REGION_COUNT * sizeof(int))];
    } control;
    struct iovec bytes = {words, FACTORD_MESSAGE_WORDS * 8};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    descriptors->count = 0;
    ssize_t len = recvmsg(attempt->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        if (now_ns() < attempt->end_ns) return 0;
        return say(&attempt->why, FACTORD_ERROR_ATTACH_DEADLINE,
                   "attach failed: no answer within 1000 ms");
    }
    attempt->hung_up = len == 0 || (len < 0 && errno == ECONNRESET);
    if (len < 0) return misspoken(attempt, target, step);
    keep_descriptors(&message, descriptors);
    if ((size_t)len != bytes.iov_len || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
        words[0] != FACTORD_MAGIC) {
        close_all(descriptors);
        return misspoken(attempt, target, step);
    }
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
    memcpy(&hello[FACTORD_HELLO_NAME - 1], target->name, sizeof target->name);
    send_words(attempt->fd, hello, FACTORD_MESSAGE_WORDS - 1);
    attempt->step = A_WELCOME;
    attempt->end_ns = added(now_ns(), HANDSHAKE_NS);
}

/* Compares the headers that the daemon filled in with what it said. */
static int check_headers(struct attempt *attempt, const uint64_t *welcome)
{
    static const struct {
        enum region region;
        uint64_t index;
        uint64_t of_welcome;
    } CLAIMS[] = {
        {STATUS, FACTORD_STATUS_ABI, FACTORD_WELCOME_ABI},
        {STATUS, FACTORD_STATUS_LAYOUT_HASH, FACTORD_WELCOME_LAYOUT_HASH},
        {STATUS, FACTORD_STATUS_EPOCH, FACTORD_WELCOME_EPOCH},
        {MODELS, FACTORD_MODELS_ABI, FACTORD_WELCOME_ABI},
        {MODELS, FACTORD_MODELS_LAYOUT_HASH, FACTORD_WELCOME_LAYOUT_HASH},
        {RESP, FACTORD_RESP_HEADER_ABI, FACTORD_WELCOME_ABI},
        {RESP, FACTORD_RESP_HEADER_LAYOUT_HASH, FACTORD_WELCOME_LAYOUT_HASH},
        {RESP, FACTORD_RESP_HEADER_EPOCH, FACTORD_WELCOME_EPOCH},
        {RESP, FACTORD_RESP_HEADER_CLIENT_ID, FACTORD_WELCOME_CLIENT_ID},
        {RESP, FACTORD_RESP_HEADER_FEATURE_COUNT, FACTORD_WELCOME_FEATURE_COUNT},
        {RESP, FACTORD_RESP_HEADER_SLOT_COUNT, FACTORD_WELCOME_SLOT_COUNT},
    };
    _Static_assert(FACTORD_STATUS_MAGIC == 0 && FACTORD_MODELS_MAGIC == 0, "layout");
    _Static_assert(FACTORD_RESP_HEADER_MAGIC == 0, "layout");
    for (int region = 0; region < REGION_COUNT; region++) {
        if (region != REQ && get(attempt->regions[region].words) != FACTORD_MAGIC) {
            return say(&attempt->why, FACTORD_ERROR_REGION,
                       "attach failed: %s has no header of factord", REGION_NAMES[region]);
        }
    }
    if (get(&attempt->regions[MODELS].words[FACTORD_MODELS_MODEL_COUNT]) != FACTORD_MODEL_COUNT_MAX) {
        return say(&attempt->why, FACTORD_ERROR_REGION,
                   "attach failed: MODELS has not room for %d models", FACTORD_MODEL_COUNT_MAX);
    }
    for (size_t i = 0; i < sizeof CLAIMS / sizeof *CLAIMS; i++) {
        const word *words = attempt->regions[CLAIMS[i].region].words;
        if (get(&words[CLAIMS[i].index]) != welcome[CLAIMS[i].of_welcome]) {
            return say(&attempt->why, FACTORD_ERROR_REGION,
                       "attach failed: word %d of %s is not what the handshake says",
                       (int)CLAIMS[i].index, REGION_NAMES[CLAIMS[i].region]);
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
    if (abi >> 16 != FACTORD_ABI_WORD >> 16 || layout_hash != FACTORD_LAYOUT_HASH) {
        return say(&attempt->why, FACTORD_ERROR_ABI,
                   "daemon speaks ABI %u.%u layout %016llx, this client %u.%u layout %016llx: "
                   "rebuild the client",
                   (unsigned)(abi >> 16 & 0xFFFF), (unsigned)(abi & 0xFFFF),
                   (unsigned long long)layout_hash, (unsigned)(FACTORD_ABI_WORD >> 16),
                   (unsigned)(FACTORD_ABI_WORD & 0xFFFF), (unsigned long long)FACTORD_LAYOUT_HASH);
    }
    if (words[FACTORD_WELCOME_NONCE] != attempt->nonce ||
        words[FACTORD_WELCOME_FEATURE_COUNT] != target->shape.feature_count ||
        words[FACTORD_WELCOME_SLOT_COUNT] != target->shape.slot_count) {
        return misspoken(attempt, target, "the welcome is for a different greeting");
    }
    if (descriptors->count != REGION_COUNT) {
        return misspoken(attempt, target, "expected four descriptors");
    }
    for (int region = 0; region < REGION_COUNT; region++) {
        int error = open_region(&attempt->regions[region], (enum region)region,
                                descriptors->fds[region],
                                region_len((enum region)region, target->shape), &attempt->why);
        if (error) return error;
    }
    attempt->epoch = words[FACTORD_WELCOME_EPOCH];
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
    if (!read_table(attempt->regions[STATUS].words, TABLE_TRIES, &attempt->table)) {
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

/* ---- The client and its rings ------------------------------------------------------------ */

/* An answer taken while waiting for a later one. */
struct early {
    uint64_t ticket;
    factord_prediction answer;
};

/* What stands for the engine's number of a model that it does not serve; on the wire, the engine answers
 * it with "unknown model". */
#define NO_NUMBER UINT16_MAX

struct factord_client {
    /* The first slot of each ring; position n is in slot n & mask. */
    word *requests;
    word *responses;
    uint64_t mask;
    size_t stride;
    size_t width;
    /* The position of the next request, and of the next answer; both start at 1. */
    uint64_t pushed;
    uint64_t popped;
    /* The ticket of position p is base + p. */
    uint64_t base;
    uint64_t flags;
    uint64_t slot_count;
    /* By the client's number of a model: the engine's in the present attachment, or NO_NUMBER. */
    uint16_t *numbers;
    uint32_t name_count;
    bool connected;
    int idle;
    uint32_t clock_mask;
    uint32_t empty_looks;
    /* What the words of each request under way add to its echo. */
    uint64_t *hashes;
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
    uint64_t epoch;
    /* The model table as it was last read whole. */
    struct table table;
    /* By the client's number of a model: its name. */
    char (*names)[FACTORD_NAME_LEN + 1];
    uint32_t name_room;
    /* By the engine's number of a model: the client's. */
    uint16_t owners[FACTORD_MODEL_COUNT_MAX];

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
    struct copy copies[FACTORD_MODEL_COUNT_MAX];
};

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
    return client->responses + (position & client->mask) * FACTORD_LINE_WORDS;
}

/* What a request's own words add to the echo that its answer must carry. */
static inline uint64_t hash_of(uint64_t meta, const double *x, size_t width)
{
    uint64_t hash = meta;
    uint64_t turn = FACTORD_ECHO_FIRST_ROTATION;
    for (size_t i = 0; i < width; i++) {
        hash ^= rotated(bits_of(x[i]), turn);
        turn += FACTORD_ECHO_ROTATION_STEP;
    }
    return hash;
}

/* The place of a request's hash: that of its ticket, which stays when positions begin anew. */
static inline uint64_t *hash_place(const factord_client *client, uint64_t position)
{
    return &client->hashes[(client->base + position) & client->mask];
}

/* Publishes one request; the caller has seen that there is room. */
static inline uint64_t push(factord_client *client, uint64_t meta, const double *x)
{
    uint64_t position = client->pushed++;
    word *slot = request_slot(client, position);
    word *features = slot + FACTORD_REQUEST_FEATURES;
    put(&slot[FACTORD_REQUEST_META], meta);
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
    *hash_place(client, position) =
        LIKELY(client->width == 3) ? hash_of(meta, x, 3) : hash_of(meta, x, client->width);
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
    default: return fail(out, FACTORD_ERROR_BAD_INPUT);
    }
}

/* Takes the answer of the next position, which is there. */
static inline int pop(factord_client *client, factord_prediction *out)
{
    uint64_t echo =
        client->popped * FACTORD_ECHO_MULTIPLIER ^ *hash_place(client, client->popped);
    const word *slot = response_slot(client, client->popped++);
    uint64_t verdict = get(&slot[FACTORD_RESPONSE_VERDICT]);
    if (UNLIKELY(get(&slot[FACTORD_RESPONSE_ECHO]) != echo)) {
        return fail(out, FACTORD_ERROR_ECHO_MISMATCH);
    }
    if (UNLIKELY((verdict & 0xFFFF) != FACTORD_STATUS_OK)) return refusal_of(verdict, out);
    out->y = of_bits(get(&slot[FACTORD_RESPONSE_Y]));
    out->second = of_bits(get(&slot[FACTORD_RESPONSE_SECOND]));
    out->epoch = get(&slot[FACTORD_RESPONSE_EPOCH]);
    out->t_received = get(&slot[FACTORD_RESPONSE_T_RECEIVED]);
    out->t_done = get(&slot[FACTORD_RESPONSE_T_DONE]);
    out->generation = (uint32_t)(verdict >> 32);
    out->arm = (uint16_t)(verdict >> 16);
    out->error = FACTORD_OK;
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

/* Takes the next answer that somebody waits for. What nobody asked is no answer: a daemon that lies
 * may fill its ring ahead of any request. */
static inline bool take_next(factord_client *client, uint64_t *ticket, factord_prediction *out)
{
    while (in_flight(client) > 0 && is_answered(client, client->popped)) {
        *ticket = client->base + client->popped;
        pop(client, out);
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

/* ---- The names of models ----------------------------------------------------------------- */

/* Names that are there from the start, in the order of their numbers. */
static const char *const FIXED[] = {"regression", "classification"};

static bool find_name(const factord_client *client, const char *name, uint16_t *number)
{
    for (uint32_t i = 0; i < client->name_count; i++) {
        if (strcmp(client->names[i], name) != 0) continue;
        *number = (uint16_t)i;
        return true;
    }
    return false;
}

/* Makes room for one more name; false when there is none. */
static bool has_name_room(factord_client *client)
{
    if (client->name_count < client->name_room) return true;
    if (client->name_room >= NO_NUMBER) return false;
    uint32_t room = client->name_room == 0 ? 2 * FACTORD_MODEL_COUNT_MAX : 2 * client->name_room;
    if (room > NO_NUMBER) room = NO_NUMBER;
    void *names = realloc(client->names, room * sizeof *client->names);
    if (names) client->names = names;
    void *numbers = realloc(client->numbers, room * sizeof *client->numbers);
    if (numbers) client->numbers = numbers;
    if (!names || !numbers) return false;
    client->name_room = room;
    return true;
}

/* Gives a name its number, if it has none yet; false when there is no room. */
static bool enter_name(factord_client *client, const char *name, uint16_t *number)
{
    if (find_name(client, name, number)) return true;
    if (!has_name_room(client)) return false;
    *number = (uint16_t)client->name_count;
    memcpy(client->names[*number], name, sizeof *client->names);
    client->numbers[*number] = NO_NUMBER;
    client->name_count++;
    return true;
}

/* Notes the engine's number of each known name of the table. Within an epoch a number stays. */
static void resolve(factord_client *client)
{
    for (int i = 0; i < client->table.count; i++) {
        const factord_model_row *row = &client->table.rows[i];
        uint16_t number;
        if (!find_name(client, row->name, &number)) continue;
        if (client->numbers[number] != NO_NUMBER) continue;
        client->numbers[number] = row->id;
        client->owners[row->id] = number;
    }
}

/* Enters the names of the table; false when there is not room for all. */
static bool enter_names(factord_client *client)
{
    bool room = true;
    uint16_t number;
    for (int i = 0; i < client->table.count; i++) {
        room &= enter_name(client, client->table.rows[i].name, &number);
    }
    resolve(client);
    return room;
}

/* Forgets the numbers of the engine before. */
static void forget_numbers(factord_client *client)
{
    for (uint32_t i = 0; i < client->name_count; i++) client->numbers[i] = NO_NUMBER;
    for (int i = 0; i < FACTORD_MODEL_COUNT_MAX; i++) client->owners[i] = NO_NUMBER;
}

/* Looks a model up again that the engine did not serve: a reload may have brought it back. */
COLD static uint16_t look_up_again(factord_client *client, uint16_t model)
{
    const word *words = client->regions[STATUS].words;
    if (model >= client->name_count) return NO_NUMBER;
    if (get_acquire(&words[FACTORD_STATUS_MODELS_SEQUENCE]) != client->table.sequence &&
        read_table(words, 1, &client->table)) {
        resolve(client);
    }
    return client->numbers[model];
}

/* The engine's number of a model. */
static inline uint16_t number_of(factord_client *client, uint16_t model)
{
    uint16_t number = LIKELY(model < client->name_count) ? client->numbers[model] : NO_NUMBER;
    return LIKELY(number != NO_NUMBER) ? number : look_up_again(client, model);
}

/* The first word of a request. */
static inline uint64_t meta_of(factord_client *client, uint16_t model)
{
    return number_of(client, model) | client->flags;
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

/* Puts the regions of an attempt that is through in the place of the old ones. */
static void adopt(factord_client *client)
{
    struct attempt *attempt = &client->attempt;
    for (int i = 0; i < REGION_COUNT; i++) unmap(&client->regions[i]);
    if (client->fd >= 0) close(client->fd);
    memcpy(client->regions, attempt->regions, sizeof client->regions);
    memset(attempt->regions, 0, sizeof attempt->regions);
    client->fd = attempt->fd;
    client->epoch = attempt->epoch;
    client->table = attempt->table;
    attempt->fd = -1;
    attempt->step = NOTHING;
    client->requests = client->regions[REQ].words + header_words();
    client->responses = client->regions[RESP].words + header_words();
    client->pushed = 1;
    client->popped = 1;
    for (int i = 0; i < FACTORD_MODEL_COUNT_MAX; i++) client->copies[i].kind = 0;
    uint64_t now = now_ns();
    client->beat_count = get(&client->regions[STATUS].words[FACTORD_STATUS_HEARTBEAT_COUNT]);
    client->beat_at_ns = now;
    client->answered = 1;
    client->answered_at_ns = now;
    client->asked_at_ns = now;
    client->connected = true;
}

/* The first word of a request as the new engine is to read it, for the same model by name. */
static uint64_t renumbered(const factord_client *client, const uint16_t *owners, uint64_t meta)
{
    uint16_t old = (uint16_t)meta;
    uint16_t owner = old < FACTORD_MODEL_COUNT_MAX ? owners[old] : NO_NUMBER;
    uint16_t number = owner < client->name_count ? client->numbers[owner] : NO_NUMBER;
    return (meta & ~(uint64_t)UINT16_MAX) | number;
}

/* Takes the new rings and publishes every unanswered request in them, in order. */
static void publish_again(factord_client *client)
{
    struct attempt *attempt = &client->attempt;
    word *fresh = attempt->regions[REQ].words + header_words();
    uint64_t count = in_flight(client);
    uint64_t first = client->base + client->popped;
    uint16_t owners[FACTORD_MODEL_COUNT_MAX];
    memcpy(owners, client->owners, sizeof owners);
    client->table = attempt->table;
    forget_numbers(client);
    /* Without memory a new name has no number: it could not be asked for before either. */
    enter_names(client);
    for (uint64_t i = 0; i < count; i++) {
        const word *old = request_slot(client, client->popped + i);
        word *slot = fresh + ((1 + i) & client->mask) * client->stride;
        uint64_t before = get(&old[FACTORD_REQUEST_META]);
        uint64_t after = renumbered(client, owners, before);
        put(&slot[FACTORD_REQUEST_META], after);
        /* Whatever the old engine wrote over the request, its answer then has another echo. */
        *hash_place(client, client->popped + i) ^= before ^ after;
        for (size_t at = FACTORD_REQUEST_FEATURES; at < FACTORD_REQUEST_FEATURES + client->width;
             at++) {
            put(&slot[at], get(&old[at]));
        }
        /* Release: as in push. */
        atomic_store_explicit(&slot[FACTORD_REQUEST_SEQUENCE], 1 + i, memory_order_release);
    }
    adopt(client);
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

/* Begins an attempt to attach, or carries it on; waits for its steps no longer than it is told to. */
static void attach_again(factord_client *client, uint64_t now, uint64_t patience_ns)
{
    struct attempt *attempt = &client->attempt;
    uint64_t end_ns = 0;
    /* What the dead engine answered is still there: the caller takes it first. */
    if (in_flight(client) > 0 && is_answered(client, client->popped)) return;
    if (attempt->step == NOTHING && now < client->retry_at_ns) return;
    if (attempt->step != NOTHING && since(now, client->looked_at_ns) > HANDSHAKE_NS / 2) {
        /* Called so rarely, no attempt would ever get through. */
        abandon(attempt);
        end_ns = added(now, patience_ns);
    }
    client->looked_at_ns = now;
    int got = carry_on_until(attempt, &client->target, end_ns);
    if (got > 0) {
        publish_again(client);
    } else if (got < 0) {
        abandon(attempt);
        client->retry_at_ns = added(now_ns(), client->retry_pause_ns);
        client->retry_pause_ns = least(2 * client->retry_pause_ns, RETRY_LAST_NS);
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
    if (!client->connected) attach_again(client, now, patience_ns);
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

static inline int submit(factord_client *client, uint16_t model, const double *x, size_t x_count,
                         uint64_t patience_ns, uint64_t *ticket)
{
    if (UNLIKELY(x_count != client->width)) return FACTORD_ERROR_WIDTH_MISMATCH;
    if (UNLIKELY(!has_room(client) || !client->connected)) {
        int error = make_ready(client, patience_ns);
        if (error) return error;
    }
    *ticket = client->base + push(client, meta_of(client, model), x);
    return FACTORD_OK;
}

int factord_submit(factord_client *client, uint16_t model, const double *x, size_t x_count,
                   uint64_t *ticket)
{
    return submit(client, model, x, x_count, PATIENCE_NS, ticket);
}

/* Waits for room in the ring, or for the engine, then predicts. */
COLD static int predict_late(factord_client *client, uint16_t model, const double *x,
                             size_t x_count, uint64_t deadline_ns, factord_prediction *out)
{
    uint64_t end_ns = added(now_ns(), deadline_ns);
    uint32_t turn = 0;
    for (;;) {
        uint64_t ticket;
        int error = submit(client, model, x, x_count, 0, &ticket);
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

int factord_predict(factord_client *client, uint16_t model, const double *x, size_t x_count,
                    uint64_t deadline_ns, factord_prediction *out)
{
    if (UNLIKELY(x_count != client->width)) return fail(out, FACTORD_ERROR_WIDTH_MISMATCH);
    if (UNLIKELY(!has_room(client) || !client->connected)) {
        return predict_late(client, model, x, x_count, deadline_ns, out);
    }
    uint64_t ticket = client->base + push(client, meta_of(client, model), x);
    /* With nothing else under way the next answer is this one's and needs no sorting. */
    if (LIKELY(in_flight(client) == 1)) {
        for (int look = 0; look < QUICK_LOOKS; look++) {
            if (is_answered(client, client->popped)) return pop(client, out);
            pause_pipeline();
        }
    }
    return wait_for(client, ticket, deadline_ns, out);
}

int factord_poll(factord_client *client, uint64_t *ticket, factord_prediction *out)
{
    if (UNLIKELY(client->early_count > 0)) {
        const struct early *entry = &client->early[client->early_head];
        *ticket = entry->ticket;
        *out = entry->answer;
        client->early_head = (client->early_head + 1) & client->mask;
        client->early_count--;
        return 1;
    }
    if (take_next(client, ticket, out)) return 1;
    if (UNLIKELY((++client->empty_looks & client->clock_mask) == 0 || !client->connected)) {
        look_after_engine(client, PATIENCE_NS);
    }
    return LIKELY(client->connected) ? 0 : FACTORD_ERROR_NOT_CONNECTED;
}

/* Requests pushed, and answers taken, by turns: enough lines under way to hide a transfer, few
 * enough to keep both sides busy. */
#define BURST 16

/* A batch under way. */
struct batch {
    uint16_t model;
    const double *rows;
    size_t row_count;
    factord_prediction *out;
    size_t submitted;
    size_t taken;
    uint64_t first_ticket;
};

static inline void push_burst(factord_client *client, struct batch *batch)
{
    /* Anew for each burst: another engine may have given the model another number. */
    uint64_t meta = meta_of(client, batch->model);
    for (int i = 0; i < BURST && batch->submitted < batch->row_count; i++) {
        if (!has_room(client) || !client->connected) return;
        uint64_t position = push(client, meta, batch->rows + batch->submitted * client->width);
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
    for (size_t i = batch->taken; i < batch->row_count; i++) fail(&batch->out[i], error);
    for (size_t i = batch->taken; i < batch->submitted; i++) {
        give_up_on(client, batch->first_ticket + i);
    }
    return error;
}

int factord_predict_batch(factord_client *client, uint16_t model, const double *rows,
                          size_t row_count, uint64_t deadline_ns, factord_prediction *out)
{
    struct batch batch = {.model = model, .rows = rows, .row_count = row_count, .out = out};
    uint64_t end_ns = added(now_ns(), deadline_ns);
    uint32_t turn = 0;
    uint32_t looks = 0;
    while (batch.taken < row_count) {
        size_t before = batch.submitted + batch.taken;
        push_burst(client, &batch);
        take_burst(client, &batch);
        if (LIKELY(batch.submitted + batch.taken != before)) {
            turn = 0;
            continue;
        }
        if ((++looks & client->clock_mask) == 0) {
            if (now_ns() >= end_ns) return give_up_batch(client, &batch);
            look_after_engine(client, 0);
        }
        wait_once(client->idle, &turn);
    }
    return FACTORD_OK;
}

/* ---- Evaluation in the client's own process ---------------------------------------------- */

/* Evaluations repeated because the model was swapped meanwhile, at most. */
#define SWAPS_MAX 8
/* Copies begun anew because the model was published twice meanwhile, at most. */
#define COPIES_MAX 1000
/* Local evaluations between two looks at the engine: every 20 us at some 5 ns each. */
#define LOCAL_CALLS_PER_LOOK 4096

/* The engine's number counts here. */
static inline const word *entry_of(const factord_client *client, uint16_t number)
{
    return client->regions[MODELS].words + FACTORD_MODELS_ENTRIES +
           (size_t)number * FACTORD_MODELS_ENTRY_WORDS;
}

/* Copies the parameters of a slot; false when no sound model is there. Acquire loads: whatever is
 * read before the second look at the generation is ordered before it. */
static bool copy_slot(struct copy *copy, const word *slot)
{
    uint64_t shape = get_acquire(&slot[FACTORD_MODELS_SLOT_SHAPE]);
    uint64_t width = shape >> 32;
    uint32_t kind = (uint32_t)shape;
    bool sound = width >= 1 && width <= FACTORD_FEATURE_COUNT_MAX &&
                 (kind == FACTORD_LINEAR || kind == FACTORD_LOGISTIC);
    if (!sound) return false;
    copy->width = width;
    copy->intercept = of_bits(get_acquire(&slot[FACTORD_MODELS_SLOT_INTERCEPT]));
    sound = isfinite(copy->intercept);
    for (size_t i = 0; i < width; i++) {
        struct term *term = &copy->terms[i];
        term->weight = of_bits(get_acquire(&slot[FACTORD_MODELS_SLOT_WEIGHTS + i]));
        sound = sound && isfinite(term->weight);
        if (kind == FACTORD_LINEAR) continue;
        term->mean = of_bits(get_acquire(&slot[FACTORD_MODELS_SLOT_MEAN + i]));
        term->scale = of_bits(get_acquire(&slot[FACTORD_MODELS_SLOT_SCALE + i]));
        sound = sound && isfinite(term->mean) && isfinite(term->scale) && term->scale != 0.0;
    }
    copy->kind = sound ? kind : 0;
    return sound;
}

/* Copies the model that is published now; kind is 0 when there is none. A writer that dies half-way
 * leaves the published slot whole, so nobody waits for it. */
static void refresh(struct copy *copy, const word *entry)
{
    for (int i = 0; i < COPIES_MAX; i++) {
        /* Acquire: pairs with the daemon's release store; the slot is read after it. */
        uint64_t published = get_acquire(&entry[FACTORD_MODELS_PUBLISHED]);
        uint64_t index = published & 0xFFFFFFFF;
        copy->kind = 0;
        copy->published = published;
        copy->generation = (uint32_t)(published >> 32);
        if (published == 0 || index >= FACTORD_MODELS_SLOT_COUNT) return;
        const word *slot = entry + FACTORD_MODELS_SLOTS + index * FACTORD_MODELS_SLOT_WORDS;
        copy_slot(copy, slot);
        if (get(&slot[FACTORD_MODELS_SLOT_GENERATION]) == copy->generation) return;
    }
    copy->kind = 0;
}

/* Adds the epoch, and counts in the header that this client owns. */
static inline int finish_local(factord_client *client, int error, uint64_t status,
                               factord_prediction *out)
{
    word *count = &client->regions[REQ].words[FACTORD_REQ_HEADER_LOCAL_BY_STATUS + status];
    uint64_t counted = get(count) + 1;
    put(count, counted);
    out->epoch = client->epoch;
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
                                                              : FACTORD_STATUS_BAD_INPUT;
    fail(out, error);
    return finish_local(client, error, status, out);
}

/* Copies the model that was published meanwhile, and answers. */
COLD static int predict_anew(factord_client *client, uint16_t model, const double *x,
                             size_t x_count, factord_prediction *out)
{
    int error = FACTORD_ERROR_UNKNOWN_MODEL;
    uint16_t number = number_of(client, model);
    if (number >= FACTORD_MODEL_COUNT_MAX) return refuse_local(client, error, out);
    struct copy *copy = &client->copies[number];
    const word *entry = entry_of(client, number);
    for (int i = 0; i < SWAPS_MAX; i++) {
        refresh(copy, entry);
        error = copy->kind ? evaluate(copy, x, x_count, out) : FACTORD_ERROR_UNKNOWN_MODEL;
        if (get(&entry[FACTORD_MODELS_PUBLISHED]) == copy->published) break;
    }
    if (error != FACTORD_OK) return refuse_local(client, error, out);
    return finish_local(client, error, FACTORD_STATUS_OK, out);
}

INLINE int predict_in_default(factord_client *client, uint16_t model, const double *x,
                              size_t x_count, factord_prediction *out)
{
    uint16_t number = LIKELY(model < client->name_count) ? client->numbers[model] : NO_NUMBER;
    if (UNLIKELY(number >= FACTORD_MODEL_COUNT_MAX)) {
        return predict_anew(client, model, x, x_count, out);
    }
    const struct copy *copy = &client->copies[number];
    const word *published = &entry_of(client, number)[FACTORD_MODELS_PUBLISHED];
    if (LIKELY(copy->kind != 0 && get(published) == copy->published)) {
        int error = evaluate(copy, x, x_count, out);
        if (LIKELY(get(published) == copy->published)) {
            if (UNLIKELY(error != FACTORD_OK)) return refuse_local(client, error, out);
            return finish_local(client, error, FACTORD_STATUS_OK, out);
        }
    }
    return predict_anew(client, model, x, x_count, out);
}

/* Compilers do not follow it: they take arithmetic for free of side effects, and might do some of it
 * before the default environment is set, or after it was. */
static int (*volatile const call_in_default)(factord_client *, uint16_t, const double *, size_t,
                                             factord_prediction *) = predict_in_default;

/* Puts the default environment in the place of what the host has set, for as long as it takes. */
COLD static int predict_for_host(factord_client *client, uint16_t model, const double *x,
                                 size_t x_count, factord_prediction *out)
{
    const environment host = environment_get();
    environment_set(ENVIRONMENT_DEFAULT);
    int error = call_in_default(client, model, x, x_count, out);
    environment_set(host);
    return error;
}

int factord_predict_local(factord_client *client, uint16_t model, const double *x, size_t x_count,
                          factord_prediction *out)
{
    if (UNLIKELY(!environment_is_default())) {
        return predict_for_host(client, model, x, x_count, out);
    }
    return predict_in_default(client, model, x, x_count, out);
}

/* ---- Attach and close -------------------------------------------------------------------- */

#define NO_MEMORY "attach failed: this process has no memory left"

/* Fills in what stays the same over all attachments. */
static int prepare(factord_client *client, const factord_options *options, struct why *why)
{
    struct shape shape = {options->feature_count, options->slot_count};
    const char *name = options->name ? options->name : "client";
    if (!is_shape(shape)) {
        return say(why, FACTORD_ERROR_OPTIONS,
                   "no ring has %u features and %u slots: features are 1 to 1024, slots a power of "
                   "two up to 4096, a region at most 8 MiB",
                   (unsigned)shape.feature_count, (unsigned)shape.slot_count);
    }
    if (options->idle < FACTORD_IDLE_SPIN || options->idle > FACTORD_IDLE_BACKOFF) {
        return say(why, FACTORD_ERROR_OPTIONS, "no idle strategy has number %d", options->idle);
    }
    client->target.shape = shape;
    snprintf(client->target.name, sizeof client->target.name, "%s", name);
    client->mask = shape.slot_count - 1;
    client->slot_count = shape.slot_count;
    client->width = shape.feature_count;
    client->stride = stride_words(shape.feature_count);
    client->idle = options->idle;
    client->clock_mask = options->idle <= FACTORD_IDLE_NOOP ? CLOCK_MASK : 0;
    client->retry_pause_ns = RETRY_FIRST_NS;
    client->hashes = calloc(shape.slot_count, sizeof *client->hashes);
    client->early = calloc(shape.slot_count, sizeof *client->early);
    client->abandoned = calloc(shape.slot_count, sizeof *client->abandoned);
    bool room = client->hashes && client->early && client->abandoned;
    for (size_t i = 0; i < sizeof FIXED / sizeof *FIXED && room; i++) {
        char fixed[FACTORD_NAME_LEN + 1] = "";
        uint16_t number;
        snprintf(fixed, sizeof fixed, "%s", FIXED[i]);
        room = enter_name(client, fixed, &number);
    }
    forget_numbers(client);
    if (!room) return say(why, FACTORD_ERROR_SYSTEM, NO_MEMORY);
    int error = find_daemon_uid(&client->target, options->daemon_uid, why);
    return error ? error : find_socket(&client->target, options->socket, why);
}

/* Whether waiting may mend why an attach failed. */
static bool may_pass(const struct attempt *attempt)
{
    int error = attempt->why.error;
    return error == FACTORD_ERROR_UNREACHABLE || error == FACTORD_ERROR_ATTACH_DEADLINE ||
           error == FACTORD_ERROR_REFUSED_BUSY || error == FACTORD_ERROR_REFUSED_TOO_MANY ||
           attempt->hung_up;
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
    if (error == FACTORD_OK) error = attach_within(made, options->wait_ns);
    if (error > 0) {
        adopt(made);
        error = enter_names(made) ? FACTORD_OK
                                  : say(&made->attempt.why, FACTORD_ERROR_SYSTEM, NO_MEMORY);
    }
    if (error == FACTORD_OK) {
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
    abandon(&client->attempt);
    for (int i = 0; i < REGION_COUNT; i++) unmap(&client->regions[i]);
    if (client->fd >= 0) close(client->fd);
    free(client->hashes);
    free(client->early);
    free(client->abandoned);
    free(client->names);
    free(client->numbers);
    free(client);
}

/* ---- The rest ---------------------------------------------------------------------------- */

int factord_models(factord_client *client, factord_model_row rows[FACTORD_MODEL_COUNT_MAX])
{
    int count = 0;
    read_table(client->regions[STATUS].words, TABLE_TRIES, &client->table);
    enter_names(client);
    for (int i = 0; i < client->table.count; i++) {
        uint16_t number;
        if (!find_name(client, client->table.rows[i].name, &number)) continue;
        rows[count] = client->table.rows[i];
        rows[count++].id = number;
    }
    return count;
}

int factord_model(factord_client *client, const char *name, factord_model_row *row)
{
    factord_model_row rows[FACTORD_MODEL_COUNT_MAX];
    int count = factord_models(client, rows);
    for (int i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *row = rows[i];
            return FACTORD_OK;
        }
    }
    return FACTORD_ERROR_UNKNOWN_MODEL;
}

void factord_stamp(factord_client *client, int wanted)
{
    client->flags = wanted ? FACTORD_REQUEST_FLAG_STAMP : 0;
}

uint64_t factord_models_sequence(const factord_client *client)
{
    return get(&client->regions[STATUS].words[FACTORD_STATUS_MODELS_SEQUENCE]);
}

uint64_t factord_epoch(const factord_client *client)
{
    return client->epoch;
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

const char *factord_strerror(int error)
{
    switch (error) {
    case FACTORD_OK: return "no error";
    case FACTORD_ERROR_BAD_INPUT:
        return "bad input: every feature, and the prediction, must be a finite number";
    case FACTORD_ERROR_UNKNOWN_MODEL: return "the daemon serves no such model";
    case FACTORD_ERROR_WIDTH_MISMATCH: return "the number of features is not the model's";
    case FACTORD_ERROR_BACK_PRESSURE:
        return "the ring is full: take answers before submitting more";
    case FACTORD_ERROR_DEADLINE: return "no answer before the deadline";
    case FACTORD_ERROR_NOT_CONNECTED: return "not connected to a daemon";
    case FACTORD_ERROR_ECHO_MISMATCH:
        return "the answer is for different features than those submitted";
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
    case FACTORD_ERROR_REFUSED_OTHER: return "refused: the daemon is newer than this client";
    default: return "no code of factord";
    }
}
