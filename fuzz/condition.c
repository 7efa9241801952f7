/* SPDX-License-Identifier: MIT */
/*
 * condition.c - stages/condition.c: the first line of the input is a condition, the second a JSON object to test it on.
 *
 * Where the condition has no parentheses and quotes of its own, what is true in parentheses must be what is true without, and
 * `not` must turn it around.
 */
#include "stages/condition.h"

#include "fuzz/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_PARSED = 2, TOO_LARGE };

static bool is_too_large(const char *error)
{
    return strncmp(error, "the condition nests", 19) == 0 || strncmp(error, "the condition has more", 22) == 0;
}

/* What condition_test() says, or why there was nothing to ask it. */
static int test(const char *text, const weir_record *record)
{
    char error[300];
    memset(error, '?', sizeof error);
    struct condition *condition = condition_new(text, error, sizeof error);
    REQUIRE(condition || (memchr(error, 0, sizeof error) && error[0]), "refused without saying why");
    int answer = condition ? condition_test(condition, record) : is_too_large(error) ? TOO_LARGE : NOT_PARSED;
    REQUIRE(!condition || answer == condition_test(condition, record), "two tests, two answers");
    condition_free(condition);
    return answer;
}

static int test_within(const char *before, const char *text, const char *after, const weir_record *record)
{
    char *whole;
    REQUIRE(asprintf(&whole, "%s%s%s", before, text, after) >= 0, "no memory");
    int answer = test(whole, record);
    free(whole);
    return answer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct sample sample;
    char *text = input_text(&input);
    sample_take(&sample, &input);
    int plain = test(text, &sample.record);
    if (!strpbrk(text, "()'\"") && plain != -1) {
        int inside = test_within("(", text, " )", &sample.record), turned = test_within("not (", text, " )", &sample.record);
        REQUIRE(inside == plain || inside == TOO_LARGE, "%d, and in parentheses %d", plain, inside);
        REQUIRE(turned == (plain >= NOT_PARSED ? plain : !plain) || turned == TOO_LARGE, "%d, and behind `not` %d", plain,
                turned);
    }
    sample_release(&sample);
    free(text);
    return 0;
}
