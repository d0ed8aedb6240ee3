/* SQLite on a disk that fails when told to: full, or broken, at the n-th call that can
 * fail or from then on. For tests of everything that keeps a database. */
#ifndef PLX_TESTS_FAULT_VFS_H
#define PLX_TESTS_FAULT_VFS_H

#include <stdbool.h>

/* Puts itself in front of the default VFS, for databases opened later. Once. */
void plx_fault_vfs_install(void);

/* The call number `after` (from 1, counted from now) that writes, syncs or truncates
 * returns the SQLite code `rc`; with `stays`, so do all later ones. A call that fails
 * with SQLITE_FULL or SQLITE_IOERR_WRITE has written the first half of its bytes. */
void plx_fault_vfs_fail(long after, int rc, bool stays);
void plx_fault_vfs_heal(void);
/* Such calls since the last plx_fault_vfs_fail or _heal. */
long plx_fault_vfs_calls(void);

#endif
