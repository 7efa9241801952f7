/* SPDX-License-Identifier: MIT */
/*
 * clf.h - finds the fields of a line of a web server's log, in the Common or the Combined Log Format.
 *
 *     client ident user [time] "request" status bytes
 *     client ident user [time] "request" status bytes "referer" "agent"
 *
 * A request of the form `METHOD PATH PROTOCOL` also gives the fields method, path and protocol; of others (an empty one, binary
 * rubbish from a scanner) only `request` is there. Quotes inside quoted fields are escaped with a backslash, and stay so.
 * A line that was cut off within the agent is taken as it is.
 */
#ifndef STAGES_CLF_H
#define STAGES_CLF_H

#include <weir/stage.h>

#define CLF_FIELDS_MAX 12

struct clf_line {
    weir_field fields[CLF_FIELDS_MAX];
    uint32_t count;
    const char *error; /* what was expected; a constant */
    size_t offset;     /* where */
};

/* 0, or -1 with error and offset set. */
int clf_index(struct clf_line *line, const char *text, size_t len);

#endif
