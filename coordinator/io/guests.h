/* The guests: who may use the HTTP API, and as what.
 *
 * People log in with a password and get a session; programs show a token. Tokens and
 * sessions are random, so a plain hash finds them and its lookup tells an attacker
 * nothing (schema/003.sql). Passwords are stretched with Argon2id, which takes tens of
 * milliseconds and 64 MiB: never on the loop.
 *
 * Sessions are kept in memory only: after a restart people log in again.
 * Any thread: a lock guards the table and is held for moments. */
#ifndef PLX_COORDINATOR_GUESTS_H
#define PLX_COORDINATOR_GUESTS_H

#include "base/text.h"
#include "base/time.h"
#include "base/why.h"
#include "coordinator/io/role.h"
#include "coordinator/io/store_config.h"

#include <stdbool.h>
#include <stddef.h>

#define PLX_GUESTS_SECRET_MAX 64  /* text of a token or session, with its NUL */
#define PLX_GUESTS_HASH_MAX   129 /* text of a hash, with its NUL */
#define PLX_PASSWORD_MIN      10  /* bytes */
#define PLX_PASSWORD_MAX      256

/* Somebody who was let in. */
struct plx_guest {
    char name[PLX_NAME_MAX + 1];
    enum plx_role role;
    bool session; /* by cookie: a browser, which may be abused by other sites */
    struct plx_wall created; /* of the token, or of the person's entry */
};

struct plx_guests;

struct plx_guests *plx_guests_new(void);
void plx_guests_destroy(struct plx_guests **guests);

/* Takes an entry of the store in, in place of the one of that kind and name; its
 * sessions end. Copies. */
void plx_guests_put(struct plx_guests *guests, const struct plx_store_access *access);
/* Sessions of a removed person end. */
void plx_guests_remove(struct plx_guests *guests, enum plx_access_kind kind,
                       const char *name);

/* Entries, lent one after another with the lock held: `fn` may not call back. */
typedef void plx_guests_each_fn(void *arg, const struct plx_store_access *access);
void plx_guests_each(struct plx_guests *guests, plx_guests_each_fn *fn, void *arg);

/* Who shows this token or session; false: nobody. */
bool plx_guests_token(struct plx_guests *guests, const char *secret, struct plx_wall now,
                      struct plx_guest *ret);
bool plx_guests_session(struct plx_guests *guests, const char *secret,
                        struct plx_wall now, struct plx_guest *ret);

/* Whether one who was let in still would be: not if the token was revoked or replaced,
 * the person removed or given another password, or either is over. `session`: what a
 * session showed; that this is asked does not count as its use. */
bool plx_guests_is_in(struct plx_guests *guests, const struct plx_guest *guest,
                      const char *session, struct plx_wall now);

/* Checks name and password (slow) and begins a session. PLX_EDENIED: not them; as slow
 * for a name that does not exist. */
int plx_guests_login(struct plx_guests *guests, const char *name, const char *password,
                     struct plx_wall now, char ret_secret[PLX_GUESTS_SECRET_MAX],
                     struct plx_guest *ret);
void plx_guests_logout(struct plx_guests *guests, const char *secret);

/* A new token's text ("plxt_…", 256 bits) and the hash to store of it. */
void plx_guests_make_token(char ret_secret[PLX_GUESTS_SECRET_MAX],
                           char ret_hash[PLX_GUESTS_HASH_MAX]);
/* The hash to store of a password. Slow. PLX_EINVAL: too short or too long. */
int plx_guests_hash_password(const char *password, char ret_hash[PLX_GUESTS_HASH_MAX],
                             struct plx_why *why);

#endif
