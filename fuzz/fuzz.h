/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - what the targets share: taking an input apart, and saying what is wrong.
 *
 * A target is one file with LLVMFuzzerTestOneInput(): it gives the input to one parser, as others would, and REQUIREs what must
 * hold whatever the input is. Most inputs are text in lines, so that a person can write one and read one.
 *
 * Pieces of the input are copied into memory of exactly their size, for then AddressSanitizer sees a parser that looks one byte
 * too far.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What libFuzzer calls; the first one is optional. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process with a message, whatever became of stderr. */
__attribute__((noreturn, format(printf, 3, 4))) void fuzz_fail(const char *file, int line, const char *format, ...);

#define REQUIRE(condition, ...) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, __VA_ARGS__))

/* What is left of an input. */
struct input {
    const uint8_t *at;
    size_t left;
};

unsigned input_byte(struct input *input); /* the next one; 0 at the end */

/* Up to the next newline or the end, without the newline. A copy to free(); input_text() ends it at its first zero byte, and
 * puts one there. */
char *input_line(struct input *input, size_t *len);
char *input_text(struct input *input);

#endif
