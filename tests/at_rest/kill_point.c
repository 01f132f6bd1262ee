/* Loaded before libc: counts the calls that change a disk below a folder, and kills whoever makes one too many.
 *
 * KILL_FILE is 16 bytes that all processes share: calls so far, and the number of the one that dies (0 = none).
 * A write that dies has written half. Whoever makes a later call dies too: the machine is off.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static volatile long *shared;
static const char *below;
static size_t width;

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("KILL_FILE");
  below = getenv("KILL_BELOW");
  if (!file || !below) return;
  width = strlen(below);
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int handle = real(file, O_RDWR | O_CLOEXEC);
  if (handle < 0) return;
  void *found = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
  close(handle);
  if (found != MAP_FAILED) shared = found;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* Whether this call is the one that dies; those after it die at once. */
static int last(void) {
  long at = shared[1];
  if (!at) return 0;
  long count = __sync_add_and_fetch(&shared[0], 1);
  if (count > at) die();
  return count == at;
}

static int here(int folder, const char *path) {
  char whole[PATH_MAX * 2];
  if (!shared || !path) return 0;
  if (path[0] == '/') return strncmp(path, below, width) == 0;
  if (folder == AT_FDCWD) {
    if (!getcwd(whole, sizeof whole)) return 0;
  } else {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t length = readlink(link, whole, sizeof whole - 1);
    if (length < 0) return 0;
    whole[length] = 0;
  }
  return strncmp(whole, below, width) == 0;
}

static int open_here(int handle) { return shared && shared[1] && here(handle, ""); }

#define PATH(is_ours) do { if (shared && shared[1] && (is_ours) && last()) die(); } while (0)
#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

#define OPEN(name)                                                             \
  int name(const char *path, int flags, ...) {                                 \
    REAL(name);                                                                \
    va_list list; va_start(list, flags); mode_t mode = va_arg(list, int); va_end(list); \
    if (flags & (O_CREAT | O_TRUNC)) PATH(here(AT_FDCWD, path));               \
    return real(path, flags, mode);                                            \
  }
#define OPENAT(name)                                                           \
  int name(int folder, const char *path, int flags, ...) {                     \
    REAL(name);                                                                \
    va_list list; va_start(list, flags); mode_t mode = va_arg(list, int); va_end(list); \
    if (flags & (O_CREAT | O_TRUNC)) PATH(here(folder, path));                 \
    return real(folder, path, flags, mode);                                    \
  }
OPEN(open) OPEN(open64) OPENAT(openat) OPENAT(openat64)

int rename(const char *a, const char *b) { REAL(rename); PATH(here(AT_FDCWD, b)); return real(a, b); }
int renameat(int f, const char *a, int g, const char *b) { REAL(renameat); PATH(here(g, b)); return real(f, a, g, b); }
int renameat2(int f, const char *a, int g, const char *b, unsigned int flags) {
  REAL(renameat2); PATH(here(g, b)); return real(f, a, g, b, flags);
}
int unlink(const char *a) { REAL(unlink); PATH(here(AT_FDCWD, a)); return real(a); }
int unlinkat(int f, const char *a, int flags) { REAL(unlinkat); PATH(here(f, a)); return real(f, a, flags); }
int rmdir(const char *a) { REAL(rmdir); PATH(here(AT_FDCWD, a)); return real(a); }
int mkdir(const char *a, mode_t m) { REAL(mkdir); PATH(here(AT_FDCWD, a)); return real(a, m); }
int mkdirat(int f, const char *a, mode_t m) { REAL(mkdirat); PATH(here(f, a)); return real(f, a, m); }
int link(const char *a, const char *b) { REAL(link); PATH(here(AT_FDCWD, b)); return real(a, b); }
int linkat(int f, const char *a, int g, const char *b, int flags) {
  REAL(linkat); PATH(here(g, b)); return real(f, a, g, b, flags);
}
int chmod(const char *a, mode_t m) { REAL(chmod); PATH(here(AT_FDCWD, a)); return real(a, m); }
int fchmod(int f, mode_t m) { REAL(fchmod); PATH(open_here(f)); return real(f, m); }
int fchmodat(int f, const char *a, mode_t m, int flags) { REAL(fchmodat); PATH(here(f, a)); return real(f, a, m, flags); }
int chown(const char *a, uid_t u, gid_t g) { REAL(chown); PATH(here(AT_FDCWD, a)); return real(a, u, g); }
int fsync(int f) { REAL(fsync); PATH(open_here(f)); return real(f); }
int fdatasync(int f) { REAL(fdatasync); PATH(open_here(f)); return real(f); }
int ftruncate(int f, off_t n) { REAL(ftruncate); PATH(open_here(f)); return real(f, n); }
int ftruncate64(int f, off64_t n) { REAL(ftruncate64); PATH(open_here(f)); return real(f, n); }
int utimensat(int f, const char *a, const struct timespec t[2], int flags) {
  REAL(utimensat); PATH(here(f, a)); return real(f, a, t, flags);
}

#define HALF(call) do { if (open_here(f) && last()) { if (n > 1) { call; } die(); } } while (0)
ssize_t write(int f, const void *b, size_t n) { REAL(write); HALF((void)!real(f, b, n / 2)); return real(f, b, n); }
ssize_t pwrite(int f, const void *b, size_t n, off_t at) {
  REAL(pwrite); HALF((void)!real(f, b, n / 2, at)); return real(f, b, n, at);
}
ssize_t pwrite64(int f, const void *b, size_t n, off64_t at) {
  REAL(pwrite64); HALF((void)!real(f, b, n / 2, at)); return real(f, b, n, at);
}
ssize_t copy_file_range(int s, off64_t *a, int f, off64_t *b, size_t n, unsigned int flags) {
  REAL(copy_file_range); HALF((void)!real(s, a, f, b, 64, flags)); return real(s, a, f, b, n, flags);
}
