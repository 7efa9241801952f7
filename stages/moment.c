/* SPDX-License-Identifier: MIT */
/*
 * moment.c - text that says how much or when.
 */
#include "stages/moment.h"

#include <string.h>

struct text {
    const char *at, *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take(struct text *text, char c)
{
    if (text->at == text->end || *text->at != c)
        return false;
    text->at++;
    return true;
}

/* Exactly so many digits. */
static bool take_digits(struct text *text, int count, int *value)
{
    for (*value = 0; count > 0; count--) {
        if (text->at == text->end || !is_digit(*text->at))
            return false;
        *value = *value * 10 + (*text->at++ - '0');
    }
    return true;
}

/* ".125", or nothing. */
static double take_fraction(struct text *text)
{
    double value = 0, scale = 1;
    if (!take(text, '.'))
        return 0;
    for (; text->at < text->end && is_digit(*text->at); text->at++) {
        value = value * 10 + (*text->at - '0');
        scale *= 10;
    }
    return value / scale;
}

/* Days since 1970-01-01 in the Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t days(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* "Z", "+01:00", "+0100", or nothing: seconds to take off. */
static bool take_zone(struct text *text, int *offset)
{
    int hours, minutes;
    *offset = 0;
    take(text, ' ');
    if (text->at == text->end || take(text, 'Z'))
        return true;
    bool west = *text->at == '-';
    if (!take(text, '+') && !take(text, '-'))
        return false;
    if (!take_digits(text, 2, &hours))
        return false;
    take(text, ':');
    if (!take_digits(text, 2, &minutes))
        return false;
    *offset = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

static bool take_clock(struct text *text, double *seconds)
{
    int hour, minute, second = 0, offset;
    if (!take_digits(text, 2, &hour) || !take(text, ':') || !take_digits(text, 2, &minute))
        return false;
    if (take(text, ':') && !take_digits(text, 2, &second))
        return false;
    double fraction = take_fraction(text);
    if (!take_zone(text, &offset))
        return false;
    *seconds = hour * 3600 + minute * 60 + second - offset + fraction;
    return true;
}

static bool iso_time(struct text text, double *value)
{
    int year, month, day;
    double clock = 0;
    if (!take_digits(&text, 4, &year) || !take(&text, '-') || !take_digits(&text, 2, &month) || !take(&text, '-') ||
        !take_digits(&text, 2, &day))
        return false;
    if (text.at < text.end && !((take(&text, 'T') || take(&text, ' ')) && take_clock(&text, &clock)))
        return false;
    *value = (double)days(year, month, day) * 86400 + clock;
    return text.at == text.end && month >= 1 && month <= 12;
}

static bool log_time(struct text text, double *value)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int year, month = 0, day;
    double clock = 0;
    take(&text, '[');
    if (!take_digits(&text, 2, &day) || !take(&text, '/') || text.end - text.at < 4)
        return false;
    while (month < 12 && memcmp(months + 3 * month, text.at, 3) != 0)
        month++;
    text.at += 3;
    if (month == 12 || !take(&text, '/') || !take_digits(&text, 4, &year) || !take(&text, ':') || !take_clock(&text, &clock))
        return false;
    take(&text, ']');
    *value = (double)days(year, month + 1, day) * 86400 + clock;
    return text.at == text.end;
}

static bool number(struct text text, double *value)
{
    double whole = 0;
    int exponent = 0;
    bool negative = take(&text, '-');
    if (!negative)
        take(&text, '+');
    if (text.at == text.end || !is_digit(*text.at))
        return false;
    for (; text.at < text.end && is_digit(*text.at); text.at++)
        whole = whole * 10 + (*text.at - '0');
    whole += take_fraction(&text);
    if (take(&text, 'e') || take(&text, 'E')) {
        bool small = take(&text, '-');
        if (!small)
            take(&text, '+');
        if (text.at == text.end)
            return false;
        for (; text.at < text.end && is_digit(*text.at) && exponent < 1000; text.at++)
            exponent = exponent * 10 + (*text.at - '0');
        double scale = 1;
        for (int i = 0; i < exponent; i++)
            scale *= 10;
        whole = small ? whole / scale : whole * scale;
    }
    *value = negative ? -whole : whole;
    return text.at == text.end;
}

bool moment_parse(const char *text, size_t len, double *value)
{
    struct text all = {text, text + len};
    return number(all, value) || iso_time(all, value) || log_time(all, value);
}

/* The bits of a double compare as integers do, as long as the sign is looked after; -0 and 0 are one. */
int64_t moment_order(const char *text, size_t len)
{
    double value;
    int64_t bits;
    if (!moment_parse(text, len, &value))
        return INT64_MIN;
    value += 0.0;
    memcpy(&bits, &value, sizeof bits);
    return bits >= 0 ? bits : (int64_t)((uint64_t)INT64_MIN - (uint64_t)bits);
}
