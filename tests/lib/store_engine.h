/* What an engine that keeps the coordinator's history has to offer, as a table of
 * functions: the conformance tests (test_store_conformance*.c) run against every row. The
 * signatures and promises are those of coordinator/io/store*.h. */
#ifndef PLX_TESTS_STORE_ENGINE_H
#define PLX_TESTS_STORE_ENGINE_H

#include "store_fixture.h"

#include "coordinator/io/store_incidents.h"
#include "coordinator/io/store_places.h"

struct store_engine {
    const char *name;
    void (*open)(struct store_fixture *fx);
    void (*close)(struct store_fixture *fx);
    /* Makes what was backed up under `path` a store of its own, not open yet. */
    void (*restore)(const char *path, struct store_fixture *ret);

    __typeof__(plx_store_ingest) *ingest;
    __typeof__(plx_store_drop_before) *drop_before;
    __typeof__(plx_store_backup) *backup;
    __typeof__(plx_store_read_results) *read_results;
    __typeof__(plx_store_read_gaps) *read_gaps;
    __typeof__(plx_store_add_verdicts) *add_verdicts;
    __typeof__(plx_store_read_verdicts) *read_verdicts;
    __typeof__(plx_store_read_last_verdicts) *read_last_verdicts;
    __typeof__(plx_store_put_incidents) *put_incidents;
    __typeof__(plx_store_put_place) *put_place;
    __typeof__(plx_store_read_places) *read_places;

    __typeof__(plx_store_load) *load;
    __typeof__(plx_store_put_access) *put_access;
    __typeof__(plx_store_apply) *apply;
    __typeof__(plx_store_add_agent) *add_agent;
    __typeof__(plx_store_set_agent_state) *set_agent_state;
    __typeof__(plx_store_set_agent_key) *set_agent_key;
    __typeof__(plx_store_touch_agent) *touch_agent;
    __typeof__(plx_store_add_token) *add_token;
    __typeof__(plx_store_revoke_token) *revoke_token;
    __typeof__(plx_store_enrol) *enrol;
};

extern const struct store_engine STORE_ENGINES[];
extern const unsigned N_STORE_ENGINES;

#endif
