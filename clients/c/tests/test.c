/* What the C client promises beyond the conformance suite: no system call and no allocation while
 * the engine lives, nothing that waits in submit and poll, the ring's bits in one's own process,
 * independent threads; with layout.c, what stands in the regions. Prints a line a test and ends with `N passed, N failed`. */
#define _GNU_SOURCE
#include "check.h"
#include "environment.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

struct daemon engine;
int failures;

static factord_client *attach(int idle)
{
    factord_options options = FACTORD_OPTIONS_DEFAULT;
    options.socket = engine.socket;
    options.name = "test";
    options.idle = idle;
    factord_client *client;
    char why[FACTORD_WHY_LEN] = "";
    if (factord_attach(&client, &options, why, sizeof why) != FACTORD_OK) die(why);
    return client;
}

static uint16_t id_of(factord_client *client, const char *name)
{
    factord_model_row row;
    if (factord_model(client, name, &row) != FACTORD_OK) die(name);
    return row.id;
}

/* xorshift64*, for inputs that are the same in every run. */
static uint64_t next_bits(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Mostly rates, sometimes any bits at all, sometimes special values. */
static double next_value(uint64_t *state, int round)
{
    static const double SPECIAL[] = {0.0,  -0.0, NAN,    INFINITY, -INFINITY, 5e-324,
                                     1e308, -1e308, 1e-300, 708.0,    1415.0,    -745.2};
    uint64_t bits = next_bits(state);
    double value;
    if (round % 5 == 0) return SPECIAL[(bits >> 32) % (sizeof SPECIAL / sizeof *SPECIAL)];
    if (round % 5 == 1) {
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    value = (double)(bits >> 11) / 9007199254740992.0;
    return round % 5 == 2 ? value * 80.0 - 40.0 : value;
}

static void local_predictions_have_the_bits_of_the_ring(void)
{
    enum { ROWS = 20000 };
    static double rows[ROWS * 3];
    static factord_prediction ring[ROWS];
    static const char *const NAMES[] = {"regression", "classification"};
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    for (int i = 0; i < ROWS * 3; i++) rows[i] = next_value(&state, i / 3);
    factord_client *client = attach(FACTORD_IDLE_BACKOFF);
    for (int which = 0; which < 2; which++) {
        uint16_t model = id_of(client, NAMES[which]);
        int answered = 0;
        CHECK(factord_predict_batch(client, model, rows, ROWS, 60 * FACTORD_S, ring) == 0);
        for (int i = 0; i < ROWS; i++) {
            factord_prediction local;
            int error = factord_predict_local(client, model, &rows[3 * i], 3, &local);
            CHECK(error == ring[i].error && local.error == error);
            CHECK(same(local.y, ring[i].y) && same(local.second, ring[i].second));
            if (error != FACTORD_OK) continue;
            CHECK(local.generation == ring[i].generation && local.epoch == ring[i].epoch);
            answered++;
        }
        CHECK(answered > ROWS / 2 && answered < ROWS);
    }
    factord_prediction local;
    CHECK(factord_predict_local(client, 16, rows, 3, &local) == FACTORD_ERROR_UNKNOWN_MODEL);
    CHECK(factord_predict_local(client, 65535, rows, 3, &local) == FACTORD_ERROR_UNKNOWN_MODEL);
    CHECK(factord_predict_local(client, 0, rows, 2, &local) == FACTORD_ERROR_WIDTH_MISMATCH);
    CHECK(factord_predict_local(client, 0, rows, 0, &local) == FACTORD_ERROR_WIDTH_MISMATCH);
    factord_close(client);
}

#if defined(HOST_COUNT)
/* Predictions of one model where a host has set its environment, and without a copy of the model at first. */
static void are_predicted_under(uint32_t state, const char *name, const double *rows, int count,
                                const factord_prediction *expected)
{
    factord_client *client = attach(FACTORD_IDLE_BACKOFF);
    uint16_t model = id_of(client, name);
    int right = 0;
    int kept = 0;
    for (int i = 0; i < count; i++) {
        factord_prediction local;
        host_set(state);
        int error = factord_predict_local(client, model, &rows[3 * i], 3, &local);
        uint32_t after = host_get();
        host_set(HOST_DEFAULT);
        right += error == FACTORD_OK && same(local.y, expected[i].y) &&
                 same(local.second, expected[i].second);
        kept += after == state;
    }
    if (right < count) fprintf(stderr, "%#x %s: %d of %d\n", state, name, right, count);
    CHECK(right == count);
    CHECK(kept == count);
    factord_close(client);
}

static void local_predictions_do_not_depend_on_what_the_host_has_set(void)
{
    enum { ROWS = 1000 };
    static const char *const NAMES[] = {"regression", "classification"};
    static double rows[ROWS * 3];
    static factord_prediction ring[2][ROWS];
    uint64_t state = 7;
    int subnormal = 0;
    /* Probabilities around the least normal number are there, too. */
    for (int i = 0; i < ROWS * 3; i++) rows[i] = 3.0 * (double)(next_bits(&state) >> 11) / 0x1p53;
    for (int i = 0; i < ROWS; i += 2) rows[3 * i] = 2.8 + 2e-4 * i;
    for (size_t which = 0; which < 2; which++) {
        factord_client *client = attach(FACTORD_IDLE_BACKOFF);
        uint16_t model = id_of(client, NAMES[which]);
        CHECK(factord_predict_batch(client, model, rows, ROWS, 60 * FACTORD_S, ring[which]) == 0);
        factord_close(client);
        for (int i = 0; i < ROWS; i++) subnormal += fpclassify(ring[which][i].y) == FP_SUBNORMAL;
    }
    CHECK(subnormal > 0);
    for (size_t i = 0; i < HOST_COUNT; i++) {
        are_predicted_under(HOST_STATES[i], NAMES[0], rows, ROWS, ring[0]);
        are_predicted_under(HOST_STATES[i], NAMES[1], rows, ROWS, ring[1]);
    }
}
#endif

/* ---- No allocation and no system call ---------------------------------------------------- */

static uint64_t allocator_calls;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *old);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *old);

