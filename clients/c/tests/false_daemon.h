/* A daemon that says what a test wants: regions of its own, a handshake, and replies to commands. It
 * answers no request; a test writes answers where the worker would. */
#ifndef FALSE_DAEMON_H
#define FALSE_DAEMON_H

#include "check.h"

#include <factord_abi.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { F_STATUS, F_REQ, F_RESP, F_MODELS, F_COUNT };

struct false_daemon {
    char directory[64];
    struct sockaddr_un address;
    int listener;
    int end[2];
    pthread_t thread;
    int fds[F_COUNT];
    uint64_t *words[F_COUNT];
    size_t lens[F_COUNT];
    size_t request_words;
    size_t response_words;
    uint64_t slot_count;
    uint64_t rights;
    /* Refuses clients as a daemon of this ABI would; 0 welcomes them. */
    uint64_t refused_abi;
    /* What the last client said. */
    uint64_t hello[FACTORD_MESSAGE_WORDS];
    /* Makes the file of a reply, and may change its code and the descriptor's number; -1: silence. */
    int (*reply)(uint64_t fingerprint, uint64_t *code, int *copies);
    uint64_t replies;
    /* The connection that is served now. */
    int connection;
};

static inline void f_store(uint64_t *place, uint64_t value)
{
    __atomic_store_n(place, value, __ATOMIC_RELEASE);
}

static inline uint64_t f_load(const uint64_t *place)
{
    return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

static inline uint64_t f_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline size_t f_lines(size_t words)
{
    return (words + 7) / 8 * 8;
}

/* A sealed memory file with these words. */
static inline int f_file(const void *bytes, size_t len)
{
    int fd = memfd_create("false", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)len) != 0) die("no memory file");
    if (bytes && pwrite(fd, bytes, len, 0) != (ssize_t)len) die("no bytes in a memory file");
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    return fd;
}

static inline void f_send(int fd, const uint64_t *words, const int *files, int count)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(8 * sizeof(int))];
    } control;
    struct iovec bytes = {(void *)(uintptr_t)words, FACTORD_MESSAGE_WORDS * 8};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    memset(&control, 0, sizeof control);
    if (count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof *files);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN((size_t)count * sizeof *files);
        memcpy(CMSG_DATA(&control.header), files, (size_t)count * sizeof *files);
    }
    sendmsg(fd, &message, MSG_NOSIGNAL);
}

static inline void f_welcome(struct false_daemon *daemon, int fd)
{
    uint64_t words[FACTORD_MESSAGE_WORDS] = {FACTORD_MAGIC, FACTORD_WELCOME};
    const uint64_t *hello = daemon->hello;
    words[FACTORD_WELCOME_ABI] = FACTORD_ABI_WORD;
    words[FACTORD_WELCOME_LAYOUT_HASH] = FACTORD_RINGS_HASH;
    words[FACTORD_WELCOME_EPOCH] = 42;
    words[FACTORD_WELCOME_CLIENT_ID] = 7;
    words[FACTORD_WELCOME_FEATURE_COUNT] = hello[FACTORD_HELLO_FEATURE_COUNT];
    words[FACTORD_WELCOME_SLOT_COUNT] = hello[FACTORD_HELLO_SLOT_COUNT];
    words[FACTORD_WELCOME_NONCE] = hello[FACTORD_HELLO_NONCE];
    words[FACTORD_WELCOME_OUTPUT_COUNT] = hello[FACTORD_HELLO_OUTPUT_COUNT];
    words[FACTORD_WELCOME_CLASS] = hello[FACTORD_HELLO_CLASS];
    words[FACTORD_WELCOME_RIGHTS] = daemon->rights;
    uint64_t *resp = daemon->words[F_RESP];
    resp[FACTORD_RESP_HEADER_CLASS] = hello[FACTORD_HELLO_CLASS];
    f_send(fd, words, daemon->fds, daemon->rights & FACTORD_RIGHT_LOCAL ? F_COUNT : F_MODELS);
}

static inline void f_command(struct false_daemon *daemon, int fd, const uint64_t *command)
{
    uint64_t words[FACTORD_MESSAGE_WORDS] = {FACTORD_MAGIC, FACTORD_REPLY, FACTORD_ABI_WORD};
    int copies = 1;
    if (command[FACTORD_COMMAND_VERB] != FACTORD_VERB_IMAGE || !daemon->reply) return;
    __atomic_fetch_add(&daemon->replies, 1, __ATOMIC_RELAXED);
    uint64_t *code = &words[FACTORD_REPLY_CODE];
    int file = daemon->reply(command[FACTORD_COMMAND_ARGUMENT], code, &copies);
    if (file < 0) return;
    const int files[] = {file, file};
    f_send(fd, words, files, copies);
    close(file);
}

