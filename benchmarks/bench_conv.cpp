// SPDX-License-Identifier: Apache-2.0
// Convolutions: every algorithm that can (oneDNN too, where the build has it), each pass, one thread
// and all threads, on the layers of the networks that come with Lanewise and on a few of the field.
// GFLOP/s counts the multiply-adds of the dense convolution, two operations each, padding included.
//
//     bench_conv [--shapes=LIST] [--layout=padded|nhwc|nchw] [options of Google Benchmark]
//
// LIST has a problem on each line, as the files in benchmarks/shapes.
#include "run.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

const char *const problems[] = {
    "mb16ic1ih28oc16oh28kh3ph1",  // fixed: conv1
    "mb16ic16ih14oc32oh14kh3ph1", // fixed: conv2
    "mb16ic32ih7oc64oh7kh3ph1",   // fixed: conv3
    "mb16ic64ih13oc128oh11kh3ph0", // lab: conv2
    "mb16ic32ih16oc81oh16kh3ph1", // varres: conv3 on 64x64 images
    "mb16ic3ih64oc64oh32kh7sh2ph3", // a large strided first layer
    "mb4ic64ih56oc64oh56kh3ph1",
    "mb4ic64ih56oc256oh56kh1ph0",
};

struct PlanDeleter {
    void operator()(lw_conv_plan *plan) const { lw_conv_plan_destroy(&plan); }
};
using Plan = std::unique_ptr<lw_conv_plan, PlanDeleter>;

[[noreturn]] void give_up()
{
    std::fprintf(stderr, "bench_conv: %s\n", lw_error_message());
    std::exit(1);
}

// Values that are neither denormal nor all alike.
std::vector<float> values(int64_t count)
{
    std::vector<float> result(static_cast<std::size_t>(count));
    uint32_t state = 1;
    for (float &value : result) {
        state = state * 1664525u + 1013904223u;
        value = static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
    }
    return result;
}

// One convolution with its arrays, ready to run.
class Convolution {
public:
    Convolution(const lw_conv_shape &shape, lw_conv_pass pass, const lw_conv_options &options)
        : pass_(pass)
    {
        lw_conv_plan *plan;
        lw_conv_map x, y;
        int64_t x_floats, y_floats;
        if (lw_conv_plan_create(&plan, &shape, pass, &options) ||
            lw_conv_maps(&shape, options.layout, &x, &y, &x_floats, &y_floats))
            give_up();
        plan_.reset(plan);
        x_ = values(x_floats);
        weights_ = values(int64_t{shape.oc} * shape.ic * shape.kh * shape.kw);
        bias_ = values(shape.oc);
        y_ = values(y_floats);
        clear_surroundings(x, shape.n, x_);
        clear_surroundings(y, shape.n, y_);
        workspace_.resize(lw_conv_plan_workspace_bytes(plan) + 1);
    }

    // Who does the work: oneDNN has several implementations.
    const char *implementation() const { return lw_conv_plan_implementation(plan_.get()); }

    // The arrays of the other side of the pass are its outputs.
    void run()
    {
        lw_status status = LW_ERROR_INTERNAL;
        switch (pass_) {
        case LW_CONV_FORWARD:
            status = lw_conv_forward(plan_.get(), x_.data(), weights_.data(), bias_.data(),
                                     y_.data(), workspace_.data());
            break;
        case LW_CONV_BACKWARD_DATA:
            status = lw_conv_backward_data(plan_.get(), y_.data(), weights_.data(), x_.data(),
                                           workspace_.data());
            break;
        case LW_CONV_BACKWARD_WEIGHTS:
            status = lw_conv_backward_weights(plan_.get(), x_.data(), y_.data(), weights_.data(),
                                              bias_.data(), workspace_.data());
            break;
        }
        if (status) give_up();
    }

private:
    // Zeros wherever a padded array holds no value.
    static void clear_surroundings(const lw_conv_map &map, int32_t images, std::vector<float> &array)
    {
        std::vector<float> clear(array.size());
        for (int32_t n = 0; n < images; n++)
            for (int32_t c = 0; c < map.channels; c++)
                for (int32_t h = 0; h < map.height; h++)
                    for (int32_t w = 0; w < map.width; w++) {
                        const auto at = static_cast<std::size_t>(
                            map.origin + n * map.image + c * map.channel + h * map.row +
                            w * map.pixel);
                        clear[at] = array[at];
                    }
        array = std::move(clear);
    }

