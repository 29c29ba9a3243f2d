/* What a client does with what stands in the regions, and with files that come over its connection: tests
 * with a daemon that says whatever they want. */
#define _GNU_SOURCE
#include "false_daemon.h"

#include <sched.h>

#define PLENTY (10 * FACTORD_S)
#define LINEAR FACTORD_KIND_LINEAR
#define LOGISTIC FACTORD_KIND_LOGISTIC

static const double ROW[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static uint16_t number_of(factord_client *client, const char *name)
{
    factord_model_row row;
    if (factord_model(client, name, &row) != FACTORD_OK) die(name);
    return row.id;
}

/* ---- Names ------------------------------------------------------------------------------- */

/* Submits a row; what the request of this position then carries. */
static uint64_t meta_sent(struct false_daemon *daemon, factord_client *client, uint16_t model,
                          uint64_t position)
{
    uint64_t ticket = 0;
    CHECK(factord_submit_keyed(client, model, 5 * position, ROW, 3, &ticket) == FACTORD_OK);
    CHECK(ticket == position);
    const uint64_t *request = f_request(daemon, position);
    CHECK(f_load(&request[FACTORD_REQUEST_SEQUENCE]) == position);
    CHECK(f_load(&request[FACTORD_REQUEST_KEY]) == 5 * position);
    CHECK(f_load(&request[FACTORD_REQUEST_FEATURES + 2]) == f_bits(3));
    return f_load(&request[FACTORD_REQUEST_META]);
}

void a_name_is_looked_up_again_when_names_come_or_go(void)
{
    struct false_daemon daemon;
    f_start(&daemon, 3, 8, 2);
    factord_options options = f_options(&daemon);
    f_row(&daemon, 0, "aa", 0xABCD, f_shape(LINEAR, 3), 1);
    f_row(&daemon, 1, "aa2345678", 0x77, f_shape(LINEAR, 3), 1);
    factord_client *client = f_attach(&options);
    uint16_t aa = number_of(client, "aa");
    uint64_t sequence = factord_rows_sequence(client);
    CHECK(aa == 2 && number_of(client, "aa2345678") == 3);
    CHECK(meta_sent(&daemon, client, aa, 1) == (UINT64_C(0xABCD) << 32 | 0));
    f_row(&daemon, 0, NULL, 0, 0, 0);
    CHECK(factord_rows_sequence(client) != sequence);
    CHECK(meta_sent(&daemon, client, aa, 2) == 0xFFFF);
    f_row(&daemon, 4000, "aa", 0xABCD, f_shape(LINEAR, 3), 1);
    f_row(&daemon, 0, "zz", 0xDCBA, f_shape(LINEAR, 3), 1);
    CHECK(meta_sent(&daemon, client, aa, 3) == (UINT64_C(0xABCD) << 32 | 4000));
    CHECK(number_of(client, "aa") == aa);
    CHECK(meta_sent(&daemon, client, 9, 4) == 0xFFFF);
    CHECK(meta_sent(&daemon, client, UINT16_MAX, 5) == 0xFFFF);
    /* Tickets keep their order, whatever became of the name. */
    CHECK(factord_in_flight(client) == 5);
    f_answer(&daemon, 1, 3, 0.5, FACTORD_STATUS_OK, 6);
    f_answer(&daemon, 2, 3, NAN, FACTORD_STATUS_UNKNOWN_MODEL, 0);
    f_answer(&daemon, 3, 3, NAN, FACTORD_STATUS_WRONG_CLASS, 0);
    f_answer(&daemon, 4, 3, NAN, FACTORD_STATUS_WIDTH_MISMATCH, 0);
    uint64_t tickets[8];
    factord_prediction answers[8];
    CHECK(factord_poll_many(client, tickets, answers, 3) == 2);
    CHECK(tickets[0] == 1 && answers[0].error == 0 && answers[0].fingerprint == 6);
    CHECK(answers[0].generation == 9 && answers[0].y == 0.5);
    CHECK(answers[1].error == FACTORD_ERROR_UNKNOWN_MODEL && isnan(answers[1].y));
    /* The third waits for a second channel, to which this daemon says nothing, and the fourth for the
     * third, whose answer is what stands there in the end. */
    CHECK(factord_poll_many(client, tickets, answers, 8) == 0 && factord_in_flight(client) == 3);
    f_answer(&daemon, 3, 3, 0.25, FACTORD_STATUS_OK, 6);
    CHECK(factord_poll_many(client, tickets, answers, 8) == 2);
    CHECK(tickets[0] == 3 && answers[0].y == 0.25 && tickets[1] == 4);
    CHECK(answers[1].error == FACTORD_ERROR_WIDTH_MISMATCH);
    CHECK(factord_poll_many(client, tickets, answers, 8) == 0);
    CHECK(factord_poll_many(client, tickets, answers, 0) == 0);
    factord_close(client);
    f_end(&daemon);
}

void a_pinned_name_has_one_version(void)
{
    struct false_daemon daemon;
    f_start(&daemon, 3, 8, 2);
    factord_options options = f_options(&daemon);
    uint8_t sha256[32] = {6};
    uint16_t pinned;
    uint16_t again;
    factord_prediction answer;
    uint64_t ticket;
    f_row(&daemon, 0, "aa", 1, f_shape(LINEAR, 3), 1);
    f_row(&daemon, 1, "bb", 2, f_shape(LINEAR, 3), 2);
    factord_client *client = f_attach(&options);
    uint16_t aa = number_of(client, "aa");
    CHECK(factord_pin(client, "nobody", sha256, &pinned) == FACTORD_ERROR_UNKNOWN_MODEL);
    CHECK(factord_pin(client, "bb", sha256, &pinned) == FACTORD_ERROR_DIVIDED);
    CHECK(factord_pin(client, "aa", sha256, &pinned) == FACTORD_OK && pinned != aa);
    CHECK(factord_pin(client, "aa", sha256, &again) == FACTORD_OK && again == pinned);
    CHECK(number_of(client, "aa") == aa);
    for (uint64_t position = 1; position <= 3; position++) {
        factord_submit(client, position == 3 ? aa : pinned, ROW, 3, &ticket);
    }
    f_answer(&daemon, 1, 3, 0.5, FACTORD_STATUS_OK, 6);
    f_answer(&daemon, 2, 3, 0.5, FACTORD_STATUS_OK, 7);
    f_answer(&daemon, 3, 3, 0.5, FACTORD_STATUS_OK, 7);
    CHECK(factord_poll(client, &ticket, &answer) == 1 && answer.error == FACTORD_OK);
    CHECK(factord_poll(client, &ticket, &answer) == 1);
    CHECK(answer.error == FACTORD_ERROR_OTHER_VERSION && isnan(answer.y));
    CHECK(factord_poll(client, &ticket, &answer) == 1 && answer.error == FACTORD_OK);
    struct f_entry entry = {.check = 1, .generation = 1, .is_inline = 1, .split = F_UNDIVIDED};
    entry.shape = f_shape(LINEAR, 3);
    entry.weights[0] = 2;
    for (uint64_t generation = 1; generation <= 2; generation++) {
        entry.generation = generation;
        entry.fingerprints[0] = 5 + generation;
        f_publish(&daemon, 0, &entry);
        for (int i = 0; i < 3; i++) {
            int error = factord_predict_local(client, pinned, ROW, 3, &answer);
            CHECK(error == (generation == 1 ? FACTORD_OK : FACTORD_ERROR_OTHER_VERSION));
            CHECK(factord_predict_local(client, aa, ROW, 3, &answer) == FACTORD_OK);
            CHECK(answer.fingerprint == 5 + generation && answer.y == 2);
        }
    }
    factord_close(client);
    f_end(&daemon);
}

void what_is_under_way_is_published_again_for_its_names(void)
{
    struct false_daemon daemon;
    f_start(&daemon, 3, 8, 2);
    factord_options options = f_options(&daemon);
    f_row(&daemon, 0, "aa", 11, f_shape(LINEAR, 3), 1);
    f_row(&daemon, 1, "bb", 22, f_shape(LINEAR, 3), 1);
    factord_client *client = f_attach(&options);
    const uint16_t models[] = {number_of(client, "aa"), number_of(client, "bb")};
    uint8_t sha256[32] = {7};
    uint16_t pinned;
    uint64_t ticket;
    factord_prediction answer;
    CHECK(factord_pin(client, "bb", sha256, &pinned) == FACTORD_OK);
    /* Positions that begin in the middle of the ring, and whose slots are not those of the next ones. */
    for (uint64_t position = 1; position <= 3; position++) {
        factord_submit(client, models[0], ROW, 3, &ticket);
        f_answer(&daemon, position, 3, 1, FACTORD_STATUS_OK, 7);
        CHECK(factord_poll(client, &ticket, &answer) == 1 && ticket == position);
    }
    factord_stamp(client, 1);
    factord_submit_keyed(client, models[0], 5, ROW, 3, &ticket);
    factord_stamp(client, 0);
    factord_submit_keyed(client, models[1], 6, ROW + 1, 3, &ticket);
    factord_submit_keyed(client, pinned, 0, ROW + 2, 3, &ticket);
    /* The next engine has aa elsewhere, and bb where aa was. */
    f_row(&daemon, 1, NULL, 0, 0, 0);
    f_row(&daemon, 0, "bb", 22, f_shape(LINEAR, 3), 1);
    f_row(&daemon, 2, "aa", 11, f_shape(LINEAR, 3), 1);
    memset(daemon.words[F_REQ], 0, 128);
    memset(daemon.words[F_RESP] + 16, 0, daemon.lens[F_RESP] - 128);
    f_hang_up(&daemon);
    const uint64_t *first = f_request(&daemon, 1);
    const uint64_t expected[] = {UINT64_C(11) << 32 | 1 << 16 | 2, UINT64_C(22) << 32,
                                 UINT64_C(22) << 32};
    uint64_t end = now_ns() + PLENTY;
    while (f_load(&f_request(&daemon, 3)[FACTORD_REQUEST_META]) != expected[2] && now_ns() < end) {
        CHECK(factord_poll(client, &ticket, &answer) != 1);
    }
    CHECK(f_load(&first[FACTORD_REQUEST_SEQUENCE]) == 1);
    for (uint64_t i = 0; i < 3; i++) {
        const uint64_t *request = f_request(&daemon, i + 1);
        CHECK(f_load(&request[FACTORD_REQUEST_META]) == expected[i]);
        CHECK(f_load(&request[FACTORD_REQUEST_KEY]) == (i == 2 ? 0 : 5 + i));
        CHECK(f_load(&request[FACTORD_REQUEST_FEATURES]) == f_bits(ROW[i]));
        f_answer(&daemon, i + 1, 3, 1, FACTORD_STATUS_OK, 8);
        CHECK(factord_poll(client, &ticket, &answer) == 1 && ticket == 4 + i);
        CHECK(answer.error == (i == 2 ? FACTORD_ERROR_OTHER_VERSION : FACTORD_OK));
    }
    CHECK(factord_in_flight(client) == 0 && factord_connected(client));
    factord_close(client);
    f_end(&daemon);
}

/* ---- The rings --------------------------------------------------------------------------- */

void an_answer_bears_the_epoch_that_the_header_says(void)
{
    struct false_daemon daemon;
    f_start(&daemon, 3, 8, 2);
    factord_options options = f_options(&daemon);
    factord_client *client = f_attach(&options);
    uint64_t *header = daemon.words[F_RESP];
    static const uint64_t EPOCHS[] = {42, 43, 77, 77};
    uint64_t ticket;
    factord_prediction answer;
    for (int i = 0; i < 4; i++) factord_submit(client, 0, ROW, 3, &ticket);
    f_answer(&daemon, 1, 3, 1, FACTORD_STATUS_OK, 6);
    CHECK(factord_poll(client, &ticket, &answer) == 1 && answer.epoch == EPOCHS[0]);
    /* Another engine takes over from the third request on; the one between had answered the second. */
    f_store(&header[FACTORD_RESP_HEADER_EPOCH_SEQUENCE], 3);
    f_store(&header[FACTORD_RESP_HEADER_EPOCH_BEFORE], 43);
    f_store(&header[FACTORD_RESP_HEADER_EPOCH], 77);
    f_store(&header[FACTORD_RESP_HEADER_EPOCH_SINCE], 3);
    f_store(&header[FACTORD_RESP_HEADER_EPOCH_SEQUENCE], 4);
    for (uint64_t position = 2; position <= 4; position++) {
        f_answer(&daemon, position, 3, 1, FACTORD_STATUS_OK, 6);
        CHECK(factord_poll(client, &ticket, &answer) == 1);
        CHECK(ticket == position && answer.epoch == EPOCHS[position - 1]);
    }
    /* In the middle of a change, the engine that answered is the one before. */
    f_store(&header[FACTORD_RESP_HEADER_EPOCH_SEQUENCE], 5);
    f_store(&header[FACTORD_RESP_HEADER_EPOCH_BEFORE], 77);
    f_store(&header[FACTORD_RESP_HEADER_EPOCH_SINCE], 6);
    factord_submit(client, 0, ROW, 3, &ticket);
    f_answer(&daemon, 5, 3, 1, FACTORD_STATUS_OK, 6);
    CHECK(factord_poll(client, &ticket, &answer) == 1 && answer.epoch == 77);
    factord_close(client);
    f_end(&daemon);
}

void further_outputs_make_the_slots_longer(void)
{
    struct false_daemon daemon;
    f_start(&daemon, 6, 4, 11);
    factord_options options = f_options(&daemon);
    options.feature_count = 6;
    options.output_count = 11;
    options.heavy = 1;
    CHECK(daemon.request_words == 16 && daemon.response_words == 24);
    factord_client *client = f_attach(&options);
    CHECK(daemon.hello[FACTORD_HELLO_OUTPUT_COUNT] == 11);
    CHECK(daemon.hello[FACTORD_HELLO_CLASS] == FACTORD_CLASS_HEAVY);
    CHECK(factord_output_count(client) == 11);
    for (uint64_t position = 1; position <= 9; position++) {
        uint64_t ticket;
        factord_prediction answer;
        CHECK(factord_submit(client, 0, ROW, 6, &ticket) == FACTORD_OK);
        CHECK(f_load(&f_request(&daemon, position)[FACTORD_REQUEST_SEQUENCE]) == position);
        f_answer(&daemon, position, 6, (double)position, FACTORD_STATUS_OK, 6);
        CHECK(factord_poll(client, &ticket, &answer) == 1 && answer.y == (double)position);
    }
    factord_close(client);
    f_end(&daemon);
    static const uint32_t WRONG[][2] = {{1, 8}, {65, 8}, {0, 8}, {64, 4096}, {UINT32_MAX, 8}};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        char why[FACTORD_WHY_LEN];
        options.feature_count = 3;
        options.output_count = WRONG[i][0];
        options.slot_count = WRONG[i][1];
        int expected = i == 3 ? FACTORD_ERROR_UNREACHABLE : FACTORD_ERROR_OPTIONS;
        CHECK(factord_attach(&client, &options, why, sizeof why) == expected);
        CHECK(i == 3 || strstr(why, "outputs"));
    }
}

