/* SPDX-License-Identifier: MIT */
/*
 * The three forms of a report; see report.h. What is printed are our own words: nothing in them needs escaping.
 */
#include "report.h"

#include <stdio.h>
#include <string.h>

static const char *sign(const struct bench_row *row)
{
    return row->relation == BENCH_AT_MOST ? "<=" : ">=";
}

static bool is_met(const struct bench_row *row, double value, double target)
{
    return row->relation == BENCH_AT_MOST ? value <= target : value >= target;
}

/* Three digits, and more in front of the point if need be. */
static int decimals(double value)
{
    return value < 10 ? 2 : value < 100 ? 1 : 0;
}

/* ---- the grid --------------------------------------------------------------------------------------------------------- */

static bool same_part(const struct bench_row *a, const struct bench_row *b)
{
    return a->part && b->part && strcmp(a->part, b->part) == 0;
}

/* How many columns the part has that begins with row `first`. */
static size_t count_columns(const struct bench *b, size_t first)
{
    size_t n = 1;
    while (first + n < b->count && same_part(&b->rows[first], &b->rows[first + n]) &&
           strcmp(b->rows[first].what, b->rows[first + n].what) == 0)
        n++;
    return n;
}

static size_t count_cells(const struct bench *b, size_t first)
{
    size_t n = 1;
    while (first + n < b->count && same_part(&b->rows[first], &b->rows[first + n]))
        n++;
    return n;
}

/* ---- for people ------------------------------------------------------------------------------------------------------- */

static void print_number(double value)
{
    printf(" %9.*f", value < 100 ? 2 : 0, value);
}

static void print_verdict(const struct bench_row *row, double value, double target)
{
    printf("  %s %g %s", sign(row), target, is_met(row, value, target) ? "met" : "NOT MET");
}

static void print_row(const struct bench_row *row)
{
    printf("  %-58s", row->what);
    if (row->relation == BENCH_SKIPPED) {
        printf(" skipped: %s\n", row->why);
        return;
    }
    print_number(row->value);
    if (row->form == BENCH_SPREAD) {
        print_number(row->p99);
        print_number(row->max);
    }
    printf(" %-7s", row->unit);
    if (row->relation != BENCH_NO_TARGET) {
        print_verdict(row, row->value, row->target);
        if (row->form == BENCH_SPREAD)
            print_verdict(row, row->p99, row->p99_target);
    }
    putchar('\n');
}

static void print_cell(const struct bench_row *cell)
{
    if (cell->form == BENCH_EMPTY)
        printf("  %6s %6s %6s", "-", "-", "-");
    else if (cell->form == BENCH_ONE)
        printf("  %6.*f", decimals(cell->value), cell->value);
    else
        printf("  %6.*f %6.*f %6.*f", decimals(cell->value), cell->value, decimals(cell->p99), cell->p99, decimals(cell->max),
               cell->max);
}

/* Widths as in print_cell(). A column of spreads is as wide in every line, even where a cell is empty. */
static void print_part_head(const struct bench_row *cells, size_t columns)
{
    printf("\n  %-30s", cells->part);
    for (size_t i = 0; i < columns; i++) {
        char name[72];
        snprintf(name, sizeof name, "%s, %s", cells[i].column, cells[i].unit);
        if (cells[i].form == BENCH_ONE)
            printf("  %6s", cells[i].column);
        else
            printf("  %20s", name);
    }
    printf("\n  %-30s", "");
    for (size_t i = 0; i < columns; i++)
        if (cells[i].form == BENCH_ONE)
            printf("  %6s", cells[i].unit);
        else
            printf("  %6s %6s %6s", "p50", "p99", "max");
    putchar('\n');
}

static void print_part(const struct bench_row *cells, size_t count, size_t columns)
{
    print_part_head(cells, columns);
    for (size_t i = 0; i < count; i++) {
        if (i % columns == 0)
            printf("  %-30s", cells[i].what);
        print_cell(&cells[i]);
        if (i % columns == columns - 1)
            putchar('\n');
    }
}

void report_table(const struct bench *b)
{
    printf("%s: %s\n", b->name, b->question);
    printf("  (%s, %u round%s, load average %.1f%s)\n", b->cpu ? "CPU time" : "wall clock", b->rounds,
           b->rounds == 1 ? "" : "s", b->load, b->quick ? ", quick: the times mean nothing" : "");
    for (size_t i = 0; i < b->count; i++) {
        if (b->rows[i].part) {
            size_t count = count_cells(b, i);
            print_part(&b->rows[i], count, count_columns(b, i));
            i += count - 1;
            continue;
        }
        if (b->rows[i].form == BENCH_SPREAD && (i == 0 || b->rows[i - 1].form != BENCH_SPREAD))
            printf("  %58s %9s %9s %9s\n", "", "p50", "p99", "max");
        print_row(&b->rows[i]);
    }
    printf("  %s\n\n", b->failed ? "SOME RESULTS WERE WRONG, see above" : "all results were checked and equal");
}

