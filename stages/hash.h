/* SPDX-License-Identifier: MIT */
/*
 * hash.h - a fast hash of bytes for tables that live in one process.
 *
 * Multiply and fold, sixteen bytes a step, in the manner of wyhash (Wang Yi, public domain). The seed is drawn at random for
 * each table and goes into every step, so that nobody can prepare a log whose keys collide.
 */
#ifndef STAGES_HASH_H
#define STAGES_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

__extension__ typedef unsigned __int128 hash_wide;

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    hash_wide product = (hash_wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_load8(const unsigned char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static inline uint64_t hash_load4(const unsigned char *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static inline uint64_t hash_bytes(const void *data, size_t len, uint64_t seed)
{
    const uint64_t salt = 0xe7037ed1a0b428dbull;
    const unsigned char *p = data;
    uint64_t a = 0, b = 0;
    uint64_t state = seed ^ salt;
    size_t left = len;
    for (; left > 16; left -= 16, p += 16)
        state = hash_fold(hash_load8(p) ^ seed, hash_load8(p + 8) ^ state);
    if (left >= 8) {
        a = hash_load8(p);
        b = hash_load8(p + left - 8);
    } else if (left >= 4) {
        a = hash_load4(p);
        b = hash_load4(p + left - 4);
    } else if (left) {
        a = (uint64_t)p[0] << 16 | (uint64_t)p[left / 2] << 8 | p[left - 1];
    }
    return hash_fold(salt ^ len, hash_fold(a ^ seed, b ^ state));
}

/* A seed that nobody can guess. */
uint64_t hash_seed(void);

/* One that is the same in the whole process: for what several tables must agree about. Any thread. */
uint64_t hash_seed_shared(void);

#endif
