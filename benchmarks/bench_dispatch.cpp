// SPDX-License-Identifier: Apache-2.0
// What it costs to choose an algorithm: making a plan, asking every candidate, and looking the shape up
// among the measured times. Less than 5 us without measuring anything.
#include "run.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

const char *const problems[] = {
    "mb16ic1ih28oc16oh28kh3ph1",    "mb16ic16ih14oc32oh14kh3ph1",  "mb16ic64ih56oc64oh56kh3ph1",
    "mb16ic3ih64oc64oh32kh7sh2ph3", "mb16ic64ih56oc256oh56kh1ph0",
};

[[noreturn]] void give_up()
{
    std::fprintf(stderr, "bench_dispatch: %s\n", lw_error_message());
    std::exit(1);
}

void make_plan(benchmark::State &state, const char *problem, lw_conv_pass pass, bool deterministic)
{
    lw_conv_shape shape;
    if (lw_conv_shape_parse(&shape, problem, nullptr)) give_up();
    lw_conv_options options = {};
    options.threads = 1;
    options.layout = LW_CONV_LAYOUT_PADDED;
    options.deterministic = deterministic;
    for (auto unused : state) {
        (void)unused;
        lw_conv_plan *plan;
        if (lw_conv_plan_create(&plan, &shape, pass, &options)) give_up();
        benchmark::DoNotOptimize(plan);
        lw_conv_plan_destroy(&plan);
    }
}

} // namespace

int main(int argc, char **argv)
{
    for (const char *problem : problems)
        for (lw_conv_pass pass : {LW_CONV_FORWARD, LW_CONV_BACKWARD_DATA, LW_CONV_BACKWARD_WEIGHTS})
            for (bool deterministic : {true, false}) {
                const std::string name = std::string("plan/") + problem + "/" +
                                         lw_conv_pass_name(pass) +
                                         (deterministic ? "/model" : "/table");
                benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State &state) {
                    make_plan(state, problem, pass, deterministic);
                });
            }
    return run_benchmarks(argc, argv);
}