/* Allocations until one fails; -1: none does. */
static int allocations_left = -1;

static bool fails_now(void)
{
    bool none_left = allocations_left == 0;
    if (allocations_left > 0) allocations_left--;
    return none_left;
}

static void count_call(void)
{
    __atomic_fetch_add(&allocator_calls, 1, __ATOMIC_RELAXED);
}

void *__wrap_malloc(size_t size)
{
    count_call();
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    count_call();
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    count_call();
    return fails_now() ? NULL : __real_realloc(old, size);
}

void __wrap_free(void *old)
{
    count_call();
    __real_free(old);
}

/* The line of the first call of a shape that was wrong, or 0. */
static int wrong_line;

#define RIGHT(condition)                                          \
    do {                                                          \
        if (!(condition) && wrong_line == 0) wrong_line = __LINE__; \
    } while (0)

/* Calls of every shape, a few thousand; whether all were right. */
static bool all_shapes(factord_client *client, uint16_t regression, uint16_t classification)
{
    enum { ROWS = 500 };
    static double rows[ROWS * 3];
    static factord_prediction answers[ROWS];
    factord_model_row row;
    factord_prediction answer;
    wrong_line = 0;
    for (int i = 0; i < ROWS * 3; i++) rows[i] = (double)i / (ROWS * 3);
    for (int i = 0; i < ROWS; i++) {
        const double *x = &rows[3 * i];
        uint64_t ticket = 0;
        uint64_t taken = 1;
        RIGHT(factord_predict(client, regression, x, 3, 10 * FACTORD_S, &answer) == 0);
        RIGHT(factord_predict(client, 15, x, 3, 10 * FACTORD_S, &answer) != 0);
        RIGHT(factord_predict_keyed(client, regression, 7, x, 3, 10 * FACTORD_S, &answer) == 0);
        RIGHT(factord_predict_local_keyed(client, regression, 7, x, 3, &answer) == 0);
        RIGHT(factord_predict_local(client, regression, x, 3, &answer) == 0);
        RIGHT(factord_predict_local(client, classification, x, 3, &answer) == 0);
        RIGHT(factord_submit_keyed(client, classification, 7, x, 3, &ticket) == 0);
        while (factord_poll(client, &taken, &answer) == 0) {
        }
        RIGHT(taken == ticket);
    }
    RIGHT(factord_predict_batch(client, classification, rows, ROWS, 10 * FACTORD_S, answers) == 0);
    RIGHT(factord_model(client, "regression", &row) == 0);
    RIGHT(factord_fetch(client, regression, 0) == 0);
    RIGHT(factord_models(client, &row, 1) == 2);
    RIGHT(factord_predict_each(client, (const uint16_t[]){0, 1}, 2, rows, 3, 10 * FACTORD_S,
                               answers) == 0);
    return wrong_line == 0;
}

