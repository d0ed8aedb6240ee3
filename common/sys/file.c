#include "sys/file.h"

#include "base/err.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int err_of_errno(int e)
{
    switch (e) {
    case ENOENT:
    case ENOTDIR:
        return PLX_ENOTFOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return PLX_EDENIED;
    case ENOSPC:
    case EDQUOT:
        return PLX_ENOSPACE;
    default:
        return PLX_EIO;
    }
}

static int fail(struct plx_why *why, const char *doing, const char *path)
{
    int e = errno;
    return plx_why_set(why, err_of_errno(e), "cannot %s '%s': %s", doing, path,
                       strerror(e));
}

/* Reads to the end or one byte past `max`. */
static int read_all(int fd, const char *path, size_t max, char **ret, size_t *ret_len,
                    struct plx_why *why)
{
    size_t len = 0, cap = 4096;
    char *text = malloc(cap);
    if (!text)
        abort();
    for (;;) {
        if (len + 1 == cap) {
            cap *= 2;
            text = realloc(text, cap);
            if (!text)
                abort();
        }
        ssize_t n = read(fd, text + len, cap - len - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            free(text);
            return fail(why, "read", path);
        }
        if (n == 0)
            break;
        len += (size_t)n;
        if (len > max) {
            free(text);
            return plx_why_set(why, PLX_ETOOBIG, "'%s' is larger than %zu bytes", path,
                               max);
        }
    }
    text[len] = '\0';
    *ret = text;
    *ret_len = len;
    return 0;
}

int plx_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len,
                  struct plx_why *why)
{
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", max, ret_text, ret_len, why);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail(why, "open", path);
    struct stat st;
    int err;
    if (fstat(fd, &st) < 0)
        err = fail(why, "stat", path);
    else if (S_ISDIR(st.st_mode))
        err = plx_why_set(why, PLX_EINVAL, "'%s' is a folder, not a file", path);
    else if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
        err = plx_why_set(why, PLX_EINVAL, "'%s' is not a regular file", path);
    else {
        /* O_NONBLOCK only kept the open of a FIFO from hanging. */
        fcntl(fd, F_SETFL, 0);
        err = read_all(fd, path, max, ret_text, ret_len, why);
    }
    close(fd);
    return err;
}

int plx_file_read_in(const char *dir, const char *name, size_t max, char **ret_text,
                     size_t *ret_len, struct plx_why *why)
{
    struct stat st;
    if (!plx_text_is_file_name(name))
        return plx_why_set(why, PLX_EINVAL, "'%s' is no plain name of a file", name);
    char *path = plx_file_path(dir, name);
    /* O_NONBLOCK: what waits for a writer must not hold up who reads. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY), err;
    if (fd < 0 && errno == ELOOP)
        err = plx_why_set(why, PLX_EINVAL, "'%s' is a symbolic link", path);
    else if (fd < 0)
        err = fail(why, "open", path);
    else if (fstat(fd, &st) < 0)
        err = fail(why, "stat", path);
    else if (!S_ISREG(st.st_mode))
        err = plx_why_set(why, PLX_EINVAL, "'%s' is not a regular file", path);
    else
        err = read_all(fd, path, max, ret_text, ret_len, why);
    if (fd >= 0)
        close(fd);
    free(path);
    return err;
}

static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Makes the rename durable: best effort, some file systems refuse it. */
static void sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!dir)
        abort();
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(dir);
}

int plx_file_write_private(const char *path, const char *text, size_t len,
                           struct plx_why *why)
{
    char *temp;
    if (asprintf(&temp, "%s.new", path) < 0)
        abort();
    int err = 0;
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        err = fail(why, "create", temp);
        goto out;
    }
    if (fchmod(fd, 0600) < 0 || write_all(fd, text, len) < 0 || fsync(fd) < 0)
        err = fail(why, "write", temp);
    close(fd);
    if (err == 0 && rename(temp, path) < 0)
        err = fail(why, "put in place", path);
    if (err < 0)
        unlink(temp);
    else
        sync_parent(path);
out:
    free(temp);
    return err;
}

int plx_file_make_dir(const char *path, struct plx_why *why)
{
    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno != EEXIST)
        return fail(why, "make the folder", path);
    struct stat st;
    if (stat(path, &st) < 0)
        return fail(why, "stat", path);
    if (!S_ISDIR(st.st_mode))
        return plx_why_set(why, PLX_EINVAL, "'%s' exists and is not a folder", path);
    return 0;
}

/* The pid that the present holder wrote, for the sentence only. */
static long read_holder(int fd)
{
    char text[24] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

int plx_file_lock_dir(const char *dir, int *ret_fd, struct plx_why *why)
{
    char *path = plx_file_path(dir, "lock");
    int err = 0;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        err = fail(why, "open the lock", path);
    } else if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        err = plx_why_set(why, PLX_EBUSY,
                          "the data folder '%s' is in use by process %ld: stop that one "
                          "first, or choose another --data-dir",
                          dir, read_holder(fd));
        close(fd);
    } else {
        char text[24];
        int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
        if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) < 0)
            err = fail(why, "write the lock", path);
        if (err < 0)
            close(fd);
        else
            *ret_fd = fd;
    }
    free(path);
    return err;
}

char *plx_file_path(const char *dir, const char *name)
{
    size_t len = strlen(dir);
    const char *slash = len > 0 && dir[len - 1] == '/' ? "" : "/";
    char *path;
    if (asprintf(&path, "%s%s%s", dir, slash, name) < 0)
        abort();
    return path;
}
