/* The signature of webhooks: who has the secret can tell that we wrote the body, and
 * when. */
#ifndef PLX_POST_SIGNATURE_H
#define PLX_POST_SIGNATURE_H

#include "base/time.h"

#include <stddef.h>

#define PLX_SIGNATURE_HEADER "X-Parallax-Signature"
#define PLX_SIGNATURE_MAX    96
/* "t=<Unix seconds>,v1=<hex of HMAC-SHA256(secret, "<t>.<body>")>". */
const char *plx_signature(const char *secret, struct plx_wall now, const char *body,
                          size_t len, char buf[PLX_SIGNATURE_MAX]);

#endif
