/* Makes system calls fail, or kills the process at one. Loaded with LD_PRELOAD; asked by environment:
 *
 *   FAULT_CALL   write, fsync, rename, unlink, close, open or flock
 *   FAULT_PATH   only where the file's path contains this
 *   FAULT_AT     the N-th such call, and no other (from 1 on); or, for write,
 *   FAULT_BYTES  every call from the one on that would go beyond so many bytes; what fits is written
 *   FAULT_DO     a number: fail with that errno; "kill" or "stop": that signal; "short": write half
 *   FAULT_LOG    append "call path" of every such call of every process to this file
 *
 * The environment is read at each call, so that a process can be asked after it has begun.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
enum { GO_ON, FAIL, SHORT };  /* SHORT: with a smaller size */
static long calls, bytes;

static const char *path_of(int fd) {
    static __thread char path[4096];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long size = syscall(SYS_readlink, link, path, sizeof path - 1);
    path[size < 0 ? 0 : size] = 0;
    return path;
}

static void record(const char *call, const char *path) {
    const char *log = getenv("FAULT_LOG");
    if (!log) return;
    char line[4200];
    int size = snprintf(line, sizeof line, "%s %s\n", call, path);
    int fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    syscall(SYS_write, fd, line, size);
    syscall(SYS_close, fd);
}

static int fault(const char *call, const char *path, size_t *size) {
    const char *wanted = getenv("FAULT_CALL"), *part = getenv("FAULT_PATH");
    const char *at = getenv("FAULT_AT"), *most = getenv("FAULT_BYTES"), *what = getenv("FAULT_DO");
    if (part && !strstr(path, part)) return GO_ON;
    record(call, path);
    if (!wanted || !what || strcmp(wanted, call)) return GO_ON;
    if (at && ++calls != atol(at)) return GO_ON;
    if (most) {
        long room = atol(most) - bytes;
        if (room < 0) room = 0;
        if ((size_t)room >= *size) { bytes += *size; return GO_ON; }
        bytes += room;
        if (room > 0) { *size = room; return SHORT; }  /* The rest comes with the next call. */
    }
    if (!strcmp(what, "kill")) { kill(getpid(), SIGKILL); pause(); }
    if (!strcmp(what, "stop")) return raise(SIGSTOP);  /* 0: goes on with SIGCONT */
    if (!strcmp(what, "short")) { *size = *size > 1 ? *size / 2 : *size; return SHORT; }
    errno = atoi(what);
    return FAIL;
}

ssize_t write(int fd, const void *data, size_t size) {
    if (fault("write", path_of(fd), &size) == FAIL) return -1;
    return REAL(write)(fd, data, size);
}

int fsync(int fd) {
    if (fault("fsync", path_of(fd), NULL) == FAIL) return -1;
    return REAL(fsync)(fd);
}

int close(int fd) {
    int failed = fault("close", path_of(fd), NULL) == FAIL, error = errno;
    int result = REAL(close)(fd); /* As on Linux, it is closed all the same. */
    if (!failed) return result;
    errno = error;
    return -1;
}

int flock(int fd, int operation);
int flock(int fd, int operation) {
    if (fault("flock", path_of(fd), NULL) == FAIL) return -1;
    return REAL(flock)(fd, operation);
}

int rename(const char *from, const char *to) {
    if (fault("rename", to, NULL) == FAIL) return -1;
    return REAL(rename)(from, to);
}

int unlinkat(int folder, const char *name, int flags) {
    char path[8200];
    int is_full = folder == AT_FDCWD || name[0] == '/';
    snprintf(path, sizeof path, "%s%s%s", is_full ? "" : path_of(folder), is_full ? "" : "/", name);
    if (fault("unlink", path, NULL) == FAIL) return -1;
    return syscall(SYS_unlinkat, folder, name, flags);
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

static int open_any(const char *path, int flags, mode_t mode) {
    if ((flags & O_ACCMODE) != O_RDONLY && fault("open", path, NULL) == FAIL) return -1;
    return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    return open_any(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    return open_any(path, flags | O_LARGEFILE, mode);
}
