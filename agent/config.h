/* What an agent is told on the machine: the configuration file and the enrolment. */
#ifndef PLX_AGENT_CONFIG_H
#define PLX_AGENT_CONFIG_H

#include "agent/core/pacer.h"
#include "agent/core/policy.h"
#include "agent/deadman.h"
#include "agent/io/socket_set.h"
#include "agent/io/spool.h"
#include "base/monitor.h"
#include "base/why.h"
#include "sys/channel.h"
#include "sys/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLX_AGENT_DATA_DIR    "/var/lib/parallax-agent"
#define PLX_AGENT_THREADS_MAX 64

struct plx_agent_config {
    char *data_dir;
    char *endpoint; /* instead of the enrolment's; NULL: that */
    char *resolver; /* "IP[:PORT],…"; NULL: the system's */
    struct plx_label *labels;
    size_t n_labels;
    struct plx_pacer_limits limits;
    struct plx_spool_limits spool;
    struct plx_policy policy;
    struct plx_deadman_options deadman; /* url NULL: none */
    enum plx_engine engine;
    uint32_t threads; /* that probe, >= 1 */
    enum plx_log_level log_level;
    bool log_json;
    /* Reads file and flags again, as at the start, into `ret`, which is initialised only
     * on success; NULL: cannot. */
    int (*again)(void *arg, struct plx_agent_config *ret, struct plx_why *why);
    void *again_arg;
};

/* The defaults. */
void plx_agent_config_init(struct plx_agent_config *config);
void plx_agent_config_fini(struct plx_agent_config *config);
/* Reads the file over what is there. PLX_EINVAL: "FILE:LINE:COLUMN: …". */
int plx_agent_config_load(struct plx_agent_config *config, const char *path,
                          struct plx_why *why);

/* What enrolling leaves in DATA/enrolment.yaml. */
struct plx_enrolment {
    char *endpoint;
    char *server_key;
    char *next_key; /* the coordinator's after its next change; "": not told yet */
    char *name;
    char *region;
};
void plx_enrolment_fini(struct plx_enrolment *enrolment);
/* PLX_ENOTFOUND: this agent is not enrolled. */
int plx_enrolment_load(const char *data_dir, struct plx_enrolment *ret,
                       struct plx_why *why);
int plx_enrolment_save(const char *data_dir, const struct plx_enrolment *enrolment,
                       struct plx_why *why);

#endif
