/* SPDX-License-Identifier: MIT */
/* outcome.h - how a pipeline ended, as those who waited for its end hear it. */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include "cli/arguments.h"

/* Takes the outcome, and prints it. The exit status: FAILED, after a complaint, if a stage failed. */
int outcome_print(const struct arguments *args, json_t *outcome);

#endif
