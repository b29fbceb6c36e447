// SPDX-License-Identifier: Apache-2.0
// The confusion matrix: which way round it is, the worst mistakes, narrow terminals.
#include "report/confusion.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/capture.h"

static int64_t counts[] = {90, 0,  10, //
                           3,  70, 10, //
                           0,  1,  0};
static const lw_metrics metrics = {.count = 184, .correct = 160, .classes = 3, .confusion = counts};
static const char *const names[] = {"cat", "dog", "hippopotamus"};
static const lw_terminal plain = {.columns = 80};

static void worst_come_first(void **state)
{
    (void)state;
    lw_mistake worst[3];
    assert_int_equal(lw_confusion_worst(&metrics, worst, 3), 3);
    assert_int_equal(worst[0].truth, 0);
    assert_int_equal(worst[0].predicted, 2);
    assert_int_equal(worst[0].count, 10);
    assert_int_equal(worst[1].truth, 1);
    assert_int_equal(worst[1].predicted, 2);
    assert_int_equal(worst[2].truth, 1);
    assert_int_equal(worst[2].predicted, 0);
    assert_int_equal(worst[2].count, 3);
    lw_mistake all[9];
    assert_int_equal(lw_confusion_worst(&metrics, all, 9), 4);
    assert_int_equal(all[3].count, 1);
    assert_int_equal(lw_confusion_worst(&metrics, all, 1), 1);
    assert_int_equal(all[0].predicted, 2);
}

static void rows_are_the_true_classes(void **state)
{
    (void)state;
    capture out;
    capture_begin(&out);
    assert_int_equal(lw_confusion_print(&metrics, names, out.file, &plain), LW_OK);
    assert_string_equal(captured(&out),
                        "confusion matrix (row: true class, column: predicted class)\n"
                        "                cat  dog  hippopot    right\n"
                        "  -----------------------------------------\n"
                        "  cat            90    .        10  90.00 %\n"
                        "  dog             3   70        10  84.34 %\n"
                        "  hippopotamus    .    1         0   0.00 %\n");
    capture_end(&out);
}

static void a_narrow_terminal_gets_the_compact_form_or_a_sentence(void **state)
{
    (void)state;
    capture out;
    lw_terminal narrow = {.interactive = true, .columns = 37};
    capture_begin(&out);
    assert_int_equal(lw_confusion_print(&metrics, names, out.file, &narrow), LW_OK);
    assert_non_null(strstr(captured(&out), "                cat  dog  hipp  right\n"));
    capture_end(&out);
    narrow.columns = 20;
    capture_begin(&out);
    assert_int_equal(lw_confusion_print(&metrics, names, out.file, &narrow), LW_OK);
    assert_string_equal(captured(&out),
                        "the confusion matrix needs 37 columns, the terminal has 20\n");
    capture_end(&out);
}

static void mistakes_are_put_in_words(void **state)
{
    (void)state;
    capture out;
    capture_begin(&out);
    lw_confusion_print_worst(&metrics, names, out.file);
    assert_string_equal(captured(&out), "most often mixed up\n"
                                        "  cat taken for hippopotamus: 10 times\n"
                                        "  dog taken for hippopotamus: 10 times\n"
                                        "  dog taken for cat: 3 times\n");
    capture_end(&out);
    int64_t one_mistake[] = {5, 1, 0, 5};
    capture_begin(&out);
    lw_confusion_print_worst(&(lw_metrics){.classes = 2, .confusion = one_mistake}, names,
                             out.file);
    assert_string_equal(captured(&out), "most often mixed up\n  cat taken for dog: once\n");
    capture_end(&out);
    int64_t none[] = {5, 0, 0, 5};
    capture_begin(&out);
    lw_confusion_print_worst(&(lw_metrics){.classes = 2, .confusion = none}, names, out.file);
    assert_string_equal(captured(&out), "no image was taken for another class\n");
    capture_end(&out);
}

static void very_many_classes_are_left_out(void **state)
{
    (void)state;
    capture out;
    int64_t *many = calloc(100 * 100, sizeof *many);
    capture_begin(&out);
    lw_metrics wide = {.classes = 100, .confusion = many};
    assert_int_equal(lw_confusion_print(&wide, NULL, out.file, &plain), LW_OK);
    assert_string_equal(captured(&out), "100 classes: the confusion matrix is left out here\n");
    capture_end(&out);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worst_come_first),
        cmocka_unit_test(rows_are_the_true_classes),
        cmocka_unit_test(a_narrow_terminal_gets_the_compact_form_or_a_sentence),
        cmocka_unit_test(mistakes_are_put_in_words),
        cmocka_unit_test(very_many_classes_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