static void no_call_allocates(void)
{
    uint64_t before = allocator_calls;
    factord_client *client = attach(FACTORD_IDLE_BACKOFF);
    CHECK(allocator_calls > before);
    uint16_t regression = id_of(client, "regression");
    uint16_t classification = id_of(client, "classification");
    before = allocator_calls;
    for (int i = 0; i < 20; i++) CHECK(all_shapes(client, regression, classification));
    CHECK(allocator_calls == before);
    factord_close(client);
    CHECK(allocator_calls > before);
}

#if !defined(SANITIZED) && (defined(__x86_64__) || defined(__aarch64__))
/* Shared with the child that is watched. */
struct watched {
    uint64_t polls;
    uint64_t others;
    uint64_t last_other;
    uint64_t rounds;
    uint64_t quiet_rounds;
    bool wrong;
    int wrong_line;
};

static struct watched *watched;

/* Counts a system call that the filter stopped, and lets it return 0: for poll, that nothing
 * happened at the socket. */
static void on_call(int signal, siginfo_t *info, void *context)
{
    ucontext_t *machine = context;
    bool poll = info->si_syscall == SYS_ppoll;
#ifdef SYS_poll
    poll = poll || info->si_syscall == SYS_poll;
#endif
    (void)signal;
    if (poll) {
        watched->polls++;
    } else {
        watched->others++;
        watched->last_other = (uint64_t)info->si_syscall;
    }
#ifdef __x86_64__
    machine->uc_mcontext.gregs[REG_RAX] = 0;
#else
    machine->uc_mcontext.regs[0] = 0;
#endif
}

