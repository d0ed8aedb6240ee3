/* An agent's enrolment and keys, which never change here: agent/trust.h without files. */
#include "agent/trust.h"

#include "base/err.h"
#include "trust.h"

#include <stdlib.h>

struct plx_trust {
    struct plx_enrolment enrolment;
    struct plx_keypair keys;
};

struct plx_trust *plx_sim_trust(const struct plx_enrolment *enrolment,
                                const struct plx_keypair *keys)
{
    struct plx_trust *trust = calloc(1, sizeof *trust);
    if (!trust)
        abort();
    *trust = (struct plx_trust){*enrolment, *keys};
    return trust;
}

int plx_trust_load(const char *data_dir, struct plx_trust **ret, struct plx_why *why)
{
    (void)ret;
    return plx_why_set(why, PLX_ENOTFOUND, "%s: not here", data_dir);
}

void plx_trust_destroy(struct plx_trust **trust)
{
    free(*trust);
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
    (void)trust;
    return NULL;
}

uint64_t plx_trust_keys_hash(const struct plx_trust *trust)
{
    (void)trust;
    return 0;
}

int plx_trust_take_server_keys(struct plx_trust *trust, const char *server_key,
                               const char *next_key, struct plx_why *why)
{
    (void)trust, (void)server_key, (void)next_key, (void)why;
    return 0;
}

int plx_trust_make_new_keys(struct plx_trust *trust, struct plx_why *why)
{
    (void)trust;
    return plx_why_set(why, PLX_EUNSUPPORTED, "keys do not change here");
}

int plx_trust_adopt_new_keys(struct plx_trust *trust, struct plx_why *why)
{
    (void)trust;
    return plx_why_set(why, PLX_EUNSUPPORTED, "keys do not change here");
}
