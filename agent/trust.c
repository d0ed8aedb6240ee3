#include "agent/trust.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/wire.h"
#include "sys/credential.h"
#include "sys/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct plx_trust {
    const char *data_dir;
    struct plx_enrolment enrolment;
    struct plx_keypair keys, new_keys;
    bool has_new;
    bool is_given; /* `keys`: by the service's credential */
};

static int load_pair(const char *dir, const char *file, struct plx_keypair *ret,
                     struct plx_why *why)
{
    char *path = plx_file_path(dir, file);
    int err = plx_keypair_load(path, ret, why);
    free(path);
    return err;
}

int plx_trust_load(const char *data_dir, struct plx_trust **ret, struct plx_why *why)
{
    struct plx_why none;
    struct plx_trust *trust = calloc(1, sizeof *trust);
    if (!trust)
        abort();
    trust->data_dir = data_dir;
    int err = plx_enrolment_load(data_dir, &trust->enrolment, why);
    char *given = plx_credential_path("agent.key");
    trust->is_given = given != NULL;
    if (err == 0)
        err = given ? plx_keypair_load(given, &trust->keys, why)
                    : load_pair(data_dir, "agent.key", &trust->keys, why);
    free(given);
    if (err < 0) {
        plx_trust_destroy(&trust);
        return err;
    }
    trust->has_new = load_pair(data_dir, "agent-new.key", &trust->new_keys, &none) == 0;
    *ret = trust;
    return 0;
}

void plx_trust_destroy(struct plx_trust **trust)
{
    struct plx_trust *t = *trust;
    if (!t)
        return;
    plx_enrolment_fini(&t->enrolment);
    plx_keypair_wipe(&t->keys);
    plx_keypair_wipe(&t->new_keys);
    free(t);
    *trust = NULL;
}

const struct plx_enrolment *plx_trust_enrolment(const struct plx_trust *trust)
{
    return &trust->enrolment;
}

const struct plx_keypair *plx_trust_keys(const struct plx_trust *trust)
{
    return &trust->keys;
}

const struct plx_keypair *plx_trust_new_keys(const struct plx_trust *trust)
{
    return trust->has_new ? &trust->new_keys : NULL;
}

uint64_t plx_trust_keys_hash(const struct plx_trust *trust)
{
    return plx_wire_keys_hash(trust->enrolment.server_key, trust->enrolment.next_key);
}

int plx_trust_take_server_keys(struct plx_trust *trust, const char *server_key,
                               const char *next_key, struct plx_why *why)
{
    const struct plx_enrolment *e = &trust->enrolment;
    if (strcmp(server_key, e->server_key) == 0 && strcmp(next_key, e->next_key) == 0)
        return 0;
    if (!plx_key_is_valid(server_key) || (*next_key && !plx_key_is_valid(next_key)))
        return plx_why_set(why, PLX_EMALFORMED, "the coordinator's new keys are none");
    struct plx_enrolment changed = *e;
    changed.server_key = (char *)server_key;
    changed.next_key = (char *)next_key;
    int err = plx_enrolment_save(trust->data_dir, &changed, why);
    if (err < 0)
        return err;
    free(trust->enrolment.server_key);
    free(trust->enrolment.next_key);
    trust->enrolment.server_key = plx_text_dup(server_key);
    trust->enrolment.next_key = plx_text_dup(next_key);
    return 1;
}

int plx_trust_make_new_keys(struct plx_trust *trust, struct plx_why *why)
{
    if (trust->is_given)
        return plx_why_set(why, PLX_EUNSUPPORTED,
                           "agent.key is a credential of the service: change it there");
    if (trust->has_new)
        return 0;
    char *path = plx_file_path(trust->data_dir, "agent-new.key");
    int err = plx_keypair_ensure(path, &trust->new_keys, why);
    free(path);
    trust->has_new = err == 0;
    return err;
}

int plx_trust_adopt_new_keys(struct plx_trust *trust, struct plx_why *why)
{
    if (!trust->has_new)
        return PLX_ENOTFOUND;
    char *from = plx_file_path(trust->data_dir, "agent-new.key");
    char *to = plx_file_path(trust->data_dir, "agent.key");
    /* Written anew rather than renamed: that is synced to the disk with its folder. */
    int err = plx_keypair_save(to, &trust->new_keys, why);
    if (err == 0) {
        unlink(from);
        trust->keys = trust->new_keys;
        plx_keypair_wipe(&trust->new_keys);
        trust->has_new = false;
    }
    free(from);
    free(to);
    return err;
}