/* Stops every system call but the end of the process; a clock without vDSO is none of ours. */
static bool watch_calls(void)
{
    static struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    static const struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
    struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER};
    return sigaction(SIGSYS, &action, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void run_watched(void)
{
    factord_client *client = attach(FACTORD_IDLE_SPIN);
    uint16_t regression = id_of(client, "regression");
    uint16_t classification = id_of(client, "classification");
    watched->wrong = !all_shapes(client, regression, classification) || !watch_calls();
    /* The check can fail: this is a call. */
    syscall(SYS_getppid);
    watched->wrong |= watched->others != 1;
    watched->others = 0;
    /* A heart that stands still for 25 ms, as on a busy machine, makes the client ask the socket:
     * such a round proves nothing. */
    while (watched->quiet_rounds < 5 && watched->rounds < 500 && !watched->wrong) {
        uint64_t before = watched->polls;
        watched->wrong |= !all_shapes(client, regression, classification);
        watched->wrong_line = wrong_line;
        watched->quiet_rounds += watched->polls == before;
        watched->rounds++;
    }
    _exit(0);
}

static void no_call_makes_a_system_call_while_the_engine_lives(void)
{
    watched = mmap(NULL, sizeof *watched, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (watched == MAP_FAILED) die("no shared page");
    pid_t child = fork();
    if (child == 0) run_watched();
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (watched->wrong) fprintf(stderr, "a wrong answer in line %d\n", watched->wrong_line);
    CHECK(!watched->wrong);
    if (watched->others) fprintf(stderr, "system call %d\n", (int)watched->last_other);
    CHECK(watched->others == 0);
    CHECK(watched->quiet_rounds == 5);
}
#endif

/* ---- The engine's death ------------------------------------------------------------------ */

static void submit_and_poll_never_wait_for_an_engine_that_stands_still(void)
{
    factord_client *client = attach(FACTORD_IDLE_SPIN);
    uint16_t model = id_of(client, "regression");
    double x[3] = {0.5, 0.2, 0.3};
    factord_prediction answer;
    uint64_t ticket;
    CHECK(factord_predict(client, model, x, 3, 10 * FACTORD_S, &answer) == 0);
    uint64_t epoch = answer.epoch;
    /* A new engine that takes connections and says nothing. */
    daemon_kill(&engine);
    daemon_start(&engine);
    kill(engine.pid, SIGSTOP);
    uint64_t end = now_ns() + 60 * FACTORD_S;
    while (factord_poll(client, &ticket, &answer) == 0 && now_ns() < end) sleep_ms(1);
    CHECK(!factord_connected(client));
    uint64_t start = now_ns();
    for (int i = 0; i < 200; i++) {
        CHECK(factord_poll(client, &ticket, &answer) == FACTORD_ERROR_NOT_CONNECTED);
        CHECK(factord_submit(client, model, x, 3, &ticket) == FACTORD_ERROR_NOT_CONNECTED);
        sleep_ms(10);
    }
    /* Calls that waited out a handshake each would take minutes. */
    CHECK(now_ns() - start < 30 * FACTORD_S);
    kill(engine.pid, SIGCONT);
    CHECK(factord_predict(client, model, x, 3, 20 * FACTORD_S, &answer) == 0);
    CHECK(answer.epoch > epoch && factord_epoch(client) == answer.epoch);
    factord_close(client);
}

static void a_client_that_is_called_once_a_second_attaches_again(void)
{
    factord_client *client = attach(FACTORD_IDLE_BACKOFF);
    uint16_t model = id_of(client, "regression");
    double x[3] = {0.5, 0.2, 0.3};
    factord_prediction answer;
    uint64_t ticket = 0;
    int error = factord_submit(client, model, x, 3, &ticket);
    CHECK(error == FACTORD_OK && ticket == 1);
    daemon_kill(&engine);
    daemon_start(&engine);
    int got = 0;
    for (int i = 0; i < 40 && got != 1; i++) {
        got = factord_poll(client, &ticket, &answer);
        if (got != 1) sleep_ms(1100);
    }
    CHECK(got == 1 && ticket == 1 && answer.error == FACTORD_OK);
    /* Answered by the old engine before it died, or by the new one. */
    for (int i = 0; i < 40 && factord_submit(client, model, x, 3, &ticket) != FACTORD_OK; i++) {
        sleep_ms(1100);
    }
    CHECK(ticket == 2);
    CHECK(factord_predict(client, model, x, 3, 20 * FACTORD_S, &answer) == 0);
    CHECK(factord_poll(client, &ticket, &answer) == 1 && ticket == 2 && answer.error == 0);
    factord_close(client);
}

/* Requests of a pipeline through several kills: each is answered once, in order, with its bits. */
static void no_answer_is_lost_or_doubled_when_the_engine_is_killed(void)
{
    factord_client *client = attach(FACTORD_IDLE_BACKOFF);
    uint16_t model = id_of(client, "regression");
    uint64_t submitted = 0;
    uint64_t taken = 0;
    uint64_t end = now_ns() + 60 * FACTORD_S;
    for (int round = 0; round < 3; round++) {
        uint64_t goal = submitted + 5000;
        bool killed = false;
        while (taken < goal && now_ns() < end) {
            uint64_t ticket;
            factord_prediction answer;
            double x[3] = {(double)(submitted % 997) / 997.0, 0.2, 0.3};
            if (submitted < goal && factord_submit(client, model, x, 3, &ticket) == FACTORD_OK) {
                CHECK(ticket == ++submitted);
            }
            if (submitted + 2500 > goal && !killed) {
                killed = true;
                daemon_kill(&engine);
                daemon_start(&engine);
            }
            if (factord_poll(client, &ticket, &answer) != 1) continue;
            factord_prediction local;
            x[0] = (double)(taken % 997) / 997.0;
            CHECK(ticket == ++taken && answer.error == FACTORD_OK);
            factord_predict_local(client, model, x, 3, &local);
            CHECK(same(local.y, answer.y));
        }
        CHECK(taken == goal);
    }
    factord_close(client);
}

/* ---- Threads, files, words --------------------------------------------------------------- */

static void *predict_many(void *given)
{
    factord_client *client = given ? given : attach(FACTORD_IDLE_BACKOFF);
    uint16_t model = id_of(client, "classification");
    for (int i = 0; i < 2000; i++) {
        double x[3] = {(double)i / 2000, 0.2, 0.3};
        factord_prediction ring;
        factord_prediction local;
        CHECK(factord_predict(client, model, x, 3, 20 * FACTORD_S, &ring) == FACTORD_OK);
        CHECK(factord_predict_local(client, model, x, 3, &local) == FACTORD_OK);
        CHECK(same(ring.y, local.y) && same(ring.second, local.second));
    }
    if (!given) factord_close(client);
    return NULL;
}

static void clients_of_several_threads_are_independent(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, predict_many, NULL) == 0);
    for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    /* And one client is handed from thread to thread. */
    factord_client *client = attach(FACTORD_IDLE_BACKOFF);
    for (int i = 0; i < 3; i++) {
        CHECK(pthread_create(&threads[0], NULL, predict_many, client) == 0);
        CHECK(pthread_join(threads[0], NULL) == 0);
    }
    factord_close(client);
}

