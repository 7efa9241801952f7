/* SPDX-License-Identifier: MIT */
/*
 * option.c - turns the text of an option into its value: one function for each kind.
 *
 * Each takes the whole text or refuses it; what a number means never depends on the locale.
 */
#include "expr/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr/nearest.h"

typedef int parse_function(const struct option_desc *desc, const char *text, struct option_value *value, char *error,
                           size_t size);

__extension__ typedef unsigned __int128 wide;

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit counts[] = {{"", 1},           {"k", 1000},        {"K", 1000},        {"M", 1000000},
                                     {"G", 1000000000}, {"Ki", 1ull << 10}, {"Mi", 1ull << 20}, {"Gi", 1ull << 30},
                                     {NULL, 0}};
static const struct unit durations[] = {{"", 1000000000},  {"ns", 1},          {"us", 1000},         {"ms", 1000000},
                                        {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}, {"d", 86400000000000},
                                        {NULL, 0}};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
    for (; units->name; units++)
        if (strcmp(units->name, name) == 0)
            return units;
    return NULL;
}

/* Digits, perhaps a point and digits, perhaps a unit. A fraction of the smallest unit is cut off. False: not of that form, or
 * beyond INT64_MAX. */
static bool parse_amount(const char *text, const struct unit *units, bool point, uint64_t *amount)
{
    wide whole = 0, scale = 1;
    const char *p = text;
    for (; is_digit(*p) && whole < INT64_MAX; p++)
        whole = whole * 10 + (unsigned)(*p - '0');
    if (point && *p == '.' && p > text && is_digit(p[1]))
        for (p++; is_digit(*p) && scale < 1000000000; p++, scale *= 10)
            whole = whole * 10 + (unsigned)(*p - '0');
    const struct unit *unit = p > text ? find_unit(units, p) : NULL;
    if (!unit || whole > UINT64_MAX)
        return false;
    whole = whole * unit->factor / scale;
    *amount = (uint64_t)whole;
    return whole <= INT64_MAX;
}

static int parse_number(const struct option_desc *desc, const char *text, struct option_value *value, char *error, size_t size)
{
    (void)desc;
    char *end;
    errno = 0;
    value->number = strtoll(text, &end, 10);
    if (end != text && !*end && !errno && (is_digit(*text) || *text == '-' || *text == '+'))
        return 0;
    snprintf(error, size, errno == ERANGE ? "\"%s\" does not fit in 64 bits" : "\"%s\" is not a whole number", text);
    return -1;
}

static int parse_count(const struct option_desc *desc, const char *text, struct option_value *value, char *error, size_t size)
{
    (void)desc;
    uint64_t amount;
    if (parse_amount(text, counts, false, &amount)) {
        value->number = (int64_t)amount;
        return 0;
    }
    snprintf(error, size, "\"%s\" is not a count; write a number from 0 up, such as 500, 10k, 2M or 64Ki", text);
    return -1;
}

static int parse_duration(const struct option_desc *desc, const char *text, struct option_value *value, char *error,
                          size_t size)
{
    (void)desc;
    if (parse_amount(text, durations, true, &value->ns))
        return 0;
    snprintf(error, size, "\"%s\" is not a duration; write 10ms, 2s, 5m or 1h (a bare number is seconds)", text);
    return -1;
}

/* Digits with at most one point among them, perhaps a percent sign. */
static int parse_fraction(const struct option_desc *desc, const char *text, struct option_value *value, char *error,
                          size_t size)
{
    (void)desc;
    double number = 0, scale = 1;
    bool point = false, digits = false;
    const char *p = text;
    for (; is_digit(*p) || (*p == '.' && !point); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        digits = true;
        number = number * 10 + (*p - '0');
        scale = point ? scale * 10 : scale;
    }
    number /= *p == '%' ? scale * 100 : scale;
    p += *p == '%';
    value->fraction = number;
    if (digits && !*p && number >= 0 && number <= 1)
        return 0;
    snprintf(error, size, "\"%s\" is not a fraction; write a number from 0 to 1, such as 0.05, or a percentage such as 5%%",
             text);
    return -1;
}

static int parse_flag(const struct option_desc *desc, const char *text, struct option_value *value, char *error, size_t size)
{
    (void)desc;
    value->flag = strcmp(text, "yes") == 0;
    if (value->flag || strcmp(text, "no") == 0)
        return 0;
    snprintf(error, size, "\"%s\" is neither yes nor no", text);
    return -1;
}

/* Says which choices there are, and which one was probably meant. */
static int refuse_choice(const struct option_desc *desc, const char *text, char *error, size_t size)
{
    char names[256], *rest = names;
    struct nearest nearest = {.asked = text, .asked_len = strlen(text)};
    snprintf(names, sizeof names, "%s", desc->choices);
    for (char *name; (name = strtok_r(rest, " ", &rest));)
        nearest_offer(&nearest, name);
    int used = snprintf(error, size, "\"%s\" is none of", text);
    const char *p = desc->choices;
    for (const char *comma = " "; *p && used > 0 && (size_t)used < size; comma = ", ") {
        size_t len = strcspn(p, " ");
        used += snprintf(error + used, size - (size_t)used, "%s%.*s", comma, (int)len, p);
        p += len + strspn(p + len, " ");
    }
    if (nearest.best && used > 0 && (size_t)used < size)
        snprintf(error + used, size - (size_t)used, "; did you mean \"%s\"?", nearest.best);
    return -1;
}

static int parse_choice(const struct option_desc *desc, const char *text, struct option_value *value, char *error, size_t size)
{
    size_t text_len = strlen(text);
    const char *p = desc->choices;
    for (value->choice = 0; *p; value->choice++) {
        size_t len = strcspn(p, " ");
        if (len == text_len && memcmp(p, text, len) == 0)
            return 0;
        p += len + strspn(p + len, " ");
    }
    return refuse_choice(desc, text, error, size);
}

static int parse_names(const struct option_desc *desc, const char *text, struct option_value *value, char *error, size_t size)
{
    (void)desc;
    (void)value;
    for (const char *p = text;; p++) {
        size_t len = strcspn(p, ",");
        if (len == 0) {
            snprintf(error, size, "\"%s\" has an empty name; write names with one comma between them, such as a,b", text);
            return -1;
        }
        if (!*(p += len))
            return 0;
    }
}

static int parse_text(const struct option_desc *desc, const char *text, struct option_value *value, char *error, size_t size)
{
    (void)desc, (void)text, (void)value, (void)error, (void)size;
    return 0;
}

int option_parse(const struct option_desc *desc, const char *text, struct option_value *value, char *error, size_t size)
{
    static parse_function *const parsers[] = {
        [OPTION_TEXT] = parse_text,         [OPTION_NUMBER] = parse_number,     [OPTION_COUNT] = parse_count,
        [OPTION_FRACTION] = parse_fraction, [OPTION_DURATION] = parse_duration, [OPTION_FLAG] = parse_flag,
        [OPTION_CHOICE] = parse_choice,     [OPTION_NAMES] = parse_names,
    };
    value->text = text;
    return parsers[desc->kind](desc, text, value, error, size);
}
