// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) >= 8, "sizes of files have 64 bits, or those of large ones would be cut off");

bool lw_file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool lw_file_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static lw_status fail_errno(const char *path, const char *action)
{
    int code = errno;
    return lw_fail(code == ENOENT ? LW_ERROR_NOT_FOUND : LW_ERROR_IO, "%s: cannot %s: %s", path,
                   action, strerror(code));
}

static lw_status read_descriptor(int descriptor, const char *path, size_t limit_bytes,
                                 uint8_t **bytes, size_t *count)
{
    struct stat info;
    if (fstat(descriptor, &info) != 0) return fail_errno(path, "read");
    if (S_ISDIR(info.st_mode))
        return lw_fail(LW_ERROR_INPUT, "%s: expected a file, got a folder", path);
    if (!S_ISREG(info.st_mode)) return lw_fail(LW_ERROR_INPUT, "%s: expected a regular file", path);
    if (info.st_size < 0 || (uint64_t)info.st_size > limit_bytes)
        return lw_fail(LW_ERROR_INPUT, "%s: expected at most %zu bytes, got %lld", path,
                       limit_bytes, (long long)info.st_size);
    size_t size = (size_t)info.st_size, done = 0;
    uint8_t *buffer = malloc(size + 1);
    if (!buffer) return lw_fail(LW_ERROR_MEMORY, "%s: no memory for %zu bytes", path, size);
    while (done < size) {
        ssize_t got = read(descriptor, buffer + done, size - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            free(buffer);
            return fail_errno(path, "read");
        }
        if (got == 0) break; // the file shrank while it was read
        done += (size_t)got;
    }
    buffer[done] = 0;
    *bytes = buffer;
    *count = done;
    return LW_OK;
}

lw_status lw_file_read(const char *path, size_t limit_bytes, uint8_t **bytes, size_t *count)
{
    *bytes = NULL;
    *count = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return fail_errno(path, "open");
    lw_status status = read_descriptor(descriptor, path, limit_bytes, bytes, count);
    close(descriptor);
    return status;
}

static lw_status write_all(int descriptor, const char *path, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(descriptor, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail_errno(path, "write");
        bytes += written;
        count -= (size_t)written;
    }
    if (fsync(descriptor) != 0) return fail_errno(path, "write");
    return LW_OK;
}

// Without this the rename itself may be lost in a power cut. Some file systems refuse to sync a
// folder; then there is nothing better to do.
static void sync_folder_of(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(folder, sizeof folder, ".");
    else
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    fsync(descriptor);
    close(descriptor);
}

lw_status lw_file_write(const char *path, const void *bytes, size_t count)
{
    char temporary[4096];
    int length = snprintf(temporary, sizeof temporary, "%s.tmp-%ld", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof temporary)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the path is too long", path);
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0) return fail_errno(path, "write");
    lw_status status = write_all(descriptor, path, bytes, count);
    if (close(descriptor) != 0 && !status) status = fail_errno(path, "write");
    if (!status && rename(temporary, path) != 0) status = fail_errno(path, "write");
    if (status) {
        unlink(temporary);
        return status;
    }
    sync_folder_of(path);
    return LW_OK;
}

lw_status lw_file_lock(const char *path, double patience_seconds, int *lock)
{
    const double pause_seconds = 0.01;
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*lock < 0) return fail_errno(path, "write");
    for (double waited = 0.0; flock(*lock, LOCK_EX | LOCK_NB) != 0; waited += pause_seconds) {
        const int code = errno;
        const bool taken = code == EWOULDBLOCK || code == EINTR;
        if (taken && waited < patience_seconds) {
            nanosleep(&(struct timespec){.tv_nsec = (long)(pause_seconds * 1e9)}, NULL);
            continue;
        }
        close(*lock);
        *lock = -1;
        if (!taken) return LW_OK; // network file systems without locks
        return lw_fail(LW_ERROR_IO, "%s: another process has held this lock for %.0f s", path,
                       patience_seconds);
    }
    return LW_OK;
}

void lw_file_unlock(int lock)
{
    if (lock >= 0) close(lock);
}

lw_status lw_file_make_folder(const char *path)
{
    char partial[4096];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof partial)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: the path is empty or too long", path);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(partial, path, i);
        partial[i] = '\0';
        if (mkdir(partial, 0777) == 0 || errno == EEXIST) continue;
        int code = errno; // the look at the folder overwrites it
        if (lw_file_is_folder(partial)) continue;
        errno = code;
        return fail_errno(partial, "make the folder");
    }
    if (!lw_file_is_folder(path))
        return lw_fail(LW_ERROR_IO, "%s: expected a folder, found something else", path);
    return LW_OK;
}

static bool remove_entries(int descriptor);

// Removes `name` in the folder `parent`, whatever it is.
static bool remove_entry(int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return true;
    if (errno != EISDIR && errno != EPERM) return false;
    // Not through a link: what it points at is not ours.
    int descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) return false;
    return remove_entries(descriptor) && unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

// Empties the folder and closes the descriptor.
static bool remove_entries(int descriptor)
{
    DIR *folder = fdopendir(descriptor);
    if (!folder) {
        close(descriptor);
        return false;
    }
    bool removed = true;
    const struct dirent *entry;
    while (removed && (entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            removed = remove_entry(dirfd(folder), entry->d_name);
    int code = errno;
    closedir(folder);
    errno = code;
    return removed;
}

lw_status lw_file_remove_folder(const char *path)
{
    return remove_entry(AT_FDCWD, path) ? LW_OK : fail_errno(path, "remove the folder");
}
