/* What the coordinator is told at its start: flags over a YAML file over defaults. */
#ifndef PLX_COORDINATOR_CONFIG_H
#define PLX_COORDINATOR_CONFIG_H

#include "base/why.h"
#include "coordinator/core/rollup.h"
#include "sys/log.h"

#include <stdbool.h>
#include <stdint.h>

struct plx_config {
    char *data_dir;
    char *listen;       // for agents; default tcp://*:7440
    char *enrol_listen; // default tcp://*:7441
    char *admin_listen; /* default tcp://127.0.0.1:7442 */
    char *http_listen;  // "off": no HTTP; NULL: 127.0.0.1:7480 if it is free
    char *status_page;  /* label of the monitors that everybody may see; NULL: none */
    char *status_title; /* NULL: "Status" */
    char *http_trusted_proxy; /* addresses whose X-Forwarded-For is believed; NULL */
    bool http_behind_tls;     /* a proxy in front ends TLS: cookies over https only */
    char *advertise;    /* the host that agents are told to connect to; NULL: found out */
    char *public_url;   /* of the dashboard, for links in notices; NULL: no links */
    char *commands_dir; /* programs that receivers may name; NULL: none are run */
    char *secrets_dir;  /* files that receivers may refer to; default the folder of
                           systemd's LoadCredential; NULL: none are read */
    char *heartbeat_url;     /* told each minute while all is well; NULL: none */
    uint32_t retention_days; /* of results; default 30 */
    /* How long rollups of minutes, hours and days are kept; default 7, 100, 1,100 days.
     */
    int64_t rollup_ns[PLX_ROLLUP_LEVELS_];
    int64_t trace_interval_ns; /* of ways of good times; 0: never; default 1h */
    enum plx_log_level log_level;
    bool log_json;
    /* Reads file and flags again, as at the start, into `ret`, which is initialised only
     * on success; NULL: cannot. */
    int (*again)(void *arg, struct plx_config *ret, struct plx_why *why);
    void *again_arg;
};

void plx_config_init(struct plx_config *config);
void plx_config_fini(struct plx_config *config);

/* Reads the file over what is there. PLX_EINVAL with FILE:LINE:COLUMN, or PLX_ENOTFOUND,
 * PLX_EDENIED. */
int plx_config_load(struct plx_config *config, const char *path, struct plx_why *why);

/* The option as on the command line ("listen", …). PLX_ENOTFOUND: no such option;
 * PLX_EINVAL: not its value. */
int plx_config_set(struct plx_config *config, const char *key, const char *value,
                   struct plx_why *why);

#endif