void a_daemon_of_another_major_is_named(void)
{
    struct false_daemon daemon;
    f_start(&daemon, 3, 8, 2);
    factord_options options = f_options(&daemon);
    factord_client *client;
    char why[FACTORD_WHY_LEN];
    daemon.refused_abi = 1 << 16;
    CHECK(factord_attach(&client, &options, why, sizeof why) == FACTORD_ERROR_ABI);
    CHECK(strcmp(why, "daemon speaks ABI 1.0, this client 2.0: rebuild the client") == 0);
    CHECK(daemon.hello[FACTORD_HELLO_ABI] == 2 << 16);
    f_end(&daemon);
}

/* ---- Images ------------------------------------------------------------------------------ */

/* Words of an image, and what is wrong with it. */
static uint64_t image[16 + 3 * 12 + 8];
static size_t image_len;
static uint64_t reply_code;
static int reply_copies;
static bool reply_is_pipe;

/* A sound image of 12 features. */
static void make_image(uint64_t fingerprint, uint64_t kind, double intercept)
{
    memset(image, 0, sizeof image);
    size_t count = 16 + (kind == LINEAR ? 12 : 36);
    image[FACTORD_IMAGE_MAGIC] = FACTORD_MAGIC;
    image[FACTORD_IMAGE_ABI] = FACTORD_ABI_WORD;
    image[FACTORD_IMAGE_LAYOUT_HASH] = FACTORD_IMAGE_HASH;
    image[FACTORD_IMAGE_FINGERPRINT] = fingerprint;
    image[FACTORD_IMAGE_SHAPE] = f_shape(kind, 12);
    image[FACTORD_IMAGE_WORD_COUNT] = count;
    image[FACTORD_IMAGE_FORM] = FACTORD_IMAGE_FORM_PLAIN;
    image[FACTORD_IMAGE_PARAMETERS] = f_bits(intercept);
    for (int i = 0; i < 12; i++) {
        image[16 + i] = f_bits(2);
        image[28 + i] = f_bits(ROW[i]);
        image[40 + i] = f_bits(1);
    }
    image_len = 8 * count;
    reply_code = 0;
    reply_copies = 1;
    reply_is_pipe = false;
}

