/* Where the coordinator is and which key opens it: the admin file it wrote. */
#ifndef PLX_CLI_ACCESS_H
#define PLX_CLI_ACCESS_H

#include "cli/cli.h"

#include "sys/channel.h"

struct plx_access {
    char *file;     /* that said so */
    char *endpoint; /* "tcp://host:port" */
    char server_key[PLX_KEY_TEXT_MAX];
    struct plx_keypair keys;
};

/* Finds and reads it: --admin, --data-dir, PARALLAX_ADMIN, then the usual places. */
int plx_access_find(const struct plx_cli *cli, struct plx_access *ret,
                    struct plx_why *why);
void plx_access_fini(struct plx_access *access);

/* Whether anything listens at the endpoint at all: an answer at once where ZeroMQ would
 * try for ever. Waits for at most `timeout_ms`. */
int plx_access_knock(const struct plx_access *access, int timeout_ms,
                     struct plx_why *why);

#endif
