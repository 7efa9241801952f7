/* SPDX-License-Identifier: MIT */
/* state.h - a pipeline's state, as session_snapshot() and the verb show give it, in print. */
#ifndef CLI_STATE_H
#define CLI_STATE_H

#include <jansson.h>
#include <stdio.h>

/* admitted A + created C = delivered D + filtered F + failed X + returned R + in flight I */
void state_print_equation(const json_t *state, FILE *stream);

/* JSON as it is printed everywhere: indented, in the order in which it was made, with a newline. */
void state_print_json(const json_t *json);

long long state_count(const json_t *object, const char *name);
const char *state_text(const json_t *object, const char *name); /* "" when it is not there */

#endif
