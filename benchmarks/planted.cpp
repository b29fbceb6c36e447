// SPDX-License-Identifier: Apache-2.0
// The program on which `lanewise track self-test` proves itself: 20 small benchmarks of different
// kinds, every one of which can be made slower by a known share. Called under a name that ends in
// "+3" (a link to it), it does 3 % more of its work: a real, extra cost, and nothing else differs.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

namespace {

constexpr int units = 200; // of work an iteration; one of them is half a per cent

int extra_units(const char *program)
{
    const char *plus = std::strrchr(program, '+');
    return plus ? static_cast<int>(std::atof(plus + 1) * units / 100 + 0.5) : 0;
}

using Work = std::function<void()>;

// Multiplications that wait for each other.
Work integers(int size)
{
    return [size, state = uint32_t{1}]() mutable {
        for (int i = 0; i < size; i++) state = state * 1664525u + 1013904223u;
        benchmark::DoNotOptimize(state);
    };
}

// A sum of products of two arrays: the vector units, or the memory when they are large.
Work products(int size)
{
    std::vector<float> a(static_cast<std::size_t>(size), 0.5f), b(a);
    return [a, b]() {
        float sums[16] = {};
        for (std::size_t i = 0; i + 16 <= a.size(); i += 16)
            for (std::size_t k = 0; k < 16; k++) sums[k] += a[i + k] * b[i + k];
        benchmark::DoNotOptimize(sums);
    };
}

// Copies between two arrays.
Work copies(int size)
{
    std::vector<unsigned char> from(static_cast<std::size_t>(size), 1), to(from);
    return [from, to]() mutable {
        std::memcpy(to.data(), from.data(), from.size());
        benchmark::DoNotOptimize(to.data());
        benchmark::ClobberMemory();
    };
}

// Loads each of which says where the next one is, in random order.
Work chases(int size)
{
    std::vector<uint32_t> next(static_cast<std::size_t>(size));
    std::iota(next.begin(), next.end(), 0u);
    uint32_t state = 7;
    for (std::size_t i = next.size() - 1; i > 0; i--) { // one cycle through all (Sattolo)
        state = state * 1664525u + 1013904223u;
        std::swap(next[i], next[(state >> 8) % i]);
    }
    return [next, at = uint32_t{0}]() mutable {
        for (int i = 0; i < 64; i++) at = next[at];
        benchmark::DoNotOptimize(at);
    };
}

// Branches that cannot be foreseen.
Work sorts(int size)
{
    std::vector<uint32_t> values(static_cast<std::size_t>(size));
    return [values, state = uint32_t{3}]() mutable {
        for (uint32_t &value : values) {
            state = state * 1664525u + 1013904223u;
            value = state >> 8;
        }
        std::sort(values.begin(), values.end());
        benchmark::DoNotOptimize(values.data());
    };
}

void add(const char *kind, int size, Work (*make)(int), int calls)
{
    const std::string name = std::string(kind) + "/" + std::to_string(size);
    benchmark::RegisterBenchmark(name.c_str(), [make, size, calls](benchmark::State &state) {
        const Work work = make(size);
        for (auto _ : state)
            for (int i = 0; i < calls; i++) work();
    });
}

} // namespace

int main(int argc, char **argv)
{
    const int calls = units + extra_units(argv[0]);
    for (int size : {100, 200, 400, 800}) add("integers", size, integers, calls);
    for (int size : {1024, 4096, 16384, 65536}) add("products", size, products, calls);
    for (int size : {1024, 4096, 16384, 65536}) add("copies", size, copies, calls);
    for (int size : {256, 4096, 16384, 65536}) add("chases", size, chases, calls);
    for (int size : {8, 16, 32, 64}) add("sorts", size, sorts, calls);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
