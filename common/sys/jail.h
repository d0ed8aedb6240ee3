/* What a process gives up before it meets strangers. Linux only, no privilege needed. */
#ifndef PLX_SYS_JAIL_H
#define PLX_SYS_JAIL_H

#include "base/why.h"

/* No core dump and no ptrace by processes of the same user: memory holds secret keys. For
 * every daemon, at its start. */
void plx_jail_keep_secrets(void);

/* All threads of the process may go on with what they have open, accept connections and
 * allocate memory; they can open no file, connect nowhere, start no process or thread and
 * gain no privilege (seccomp: an allow-list, anything else is EPERM). For good. PLX_EIO
 * where the kernel has no seccomp. */
int plx_jail_enter(struct plx_why *why);

/* So many descriptors from now on, at most. */
void plx_jail_descriptors(unsigned n);

#endif
