/* SPDX-License-Identifier: MIT */
/* The Linux face of plat.h: thin over pthreads. plat_point() is where the simulator may switch; here it is nothing. */
#ifndef PLAT_TYPES_H
#define PLAT_TYPES_H

#include <pthread.h>

struct plat_lock {
    pthread_mutex_t mutex;
};

struct plat_cond {
    pthread_cond_t cond;
};

struct plat_thread {
    pthread_t thread;
    void (*body)(void *arg);
    void *arg;
};

#define plat_point() ((void)0)

#endif
