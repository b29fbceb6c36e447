// SPDX-License-Identifier: Apache-2.0
// One convolution on plain float arrays: plan, ask for bytes, execute. A Sobel kernel finds the
// upright edges of a drawn square.
#include <lanewise/lanewise.h>
#include <stdio.h>
#include <stdlib.h>

enum { side = 12 };

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, lw_error_message());
    return EXIT_FAILURE;
}

int main(void)
{
    float image[side * side] = {0}; // (n, c, h, w) = (1, 1, 12, 12)
    for (int h = 3; h < 9; h++)
        for (int w = 3; w < 9; w++) image[h * side + w] = 1;
    const float sobel[3 * 3] = {-1, 0, 1, -2, 0, 2, -1, 0, 1}; // (oc, ic, kh, kw) = (1, 1, 3, 3)

    const lw_conv_shape shape = {.n = 1, .ic = 1, .ih = side, .iw = side, .oc = 1,
                                 .kh = 3, .kw = 3, .stride_h = 1, .stride_w = 1,
                                 .pad_h = 1, .pad_w = 1, .dilation_h = 1, .dilation_w = 1};
    int32_t oh, ow;
    if (lw_conv_shape_output(&shape, &oh, &ow)) return fail("output size");

    lw_conv_plan *plan;
    if (lw_conv_plan_create(&plan, &shape, LW_CONV_FORWARD, NULL)) return fail("plan");
    size_t workspace_bytes = lw_conv_plan_workspace_bytes(plan);
    void *workspace = malloc(workspace_bytes + 1); // + 1: asking for 0 bytes may give NULL
    float *edges = malloc((size_t)oh * (size_t)ow * sizeof *edges);
    int result = EXIT_FAILURE;
    if (!workspace || !edges)
        fprintf(stderr, "out of memory\n");
    else if (lw_conv_forward(plan, image, sobel, NULL, edges, workspace))
        fail("forward");
    else
        result = EXIT_SUCCESS;

    if (result == EXIT_SUCCESS) {
        printf("%dx%d, computed by the algorithm `%s`:\n", oh, ow, lw_conv_plan_algorithm(plan));
        for (int h = 0; h < oh; h++) {
            for (int w = 0; w < ow; w++) {
                float edge = edges[h * ow + w];
                putchar(edge > 0 ? '+' : edge < 0 ? '-' : '.');
            }
            putchar('\n');
        }
    }
    free(edges);
    free(workspace);
    lw_conv_plan_destroy(&plan);
    return result;
}