static int send_image(uint64_t fingerprint, uint64_t *code, int *copies)
{
    (void)fingerprint;
    *code = reply_code;
    *copies = reply_copies;
    int ends[2];
    if (!reply_is_pipe) return f_file(image, image_len);
    if (pipe(ends) != 0) die("no pipe");
    close(ends[1]);
    return ends[0];
}

/* Publishes a version of 12 features that is in an image of this fingerprint. */
static void publish_version(struct false_daemon *daemon, uint64_t number, uint64_t fingerprint)
{
    struct f_entry entry = {.check = 1, .generation = fingerprint, .split = F_UNDIVIDED};
    entry.shape = f_shape(LINEAR, 12);
    entry.fingerprints[0] = fingerprint;
    f_publish(daemon, number, &entry);
}

static void publish_wide(struct false_daemon *daemon, uint64_t fingerprint)
{
    publish_version(daemon, 0, fingerprint);
}

static struct false_daemon *start_wide(struct false_daemon *daemon)
{
    f_start(daemon, 3, 8, 2);
    f_row(daemon, 0, "wide", 1, f_shape(LINEAR, 12), 1);
    daemon->reply = send_image;
    return daemon;
}

/* A local call brings its model here, and after that the next one has it. */
static void is_fetched(factord_client *client, uint16_t model)
{
    factord_prediction answer;
    uint64_t end = now_ns() + PLENTY;
    int error;
    while ((error = factord_predict_local(client, model, ROW, 12, &answer)) != FACTORD_OK) {
        CHECK(error == FACTORD_ERROR_NOT_FETCHED && now_ns() < end);
        if (error != FACTORD_ERROR_NOT_FETCHED || now_ns() >= end) return;
    }
}