/* Serves one connection until the client closes it. */
static inline void f_serve(struct false_daemon *daemon, int fd)
{
    uint64_t words[FACTORD_MESSAGE_WORDS];
    __atomic_store_n(&daemon->connection, fd, __ATOMIC_RELEASE);
    while (recv(fd, words, sizeof words, 0) == sizeof words) {
        const uint64_t ready[FACTORD_MESSAGE_WORDS] = {FACTORD_MAGIC, FACTORD_READY};
        uint64_t refused[FACTORD_MESSAGE_WORDS] = {FACTORD_MAGIC, FACTORD_REFUSED};
        if (words[1] == FACTORD_HELLO && daemon->refused_abi) {
            refused[FACTORD_REFUSED_ABI] = daemon->refused_abi;
            refused[FACTORD_REFUSED_CODE] = FACTORD_REFUSAL_ABI;
            memcpy(daemon->hello, words, sizeof words);
            f_send(fd, refused, NULL, 0);
        } else if (words[1] == FACTORD_HELLO) {
            memcpy(daemon->hello, words, sizeof words);
            f_welcome(daemon, fd);
        } else if (words[1] == FACTORD_MAPPED) {
            f_send(fd, ready, NULL, 0);
        } else if (words[1] == FACTORD_COMMAND) {
            f_command(daemon, fd, words);
        }
    }
    close(fd);
}

static inline void *f_run(void *given)
{
    struct false_daemon *daemon = given;
    struct pollfd set[2] = {{daemon->listener, POLLIN, 0}, {daemon->end[0], POLLIN, 0}};
    while (poll(set, 2, -1) >= 0 && !set[1].revents) {
        int fd = accept4(daemon->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) f_serve(daemon, fd);
    }
    return NULL;
}

static inline void f_fill_headers(struct false_daemon *daemon, uint64_t features, uint64_t outputs)
{
    uint64_t *status = daemon->words[F_STATUS];
    uint64_t *resp = daemon->words[F_RESP];
    uint64_t *models = daemon->words[F_MODELS];
    status[FACTORD_STATUS_MAGIC] = FACTORD_MAGIC;
    status[FACTORD_STATUS_ABI] = FACTORD_ABI_WORD;
    status[FACTORD_STATUS_LAYOUT_HASH] = FACTORD_STATUS_HASH;
    status[FACTORD_STATUS_EPOCH] = 42;
    status[FACTORD_STATUS_HEARTBEAT_COUNT] = 1;
    /* Its heart beats for ever. */
    status[FACTORD_STATUS_HEARTBEAT_NS] = UINT64_MAX;
    status[FACTORD_STATUS_NAMES_SEQUENCE] = 1;
    resp[FACTORD_RESP_HEADER_MAGIC] = FACTORD_MAGIC;
    resp[FACTORD_RESP_HEADER_ABI] = FACTORD_ABI_WORD;
    resp[FACTORD_RESP_HEADER_LAYOUT_HASH] = FACTORD_RINGS_HASH;
    resp[FACTORD_RESP_HEADER_CLIENT_ID] = 7;
    resp[FACTORD_RESP_HEADER_FEATURE_COUNT] = features;
    resp[FACTORD_RESP_HEADER_SLOT_COUNT] = daemon->slot_count;
    resp[FACTORD_RESP_HEADER_OUTPUT_COUNT] = outputs;
    resp[FACTORD_RESP_HEADER_EPOCH_SEQUENCE] = 2;
    resp[FACTORD_RESP_HEADER_EPOCH] = 42;
    resp[FACTORD_RESP_HEADER_EPOCH_SINCE] = 1;
    models[FACTORD_MODELS_MAGIC] = FACTORD_MAGIC;
    models[FACTORD_MODELS_ABI] = FACTORD_ABI_WORD;
    models[FACTORD_MODELS_LAYOUT_HASH] = FACTORD_MODELS_HASH;
    models[FACTORD_MODELS_MODEL_COUNT] = FACTORD_MODEL_COUNT_MAX;
}

/* Hangs up on the client. */
static inline void f_hang_up(struct false_daemon *daemon)
{
    shutdown(__atomic_load_n(&daemon->connection, __ATOMIC_ACQUIRE), SHUT_RDWR);
}

