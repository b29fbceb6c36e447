// SPDX-License-Identifier: Apache-2.0
// The text of studies: what it says, and every way in which it can be wrong.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "study/study_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const lw_study_known_option options[] = {
    {"lr", true}, {"epochs", true}, {"optimizer", true}, {"exact", false}, {"augment", true}};

static lw_status parse(lw_study **study, const char *text)
{
    return lw_study_parse(study, text, strlen(text), "studies/try.study", options,
                          sizeof options / sizeof options[0]);
}

// Fails unless the text is refused with a message that ends with `sentence`.
static void refuse(const char *text, const char *sentence)
{
    lw_study *study;
    assert_int_equal(parse(&study, text), LW_ERROR_INPUT);
    assert_null(study);
    const char *found = strstr(lw_error_message(), sentence);
    if (!found) print_error("expected: %s\ngot: %s\n", sentence, lw_error_message());
    assert_non_null(found);
}

static void a_study_of_trainings(void **state)
{
    (void)state;
    lw_study *study;
    assert_int_equal(parse(&study, "title One thing # a comment\n"
                                   "about  It is about\n"
                                   "about this.\n"
                                   "seeds 5\non 1\n"
                                   "network fixed\nlr 1e-3\nepochs 3\n"
                                   "compare test_accuracy seconds\nplot curves arms\nagainst two\n"
                                   "arm one The first arm\n"
                                   "  published test_accuracy 98.68 a document\n"
                                   "arm two\n\tlr 0.5\n\texact\n\tnetwork lab\n"),
                     LW_OK);
    assert_string_equal(study->name, "try");
    assert_string_equal(study->title, "One thing");
    assert_string_equal(study->about, "It is about this.");
    assert_int_equal(study->kind, LW_STUDY_TRAIN);
    assert_int_equal(study->seeds, 5);
    assert_int_equal(study->on, 1);
    assert_int_equal(study->n_compare, 2);
    assert_int_equal(study->compare[1], LW_STUDY_SECONDS);
    assert_int_equal(study->plot, LW_STUDY_PLOT_CURVES | LW_STUDY_PLOT_ARMS);
    assert_int_equal(study->against, 1);
    assert_int_equal(study->n_arms, 2);

    const lw_study_arm *one = &study->arms[0], *two = &study->arms[1];
    assert_string_equal(one->name, "one");
    assert_string_equal(one->title, "The first arm");
    assert_string_equal(one->network, "fixed");
    assert_int_equal(one->n_options, 2);
    assert_string_equal(lw_study_find_option(one, "lr")->value, "1e-3");
    assert_int_equal(lw_study_find_option(one, "lr")->line, 7);
    const lw_study_published *published = lw_study_find_published(one, LW_STUDY_TEST_ACCURACY);
    assert_true(fabs(published->value - 0.9868) < 1e-12);
    assert_string_equal(published->text, "98.68");
    assert_string_equal(published->source, "a document");
    assert_null(lw_study_find_published(one, LW_STUDY_SECONDS));

    // An arm replaces what the study says, and nothing of another arm gets into it.
    assert_string_equal(two->title, "two");
    assert_string_equal(two->network, "lab");
    assert_int_equal(two->n_options, 3);
    assert_string_equal(lw_study_find_option(two, "lr")->value, "0.5");
    assert_string_equal(lw_study_find_option(two, "epochs")->value, "3");
    assert_null(lw_study_find_option(two, "exact")->value);
    assert_null(lw_study_find_option(one, "exact"));
    assert_int_equal(two->n_published, 0);
    lw_study_destroy(&study);
    assert_null(study);
}

static void studies_that_train_nothing(void **state)
{
    (void)state;
    lw_study *study;
    assert_int_equal(parse(&study, "title Sizes\nkind shapes\nsize 6x4\nplot drawings\n"
                                   "arm a\nkernel 5x3\npad 2\n"
                                   "arm b\nsize 9\nstride 2\ndilation 3\n"
                                   "published output 513x385 a document\n"),
                     LW_OK);
    const lw_study_arm *a = &study->arms[0], *b = &study->arms[1];
    assert_int_equal(a->size.first, 6);
    assert_int_equal(a->size.second, 4);
    assert_int_equal(a->kernel.second, 3);
    assert_int_equal(a->pad.first, 2);
    assert_int_equal(a->stride.first, 1);
    assert_int_equal(b->size.second, 9);
    assert_int_equal(b->kernel.first, 3);
    assert_int_equal(b->stride.second, 2);
    assert_int_equal(b->dilation.first, 3);
    assert_string_equal(b->published[0].text, "513x385");
    assert_int_equal(study->compare[0], LW_STUDY_OUTPUT);
    lw_study_destroy(&study);
    assert_int_equal(parse(&study, "title Match\nkind match\narm n\nnetwork varres\nlayer conv3\n"
                                   "to fixed\npublished channels 81 a document"),
                     LW_OK);
    assert_string_equal(study->arms[0].layer, "conv3");
    assert_string_equal(study->arms[0].to, "fixed");
    assert_true(study->arms[0].published[0].value == 81);
    lw_study_destroy(&study);
}