void an_image_comes_over_the_channels_own_connection(void)
{
    struct false_daemon daemon;
    factord_options options = f_options(start_wide(&daemon));
    factord_client *client = f_attach(&options);
    uint16_t wide = number_of(client, "wide");
    factord_prediction answer;
    make_image(100, LINEAR, 4);
    publish_wide(&daemon, 100);
    /* A channel of 3 features is no way round: it is fetched, once, whoever waits for it. */
    is_fetched(client, wide);
    CHECK(factord_fetch(client, wide, PLENTY) == FACTORD_OK);
    for (int i = 0; i < 3; i++) {
        CHECK(factord_predict_local(client, wide, ROW, 12, &answer) == FACTORD_OK);
        CHECK(answer.y == 160 && answer.fingerprint == 100 && answer.generation == 100);
        CHECK(factord_predict_local(client, wide, ROW, 3, &answer) == FACTORD_ERROR_WIDTH_MISMATCH);
    }
    /* Another version: the old one answers no more. */
    make_image(101, LOGISTIC, 0);
    publish_wide(&daemon, 101);
    is_fetched(client, wide);
    CHECK(factord_predict_local(client, wide, ROW, 12, &answer) == FACTORD_OK);
    CHECK(answer.y == 0.5 && answer.second == 0 && answer.fingerprint == 101);
    CHECK(daemon.replies == 2);
    /* Back again: it is still here. Another name of the same version needs no other image. */
    publish_wide(&daemon, 100);
    CHECK(factord_predict_local(client, wide, ROW, 12, &answer) == FACTORD_OK && answer.y == 160);
    f_row(&daemon, 1, "same", 1, f_shape(LINEAR, 12), 1);
    publish_version(&daemon, 1, 100);
    uint16_t other = number_of(client, "same");
    CHECK(factord_predict_local(client, other, ROW, 12, &answer) == FACTORD_OK && answer.y == 160);
    /* More versions than are kept: the oldest makes room, and comes again when it is asked for. */
    for (uint64_t fingerprint = 200; fingerprint < 460; fingerprint++) {
        make_image(fingerprint, LINEAR, (double)fingerprint);
        publish_wide(&daemon, fingerprint);
        CHECK(factord_fetch(client, wide, PLENTY) == FACTORD_OK);
        CHECK(factord_predict_local(client, wide, ROW, 12, &answer) == FACTORD_OK);
        CHECK(answer.y == 156 + (double)fingerprint);
    }
    CHECK(daemon.replies == 262);
    make_image(100, LINEAR, 4);
    is_fetched(client, other);
    CHECK(daemon.replies == 263);
    CHECK(factord_predict_local(client, other, ROW, 12, &answer) == FACTORD_OK && answer.y == 160);
    CHECK(factord_fetch(client, 1, PLENTY) == FACTORD_ERROR_UNKNOWN_MODEL);
    factord_close(client);
    f_end(&daemon);
}

