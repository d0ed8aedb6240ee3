/* Files and folders of a daemon: whole-file reads with limits, atomic private writes, the
 * data folder's lock. */
#ifndef PLX_SYS_FILE_H
#define PLX_SYS_FILE_H

#include "base/why.h"

#include <stddef.h>

/* Reads a regular file of at most `max` bytes; gives a NUL-terminated heap copy. "-"
 * reads standard input. Returns 0, PLX_ENOTFOUND, PLX_EINVAL (a folder or device),
 * PLX_ETOOBIG, PLX_EDENIED or PLX_EIO with a sentence that names the path. */
int plx_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len,
                  struct plx_why *why);

/* As plx_file_read, of the file with that plain name in the folder: a name with '/' or a
 * '.' at its beginning, a symbolic link, and whatever is no regular file are PLX_EINVAL.
 */
int plx_file_read_in(const char *dir, const char *name, size_t max, char **ret_text,
                     size_t *ret_len, struct plx_why *why);

/* Writes atomically (temporary file, fsync, rename, fsync of the folder) with mode 0600.
 */
int plx_file_write_private(const char *path, const char *text, size_t len,
                           struct plx_why *why);

/* Makes the folder with mode 0700 if it is not there (parents must exist). PLX_EINVAL if
 * something else has the name. */
int plx_file_make_dir(const char *path, struct plx_why *why);

/* Takes the exclusive lock of a data folder (flock on DIR/lock), held until the process
 * ends or the descriptor is closed. PLX_EBUSY names the process that has it. */
int plx_file_lock_dir(const char *dir, int *ret_fd, struct plx_why *why);

/* "dir/name" on the heap; the caller frees. */
char *plx_file_path(const char *dir, const char *name);

#endif
