/*
 * A library that is loaded before the C library (LD_PRELOAD) and stands between a process and the
 * files below one directory. The tests use it to record what a process does to its disk, to end or
 * fail the process at one chosen call, to slow the disk down, and to move the clock.
 *
 *   DISK_ROOT     the directory; calls on other files pass through
 *   DISK_RECORD   a file that receives one record for each call that changes a file
 *   DISK_FAULT    NUMBER:KIND, what happens at the call with this number, counted from 1
 *   DISK_CONTROL  a file of struct control, which a test changes while the process runs
 *
 * A record is struct head, the path, the second path of a rename, and the bytes of a write. Calls
 * are recorded in the order in which they took effect. A sync has two records: one when it began,
 * one when it returned.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The kinds of calls, as recorded. */
enum kind {
    CREATE = 1,
    MAKE_DIRECTORY,
    WRITE,
    SET_LENGTH,
    ALLOCATE,
    RENAME,
    UNLINK,
    REMOVE_DIRECTORY,
    SYNC_BEGIN,
    SYNC_END,
    SYNC_RANGE_BEGIN,
    SYNC_RANGE_END,
};

struct head {
    uint32_t kind;
    uint32_t path;   /* bytes of the path */
    uint32_t second; /* bytes of the second path */
    uint32_t bytes;  /* bytes of data */
    uint64_t inode;
    uint64_t offset; /* of a write; the length for SET_LENGTH; the end for ALLOCATE; 1 for fsync */
};

/* What a test changes while the process runs. */
struct control {
    uint64_t write_delay_ms;
    uint64_t sync_delay_ms;
    uint64_t write_error; /* an errno, or 0 */
    uint64_t sync_error;  /* an errno, or 0 */
    int64_t clock_ms;     /* added to the wall clock */
    uint64_t calls;       /* counted by the library: calls that change a file */
};

enum fault { NONE, KILL, KILL_HALF, ERROR_ONCE, NO_SPACE, SHORT };

static const char *root;
static size_t root_length;
static int record_fd = -1;
static uint64_t fault_at;
static enum fault fault;
static struct control no_control;
static volatile struct control *control = &no_control;
static int full;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name, result, ...)                                                                    \
    static result (*real)(__VA_ARGS__);                                                            \
    if (!real) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static ssize_t real_write(int fd, const void *data, size_t length) {
    REAL("write", ssize_t, int, const void *, size_t);
    return real(fd, data, length);
}

static int real_open(const char *path, int flags, mode_t mode) {
    REAL("open", int, const char *, int, ...);
    return real(path, flags, mode);
}

static enum fault fault_named(const char *name) {
    if (!strcmp(name, "kill")) return KILL;
    if (!strcmp(name, "kill-half")) return KILL_HALF;
    if (!strcmp(name, "error")) return ERROR_ONCE;
    if (!strcmp(name, "no-space")) return NO_SPACE;
    if (!strcmp(name, "short")) return SHORT;
    fprintf(stderr, "disk.c: unknown fault %s\n", name);
    _exit(99);
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("DISK_ROOT");
    if (!path) return;
    root = strdup(path);
    root_length = strlen(root);
    if ((path = getenv("DISK_RECORD")))
        record_fd = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if ((path = getenv("DISK_FAULT"))) {
        char *end;
        fault_at = strtoull(path, &end, 10);
        fault = fault_named(*end ? end + 1 : end);
    }
    if ((path = getenv("DISK_CONTROL"))) {
        int fd = real_open(path, O_RDWR | O_CLOEXEC, 0);
        void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (fd < 0 || mapped == MAP_FAILED) {
            fprintf(stderr, "disk.c: no control file\n");
            _exit(99);
        }
        control = mapped;
        close(fd);
    }
}

