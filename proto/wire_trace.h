/* A trace as protobuf and back: for the wire_*.c files only. */
#ifndef PLX_PROTO_WIRE_TRACE_H
#define PLX_PROTO_WIRE_TRACE_H

#include "base/trace.h"
#include "base/why.h"
#include "proto/arena.h"
#include "proto/parallax.pb-c.h"

/* Lives in the arena, and lends the trace's addresses. */
Parallax__V1__Trace *plx_wire_trace_pack(struct plx_arena *arena,
                                         const struct plx_trace *trace);
/* Checks everything. `in` may be NULL. PLX_EMALFORMED with what is wrong. */
int plx_wire_trace_unpack(const Parallax__V1__Trace *in, struct plx_trace *ret,
                          struct plx_why *why);

#endif
