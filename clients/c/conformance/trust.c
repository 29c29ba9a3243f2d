/* Cases about forked children, and about who may be believed. */
#define _GNU_SOURCE
#include "runner.h"

#include <sys/wait.h>
#include <unistd.h>

/* The stranger who owns places and listens at sockets. */
#define STRANGER 65534

/* The forked child's part: its own channel in the place of its parent's. */
static int child_is_served(factord_client *parents, const struct suite_rows *rows)
{
    factord_options options = usual_options(NULL);
    factord_client *own;
    factord_prediction answer;
    char why[FACTORD_WHY_LEN] = "";
    if (factord_attach(&own, &options, why, sizeof why) != FACTORD_OK) return 0;
    factord_close(parents);
    factord_model_row row;
    if (factord_model(own, "regression", &row) != FACTORD_OK) return 0;
    for (size_t i = 0; i < rows->count; i++) {
        int error = factord_predict(own, row.id, row_x(rows, i), 3, PLENTY, &answer);
        if (error != FACTORD_OK || suite_bits(answer.y) != rows->y[i]) return 0;
    }
    factord_close(own);
    return 1;
}

void forked(void)
{
    factord_client *client = channel();
    const struct suite_rows *rows = rows_of("regression", 3);
    uint16_t model = id_of(client, "regression");
    int status = -1;
    predict_exact(client, model, rows, 0);
    pid_t child = fork();
    REQUIRE(child >= 0, "no child");
    if (child == 0) _exit(!child_is_served(client, rows));
    REQUIRE(waitpid(child, &status, 0) == child, "the child is not there");
    REQUIRE(WIFEXITED(status), "the child died of signal %d", WTERMSIG(status));
    REQUIRE(WEXITSTATUS(status) == 0, "the child was not served");
    predict_exact(client, model, rows, 1);
}

static void told_whom_to_trust(const char *place, const char *socket)
{
    factord_options options = usual_options(socket);
    factord_client *client;
    char why[FACTORD_WHY_LEN];
    options.daemon_uid = STRANGER;
    int error = try_options(&client, &options, why);
    REQUIRE(error == FACTORD_OK, "%s: %s", place, why);
    predict_exact(client, 0, rows_of("image", 3), 0);
}

void untrusted(void)
{
    static const char *const PLACES[] = {"mode", "link", "owner", "peer"};
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        char socket[256];
        char why[FACTORD_WHY_LEN];
        factord_client *client;
        snprintf(socket, sizeof socket, "%s", conduct_with("untrusted", PLACES[i]));
        if (strcmp(socket, "-") == 0) continue;
        int error = try_channel(&client, socket, 3, SUITE_SLOTS, why);
        same_error(error, FACTORD_ERROR_UNTRUSTED, PLACES[i]);
        REQUIRE(strstr(why, socket) && strstr(why, "FACTORD_DAEMON_UID"), "%s: %s", PLACES[i], why);
        if (i >= 2) told_whom_to_trust(PLACES[i], socket);
    }
}