/* What may be wrong with an image: a word of it, its length, or its reply. */
static const struct {
    size_t index;
    uint64_t word;
    bool logistic;
} WRONG[] = {
    {FACTORD_IMAGE_MAGIC, 1, false},
    {FACTORD_IMAGE_ABI, 7 << 16, false},
    {FACTORD_IMAGE_LAYOUT_HASH, 1, false},
    {FACTORD_IMAGE_FINGERPRINT, 1, false},
    {FACTORD_IMAGE_WORD_COUNT, 27, false},
    {FACTORD_IMAGE_WORD_COUNT, UINT64_MAX, false},
    {FACTORD_IMAGE_FORM, 2, false},
    {FACTORD_IMAGE_SHAPE, 1, false},
    {FACTORD_IMAGE_SHAPE, 1 | UINT64_C(13) << 32, false},
    {FACTORD_IMAGE_SHAPE, 1 | UINT64_C(1024) << 32, false},
    {FACTORD_IMAGE_SHAPE, 1 | UINT64_C(65535) << 32, false},
    {FACTORD_IMAGE_SHAPE, 9 | UINT64_C(12) << 32, false},
    {FACTORD_IMAGE_SHAPE, 2 | UINT64_C(12) << 32, false},
    {FACTORD_IMAGE_PARAMETERS, UINT64_C(0x7FF0000000000000), false},
    {27, UINT64_C(0x7FF8000000000000), false},
    {39, UINT64_C(0x7FF8000000000000), true},
    {51, 0, true},
    {51, UINT64_C(0xFFF0000000000000), true},
};

/* The present image is of no use: nothing is evaluated, and the ring is no way round. */
static void is_of_no_use(struct false_daemon *daemon, factord_client *client, uint16_t wide,
                         uint64_t fingerprint)
{
    factord_prediction answer;
    uint64_t replies = __atomic_load_n(&daemon->replies, __ATOMIC_RELAXED) + 1;
    publish_wide(daemon, fingerprint);
    uint64_t end = now_ns() + PLENTY;
    while (__atomic_load_n(&daemon->replies, __ATOMIC_RELAXED) < replies && now_ns() < end) {
        CHECK(factord_fetch(client, wide, 0) == FACTORD_ERROR_NOT_FETCHED);
    }
    CHECK(factord_fetch(client, wide, 2 * FACTORD_MS) == FACTORD_ERROR_NOT_FETCHED);
    int error = factord_predict_local(client, wide, ROW, 12, &answer);
    CHECK(error == FACTORD_ERROR_NOT_FETCHED && isnan(answer.y));
}

