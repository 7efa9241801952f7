/* SPDX-License-Identifier: MIT */
/* table.c - aligned columns. A column is as wide as its widest cell; the last one is not padded. */
#include "cli/table.h"

#include "cli/style.h"

#include <stdlib.h>
#include <string.h>

void table_add(struct table *table, const char *text)
{
    if (table->count == table->room) {
        size_t room = table->room ? 2 * table->room : 64;
        char **cells = realloc(table->cells, room * sizeof *cells);
        if (!cells)
            return;
        table->cells = cells;
        table->room = room;
    }
    char *copy = strdup(text);
    if (copy)
        table->cells[table->count++] = copy;
}

void table_add_count(struct table *table, long long count)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", count);
    table_add(table, text);
}

/* Characters, not bytes. */
static int width(const char *text)
{
    int count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static void print_cell(const char *text, int pad, char alignment, int is_last, FILE *stream)
{
    if (alignment == 'r')
        fprintf(stream, "%*s", pad, "");
    for (const char *c = text; *c; c++)
        fputc((unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c, stream);
    if (alignment == 'l' && !is_last)
        fprintf(stream, "%*s", pad, "");
    fputs(is_last ? "\n" : "  ", stream);
}

void table_print(struct table *table, int indent, FILE *stream)
{
    int widths[TABLE_COLUMNS_MAX] = {0};
    size_t columns = strlen(table->alignment), whole = table->count - table->count % columns;
    for (size_t i = 0; i < whole; i++)
        if (width(table->cells[i]) > widths[i % columns])
            widths[i % columns] = width(table->cells[i]);
    for (size_t i = 0; i < whole; i++) {
        size_t column = i % columns;
        if (column == 0)
            fprintf(stream, "%*s%s", indent, "", i == 0 ? style(stream, STYLE_HEAD) : "");
        print_cell(table->cells[i], widths[column] - width(table->cells[i]), table->alignment[column], column + 1 == columns,
                   stream);
        if (i + 1 == columns)
            fputs(style(stream, STYLE_NONE), stream);
    }
    table_release(table);
}

void table_release(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){0};
}