/* The lower part of a path below the root, or NULL. The root itself is "". */
static const char *below(const char *path) {
    if (!root || !path || strncmp(path, root, root_length)) return NULL;
    if (!path[root_length]) return path + root_length;
    return path[root_length] == '/' ? path + root_length + 1 : NULL;
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

/* The absolute path that a call names. */
static const char *absolute(int directory, const char *path, char *space) {
    if (!path) return NULL;
    if (path[0] == '/') return path;
    if (directory == AT_FDCWD) {
        if (!getcwd(space, PATH_MAX)) return NULL;
    } else if (!path_of(directory, space)) {
        return NULL;
    }
    size_t length = strlen(space);
    if (PATH_MAX <= length + 1 + strlen(path)) return NULL;
    snprintf(space + length, PATH_MAX - length, "/%s", path);
    return space;
}

static void all(const void *data, size_t length) {
    while (length) {
        ssize_t written = real_write(record_fd, data, length);
        if (written <= 0) _exit(98);
        data = (const char *)data + written;
        length -= written;
    }
}

static void record(enum kind kind, uint64_t inode, const char *path, const char *second,
                   uint64_t offset, const void *data, size_t bytes) {
    if (record_fd < 0) return;
    struct head head = {kind,         strlen(path), second ? strlen(second) : 0,
                        data ? bytes : 0, inode,        offset};
    all(&head, sizeof head);
    all(path, head.path);
    if (second) all(second, head.second);
    if (data) all(data, bytes);
}

static uint64_t inode_of(int fd) {
    struct stat stat;
    return fstat(fd, &stat) ? 0 : stat.st_ino;
}

static uint64_t inode_at(const char *path) {
    struct stat stat;
    return lstat(path, &stat) ? 0 : stat.st_ino;
}

/* Pauses in short steps, so that a test ends the pause when it sets a shorter one. */
static void pause_ms(volatile uint64_t *ms) {
    for (uint64_t paused = 0; paused < *ms;) {
        uint64_t step = *ms - paused < 10 ? *ms - paused : 10;
        struct timespec time = {0, step * 1000000};
        while (nanosleep(&time, &time) && errno == EINTR) {}
        paused += step;
    }
}

/* What is to happen at a call: NONE to let it pass. Returns with the lock held. */
static enum fault enter(int is_sync) {
    pause_ms(is_sync ? &control->sync_delay_ms : &control->write_delay_ms);
    pthread_mutex_lock(&lock);
    uint64_t number = ++control->calls;
    enum fault now = number == fault_at ? fault : NONE;
    if (now == KILL) _exit(97);
    if (now == NO_SPACE) full = 1;
    uint64_t error = is_sync ? control->sync_error : control->write_error;
    if (now == ERROR_ONCE) error = EIO;
    if (full && !is_sync) error = ENOSPC;
    if (error) {
        errno = error;
        return ERROR_ONCE;
    }
    return now;
}

static void leave(enum fault now) {
    if (now == KILL_HALF) _exit(97);
    int kept = errno;
    pthread_mutex_unlock(&lock);
    errno = kept;
}

static int fails(enum fault now) {
    if (now != ERROR_ONCE) return 0;
    leave(NONE);
    return 1;
}

/* --- Names ------------------------------------------------------------------------------------ */

static int open_below(int directory, const char *path, int flags, mode_t mode, const char *named) {
    REAL("openat", int, int, const char *, int, ...);
    const char *lower = below(named);
    struct stat before;
    int changes = lower && flags & (O_CREAT | O_TRUNC) && !(flags & O_TMPFILE & ~O_DIRECTORY);
    if (!changes) return real(directory, path, flags, mode);
    int is_there = !stat(named, &before);
    if (is_there && (!(flags & O_TRUNC) || !before.st_size))
        return real(directory, path, flags, mode);
    enum fault now = enter(0);
    if (fails(now)) return -1;
    int fd = real(directory, path, flags, mode);
    if (0 <= fd) {
        if (!is_there) record(CREATE, inode_of(fd), lower, NULL, 0, NULL, 0);
        else record(SET_LENGTH, inode_of(fd), lower, NULL, 0, NULL, 0);
    }
    leave(now);
    return fd;
}

static int open_named(int directory, const char *path, int flags, mode_t mode) {
    char space[PATH_MAX];
    int kept = errno;
    const char *named = absolute(directory, path, space);
    errno = kept;
    return open_below(directory, path, flags, mode, named);
}

#define MODE                                                                                       \
    mode_t mode = 0;                                                                               \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                           \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode = va_arg(rest, mode_t);                                                               \
        va_end(rest);                                                                              \
    }

