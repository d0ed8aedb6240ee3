#include "coordinator/io/guests.h"

#include "base/err.h"
#include "base/text.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_PREFIX    "plxt_"
#define HASH_BYTES      32
#define SESSIONS_MAX    1024
/* A session ends after so long without use, and in any case after a week. */
#define SESSION_IDLE_NS (12 * PLX_HOUR_NS)
#define SESSION_LIFE_NS (7 * PLX_DAY_NS)

struct session {
    uint8_t hash[HASH_BYTES];
    char name[PLX_NAME_MAX + 1];
    struct plx_wall began, used; /* began 0: free */
};

struct plx_guests {
    pthread_mutex_t lock;
    struct plx_store_access *list;
    size_t n;
    struct session sessions[SESSIONS_MAX];
};

struct plx_guests *plx_guests_new(void)
{
    struct plx_guests *guests = calloc(1, sizeof *guests);
    if (!guests || sodium_init() < 0)
        abort();
    pthread_mutex_init(&guests->lock, NULL);
    return guests;
}

void plx_guests_destroy(struct plx_guests **guests)
{
    struct plx_guests *k = *guests;
    if (!k)
        return;
    for (size_t i = 0; i < k->n; i++)
        plx_store_access_fini(&k->list[i]);
    free(k->list);
    pthread_mutex_destroy(&k->lock);
    sodium_memzero(k, sizeof *k);
    free(k);
    *guests = NULL;
}

/* ---- entries; the lock is held ---- */

static struct plx_store_access *find(struct plx_guests *k, enum plx_access_kind kind,
                                     const char *name)
{
    for (size_t i = 0; i < k->n; i++)
        if (k->list[i].kind == kind && strcmp(k->list[i].name, name) == 0)
            return &k->list[i];
    return NULL;
}

static void end_sessions_of(struct plx_guests *k, const char *name)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (k->sessions[i].began.ns && strcmp(k->sessions[i].name, name) == 0)
            sodium_memzero(&k->sessions[i], sizeof k->sessions[i]);
}

static void drop(struct plx_guests *k, struct plx_store_access *entry)
{
    if (entry->kind == PLX_ACCESS_USER)
        end_sessions_of(k, entry->name);
    plx_store_access_fini(entry);
    *entry = k->list[--k->n];
}

static bool is_good(const struct plx_store_access *entry, struct plx_wall now)
{
    return entry->expires.ns == 0 || entry->expires.ns > now.ns;
}

static bool admit(const struct plx_store_access *entry, bool session,
                  struct plx_guest *ret)
{
    struct plx_guest guest = {.session = session, .created = entry->created};
    if (plx_role_parse(entry->role, &guest.role) < 0 ||
        plx_text_copy(guest.name, sizeof guest.name, entry->name) < 0)
        return false;
    *ret = guest;
    return true;
}

void plx_guests_put(struct plx_guests *k, const struct plx_store_access *access)
{
    pthread_mutex_lock(&k->lock);
    struct plx_store_access *old = find(k, access->kind, access->name);
    if (old)
        drop(k, old);
    struct plx_store_access *grown = realloc(k->list, (k->n + 1) * sizeof *grown);
    if (!grown)
        abort();
    k->list = grown;
    k->list[k->n] = *access;
    k->list[k->n].name = plx_text_dup(access->name);
    k->list[k->n].role = plx_text_dup(access->role);
    k->list[k->n++].secret = plx_text_dup(access->secret);
    pthread_mutex_unlock(&k->lock);
}

void plx_guests_remove(struct plx_guests *k, enum plx_access_kind kind, const char *name)
{
    pthread_mutex_lock(&k->lock);
    struct plx_store_access *old = find(k, kind, name);
    if (old)
        drop(k, old);
    pthread_mutex_unlock(&k->lock);
}

void plx_guests_each(struct plx_guests *k, plx_guests_each_fn *fn, void *arg)
{
    pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < k->n; i++)
        fn(arg, &k->list[i]);
    pthread_mutex_unlock(&k->lock);
}

/* ---- tokens ---- */

static void hash_secret(const char *secret, uint8_t ret[HASH_BYTES])
{
    crypto_generichash(ret, HASH_BYTES, (const unsigned char *)secret, strlen(secret),
                       NULL, 0);
}

static void random_secret(const char *prefix, char ret[PLX_GUESTS_SECRET_MAX])
{
    uint8_t bytes[32];
    randombytes_buf(bytes, sizeof bytes);
    size_t len = strlen(prefix);
    memcpy(ret, prefix, len);
    sodium_bin2base64(ret + len, PLX_GUESTS_SECRET_MAX - len, bytes, sizeof bytes,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof bytes);
}

static void hash_text(const char *secret, char ret[PLX_GUESTS_HASH_MAX])
{
    uint8_t hash[HASH_BYTES];
    hash_secret(secret, hash);
    sodium_bin2hex(ret, PLX_GUESTS_HASH_MAX, hash, sizeof hash);
}

void plx_guests_make_token(char ret_secret[PLX_GUESTS_SECRET_MAX],
                           char ret_hash[PLX_GUESTS_HASH_MAX])
{
    random_secret(TOKEN_PREFIX, ret_secret);
    hash_text(ret_secret, ret_hash);
}

