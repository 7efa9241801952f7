/* SPDX-License-Identifier: MIT */
/*
 * file: the lines of a file, a pipe or a device; with follow=yes also those that are still to be written.
 *
 * FOLLOWING is a loop of three steps: read to the end, look whether the file under the path is still ours, wait for a change. The
 * watches are set before the look that they guard, so whatever changes after the look ends the wait. When another file has
 * taken the path, ours is read to its end once more before it is left, because its writer may have added to it in between.
 *
 *       read ---- bytes ----> put out, read again
 *        | end
 *       look ---- same -----> wait, read again
 *        |  \---- shorter --> put out the piece at hand, go back to the start
 *        | another file
 *       read to the end ----> put out the piece at hand, open the other
 *
 * Where inotify cannot tell of changes (a directory that is missing, a network file system, a symbolic link whose target may
 * move), the wait ends by itself every quarter of a second. Not noticed: a file that was cut and has grown past our position
 * before we looked; a symbolic link further up in the path that is pointed elsewhere.
 */
#include "connectors/lines.h"
#include "stages/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LOOK_MS 250 /* between two looks where nobody tells of changes */

enum change { SAME, SHORTER, REPLACED };

struct source {
    struct lines_in in;
    int fd; /* -1: there is no file under the path now */
    bool follow;
    bool from_end;
    bool fifo;
    bool last_read;   /* another file has the path: ours is being read to its end for the last time */
    enum change then; /* what to do once the last piece, in.ended, is out */
    int notify;       /* inotify, or -1 */
    int directory_watch, file_watch;
    bool told; /* inotify tells of every change that matters, as far as the last look knew */
    char *directory;
    char *label;
    char path[];
};

enum { PATH, FOLLOW, FROM, LINE_MAX_BYTES };
enum { FROM_START, FROM_END };

static const struct option_desc options[] = {
    {.name = "path", .kind = OPTION_TEXT, .positional = true, .required = true, .help = "the file, pipe or device to read"},
    {.name = "follow", .kind = OPTION_FLAG, .deflt = "no", .help = "wait for more at the end, also across rotation"},
    {.name = "from",
     .kind = OPTION_CHOICE,
     .deflt = "start",
     .choices = "start end",
     .help = "where to begin in a file that is there at the start"},
    {.name = "line_max", .kind = OPTION_COUNT, .deflt = LINES_MAX_DEFAULT_TEXT, .help = "a line of more bytes is an error"},
    {0},
};

static const char *const examples[] = {"file access.log | grep ' 500 '",
                                       "file /var/log/syslog follow=yes from=end | grep error ignore_case=yes", NULL};

/* ---- being told of changes -------------------------------------------------------------------------------------------- */

/* inotify sees only what this machine does to a file. */
static bool is_remote(int fd)
{
    struct statfs info;
    if (fstatfs(fd, &info) != 0)
        return true;
    switch ((unsigned long)info.f_type & 0xffffffffUL) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
    case FUSE_SUPER_MAGIC:
    case V9FS_MAGIC:
    case CEPH_SUPER_MAGIC:
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
        return true;
    default:
        return false;
    }
}

/* Each look asks anew: the directory may have been made, or replaced, since. It costs a microsecond when nothing has changed. */
static bool watch_directory(struct source *s)
{
    uint32_t events = IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
    int watch = s->notify < 0 ? -1 : inotify_add_watch(s->notify, s->directory, events);
    if (s->directory_watch >= 0 && s->directory_watch != watch)
        inotify_rm_watch(s->notify, s->directory_watch);
    s->directory_watch = watch;
    return watch >= 0;
}

/* Watches the file that is open, whatever its path is by now. */
static void watch_file(struct source *s)
{
    char self[32];
    if (s->file_watch >= 0)
        inotify_rm_watch(s->notify, s->file_watch);
    s->file_watch = -1;
    if (s->notify < 0 || is_remote(s->fd))
        return;
    snprintf(self, sizeof self, "/proc/self/fd/%d", s->fd);
    s->file_watch = inotify_add_watch(s->notify, self, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF);
}

