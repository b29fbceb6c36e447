// SPDX-License-Identifier: Apache-2.0
// The end of every benchmark program: its results say which build ran, on which instruction set.
#ifndef LW_BENCHMARKS_RUN_H
#define LW_BENCHMARKS_RUN_H

#include <lanewise/lanewise.h>

#include <benchmark/benchmark.h>

// Runs what was registered; the exit code of main.
inline int run_benchmarks(int argc, char **argv)
{
    benchmark::AddCustomContext("lanewise", lw_build_info());
    benchmark::AddCustomContext("isa", lw_cpu_isa());
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}

#endif