/* ---- for programs ----------------------------------------------------------------------------------------------------- */

static void print_json_row(const struct bench_row *row)
{
    printf("{\"what\":\"%s\",", row->what);
    if (row->part)
        printf("\"part\":\"%s\",\"column\":\"%s\",", row->part, row->column);
    if (row->relation == BENCH_SKIPPED) {
        printf("\"skipped\":\"%s\"}", row->why);
        return;
    }
    if (row->form == BENCH_EMPTY)
        printf("\"unit\":\"%s\"", row->unit);
    else if (row->form == BENCH_SPREAD)
        printf("\"p50\":%.6g,\"p99\":%.6g,\"max\":%.6g,\"unit\":\"%s\"", row->value, row->p99, row->max, row->unit);
    else
        printf("\"value\":%.6g,\"unit\":\"%s\"", row->value, row->unit);
    if (row->relation != BENCH_NO_TARGET)
        printf(",\"relation\":\"%s\",\"target\":%g,\"met\":%s", sign(row), row->target,
               is_met(row, row->value, row->target) ? "true" : "false");
    if (row->relation != BENCH_NO_TARGET && row->form == BENCH_SPREAD)
        printf(",\"p99_target\":%g,\"p99_met\":%s", row->p99_target, is_met(row, row->p99, row->p99_target) ? "true" : "false");
    putchar('}');
}

void report_json(const struct bench *b)
{
    printf("{\"bench\":\"%s\",\"clock\":\"%s\",\"rounds\":%u,\"load\":%.2f,\"quick\":%s,\"correct\":%s,\"rows\":[", b->name,
           b->cpu ? "cpu" : "wall", b->rounds, b->load, b->quick ? "true" : "false", b->failed ? "false" : "true");
    for (size_t i = 0; i < b->count; i++) {
        if (i > 0)
            putchar(',');
        print_json_row(&b->rows[i]);
    }
    printf("]}\n");
}

/* ---- for the page ----------------------------------------------------------------------------------------------------- */

static void print_markdown_value(const struct bench_row *row)
{
    if (row->relation == BENCH_SKIPPED || row->form == BENCH_EMPTY)
        printf(" – |");
    else if (row->form == BENCH_ONE)
        printf(" %.*f |", decimals(row->value), row->value);
    else
        printf(" %.*f / %.*f / %.*f |", decimals(row->value), row->value, decimals(row->p99), row->p99, decimals(row->max),
               row->max);
}

/* Every part has the same lines: the cells of line `line` are found at the same place in each. */
static void print_markdown_line(const struct bench *b, size_t first, size_t line)
{
    printf("| %s |", b->rows[first + line * count_columns(b, first)].what);
    for (size_t part = first; part < b->count && b->rows[part].part; part += count_cells(b, part)) {
        size_t columns = count_columns(b, part);
        for (size_t i = 0; i < columns; i++)
            print_markdown_value(&b->rows[part + line * columns + i]);
    }
    putchar('\n');
}

static const char *in_print(const char *unit)
{
    return strcmp(unit, "us") == 0 ? "µs" : unit;
}

static void print_markdown_head(const struct bench *b, size_t first, size_t end)
{
    size_t columns = 0;
    printf("\n| |");
    for (size_t part = first; part < end; part += count_cells(b, part))
        for (size_t i = 0; i < count_columns(b, part); i++, columns++)
            printf(" %s: %s, %s |", b->rows[part].part, b->rows[part + i].column, in_print(b->rows[part + i].unit));
    printf("\n|---|");
    for (; columns > 0; columns--)
        printf("---|");
    putchar('\n');
}

/* Returns the row behind the grid. */
static size_t print_markdown_grid(const struct bench *b, size_t first)
{
    size_t end = first, lines = count_cells(b, first) / count_columns(b, first);
    while (end < b->count && b->rows[end].part)
        end++;
    print_markdown_head(b, first, end);
    for (size_t line = 0; line < lines; line++)
        print_markdown_line(b, first, line);
    return end;
}

void report_markdown(const struct bench *b)
{
    bool in_table = false;
    printf("\n`bench-%s`, %u rounds, load average %.1f:\n", b->name, b->rounds, b->load);
    for (size_t i = 0; i < b->count;) {
        if (b->rows[i].part) {
            i = print_markdown_grid(b, i);
            in_table = false;
            continue;
        }
        if (!in_table)
            printf("\n| | | |\n|---|---|---|\n");
        in_table = true;
        printf("| %s |", b->rows[i].what);
        print_markdown_value(&b->rows[i]);
        printf(" %s |\n", in_print(b->rows[i].unit));
        i++;
    }
}
