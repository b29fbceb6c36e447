// SPDX-License-Identifier: Apache-2.0
// Charts: what is asked for is drawn and described, what cannot be drawn is left out, axes have round
// marks inside the picture, and the table has the same figures.
#include "report/chart.h"

#include "base/error.h"
#include "support/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double epochs[] = {1, 2, 3, 4};
static const double accuracy[] = {90, 95.5, NAN, 98.25};
static const double low[] = {89, 95, NAN, 98}, high[] = {91, 96, NAN, 98.5};

static lw_chart chart_of(const lw_chart_series *series, size_t n)
{
    return (lw_chart){.title = "a < b",
                      .x_axis = "epoch",
                      .y_axis = "accuracy (%)",
                      .y_decimals = 2,
                      .series = series,
                      .n_series = n};
}

// The chart as text, owned by the caller; nothing in it may be no number.
static char *draw(const lw_chart *chart)
{
    lw_text text = {0};
    lw_chart_draw(&text, chart, "f7");
    assert_false(text.failed);
    assert_int_equal(count(text.bytes, "nan") + count(text.bytes, "inf"), 0);
    return text.bytes;
}

// No label and no point lies outside the picture.
static void expect_inside(const char *svg)
{
    const char *const keys[] = {" x=\"", " y=\"", "cx=\"", "cy=\"", "x1=\"", "y2=\""};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        for (const char *at = svg; (at = strstr(at, keys[i])); at++) {
            const double value = atof(at + 4);
            if (value < 0 || value > 440) fail_msg("%.40s is outside", at);
        }
}

static void curves_are_drawn(void **state)
{
    (void)state;
    const lw_chart_series series[] = {
        {.name = "one & all", .x = epochs, .y = accuracy, .low = low, .high = high, .n = 4},
        {.name = "seed 1", .x = epochs, .y = accuracy, .n = 4, .colour = 1, .faint = true},
        {.name = "training", .x = epochs, .y = accuracy, .n = 2, .colour = 9, .dashed = true}};
    const lw_chart chart = chart_of(series, 3);
    char *svg = draw(&chart);
    expect_inside(svg);
    assert_int_equal(count(svg, "class=\"c-line"), 3);
    assert_int_equal(count(svg, "c-faint"), 1);
    assert_int_equal(count(svg, "c-dashed s1\""), 1); // colours begin anew behind the last one
    assert_int_equal(count(svg, "class=\"c-band"), 1);
    // Marks of the two that stand out, without the gap: 3 + 2. The gap begins a new piece of line.
    assert_int_equal(count(svg, "<circle"), 5);
    assert_non_null(strstr(svg, "one &amp; all, epoch 4: 98.25 (98.00 to 98.50)"));
    assert_non_null(strstr(svg, "<title id=\"f7-t\">a &lt; b</title>"));
    assert_non_null(strstr(svg, "one &amp; all ends at 98.25"));
    assert_non_null(strstr(svg, ">accuracy (%)</text>"));
    assert_non_null(strstr(svg, ">epoch</text>"));
    assert_non_null(strstr(svg, "tabindex=\"0\""));
    // Epochs are whole: marks at 1, 2, 3, 4 and nothing between.
    assert_int_equal(count(svg, "text-anchor=\"middle\""), 4);
    free(svg);
    lw_text legend = {0};
    lw_chart_append_legend(&legend, &chart);
    assert_int_equal(count(legend.bytes, "<li>"), 2);
    lw_text_free(&legend);
    const lw_chart alone = chart_of(series, 1);
    lw_chart_append_legend(&legend, &alone);
    assert_int_equal(legend.length, 0);
}

static void points_have_intervals(void **state)
{
    (void)state;
    const double x[] = {9594, 149798}, y[] = {97.2, 98.25}, from[] = {97, 98.2},
                 to[] = {97.4, 98.3};
    const lw_chart_series series[] = {
        {.name = "small", .x = x, .y = y, .low = from, .high = to, .n = 1, .points = true},
        {.name = "large", .x = x + 1, .y = y + 1, .n = 1, .colour = 1, .points = true}};
    lw_chart chart = chart_of(series, 2);
    chart.log_x = true;
    char *svg = draw(&chart);
    expect_inside(svg);
    assert_int_equal(count(svg, "class=\"c-line"), 0);
    assert_int_equal(count(svg, "h8m-4"), 1);
    assert_non_null(strstr(svg, ">50,000</text>"));
    free(svg);
}

