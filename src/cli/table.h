/* SPDX-License-Identifier: MIT */
/* table.h - columns on a terminal: the first row is the head; columns of numbers are right-aligned. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

#define TABLE_COLUMNS_MAX 16

struct table {
    const char *alignment; /* a letter a column, l or r */
    char **cells;          /* row by row */
    size_t count, room;
};

/* Adds the next cell; copies `text`. Without memory the cell is missing, and the table prints without its last row. */
void table_add(struct table *table, const char *text);
void table_add_count(struct table *table, long long count);

/* Prints it, each row after `indent` spaces, and releases what it holds. */
void table_print(struct table *table, int indent, FILE *stream);
void table_release(struct table *table); /* without printing */

#endif
