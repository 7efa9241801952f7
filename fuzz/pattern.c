/* SPDX-License-Identifier: MIT */
/*
 * pattern.c - stages/pattern.c: the first line of the input is the options (f: fixed, i: ignore case), the second a pattern, the
 * rest is what to match it against.
 *
 * A plain pattern must match exactly where the text contains it, and groups must lie in the text.
 */
#include "stages/pattern.h"

#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static bool contains(const char *text, size_t len, const char *part)
{
    size_t part_len = strlen(part);
    for (size_t i = 0; i + part_len <= len; i++)
        if (strncmp(part, text + i, part_len) == 0)
            return true;
    return false;
}

static void check_groups(const struct pattern *pattern, size_t len)
{
    for (uint32_t i = 0; i < pattern_names(pattern); i++) {
        size_t offset, group_len;
        pattern_group(pattern, i, &offset, &group_len);
        REQUIRE(pattern_name(pattern, i)[0], "a group without a name");
        REQUIRE(group_len == SIZE_MAX || (offset <= len && group_len <= len - offset),
                "group %u has %zu bytes at %zu, and the text %zu", i, group_len, offset, len);
    }
}

/* To be matched against a text that lies in memory of exactly its size. */
static void match(struct pattern *pattern, const char *plain, const struct input *rest)
{
    char *text = malloc(rest->left);
    if (rest->left)
        memcpy(text, rest->at, rest->left);
    int matches = pattern_match(pattern, text, rest->left);
    if (matches == 1)
        check_groups(pattern, rest->left);
    if (plain)
        REQUIRE(matches == contains(text, rest->left, plain), "the plain text \"%s\": %d", plain, matches);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    char *letters = input_text(&input), *text = input_text(&input), error[300];
    struct pattern_options options = {strchr(letters, 'f') != NULL, strchr(letters, 'i') != NULL};
    memset(error, '?', sizeof error);
    struct pattern *pattern = pattern_new(text, options, error, sizeof error);
    REQUIRE(pattern || (memchr(error, 0, sizeof error) && error[0]), "refused without saying why");
    if (pattern)
        match(pattern, options.fixed && !options.ignore_case ? text : NULL, &input);
    pattern_free(pattern);
    free(text);
    free(letters);
    return 0;
}