static void any_values_have_axes(void **state)
{
    (void)state;
    const double values[][4] = {{0, 0, 0, 0},
                                {5, 5, 5, 5},
                                {1e-9, 2e-9, 3e-9, 4e-9},
                                {-3, 0, 3, 6},
                                {1e12, 2e12, 3e12, 5e12},
                                {NAN, NAN, NAN, NAN},
                                {0.001, 1, 10, 1e6},
                                {INFINITY, 1, 2, -INFINITY}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (int log = 0; log < 4; log++) {
            const lw_chart_series series = {.name = "s", .x = values[i], .y = values[i], .n = 4};
            lw_chart chart = chart_of(&series, 1);
            chart.log_x = (log & 1) != 0;
            chart.log_y = (log & 2) != 0;
            char *svg = draw(&chart);
            expect_inside(svg);
            assert_true(count(svg, "c-grid") >= 2 && count(svg, "c-grid") <= 16);
            free(svg);
        }
    const lw_chart nothing = chart_of(NULL, 0);
    free(draw(&nothing));
}

static void the_table_has_the_figures(void **state)
{
    (void)state;
    const double other_x[] = {2, 5}, other_y[] = {1, 2};
    const lw_chart_series series[] = {
        {.name = "seed 1", .x = epochs, .y = accuracy, .n = 4, .faint = true},
        {.name = "mean", .x = other_x, .y = other_y, .n = 2}};
    const lw_chart chart = chart_of(series, 2);
    lw_table *table;
    lw_text json = {0};
    assert_int_equal(lw_chart_shown(&chart), 1);
    assert_int_equal(lw_chart_make_table(&table, &chart), LW_OK);
    assert_int_equal(lw_table_append_json(table, &json), LW_OK);
    assert_string_equal(json.bytes, "[{\"epoch\":1,\"mean\":null,\"seed 1\":90},\n"
                                    "{\"epoch\":2,\"mean\":1,\"seed 1\":95.5},\n"
                                    "{\"epoch\":3,\"mean\":null,\"seed 1\":null},\n"
                                    "{\"epoch\":4,\"mean\":null,\"seed 1\":98.25},\n"
                                    "{\"epoch\":5,\"mean\":2,\"seed 1\":null}]");
    lw_text_free(&json);
    lw_table_destroy(&table);
    const lw_chart_series points = {
        .name = "p", .x = epochs, .y = accuracy, .low = low, .high = high, .n = 1, .points = true};
    const lw_chart of_points = chart_of(&points, 1);
    assert_int_equal(lw_chart_make_table(&table, &of_points), LW_OK);
    assert_int_equal(lw_table_append_json(table, &json), LW_OK);
    assert_string_equal(json.bytes,
                        "[{\"name\":\"p\",\"epoch\":1,\"accuracy (%)\":90,\"from\":89,\"to\":91}]");
    lw_text_free(&json);
    lw_table_destroy(&table);
}

// Hundreds of curves still make a table, of those that stand out.
static void very_many_curves_are_few_columns(void **state)
{
    (void)state;
    enum { n = 300 };
    static lw_chart_series series[n];
    for (size_t i = 0; i < n; i++)
        series[i] = (lw_chart_series){
            .name = i ? "seed" : "mean", .x = epochs, .y = accuracy, .n = 4, .faint = i > 0};
    const lw_chart chart = chart_of(series, n);
    lw_table *table;
    lw_text json = {0};
    assert_int_equal(lw_chart_make_table(&table, &chart), LW_OK);
    assert_int_equal(lw_table_append_json(table, &json), LW_OK);
    assert_int_equal(count(json.bytes, "seed"), 0);
    assert_int_equal(count(json.bytes, "mean"), 4);
    lw_text_free(&json);
    lw_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_are_drawn),
        cmocka_unit_test(points_have_intervals),
        cmocka_unit_test(any_values_have_axes),
        cmocka_unit_test(the_table_has_the_figures),
        cmocka_unit_test(very_many_curves_are_few_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
