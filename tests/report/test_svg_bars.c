// SPDX-License-Identifier: Apache-2.0
// The bar chart: what is asked for is in it, what is reserved in XML is escaped, values without a
// bar have none, and what cannot be drawn is refused.
#include "report/svg_bars.h"

#include "base/error.h"
#include "base/file.h"
#include "support/folder.h"
#include "support/text.h"

#include <math.h>

static char path[2 * path_bytes];

static int enter(void **state)
{
    if (enter_folder(state)) return -1;
    snprintf(path, sizeof path, "%s", in_folder("bars.svg"));
    return 0;
}

static lw_svg_bars chart_of(const lw_svg_panel *panels, size_t n_panels)
{
    return (lw_svg_bars){.title = "a < b & \"c\"",
                         .subtitle = "one machine",
                         .axis = "GFLOP/s",
                         .groups = {"fwd", "bwd"},
                         .n_groups = 2,
                         .series = {"naive", "fast", "other"},
                         .n_series = 3,
                         .panels = panels,
                         .n_panels = n_panels,
                         .line_names = {"peak"},
                         .lines = {120},
                         .n_lines = 1};
}

static void a_chart_has_its_parts(void **state)
{
    (void)state;
    const lw_svg_panel panels[] = {
        {.title = "first", .subtitle = "sub", .values = {{1, 2, 3}, {40, NAN, -1}}},
        {.title = "second", .subtitle = "", .values = {{0.5, 98.25, 0}, {7, 8, 9}}},
        {.title = "third", .subtitle = "", .values = {{NAN, NAN, NAN}, {NAN, NAN, NAN}}}};
    lw_svg_bars chart = chart_of(panels, 3);
    if (lw_svg_bars_write(&chart, path)) fail_msg("%s", lw_error_message());
    uint8_t *bytes;
    size_t length;
    assert_int_equal(lw_file_read(path, 1 << 20, &bytes, &length), LW_OK);
    const char *text = (const char *)bytes;
    assert_int_equal(strncmp(text, "<svg ", 5), 0);
    assert_string_equal(text + length - 7, "</svg>\n");
    assert_non_null(strstr(text, "a &lt; b &amp; &quot;c&quot;"));
    assert_null(strstr(text, "a < b"));
    // A background, three legend entries, ten bars.
    assert_int_equal(count(text, "<rect "), 1 + 3 + 10);
    // The peak: once in the legend, once in each panel.
    assert_int_equal(count(text, "class=\"line\""), 1 + 3);
    assert_int_equal(count(text, ">GFLOP/s<"), 3);
    assert_int_equal(count(text, ">bwd<"), 3);
    assert_int_equal(count(text, "98.2<"), 1);
    assert_int_equal(count(text, "nan") + count(text, "inf"), 0);
    free(bytes);
}

// Many bars put panels below each other; the picture is not narrower than its head then.
static void a_chart_has_room_for_its_head(void **state)
{
    (void)state;
    const lw_svg_panel panels[2] = {{.title = "", .subtitle = ""}, {.title = "", .subtitle = ""}};
    lw_svg_bars chart = chart_of(panels, 2);
    chart.n_groups = 3;
    chart.groups[2] = "third";
    for (chart.n_series = 1; chart.n_series <= LW_SVG_MOST_SERIES; chart.n_series++) {
        chart.series[chart.n_series - 1] = "series";
        if (lw_svg_bars_write(&chart, path)) fail_msg("%s", lw_error_message());
        uint8_t *bytes;
        size_t length;
        assert_int_equal(lw_file_read(path, 1 << 20, &bytes, &length), LW_OK);
        const char *width = strstr((const char *)bytes, " width=\"");
        assert_non_null(width);
        assert_true(atoi(width + 8) >= 1040);
        free(bytes);
    }
}

static void what_cannot_be_drawn_is_refused(void **state)
{
    (void)state;
    const lw_svg_panel panels[1] = {{.title = "", .subtitle = ""}};
    lw_svg_bars chart = chart_of(panels, 0);
    assert_int_equal(lw_svg_bars_write(&chart, path), LW_ERROR_ARGUMENT);
    chart = chart_of(panels, 1);
    chart.n_series = LW_SVG_MOST_SERIES + 1;
    assert_int_equal(lw_svg_bars_write(&chart, path), LW_ERROR_ARGUMENT);
    chart = chart_of(panels, 1);
    assert_int_equal(lw_svg_bars_write(&chart, path), LW_OK); // nothing but zeros
    assert_int_not_equal(lw_svg_bars_write(&chart, "/nowhere/at/all.svg"), LW_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chart_has_its_parts),
        cmocka_unit_test(a_chart_has_room_for_its_head),
        cmocka_unit_test(what_cannot_be_drawn_is_refused),
    };
    return cmocka_run_group_tests(tests, enter, leave_folder);
}