void every_number_in_an_image_is_checked(void)
{
    struct false_daemon daemon;
    factord_options options = f_options(start_wide(&daemon));
    factord_client *client = f_attach(&options);
    uint16_t wide = number_of(client, "wide");
    uint64_t fingerprint = 500;
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        make_image(++fingerprint, WRONG[i].logistic ? LOGISTIC : LINEAR, 4);
        image[WRONG[i].index] = WRONG[i].word;
        is_of_no_use(&daemon, client, wide, fingerprint);
    }
    static const size_t LENS[] = {0, 1, 64, 120, 128, 8 * 27, 8 * 28 + 8};
    for (size_t i = 0; i < sizeof LENS / sizeof *LENS; i++) {
        make_image(++fingerprint, LINEAR, 4);
        image_len = LENS[i];
        is_of_no_use(&daemon, client, wide, fingerprint);
    }
    for (int how = 0; how < 4; how++) {
        make_image(++fingerprint, LINEAR, 4);
        reply_code = how == 0;
        reply_is_pipe = how == 1;
        if (how >= 2) reply_copies = 2 * (how - 2);
        is_of_no_use(&daemon, client, wide, fingerprint);
    }
    /* All that is well after all this is a sound one. */
    make_image(++fingerprint, LOGISTIC, 4);
    publish_wide(&daemon, fingerprint);
    CHECK(factord_fetch(client, wide, PLENTY) == FACTORD_OK);
    factord_close(client);
    f_end(&daemon);
}

static int say_nothing(uint64_t fingerprint, uint64_t *code, int *copies)
{
    (void)fingerprint;
    (void)code;
    (void)copies;
    return -1;
}

void an_image_that_cannot_be_used_is_asked_for_once(void)
{
    struct false_daemon daemon;
    factord_options options = f_options(start_wide(&daemon));
    factord_client *client = f_attach(&options);
    uint16_t wide = number_of(client, "wide");
    make_image(600, LINEAR, 4);
    image[FACTORD_IMAGE_FORM] = 2;
    is_of_no_use(&daemon, client, wide, 600);
    CHECK(factord_fetch(client, wide, 5 * FACTORD_MS) == FACTORD_ERROR_NOT_FETCHED);
    CHECK(daemon.replies == 1);
    /* One question at a time, as long as nobody answers. */
    daemon.reply = say_nothing;
    is_of_no_use(&daemon, client, wide, 601);
    publish_wide(&daemon, 602);
    CHECK(factord_fetch(client, wide, 5 * FACTORD_MS) == FACTORD_ERROR_NOT_FETCHED);
    CHECK(daemon.replies == 2);
    factord_close(client);
    f_end(&daemon);
}

/* ---- Arms -------------------------------------------------------------------------------- */

/* Arms of the keys 1 to 64, and of the rows {i, 0.5, -1} for i from 0 to 63, with the shares 1/4 each
 * and the salt below, as `arm` of crates/core/src/abi/models.rs gives them. */
static const char BY_KEY[] = "0203203112012033111222210123212212132202011023233031132011120213";
static const char BY_ROW[] = "1011020010112223030301323012303300211331012303121230033331102302";

static int send_arm(uint64_t fingerprint, uint64_t *code, int *copies)
{
    (void)code;
    (void)copies;
    uint64_t words[19] = {FACTORD_MAGIC, FACTORD_ABI_WORD, FACTORD_IMAGE_HASH, fingerprint};
    words[FACTORD_IMAGE_SHAPE] = f_shape(LINEAR, 3);
    words[FACTORD_IMAGE_WORD_COUNT] = 19;
    words[FACTORD_IMAGE_FORM] = FACTORD_IMAGE_FORM_PLAIN;
    words[FACTORD_IMAGE_PARAMETERS] = f_bits((double)fingerprint);
    return f_file(words, sizeof words);
}

void a_champion_that_is_not_in_models_is_in_its_image(void)
{
    struct false_daemon daemon;
    f_start(&daemon, 3, 8, 2);
    f_row(&daemon, 0, "aa", 1, f_shape(LINEAR, 3), 1);
    daemon.reply = send_arm;
    struct f_entry entry = {.check = 1, .generation = 3, .shape = f_shape(LINEAR, 3)};
    entry.split = F_UNDIVIDED;
    entry.fingerprints[0] = 1000;
    f_publish(&daemon, 0, &entry);
    factord_options options = f_options(&daemon);
    factord_client *client = f_attach(&options);
    uint16_t aa = number_of(client, "aa");
    factord_prediction answer;
    /* The ring is asked meanwhile, where nobody answers here. */
    CHECK(factord_predict_local(client, aa, ROW, 3, &answer) == FACTORD_ERROR_DEADLINE);
    CHECK(factord_fetch(client, aa, PLENTY) == FACTORD_OK);
    CHECK(factord_predict_local(client, aa, ROW, 3, &answer) == FACTORD_OK && answer.y == 1000);
    factord_close(client);
    f_end(&daemon);
}

