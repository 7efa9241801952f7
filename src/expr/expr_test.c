/* SPDX-License-Identifier: MIT */
/*
 * expr_test.c - expressions: what they mean, and what is said about wrong ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expr/expr.h"
#include "expr/nearest.h"
#include "expr/option.h"

static struct expr *parse(const char *text)
{
    struct expr_error error;
    struct expr *expr = expr_parse(text, &error);
    if (!expr)
        fail_msg("%s: %s", text, error.message);
    return expr;
}

/* The only stage's normal form. */
static void check_text(const char *text, const char *expected)
{
    struct expr *expr = parse(text);
    assert_int_equal(expr_count(expr), 1);
    assert_string_equal(expr_text(expr, 0), expected);
    struct expr *again = parse(expr_text(expr, 0));
    assert_string_equal(expr_text(again, 0), expected);
    expr_free(again);
    expr_free(expr);
}

/* The message, and the word that it is about. */
static void check_error(const char *text, const char *message, const char *word)
{
    struct expr_error error;
    struct expr *expr = expr_parse(text, &error);
    if (expr)
        fail_msg("%s: was accepted", text);
    if (!strstr(error.message, message))
        fail_msg("%s\n  is <<%s>>\n  not <<%s>>", text, error.message, message);
    assert_true(error.offset + error.length <= strlen(text));
    if (error.length != strlen(word) || strncmp(text + error.offset, word, error.length) != 0)
        fail_msg("%s\n  points at <<%.*s>>\n  not at <<%s>>", text, (int)error.length, text + error.offset, word);
}

static void stages_stand_between_bars(void **state)
{
    (void)state;
    struct expr *expr = parse("  grep a|upper |\tgrep 'b|c'\n| grep d as=last ");
    assert_int_equal(expr_count(expr), 4);
    assert_string_equal(expr_label(expr, 0), "grep");
    assert_string_equal(expr_label(expr, 1), "upper");
    assert_string_equal(expr_label(expr, 2), "grep2");
    assert_string_equal(expr_label(expr, 3), "last");
    assert_string_equal(expr_builtin(expr, 3)->name, "grep");
    assert_string_equal(expr_text(expr, 2), "grep 'b|c'");
    assert_string_equal(expr_text(expr, 3), "grep d");
    expr_free(expr);
}

static void labels_keep_out_of_each_others_way(void **state)
{
    (void)state;
    struct expr *expr = parse("grep a | grep b | upper as=grep2");
    assert_string_equal(expr_label(expr, 0), "grep");
    assert_string_equal(expr_label(expr, 1), "grep3");
    assert_string_equal(expr_label(expr, 2), "grep2");
    expr_free(expr);
    check_error("grep a as=x | grep b as=x", "grep: as: another stage is called \"x\" already", "as=x");
    check_error("grep a as='x y'", "white space", "as='x y'");
    check_error("grep a as=", "1 to 63 bytes", "as=");
}

/* What `weir insert --as` goes by, too: a label with a newline in it once came through there. */
static void labels_are_checked(void **state)
{
    (void)state;
    assert_null(expr_label_fault("m\xC3\xB6glich"));
    assert_null(expr_label_fault("a23456789b23456789c23456789d23456789e23456789f23456789g23"));
    assert_non_null(expr_label_fault("a23456789b23456789c23456789d23456789e23456789f23456789g23456789h"));
    assert_non_null(expr_label_fault("a\nb"));
    assert_non_null(expr_label_fault("\x1B[31m"));
    assert_non_null(expr_label_fault(""));
}

static void words_are_quoted_as_in_a_shell(void **state)
{
    (void)state;
    check_text("grep 'a b'", "grep 'a b'");
    check_text("grep \"a b\"", "grep 'a b'");
    check_text("grep a\\ b", "grep 'a b'");
    check_text("grep pattern='a b'", "grep 'a b'");
    check_text("grep a'\"'b", "grep 'a\"b'");
    check_text("grep \"it's \\\"so\\\" \\\\d \\d\"", "grep \"it's \\\"so\\\" \\\\d \\\\d\"");
    check_text("grep '^\\d+$'", "grep '^\\d+$'");
    check_text("grep ''", "grep ''");
    check_text("grep 'fixed=yes'", "grep 'fixed=yes'");
    check_text("grep \xC3\xA9", "grep \xC3\xA9");
    check_error("grep 'a", "the quote ' is not closed", "'a");
    check_error("grep a\\", "nothing stands behind the backslash", "\\");
}

static void options_are_named_or_in_order(void **state)
{
    (void)state;
    check_text("grep a invert=yes place=own on_error=skip as=x", "grep a invert=yes place=own on_error=skip");
    check_text("grep invert=no a place=fused", "grep a");
    check_text("parse bad=drop format=clf", "parse clf bad=drop");
    check_text("parse regex '(?<a>x)'", "parse regex '(?<a>x)'");
    check_text("parse pattern='(?<a>x)' format=regex", "parse regex '(?<a>x)'");
    check_text("head", "head");
    check_text("count every=5s by=a,b", "count by=a,b every=5s");
}

