/* Batches of results from the wire: columns to rows, every value checked. */
#include "base/err.h"
#include "base/text.h"
#include "proto/wire_decode.h"

#include <string.h>

/* How far a result may lie from its batch's base, and how long a probe may last. */
#define SPAN_MAX_US     (INT64_C(400) * 86400 * 1000000)
#define DURATION_MAX_US (INT64_C(3600) * 1000000)

/* Fills the address behind 1 + index; 0 is none. */
static void address(struct plx_wire_check *c, const char *field,
                    const Parallax__V1__ResultBatch *in, uint32_t index,
                    struct plx_addr *out)
{
    *out = (struct plx_addr){0};
    if (index == 0)
        return;
    if (index > in->n_addresses) {
        plx_wire_fail(c, PLX_EMALFORMED, field, "points past the addresses");
        return;
    }
    const ProtobufCBinaryData *bytes = &in->addresses[index - 1];
    if (bytes->len != 4 && bytes->len != 16) {
        plx_wire_fail(c, PLX_EMALFORMED, "results.addresses",
                      "has an entry of neither 4 nor 16 bytes");
        return;
    }
    out->family = bytes->len == 4 ? 4 : 6;
    memcpy(out->bytes, bytes->data, bytes->len);
}

static bool columns_agree(struct plx_wire_check *c, const Parallax__V1__ResultBatch *in,
                          size_t n)
{
    const struct {
        const char *field;
        size_t n;
    } columns[] = {
        {"results.scheduled_us", in->n_scheduled_us},
        {"results.lag_us", in->n_lag_us},
        {"results.duration_us", in->n_duration_us},
        {"results.outcome", in->n_outcome},
        {"results.rtt_us", in->n_rtt_us},
        {"results.address", in->n_address},
        {"results.source", in->n_source},
    };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (columns[i].n != n)
            plx_wire_fail(c, PLX_EMALFORMED, columns[i].field,
                          "differs in length from results.monitor_id");
    return c->err == 0;
}

static void row(struct plx_wire_check *c, const Parallax__V1__ResultBatch *in, size_t i,
                struct plx_result *out)
{
    uint32_t outcome = in->outcome[i] & 0xff;
    uint32_t kind = in->outcome[i] >> 8 & 0xff;
    uint32_t unreach = in->outcome[i] >> 16;
    plx_wire_in_range(c, "results.outcome", outcome, PLX_OUTCOME_OPEN,
                      PLX_OUTCOME_COUNT_ - 1);
    plx_wire_in_range(c, "results.outcome.kind", kind, 0, PLX_PROBE_ADDRESS);
    plx_wire_in_range(c, "results.outcome.unreach", unreach, 0, PLX_UNREACH_OTHER);
    plx_wire_in_range(c, "results.scheduled_us", in->scheduled_us[i], -SPAN_MAX_US,
                      SPAN_MAX_US);
    if (in->duration_us[i] > DURATION_MAX_US)
        plx_wire_fail(c, PLX_EMALFORMED, "results.duration_us", "is out of range");
    address(c, "results.address", in, in->address[i], &out->address);
    address(c, "results.source", in, in->source[i], &out->source);
    if (c->err < 0)
        return;
    out->monitor_id = in->monitor_id[i];
    out->seq = in->first_seq + i;
    out->scheduled.ns = in->base_wall_ns + in->scheduled_us[i] * PLX_US_NS;
    out->started = plx_wall_add(out->scheduled, in->lag_us[i] * PLX_US_NS);
    out->duration_ns = (int64_t)in->duration_us[i] * PLX_US_NS;
    out->outcome = (enum plx_outcome)outcome;
    out->kind = (enum plx_probe_kind)kind;
    out->unreach = (enum plx_unreach)unreach;
    out->rtt_us = in->rtt_us[i];
    out->lag_us = in->lag_us[i];
}

static void details(struct plx_wire_check *c, const Parallax__V1__ResultBatch *in,
                    struct plx_result *out, size_t n)
{
    if (in->n_details > n)
        plx_wire_fail(c, PLX_EMALFORMED, "results.details",
                      "has more entries than results");
    for (size_t i = 0; c->err == 0 && i < in->n_details; i++) {
        const Parallax__V1__Detail *d = in->details[i];
        if (d->index >= n) {
            plx_wire_fail(c, PLX_EMALFORMED, "detail.index", "points past the results");
            return;
        }
        struct plx_result *r = &out[d->index];
        plx_wire_in_range(c, "detail.detail", d->detail, 0, 255);
        plx_wire_in_range(c, "detail.syn_retrans", d->syn_retrans, 0, 255);
        plx_wire_in_range(c, "detail.icmp", d->icmp, 0, 0xffff);
        r->detail = (enum plx_detail)d->detail;
        r->syn_retrans = d->syn_retrans;
        r->icmp_type = (uint8_t)(d->icmp >> 8);
        r->icmp_code = (uint8_t)d->icmp;
        r->closed_late = d->closed_late;
        if (plx_text_copy(r->excerpt, sizeof r->excerpt,
                          plx_wire_text(c, "detail.excerpt", d->excerpt)) < 0)
            plx_wire_fail(c, PLX_ETOOBIG, "detail.excerpt", "is longer than 96 bytes");
        address(c, "detail.icmp_from", in, d->icmp_from, &r->icmp_from);
    }
}

struct plx_result *plx_wire_take_rows(struct plx_wire_check *c,
                                      const Parallax__V1__ResultBatch *in)
{
    size_t n = in->n_monitor_id;
    if (n > PLX_WIRE_RESULTS_MAX) {
        plx_wire_fail(c, PLX_ETOOBIG, "results", "has more than 2000 entries");
        return NULL;
    }
    plx_wire_in_range(c, "results.base_wall_ns", in->base_wall_ns, 0,
                      PLX_WIRE_WALL_MAX_NS);
    if (!columns_agree(c, in, n))
        return NULL;
    struct plx_result *out = plx_wire_alloc(c, n, sizeof *out);
    for (size_t i = 0; c->err == 0 && i < n; i++)
        row(c, in, i, &out[i]);
    if (c->err == 0)
        details(c, in, out, n);
    return out;
}

void plx_wire_take_results(struct plx_wire_check *c, const Parallax__V1__ResultBatch *in,
                           struct plx_msg_results *out)
{
    out->stream_id = in->stream_id;
    out->first_seq = in->first_seq;
    /* Sequence numbers stay far from wrapping, whatever a peer claims. */
    if (in->first_seq < 1 || in->first_seq > UINT64_MAX / 4 || in->lost > UINT64_MAX / 4)
        plx_wire_fail(c, PLX_EMALFORMED, "results.first_seq", "is out of range");
    out->lost = in->lost;
    if (in->lost > 0) {
        if (in->n_monitor_id > 0)
            plx_wire_fail(c, PLX_EMALFORMED, "results.lost", "stands beside results");
        out->lost_from = plx_wire_wall(c, "results.lost_from_ns", in->lost_from_ns);
        out->lost_to = plx_wire_wall(c, "results.lost_to_ns", in->lost_to_ns);
        return;
    }
    if (in->n_monitor_id == 0)
        plx_wire_fail(c, PLX_EMALFORMED, "results", "is empty");
    out->backlog = in->backlog;
    out->results = plx_wire_take_rows(c, in);
    out->n = in->n_monitor_id;
}
