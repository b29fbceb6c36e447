// SPDX-License-Identifier: Apache-2.0
// Whole training steps of the shipped networks on random images: images per second, with one thread
// and with all that this process may use. The figure includes everything a step does; making the data
// set and the plans is not counted.
#include "run.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace {

struct Job {
    const char *network;
    int32_t side, batch;
    lw_optimizer_kind optimizer;
};

const Job jobs[] = {
    {"fixed", 28, 16, LW_OPTIMIZER_ADAM},  {"fixed", 28, 128, LW_OPTIMIZER_ADAM},
    {"lab", 28, 32, LW_OPTIMIZER_SGD},     {"lab_small", 28, 32, LW_OPTIMIZER_SGD},
    {"varres", 32, 16, LW_OPTIMIZER_ADAM}, {"varres", 48, 16, LW_OPTIMIZER_ADAM},
    {"varres", 64, 16, LW_OPTIMIZER_ADAM},
};

lw_dataset *random_images(int32_t side, size_t count)
{
    std::mt19937 random(1);
    std::vector<uint8_t> pixels(count * static_cast<size_t>(side) * static_cast<size_t>(side));
    std::vector<int32_t> labels(count);
    for (auto &pixel : pixels) pixel = static_cast<uint8_t>(random() & 255);
    for (auto &label : labels) label = static_cast<int32_t>(random() % 10);
    lw_dataset *dataset = nullptr;
    lw_dataset_create(&dataset, "random", pixels.data(), labels.data(), count, 1, side, side, 10,
                      nullptr);
    return dataset;
}

void train(benchmark::State &state, const Job &job)
{
    const std::string path = std::string(LW_SOURCE_DIR "/networks/") + job.network + ".net";
    lw_network *network = nullptr;
    lw_model *model = nullptr;
    lw_dataset *dataset = random_images(job.side, 1024);
    if (!dataset || lw_network_load(&network, path.c_str()) != LW_OK ||
        lw_model_create(&model, network, 1) != LW_OK) {
        state.SkipWithError(lw_error_message());
        return;
    }
    lw_train_config config = lw_train_config_default();
    config.optimizer.kind = job.optimizer;
    config.batch = job.batch;
    config.epochs = 1;
    config.threads = static_cast<int32_t>(state.range(0));
    double images = 0.0;
    for (auto step : state) {
        (void)step;
        lw_train_result result;
        if (lw_train(model, dataset, nullptr, &config, nullptr, &result) != LW_OK) {
            state.SkipWithError(lw_error_message());
            break;
        }
        state.SetIterationTime(result.seconds);
        images += static_cast<double>(lw_dataset_size(dataset));
    }
    state.counters["images/s"] = benchmark::Counter(images, benchmark::Counter::kIsRate);
    state.SetLabel(lw_cpu_isa());
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    lw_dataset_destroy(&dataset);
}

} // namespace

int main(int argc, char **argv)
{
    for (const Job &job : jobs) {
        const std::string name = "train/" + std::string(job.network) + "/" +
                                 std::to_string(job.side) + "px/batch" + std::to_string(job.batch);
        auto *benchmark = benchmark::RegisterBenchmark(
            name.c_str(), [&job](benchmark::State &state) { train(state, job); });
        benchmark->ArgName("threads")->Arg(1)->UseManualTime()->Unit(benchmark::kMillisecond);
        if (lw_cpu_threads() > 1) benchmark->Arg(lw_cpu_threads());
    }
    return run_benchmarks(argc, argv);
}
