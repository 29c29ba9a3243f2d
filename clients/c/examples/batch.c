/* Many rows at once: 10,000 days by both models. */
#include <factord.h>
#include <stdio.h>

#define ROWS 10000

int main(void)
{
    static double rows[ROWS * 3];
    static factord_prediction rates[ROWS];
    static factord_prediction classes[ROWS];
    factord_options options = FACTORD_OPTIONS_DEFAULT;
    factord_client *client;
    factord_model_row regression;
    factord_model_row classification;
    char why[FACTORD_WHY_LEN];
    for (int i = 0; i < ROWS; i++) {
        rows[3 * i] = (double)i / ROWS;
        rows[3 * i + 1] = 0.2;
        rows[3 * i + 2] = 0.3;
    }
    /* A batch fills as many slots as it is given. */
    options.slot_count = 256;
    if (factord_attach(&client, &options, why, sizeof why) != FACTORD_OK) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    int error = factord_model(client, "regression", &regression);
    if (error == FACTORD_OK) error = factord_model(client, "classification", &classification);
    if (error == FACTORD_OK) {
        error = factord_predict_batch(client, regression.id, rows, ROWS, FACTORD_S, rates);
    }
    if (error == FACTORD_OK) {
        error = factord_predict_batch(client, classification.id, rows, ROWS, FACTORD_S, classes);
    }
    factord_close(client);
    if (error != FACTORD_OK) {
        fprintf(stderr, "%s\n", factord_strerror(error));
        return 1;
    }
    double sum = 0.0;
    int high = 0;
    for (int i = 0; i < ROWS; i++) {
        /* An entry with an error of its own, such as bad input, has no prediction. */
        if (rates[i].error != FACTORD_OK || classes[i].error != FACTORD_OK) return 1;
        sum += rates[i].y;
        high += classes[i].second == 1.0;
    }
    printf("%d rows: mean sell rate %.6f, %d high\n", ROWS, sum / ROWS, high);
    return 0;
}
