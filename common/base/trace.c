#include "base/trace.h"

static const char *const tokens[] = {
#define X(name, value, token, sentence) [PLX_HOP_##name] = token,
    PLX_HOP_TABLE(X)
#undef X
};

const char *plx_hop_token(enum plx_hop_kind kind)
{
    return (size_t)kind < sizeof tokens / sizeof *tokens ? tokens[kind] : "silent";
}

static void write_hop(const struct plx_hop *hop, unsigned ttl, struct plx_json *j)
{
    char text[PLX_ADDR_TEXT_MAX];
    bool has_icmp = hop->kind == PLX_HOP_TRANSIT || hop->kind == PLX_HOP_REJECT;
    plx_json_object(j);
    if (ttl > 0)
        plx_json_kuint(j, "ttl", ttl);
    plx_json_kstr(j, "kind", plx_hop_token(hop->kind));
    plx_json_kstr(j, "from", hop->from.family ? plx_addr_format(&hop->from, text) : NULL);
    plx_json_key(j, "rtt_ms");
    if (hop->kind == PLX_HOP_SILENT)
        plx_json_null(j);
    else
        plx_json_num(j, (double)hop->rtt_us / 1000, 3);
    plx_json_key(j, "icmp");
    if (has_icmp) {
        plx_json_object(j);
        plx_json_kuint(j, "type", hop->icmp_type);
        plx_json_kuint(j, "code", hop->icmp_code);
        plx_json_end(j);
    } else {
        plx_json_null(j);
    }
    plx_json_end(j);
}

static void write_flow(const struct plx_trace_flow *flow, struct plx_json *j)
{
    plx_json_object(j);
    plx_json_kuint(j, "source_port", flow->source_port);
    plx_json_key(j, "end");
    write_hop(&flow->end, 0, j);
    plx_json_key(j, "hops");
    plx_json_array(j);
    for (uint8_t i = 0; i < flow->n_hops; i++)
        write_hop(&flow->hops[i], i + 1u, j);
    plx_json_end(j);
    plx_json_end(j);
}

void plx_trace_write(const struct plx_trace *trace, struct plx_json *j)
{
    char text[PLX_ADDR_TEXT_MAX];
    plx_json_kstr(j, "target", plx_addr_format(&trace->target, text));
    plx_json_kuint(j, "port", trace->port);
    plx_json_kstr(j, "source",
                  trace->source.family ? plx_addr_format(&trace->source, text) : NULL);
    plx_json_kwall(j, "at", trace->at);
    plx_json_knum(j, "duration_ms", (double)trace->duration_us / 1000, 3);
    plx_json_kstr(j, "trouble",
                  trace->trouble ? plx_detail_sentence(trace->trouble) : NULL);
    plx_json_key(j, "flows");
    plx_json_array(j);
    for (size_t i = 0; i < trace->n_flows; i++)
        write_flow(&trace->flows[i], j);
    plx_json_end(j);
}