static void the_rest_is_taken_as_written(void **state)
{
    (void)state;
    check_text("where status >= 500", "where 'status >= 500'");
    check_text("where status==500", "where 'status==500'");
    check_text("where 'a == \"b c\"'", "where 'a == \"b c\"'");
    check_text("where a == \"b c\" and d==e place=own", "where 'a == \"b c\" and d==e' place=own");
    check_text("where a == 'b c'", "where \"a == 'b c'\"");
    check_text("where condition='a == b'", "where 'a == b'");
    check_text("exec env A=1 sh -c 'echo hi'", "exec \"env A=1 sh -c 'echo hi'\"");
}

static void file_is_two_stages(void **state)
{
    (void)state;
    struct expr_error error;
    struct expr *expr = parse("file a | file b");
    assert_int_equal(expr_builtin(expr, 0)->kind, BUILTIN_SOURCE);
    assert_int_equal(expr_builtin(expr, 1)->kind, BUILTIN_SINK);
    expr_free(expr);
    expr = expr_parse_at("file a", false, &error);
    assert_non_null(expr);
    assert_int_equal(expr_builtin(expr, 0)->kind, BUILTIN_SINK);
    expr_free(expr);
    expr = expr_parse_at("seq 9", false, &error);
    assert_non_null(expr);
    expr_free(expr);
}

static void errors_say_what_was_meant(void **state)
{
    (void)state;
    check_error("count bye=x", "count: option \"bye\" is not known here; did you mean \"by\"? (takes: by, every)", "bye");
    check_error("upper x=1", "upper: option \"x\" is not known here (takes none of its own)", "x");
    check_error("grpe x", "no stage is called \"grpe\"; did you mean \"grep\"?", "grpe");
    check_error("frobnicate x", "no stage is called \"frobnicate\"; `weir stages` lists them", "frobnicate");
    check_error("grep a onerror=skip", "did you mean \"on_error\"?", "onerror");
    check_error("grep a on_error=ignore", "grep: on_error: \"ignore\" is none of stop, skip", "on_error=ignore");
    check_error("parse cfl", "parse: format: \"cfl\" is none of clf, json, regex; did you mean \"clf\"?", "cfl");
    check_error("grep a b", "grep: \"b\" is one word too many", "b");
    check_error("grep -v a", "grep: \"a\" is one word too many; \"-v\" is no option, they are written name=value", "a");
    check_error("grep a invert", "grep: \"invert\" is an option; write invert=yes", "invert");
    check_error("grep a pattern=b", "grep: option \"pattern\" is given twice", "pattern=b");
    check_error("grep a invert=maybe", "grep: invert: \"maybe\" is neither yes nor no", "invert=maybe");
    check_error("grep", "grep: pattern is missing: the regular expression", "");
    check_error("head x", "head: count: \"x\" is not a count", "x");
    check_error("sample 2", "sample: fraction: \"2\" is not a fraction", "2");
    check_error("sample", "say either how large a part", "sample");
    check_error("delay 5x", "delay: time: \"5x\" is not a duration", "5x");
    check_error("count by=a,,b", "count: by: \"a,,b\" has an empty name", "by=a,,b");
    check_error("count every=0s", "count: every: \"0s\" is out of range", "count every=0s");
    check_error("parse regex", "regex needs a pattern", "parse regex");
    check_error("parse regex x", "has no named group", "parse regex x");
    check_error("parse clf x", "only regex takes a pattern", "parse clf x");
    check_error("format '{a'", "the brace at byte 0 is not closed", "format '{a'");
    check_error("format 'a}'", "the closing brace at byte 1", "format 'a}'");
    check_error("grep '('", "grep: the pattern \"(\" is not right at byte 1: missing closing parenthesis", "grep '('");
}

static void conditions_are_checked(void **state)
{
    (void)state;
    check_error("where", "where: condition is missing", "");
    check_error("where a", "a comparison (== != < <= > >= =~ !~) behind \"a\"", "where a");
    check_error("where 'a = 5'", "write == to compare: a == ...", "where 'a = 5'");
    check_error("where a == ", "ends where a value was expected", "where a ==");
    check_error("where 'a == 1 b == 2'", "`and`, `or` or the end was expected at byte 7 of the condition, before: b == 2",
                "where 'a == 1 b == 2'");
    check_error("where '(a == 1'", "the parenthesis at byte 0 of the condition is not closed", "where '(a == 1'");
    check_error("where '(a == 1 b'", "`and`, `or` or a closing parenthesis was expected at byte 8", "where '(a == 1 b'");
    check_error("where 'a == \"x'", "the quote at byte 5 of the condition is not closed", "where 'a == \"x'");
    check_error("where 'a =~ \"(\"'", "the pattern \"(\" is not right", "where 'a =~ \"(\"'");
    check_error("where '== 1'", "the name of a field was expected at byte 0", "where '== 1'");
}

static void empty_stages_are_refused(void **state)
{
    (void)state;
    check_error("", "the expression is empty", "");
    check_error("  ", "the expression is empty", "");
    check_error("grep a |", "a stage was expected behind the last |", "");
    check_error("| grep a", "a stage was expected in front of the first |", "|");
    check_error("where a == 1 || b == 2", "between two |; in a condition, write `or`", "|");
}