void the_arm_is_the_one_of_the_layout(void)
{
    struct false_daemon daemon;
    f_start(&daemon, 2, 8, 2);
    f_row(&daemon, 0, "ab", 1, f_shape(LINEAR, 3), 4);
    daemon.reply = send_arm;
    struct f_entry entry = {.check = 1, .generation = 3, .shape = f_shape(LINEAR, 3)};
    entry.is_inline = 1;
    entry.split = 64 | UINT64_C(128) << 16 | UINT64_C(192) << 32;
    entry.salt = UINT64_C(0x123456789ABCDEF0);
    for (int arm = 0; arm < 4; arm++) entry.fingerprints[arm] = 1000 + (uint64_t)arm;
    entry.intercept = 1000;
    f_publish(&daemon, 0, &entry);
    factord_options options = f_options(&daemon);
    options.feature_count = 2;
    factord_client *client = f_attach(&options);
    uint16_t model = number_of(client, "ab");
    factord_model_row row;
    CHECK(factord_model(client, "ab", &row) == FACTORD_OK && row.arm_count == 4);
    CHECK(factord_fetch(client, model, PLENTY) == FACTORD_OK && daemon.replies == 3);
    for (int i = 0; i < 64; i++) {
        const double x[3] = {i, 0.5, -1};
        factord_prediction answer;
        int error = factord_predict_local_keyed(client, model, (uint64_t)i + 1, x, 3, &answer);
        uint16_t arm = (uint16_t)(BY_KEY[i] - '0');
        CHECK(error == FACTORD_OK && answer.arm == arm && answer.generation == 3);
        CHECK(answer.y == 1000 + arm && answer.fingerprint == 1000 + (uint64_t)arm);
        error = factord_predict_local(client, model, x, 3, &answer);
        arm = (uint16_t)(BY_ROW[i] - '0');
        CHECK(error == FACTORD_OK && answer.arm == arm && answer.y == 1000 + arm);
    }
    factord_close(client);
    f_end(&daemon);
}

void a_copy_of_another_name_is_not_evaluated(void)
{
    struct false_daemon daemon;
    f_start(&daemon, 3, 8, 2);
    f_row(&daemon, 0, "aa", 1, f_shape(LINEAR, 3), 1);
    struct f_entry entry = {.check = 1, .generation = 3, .is_inline = 1, .split = F_UNDIVIDED};
    entry.shape = f_shape(LINEAR, 3);
    f_publish(&daemon, 0, &entry);
    factord_options options = f_options(&daemon);
    factord_client *client = f_attach(&options);
    uint16_t aa = number_of(client, "aa");
    factord_prediction answer;
    CHECK(factord_predict_local(client, aa, ROW, 3, &answer) == FACTORD_OK && answer.y == 0);
    entry.check = 2;
    entry.generation = 4;
    f_publish(&daemon, 0, &entry);
    CHECK(factord_predict_local(client, aa, ROW, 3, &answer) == FACTORD_ERROR_UNKNOWN_MODEL);
    CHECK(factord_fetch(client, aa, PLENTY) == FACTORD_ERROR_UNKNOWN_MODEL);
    factord_close(client);
    f_end(&daemon);
}

/* ---- Who may, and for how long ----------------------------------------------------------- */

void local_calls_end_a_second_after_the_last_heartbeat(void)
{
    struct false_daemon daemon;
    f_start(&daemon, 3, 8, 2);
    f_row(&daemon, 0, "aa", 1, f_shape(LINEAR, 3), 1);
    struct f_entry entry = {.check = 1, .generation = 3, .is_inline = 1, .split = F_UNDIVIDED};
    entry.shape = f_shape(LINEAR, 3);
    f_publish(&daemon, 0, &entry);
    factord_options options = f_options(&daemon);
    factord_client *client = f_attach(&options);
    uint16_t aa = number_of(client, "aa");
    uint64_t *status = daemon.words[F_STATUS];
    factord_prediction answer;
    f_store(&status[FACTORD_STATUS_HEARTBEAT_NS], now_ns());
    for (int i = 0; i < 1000; i++) {
        CHECK(factord_predict_local(client, aa, ROW, 3, &answer) == FACTORD_OK);
    }
    f_store(&status[FACTORD_STATUS_HEARTBEAT_NS], now_ns() - 2 * FACTORD_S);
    int calls = 0;
    while (factord_predict_local(client, aa, ROW, 3, &answer) == FACTORD_OK && calls < 100) calls++;
    /* A quick caller does not read the clock at each call. */
    CHECK(calls <= 63 && answer.error == FACTORD_ERROR_NOT_CONNECTED);
    for (int i = 0; i < 40; i++) {
        int error = factord_predict_local(client, aa, ROW, 3, &answer);
        CHECK(error == FACTORD_ERROR_NOT_CONNECTED && isnan(answer.y));
    }
    f_store(&status[FACTORD_STATUS_HEARTBEAT_NS], now_ns());
    f_store(&status[FACTORD_STATUS_HEARTBEAT_COUNT], 2);
    CHECK(factord_predict_local(client, aa, ROW, 3, &answer) == FACTORD_OK && answer.epoch == 42);
    /* Another engine may have taken over. */
    f_store(&status[FACTORD_STATUS_EPOCH], 43);
    CHECK(factord_predict_local(client, aa, ROW, 3, &answer) == FACTORD_OK && answer.epoch == 43);
    CHECK(factord_epoch(client) == 43);
    f_store(&status[FACTORD_STATUS_HEARTBEAT_COUNT], 3);
    CHECK(factord_predict_local(client, aa, ROW, 3, &answer) == FACTORD_OK);
    /* A slow caller, which saw a new beat at its last call, does. */
    f_store(&status[FACTORD_STATUS_HEARTBEAT_NS], now_ns() - 2 * FACTORD_S);
    CHECK(factord_predict_local(client, aa, ROW, 3, &answer) == FACTORD_ERROR_NOT_CONNECTED);
    factord_close(client);
    f_end(&daemon);
}

