#include "coordinator/http/metrics.h"

#include "coordinator/io/store_rollups.h"
#include "coordinator/io/tally.h"
#include "sys/clock.h"

#include <inttypes.h>
#include <stdlib.h>

static void head(struct plx_buf *out, const char *name, const char *type,
                 const char *help)
{
    plx_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void counter(struct plx_buf *out, const char *name, const char *help, uint64_t v)
{
    head(out, name, "counter", help);
    plx_buf_printf(out, "%s %" PRIu64 "\n", name, v);
}

static void gauge(struct plx_buf *out, const char *name, const char *help, double v)
{
    head(out, name, "gauge", help);
    plx_buf_printf(out, "%s %.17g\n", name, v);
}

static void labelled(struct plx_buf *out, const char *name, const char *label,
                     const char *value, uint64_t v)
{
    plx_buf_printf(out, "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, value, v);
}

static void write_agents(const struct plx_desk *desk, struct plx_buf *out)
{
    static const enum plx_presence kinds[] = {
#define X(name, value, token) PLX_PRESENCE_##name,
        PLX_PRESENCE_TABLE(X)
#undef X
    };
    head(out, "parallax_agents", "gauge", "Enrolled agents by state.");
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        uint64_t n = 0;
        for (uint32_t i = 0; i < plx_roster_count(desk->roster); i++)
            n += plx_roster_presence(plx_roster_at(desk->roster, i)) == kinds[k];
        labelled(out, "parallax_agents", "state", plx_presence_token(kinds[k]), n);
    }
}

static void write_verdicts(const struct plx_desk *desk, struct plx_buf *out)
{
    /* All words from the start, so that a series never comes out of nothing. */
    struct plx_tally tally = {.words = {"pending", "paused"}, .n = 2};
    for (int v = 0; v < PLX_JUDGE_VERDICT_COUNT_; v++)
        tally.words[tally.n++] = plx_judge_verdict_token((enum plx_judge_verdict)v);
    for (uint32_t i = 0; i < plx_catalog_end(desk->catalog); i++) {
        struct plx_judge_ruling ruling = {.why = ""};
        if (!plx_catalog_at(desk->catalog, i))
            continue;
        plx_judge_view(plx_court_judge(desk->court), i, &ruling);
        plx_tally_one(&tally, plx_court_word(desk->court, i, &ruling));
    }
    head(out, "parallax_monitors", "gauge", "Monitors by verdict.");
    for (size_t i = 0; i < tally.n; i++)
        labelled(out, "parallax_monitors", "verdict", tally.words[i], tally.counts[i]);
}

static void write_store(const struct plx_desk *desk, struct plx_buf *out)
{
    struct plx_store_health h;
    plx_store_health(desk->store, &h);
    gauge(out, "parallax_store_ok", "1 while results are stored, else 0.",
          h.state == PLX_STORE_OK);
    gauge(out, "parallax_store_queued_jobs", "Jobs that wait for the disk.",
          (double)h.queued_jobs);
    gauge(out, "parallax_store_queued_bytes", "Bytes of the jobs that wait.",
          (double)h.queued_bytes);
    gauge(out, "parallax_store_file_bytes", "Size of the database.",
          (double)h.file_bytes);
    gauge(out, "parallax_store_wal_bytes", "Size of its write-ahead log.",
          (double)h.wal_bytes);
    counter(out, "parallax_store_commits_total", "Transactions committed.", h.n_commits);
    counter(out, "parallax_store_results_total", "Results stored.", h.n_results);
    counter(out, "parallax_store_repeats_total",
            "Results that came again and were not counted again.", h.n_repeats);
}

static void write_rollups(const struct plx_desk *desk, struct plx_buf *out)
{
    struct plx_store_rollups_state s;
    plx_store_rollups_state(desk->store, &s);
    counter(out, "parallax_rollup_results_total", "Results summed up.", s.n_results);
    counter(out, "parallax_rollup_late_total",
            "Results that came too late for a level of rollups.", s.n_late);
    counter(out, "parallax_rollup_cells_total", "Minutes written.", s.n_cells);
    gauge(out, "parallax_rollup_open", "Minutes in memory, to be written.",
          (double)s.n_open);
    gauge(out, "parallax_rollup_behind", "Results stored and not yet summed up.",
          (double)s.behind);
}

static void write_refused_enrolments(const struct plx_desk_counts *c, struct plx_buf *out)
{
    static const char name[] = "parallax_enrolments_refused_total";
    const uint64_t of_tokens =
        c->tokens_unknown + c->tokens_expired + c->tokens_revoked + c->tokens_replayed;
    head(out, name, "counter", "Enrolments refused.");
    labelled(out, name, "why", "token_unknown", c->tokens_unknown);
    labelled(out, name, "why", "token_expired", c->tokens_expired);
    labelled(out, name, "why", "token_revoked", c->tokens_revoked);
    labelled(out, name, "why", "token_used_up", c->tokens_replayed);
    labelled(out, name, "why", "other", c->enrol_refused - of_tokens);
}

static void write_doors(const struct plx_desk *desk, struct plx_buf *out)
{
    const struct plx_desk_counts *c = &desk->counts;
    struct plx_gate_counts gate;
    plx_gate_counts(desk->gate, &gate);
    counter(out, "parallax_messages_total", "Messages of agents.", c->messages);
    head(out, "parallax_messages_refused_total", "counter", "Messages not taken.");
    labelled(out, "parallax_messages_refused_total", "why", "malformed", c->malformed);
    labelled(out, "parallax_messages_refused_total", "why", "revoked", c->strangers);
    labelled(out, "parallax_messages_refused_total", "why", "over_rate", c->over_rate);
    labelled(out, "parallax_messages_refused_total", "why", "no_session", c->no_session);
    labelled(out, "parallax_messages_refused_total", "why", "routing_id_chosen",
             c->ids_chosen);
    labelled(out, "parallax_messages_refused_total", "why", "routing_id_stolen",
             c->ids_stolen);
    counter(out, "parallax_sessions_replaced_total",
            "Sessions that a newer one of the same key took over.", c->replaced);
    counter(out, "parallax_keys_used_twice_total",
            "Times that two processes were found to use one agent's key.", c->doubled);
    counter(out, "parallax_results_refused_total",
            "Results of monitors that were not the agent's.", c->refused_results);
    counter(out, "parallax_probes_ordered_total", "Probes ordered to confirm.",
            c->probes_ordered);
    counter(out, "parallax_enrolments_total", "Agents enrolled.", c->enrolled);
    write_refused_enrolments(c, out);
    head(out, "parallax_gate_connections_total", "counter",
         "Connections by what the gate said.");
    labelled(out, "parallax_gate_connections_total", "answer", "admitted", gate.admitted);
    labelled(out, "parallax_gate_connections_total", "answer", "refused", gate.refused);
    labelled(out, "parallax_gate_connections_total", "answer", "limited", gate.limited);
}

static void write_http(const struct plx_http_counts *h, struct plx_buf *out)
{
    counter(out, "parallax_http_requests_total", "HTTP requests.", h->requests);
    head(out, "parallax_http_refused_total", "counter", "HTTP requests refused.");
    labelled(out, "parallax_http_refused_total", "why", "unauthorised", h->unauthorised);
    labelled(out, "parallax_http_refused_total", "why", "forbidden", h->forbidden);
    labelled(out, "parallax_http_refused_total", "why", "malformed", h->malformed);
    labelled(out, "parallax_http_refused_total", "why", "over_rate", h->over_rate);
    counter(out, "parallax_http_cut_total", "Connections cut at a deadline.", h->cut);
    gauge(out, "parallax_http_connections", "Open connections.", (double)h->connections);
    gauge(out, "parallax_http_streams", "Open event streams.", (double)h->streams);
}

void plx_metrics_write(struct plx_desk *desk, const struct plx_http_counts *http,
                       struct plx_buf *out)
{
    int64_t up_ns = plx_mono_diff(plx_clock_mono(), desk->started);
    head(out, "parallax_info", "gauge", "Which version runs.");
    labelled(out, "parallax_info", "version", PLX_VERSION, 1);
    gauge(out, "parallax_uptime_seconds", "Since the start.",
          (double)up_ns / (double)PLX_SEC_NS);
    gauge(out, "parallax_generation", "Of the configuration of monitors.",
          (double)desk->generation);
    write_verdicts(desk, out);
    write_agents(desk, out);
    write_store(desk, out);
    write_rollups(desk, out);
    write_doors(desk, out);
    write_http(http, out);
}

/* A label's value, escaped as the text format wants it. */
static void write_quoted(struct plx_buf *out, const char *text)
{
    plx_buf_char(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            plx_buf_char(out, '\\');
        plx_buf_char(out, *text);
    }
    plx_buf_char(out, '"');
}

void plx_metrics_write_monitors(struct plx_desk *desk, struct plx_buf *out)
{
    size_t n;
    uint32_t *slots = plx_catalog_sorted(desk->catalog, &n);
    head(out, "parallax_monitor_verdict", "gauge",
         "1, with the monitor's verdict as a label.");
    for (size_t i = 0; i < n; i++) {
        struct plx_judge_ruling ruling = {.why = ""};
        plx_judge_view(plx_court_judge(desk->court), slots[i], &ruling);
        plx_buf_text(out, "parallax_monitor_verdict{monitor=");
        write_quoted(out, plx_catalog_at(desk->catalog, slots[i])->name);
        plx_buf_printf(out, ",verdict=\"%s\"} 1\n",
                       plx_court_word(desk->court, slots[i], &ruling));
    }
    free(slots);
}
