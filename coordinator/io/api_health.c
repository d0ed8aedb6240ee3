/* The API's method on the coordinator itself. */
#include "coordinator/io/api_call.h"
#include "sys/clock.h"

static void write_store(struct plx_store *store, struct plx_json *j)
{
    struct plx_store_health h;
    plx_store_health(store, &h);
    plx_json_key(j, "store");
    plx_json_object(j);
    plx_json_kstr(j, "state", plx_store_state_token(h.state));
    plx_json_kstr(j, "why", h.why);
    plx_json_kuint(j, "queued_jobs", h.queued_jobs);
    plx_json_kuint(j, "queued_bytes", h.queued_bytes);
    plx_json_kuint(j, "refused_jobs", h.refused_jobs);
    plx_json_kuint(j, "commits", h.n_commits);
    plx_json_kuint(j, "results", h.n_results);
    plx_json_kuint(j, "repeats", h.n_repeats);
    plx_json_knum(j, "last_commit_ms", (double)h.last_commit_ns / (double)PLX_MS_NS, 3);
    plx_json_kuint(j, "file_bytes", h.file_bytes);
    plx_json_kuint(j, "wal_bytes", h.wal_bytes);
    plx_json_end(j);
}

static void write_agents(const struct plx_roster *roster, struct plx_json *j)
{
    static const enum plx_presence kinds[] = {
#define X(name, value, token) PLX_PRESENCE_##name,
        PLX_PRESENCE_TABLE(X)
#undef X
    };
    plx_json_key(j, "agents");
    plx_json_object(j);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        uint64_t n = 0;
        for (uint32_t i = 0; i < plx_roster_count(roster); i++)
            n += plx_roster_presence(plx_roster_at(roster, i)) == kinds[k];
        plx_json_kuint(j, plx_presence_token(kinds[k]), n);
    }
    plx_json_end(j);
}

static void write_counts(const struct plx_desk *desk, struct plx_json *j)
{
    const struct plx_desk_counts *c = &desk->counts;
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {
        {"messages", c->messages},
        {"messages_malformed", c->malformed},
        {"messages_of_strangers", c->strangers},
        {"messages_without_session", c->no_session},
        {"messages_over_rate", c->over_rate},
        {"routing_ids_chosen", c->ids_chosen},
        {"routing_ids_stolen", c->ids_stolen},
        {"sessions_replaced", c->replaced},
        {"keys_used_twice", c->doubled},
        {"agent_notes_unlogged", c->notes_unlogged},
        {"results", c->results},
        {"results_refused", c->refused_results},
        {"batches_waiting", c->batches_waiting},
        {"batches_put_off", c->batches_put_off},
        {"assignment_steps_sent", c->steps_sent},
        {"assignment_resyncs", c->resyncs},
        {"probes_ordered", c->probes_ordered},
        {"agents_enrolled", c->enrolled},
        {"enrolments_refused", c->enrol_refused},
        {"tokens_unknown", c->tokens_unknown},
        {"tokens_expired", c->tokens_expired},
        {"tokens_revoked", c->tokens_revoked},
        {"tokens_replayed", c->tokens_replayed},
        {"enrolment_doors_lost", c->doors_lost},
        {"enrolment_connections", desk->door.admitted},
        {"enrolment_connections_limited", desk->door.limited},
        {"enrolment_connections_refused", desk->door.refused},
        {"enrolment_malformed", desk->door.malformed},
        {"admin_requests", c->admin_requests},
    };
    plx_json_key(j, "counters");
    plx_json_object(j);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        plx_json_kuint(j, rows[i].key, rows[i].value);
    plx_json_end(j);
}

static void write_gate(struct plx_gate *gate, struct plx_json *j)
{
    struct plx_gate_counts counts;
    plx_gate_counts(gate, &counts);
    plx_json_key(j, "gate");
    plx_json_object(j);
    plx_json_kuint(j, "admitted", counts.admitted);
    plx_json_kuint(j, "refused", counts.refused);
    plx_json_kuint(j, "limited", counts.limited);
    plx_json_end(j);
}

void plx_api_health(struct plx_call *call)
{
    const struct plx_desk *desk = call->api->desk;
    struct plx_store_health health;
    struct plx_buf buf;
    struct plx_json j;
    int64_t up_ns = plx_mono_diff(plx_clock_mono(), desk->started);
    plx_store_health(desk->store, &health);
    plx_answer_begin(&buf, &j);
    plx_json_kstr(&j, "state", health.state == PLX_STORE_OK ? "ok" : "impaired");
    plx_json_kwall(&j, "at", plx_clock_wall());
    plx_json_kstr(&j, "version", PLX_VERSION);
    plx_json_knum(&j, "uptime_s", (double)up_ns / (double)PLX_SEC_NS, 1);
    plx_json_kuint(&j, "generation", desk->generation);
    plx_json_kuint(&j, "monitors", plx_catalog_count(desk->catalog));
    write_agents(desk->roster, &j);
    write_store(desk->store, &j);
    write_gate(desk->gate, &j);
    write_counts(desk, &j);
    plx_json_end(&j);
    plx_call_end(call, &buf);
}
