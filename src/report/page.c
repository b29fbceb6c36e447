// SPDX-License-Identifier: Apache-2.0
#include "report/page.h"

#include "base/error.h"
#include "base/file.h"
#include "report/page_style.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// A text between tags.
static void append_element(lw_text *text, const char *before, const char *content,
                           const char *behind)
{
    lw_text_append(text, before, strlen(before));
    lw_text_append_xml(text, content);
    lw_text_append(text, behind, strlen(behind));
}

// The same with a text that has yet to be put together.
static void append_formatted(lw_page *page, const char *before, const char *format,
                             va_list arguments, const char *behind)
{
    char content[2048];
    vsnprintf(content, sizeof content, format, arguments);
    append_element(&page->text, before, content, behind);
}

void lw_page_begin(lw_page *page, const char *title, const char *subtitle)
{
    *page = (lw_page){.n_figures = 0};
    lw_text *text = &page->text;
    append_element(text,
                   "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                   "<title>",
                   title, "</title>\n<style>\n");
    for (size_t i = 0; lw_page_style[i]; i++)
        lw_text_append(text, lw_page_style[i], strlen(lw_page_style[i]));
    append_element(text, "</style></head><body>\n<header><h1>", title, "</h1>\n");
    if (subtitle) append_element(text, "<p>", subtitle, "</p>\n");
    lw_text_print(text, "</header>\n<main>\n");
}

void lw_page_headline(lw_page *page, const char *figure, const char *format, ...)
{
    va_list arguments;
    append_element(&page->text, "<div class=\"headline\"><b>", figure, "</b>");
    va_start(arguments, format);
    append_formatted(page, "<span>", format, arguments, "</span></div>\n");
    va_end(arguments);
}

void lw_page_filter(lw_page *page, const char *label)
{
    append_element(&page->text, "<input type=\"search\" placeholder=\"", label, "\"");
    append_element(&page->text, " aria-label=\"", label, "\">\n");
}

static void end_section(lw_page *page)
{
    if (page->in_section) lw_text_print(&page->text, "</section>\n");
    page->in_section = false;
}

void lw_page_section(lw_page *page, const char *title)
{
    end_section(page);
    append_element(&page->text, "<section>\n<h2>", title, "</h2>\n");
    page->in_section = true;
}

void lw_page_paragraph(lw_page *page, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    append_formatted(page, "<p>", format, arguments, "</p>\n");
    va_end(arguments);
}

void lw_page_code(lw_page *page, const char *text)
{
    lw_text_print(&page->text, "<pre class=\"scroll\" tabindex=\"0\">");
    // Line by line: for an element's text a newline is a control character like any other.
    while (*text) {
        char line[256];
        size_t length = strcspn(text, "\n"), kept = length < sizeof line ? length : sizeof line - 1;
        memcpy(line, text, kept);
        line[kept] = '\0';
        for (char *tab = line; (tab = strchr(tab, '\t'));) *tab = ' ';
        append_element(&page->text, "", line, kept == length ? "\n" : "");
        text += kept == length && text[length] ? length + 1 : kept;
    }
    lw_text_print(&page->text, "</pre>\n");
}

// The table as data for other programs and for the page's own script.
static void append_json(lw_page *page, const char *name, const lw_table *table)
{
    lw_text_print(&page->text, "<script type=\"application/json\">{\"name\":");
    lw_text_append_json(&page->text, name);
    lw_text_print(&page->text, ",\"rows\":");
    if (lw_table_append_json(table, &page->text)) page->failed = true;
    lw_text_print(&page->text, "}</script>\n");
}

// What scrolls has to be reachable by the keyboard, and so to have a name.
static void append_table(lw_page *page, const char *classes, const char *name,
                         const lw_table *table)
{
    lw_text_print(&page->text, "<div class=\"%s\" tabindex=\"0\" role=\"region\"", classes);
    append_element(&page->text, " aria-label=\"", name, "\">\n");
    if (lw_table_append_html(table, &page->text)) page->failed = true;
    lw_text_print(&page->text, "</div>\n");
}

