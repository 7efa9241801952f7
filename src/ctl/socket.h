/* SPDX-License-Identifier: MIT */
/*
 * socket.h - where running pipelines are found: one Unix stream socket each, NAME.sock in a directory of the user's own.
 *
 * The directory is $XDG_RUNTIME_DIR/weir, else /run/user/UID/weir if /run/user/UID exists, else /tmp/weir-UID. It has mode
 * 0700 and is refused if it is a symbolic link or belongs to somebody else, since whoever can write there could pose as a
 * pipeline. A socket that nobody listens on was left by a process that was killed; whoever meets it removes it.
 *
 * Claiming, releasing and cleaning happen under a lock on the directory (flock), so that of two processes that want one name
 * at the same time exactly one gets it, and nobody removes a socket that was just made.
 *
 * All functions return -1 with a sentence in error[0..size) on failure. This file needs nothing but libc.
 */
#ifndef CTL_SOCKET_H
#define CTL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SOCKET_PATH_MAX 512
#define SOCKET_NAME_MAX 63

/* What a pipeline may be called: 1 to 63 letters, digits, dots, dashes, underscores; the first is no dot and no dash. */
bool socket_name_ok(const char *name);

/* A listening socket for name, mode 0600, and its path. Fails, naming the pid, when a live pipeline has the name. The umask is
 * changed for a moment: call it before other threads make files. */
int socket_claim(const char *name, char path[SOCKET_PATH_MAX], char *error, size_t size);

/* Removes the socket of a name that this process claimed; before the descriptor is closed. */
void socket_release(const char *path);

/* A connection to the pipeline called name, and the pid of its process. The error names the pipelines that do run. */
int socket_connect(const char *name, pid_t *pid, char *error, size_t size);

/* Names of running pipelines, sorted; stale sockets are removed on the way. *names is an array of *count strings in one
 * allocation: release it with one free(). No directory means no names. */
int socket_names(char ***names, size_t *count, char *error, size_t size);

#endif
