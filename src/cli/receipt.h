/* SPDX-License-Identifier: MIT */
/* receipt.h - what an edit did, or with --dry-run would do, in words. */
#ifndef CLI_RECEIPT_H
#define CLI_RECEIPT_H

#include <jansson.h>

void receipt_print(const json_t *receipt);
void preview_print(const json_t *preview);

#endif
