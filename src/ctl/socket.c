/* SPDX-License-Identifier: MIT */
/*
 * socket.c - the directory of control sockets; see socket.h for its rules.
 *
 * The lock is held across bind() and listen(): in between, a socket exists that refuses connections, and would look stale to
 * others. Nothing waits while the lock is held: connecting to a Unix socket works or fails at once, but for a listener whose
 * queue is full, and there a socket that does not block says EAGAIN, which is an answer too: somebody lives there.
 */
#include "ctl/socket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SUFFIX         ".sock"
#define BACKLOG        64
#define CONNECT_WAIT_S 5

struct names {
    char **list;
    size_t count, room;
};

__attribute__((format(printf, 3, 4))) static int fail(char *error, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, size, format, args);
    va_end(args);
    return -1;
}

bool socket_name_ok(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t len = strlen(name);
    return len >= 1 && len <= SOCKET_NAME_MAX && strspn(name, allowed) == len && name[0] != '.' && name[0] != '-';
}

/* ---- the directory ---------------------------------------------------------------------------------------------------- */

static int directory_path(char *path, size_t size, char *error, size_t error_size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char users[64];
    struct stat st;
    snprintf(users, sizeof users, "/run/user/%u", (unsigned)getuid());
    int len;
    if (runtime && runtime[0] == '/')
        len = snprintf(path, size, "%s/weir", runtime);
    else if (stat(users, &st) == 0 && S_ISDIR(st.st_mode))
        len = snprintf(path, size, "%s/weir", users);
    else
        len = snprintf(path, size, "/tmp/weir-%u", (unsigned)getuid());
    if (len >= 0 && (size_t)len < size)
        return 0;
    errno = ENAMETOOLONG;
    return fail(error, error_size, "XDG_RUNTIME_DIR is too long (%d bytes)", len);
}

/* Everything is looked at through the open descriptor, so that what was checked is what is used. */
static int directory_check(int dir, const char *path, char *error, size_t size)
{
    struct stat st;
    if (fstat(dir, &st) != 0)
        return fail(error, size, "%s: %s", path, strerror(errno));
    if (st.st_uid != geteuid())
        return fail(error, size, "%s belongs to user %u, not to you (%u): control sockets there could not be trusted", path,
                    (unsigned)st.st_uid, (unsigned)geteuid());
    if ((st.st_mode & 077) && fchmod(dir, 0700) != 0)
        return fail(error, size, "%s has mode %o, and it cannot be made 0700: %s", path, st.st_mode & 0777, strerror(errno));
    return 0;
}

/* Opens the directory, and locks it. -1 with errno ENOENT if there is none and `make` is false. */
static int directory_lock(bool make, char path[SOCKET_PATH_MAX], char *error, size_t size)
{
    if (directory_path(path, SOCKET_PATH_MAX, error, size) != 0)
        return -1;
    if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail(error, size, "cannot make the directory %s: %s", path, strerror(errno));
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0) {
        int cause = errno;
        fail(error, size, "%s is not a directory of one's own: %s", path, strerror(cause));
        errno = cause;
        return -1;
    }
    if (directory_check(dir, path, error, size) != 0 || flock(dir, LOCK_EX) != 0) {
        close(dir);
        errno = EACCES;
        return -1;
    }
    return dir;
}

/* ---- connecting ------------------------------------------------------------------------------------------------------- */

static int address_make(struct sockaddr_un *address, const char *dir, const char *name, char *error, size_t size)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int len = snprintf(address->sun_path, sizeof address->sun_path, "%s/%s" SUFFIX, dir, name);
    if (len < 0 || (size_t)len >= sizeof address->sun_path)
        return fail(error, size,
                    "the path %s/%s" SUFFIX " is too long for a socket (%d bytes, at most %zu); set XDG_RUNTIME_DIR", dir, name,
                    len, sizeof address->sun_path - 1);
    return 0;
}

static pid_t peer_pid(int fd)
{
    struct ucred peer = {0};
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? peer.pid : 0;
}

