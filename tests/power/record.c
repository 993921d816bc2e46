/* Records, in one order for all processes that load it, every change to files below POWER_ROOT, and every sync, in the
 * file POWER_LOG. Loaded with LD_PRELOAD; disk.rs reads the log. A change that succeeds is recorded, under a lock that is
 * held from before the change until its record is written.
 *
 *   record = op u8 | number u64 | bytes of path u32 | bytes of data u32 | path | data      little-endian
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, WRITE, SIZE, SYNC, RENAME, REMOVE, MKDIR, LINK, OTHER };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int out = -1;
static char root[PATH_MAX];

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("POWER_LOG"), *dir = getenv("POWER_ROOT");
    if (!log || !dir || strlen(dir) >= sizeof root) return;
    strcpy(root, dir);
    out = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
}

static void enter(void) {
    pthread_mutex_lock(&lock);
    syscall(SYS_flock, out, LOCK_EX);
}

static void leave(void) {
    int kept = errno;
    syscall(SYS_flock, out, LOCK_UN);
    pthread_mutex_unlock(&lock);
    errno = kept;
}

static int below(const char *path) {
    size_t n = strlen(root);
    return out >= 0 && n > 0 && strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == 0);
}

/* A record that cannot be written whole would falsify everything after it. */
static void record(uint8_t op, uint64_t number, const char *path, const void *data, uint32_t bytes) {
    uint32_t length = strlen(path);
    char head[17];
    head[0] = op;
    memcpy(head + 1, &number, 8);
    memcpy(head + 9, &length, 4);
    memcpy(head + 13, &bytes, 4);
    struct iovec parts[] = {{head, sizeof head}, {(void *)path, length}, {(void *)data, bytes}};
    ssize_t whole = (ssize_t)sizeof head + length + bytes;
    if (syscall(SYS_writev, out, parts, 3) != whole) abort();
}

/* The path of an open file below the root. A removed one has none any more. */
static int of_fd(int fd, char *path) {
    if (out < 0 || fd < 0 || fd == out) return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int kept = errno;
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    errno = kept;
    if (n <= 0) return 0;
    path[n] = 0;
    return below(path) && !strstr(path, " (deleted)");
}

/* The absolute path of a name, as it was given. */
static int of_name(int dir, const char *name, char *path) {
    if (out < 0 || !name) return 0;
    if (name[0] == '/') {
        if (strlen(name) >= PATH_MAX) return 0;
        strcpy(path, name);
    } else {
        char base[PATH_MAX], link[64];
        if (dir == AT_FDCWD) strcpy(link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
        ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, base, sizeof base - 1);
        if (n <= 0) return 0;
        base[n] = 0;
        if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) return 0;
    }
    return below(path);
}

static int do_open(int dir, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    if (!(flags & (O_CREAT | O_TRUNC)) || !of_name(dir, name, path))
        return syscall(SYS_openat, dir, name, flags, mode);
    enter();
    struct stat before, after;
    int was = fstatat(dir, name, &before, 0) == 0;
    int fd = syscall(SYS_openat, dir, name, flags, mode);
    if (fd >= 0 && fstat(fd, &after) == 0) {
        if (!was) record(CREATE, after.st_mode & 07777, path, "", 0);
        else if (flags & O_TRUNC) record(SIZE, 0, path, "", 0);
    }
    leave();
    return fd;
}

#define MODE                                      \
    mode_t mode = 0;                              \
    if (flags & (O_CREAT | O_TMPFILE)) {          \
        va_list more;                             \
        va_start(more, flags);                    \
        mode = va_arg(more, mode_t);              \
        va_end(more);                             \
    }