static int open_files(void)
{
    int count = 0;
    for (int fd = 0; fd < 200; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void attaching_and_failing_to_leaves_no_file_open(void)
{
    int before = open_files();
    for (int i = 0; i < 5; i++) factord_close(attach(FACTORD_IDLE_BACKOFF));
    CHECK(open_files() == before);
    factord_options options = FACTORD_OPTIONS_DEFAULT;
    factord_client *client;
    char why[FACTORD_WHY_LEN] = "";
    char longer[200];
    options.socket = "/nowhere/factord.sock";
    errno = 4711;
    CHECK(factord_attach(&client, &options, why, sizeof why) == FACTORD_ERROR_UNREACHABLE);
    CHECK(!client && errno == 4711 && strstr(why, "/nowhere/factord.sock"));
    CHECK(factord_attach(&client, &options, NULL, 0) == FACTORD_ERROR_UNREACHABLE);
    CHECK(factord_attach(&client, &options, why, 5) == FACTORD_ERROR_UNREACHABLE);
    CHECK(strlen(why) == 4);
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = 0;
    options.socket = longer;
    CHECK(factord_attach(&client, &options, why, sizeof why) == FACTORD_ERROR_OPTIONS);
    const struct {
        uint32_t feature_count;
        uint32_t slot_count;
        int idle;
    } wrong[] = {
        {0, 64, 0},   {1025, 64, 0},   {3, 0, 0},  {3, 63, 0},
        {3, 8192, 0}, {1024, 4096, 0}, {3, 64, 4}, {3, 64, -1},
    };
    options.socket = engine.socket;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        options.feature_count = wrong[i].feature_count;
        options.slot_count = wrong[i].slot_count;
        options.idle = wrong[i].idle;
        CHECK(factord_attach(&client, &options, why, sizeof why) == FACTORD_ERROR_OPTIONS);
        CHECK(!client);
    }
    CHECK(open_files() == before);
    factord_close(NULL);
}

static void every_error_has_words_of_its_own(void)
{
    int found = 0;
    for (int error = -64; error <= 0; error++) {
        const char *words = factord_strerror(error);
        CHECK(words && *words);
        if (strcmp(words, factord_strerror(1)) == 0) continue;
        found++;
        for (int other = -64; other < error; other++) {
            CHECK(strcmp(words, factord_strerror(other)) != 0);
        }
    }
    CHECK(found == 34);
}

static void an_attach_without_memory_says_so(void)
{
    factord_options options = FACTORD_OPTIONS_DEFAULT;
    factord_client *client;
    options.socket = engine.socket;
    for (int left = 0; left < 5; left++) {
        char why[FACTORD_WHY_LEN] = "untouched";
        allocations_left = left;
        int error = factord_attach(&client, &options, why, sizeof why);
        allocations_left = -1;
        CHECK(error == FACTORD_ERROR_SYSTEM && !client);
        CHECK(strstr(why, "no memory"));
    }
}

/* The longest path at which the daemon listens: all of its place in the address but the last byte. */
static void the_longest_path_of_a_socket_is_served(void)
{
    enum { LONGEST = sizeof((struct sockaddr_un *)0)->sun_path - 1 };
    struct daemon longest = {0};
    strcpy(longest.directory, "/tmp/factord-c-XXXXXX");
    if (!mkdtemp(longest.directory)) die("no directory for the socket");
    size_t len = strlen(longest.directory);
    memcpy(longest.socket, longest.directory, len);
    memset(longest.socket + len, 's', LONGEST - len);
    longest.socket[len] = '/';
    longest.socket[LONGEST] = 0;
    daemon_start(&longest);
    factord_options options = FACTORD_OPTIONS_DEFAULT;
    factord_client *client;
    char why[FACTORD_WHY_LEN] = "";
    options.socket = longest.socket;
    CHECK(factord_attach(&client, &options, why, sizeof why) == FACTORD_OK);
    if (why[0]) fprintf(stderr, "%s\n", why);
    factord_close(client);
    daemon_end(&longest);
}

static void the_user_of_a_daemon_is_told_by_a_number_or_not_at_all(void)
{
    static const char *const WRONG[] = {"root", "-1", "1000 ", "4294967295", "99999999999999999999"};
    factord_options options = FACTORD_OPTIONS_DEFAULT;
    factord_client *client;
    char why[FACTORD_WHY_LEN];
    options.socket = engine.socket;
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        setenv("FACTORD_DAEMON_UID", WRONG[i], 1);
        CHECK(factord_attach(&client, &options, why, sizeof why) == FACTORD_ERROR_OPTIONS);
        CHECK(strstr(why, WRONG[i]) && strstr(why, "FACTORD_DAEMON_UID"));
    }
    setenv("FACTORD_DAEMON_UID", "1234", 1);
    CHECK(factord_attach(&client, &options, why, sizeof why) == FACTORD_OK);
    unsetenv("FACTORD_DAEMON_UID");
    factord_close(client);
}

