/* SPDX-License-Identifier: MIT */
/*
 * condition.h - the language of `where`: conditions on a record's fields.
 *
 *     status >= 500
 *     method == GET and path =~ "^/img"
 *     not (level == debug || exists "user agent")
 *
 * On the left of a comparison stands a field's name, on the right a value: bare, or in quotes ('as it is', or "with \" and
 * \\"). == != < <= > >= compare as numbers when the field's value and a bare right side both are numbers, else byte by byte;
 * =~ and !~ match a regular expression. `or` (||) binds weakest, then `and` (&&), then `not` (!). A comparison with a field
 * that is not there is false, whatever the operator.
 */
#ifndef STAGES_CONDITION_H
#define STAGES_CONDITION_H

#include <weir/stage.h>

struct condition;

/* NULL with a sentence in error[0..size). */
struct condition *condition_new(const char *text, char *error, size_t size);
void condition_free(struct condition *condition); /* NULL is fine */

/* 1: true, 0: false, -1: after weir_fail(). One user at a time; inside a stage's function. */
int condition_test(struct condition *condition, const weir_record *record);

#endif
