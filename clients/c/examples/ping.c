/* How long a prediction takes there and back: groups of 16, the median group divided by 16. */
#define _POSIX_C_SOURCE 200809L
#include <factord.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define GROUP 16
#define GROUPS 20000

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * FACTORD_S + (uint64_t)now.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

int main(void)
{
    static uint64_t groups_ns[GROUPS];
    factord_client *client;
    factord_model_row model;
    char why[FACTORD_WHY_LEN];
    if (factord_attach(&client, NULL, why, sizeof why) != FACTORD_OK) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    int error = factord_model(client, "regression", &model);
    for (int group = 0; group < GROUPS && error == FACTORD_OK; group++) {
        uint64_t start = now_ns();
        for (int i = 0; i < GROUP && error == FACTORD_OK; i++) {
            double x[3] = {0.4 + 0.001 * i, 0.2, 0.3};
            factord_prediction answer;
            error = factord_predict(client, model.id, x, 3, FACTORD_S, &answer);
        }
        groups_ns[group] = now_ns() - start;
    }
    factord_close(client);
    if (error != FACTORD_OK) {
        fprintf(stderr, "%s\n", factord_strerror(error));
        return 1;
    }
    qsort(groups_ns, GROUPS, sizeof *groups_ns, ascending);
    printf("round trip: p50 %.1f ns, p99 %.1f ns, of %d groups of %d\n",
           (double)groups_ns[GROUPS / 2] / GROUP, (double)groups_ns[GROUPS / 100 * 99] / GROUP,
           GROUPS, GROUP);
    return 0;
}