int open(const char *path, int flags, ...) {
    MODE;
    return open_named(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE;
    return open_named(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int directory, const char *path, int flags, ...) {
    MODE;
    return open_named(directory, path, flags, mode);
}

int openat64(int directory, const char *path, int flags, ...) {
    MODE;
    return open_named(directory, path, flags | O_LARGEFILE, mode);
}

int mkdirat(int directory, const char *path, mode_t mode) {
    REAL("mkdirat", int, int, const char *, mode_t);
    char space[PATH_MAX];
    const char *named = absolute(directory, path, space), *lower = below(named);
    if (!lower || inode_at(named)) return real(directory, path, mode);
    enum fault now = enter(0);
    if (fails(now)) return -1;
    int result = real(directory, path, mode);
    if (!result) record(MAKE_DIRECTORY, inode_at(named), lower, NULL, 0, NULL, 0);
    leave(now);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    return mkdirat(AT_FDCWD, path, mode);
}

int renameat(int from, const char *old, int to, const char *new) {
    REAL("renameat", int, int, const char *, int, const char *);
    char spaces[2][PATH_MAX];
    const char *named = absolute(from, old, spaces[0]);
    const char *lower = below(named), *upper = below(absolute(to, new, spaces[1]));
    if (!lower || !upper) return real(from, old, to, new);
    enum fault now = enter(0);
    if (fails(now)) return -1;
    uint64_t inode = inode_at(named);
    int result = real(from, old, to, new);
    if (!result) record(RENAME, inode, lower, upper, 0, NULL, 0);
    leave(now);
    return result;
}

int rename(const char *old, const char *new) {
    return renameat(AT_FDCWD, old, AT_FDCWD, new);
}

int unlinkat(int directory, const char *path, int flags) {
    REAL("unlinkat", int, int, const char *, int);
    char space[PATH_MAX];
    const char *named = absolute(directory, path, space), *lower = below(named);
    uint64_t inode = lower ? inode_at(named) : 0;
    if (!inode) return real(directory, path, flags);
    enum fault now = enter(0);
    if (fails(now)) return -1;
    int result = real(directory, path, flags);
    enum kind kind = flags & AT_REMOVEDIR ? REMOVE_DIRECTORY : UNLINK;
    if (!result) record(kind, inode, lower, NULL, 0, NULL, 0);
    leave(now);
    return result;
}

int unlink(const char *path) {
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path) {
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

/* --- Contents --------------------------------------------------------------------------------- */

static const char *lower_of(int fd, char *space) {
    return root && path_of(fd, space) ? below(space) : NULL;
}

/* A negative offset is the position of the file. */
static ssize_t put(int fd, const void *data, size_t length, off64_t offset) {
    REAL("pwrite64", ssize_t, int, const void *, size_t, off64_t);
    char space[PATH_MAX];
    int kept = errno;
    const char *lower = lower_of(fd, space);
    errno = kept;
    if (!lower) return offset < 0 ? real_write(fd, data, length) : real(fd, data, length, offset);
    enum fault now = enter(0);
    if (fails(now)) return -1;
    if (now == SHORT || now == KILL_HALF) length = (length + 1) / 2;
    off64_t at = offset;
    if (offset < 0)
        at = fcntl(fd, F_GETFL) & O_APPEND ? lseek64(fd, 0, SEEK_END) : lseek64(fd, 0, SEEK_CUR);
    ssize_t written = offset < 0 ? real_write(fd, data, length) : real(fd, data, length, offset);
    if (0 < written) record(WRITE, inode_of(fd), lower, NULL, at, data, written);
    leave(now);
    return written;
}

ssize_t write(int fd, const void *data, size_t length) {
    return put(fd, data, length, -1);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    return put(fd, data, length, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    return put(fd, data, length, offset);
}

/* A short write is a valid answer, so only the first part is written. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL("writev", ssize_t, int, const struct iovec *, int);
    char space[PATH_MAX];
    if (!lower_of(fd, space)) return real(fd, parts, count);
    for (int part = 0; part < count; part++)
        if (parts[part].iov_len) return put(fd, parts[part].iov_base, parts[part].iov_len, -1);
    return 0;
}

static int set_length(int fd, off64_t length) {
    REAL("ftruncate64", int, int, off64_t);
    char space[PATH_MAX];
    const char *lower = lower_of(fd, space);
    if (!lower) return real(fd, length);
    enum fault now = enter(0);
    if (fails(now)) return -1;
    int result = real(fd, length);
    if (!result) record(SET_LENGTH, inode_of(fd), lower, NULL, length, NULL, 0);
    leave(now);
    return result;
}

int ftruncate(int fd, off_t length) {
    return set_length(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    return set_length(fd, length);
}

static int allocate(int fd, int mode, off64_t offset, off64_t length) {
    REAL("fallocate64", int, int, int, off64_t, off64_t);
    char space[PATH_MAX];
    const char *lower = lower_of(fd, space);
    if (!lower) return real(fd, mode, offset, length);
    enum fault now = enter(0);
    if (fails(now)) return -1;
    int result = real(fd, mode, offset, length);
    if (!result) record(ALLOCATE, inode_of(fd), lower, NULL, offset + length, NULL, 0);
    leave(now);
    return result;
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
    return allocate(fd, mode, offset, length);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
    return allocate(fd, mode, offset, length);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
    return allocate(fd, 0, offset, length) ? errno : 0;
}

int posix_fallocate64(int fd, off64_t offset, off64_t length) {
    return allocate(fd, 0, offset, length) ? errno : 0;
}

/* --- Durability ------------------------------------------------------------------------------- */

static int sync_begins(int fd, enum kind kind, const char *lower, uint64_t *inode, int whole) {
    enum fault now = enter(1);
    if (now == SHORT) now = NONE;
    if (fails(now)) return 0;
    *inode = inode_of(fd);
    record(kind, *inode, lower, NULL, whole, NULL, 0);
    leave(now);
    return 1;
}

static void sync_ends(enum kind kind, const char *lower, uint64_t inode, int whole, int result) {
    if (result) return;
    int kept = errno;
    pthread_mutex_lock(&lock);
    record(kind, inode, lower, NULL, whole, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = kept;
}

int fsync(int fd) {
    REAL("fsync", int, int);
    char space[PATH_MAX];
    const char *lower = lower_of(fd, space);
    uint64_t inode = 0;
    if (!lower) return real(fd);
    if (!sync_begins(fd, SYNC_BEGIN, lower, &inode, 1)) return -1;
    int result = real(fd);
    sync_ends(SYNC_END, lower, inode, 1, result);
    return result;
}

int fdatasync(int fd) {
    REAL("fdatasync", int, int);
    char space[PATH_MAX];
    const char *lower = lower_of(fd, space);
    uint64_t inode = 0;
    if (!lower) return real(fd);
    if (!sync_begins(fd, SYNC_BEGIN, lower, &inode, 0)) return -1;
    int result = real(fd);
    sync_ends(SYNC_END, lower, inode, 0, result);
    return result;
}

int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
    REAL("sync_file_range", int, int, off64_t, off64_t, unsigned);
    char space[PATH_MAX];
    const char *lower = lower_of(fd, space);
    uint64_t inode = 0;
    if (!lower) return real(fd, offset, length, flags);
    if (!sync_begins(fd, SYNC_RANGE_BEGIN, lower, &inode, 0)) return -1;
    int result = real(fd, offset, length, flags);
    sync_ends(SYNC_RANGE_END, lower, inode, 0, result);
    return result;
}

/* --- The clock -------------------------------------------------------------------------------- */

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL("clock_gettime", int, clockid_t, struct timespec *);
    int result = real(clock, time);
    if (result || clock != CLOCK_REALTIME || !control->clock_ms) return result;
    int64_t ns = time->tv_nsec + (control->clock_ms % 1000) * 1000000;
    time->tv_sec += control->clock_ms / 1000;
    if (ns < 0) {
        ns += 1000000000;
        time->tv_sec -= 1;
    } else if (1000000000 <= ns) {
        ns -= 1000000000;
        time->tv_sec += 1;
    }
    time->tv_nsec = ns;
    return 0;
}