/* Sets the watches that are missing, before the look or the opening that they guard. */
static void watch(struct source *s)
{
    struct stat info;
    bool is_link = lstat(s->path, &info) == 0 && S_ISLNK(info.st_mode);
    s->told = watch_directory(s) && !is_link && (s->fd < 0 || s->file_watch >= 0);
}

static int wait_for_change(struct source *s)
{
    char events[4096];
    int ready = lines_in_wait(&s->in, s->notify, s->told ? -1 : LOOK_MS);
    if (ready < 0)
        return -1;
    if (ready) /* the next look sees all; what the events say in detail does not matter */
        while (read(s->notify, events, sizeof events) > 0)
            ;
    return WEIR_MORE;
}

/* ---- opening ---------------------------------------------------------------------------------------------------------- */

/* Opens without waiting for the writer of a FIFO: poll() waits for it later, where it can be interrupted. */
static int open_path(const struct source *s)
{
    return open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static int fail_open(const struct source *s, int error)
{
    return weir_fail("file: cannot open \"%s\": %s", s->path, strerror(error));
}

/* Reads fd, an open file or -1, from now on, and closes the one before. 0, or -1 after weir_fail(). */
static int use(struct source *s, int fd)
{
    struct stat info = {0};
    int before = s->fd;
    s->fd = fd;
    if (before >= 0)
        close(before);
    if (fd >= 0 && fstat(fd, &info) != 0)
        return fail_open(s, errno);
    if (fd >= 0 && S_ISDIR(info.st_mode))
        return fail_open(s, EISDIR);
    s->fifo = S_ISFIFO(info.st_mode);
    s->last_read = false;
    if (lines_in_use(&s->in, fd) != 0)
        return -1;
    if (s->follow && fd >= 0)
        watch_file(s);
    return 0;
}

/* While following, a file that is missing is waited for, and one that may not be read yet is tried again. */
static int open_again(struct source *s)
{
    watch(s);
    int fd = open_path(s);
    if (fd < 0 && errno == EACCES)
        s->told = false;
    else if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ENXIO)
        return fail_open(s, errno);
    return use(s, fd);
}

static int source_open(void *state)
{
    struct source *s = state;
    if (lines_in_open(&s->in) != 0)
        return -1;
    if (s->follow) {
        s->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        watch(s);
    }
    int fd = open_path(s);
    if (fd < 0 && !(s->follow && errno == ENOENT))
        return fail_open(s, errno);
    if (use(s, fd) != 0)
        return -1;
    if (s->from_end && fd >= 0 && !s->in.waits && lseek(fd, 0, SEEK_END) < 0)
        return weir_fail("%s: cannot find the end: %s", s->label, strerror(errno));
    return 0;
}

/* ---- following -------------------------------------------------------------------------------------------------------- */

/* At the end of a regular file: what has become of it? */
static enum change look(struct source *s)
{
    struct stat ours, named;
    watch(s);
    if (fstat(s->fd, &ours) != 0)
        return SAME;
    if (ours.st_size < lseek(s->fd, 0, SEEK_CUR))
        return SHORTER;
    if (stat(s->path, &named) != 0 || (named.st_ino == ours.st_ino && named.st_dev == ours.st_dev))
        return SAME;
    return REPLACED;
}

/* The piece at hand is a line now: it will not be continued. */
static int leave(struct source *s, enum change then)
{
    s->in.ended = true;
    s->then = then;
    return WEIR_MORE;
}

static int at_end(struct source *s)
{
    if (s->fifo || s->last_read)
        return leave(s, REPLACED);
    if (s->in.waits) {
        s->follow = false; /* the end of a device or a terminal is the end */
        return leave(s, SAME);
    }
    switch (look(s)) {
    case SHORTER:
        return leave(s, SHORTER);
    case REPLACED:
        s->last_read = true;
        return WEIR_MORE;
    case SAME:
        break;
    }
    return wait_for_change(s);
}

