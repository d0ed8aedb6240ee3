#include "store_engine.h"
#include "test.h"

#include <stdio.h>

static void restore_sqlite(const char *path, struct store_fixture *ret)
{
    fixture_init(ret);
    assert_int_equal(rename(path, fixture_path(ret, "parallax.db")), 0);
}

const struct store_engine STORE_ENGINES[] = {
    {.name = "sqlite",
     .open = fixture_open,
     .close = fixture_close,
     .restore = restore_sqlite,
     .ingest = plx_store_ingest,
     .drop_before = plx_store_drop_before,
     .backup = plx_store_backup,
     .read_results = plx_store_read_results,
     .read_gaps = plx_store_read_gaps,
     .add_verdicts = plx_store_add_verdicts,
     .read_verdicts = plx_store_read_verdicts,
     .read_last_verdicts = plx_store_read_last_verdicts,
     .put_incidents = plx_store_put_incidents,
     .put_place = plx_store_put_place,
     .read_places = plx_store_read_places,
     .load = plx_store_load,
     .put_access = plx_store_put_access,
     .apply = plx_store_apply,
     .add_agent = plx_store_add_agent,
     .set_agent_state = plx_store_set_agent_state,
     .set_agent_key = plx_store_set_agent_key,
     .touch_agent = plx_store_touch_agent,
     .add_token = plx_store_add_token,
     .revoke_token = plx_store_revoke_token,
     .enrol = plx_store_enrol},
};
const unsigned N_STORE_ENGINES = sizeof STORE_ENGINES / sizeof *STORE_ENGINES;