    lw_conv_pass pass_;
    Plan plan_;
    std::vector<float> x_, weights_, bias_, y_;
    std::vector<unsigned char> workspace_;
};

void measure(benchmark::State &state, const lw_conv_shape &shape, lw_conv_pass pass,
             const lw_conv_options &options)
{
    Convolution convolution(shape, pass, options);
    for (auto unused : state) {
        (void)unused;
        convolution.run();
        benchmark::ClobberMemory();
    }
    state.SetLabel(convolution.implementation());
    const double flops = 2.0 * static_cast<double>(lw_conv_shape_macs(&shape));
    state.counters["GFLOP/s"] =
        benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

// Every possible algorithm for one problem and pass.
void register_pass(const std::string &problem, lw_conv_pass pass, lw_conv_layout layout,
                   int32_t threads)
{
    lw_conv_shape shape;
    lw_conv_plan *plan;
    lw_conv_options options = {};
    options.threads = threads;
    options.layout = layout;
    if (lw_conv_shape_parse(&shape, problem.c_str(), nullptr) ||
        lw_conv_plan_create(&plan, &shape, pass, &options))
        give_up();
    const Plan owner(plan);
    for (std::size_t i = 0; i < lw_conv_plan_candidate_count(plan); i++) {
        const lw_conv_candidate *candidate = lw_conv_plan_candidate(plan, i);
        if (!candidate->possible) continue;
        options.algorithm = candidate->algorithm;
        const std::string name = problem + "/" + lw_conv_pass_name(pass) + "/" + candidate->name +
                                 "/" + lw_conv_layout_name(layout) +
                                 "/threads:" + std::to_string(threads);
        benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State &state) {
            measure(state, shape, pass, options);
        })->UseRealTime()->Unit(benchmark::kMillisecond);
    }
}

// The problems of a file, without their names: those have blanks in them.
std::vector<std::string> read_problems(const std::string &path)
{
    std::vector<std::string> found;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const std::size_t end = line.find_first_of("#n \t\r");
        if (end != std::string::npos) line.resize(end);
        if (!line.empty()) found.push_back(line);
    }
    if (found.empty()) {
        std::fprintf(stderr, "bench_conv: %s: no problem in it, or no such file\n", path.c_str());
        std::exit(2);
    }
    return found;
}

// Takes "--name=value" out of the arguments; the value, or the preset.
std::string take_option(int *argc, char **argv, const char *name, const std::string &preset)
{
    const std::string start = std::string("--") + name + "=";
    for (int i = 1; i < *argc; i++) {
        if (std::strncmp(argv[i], start.c_str(), start.size()) != 0) continue;
        const std::string value = argv[i] + start.size();
        for (int k = i; k < *argc; k++) argv[k] = argv[k + 1]; // the last one is a null pointer
        --*argc;
        return value;
    }
    return preset;
}

} // namespace

int main(int argc, char **argv)
{
    std::vector<int32_t> thread_counts = {1};
    if (lw_cpu_threads() > 1) thread_counts.push_back(lw_cpu_threads());
    lw_conv_layout layout;
    const std::string shapes = take_option(&argc, argv, "shapes", "");
    if (lw_conv_layout_parse(&layout, take_option(&argc, argv, "layout", "padded").c_str())) {
        std::fprintf(stderr, "bench_conv: --layout: %s\n", lw_error_message());
        return 2;
    }
    std::vector<std::string> list(std::begin(problems), std::end(problems));
    if (!shapes.empty()) list = read_problems(shapes);
    for (const std::string &problem : list)
        for (lw_conv_pass pass : {LW_CONV_FORWARD, LW_CONV_BACKWARD_DATA, LW_CONV_BACKWARD_WEIGHTS})
            for (int32_t threads : thread_counts) register_pass(problem, pass, layout, threads);
    return run_benchmarks(argc, argv);
}
