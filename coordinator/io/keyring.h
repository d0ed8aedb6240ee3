/* The coordinator's secret keys, in files of its data folder (mode 0600), or handed to
 * the service as credentials of the same names (sys/credential.h), which go first.
 *
 * A CURVE port has one key at a time, so the key after it is made long before it is
 * needed and told to every agent over its session: when the coordinator changes, the
 * agents hold the old and the new one together. */
#ifndef PLX_COORDINATOR_KEYRING_H
#define PLX_COORDINATOR_KEYRING_H

#include "sys/channel.h"

struct plx_keyring {
    struct plx_keypair current; /* coordinator.key: agents' and admin port */
    struct plx_keypair next;    /* coordinator-next.key */
    struct plx_keypair admin;   /* admin.key: the command line's */
    struct plx_keypair enrol;   /* enrol.key: the enrolment port */
};

/* Loads what is there and makes what is not. */
int plx_keyring_load(const char *dir, struct plx_keyring *ret, struct plx_why *why);
/* Makes the next key the current one, and a new next one: on disk and in memory, for the
 * next start. PLX_EUNSUPPORTED: one of both is a credential, and not ours to change.
 * After an error the files are as before, or the next key is the current one and a load
 * makes a new next. */
int plx_keyring_rotate(const char *dir, struct plx_keyring *keyring, struct plx_why *why);
void plx_keyring_wipe(struct plx_keyring *keyring);

#endif