static void taking_a_stage_hands_it_over(void **state)
{
    (void)state;
    struct expr *expr = parse("upper place=own on_error=skip | lower");
    weir_stage stage = expr_take(expr, 0, NULL);
    assert_string_equal(stage.name, "upper");
    assert_int_equal(stage.place, WEIR_OWN);
    assert_int_equal(stage.on_error, WEIR_SKIP);
    stage = expr_take(expr, 1, "other");
    assert_string_equal(stage.name, "other");
    assert_int_equal(stage.place, WEIR_FUSED);
    assert_ptr_equal(stage.in, WEIR_BYTES);
    expr_free(expr);
}

static struct option_value value_of(enum option_kind kind, const char *text, int expected)
{
    char error[256];
    struct option_value value;
    struct option_desc desc = {.name = "x", .kind = kind, .choices = "one two"};
    int answer = option_parse(&desc, text, &value, error, sizeof error);
    if (answer != expected)
        fail_msg("%s: %d, not %d", text, answer, expected);
    return value;
}

static void values_have_units(void **state)
{
    (void)state;
    assert_int_equal(value_of(OPTION_COUNT, "0", 0).number, 0);
    assert_int_equal(value_of(OPTION_COUNT, "10k", 0).number, 10000);
    assert_int_equal(value_of(OPTION_COUNT, "64Ki", 0).number, 65536);
    assert_int_equal(value_of(OPTION_COUNT, "2G", 0).number, 2000000000);
    value_of(OPTION_COUNT, "-1", -1);
    value_of(OPTION_COUNT, "1.5k", -1);
    value_of(OPTION_COUNT, "99999999999999999999", -1);
    value_of(OPTION_COUNT, "9999999999999999G", -1);
    assert_int_equal(value_of(OPTION_NUMBER, "-9223372036854775808", 0).number, INT64_MIN);
    value_of(OPTION_NUMBER, "9223372036854775808", -1);
    value_of(OPTION_NUMBER, " 1", -1);
    value_of(OPTION_NUMBER, "", -1);
    assert_int_equal(value_of(OPTION_DURATION, "10ms", 0).ns, 10000000);
    assert_int_equal(value_of(OPTION_DURATION, "2", 0).ns, 2000000000);
    assert_int_equal(value_of(OPTION_DURATION, "1.5h", 0).ns, 5400000000000);
    assert_int_equal(value_of(OPTION_DURATION, "0.25s", 0).ns, 250000000);
    value_of(OPTION_DURATION, ".5s", -1);
    value_of(OPTION_DURATION, "5 s", -1);
    assert_true(value_of(OPTION_FRACTION, "5%", 0).fraction == 0.05);
    assert_true(value_of(OPTION_FRACTION, "0.25", 0).fraction == 0.25);
    assert_true(value_of(OPTION_FRACTION, "1", 0).fraction == 1);
    value_of(OPTION_FRACTION, "101%", -1);
    value_of(OPTION_FRACTION, ".", -1);
    assert_int_equal(value_of(OPTION_CHOICE, "two", 0).choice, 1);
    value_of(OPTION_CHOICE, "on", -1);
    assert_true(value_of(OPTION_FLAG, "yes", 0).flag);
    value_of(OPTION_FLAG, "true", -1);
    value_of(OPTION_NAMES, "a,b", 0);
    value_of(OPTION_NAMES, "a,", -1);
    value_of(OPTION_NAMES, "", -1);
}

/* Whoever writes a stage writes examples: they must at least parse. Those with branches: graph_test.c. */
static void the_examples_of_all_stages_parse(void **state)
{
    (void)state;
    for (size_t i = 0; builtins[i]; i++) {
        assert_non_null(builtins[i]->make);
        assert_true(i == 0 || strcmp(builtins[i - 1]->name, builtins[i]->name) <= 0);
        size_t count = 0;
        while (builtins[i]->options && builtins[i]->options[count].name)
            count++;
        assert_true(count <= BUILTIN_OPTIONS_MAX);
        for (size_t j = 0; builtins[i]->examples && builtins[i]->examples[j]; j++)
            if (!strchr(builtins[i]->examples[j], '{') && !strchr(builtins[i]->examples[j], ';'))
                expr_free(parse(builtins[i]->examples[j]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_stand_between_bars),
        cmocka_unit_test(labels_keep_out_of_each_others_way),
        cmocka_unit_test(labels_are_checked),
        cmocka_unit_test(words_are_quoted_as_in_a_shell),
        cmocka_unit_test(options_are_named_or_in_order),
        cmocka_unit_test(the_rest_is_taken_as_written),
        cmocka_unit_test(file_is_two_stages),
        cmocka_unit_test(errors_say_what_was_meant),
        cmocka_unit_test(conditions_are_checked),
        cmocka_unit_test(empty_stages_are_refused),
        cmocka_unit_test(taking_a_stage_hands_it_over),
        cmocka_unit_test(values_have_units),
        cmocka_unit_test(the_examples_of_all_stages_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
