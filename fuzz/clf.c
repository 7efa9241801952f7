/* SPDX-License-Identifier: MIT */
/*
 * clf.c - stages/clf.c on a line. Its fields must lie in the line, in their order, and a line put together of the fields of the
 * first part must be the beginning of it.
 */
#include "stages/clf.h"

#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static const weir_field *find(const struct clf_line *clf, const char *name)
{
    for (uint32_t i = 0; i < clf->count; i++)
        if (clf->fields[i].name_len == strlen(name) && memcmp(clf->fields[i].name, name, strlen(name)) == 0)
            return &clf->fields[i];
    return NULL;
}

/* `name` stands at p, between `before` and `after`; returns the place behind them. */
static const char *pass(const struct clf_line *clf, const char *name, const char *p, const char *before, const char *after,
                        const char *end)
{
    const weir_field *field = find(clf, name);
    REQUIRE(field, "no field is called %s", name);
    REQUIRE((size_t)(end - p) >= strlen(before) + field->value_len + strlen(after), "%s reaches beyond the line", name);
    REQUIRE(memcmp(p, before, strlen(before)) == 0 && field->value == p + strlen(before), "%s is not where it should be", name);
    p = field->value + field->value_len;
    REQUIRE(memcmp(p, after, strlen(after)) == 0, "%s ends where it should not", name);
    return p + strlen(after);
}

static void check(const struct clf_line *clf, const char *line, size_t len)
{
    const char *p = line, *end = line + len;
    REQUIRE(clf->count >= 7 && clf->count <= CLF_FIELDS_MAX, "%u fields", clf->count);
    p = pass(clf, "client", p, "", " ", end);
    p = pass(clf, "ident", p, "", " ", end);
    p = pass(clf, "user", p, "", " ", end);
    p = pass(clf, "time", p, "[", "] ", end);
    p = pass(clf, "request", p, "\"", "\" ", end);
    p = pass(clf, "status", p, "", " ", end);
    p = pass(clf, "bytes", p, "", "", end);
    if (find(clf, "referer"))
        p = pass(clf, "agent", pass(clf, "referer", p, " \"", "\"", end), " \"", "", end);
    if (find(clf, "method"))
        p = pass(clf, "path", pass(clf, "method", find(clf, "request")->value, "", " ", end), "", "", end);
    if (find(clf, "protocol"))
        pass(clf, "protocol", p, " ", "\"", end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size);
    struct clf_line clf = {0};
    memcpy(line, data, size);
    if (clf_index(&clf, line, size) == 0)
        check(&clf, line, size);
    else
        REQUIRE(clf.error && clf.offset <= size, "refused at byte %zu of %zu", clf.offset, size);
    free(line);
    return 0;
}
