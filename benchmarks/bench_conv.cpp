// SPDX-License-Identifier: Apache-2.0
// Plain convolutions: every algorithm that can (oneDNN too, where the build has it), each pass, one thread and all threads, on the
// layers of the networks that come with Lanewise and on a few of the field. GFLOP/s counts the
// multiply-adds of the dense convolution, two operations each, padding included.
#include <lanewise/lanewise.h>

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <string>
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

std::size_t product(std::initializer_list<int32_t> factors)
{
    std::size_t result = 1;
    for (int32_t factor : factors) result *= static_cast<std::size_t>(factor);
    return result;
}

// Values that are neither denormal nor all alike.
std::vector<float> values(std::size_t count)
{
    std::vector<float> result(count);
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
    Convolution(const lw_conv_shape &shape, lw_conv_pass pass, lw_conv_algorithm algorithm,
                int32_t threads)
        : pass_(pass)
    {
        const lw_conv_options options = {.algorithm = algorithm, .threads = threads};
        lw_conv_plan *plan;
        int32_t oh, ow;
        if (lw_conv_plan_create(&plan, &shape, pass, &options) ||
            lw_conv_shape_output(&shape, &oh, &ow))
            give_up();
        plan_.reset(plan);
        x_ = values(product({shape.n, shape.ic, shape.ih, shape.iw}));
        weights_ = values(product({shape.oc, shape.ic, shape.kh, shape.kw}));
        bias_ = values(product({shape.oc}));
        y_ = values(product({shape.n, shape.oc, oh, ow}));
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
    lw_conv_pass pass_;
    Plan plan_;
    std::vector<float> x_, weights_, bias_, y_;
    std::vector<unsigned char> workspace_;
};

void measure(benchmark::State &state, const lw_conv_shape &shape, lw_conv_pass pass,
             lw_conv_algorithm algorithm, int32_t threads)
{
    Convolution convolution(shape, pass, algorithm, threads);
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
void register_pass(const char *problem, lw_conv_pass pass, int32_t threads)
{
    lw_conv_shape shape;
    lw_conv_plan *plan;
    if (lw_conv_shape_parse(&shape, problem, nullptr) ||
        lw_conv_plan_create(&plan, &shape, pass, nullptr))
        give_up();
    const Plan owner(plan);
    for (std::size_t i = 0; i < lw_conv_plan_candidate_count(plan); i++) {
        const lw_conv_candidate *candidate = lw_conv_plan_candidate(plan, i);
        if (!candidate->possible) continue;
        const lw_conv_algorithm algorithm = candidate->algorithm;
        const std::string name = std::string(problem) + "/" + lw_conv_pass_name(pass) + "/" +
                                 candidate->name + "/threads:" + std::to_string(threads);
        benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State &state) {
            measure(state, shape, pass, algorithm, threads);
        })->UseRealTime()->Unit(benchmark::kMillisecond);
    }
}

} // namespace

int main(int argc, char **argv)
{
    std::vector<int32_t> thread_counts = {1};
    if (lw_cpu_threads() > 1) thread_counts.push_back(lw_cpu_threads());
    for (const char *problem : problems)
        for (lw_conv_pass pass : {LW_CONV_FORWARD, LW_CONV_BACKWARD_DATA, LW_CONV_BACKWARD_WEIGHTS})
            for (int32_t threads : thread_counts) register_pass(problem, pass, threads);
    benchmark::AddCustomContext("lanewise", lw_build_info());
    benchmark::AddCustomContext("isa", lw_cpu_isa());
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