/* The last piece is out: on to what comes next. */
static int go_on(struct source *s)
{
    if (s->then == REPLACED)
        return open_again(s) != 0 ? -1 : WEIR_MORE;
    if (lseek(s->fd, 0, SEEK_SET) < 0)
        return weir_fail("%s: cannot go back to the start: %s", s->label, strerror(errno));
    return lines_in_use(&s->in, s->fd) != 0 ? -1 : WEIR_MORE;
}

static int wait_for_file(struct source *s)
{
    if (open_again(s) != 0)
        return -1;
    return s->fd >= 0 ? WEIR_MORE : wait_for_change(s);
}

static int follow_pull(struct source *s, weir_out *out)
{
    int emitted = lines_in_emit(&s->in, out);
    if (emitted != 0)
        return emitted < 0 ? -1 : WEIR_MORE;
    if (s->in.ended)
        return go_on(s);
    if (s->fd < 0)
        return wait_for_file(s);
    int ready = s->in.waits ? lines_in_wait(&s->in, s->fd, -1) : 1;
    if (ready <= 0)
        return ready < 0 ? -1 : WEIR_MORE;
    switch (lines_in_read(&s->in, out)) {
    case LINES_FAILED:
        s->follow = !s->in.ended; /* a file that cannot be read is not worth following */
        return -1;
    case LINES_END:
        return at_end(s);
    case LINES_GOT:
    case LINES_NOTHING_NOW:
        break;
    }
    return lines_in_emit(&s->in, out) < 0 ? -1 : WEIR_MORE;
}

static int source_pull(void *state, weir_out *out)
{
    struct source *s = state;
    return s->follow ? follow_pull(s, out) : lines_in_pull(&s->in, out);
}

static void source_interrupt(void *state)
{
    struct source *s = state;
    lines_in_interrupt(&s->in);
}

static void source_close(void *state)
{
    struct source *s = state;
    lines_in_close(&s->in);
    if (s->fd >= 0)
        close(s->fd);
    if (s->notify >= 0)
        close(s->notify);
    free(s->directory);
    free(s->label);
    free(s);
}

/* ---- making ----------------------------------------------------------------------------------------------------------- */

/* The directory in which the path's last part stands, newly allocated. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static char *label_of(const char *path)
{
    size_t size = strlen(path) + sizeof "file \"\"";
    char *label = malloc(size);
    if (label)
        snprintf(label, size, "file \"%s\"", path);
    return label;
}

static struct source *source_new(const char *path)
{
    struct source *s = calloc(1, sizeof *s + strlen(path) + 1);
    if (!s)
        return NULL;
    strcpy(s->path, path);
    s->directory = directory_of(path);
    s->label = label_of(path);
    s->fd = s->notify = s->directory_watch = s->file_watch = -1;
    lines_in_init(&s->in, s->label, LINES_MAX_DEFAULT);
    if (s->directory && s->label)
        return s;
    source_close(s);
    return NULL;
}

static int make(const struct option_value *values, weir_stage *stage, char *error, size_t size)
{
    if (values[LINE_MAX_BYTES].number < 1) {
        snprintf(error, size, "file: line_max must be at least 1");
        return -1;
    }
    struct source *s = source_new(values[PATH].text);
    if (!s) {
        snprintf(error, size, "file: out of memory");
        return -1;
    }
    s->follow = values[FOLLOW].flag;
    s->from_end = values[FROM].choice == FROM_END;
    s->in.line_max = (size_t)values[LINE_MAX_BYTES].number;
    stage->out = WEIR_BYTES;
    stage->state = s;
    stage->open = source_open;
    stage->pull = source_pull;
    stage->interrupt = source_interrupt;
    stage->close = source_close;
    stage->blocking = true;
    return 0;
}

const struct builtin builtin_file = {
    .name = "file",
    .kind = BUILTIN_SOURCE,
    .summary = "lines of a file, and with follow=yes those still to come",
    .details =
        "The last line counts also if no newline ends it. With follow=yes the file is waited for if it is missing, read on\n"
        "as it grows, and read from the start when it was cut. When another file takes its path, the old one is read to\n"
        "its end and then the new one from its start.",
    .options = options,
    .examples = examples,
    .in = "none",
    .out = "bytes",
    .make = make,
};