int open(const char *name, int flags, ...) { MODE return do_open(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE return do_open(AT_FDCWD, name, flags | O_LARGEFILE, mode); }
int openat(int dir, const char *name, int flags, ...) { MODE return do_open(dir, name, flags, mode); }
int openat64(int dir, const char *name, int flags, ...) { MODE return do_open(dir, name, flags | O_LARGEFILE, mode); }
int creat(const char *name, mode_t mode) { return do_open(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *name, mode_t mode) { return creat(name, mode); }

/* Where a write without a place of its own begins. */
static off_t place(int fd) {
    struct stat now;
    if (syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND) return fstat(fd, &now) == 0 ? now.st_size : 0;
    return syscall(SYS_lseek, fd, 0, SEEK_CUR);
}

static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t at, int placed) {
    char path[PATH_MAX];
    if (!of_fd(fd, path))
        return placed ? syscall(SYS_pwritev, fd, parts, count, at, 0) : syscall(SYS_writev, fd, parts, count);
    enter();
    if (!placed) at = place(fd);
    ssize_t done = placed ? syscall(SYS_pwritev, fd, parts, count, at, 0) : syscall(SYS_writev, fd, parts, count);
    ssize_t left = done;
    for (int i = 0; i < count && left > 0; i++) {
        size_t now = parts[i].iov_len < (size_t)left ? parts[i].iov_len : (size_t)left;
        record(WRITE, at, path, parts[i].iov_base, now);
        at += now;
        left -= now;
    }
    leave();
    return done;
}

ssize_t write(int fd, const void *data, size_t bytes) {
    struct iovec one = {(void *)data, bytes};
    return write_parts(fd, &one, 1, 0, 0);
}
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at) {
    struct iovec one = {(void *)data, bytes};
    return write_parts(fd, &one, 1, at, 1);
}
ssize_t pwrite64(int fd, const void *data, size_t bytes, off_t at) { return pwrite(fd, data, bytes, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return write_parts(fd, parts, count, 0, 0); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return write_parts(fd, parts, count, at, 1); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) { return write_parts(fd, parts, count, at, 1); }

/* A change after which the file has the size that it has then. */
#define SIZED(call)                                              \
    char path[PATH_MAX];                                         \
    if (!of_fd(fd, path)) return call;                           \
    enter();                                                     \
    int done = call;                                             \
    struct stat now;                                             \
    if (done == 0 && fstat(fd, &now) == 0) record(SIZE, now.st_size, path, "", 0); \
    leave();                                                     \
    return done;

int ftruncate(int fd, off_t to) { SIZED(syscall(SYS_ftruncate, fd, to)) }
int ftruncate64(int fd, off_t to) { return ftruncate(fd, to); }
int fallocate(int fd, int mode, off_t at, off_t bytes) { SIZED(syscall(SYS_fallocate, fd, mode, at, bytes)) }
int fallocate64(int fd, int mode, off_t at, off_t bytes) { return fallocate(fd, mode, at, bytes); }
int posix_fallocate(int fd, off_t at, off_t bytes) { return fallocate(fd, 0, at, bytes) == 0 ? 0 : errno; }
int posix_fallocate64(int fd, off_t at, off_t bytes) { return posix_fallocate(fd, at, bytes); }

static int do_sync(int fd, long call) {
    char path[PATH_MAX];
    if (!of_fd(fd, path)) return syscall(call, fd);
    enter();
    int done = syscall(call, fd);
    if (done == 0) record(SYNC, 0, path, "", 0);
    leave();
    return done;
}
int fsync(int fd) { return do_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return do_sync(fd, SYS_fdatasync); }

/* A change of names: what `call` does to `name` in `dir`. */
#define NAMED(op, number, dir, name, call)                       \
    char path[PATH_MAX];                                         \
    if (!of_name(dir, name, path)) return call;                  \
    enter();                                                     \
    int done = call;                                             \
    if (done == 0) record(op, number, path, "", 0);              \
    leave();                                                     \
    return done;

int unlinkat(int dir, const char *name, int flags) { NAMED(REMOVE, 0, dir, name, syscall(SYS_unlinkat, dir, name, flags)) }
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
int remove(const char *name) {
    int done = unlink(name);
    return done != 0 && errno == EISDIR ? rmdir(name) : done;
}
int mkdirat(int dir, const char *name, mode_t mode) { NAMED(MKDIR, mode, dir, name, syscall(SYS_mkdirat, dir, name, mode)) }
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char old[PATH_MAX], new[PATH_MAX];
    int one = of_name(from_dir, from, old), other = of_name(to_dir, to, new);
    if (!one && !other) return syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    enter();
    int done = syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    if (done == 0) record(one && other && flags == 0 ? RENAME : OTHER, 0, old, new, strlen(new));
    leave();
    return done;
}
int renameat(int from_dir, const char *from, int to_dir, const char *to) { return renameat2(from_dir, from, to_dir, to, 0); }
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    char old[PATH_MAX], new[PATH_MAX];
    int one = of_name(from_dir, from, old), other = of_name(to_dir, to, new);
    if (!one && !other) return syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    enter();
    int done = syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    if (done == 0) record(one && other ? LINK : OTHER, 0, old, new, strlen(new));
    leave();
    return done;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

/* What the replay has no model of: it refuses a log in which one of these is. */
int symlinkat(const char *to, int dir, const char *name) { NAMED(OTHER, 0, dir, name, syscall(SYS_symlinkat, to, dir, name)) }
int symlink(const char *to, const char *name) { return symlinkat(to, AT_FDCWD, name); }
int truncate(const char *name, off_t to) { NAMED(OTHER, 0, AT_FDCWD, name, syscall(SYS_truncate, name, to)) }
int truncate64(const char *name, off_t to) { return truncate(name, to); }

void *mmap(void *at, size_t bytes, int how, int flags, int fd, off_t from) {
    char path[PATH_MAX];
    void *mapped = (void *)syscall(SYS_mmap, at, bytes, how, flags, fd, from);
    if (mapped != MAP_FAILED && (flags & MAP_SHARED) && (how & PROT_WRITE) && of_fd(fd, path)) {
        enter();
        record(OTHER, 0, path, "", 0);
        leave();
    }
    return mapped;
}
void *mmap64(void *at, size_t bytes, int how, int flags, int fd, off_t from) { return mmap(at, bytes, how, flags, fd, from); }