static void unknown_words_get_the_nearest(void **state)
{
    (void)state;
    refuse("title a\nsedes 3\n", "try.study:2:1: unknown key 'sedes'; did you mean 'seeds'?");
    refuse("title a\narm a\n  epochz 3\n",
           "try.study:3:3: unknown key 'epochz'; did you mean 'epochs'?");
    refuse("title a\nzzzzzzzz 3\n", "2:1: unknown key");
    refuse("title a\nkind trian\n", "2:6: unknown kind of study 'trian'; did you mean 'train'?");
    refuse("title a\ncompare test_acuracy\n",
           "2:9: unknown figure 'test_acuracy'; did you mean 'test_accuracy'?");
    refuse("title a\nplot curve\n", "2:6: unknown drawing 'curve'; did you mean 'curves'?");
    refuse("title a\nagainst tow\narm one\nnetwork n\narm two\nnetwork n\n",
           "2:9: unknown arm 'tow'; did you mean 'two'?");
    refuse("title a\nkind shapes\nlr 3\n", "3:1: unknown key 'lr'");
}

static void statements_out_of_place(void **state)
{
    (void)state;
    refuse("title a\ntitle b\n", "2:1: expected 'title' once");
    refuse("title a\nseeds 3\nkind match\n", "3:1: expected 'kind' before everything");
    refuse("title a\nlr 3\nkind match\n", "3:1: expected 'kind' before everything");
    refuse("title a\npublished test_loss 1 b\n", "2:1: expected 'published' behind an 'arm'");
    refuse("title a\narm a\nseeds 3\n", "3:1: expected 'seeds' before the first 'arm', which is in "
                                        "line 2");
    refuse("title a\nlayer conv1\n", "2:1: a study of the kind 'train' has no 'layer'");
    refuse("title a\nkind shapes\nseeds 2\n", "a study of the kind 'shapes' has no 'seeds'");
    refuse("title a\nlr 1\nlr 2\n", "3:1: expected the option 'lr' once, the first is in line 2");
    refuse("title a\narm a\nnetwork n\nlr 1\nlr 2\n", "5:1: expected the option 'lr' once");
    refuse("title a\narm a\nnetwork n\nnetwork m\n", "4:1: expected 'network' once");
    refuse("title a\narm a\nnetwork n\narm a\n", "4:5: the name 'a' is taken by the arm in line 2");
}

static void values_that_are_wrong(void **state)
{
    (void)state;
    refuse("title\n", "1:6: expected a title, got the end of the line");
    refuse("title a\nseeds 0\n", "2:7: expected the number of seeds, 1 to 1000, got '0'");
    refuse("title a\nseeds 3 4\n", "2:9: expected nothing more behind the number of seeds");
    refuse("title a\ncompare\n", "expected figures behind 'compare', got none");
    refuse("title a\ncompare seconds seconds\n", "2:17: expected each figure once");
    refuse("title a\nplot\n", "expected drawings behind 'plot', got none");
    refuse("title a\nagainst\n", "expected the name of an arm, got the end of the line");
    refuse("title a\narm A/B\n", "2:5: expected the arm's name, at most 24 small letters");
    refuse("title a\narm ..\n", "2:5: expected the arm's name");
    refuse("title a\narm\n", "expected the arm's name");
    refuse("title a\nlr\n", "2:3: expected the option's value, got the end of the line");
    refuse("title a\nexact yes\n", "2:7: expected nothing more behind exact, got 'yes'");
    refuse("title a\narm a\npublished test_accuracy 9868 b\n",
           "3:25: expected the published number in per cent, 0 to 100, got '9868'");
    refuse("title a\narm a\npublished seconds -1 b\n", "expected the published number, got '-1'");
    refuse("title a\narm a\npublished test_accuracy 98\n",
           "3:27: expected where it was published, got the end of the line");
    refuse("title a\nkind shapes\narm a\nsize 0x3\n",
           "4:6: expected one number or AxB, each 1 to 1048576, got '0x3'");
    refuse("title a\nkind shapes\narm a\nsize 3x\n", "4:6: expected one number or AxB");
}

