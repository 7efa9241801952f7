/* SPDX-License-Identifier: MIT */
/*
 * option.h - turns the text of an option into its value.
 */
#ifndef EXPR_OPTION_H
#define EXPR_OPTION_H

#include "stages/builtin.h"

/* Fills *value from text, which it lends. 0, or -1 with what is wrong with the text in error[0..size), to be put behind the
 * names of the stage and the option. */
int option_parse(const struct option_desc *desc, const char *text, struct option_value *value, char *error, size_t size);

#endif
