/* Any bytes as a frame: refused with a sentence, or decoded to something that encodes. */
#include "fuzz.h"

#include "proto/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct plx_wire_decoder *decoder;
    if (!decoder)
        decoder = plx_wire_decoder_new();
    struct plx_msg msg;
    struct plx_why why = {""};
    if (plx_wire_decode(decoder, data, size, &msg, &why) < 0) {
        if (!why.text[0])
            abort();
    } else {
        struct plx_buf out;
        plx_buf_init(&out, PLX_WIRE_FRAME_MAX);
        plx_wire_encode(&msg, &out);
        plx_buf_fini(&out);
    }
    struct plx_monitor monitor;
    if (plx_wire_decode_monitor(data, size, &monitor, NULL) == 0)
        plx_monitor_fini(&monitor);
    return 0;
}
