/* Whom the agent trusts and by what it is known: its enrolment, the coordinator's keys
 * and its own, on disk and in memory, through changes of either.
 *
 * Both sides always hold two: the coordinator's key of now and its next; the agent's key
 * of now and, while a change is under way, the new one. What cannot be saved is not used.
 * One thread: the loop's. */
#ifndef PLX_AGENT_TRUST_H
#define PLX_AGENT_TRUST_H

#include "agent/config.h"
#include "sys/channel.h"

#include <stdbool.h>

struct plx_trust;

/* Loads enrolment and keys from the folder (borrowed); the key of now from the service's
 * credential agent.key (sys/credential.h) if there is one. PLX_ENOTFOUND: not enrolled.
 */
int plx_trust_load(const char *data_dir, struct plx_trust **ret, struct plx_why *why);
void plx_trust_destroy(struct plx_trust **trust);

/* Lent until the next change. */
const struct plx_enrolment *plx_trust_enrolment(const struct plx_trust *trust);
const struct plx_keypair *plx_trust_keys(const struct plx_trust *trust);
/* NULL: no change is under way. */
const struct plx_keypair *plx_trust_new_keys(const struct plx_trust *trust);
/* For heartbeats. */
uint64_t plx_trust_keys_hash(const struct plx_trust *trust);

/* What the coordinator says of its keys. Returns 0 if nothing is new, 1 if it was saved,
 * or an error. */
int plx_trust_take_server_keys(struct plx_trust *trust, const char *server_key,
                               const char *next_key, struct plx_why *why);
/* Makes a new key pair of the agent's, or finds the one that was made. PLX_EUNSUPPORTED:
 * its key is a credential, and not ours to change. */
int plx_trust_make_new_keys(struct plx_trust *trust, struct plx_why *why);
/* The new pair is the agent's from now on. */
int plx_trust_adopt_new_keys(struct plx_trust *trust, struct plx_why *why);

#endif