static void what_is_missing(void **state)
{
    (void)state;
    refuse("", "1:1: expected a 'title', got the end of the text");
    refuse("title a\n", "2:1: expected an 'arm', got the end of the text");
    refuse("title a\narm a\n", "2:1: the arm 'a' has no 'network'");
    refuse("title a\nkind match\nnetwork n\narm a\n", "4:1: the arm 'a' has no 'layer'");
    refuse("title a\nkind match\nnetwork n\nlayer l\narm a\n", "5:1: the arm 'a' has no 'to'");
    refuse("title a\nkind shapes\narm a\n", "3:1: the arm 'a' has no 'size'");
}

static void limits(void **state)
{
    (void)state;
    lw_study *study;
    assert_int_equal(lw_study_parse(&study, "title a\0b", 9, "x.study", options, 5),
                     LW_ERROR_INPUT);
    assert_string_equal(lw_error_message(), "x.study:1:8: expected text, got a zero byte");
    assert_int_equal(
        lw_study_parse(&study, "", (size_t)LW_STUDY_TEXT_LIMIT_BYTES + 1, "x.study", options, 5),
        LW_ERROR_INPUT);
    char text[4096] = "title a\nnetwork n\n";
    size_t length = strlen(text);
    for (int i = 0; i <= LW_STUDY_MOST_ARMS; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "arm a%d\n", i);
    refuse(text, "expected at most 32 arms");
    length = (size_t)snprintf(text, sizeof text, "title a\nnetwork n\narm a\n");
    for (int i = 0; i <= LW_STUDY_MOST_PUBLISHED; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "published seconds 1 b\n");
    refuse(text, "expected at most 4 published figures");
}

// Any text is either a study or a sentence.
static void cut_texts_are_refused_or_read(void **state)
{
    (void)state;
    static const char text[] = "title a\nseeds 5\nnetwork n\nlr 1\ncompare seconds\narm b c\n"
                               "published test_accuracy 98.68 d\narm c\nexact\n";
    for (size_t count = 0; count < sizeof text; count++) {
        char *cut = malloc(count + 1); // so that a sanitizer sees a read behind the end
        assert_non_null(cut);
        memcpy(cut, text, count);
        lw_study *study;
        lw_status status = lw_study_parse(&study, cut, count, "cut.study", options, 5);
        assert_true(status == LW_OK || status == LW_ERROR_INPUT);
        assert_int_equal(study != NULL, status == LW_OK);
        lw_study_destroy(&study);
        free(cut);
    }
}

// An arm may name the one that it is compared with; the others are compared with the study's.
static void arms_are_compared_with_what_they_name(void **state)
{
    (void)state;
    static const char text[] = "title A\nnetwork n\nagainst one\narm one\narm two\narm three\n"
                               "against two\narm four\nagainst five\narm five\n";
    static const int expected[] = {0, 0, 1, 4, 0};
    lw_study *study;
    assert_int_equal(lw_study_parse(&study, text, strlen(text), "s.study", NULL, 0), LW_OK);
    assert_int_equal(study->against, 0);
    for (int i = 0; i < 5; i++) assert_int_equal(study->arms[i].against, expected[i]);
    lw_study_destroy(&study);
    static const char without[] = "title A\nnetwork n\narm one\narm two\nagainst one\n";
    assert_int_equal(lw_study_parse(&study, without, strlen(without), "s.study", NULL, 0), LW_OK);
    assert_int_equal(study->against, -1);
    assert_int_equal(study->arms[0].against, -1);
    assert_int_equal(study->arms[1].against, 0);
    lw_study_destroy(&study);
    refuse("title a\nnetwork n\narm one\narm two\nagainst on\n", "did you mean");
    refuse("title a\nnetwork n\narm one\nagainst one\nagainst one\n", "'against' once");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_study_of_trainings),
        cmocka_unit_test(studies_that_train_nothing),
        cmocka_unit_test(unknown_words_get_the_nearest),
        cmocka_unit_test(statements_out_of_place),
        cmocka_unit_test(values_that_are_wrong),
        cmocka_unit_test(what_is_missing),
        cmocka_unit_test(limits),
        cmocka_unit_test(cut_texts_are_refused_or_read),
        cmocka_unit_test(arms_are_compared_with_what_they_name),
    };
    return cmocka_run_group_tests_name("study text", tests, NULL, NULL);
}
