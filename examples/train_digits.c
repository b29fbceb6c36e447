// SPDX-License-Identifier: Apache-2.0
// Describes a small network in text, trains it on the built-in digits and counts what it gets
// right. Needs no file and no network connection.
#include <lanewise/lanewise.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char network_text[] = "input 1x28x28\n"
                                   "conv 3x3 8 pad 1\n"
                                   "relu\n"
                                   "maxpool 2\n"
                                   "conv 3x3 16 pad 1\n"
                                   "relu\n"
                                   "maxpool 2\n"
                                   "linear 10\n"
                                   "softmax_cross_entropy\n";

static bool print_epoch(void *user, const lw_epoch_result *result)
{
    (void)user;
    printf("epoch %d: loss %.3f, %.0f images/s\n", result->epoch, result->train_loss,
           result->images_per_second);
    return true; // false would stop the training
}

// Trains and evaluates; prints the share of test images that were told right.
static lw_status train_and_test(lw_model *model, const lw_data_splits *data)
{
    lw_train_config config = lw_train_config_default();
    config.epochs = 1;
    const lw_train_callbacks callbacks = {.epoch = print_epoch};
    lw_train_result result;
    lw_status status = lw_train(model, data->train, NULL, &config, &callbacks, &result);
    if (status) return status;

    lw_metrics metrics;
    status = lw_model_evaluate(model, data->test, 0, &metrics);
    if (status) return status;
    printf("%.1f %% of %lld test images are right\n", 100 * lw_metrics_accuracy(&metrics),
           (long long)metrics.count);
    lw_metrics_destroy(&metrics);
    return LW_OK;
}

int main(void)
{
    lw_network *network = NULL;
    lw_model *model = NULL;
    lw_data_splits data = {0};
    const lw_data_options options = {.name = "digits", .train_limit = 2000, .seed = 1};

    lw_status status = lw_network_parse(&network, network_text, strlen(network_text), "example");
    if (!status) status = lw_model_create(&model, network, 1);
    if (!status) status = lw_data_open(&data, &options);
    if (!status) status = train_and_test(model, &data);
    if (status) fprintf(stderr, "%s: %s\n", lw_status_name(status), lw_error_message());

    lw_data_close(&data);
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
