/* SPDX-License-Identifier: MIT */
/* span.c - three digits are enough to see what is going on. */
#include "cli/span.h"

#include <stdio.h>

const char *span_text(double seconds, char text[SPAN_ROOM])
{
    unsigned long long whole = (unsigned long long)seconds;
    if (seconds < 0.9995e-3)
        snprintf(text, SPAN_ROOM, "%.0fus", seconds * 1e6);
    else if (seconds < 0.9995)
        snprintf(text, SPAN_ROOM, "%.3gms", seconds * 1e3);
    else if (seconds < 59.95)
        snprintf(text, SPAN_ROOM, "%.3gs", seconds);
    else if (seconds < 3600)
        snprintf(text, SPAN_ROOM, "%llum%02llus", whole / 60, whole % 60);
    else
        snprintf(text, SPAN_ROOM, "%lluh%02llum", whole / 3600, whole / 60 % 60);
    return text;
}

const char *span_count(double count, char text[SPAN_ROOM])
{
    static const char units[] = " kMGT";
    int unit = 0;
    if (count < 9999.5)
        return snprintf(text, SPAN_ROOM, "%.0f", count), text;
    while (count >= 999.5 && units[unit + 1])
        count /= 1000, unit++;
    snprintf(text, SPAN_ROOM, count < 9.995 ? "%.2f%c" : count < 99.95 ? "%.1f%c" : "%.0f%c", count, units[unit]);
    return text;
}