/* Starts one for channels of this shape, without models, whose clients may evaluate locally. */
static inline void f_start(struct false_daemon *daemon, uint64_t features, uint64_t slots,
                           uint64_t outputs)
{
    memset(daemon, 0, sizeof *daemon);
    daemon->rights = 1 | FACTORD_RIGHT_LOCAL;
    daemon->slot_count = slots;
    daemon->request_words = f_lines(FACTORD_REQUEST_FEATURES + features);
    daemon->response_words = 8 + f_lines(outputs - 2);
    daemon->lens[F_STATUS] = FACTORD_STATUS_LINES * 64;
    daemon->lens[F_REQ] = 128 + slots * daemon->request_words * 8;
    daemon->lens[F_RESP] = 128 + slots * daemon->response_words * 8;
    daemon->lens[F_MODELS] = FACTORD_MODELS_LINES * 64;
    for (int i = 0; i < F_COUNT; i++) {
        daemon->fds[i] = f_file(NULL, daemon->lens[i]);
        daemon->words[i] = mmap(NULL, daemon->lens[i], PROT_READ | PROT_WRITE, MAP_SHARED,
                                daemon->fds[i], 0);
        if (daemon->words[i] == MAP_FAILED) die("no region");
    }
    f_fill_headers(daemon, features, outputs);
    strcpy(daemon->directory, "/tmp/factord-false-XXXXXX");
    if (!mkdtemp(daemon->directory) || pipe(daemon->end) != 0) die("no directory for the socket");
    daemon->address.sun_family = AF_UNIX;
    snprintf(daemon->address.sun_path, sizeof daemon->address.sun_path, "%s/control.sock",
             daemon->directory);
    daemon->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (bind(daemon->listener, (const struct sockaddr *)&daemon->address, sizeof daemon->address) ||
        listen(daemon->listener, 8) || pthread_create(&daemon->thread, NULL, f_run, daemon)) {
        die("no socket for a false daemon");
    }
}

/* Ends it, once its clients are closed. */
static inline void f_end(struct false_daemon *daemon)
{
    close(daemon->end[1]);
    pthread_join(daemon->thread, NULL);
    close(daemon->end[0]);
    close(daemon->listener);
    for (int i = 0; i < F_COUNT; i++) {
        munmap(daemon->words[i], daemon->lens[i]);
        close(daemon->fds[i]);
    }
    unlink(daemon->address.sun_path);
    rmdir(daemon->directory);
}

static inline factord_options f_options(const struct false_daemon *daemon)
{
    factord_options options = FACTORD_OPTIONS_DEFAULT;
    options.socket = daemon->address.sun_path;
    options.slot_count = (uint32_t)daemon->slot_count;
    options.idle = FACTORD_IDLE_BACKOFF;
    options.quiet = 1;
    return options;
}

static inline factord_client *f_attach(const factord_options *options)
{
    factord_client *client;
    char why[FACTORD_WHY_LEN] = "";
    if (factord_attach(&client, options, why, sizeof why) != FACTORD_OK) die(why);
    return client;
}

static inline uint64_t f_shape(uint64_t kind, uint64_t width)
{
    return kind | width << 32 | UINT64_C(2) << 48;
}

/* Writes a row; NULL clears it. The check is any number that a test likes. */
static inline void f_row(struct false_daemon *daemon, uint64_t number, const char *name,
                         uint64_t check, uint64_t shape, uint64_t arm_count)
{
    uint64_t *status = daemon->words[F_STATUS];
    uint64_t *row = status + FACTORD_STATUS_ROWS + number * FACTORD_STATUS_ROW_WORDS;
    char text[FACTORD_NAME_LEN] = "";
    f_store(&row[FACTORD_STATUS_ROW_SEQUENCE], row[FACTORD_STATUS_ROW_SEQUENCE] + 1);
    if (name) memcpy(text, name, strlen(name));
    for (size_t i = 0; i < sizeof text / 8; i++) {
        uint64_t part;
        memcpy(&part, text + 8 * i, 8);
        f_store(&row[FACTORD_STATUS_ROW_NAME + i], part);
    }
    f_store(&row[FACTORD_STATUS_ROW_SHAPE], shape);
    f_store(&row[FACTORD_STATUS_ROW_SERVED], name ? 1 | arm_count << 32 : 0);
    f_store(&row[FACTORD_STATUS_ROW_CHECK], check);
    f_store(&row[FACTORD_STATUS_ROW_SEQUENCE], row[FACTORD_STATUS_ROW_SEQUENCE] + 1);
    if (f_load(&status[FACTORD_STATUS_ROW_COUNT]) <= number) {
        f_store(&status[FACTORD_STATUS_ROW_COUNT], number + 1);
    }
    f_store(&status[FACTORD_STATUS_ROWS_SEQUENCE], status[FACTORD_STATUS_ROWS_SEQUENCE] + 1);
    f_store(&status[FACTORD_STATUS_NAMES_SEQUENCE], status[FACTORD_STATUS_NAMES_SEQUENCE] + 1);
}

