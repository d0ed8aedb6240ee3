#include "proto/wire_trace.h"

#include "base/err.h"
#include "proto/wire.h"
#include "proto/wire_check.h"

#include <stdlib.h>
#include <string.h>

#define SET(message, field, v)                                                           \
    do {                                                                                 \
        (message)->has_##field = 1;                                                      \
        (message)->field = (v);                                                          \
    } while (0)

/* ---- to protobuf ---- */

static void *array(struct plx_arena *arena, size_t n, size_t size)
{
    void *p = plx_arena_array(arena, n ? n : 1, size);
    if (!p)
        abort(); /* a trace has a largest size */
    return p;
}

static ProtobufCBinaryData bytes_of(const struct plx_addr *addr)
{
    size_t len = addr->family == 4 ? 4 : addr->family == 6 ? 16 : 0;
    return (ProtobufCBinaryData){len, (uint8_t *)addr->bytes};
}

static void pack_hop(const struct plx_hop *in, Parallax__V1__TraceHop *out)
{
    parallax__v1__trace_hop__init(out);
    SET(out, kind, (uint32_t)in->kind);
    if (in->icmp_type || in->icmp_code)
        SET(out, icmp, (uint32_t)in->icmp_type << 8 | in->icmp_code);
    if (in->from.family)
        SET(out, from, bytes_of(&in->from));
    SET(out, rtt_us, in->rtt_us);
}

static void pack_flow(struct plx_arena *arena, const struct plx_trace_flow *in,
                      Parallax__V1__TraceFlow *out)
{
    Parallax__V1__TraceHop *store = array(arena, in->n_hops + 1u, sizeof *store);
    parallax__v1__trace_flow__init(out);
    SET(out, source_port, in->source_port);
    pack_hop(&in->end, &store[in->n_hops]);
    out->end = &store[in->n_hops];
    out->n_hops = in->n_hops;
    out->hops = array(arena, in->n_hops, sizeof *out->hops);
    for (size_t i = 0; i < in->n_hops; i++) {
        pack_hop(&in->hops[i], &store[i]);
        out->hops[i] = &store[i];
    }
}

Parallax__V1__Trace *plx_wire_trace_pack(struct plx_arena *arena,
                                         const struct plx_trace *trace)
{
    Parallax__V1__Trace *out = array(arena, 1, sizeof *out);
    Parallax__V1__TraceFlow *store = array(arena, trace->n_flows, sizeof *store);
    parallax__v1__trace__init(out);
    SET(out, target, bytes_of(&trace->target));
    SET(out, source, bytes_of(&trace->source));
    SET(out, port, trace->port);
    SET(out, at_ns, trace->at.ns);
    SET(out, duration_us, trace->duration_us);
    SET(out, trouble, (uint32_t)trace->trouble);
    out->n_flows = trace->n_flows;
    out->flows = array(arena, trace->n_flows, sizeof *out->flows);
    for (size_t i = 0; i < trace->n_flows; i++) {
        pack_flow(arena, &trace->flows[i], &store[i]);
        out->flows[i] = &store[i];
    }
    return out;
}

/* ---- from protobuf ---- */

static bool read_addr(const ProtobufCBinaryData *in, struct plx_addr *ret)
{
    if (in->len != 0 && in->len != 4 && in->len != 16)
        return false;
    *ret = (struct plx_addr){0};
    if (in->len == 0)
        return true;
    ret->family = in->len == 4 ? 4 : 6;
    memcpy(ret->bytes, in->data, in->len);
    return true;
}

static bool read_hop(const Parallax__V1__TraceHop *in, struct plx_hop *ret)
{
    if (in->kind > PLX_HOP_REFUSED || in->icmp > 0xffff ||
        !read_addr(&in->from, &ret->from))
        return false;
    ret->kind = (enum plx_hop_kind)in->kind;
    ret->icmp_type = (uint8_t)(in->icmp >> 8);
    ret->icmp_code = (uint8_t)in->icmp;
    ret->rtt_us = in->rtt_us;
    /* Whoever answered has an address. */
    return (ret->kind == PLX_HOP_SILENT) == (ret->from.family == 0);
}

static bool read_flow(const Parallax__V1__TraceFlow *in, struct plx_trace_flow *ret)
{
    if (in->source_port > UINT16_MAX || in->n_hops > PLX_TRACE_HOPS_MAX || !in->end ||
        !read_hop(in->end, &ret->end))
        return false;
    ret->source_port = (uint16_t)in->source_port;
    ret->n_hops = (uint8_t)in->n_hops;
    for (size_t i = 0; i < in->n_hops; i++)
        if (!read_hop(in->hops[i], &ret->hops[i]))
            return false;
    return true;
}

int plx_wire_trace_unpack(const Parallax__V1__Trace *in, struct plx_trace *ret,
                          struct plx_why *why)
{
    if (!in)
        return plx_why_set(why, PLX_EMALFORMED, "is missing");
    *ret = (struct plx_trace){.at = {in->at_ns},
                              .duration_us = in->duration_us,
                              .port = (uint16_t)in->port,
                              .trouble = (enum plx_detail)in->trouble,
                              .n_flows = in->n_flows};
    if (in->n_flows > PLX_TRACE_FLOWS_MAX)
        return plx_why_set(why, PLX_EMALFORMED, "has more than %d flows",
                           PLX_TRACE_FLOWS_MAX);
    if (!read_addr(&in->target, &ret->target) || !read_addr(&in->source, &ret->source))
        return plx_why_set(why, PLX_EMALFORMED, "has an address of odd length");
    if (in->port < 1 || in->port > UINT16_MAX || in->trouble > 255 || in->at_ns < 0 ||
        in->at_ns > PLX_WIRE_WALL_MAX_NS)
        return plx_why_set(why, PLX_EMALFORMED, "is out of range");
    for (size_t i = 0; i < in->n_flows; i++)
        if (!read_flow(in->flows[i], &ret->flows[i]))
            return plx_why_set(why, PLX_EMALFORMED, "has a flow that cannot be");
    return 0;
}

int plx_wire_decode_trace(const void *bytes, size_t len, struct plx_trace *ret,
                          struct plx_why *why)
{
    Parallax__V1__Trace *in =
        len > PLX_WIRE_FRAME_MAX ? NULL : parallax__v1__trace__unpack(NULL, len, bytes);
    struct plx_trace *trace = calloc(1, sizeof *trace);
    if (!trace)
        abort();
    int err = plx_wire_trace_unpack(in, trace, why);
    if (err == 0)
        *ret = *trace;
    free(trace);
    if (in)
        parallax__v1__trace__free_unpacked(in, NULL);
    return err;
}
