/* SPDX-License-Identifier: MIT */
/*
 * hash.c - where the seeds of the hash tables come from.
 */
#include "stages/hash.h"

#include <pthread.h>
#include <sys/random.h>
#include <time.h>

uint64_t hash_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed)
        return seed;
    /* Early in a machine's boot there is no randomness yet; better a seed that could be guessed than no pipeline. */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return hash_fold((uint64_t)now.tv_nsec ^ 0x9e3779b97f4a7c15ull, (uintptr_t)&seed);
}

static uint64_t shared;

static void draw_shared(void)
{
    shared = hash_seed();
}

uint64_t hash_seed_shared(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, draw_shared);
    return shared;
}