void without_the_right_the_ring_is_asked(void)
{
    struct false_daemon daemon;
    f_start(&daemon, 3, 8, 2);
    f_row(&daemon, 0, "aa", 1, f_shape(LINEAR, 3), 1);
    daemon.rights = 1;
    factord_options options = f_options(&daemon);
    factord_client *client = f_attach(&options);
    uint16_t aa = number_of(client, "aa");
    factord_prediction answer;
    uint64_t start = now_ns();
    CHECK(factord_predict_local_keyed(client, aa, 5, ROW, 3, &answer) == FACTORD_ERROR_DEADLINE);
    CHECK(now_ns() - start >= 10 * FACTORD_MS);
    CHECK(f_load(&f_request(&daemon, 1)[FACTORD_REQUEST_KEY]) == 5);
    CHECK(factord_predict_local(client, aa, ROW, 12, &answer) == FACTORD_ERROR_NOT_FETCHED);
    CHECK(factord_fetch(client, aa, PLENTY) == FACTORD_ERROR_NOT_FETCHED);
    /* The answer of the first call is dropped; the next request's is its own. */
    f_answer(&daemon, 1, 3, 1, FACTORD_STATUS_OK, 6);
    uint64_t ticket;
    CHECK(factord_poll(client, &ticket, &answer) == 0);
    factord_close(client);
    f_end(&daemon);
}

/* What a child that runs on one CPU and attaches twice says on stderr; how many bytes. */
static size_t said_by_child(const factord_options *options, char *said, size_t room)
{
    int out[2];
    size_t len = 0;
    if (pipe(out) != 0) die("no pipe");
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], 2);
        close(out[0]);
        close(out[1]);
        for (int i = 0; i < 2; i++) factord_close(f_attach(options));
        _exit(0);
    }
    close(out[1]);
    ssize_t got;
    while ((got = read(out[0], said + len, room - 1 - len)) > 0) len += (size_t)got;
    said[len] = 0;
    close(out[0]);
    waitpid(child, NULL, 0);
    return len;
}

void a_thread_on_a_workers_cpu_is_told_once(void)
{
    struct false_daemon daemon;
    f_start(&daemon, 3, 8, 2);
    uint64_t *status = daemon.words[F_STATUS];
    factord_options options = f_options(&daemon);
    char said[512];
    char expected[128];
    int cores[FACTORD_WORKER_COUNT_MAX];
    cpu_set_t all;
    cpu_set_t one;
    sched_getaffinity(0, sizeof all, &all);
    int cpu = sched_getcpu();
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) die("no CPU of one's own");
    status[FACTORD_STATUS_WORKER_COUNT] = 2;
    status[FACTORD_STATUS_WORKERS + FACTORD_STATUS_WORKER_WORDS + FACTORD_STATUS_CORE] =
        (uint64_t)cpu + 1;
    snprintf(expected, sizeof expected,
             "factord: this thread can only run on CPU %d, which a worker polls: they take turns; pin it "
             "elsewhere\n",
             cpu);
    options.quiet = 0;
    const char *quiet = getenv("FACTORD_QUIET");
    char before[16] = "";
    if (quiet) snprintf(before, sizeof before, "%s", quiet);
    unsetenv("FACTORD_QUIET");
    said_by_child(&options, said, sizeof said);
    CHECK(strcmp(said, expected) == 0);
    setenv("FACTORD_QUIET", "1", 1);
    CHECK(said_by_child(&options, said, sizeof said) == 0);
    unsetenv("FACTORD_QUIET");
    options.quiet = 1;
    CHECK(said_by_child(&options, said, sizeof said) == 0);
    options.quiet = 0;
    /* A thread that may run elsewhere, too, is told nothing. */
    if (CPU_COUNT(&all) > 1) {
        sched_setaffinity(0, sizeof all, &all);
        CHECK(said_by_child(&options, said, sizeof said) == 0);
        sched_setaffinity(0, sizeof one, &one);
    }
    status[FACTORD_STATUS_WORKERS + FACTORD_STATUS_WORKER_WORDS + FACTORD_STATUS_CORE] = 0;
    CHECK(said_by_child(&options, said, sizeof said) == 0);
    if (quiet) setenv("FACTORD_QUIET", before, 1);
    /* A stranger's numbers are no bounds. */
    status[FACTORD_STATUS_WORKER_COUNT] = UINT64_MAX;
    status[FACTORD_STATUS_WORKERS + FACTORD_STATUS_CORE] = UINT64_MAX;
    factord_client *client = f_attach(&options);
    CHECK(factord_worker_cores(client, cores) == FACTORD_WORKER_COUNT_MAX && cores[0] == -1);
    CHECK(isnan(factord_ticks_to_ns(client, 1, 2)));
    f_store(&status[FACTORD_STATUS_TSC_HZ], 2000000000);
    CHECK(factord_ticks_to_ns(client, 10, 30) == 10 && factord_ticks_to_ns(client, 30, 10) == -10);
    factord_close(client);
    sched_setaffinity(0, sizeof all, &all);
    f_end(&daemon);
}