/* Attaches at `before` + the path of `directory` below /tmp + the socket's name. */
static int attach_at(const char *before, const char *directory, char why[FACTORD_WHY_LEN])
{
    factord_options options = FACTORD_OPTIONS_DEFAULT;
    factord_client *client;
    char path[512];
    snprintf(path, sizeof path, "%s%s/control.sock", before, directory + strlen("/tmp/"));
    options.socket = path;
    int error = factord_attach(&client, &options, why, FACTORD_WHY_LEN);
    factord_close(client);
    return error;
}

static void a_path_below_tmp_is_judged_however_it_is_named(void)
{
    static const char *const BEFORE[] = {"/tmp/", "//tmp/", "/./tmp//./", "/proc/self/cwd/", "", "./"};
    char link[sizeof engine.directory + 8];
    char why[FACTORD_WHY_LEN] = "";
    snprintf(link, sizeof link, "%s.link", engine.directory);
    CHECK(symlink(engine.directory, link) == 0 && chdir("/tmp") == 0);
    for (size_t i = 0; i < sizeof BEFORE / sizeof *BEFORE; i++) {
        CHECK(attach_at(BEFORE[i], engine.directory, why) == FACTORD_OK);
        /* Where the kernel's own links lead to /tmp, the folder that they lead to is judged. */
        int expected = i == 3 ? FACTORD_OK : FACTORD_ERROR_UNTRUSTED;
        CHECK(attach_at(BEFORE[i], link, why) == expected);
        CHECK(chmod(engine.directory, 0770) == 0);
        CHECK(attach_at(BEFORE[i], engine.directory, why) == FACTORD_ERROR_UNTRUSTED);
        CHECK(strstr(why, engine.directory) && strstr(why, "writable by others"));
        CHECK(chmod(engine.directory, 0700) == 0);
    }
    CHECK(unlink(link) == 0 && chdir("/") == 0);
}

static void numbers_begin_with_the_two_fixed_names(void)
{
    factord_client *client = attach(FACTORD_IDLE_BACKOFF);
    double x[3] = {0.5, 0.2, 0.3};
    factord_prediction answer;
    CHECK(id_of(client, "regression") == 0 && id_of(client, "classification") == 1);
    for (int model = 2; model < 70000; model += 999) {
        uint16_t number = (uint16_t)model;
        if (number < 2) continue;
        int error = factord_predict(client, number, x, 3, 10 * FACTORD_S, &answer);
        CHECK(error == FACTORD_ERROR_UNKNOWN_MODEL);
        error = factord_predict_local(client, number, x, 3, &answer);
        CHECK(error == FACTORD_ERROR_UNKNOWN_MODEL);
    }
    CHECK(factord_predict(client, 0, x, 3, 10 * FACTORD_S, &answer) == FACTORD_OK);
    factord_close(client);
}