bool plx_guests_token(struct plx_guests *k, const char *secret, struct plx_wall now,
                      struct plx_guest *ret)
{
    char hash[PLX_GUESTS_HASH_MAX];
    bool admitted = false;
    hash_text(secret, hash);
    pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < k->n && !admitted; i++)
        if (k->list[i].kind == PLX_ACCESS_TOKEN && is_good(&k->list[i], now) &&
            strlen(k->list[i].secret) == strlen(hash) &&
            sodium_memcmp(k->list[i].secret, hash, strlen(hash)) == 0)
            admitted = admit(&k->list[i], false, ret);
    pthread_mutex_unlock(&k->lock);
    return admitted;
}

/* ---- sessions; the lock is held where it says so ---- */

static bool is_over(const struct session *s, struct plx_wall now)
{
    return plx_wall_diff(now, s->used) > SESSION_IDLE_NS ||
           plx_wall_diff(now, s->began) > SESSION_LIFE_NS;
}

/* Locked. The one that holds the hash and is not over. */
static struct session *find_session(struct plx_guests *k, const char *secret,
                                    struct plx_wall now)
{
    uint8_t hash[HASH_BYTES];
    hash_secret(secret, hash);
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (k->sessions[i].began.ns &&
            sodium_memcmp(k->sessions[i].hash, hash, HASH_BYTES) == 0)
            return is_over(&k->sessions[i], now) ? NULL : &k->sessions[i];
    return NULL;
}

bool plx_guests_session(struct plx_guests *k, const char *secret, struct plx_wall now,
                        struct plx_guest *ret)
{
    bool admitted = false;
    pthread_mutex_lock(&k->lock);
    struct session *session = find_session(k, secret, now);
    struct plx_store_access *user =
        session ? find(k, PLX_ACCESS_USER, session->name) : NULL;
    if (user && is_good(user, now)) {
        session->used = now;
        admitted = admit(user, true, ret);
    }
    pthread_mutex_unlock(&k->lock);
    return admitted;
}

bool plx_guests_is_in(struct plx_guests *k, const struct plx_guest *guest,
                      const char *session, struct plx_wall now)
{
    pthread_mutex_lock(&k->lock);
    const struct plx_store_access *entry =
        find(k, guest->session ? PLX_ACCESS_USER : PLX_ACCESS_TOKEN, guest->name);
    bool in = entry && is_good(entry, now) && entry->created.ns == guest->created.ns &&
              (!guest->session || find_session(k, session, now));
    pthread_mutex_unlock(&k->lock);
    return in;
}

/* Locked. A free place, or the one unused for longest. */
static struct session *take_place(struct plx_guests *k)
{
    struct session *place = &k->sessions[0];
    for (size_t i = 1; i < SESSIONS_MAX && place->began.ns; i++)
        if (k->sessions[i].used.ns < place->used.ns)
            place = &k->sessions[i];
    return place;
}

/* A hash of nothing, so that a name that does not exist takes as long as one that does.
 */
static const char *nobodys_hash(void)
{
    static char hash[PLX_GUESTS_HASH_MAX];
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&once);
    if (!*hash)
        plx_guests_hash_password("nobody's password", hash, NULL);
    pthread_mutex_unlock(&once);
    return hash;
}

int plx_guests_login(struct plx_guests *k, const char *name, const char *password,
                     struct plx_wall now, char ret_secret[PLX_GUESTS_SECRET_MAX],
                     struct plx_guest *ret)
{
    char hash[PLX_GUESTS_HASH_MAX];
    struct plx_guest guest;
    pthread_mutex_lock(&k->lock);
    struct plx_store_access *user = find(k, PLX_ACCESS_USER, name);
    bool known = user && is_good(user, now) && admit(user, true, &guest) &&
                 plx_text_copy(hash, sizeof hash, user->secret) == 0;
    pthread_mutex_unlock(&k->lock);
    if (!known)
        snprintf(hash, sizeof hash, "%s", nobodys_hash());
    bool right = crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
    if (!known || !right)
        return PLX_EDENIED;
    pthread_mutex_lock(&k->lock);
    user = find(k, PLX_ACCESS_USER, name);
    if (!user || strcmp(user->secret, hash) != 0) { /* changed while we stretched */
        pthread_mutex_unlock(&k->lock);
        return PLX_EDENIED;
    }
    struct session *session = take_place(k);
    random_secret("", ret_secret);
    *session = (struct session){.began = now, .used = now};
    hash_secret(ret_secret, session->hash);
    snprintf(session->name, sizeof session->name, "%s", guest.name);
    pthread_mutex_unlock(&k->lock);
    *ret = guest;
    return 0;
}

void plx_guests_logout(struct plx_guests *k, const char *secret)
{
    pthread_mutex_lock(&k->lock);
    struct session *session = find_session(k, secret, (struct plx_wall){0});
    if (session)
        sodium_memzero(session, sizeof *session);
    pthread_mutex_unlock(&k->lock);
}

int plx_guests_hash_password(const char *password, char ret_hash[PLX_GUESTS_HASH_MAX],
                             struct plx_why *why)
{
    _Static_assert(PLX_GUESTS_HASH_MAX > crypto_pwhash_STRBYTES, "room for the hash");
    size_t len = strlen(password);
    if (len < PLX_PASSWORD_MIN || len > PLX_PASSWORD_MAX)
        return plx_why_set(why, PLX_EINVAL, "a password has %d to %d bytes",
                           PLX_PASSWORD_MIN, PLX_PASSWORD_MAX);
    if (crypto_pwhash_str(ret_hash, password, len, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        return plx_why_set(why, PLX_ENOMEM, "no memory to stretch the password");
    return 0;
}
