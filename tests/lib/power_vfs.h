/* SQLite on a disk whose power fails: what was written and not synced since may be there,
 * in part, or not at all.
 *
 * In front of the default VFS. What is written goes to the real file, so that the process
 * sees what it wrote; beside it stands what the disk holds for certain (as of the last
 * sync), and what came after it. After a cut, an image of the disk is drawn from both. */
#ifndef PLX_TESTS_POWER_VFS_H
#define PLX_TESTS_POWER_VFS_H

#include <stdbool.h>
#include <stdint.h>

/* Puts itself in front of the default VFS, for databases opened later. Once. */
void plx_power_vfs_install(void);

/* Forgets all files, and cuts the power at call number `after` (from 1) of those that
 * write, sync, truncate or delete: it and all later ones fail. 0: not yet. */
void plx_power_vfs_arm(long after);
void plx_power_vfs_cut(void);
bool plx_power_vfs_is_cut(void);
/* Such calls since it was armed. */
long plx_power_vfs_calls(void);

/* Writes what the disk may hold now into the folder `to`: of what was not synced, each
 * write is lost, there, or torn, as `seed` has it. */
void plx_power_vfs_image(const char *to, uint64_t seed);

#endif
