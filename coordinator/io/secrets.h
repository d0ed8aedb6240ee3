/* What receivers only refer to: files of the coordinator's secrets_dir and variables of
 * its environment.
 *
 * Whoever may apply rules chooses the references, and where the values are sent: so none
 * leads out of that one folder, and of the environment only what is meant for it. Any
 * thread. */
#ifndef PLX_COORDINATOR_SECRETS_H
#define PLX_COORDINATOR_SECRETS_H

#include "coordinator/receivers/receiver.h"

#define PLX_SECRET_MAX 4096 /* bytes of one */

/* A copy of the receiver with its references followed and what they gave checked as the
 * kind does (plx_receiver_check_filled). `dir` is the secrets_dir; NULL: there is none.
 * PLX_ENOTFOUND, PLX_EINVAL, PLX_ETOOBIG, PLX_EDENIED, PLX_EIO with a sentence in which
 * no secret stands. */
int plx_secrets_fill(const char *dir, const struct plx_receiver *receiver,
                     struct plx_receiver *ret, struct plx_why *why);

/* The file of the secrets_dir, whole. Gives the text. Errors as above. */
int plx_secrets_read(const char *dir, const char *name, size_t max, char **ret,
                     size_t *ret_len, struct plx_why *why);

#endif
