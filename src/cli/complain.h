/* SPDX-License-Identifier: MIT */
/* complain.h - how the command says that something went wrong: one line on standard error, and an exit status. */
#ifndef CLI_COMPLAIN_H
#define CLI_COMPLAIN_H

#include <stddef.h>

/* "weir: " and the sentence. Returns `status`. */
int complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, and below it the line of `text` with the word at offset underlined. */
int complain_at(int status, const char *text, size_t offset, size_t length, const char *message);

/* The same for the text of a file: "FILE:LINE:COLUMN: " in front, as compilers say it. */
int complain_in(int status, const char *path, const char *text, size_t offset, size_t length, const char *message);

#endif
