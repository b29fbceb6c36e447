// SPDX-License-Identifier: Apache-2.0
// The fuzzer: lanewise_fuzz TARGET [OPTION OF LIBFUZZER...] [FOLDER...]; "targets" lists them.
#include "fuzz/fuzz.h"
#include "fuzz/mutators.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const lw_fuzz_target *target;
static lw_fuzz_mutator mutator;

// The names that libFuzzer looks for.
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t capacity, unsigned int seed);

static void list_targets(FILE *file)
{
    for (size_t i = 0; i < lw_fuzz_target_count; i++)
        fprintf(file, "%s\n", lw_fuzz_targets[i].name);
}

static int fail_usage(void)
{
    fprintf(stderr, "usage: lanewise_fuzz TARGET [OPTION OF LIBFUZZER...] [FOLDER...]\n"
                    "where TARGET is one of\n");
    list_targets(stderr);
    exit(2);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    // libFuzzer starts this program anew for some of its work, with its own arguments only.
    static const char variable[] = "LANEWISE_FUZZ_TARGET";
    if (*argc == 2 && strcmp((*argv)[1], "targets") == 0) {
        list_targets(stdout);
        exit(0);
    }
    if (*argc > 1 && lw_fuzz_find((*argv)[1])) {
        setenv(variable, (*argv)[1], 1);
        (*argv)[1] = (*argv)[0];
        ++*argv;
        --*argc;
    }
    const char *name = getenv(variable);
    target = name ? lw_fuzz_find(name) : NULL;
    if (!target) return fail_usage();
    mutator = lw_fuzz_find_mutator(name);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    target->run(bytes, count);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t capacity, unsigned int seed)
{
    // Checksums have to be tested as well: now and then they are left wrong.
    if (mutator && seed % 8 != 0) return mutator(bytes, count, capacity);
    return LLVMFuzzerMutate(bytes, count, capacity);
}
