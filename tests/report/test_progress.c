// SPDX-License-Identifier: Apache-2.0
// The progress display on a file and on a terminal, whose clock is the test's own.
#include "report/progress.h"

#include "report/format.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/capture.h"

static const lw_train_progress halfway = {.epoch = 1,
                                          .epochs = 3,
                                          .step = 500,
                                          .steps = 1000,
                                          .loss = 0.25,
                                          .accuracy = 0.925,
                                          .images_per_second = 52100.4,
                                          .seconds = 2};
static const lw_epoch_result epoch = {.epoch = 1,
                                      .train_loss = 0.2,
                                      .train_accuracy = 0.94,
                                      .validation_loss = 0.1,
                                      .validation_accuracy = 0.97,
                                      .seconds = 0.9,
                                      .images_per_second = 55000};

static lw_progress on_terminal(FILE *file, double now)
{
    lw_progress progress = lw_progress_begin(file, true, now);
    progress.terminal = (lw_terminal){.interactive = true, .unicode = true, .columns = 80};
    progress.last_shown = now - 1;
    return progress;
}

static void a_file_gets_a_line_every_few_seconds(void **state)
{
    (void)state;
    capture out;
    capture_begin(&out);
    lw_progress progress = lw_progress_begin(out.file, true, 100);
    for (int i = 0; i < 49; i++) lw_progress_update(&progress, &halfway, 100 + 0.1 * i);
    assert_string_equal(captured(&out), "");
    lw_progress_update(&progress, &halfway, 105);
    assert_string_equal(captured(&out), "epoch 1/3   50 %  0:10 left  loss 0.2500  "
                                        "accuracy 92.50 %  52,100 images/s\n");
    size_t length = out.length;
    lw_progress_update(&progress, &halfway, 109.9);
    captured(&out);
    assert_int_equal(out.length, length);
    lw_progress_update(&progress, &halfway, 110.1);
    captured(&out);
    assert_int_equal(out.length, 2 * length);
    lw_progress_clear(&progress);
    captured(&out);
    assert_int_equal(out.length, 2 * length);
    capture_end(&out);
}

static void an_epoch_gets_a_line(void **state)
{
    (void)state;
    capture out;
    capture_begin(&out);
    lw_progress progress = lw_progress_begin(out.file, true, 0);
    lw_progress_epoch(&progress, &epoch, 3, 1);
    progress.validation = false;
    lw_progress_epoch(&progress, &epoch, 3, 2);
    assert_string_equal(
        captured(&out),
        "epoch 1/3  loss 0.2000  accuracy 94.00 %  validation 97.00 %  0.90 s  55,000 images/s\n"
        "epoch 1/3  loss 0.2000  accuracy 94.00 %  0.90 s  55,000 images/s\n");
    capture_end(&out);
}

static void a_terminal_is_redrawn_in_place(void **state)
{
    (void)state;
    capture out;
    capture_begin(&out);
    lw_progress progress = on_terminal(out.file, 0);
    lw_progress_update(&progress, &halfway, 0);
    lw_progress_update(&progress, &halfway, 0.09); // too soon
    const char *text = captured(&out);
    assert_int_equal(text[0], '\r');
    assert_null(strchr(text + 1, '\r'));
    assert_null(strchr(text, '\n'));
    assert_string_equal(text + strlen(text) - 3, "\x1b[K");
    assert_non_null(strstr(text, "epoch 1/3"));
    assert_non_null(strstr(text, " 50 %  0:10 left  loss 0.2500  acc 92.50 %  52,100 img/s\x1b[K"));
    // What is seen fits the line; the final control sequence counts as two visible columns.
    assert_int_equal(lw_text_columns(text) - 2, 79);
    lw_progress_clear(&progress);
    text = captured(&out);
    assert_string_equal(text + strlen(text) - 4, "\r\x1b[K");
    size_t length = out.length;
    lw_progress_clear(&progress); // there is nothing to clear any more
    captured(&out);
    assert_int_equal(out.length, length);
    capture_end(&out);
}

static void an_epoch_replaces_the_bar(void **state)
{
    (void)state;
    capture out;
    capture_begin(&out);
    lw_progress progress = on_terminal(out.file, 0);
    lw_progress_update(&progress, &halfway, 0);
    lw_progress_epoch(&progress, &epoch, 3, 0.01);
    assert_non_null(strstr(captured(&out), "\r\x1b[Kepoch 1/3  loss 0.2000"));
    lw_progress_update(&progress, &halfway, 0.02); // the next epoch shows at once
    assert_true(progress.drawn);
    capture_end(&out);
}

static void odd_states_are_survived(void **state)
{
    (void)state;
    capture out;
    capture_begin(&out);
    lw_progress progress = on_terminal(out.file, 0);
    lw_train_progress odd = {.loss = NAN, .accuracy = NAN, .images_per_second = INFINITY};
    lw_progress_update(&progress, &odd, 1);
    odd.step = 7;
    odd.steps = 5;
    odd.seconds = 1;
    lw_progress_update(&progress, &odd, 2);
    assert_non_null(strstr(captured(&out), "100 %"));
    capture_end(&out);
}

// Other work than training: nothing for two seconds, then a bar, or lines with pauses.
static void long_work_is_shown_and_short_work_is_not(void **state)
{
    (void)state;
    capture out;
    capture_begin(&out);
    lw_progress progress = lw_progress_begin(out.file, false, 100);
    lw_progress_work(&progress, "measuring 1 of 4", 0.1, 104.9);
    assert_string_equal(captured(&out), "");
    lw_progress_work(&progress, "measuring 2 of 4", 0.5, 105);
    lw_progress_work(&progress, "measuring 3 of 4", 0.75, 109);
    assert_string_equal(captured(&out), "measuring 2 of 4   50 %\n");
    capture_end(&out);

    capture_begin(&out);
    progress = on_terminal(out.file, 100);
    lw_progress_work(&progress, "measuring", 0.25, 101.9);
    assert_string_equal(captured(&out), "");
    lw_progress_work(&progress, "measuring", 7, 102.1); // more than all is all
    assert_non_null(strstr(captured(&out), "\rmeasuring "));
    assert_non_null(strstr(out.text, " 100 %\x1b[K"));
    size_t length = out.length;
    lw_progress_work(&progress, "measuring", 1, 102.15);
    captured(&out);
    assert_int_equal(out.length, length);
    lw_progress_clear(&progress);
    assert_non_null(strstr(captured(&out) + length, "\r\x1b[K"));
    capture_end(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_gets_a_line_every_few_seconds),
        cmocka_unit_test(an_epoch_gets_a_line),
        cmocka_unit_test(a_terminal_is_redrawn_in_place),
        cmocka_unit_test(an_epoch_replaces_the_bar),
        cmocka_unit_test(odd_states_are_survived),
        cmocka_unit_test(long_work_is_shown_and_short_work_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
