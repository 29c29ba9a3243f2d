/* From nothing to a prediction. Start a daemon first: `factord serve`. */
#include <factord.h>
#include <stdio.h>

int main(void)
{
    factord_client *client;
    char why[FACTORD_WHY_LEN];
    if (factord_attach(&client, NULL, why, sizeof why) != FACTORD_OK) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    factord_model_row model;
    double x[3] = {0.5, 0.2, 0.3};
    factord_prediction answer;
    int error = factord_model(client, "regression", &model);
    if (error == FACTORD_OK) {
        error = factord_predict(client, model.id, x, 3, 100 * FACTORD_MS, &answer);
    }
    if (error == FACTORD_OK) {
        printf("%.17g by generation %u\n", answer.y, (unsigned)answer.generation);
    } else {
        fprintf(stderr, "%s\n", factord_strerror(error));
    }
    factord_close(client);
    return error != FACTORD_OK;
}
