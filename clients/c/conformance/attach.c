/* Cases about coming to a channel, or not. */
#define _GNU_SOURCE
#include "runner.h"

/* Channels that the daemon lets a user have. */
#define CHANNELS 16

/* The error of an attach that must fail. */
static int refusal(const char *socket, char why[FACTORD_WHY_LEN])
{
    factord_client *client;
    int error = try_channel(&client, socket, 3, SUITE_SLOTS, why);
    REQUIRE(error < 0 && !client, "attached");
    REQUIRE(why[0] != 0, "no word about why");
    return error;
}

static int refusal_of(const char *name, char why[FACTORD_WHY_LEN])
{
    return refusal(impostor(name), why);
}

static void names(const char *why, const char *word)
{
    REQUIRE(strstr(why, word), "the message does not name %s: %s", word, why);
}

void attach_case(void)
{
    static const struct {
        const char *name;
        uint32_t kind;
        uint32_t width;
    } MODELS[] = {
        {"regression", FACTORD_LINEAR, 3},  {"classification", FACTORD_LOGISTIC, 3},
        {"swing", FACTORD_LINEAR, 3},       {"wide", FACTORD_LINEAR, 1000},
        {"wide-logistic", FACTORD_LOGISTIC, 1000},
    };
    factord_client *client = channel();
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++) {
        factord_model_row row;
        int error = factord_model(client, MODELS[i].name, &row);
        same_error(error, FACTORD_OK, MODELS[i].name);
        REQUIRE(row.kind == MODELS[i].kind && row.width == MODELS[i].width, "%s: kind %u, width %u",
                MODELS[i].name, (unsigned)row.kind, (unsigned)row.width);
    }
    int count = factord_models(client, NULL, 0);
    REQUIRE(count == sizeof MODELS / sizeof *MODELS, "%d models", count);
    REQUIRE(factord_epoch(client) != 0, "the epoch is 0");
    REQUIRE(factord_feature_count(client) == 3, "not 3 features");
    REQUIRE(factord_slot_count(client) == SUITE_SLOTS, "not 64 slots");
    REQUIRE(factord_output_count(client) == 2, "not 2 outputs");
    release(client);
    channel();
    char nobody[512];
    char why[FACTORD_WHY_LEN];
    const char *socket = getenv("FACTORD_SOCKET");
    snprintf(nobody, sizeof nobody, "%s.nobody", socket ? socket : "");
    same_error(refusal(nobody, why), FACTORD_ERROR_UNREACHABLE, "nobody listens");
    names(why, nobody);
}

void wrong_abi(void)
{
    static const char *const STRANGE[] = {"abi-refused", "abi-welcomed"};
    static const char *const FIRST[] = {"abi-1-refused", "abi-1-welcomed"};
    char why[FACTORD_WHY_LEN];
    for (int i = 0; i < 2; i++) {
        same_error(refusal_of(STRANGE[i], why), FACTORD_ERROR_ABI, STRANGE[i]);
        names(why, "7.3");
        names(why, "2.0");
        same_error(refusal_of(FIRST[i], why), FACTORD_ERROR_ABI, FIRST[i]);
        names(why, "daemon speaks ABI 1.0");
        names(why, "this client 2.0");
        names(why, "rebuild the client");
    }
    same_error(refusal_of("layout", why), FACTORD_ERROR_ABI, "layout");
}

void refused_peer(void)
{
    factord_client *channels[CHANNELS];
    factord_client *client;
    char why[FACTORD_WHY_LEN];
    int count = 0;
    uint64_t end = suite_now_ns() + PLENTY;
    /* The channels of the cases before may still be on their way out. */
    while (count < CHANNELS && suite_now_ns() < end) {
        if (try_channel(&channels[count], NULL, 3, SUITE_SLOTS, why) == FACTORD_OK) {
            count++;
        } else {
            suite_sleep_ms(10);
        }
    }
    REQUIRE(count == CHANNELS, "only %d channels: %s", count, why);
    same_error(refusal(NULL, why), FACTORD_ERROR_REFUSED_CHANNEL_QUOTA, "the 17th");
    names(why, "16");
    release(channels[0]);
    end = suite_now_ns() + 5 * FACTORD_S;
    while (try_channel(&client, NULL, 3, SUITE_SLOTS, why) != FACTORD_OK) {
        REQUIRE(suite_now_ns() < end, "a channel that was closed is not free");
        suite_sleep_ms(10);
    }
    same_error(refusal_of("stranger", why), FACTORD_ERROR_REFUSED_NOT_ALLOWED, "stranger");
    names(why, "4711");
    uint64_t start = suite_now_ns();
    same_error(refusal_of("silent", why), FACTORD_ERROR_ATTACH_DEADLINE, "silent");
    took(start, 0, 5 * FACTORD_S);
    same_error(refusal_of("hang-up", why), FACTORD_ERROR_PROTOCOL, "hang-up");
    same_error(refusal_of("babble", why), FACTORD_ERROR_PROTOCOL, "babble");
}

/* Attaching to each of these fails with the error. */
static void all_fail(const char *const *impostors, size_t count, int error)
{
    char why[FACTORD_WHY_LEN];
    for (size_t i = 0; i < count; i++) {
        same_error(refusal_of(impostors[i], why), error, impostors[i]);
    }
}

void half_made_region(void)
{
    static const char *const HALF[] = {"half-zero", "half-status", "half-models", "half-resp"};
    all_fail(HALF, sizeof HALF / sizeof *HALF, FACTORD_ERROR_REGION);
}

void hostile_regions(void)
{
    static const char *const HOSTILE[] = {
        "unsealed-req", "unsealed-resp", "short-resp",    "long-resp",    "short-status",
        "pipe",         "status-magic",  "status-layout", "models-layout", "models-count",
        "resp-abi",     "resp-shape",    "resp-slots",    "resp-outputs", "resp-class",
        "resp-client",
    };
    static const char *const MISCOUNTED[] = {"three-descriptors", "four-descriptors"};
    all_fail(HOSTILE, sizeof HOSTILE / sizeof *HOSTILE, FACTORD_ERROR_REGION);
    all_fail(MISCOUNTED, 2, FACTORD_ERROR_PROTOCOL);
}
