// SPDX-License-Identifier: Apache-2.0
// Pages: everything that was put in is there, once and escaped, tags are closed in their order, data are
// valid JSON, nothing is fetched from anywhere.
#include "report/page.h"

#include "base/error.h"
#include "base/file.h"
#include "support/folder.h"
#include "support/text.h"

#include <ctype.h>

static char path[2 * path_bytes];

static int enter(void **state)
{
    if (enter_folder(state)) return -1;
    snprintf(path, sizeof path, "%s", in_folder("page.html"));
    return 0;
}

static bool is_void(const char *tag)
{
    static const char *const tags[] = {"!doctype", "meta", "img", "input"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (strcmp(tag, tags[i]) == 0) return true;
    return false;
}

// Fails where tags are not closed in the order in which they were opened. Scripts and styles are passed
// over: what looks like a tag in them is none.
static void expect_well_formed(const char *html)
{
    char open[64][16];
    int depth = 0;
    for (const char *at = html; (at = strchr(at, '<'));) {
        const bool closing = at[1] == '/';
        const char *name = at + (closing ? 2 : 1);
        char tag[16] = "";
        for (size_t i = 0;
             i < sizeof tag - 1 && (isalnum((unsigned char)name[i]) || name[i] == '!'); i++)
            tag[i] = (char)tolower((unsigned char)name[i]);
        const char *end = strchr(at, '>');
        if (!tag[0] || !end) fail_msg("no tag: %.60s", at);
        if (closing) {
            if (depth == 0 || strcmp(open[--depth], tag) != 0)
                fail_msg("</%s> closes %s: %.60s", tag, depth >= 0 ? open[depth] : "nothing", at);
        } else if (end[-1] != '/' && !is_void(tag)) {
            assert_true(depth < 64);
            snprintf(open[depth++], sizeof open[0], "%s", tag);
        }
        at = end;
        if (!closing && (strcmp(tag, "script") == 0 || strcmp(tag, "style") == 0))
            at = strstr(at, strcmp(tag, "script") == 0 ? "</script>" : "</style>");
        assert_non_null(at);
    }
    assert_int_equal(depth, 0);
}

static lw_table *small_table(void)
{
    lw_table *table;
    assert_int_equal(lw_table_create(&table), LW_OK);
    lw_table_column(table, LW_ALIGN_LEFT, "run");
    lw_table_column(table, LW_ALIGN_RIGHT, "accuracy");
    lw_table_column(table, LW_ALIGN_RIGHT, "share");
    lw_table_cell(table, LW_STYLE_PLAIN, "</script><b>");
    lw_table_number(table, LW_STYLE_BOLD, 0.9868, "98.68 %%");
    lw_table_share(table, LW_STYLE_PLAIN, 0.25);
    lw_table_rule(table);
    lw_table_cell(table, LW_STYLE_PLAIN, "b");
    lw_table_heat(table, LW_STYLE_PLAIN, 3, -0.5, "3");
    return table;
}

// Writes the page and reads it again; owned by the caller.
static char *finish(lw_page *page)
{
    uint8_t *bytes;
    size_t length;
    if (lw_page_write(page, path)) fail_msg("%s", lw_error_message());
    assert_null(page->text.bytes);
    assert_int_equal(lw_file_read(path, 1 << 20, &bytes, &length), LW_OK);
    return (char *)bytes;
}

static void a_page_has_its_parts(void **state)
{
    (void)state;
    const double x[] = {1, 2}, y[] = {90, 95};
    const lw_chart_series series[] = {{.name = "mean", .x = x, .y = y, .n = 2}};
    const lw_chart chart = {
        .title = "t", .x_axis = "epoch", .y_axis = "%", .series = series, .n_series = 1};
    lw_table *table = small_table();
    lw_text png = {0};
    lw_text_append(&png, "\x89PNG", 4);
    lw_page page;
    lw_page_begin(&page, "a < b", "on <data>");
    lw_page_headline(&page, "98.68 %", "accuracy on %d & more", 5);
    lw_page_filter(&page, "Filter \"by\" name");
    lw_page_section(&page, "First");
    lw_page_paragraph(&page, "%s", "<script>alert(1)</script>");
    lw_page_table(&page, "Runs", table);
    lw_page_section(&page, "Second");
    lw_page_grid_begin(&page);
    lw_page_chart(&page, "Accuracy", &chart);
    lw_page_chart(&page, "Again", &chart);
    lw_page_grid_end(&page);
    lw_page_heat_map(&page, "Matrix", table);
    lw_page_figure_begin(&page, "Own");
    lw_text_print(&page.text, "<svg></svg>");
    lw_page_figure_end(&page);
    lw_page_details_begin(&page, "More");
    lw_page_pictures_begin(&page, "Wrong ones");
    lw_page_picture(&page, &png, 56, "4 as 9", "a \"4\"");
    lw_page_pictures_end(&page);
    lw_page_details_end(&page);
    char *html = finish(&page);
    expect_well_formed(html);
    assert_non_null(strstr(html, "<title>a &lt; b</title>"));
    assert_non_null(strstr(html, "<b>98.68 %</b><span>accuracy on 5 &amp; more</span>"));
    assert_non_null(strstr(html, "on &lt;data&gt;"));
    assert_null(strstr(html, "<script>alert"));
    assert_null(strstr(html, "</script><b>"));
    assert_int_equal(count(html, "<section>"), 2);
    assert_int_equal(count(html, "</section>"), 2);
    assert_non_null(strstr(html, "id=\"f0-t\""));
    assert_non_null(strstr(html, "id=\"f1-t\""));
    assert_non_null(strstr(html, "style=\"--share-at:25.0%\""));
    assert_non_null(strstr(html, "class=\"n hot\" style=\"--heat:0.50\">3</td>"));
    assert_non_null(strstr(html, "src=\"data:image/png;base64,iVBORw==\" alt=\"a &quot;4&quot;\""));
    assert_int_equal(count(html, "type=\"application/json\""), 4);
    assert_non_null(strstr(html, "{\"name\":\"Runs\",\"rows\":[{\"run\":\"\\u003c/script\\u003e"
                                 "\\u003cb\\u003e\",\"accuracy\":0.9868,\"share\":0.25},"));
    // Self-contained: nothing comes from anywhere else.
    assert_int_equal(count(html, "http://") + count(html, "https://"), 0);
    assert_int_equal(count(html, "<link") + count(html, "@import") + count(html, " src=\"/"), 0);
    assert_non_null(strstr(html, "prefers-color-scheme:dark"));
    assert_non_null(strstr(html, "name=\"viewport\""));
    free(html);
    lw_text_free(&png);
    lw_table_destroy(&table);
}

static void the_check_of_tags_notices(void **state)
{
    (void)state;
    expect_well_formed("<!doctype html><p>a<img src=\"x\"></p><script>if(a<b)c</script>");
    lw_page page;
    lw_page_begin(&page, "t", NULL);
    lw_page_section(&page, "s");
    char *html = finish(&page);
    expect_well_formed(html);
    free(html);
}

static void failures_are_reported(void **state)
{
    (void)state;
    lw_page page;
    lw_page_begin(&page, "t", NULL);
    assert_int_not_equal(lw_page_write(&page, "/nowhere/at/all.html"), LW_OK);
    assert_null(page.text.bytes);
    // A table without columns is one that ran out of memory.
    lw_table *broken;
    assert_int_equal(lw_table_create(&broken), LW_OK);
    lw_table_cell(broken, LW_STYLE_PLAIN, "a");
    lw_page_begin(&page, "t", NULL);
    lw_page_table(&page, "broken", broken);
    assert_int_equal(lw_page_write(&page, path), LW_ERROR_MEMORY);
    lw_table_destroy(&broken);
    page = (lw_page){.n_figures = 0};
    lw_page_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_has_its_parts),
        cmocka_unit_test(the_check_of_tags_notices),
        cmocka_unit_test(failures_are_reported),
    };
    return cmocka_run_group_tests(tests, enter, leave_folder);
}