static void one_row_goes_to_several_models_at_once(void)
{
    enum { MODELS = 100 };
    static factord_prediction answers[MODELS];
    uint16_t models[MODELS];
    factord_client *client = attach(FACTORD_IDLE_BACKOFF);
    double x[3] = {0.5, 0.2, 0.3};
    factord_prediction ring[2];
    for (uint16_t i = 0; i < MODELS; i++) models[i] = i % 3;
    for (uint16_t i = 0; i < 2; i++) {
        CHECK(factord_predict_keyed(client, i, 99, x, 3, 10 * FACTORD_S, &ring[i]) == FACTORD_OK);
    }
    /* More models than the ring has slots. */
    CHECK(factord_predict_each(client, models, MODELS, x, 3, 10 * FACTORD_S, answers) == FACTORD_OK);
    for (int i = 0; i < MODELS; i++) {
        CHECK(answers[i].error == (i % 3 == 2 ? FACTORD_ERROR_UNKNOWN_MODEL : FACTORD_OK));
        if (i % 3 == 2) continue;
        CHECK(same(answers[i].y, ring[i % 3].y));
        CHECK(answers[i].fingerprint == ring[i % 3].fingerprint && answers[i].fingerprint != 0);
    }
    CHECK(factord_predict_each(client, models, 0, x, 3, 0, NULL) == FACTORD_OK);
    int error = factord_predict_each(client, models, 2, x, 2, FACTORD_S, answers);
    CHECK(error == FACTORD_ERROR_WIDTH_MISMATCH && answers[1].error == error);
    factord_close(client);
}

static void the_library_is_of_the_headers_version(void)
{
    char numbers[32];
    snprintf(numbers, sizeof numbers, "%d.%d.%d", FACTORD_VERSION_MAJOR, FACTORD_VERSION_MINOR,
             FACTORD_VERSION_PATCH);
    CHECK(strcmp(factord_version(), FACTORD_VERSION) == 0);
    CHECK(strcmp(numbers, FACTORD_VERSION) == 0);
}

struct test {
    const char *name;
    void (*run)(void);
};

#define TEST(name) {#name, name}

int main(int count, char **names)
{
    static const struct test TESTS[] = {
        TEST(local_predictions_have_the_bits_of_the_ring),
#if defined(HOST_COUNT)
        TEST(local_predictions_do_not_depend_on_what_the_host_has_set),
#endif
        TEST(no_call_allocates),
#if !defined(SANITIZED) && (defined(__x86_64__) || defined(__aarch64__))
        TEST(no_call_makes_a_system_call_while_the_engine_lives),
#endif
        TEST(submit_and_poll_never_wait_for_an_engine_that_stands_still),
        TEST(a_client_that_is_called_once_a_second_attaches_again),
        TEST(no_answer_is_lost_or_doubled_when_the_engine_is_killed),
        TEST(clients_of_several_threads_are_independent),
        TEST(attaching_and_failing_to_leaves_no_file_open),
        TEST(every_error_has_words_of_its_own),
        TEST(the_library_is_of_the_headers_version),
        TEST(an_attach_without_memory_says_so),
        TEST(the_longest_path_of_a_socket_is_served),
        TEST(the_user_of_a_daemon_is_told_by_a_number_or_not_at_all),
        TEST(a_path_below_tmp_is_judged_however_it_is_named),
        TEST(numbers_begin_with_the_two_fixed_names),
        TEST(one_row_goes_to_several_models_at_once),
        TEST(a_name_is_looked_up_again_when_names_come_or_go),
        TEST(a_pinned_name_has_one_version),
        TEST(what_is_under_way_is_published_again_for_its_names),
        TEST(an_answer_bears_the_epoch_that_the_header_says),
        TEST(further_outputs_make_the_slots_longer),
        TEST(a_daemon_of_another_major_is_named),
        TEST(an_image_comes_over_the_channels_own_connection),
        TEST(every_number_in_an_image_is_checked),
        TEST(an_image_that_cannot_be_used_is_asked_for_once),
        TEST(a_champion_that_is_not_in_models_is_in_its_image),
        TEST(the_arm_is_the_one_of_the_layout),
        TEST(a_copy_of_another_name_is_not_evaluated),
        TEST(local_calls_end_a_second_after_the_last_heartbeat),
        TEST(without_the_right_the_ring_is_asked),
        TEST(a_thread_on_a_workers_cpu_is_told_once),
        TEST(a_subscriber_reads_what_a_client_was_given),
        TEST(a_subscriber_that_is_overtaken_knows_how_many_it_missed),
    };
    int passed = 0;
    int failed = 0;
    alarm(300);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < sizeof TESTS / sizeof *TESTS; i++) {
        bool wanted = count < 2;
        for (int name = 1; name < count; name++) wanted |= strcmp(names[name], TESTS[i].name) == 0;
        if (!wanted) continue;
        failures = 0;
        engine = (struct daemon){0};
        daemon_start(&engine);
        TESTS[i].run();
        daemon_end(&engine);
        printf("%s ... %s\n", TESTS[i].name, failures ? "FAILED" : "ok");
        if (failures) {
            failed++;
        } else {
            passed++;
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
