// SPDX-License-Identifier: Apache-2.0
// A library for LD_PRELOAD in which one call fails: the n-th call of one function, as if the system had no memory,
// no room or no right. For Linux with glibc.
//
//   LANEWISE_REFUSE="write 3"       the third write of the process fails, and no other call
//   LANEWISE_REFUSE_COUNTS=PATH     at the end, the number of calls of each function go to that file
//
// Only that process is concerned, not those that it starts. What happens before main() and after it is not counted.
// Calls that the C library makes inside (fopen opens a file) are not seen here, those of other libraries are.
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#pragma GCC visibility push(default) // these take the place of the C library's

typedef enum function {
    OPEN,
    READ,
    WRITE,
    FSYNC,
    CLOSE,
    RENAME,
    MKDIR,
    OPENDIR,
    FTRUNCATE,
    UNLINK,
    PREAD,
    PWRITE,
    FDATASYNC,
    FOPEN,
    MALLOC,
    CALLOC,
    REALLOC,
    ALIGNED,
    MMAP,
    THREAD,
    N_FUNCTIONS
} function;

static const char *const names[N_FUNCTIONS] = {
    "open",    "read",      "write",   "fsync",         "close",  "rename",        "mkdir",
    "opendir", "ftruncate", "unlink",  "pread",         "pwrite", "fdatasync",     "fopen",
    "malloc",  "calloc",    "realloc", "aligned_alloc", "mmap",   "pthread_create"};

static atomic_long counts[N_FUNCTIONS];
static atomic_bool counting;
static int wanted = -1; // the function, and the number of its call
static long wanted_call;

// True when this call is the one that fails.
static bool refuses(function f, int code)
{
    if (!atomic_load(&counting)) return false;
    const long call = atomic_fetch_add(&counts[f], 1) + 1;
    if ((int)f != wanted || call != wanted_call) return false;
    errno = code;
    return true;
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("LANEWISE_REFUSE");
    char name[32];
    if (text && sscanf(text, "%31s %ld", name, &wanted_call) == 2)
        for (int i = 0; i < N_FUNCTIONS; i++)
            if (strcmp(names[i], name) == 0) wanted = i;
    unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("LANEWISE_REFUSE_COUNTS");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    for (int i = 0; i < N_FUNCTIONS; i++)
        fprintf(file, "%s %ld\n", names[i], atomic_load(&counts[i]));
    fclose(file);
}

// The C library's own definition goes into `pointer`; ISO C has no cast from data to functions.
#define FIND_REAL(pointer, name)                                                                   \
    do {                                                                                           \
        void *found = dlsym(RTLD_NEXT, name);                                                      \
        if (!found) _exit(97);                                                                     \
        memcpy(&(pointer), &found, sizeof found);                                                  \
    } while (0)

// ---- main() -------------------------------------------------------------------------------------

static int (*real_main)(int, char **, char **);

static void stop_counting(void)
{
    atomic_store(&counting, false);
}

static int counted_main(int argc, char **argv, char **environment)
{
    // Before what libraries do at the end, gcov's for one, which takes memory without looking.
    atexit(stop_counting);
    atomic_store(&counting, true);
    return real_main(argc, argv, environment);
}

typedef int start_main(int (*main)(int, char **, char **), int argc, char **argv,
                       void (*init)(void), void (*fini)(void), void (*loader_fini)(void),
                       void *stack_end);

start_main __libc_start_main; // the C library's way into a program

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
    start_main *real;
    FIND_REAL(real, "__libc_start_main");
    real_main = main;
    return real(counted_main, argc, argv, init, fini, loader_fini, stack_end);
}

// ---- files --------------------------------------------------------------------------------------

int open(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    FIND_REAL(real, "open");
    return refuses(OPEN, flags & O_CREAT ? ENOSPC : EMFILE) ? -1 : real(path, flags, mode);
}

// What SQLite calls, as every program that was built for large files.
int open64(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    FIND_REAL(real, "open64");
    return refuses(OPEN, flags & O_CREAT ? ENOSPC : EMFILE) ? -1 : real(path, flags, mode);
}