/* A connected descriptor, or -1 with errno: EAGAIN means that somebody listens but the queue is full, for wait_s seconds. */
static int address_connect(const struct sockaddr_un *address, int wait_s)
{
    struct timeval limit = {.tv_sec = wait_s}, none = {0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (wait_s ? 0 : SOCK_NONBLOCK), 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* connect() heeds it too */
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0) {
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
        return fd;
    }
    int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

/* Whether somebody listens there, and who (0: not known). Under the lock; removes what is stale. */
static bool address_alive(const struct sockaddr_un *address, pid_t *pid)
{
    *pid = 0;
    int fd = address_connect(address, 0);
    if (fd >= 0) {
        *pid = peer_pid(fd);
        close(fd);
        return true;
    }
    if (errno == ECONNREFUSED)
        unlink(address->sun_path);
    return errno != ECONNREFUSED && errno != ENOENT;
}

/* ---- claiming a name -------------------------------------------------------------------------------------------------- */

static int listen_at(const struct sockaddr_un *address, char *error, size_t size)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(error, size, "socket: %s", strerror(errno));
    mode_t mask = umask(0177);
    int status = bind(fd, (const struct sockaddr *)address, sizeof *address);
    int cause = errno;
    umask(mask);
    if (status == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    if (status == 0)
        cause = errno, unlink(address->sun_path);
    close(fd);
    return fail(error, size, "cannot listen on %s: %s", address->sun_path, strerror(cause));
}

static int claim_locked(const char *dir_path, const char *name, char *path, char *error, size_t size)
{
    struct sockaddr_un address;
    pid_t pid;
    if (address_make(&address, dir_path, name, error, size) != 0)
        return -1;
    if (address_alive(&address, &pid))
        return fail(error, size, "a pipeline called \"%s\" is running already, as process %d; choose another name with -n",
                    name, (int)pid);
    snprintf(path, SOCKET_PATH_MAX, "%s", address.sun_path);
    return listen_at(&address, error, size);
}

int socket_claim(const char *name, char path[SOCKET_PATH_MAX], char *error, size_t size)
{
    char dir_path[SOCKET_PATH_MAX];
    if (!socket_name_ok(name))
        return fail(error, size,
                    "\"%s\" is no name for a pipeline: 1 to %d letters, digits, dots, dashes and underscores are, not starting "
                    "with a dot or a dash",
                    name, SOCKET_NAME_MAX);
    int dir = directory_lock(true, dir_path, error, size);
    if (dir < 0)
        return -1;
    int fd = claim_locked(dir_path, name, path, error, size);
    close(dir);
    return fd;
}

void socket_release(const char *path)
{
    char dir_path[SOCKET_PATH_MAX], error[64];
    int dir = directory_lock(false, dir_path, error, sizeof error);
    unlink(path);
    if (dir >= 0)
        close(dir);
}

/* ---- which ones there are --------------------------------------------------------------------------------------------- */

static int names_add(struct names *names, const char *name, size_t len)
{
    if (names->count == names->room) {
        size_t room = names->room ? 2 * names->room : 16;
        char **list = realloc(names->list, room * sizeof *list);
        if (!list)
            return -1;
        names->list = list;
        names->room = room;
    }
    names->list[names->count] = strndup(name, len);
    return names->list[names->count] ? (names->count++, 0) : -1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Moves the names into one block: the pointers first, the texts behind them. NULL when there is no memory. */
static char **names_pack(const struct names *names)
{
    size_t size = (names->count + 1) * sizeof(char *);
    for (size_t i = 0; i < names->count; i++)
        size += strlen(names->list[i]) + 1;
    char **packed = malloc(size);
    if (!packed)
        return NULL;
    char *text = (char *)(packed + names->count + 1);
    for (size_t i = 0; i < names->count; i++) {
        packed[i] = text;
        text = stpcpy(text, names->list[i]) + 1;
    }
    packed[names->count] = NULL;
    return packed;
}

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
}

/* Adds the entry if it is the socket of a pipeline that runs. -1: no memory. */
static int consider(struct names *names, const char *dir_path, const char *entry)
{
    size_t len = strlen(entry), suffix = strlen(SUFFIX);
    char name[SOCKET_NAME_MAX + 1], ignored[128];
    struct sockaddr_un address;
    pid_t pid;
    if (len <= suffix || len - suffix > SOCKET_NAME_MAX || strcmp(entry + len - suffix, SUFFIX) != 0)
        return 0;
    snprintf(name, sizeof name, "%.*s", (int)(len - suffix), entry);
    if (!socket_name_ok(name) || address_make(&address, dir_path, name, ignored, sizeof ignored) != 0)
        return 0;
    return address_alive(&address, &pid) ? names_add(names, name, strlen(name)) : 0;
}

static int names_scan(struct names *names, int dir, const char *dir_path)
{
    int copy = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    if (!stream) {
        if (copy >= 0)
            close(copy);
        return -1;
    }
    int status = 0;
    for (struct dirent *entry; status == 0 && (entry = readdir(stream));)
        status = consider(names, dir_path, entry->d_name);
    closedir(stream);
    return status;
}

int socket_names(char ***names, size_t *count, char *error, size_t size)
{
    char dir_path[SOCKET_PATH_MAX];
    struct names found = {0};
    int dir = directory_lock(false, dir_path, error, size);
    if (dir < 0 && errno != ENOENT)
        return -1;
    int status = dir >= 0 ? names_scan(&found, dir, dir_path) : 0;
    if (dir >= 0)
        close(dir);
    if (found.count)
        qsort(found.list, found.count, sizeof *found.list, by_name);
    *names = status == 0 ? names_pack(&found) : NULL;
    *count = found.count;
    names_free(&found);
    return *names ? 0 : fail(error, size, "cannot list %s: %s", dir_path, strerror(errno));
}

/* ---- being a client --------------------------------------------------------------------------------------------------- */

static int fail_unknown(const char *name, char *error, size_t size)
{
    char **names, ignored[128];
    size_t count = 0;
    int len = snprintf(error, size, "no pipeline called \"%s\" is running", name);
    if (socket_names(&names, &count, ignored, sizeof ignored) != 0)
        return -1;
    if (count == 0)
        snprintf(error + len, (size_t)len < size ? size - (size_t)len : 0, "; none is");
    for (size_t i = 0; i < count && (size_t)len < size; i++)
        len += snprintf(error + len, size - (size_t)len, "%s%s", i ? ", " : "; running: ", names[i]);
    free(names);
    return -1;
}

int socket_connect(const char *name, pid_t *pid, char *error, size_t size)
{
    char dir_path[SOCKET_PATH_MAX];
    struct sockaddr_un address;
    if (!socket_name_ok(name))
        return fail_unknown(name, error, size);
    int dir = directory_lock(false, dir_path, error, size);
    if (dir < 0)
        return errno == ENOENT ? fail_unknown(name, error, size) : -1;
    close(dir); /* it was checked; waiting for a connection with the lock held would hold up others */
    if (address_make(&address, dir_path, name, error, size) != 0)
        return -1;
    int fd = address_connect(&address, CONNECT_WAIT_S);
    if (fd < 0 && (errno == ENOENT || errno == ECONNREFUSED))
        return fail_unknown(name, error, size);
    if (fd < 0)
        return fail(error, size, "cannot connect to \"%s\": %s", name, strerror(errno));
    *pid = peer_pid(fd);
    return fd;
}
