// SPDX-License-Identifier: Apache-2.0
// `lanewise version`: what a bug report should begin with.
#include "cli/common.h"
#include "cli/json.h"

#include <lanewise/cpu.h>
#include <lanewise/version.h>

static lw_status print_json(void)
{
    lw_json_object object = lw_json_object_begin();
    lw_json_add_text(&object, "version", lw_version());
    lw_json_add_text(&object, "build", lw_build_info());
    lw_json_add_text(&object, "isa", lw_cpu_isa());
    lw_json_add_text(&object, "cpu", lw_cpu_name());
    lw_json_add_count(&object, "threads", lw_cpu_threads());
    return lw_json_finish(lw_json_object_take(&object), stdout);
}

static lw_status run_version(const lw_invocation *invocation)
{
    if (invocation->output.json) return print_json();
    FILE *file = invocation->output.result;
    if (invocation->output.quiet) {
        fprintf(file, "%s\n", lw_version());
        return LW_OK;
    }
    fprintf(file, "lanewise %s\n", lw_version());
    fprintf(file, "build    %s\n", lw_build_info());
    fprintf(file, "isa      %s\n", lw_cpu_isa());
    fprintf(file, "cpu      %s\n", lw_cpu_name());
    fprintf(file, "threads  %d\n", lw_cpu_threads());
    return LW_OK;
}

const lw_command lw_command_version = {
    .name = "version",
    .summary = "version, build and machine",
    .operands = "",
    .description =
        "Prints the version, how the program was built, the instruction set of the "
        "kernels in use (LANEWISE_MAX_ISA lowers it), the CPU, and how many threads this "
        "process may use.",
    .examples = "  lanewise version\n"
                "  lanewise version --json\n",
    .options = {.tables = {lw_output_option_table}, .counts = {LW_N_OUTPUT_OPTIONS}, .n_tables = 1},
    .settings_bytes = sizeof(lw_common_settings),
    .run = run_version,
};