/* What serves a name, as MODELS says it. */
struct f_entry {
    uint64_t check;
    uint64_t generation;
    uint64_t shape;
    uint64_t is_inline;
    uint64_t split;
    uint64_t salt;
    uint64_t fingerprints[4];
    double intercept;
    double weights[8];
};

#define F_UNDIVIDED UINT64_C(0x10001000100)

static inline void f_publish(struct false_daemon *daemon, uint64_t number, const struct f_entry *from)
{
    uint64_t *entry = daemon->words[F_MODELS] + FACTORD_MODELS_ENTRIES +
                      number * FACTORD_MODELS_ENTRY_WORDS;
    uint64_t index = (f_load(&entry[FACTORD_MODELS_PUBLISHED]) + 1) % FACTORD_MODELS_SLOT_COUNT;
    uint64_t *slot = entry + FACTORD_MODELS_SLOTS + index * FACTORD_MODELS_SLOT_WORDS;
    f_store(&slot[FACTORD_MODELS_SLOT_GENERATION], 0);
    f_store(&slot[FACTORD_MODELS_SLOT_SHAPE], from->shape);
    f_store(&slot[FACTORD_MODELS_SLOT_NAME], from->check | from->is_inline << 48);
    f_store(&slot[FACTORD_MODELS_SLOT_SPLIT], from->split);
    f_store(&slot[FACTORD_MODELS_SLOT_SALT], from->salt);
    for (int arm = 0; arm < 4; arm++) {
        f_store(&slot[FACTORD_MODELS_SLOT_FINGERPRINTS + arm], from->fingerprints[arm]);
    }
    f_store(&slot[FACTORD_MODELS_SLOT_INTERCEPT], f_bits(from->intercept));
    for (int i = 0; i < 8; i++) {
        f_store(&slot[FACTORD_MODELS_SLOT_WEIGHTS + i], f_bits(from->weights[i]));
        f_store(&slot[FACTORD_MODELS_SLOT_MEAN + i], f_bits(0.0));
        f_store(&slot[FACTORD_MODELS_SLOT_SCALE + i], f_bits(1.0));
    }
    f_store(&slot[FACTORD_MODELS_SLOT_GENERATION], from->generation);
    f_store(&entry[FACTORD_MODELS_PUBLISHED], from->generation << 32 | index);
}

static inline uint64_t *f_request(const struct false_daemon *daemon, uint64_t position)
{
    return daemon->words[F_REQ] + 16 + (position & (daemon->slot_count - 1)) * daemon->request_words;
}

/* Answers the request of a position with y, as the worker would. */
static inline void f_answer(struct false_daemon *daemon, uint64_t position, uint64_t features,
                            double y, uint64_t status, uint64_t fingerprint)
{
    const uint64_t *request = f_request(daemon, position);
    uint64_t *slot = daemon->words[F_RESP] + 16 +
                     (position & (daemon->slot_count - 1)) * daemon->response_words;
    uint64_t key = f_load(&request[FACTORD_REQUEST_KEY]);
    uint64_t echo = position * FACTORD_ECHO_MULTIPLIER ^ f_load(&request[FACTORD_REQUEST_META]);
    echo ^= key << 7 | key >> 57;
    for (uint64_t i = 0; i < features; i++) {
        uint64_t turn = (11 * i + 18) % 64;
        uint64_t x = f_load(&request[FACTORD_REQUEST_FEATURES + i]);
        echo ^= turn ? x << turn | x >> (64 - turn) : x;
    }
    f_store(&slot[FACTORD_RESPONSE_Y], f_bits(y));
    f_store(&slot[FACTORD_RESPONSE_VERDICT], status | UINT64_C(9) << 32);
    f_store(&slot[FACTORD_RESPONSE_ECHO], echo);
    f_store(&slot[FACTORD_RESPONSE_FINGERPRINT], fingerprint);
    f_store(&slot[FACTORD_RESPONSE_SEQUENCE], position);
}

#endif
