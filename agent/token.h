/* The text of an enrolment token, read: where to go, whom to expect there, what to show.
 */
#ifndef PLX_AGENT_TOKEN_H
#define PLX_AGENT_TOKEN_H

#include "base/why.h"
#include "sys/channel.h"

struct plx_token {
    char endpoint[256];
    char server_key[PLX_KEY_TEXT_MAX];
    char secret[256];
};

/* Reads "plx1.<base64url of {"e":…,"k":…,"s":…}>". PLX_EINVAL with a sentence that does
 * not quote the secret. */
int plx_token_parse(const char *text, struct plx_token *ret, struct plx_why *why);

#endif
