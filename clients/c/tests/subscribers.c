/* What a subscriber promises: every answer as it was given, and what was missed counted. */
#define _GNU_SOURCE
#include "check.h"

static factord_client *attach(void)
{
    factord_options options = FACTORD_OPTIONS_DEFAULT;
    options.socket = engine.socket;
    options.idle = FACTORD_IDLE_BACKOFF;
    factord_client *client;
    char why[FACTORD_WHY_LEN] = "";
    if (factord_attach(&client, &options, why, sizeof why) != FACTORD_OK) die(why);
    return client;
}

static factord_subscriber *subscribe(const char *name)
{
    factord_subscriber *subscriber;
    char why[FACTORD_WHY_LEN] = "";
    int error = factord_subscribe(&subscriber, name, engine.socket, why, sizeof why);
    if (error != FACTORD_OK) die(why);
    return subscriber;
}

/* The next answer, which comes within some seconds. */
static factord_answered next(factord_subscriber *subscriber)
{
    factord_answered answer = {.name = ""};
    for (uint64_t end = now_ns() + 10 * FACTORD_S; now_ns() < end;) {
        if (factord_next(subscriber, &answer)) return answer;
    }
    die("no answer came");
    return answer;
}

static void is_same(const factord_answered *seen, const char *name, const double *x, uint64_t key,
                    int error, const factord_prediction *given)
{
    CHECK(strcmp(seen->name, name) == 0);
    CHECK(seen->feature_count == 3 && memcmp(seen->features, x, 3 * sizeof *x) == 0);
    CHECK(seen->key == key && same(seen->y, given->y));
    CHECK(seen->generation == given->generation && seen->arm == given->arm);
    CHECK(seen->fingerprint == given->fingerprint && seen->fingerprint != 0);
    CHECK((seen->status == 0) == (error == FACTORD_OK));
    CHECK(seen->tsc != 0 && seen->client != 0 && seen->worker == 0);
}

void a_subscriber_reads_what_a_client_was_given(void)
{
    factord_client *client = attach();
    factord_subscriber *all = subscribe(NULL);
    factord_subscriber *one = subscribe("classification");
    factord_answered seen;
    uint64_t first = 0;
    CHECK(factord_next(all, &seen) == 0);
    for (int i = 0; i < 200; i++) {
        double x[3] = {0.5 + i / 1024.0, 0.2, i % 10 == 9 ? HUGE_VAL : 0.3};
        uint64_t key = (uint64_t)i * (uint64_t)(i % 2);
        const char *name = i % 3 ? "classification" : "regression";
        factord_prediction given;
        int error =
            factord_predict_keyed(client, i % 3 ? 1 : 0, key, x, 3, FACTORD_S, &given);
        CHECK((error == FACTORD_ERROR_BAD_INPUT) == (i % 10 == 9));
        seen = next(all);
        if (error == FACTORD_OK) is_same(&seen, name, x, key, error, &given);
        CHECK(seen.status == (error ? 1 : 0) && strcmp(seen.name, name) == 0);
        if (i == 0) first = seen.ordinal;
        CHECK(seen.ordinal == first + (uint64_t)i);
        if (i % 3 == 0) continue;
        seen = next(one);
        if (error == FACTORD_OK) is_same(&seen, name, x, key, error, &given);
    }
    CHECK(factord_next(one, &seen) == 0 && factord_next(all, &seen) == 0);
    CHECK(factord_missed(all) == 0 && factord_missed(one) == 0);
    factord_unsubscribe(one);
    factord_unsubscribe(all);
    factord_unsubscribe(NULL);
    factord_close(client);
    char why[FACTORD_WHY_LEN] = "";
    daemon_kill(&engine);
    CHECK(factord_subscribe(&one, NULL, engine.socket, why, sizeof why) ==
              FACTORD_ERROR_UNREACHABLE &&
          !one && why[0]);
}

void a_subscriber_that_is_overtaken_knows_how_many_it_missed(void)
{
    enum { COUNT = 20000 };
    factord_client *client = attach();
    factord_subscriber *slow = subscribe(NULL);
    static double rows[3 * COUNT];
    static factord_prediction given[COUNT];
    for (size_t i = 0; i < 3 * COUNT; i++) rows[i] = (double)(i % 1000) / 1000.0;
    for (int round = 0; round < 3; round++) {
        CHECK(factord_predict_batch(client, 0, rows, COUNT, 20 * FACTORD_S, given) ==
              FACTORD_OK);
        uint64_t before = factord_missed(slow);
        uint64_t read = 0;
        uint64_t last = 0;
        factord_answered seen;
        for (uint64_t end = now_ns() + 20 * FACTORD_S;
             read + factord_missed(slow) - before < COUNT && now_ns() < end;) {
            if (!factord_next(slow, &seen)) continue;
            CHECK(read == 0 || seen.ordinal > last);
            CHECK(same(seen.y, given[seen.ordinal % COUNT].y));
            last = seen.ordinal;
            read++;
        }
        uint64_t missed = factord_missed(slow) - before;
        CHECK(read + missed == COUNT && read > 1000 && missed > 10000);
        CHECK(factord_next(slow, &seen) == 0);
    }
    factord_unsubscribe(slow);
    factord_close(client);
}