void lw_page_table(lw_page *page, const char *name, const lw_table *table)
{
    if (name) append_element(&page->text, "<h3>", name, "</h3>\n");
    if (!name) name = page->figure;
    append_table(page, "scroll", name, table);
    append_json(page, name, table);
}

void lw_page_heat_map(lw_page *page, const char *name, const lw_table *table)
{
    lw_page_figure_begin(page, name);
    append_table(page, "scroll heat", name, table);
    append_json(page, name, table);
    lw_page_figure_end(page);
}

void lw_page_grid_begin(lw_page *page)
{
    lw_text_print(&page->text, "<div class=\"grid\">\n");
}

void lw_page_grid_end(lw_page *page)
{
    lw_text_print(&page->text, "</div>\n");
}

void lw_page_row_begin(lw_page *page)
{
    lw_text_print(&page->text, "<div class=\"row\">\n");
}

void lw_page_row_end(lw_page *page)
{
    lw_text_print(&page->text, "</div>\n");
}

void lw_page_figure_begin(lw_page *page, const char *caption)
{
    snprintf(page->figure, sizeof page->figure, "%s", caption);
    append_element(&page->text, "<figure><figcaption>", caption, "</figcaption>\n");
}

void lw_page_figure_end(lw_page *page)
{
    lw_text_print(&page->text, "</figure>\n");
}

static bool has_curves(const lw_chart *chart)
{
    for (size_t s = 0; s < chart->n_series; s++)
        if (!chart->series[s].points) return true;
    return false;
}

void lw_page_chart(lw_page *page, const char *name, const lw_chart *chart)
{
    char id[32];
    lw_table *table;
    if (lw_chart_make_table(&table, chart)) {
        page->failed = true;
        return;
    }
    snprintf(id, sizeof id, "f%zu", page->n_figures++);
    append_element(&page->text,
                   has_curves(chart) ? "<figure class=\"curves\"><figcaption>"
                                     : "<figure><figcaption>",
                   name, "</figcaption>\n");
    lw_chart_append_legend(&page->text, chart);
    lw_chart_draw(&page->text, chart, id);
    if (has_curves(chart)) lw_text_print(&page->text, "<output aria-live=\"polite\"></output>\n");
    lw_text_print(&page->text, "<details class=\"table\"><summary>Table</summary>\n");
    append_table(page, "scroll", name, table);
    lw_text_print(&page->text, "</details>\n");
    append_json(page, name, table);
    lw_table_destroy(&table);
    lw_page_figure_end(page);
}

void lw_page_details_begin(lw_page *page, const char *summary)
{
    append_element(&page->text, "<details><summary>", summary, "</summary>\n");
}

void lw_page_details_end(lw_page *page)
{
    lw_text_print(&page->text, "</details>\n");
}

void lw_page_pictures_begin(lw_page *page, const char *about)
{
    if (about) append_element(&page->text, "<p>", about, "</p>\n");
    lw_text_print(&page->text, "<ul class=\"pictures\">\n");
}

void lw_page_picture(lw_page *page, const lw_text *png, int width, const char *caption,
                     const char *description)
{
    lw_text_print(&page->text, "<li><img width=\"%d\" src=\"data:image/png;base64,", width);
    lw_text_append_base64(&page->text, png->bytes, png->length);
    append_element(&page->text, "\" alt=\"", description, "\">");
    append_element(&page->text, "", caption, "</li>\n");
}

void lw_page_pictures_end(lw_page *page)
{
    lw_text_print(&page->text, "</ul>\n");
}

lw_status lw_page_write(lw_page *page, const char *path)
{
    end_section(page);
    lw_text_print(&page->text, "</main>\n<script>\n");
    lw_text_append(&page->text, lw_page_script, strlen(lw_page_script));
    lw_text_print(&page->text, "</script>\n</body></html>\n");
    const lw_status status = page->failed || page->text.failed
                                 ? lw_fail(LW_ERROR_MEMORY, "%s: no memory for the page", path)
                                 : lw_file_write(path, page->text.bytes, page->text.length);
    lw_page_free(page);
    return status;
}

void lw_page_free(lw_page *page)
{
    lw_text_free(&page->text);
    *page = (lw_page){.n_figures = 0};
}
