#include "coordinator/io/keyring.h"

#include "base/err.h"
#include "sys/credential.h"
#include "sys/file.h"

#include <stdlib.h>
#include <string.h>

static const char current_file[] = "coordinator.key";
static const char next_file[] = "coordinator-next.key";

static int ensure(const char *dir, const char *file, struct plx_keypair *ret,
                  struct plx_why *why)
{
    char *given = plx_credential_path(file), *path = plx_file_path(dir, file);
    int err =
        given ? plx_keypair_load(given, ret, why) : plx_keypair_ensure(path, ret, why);
    free(given);
    free(path);
    return err;
}

static int save(const char *dir, const char *file, const struct plx_keypair *pair,
                struct plx_why *why)
{
    char *path = plx_file_path(dir, file);
    int err = plx_keypair_save(path, pair, why);
    free(path);
    return err;
}

static int renew_next(const char *dir, struct plx_keyring *keyring, struct plx_why *why)
{
    struct plx_keypair fresh;
    int err = plx_keypair_generate(&fresh, why);
    if (err == 0)
        err = save(dir, next_file, &fresh, why);
    if (err == 0)
        keyring->next = fresh;
    plx_keypair_wipe(&fresh);
    return err;
}

int plx_keyring_load(const char *dir, struct plx_keyring *ret, struct plx_why *why)
{
    struct plx_keyring keyring = {0};
    int err = ensure(dir, current_file, &keyring.current, why);
    if (err == 0)
        err = ensure(dir, next_file, &keyring.next, why);
    if (err == 0)
        err = ensure(dir, "admin.key", &keyring.admin, why);
    if (err == 0)
        err = ensure(dir, "enrol.key", &keyring.enrol, why);
    /* A rotation that was cut short. */
    if (err == 0 && strcmp(keyring.current.public_key, keyring.next.public_key) == 0)
        err = renew_next(dir, &keyring, why);
    if (err == 0)
        *ret = keyring;
    plx_keyring_wipe(&keyring);
    return err;
}

static bool is_given(const char *file)
{
    char *path = plx_credential_path(file);
    free(path);
    return path != NULL;
}

int plx_keyring_rotate(const char *dir, struct plx_keyring *keyring, struct plx_why *why)
{
    if (is_given(current_file) || is_given(next_file))
        return plx_why_set(why, PLX_EUNSUPPORTED,
                           "%s or %s is a credential of the service: put the next key in "
                           "the place of the first one there, a new one in its own, and "
                           "start the service again",
                           current_file, next_file);
    int err = save(dir, current_file, &keyring->next, why);
    if (err < 0)
        return err;
    keyring->current = keyring->next;
    return renew_next(dir, keyring, why);
}

void plx_keyring_wipe(struct plx_keyring *keyring)
{
    plx_keypair_wipe(&keyring->current);
    plx_keypair_wipe(&keyring->next);
    plx_keypair_wipe(&keyring->admin);
    plx_keypair_wipe(&keyring->enrol);
}
