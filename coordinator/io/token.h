/* The text of an enrolment token: where to go, whom to expect there, what to show.
 *
 *   plx1.<base64url of {"e":"tcp://host:7441","k":"<Z85 public key>","s":"<secret>"}>
 *
 * One string that a person copies from one terminal to another. Whoever has it can enrol
 * as many agents as it has uses left, so it is shown once and stored as a hash. */
#ifndef PLX_COORDINATOR_TOKEN_H
#define PLX_COORDINATOR_TOKEN_H

#include <stddef.h>

#define PLX_TOKEN_SECRET_MAX 64 /* with its NUL */
#define PLX_TOKEN_TEXT_MAX   1024

/* 256 random bits as base64url. */
void plx_token_secret(char ret[PLX_TOKEN_SECRET_MAX]);

/* Returns 0, or PLX_ETOOBIG. The caller wipes secret and text when done. */
int plx_token_format(const char *endpoint, const char *server_key, const char *secret,
                     char ret[PLX_TOKEN_TEXT_MAX]);

#endif
