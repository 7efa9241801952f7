/* SPDX-License-Identifier: MIT */
/* notes.h - what is to be said about a pipeline beside its table of stages, a line each; nothing where nothing is unusual. */
#ifndef CLI_NOTES_H
#define CLI_NOTES_H

#include <jansson.h>

/* Whether it is paused, what has items in its hands, trials, pending edits: of what the verb show answers. */
void notes_print(const json_t *state);

/* Only the pending edits, as a table. */
void notes_print_pending(const json_t *state);

#endif
