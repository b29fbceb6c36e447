// SPDX-License-Identifier: Apache-2.0
// `lanewise train`: from a network and a data set to a run directory.
#include "base/error.h"
#include "cli/common.h"
#include "cli/image_options.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/train_resume.h"
#include "cli/train_seeds.h"
#include "cpu/topology.h"
#include "report/format.h"

#include <lanewise/cpu.h>
#include <stdlib.h>

// "1x28x28", "1 channel, any size".
static void describe_input(char *text, size_t text_bytes, lw_extent input)
{
    if (input.height > 0 && input.width > 0)
        snprintf(text, text_bytes, "%dx%dx%d", input.channels, input.height, input.width);
    else
        snprintf(text, text_bytes, "%d channel%s, any size", input.channels,
                 input.channels == 1 ? "" : "s");
}

static void note_plan(const lw_train_job *job)
{
    char input[64];
    const lw_train_config *config = &job->config;
    const int32_t threads = lw_cpu_resolve_threads(config->threads);
    describe_input(input, sizeof input, lw_network_input(job->network));
    lw_note(job->output, "network: %s, %s parameters in %zu layers, input %s",
            lw_network_name(job->network),
            lw_format_count(lw_network_parameter_count(job->network)).text,
            lw_network_layer_count(job->network), input);
    lw_note(job->output, "machine: %s, %d thread%s, %s kernels", lw_cpu_name(), threads,
            threads == 1 ? "" : "s", lw_cpu_isa());
    if (job->settings->common.threads > threads)
        lw_note(job->output,
                "threads: %d instead of %lld, since this process has no more processors", threads,
                (long long)job->settings->common.threads);
    lw_note(job->output, "training: %d epoch%s of %s images, batch %d, %s %g, seed %llu",
            config->epochs, config->epochs == 1 ? "" : "s",
            lw_format_count((int64_t)lw_dataset_size(job->data->splits.train)).text, config->batch,
            lw_optimizer_words[config->optimizer.kind], config->optimizer.learning_rate,
            (unsigned long long)config->seed);
    if (config->augment) {
        char words[512];
        lw_augment_format(config->augment, words, sizeof words);
        lw_note(job->output, "augmentation: %s", words[0] ? words : "none");
    }
}

static lw_status print_result(const lw_train_job *job)
{
    if (!(job->output->json && job->output->quiet)) LW_TRY(lw_train_report(job));
    if (!job->output->json) return LW_OK;
    return lw_json_finish(lw_train_metrics_json(job, false), stdout);
}

static lw_status work(lw_train_job *job, lw_train_data *data)
{
    // Whatever can be refused is refused before anything is fetched or computed.
    if (!job->run) LW_TRY(lw_run_try(job->settings->out, job->network));
    LW_TRY(lw_train_job_make_model(job));
    LW_TRY(lw_train_data_open(data, job));
    job->data = data;
    note_plan(job);
    lw_interrupt_catch();
    LW_TRY(lw_train_job_run(job));
    return print_result(job);
}

static lw_status run_train(const lw_invocation *invocation)
{
    lw_option_result given = *invocation->arguments;
    lw_train_settings settings = *(const lw_train_settings *)invocation->settings;
    if (settings.seeds > 0 && !settings.resume) return lw_train_seeds(invocation);
    LW_TRY(lw_train_seeds_check(&given));
    lw_train_job job = {
        .output = &invocation->output, .program = invocation->program, .resumable = true};
    lw_train_data data = {0};
    const char *network = given.n_operands > 0 ? given.operands[0] : "fixed";
    lw_status status = settings.resume ? lw_train_open_run(&job, &settings, &given) : LW_OK;
    if (!status) status = lw_train_job_begin(&job, &settings, &given, network);
    if (!status) status = work(&job, &data);
    lw_train_job_end(&job);
    lw_train_data_close(&data);
    return status;
}

const lw_command lw_command_train = {
    .name = "train",
    .summary = "train a network on labelled images",
    .operands = "[NETWORK]",
    .description =
        "Trains a network and writes a run directory with the weights, the settings, a log and the "
        "figures. NETWORK is a network file or the name of a shipped one (fixed, varres, "
        "varres_max, lab, lab_small, vgg, allconv); without it, fixed. The run directory appears "
        "when everything is done; Ctrl-C stops after the current step and saves the state of the "
        "training, which --resume goes on from with the same bits.",
    .examples = "  lanewise train\n"
                "  lanewise train lab --epochs 5\n"
                "  lanewise train fixed --recipe record --time\n"
                "  lanewise train lab --recipe best --epochs 10\n"
                "  lanewise train varres                (draws images of 32, 48 and 64 pixels)\n"
                "  lanewise train fixed --epochs 5 --augment digits\n"
                "  lanewise train fixed --data my-folder --resize 28x28:fit\n"
                "  lanewise train my.net --data my-folder --optimizer sgd --lr 0.05 \\\n"
                "      --schedule cosine --warmup 0.05\n"
                "  lanewise train varres --data photos/ --val 0.1 --channels 3 --skip-bad\n"
                "  lanewise train fixed --seeds 10\n"
                "  lanewise train fixed --data digits --train-limit 5000 --json\n"
                "  lanewise train lab --epochs 50 --checkpoint 30s\n"
                "  lanewise train --resume runs/lab-1\n",
    .most_operands = 1,
    .options = {.tables = {lw_train_option_table, lw_seeds_option_table, lw_image_option_table,
                           lw_data_option_table, lw_offline_option_table, lw_thread_option_table,
                           lw_output_option_table, lw_checkpoint_option_table},
                .counts = {LW_N_TRAIN_OPTIONS, LW_N_SEEDS_OPTIONS, LW_N_IMAGE_OPTIONS,
                           LW_N_DATA_OPTIONS, LW_N_OFFLINE_OPTIONS, LW_N_THREAD_OPTIONS,
                           LW_N_OUTPUT_OPTIONS, LW_N_CHECKPOINT_OPTIONS},
                .n_tables = 8},
    .settings_bytes = sizeof(lw_train_settings),
    .run = run_train,
};
