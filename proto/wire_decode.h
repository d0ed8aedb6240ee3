/* What the decoders of single messages share: for the wire_*.c files only. */
#ifndef PLX_PROTO_WIRE_DECODE_H
#define PLX_PROTO_WIRE_DECODE_H

#include "proto/parallax.pb-c.h"
#include "proto/wire.h"
#include "proto/wire_check.h"

struct plx_wire_decoder {
    struct plx_arena arena;
    ProtobufCAllocator allocator; /* of the arena */
};

/* Lends what lies in the arena. `in` may be NULL: no greeting. */
void plx_wire_take_greeting(struct plx_wire_check *c, const Parallax__V1__Greeting *in,
                            struct plx_greeting *out);
void plx_wire_take_results(struct plx_wire_check *c, const Parallax__V1__ResultBatch *in,
                           struct plx_msg_results *out);
/* The rows alone, in the arena; NULL with a finding. */
struct plx_result *plx_wire_take_rows(struct plx_wire_check *c,
                                      const Parallax__V1__ResultBatch *in);

#endif
