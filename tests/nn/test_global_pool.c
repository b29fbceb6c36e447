// SPDX-License-Identifier: Apache-2.0
// Global max and mean pooling, forward and backward, against values that PyTorch computes in double
// precision on a (10, 5, 3, 4) tensor.
#include <lanewise/lanewise.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { n_images = 10, channels = 5, height = 3, width = 4, n_values = 600 };

// What torch.nn.AdaptiveMaxPool2d(1) and AdaptiveAvgPool2d(1) give for the tensor of make_images behind a 1x1
// convolution with the identity as its weights, what cross_entropy gives for that, and the convolution's
// gradients.
static const float max_pooled[50] = {
    1.671875f, 4.5625f,   4.421875f, 3.703125f, 4.28125f,  4.140625f, 4.578125f, 3.28125f,
    4.4375f,   4.296875f, 4.15625f,  2.859375f, 4.59375f,  4.453125f, 4.3125f,   2.4375f,
    4.171875f, 4.609375f, 4.46875f,  2.015625f, 4.328125f, 4.1875f,   4.046875f, 4.625f,
    4.484375f, 4.34375f,  3.625f,    4.203125f, 4.640625f, 4.5f,      3.203125f, 4.359375f,
    4.21875f,  4.65625f,  2.78125f,  4.515625f, 4.375f,    4.234375f, 2.359375f, 4.671875f,
    4.53125f,  4.390625f, 1.9375f,   4.25f,     4.6875f,   3.96875f,  4.546875f, 4.40625f,
    4.265625f, 3.546875f};
static const double max_loss = 2.0618798969;
static const float max_dweight[25] = {
    0.0607970481f, 0.162320408f,   0.263843768f,   -0.517294518f, 0.0782564795f,
    0.103841784f,  0.214784299f,   0.175554626f,   0.136324953f,  0.09709528f,
    0.0190441821f, 0.0292906243f,  0.0334871101f,  0.0255862749f, 0.0176854398f,
    0.0444356195f, -0.0269269839f, -0.0982895874f, 0.103525673f,  0.0321630699f,
    -0.532913578f, 0.183071789f,   0.200041541f,   -0.696087281f, 0.169020403f};
static const float max_dbias[5] = {-0.0413853188f, 0.0159917138f, 0.00322072261f, 0.029090488f,
                                   -0.00691760569f};
static const float mean_pooled[50] = {
    -1.5078125f,   -0.0481770833f, 0.62890625f,   0.5234375f,    -1.14713542f,  -0.470052083f,
    0.989583333f,  0.1015625f,     -0.786458333f, -0.109375f,    0.567708333f,  -0.3203125f,
    -0.42578125f,  0.251302083f,   0.928385417f,  -0.7421875f,   -0.84765625f,  0.611979167f,
    1.2890625f,    -1.1640625f,    -0.486979167f, 0.190104167f,  0.8671875f,    -0.803385417f,
    -0.126302083f, 0.55078125f,    0.4453125f,    -1.22526042f,  0.234375f,     0.911458333f,
    0.0234375f,    -0.864583333f,  -0.1875f,      1.27213542f,   -0.3984375f,   -0.50390625f,
    0.173177083f,  0.850260417f,   -0.8203125f,   -0.143229167f, 0.533854167f,  1.2109375f,
    -1.2421875f,   -0.565104167f,  0.89453125f,   0.7890625f,    -0.881510417f, -0.204427083f,
    0.47265625f,   0.3671875f};
static const double mean_loss = 1.87044281925;
static const float mean_dweight[25] = {
    0.133195253f,   -0.0476612687f,  0.0119546076f,  -0.0544198291f,   0.0756055974f,
    -0.0388646997f, 0.105914023f,    -0.0672602438f, -0.000929937141f, -0.0538534236f,
    -0.138642213f,  0.0594466985f,   0.0316072347f,  0.0265849749f,    -0.0974286757f,
    -0.0132490509f, -0.108563345f,   0.0247548093f,  0.105729881f,     -0.0275250251f,
    0.0575607102f,  -0.00913610798f, -0.0010564078f, -0.0769650896f,   0.103201527f};
static const float mean_dbias[5] = {-0.0364095718f, 0.000237591064f, 0.0120170076f, 0.0337436427f,
                                    -0.00958866957f};

// Every value once, so that no maximum is a tie: 37 generates all residues of the prime 601.
static void make_images(float *images)
{
    for (int i = 0; i < n_values; i++) images[i] = (float)(i * 37 % 601 - 300) / 64.0f;
}

// conv 1x1, the pool, a linear layer; both with the identity as weights.
static lw_model *make_model(const char *pool)
{
    char text[200];
    snprintf(text, sizeof text, "input 5x?x?\nconv 1 5\n%s\nlinear 5\nsoftmax_cross_entropy\n",
             pool);
    lw_network *network;
    lw_model *model;
    if (lw_network_parse(&network, text, strlen(text), "pool.net"))
        fail_msg("%s", lw_error_message());
    assert_int_equal(LW_OK, lw_model_create(&model, network, 1));
    lw_network_destroy(&network);
    float identity[25] = {0}, zeros[5] = {0};
    for (int i = 0; i < 5; i++) identity[6 * i] = 1.0f;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(LW_OK, lw_model_set_parameter(model, i, i % 2 ? zeros : identity));
    return model;
}

static void assert_near(const float *expected, const float *got, int count, const char *what)
{
    for (int i = 0; i < count; i++)
        if (!(fabsf(expected[i] - got[i]) <= 2e-6f * (1.0f + fabsf(expected[i]))))
            fail_msg("%s[%d]: expected %.9g, got %.9g", what, i, (double)expected[i],
                     (double)got[i]);
}

static void check(const char *pool, const float *pooled, double expected_loss, const float *dweight,
                  const float *dbias)
{
    float images[n_values], logits[n_images * channels], got_dweight[25], got_dbias[5];
    int32_t labels[n_images];
    const lw_extent extent = {channels, height, width};
    lw_model *model = make_model(pool);
    make_images(images);
    for (int i = 0; i < n_images; i++) labels[i] = i * 3 % 5;
    assert_int_equal(LW_OK, lw_model_forward(model, images, n_images, extent, 2, logits));
    assert_near(pooled, logits, n_images * channels, pool);
    double loss;
    float *const gradients[] = {got_dweight, got_dbias, NULL, NULL};
    assert_int_equal(
        LW_OK, lw_model_gradients(model, images, labels, n_images, extent, 2, &loss, gradients));
    assert_true(fabs(loss - expected_loss) < 1e-6 * expected_loss);
    assert_near(dweight, got_dweight, 25, "conv1.weight gradient");
    assert_near(dbias, got_dbias, 5, "conv1.bias gradient");
    lw_model_destroy(&model);
}

static void test_global_max(void **state)
{
    (void)state;
    check("global_maxpool", max_pooled, max_loss, max_dweight, max_dbias);
}

static void test_global_mean(void **state)
{
    (void)state;
    check("global_meanpool", mean_pooled, mean_loss, mean_dweight, mean_dbias);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_global_max),
        cmocka_unit_test(test_global_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
