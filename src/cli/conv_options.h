// SPDX-License-Identifier: Apache-2.0
// What the commands about single convolutions share: lists of passes, algorithms and instruction
// sets, lists of problems, and this program run once more for another instruction set.
#ifndef LW_CLI_CONV_OPTIONS_H
#define LW_CLI_CONV_OPTIONS_H

#include "bench/algorithms.h"
#include "cli/command.h"

#include <cjson/cJSON.h>
#include <lanewise/conv.h>
#include <lanewise/network.h>

// ---- lists of words -----------------------------------------------------------------------------

// Reads the values of --passes ("fwd,bwd_d") and --algorithms ("naive,unfold"); NULL stands for
// all. LW_ERROR_INPUT with the nearest word.
lw_status lw_read_selection(lw_bench_selection *selection, const char *passes,
                            const char *algorithms);

// Reads the value of check's --layout ("padded,nchw") into flags by lw_conv_layout; NULL stands for
// all.
lw_status lw_read_layouts(bool layouts[LW_BENCH_LAYOUTS], const char *text);

// The words of an option --layout with one value, in the order of lw_conv_layout.
extern const char *const lw_layout_words[LW_BENCH_LAYOUTS + 1];

enum { LW_MOST_ISAS = 4 };
typedef struct lw_isa_list {
    const char *names[LW_MOST_ISAS]; // static storage
    size_t n;
} lw_isa_list;

// Reads the value of --isa ("avx2,avx512"); NULL stands for the one in use. LW_ERROR_INPUT for a
// word that is none, LW_ERROR_UNSUPPORTED for an instruction set that this machine lacks.
lw_status lw_read_isas(lw_isa_list *list, const char *text);
// Every instruction set of this machine.
lw_isa_list lw_all_isas(void);
// True when the list is the instruction set of this process alone.
bool lw_isas_are_here(const lw_isa_list *list);

// ---- problems -----------------------------------------------------------------------------------

typedef struct lw_problem {
    lw_conv_shape shape;
    char text[LW_CONV_PROBLEM_BYTES]; // as lw_conv_shape_format writes it
    char name[64];                    // of the layer, or what follows the final "n"; "" without
} lw_problem;

typedef struct lw_problem_list {
    lw_problem *problems; // owned
    size_t n, capacity;
} lw_problem_list;

enum { LW_MOST_PROBLEMS = 2000 };

// Adds a problem string; one that is there with the same name is not added again. `where` ("" or
// "list.txt:3: ") begins the message of a failure.
lw_status lw_problems_add_text(lw_problem_list *list, const char *text, const char *where);
// Adds every line of a file that is not empty and does not begin with "#".
lw_status lw_problems_add_file(lw_problem_list *list, const char *path);
// Adds every convolution of a network. `input` with height 0: the size that the network declares,
// 64x64 where it takes any.
lw_status lw_problems_add_network(lw_problem_list *list, const char *network, lw_extent input,
                                  int32_t batch);
void lw_problems_free(lw_problem_list *list);

// True when the text is meant to be a problem, whatever is wrong with it: two numbers in it, and no
// path.
bool lw_looks_like_problem(const char *text);

// Reads "1x28x28"; false when it is something else.
bool lw_read_extent(const char *text, lw_extent *extent);

// ---- other instruction sets ---------------------------------------------------------------------

// A growing list of arguments; the strings are copies.
typedef struct lw_arguments {
    char **words; // NULL-terminated
    size_t n, capacity;
    bool failed;
} lw_arguments;

__attribute__((format(printf, 2, 3))) void lw_arguments_add(lw_arguments *arguments,
                                                            const char *format, ...);
void lw_arguments_free(lw_arguments *arguments);

// Runs this program with the arguments and LANEWISE_MAX_ISA (kernels are chosen once a process),
// and reads the JSON value that it prints; its notes and errors go to this process's stderr. oneDNN
// is held to the same instruction set. *exit_code is the program's; *json is NULL where it printed
// none, and is owned by the caller.
lw_status lw_run_for_isa(const char *isa, const char *program, const lw_arguments *arguments,
                         cJSON **json, int *exit_code);

#endif