ssize_t pread64(int descriptor, void *bytes, size_t count, off64_t offset)
{
    ssize_t (*real)(int, void *, size_t, off64_t);
    FIND_REAL(real, "pread64");
    return refuses(PREAD, EIO) ? -1 : real(descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off64_t);
    FIND_REAL(real, "pwrite64");
    return refuses(PWRITE, ENOSPC) ? -1 : real(descriptor, bytes, count, offset);
}

int fdatasync(int descriptor)
{
    int (*real)(int);
    FIND_REAL(real, "fdatasync");
    return refuses(FDATASYNC, EIO) ? -1 : real(descriptor);
}

int ftruncate64(int descriptor, off64_t length)
{
    int (*real)(int, off64_t);
    FIND_REAL(real, "ftruncate64");
    return refuses(FTRUNCATE, EIO) ? -1 : real(descriptor, length);
}

int unlink(const char *path)
{
    int (*real)(const char *);
    FIND_REAL(real, "unlink");
    return refuses(UNLINK, EACCES) ? -1 : real(path);
}

ssize_t read(int descriptor, void *bytes, size_t count)
{
    ssize_t (*real)(int, void *, size_t);
    FIND_REAL(real, "read");
    return refuses(READ, EIO) ? -1 : real(descriptor, bytes, count);
}

ssize_t write(int descriptor, const void *bytes, size_t count)
{
    ssize_t (*real)(int, const void *, size_t);
    FIND_REAL(real, "write");
    return refuses(WRITE, ENOSPC) ? -1 : real(descriptor, bytes, count);
}

int fsync(int descriptor)
{
    int (*real)(int);
    FIND_REAL(real, "fsync");
    return refuses(FSYNC, EIO) ? -1 : real(descriptor);
}

// The descriptor is closed all the same, as Linux does.
int close(int descriptor)
{
    int (*real)(int);
    FIND_REAL(real, "close");
    const bool refused = refuses(CLOSE, EIO);
    const int result = real(descriptor);
    if (!refused) return result;
    errno = EIO;
    return -1;
}

int rename(const char *from, const char *to)
{
    int (*real)(const char *, const char *);
    FIND_REAL(real, "rename");
    return refuses(RENAME, EACCES) ? -1 : real(from, to);
}

int mkdir(const char *path, mode_t mode)
{
    int (*real)(const char *, mode_t);
    FIND_REAL(real, "mkdir");
    return refuses(MKDIR, ENOSPC) ? -1 : real(path, mode);
}

DIR *opendir(const char *path)
{
    DIR *(*real)(const char *);
    FIND_REAL(real, "opendir");
    return refuses(OPENDIR, EMFILE) ? NULL : real(path);
}

int ftruncate(int descriptor, off_t length)
{
    int (*real)(int, off_t);
    FIND_REAL(real, "ftruncate");
    return refuses(FTRUNCATE, EIO) ? -1 : real(descriptor, length);
}

FILE *fopen(const char *path, const char *mode)
{
    FILE *(*real)(const char *, const char *);
    FIND_REAL(real, "fopen");
    return refuses(FOPEN, EMFILE) ? NULL : real(path, mode);
}

// ---- memory and threads -------------------------------------------------------------------------

// dlsym takes memory itself, so the allocator's own names are used.
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes)
{
    return refuses(MALLOC, ENOMEM) ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return refuses(CALLOC, ENOMEM) ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *block, size_t bytes)
{
    return refuses(REALLOC, ENOMEM) ? NULL : __libc_realloc(block, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return refuses(ALIGNED, ENOMEM) ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
    void *made = refuses(ALIGNED, ENOMEM) ? NULL : __libc_memalign(alignment, bytes);
    if (!made) return ENOMEM;
    *block = made;
    return 0;
}

void *mmap(void *address, size_t bytes, int protection, int flags, int descriptor, off_t offset)
{
    void *(*real)(void *, size_t, int, int, int, off_t);
    FIND_REAL(real, "mmap");
    return refuses(MMAP, ENOMEM) ? MAP_FAILED
                                 : real(address, bytes, protection, flags, descriptor, offset);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *context)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    FIND_REAL(real, "pthread_create");
    return refuses(THREAD, EAGAIN) ? EAGAIN : real(thread, attributes, start, context);
}
