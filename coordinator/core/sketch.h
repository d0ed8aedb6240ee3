/* A sketch of many latencies from which any quantile can be told within 2.2 %.
 *
 * Bins whose bounds grow by a constant factor g, here 16 to the octave (g = 2^(1/16)):
 * whatever falls into a bin is told as the bin's value, which is wrong by at most
 * (g - 1) / (g + 1) = 2.17 % of itself. Sketches merge without further loss. The method
 * and its proof: C. Masson, J. Rim, H. Lee, "DDSketch: A Fast and Fully-Mergeable
 * Quantile Sketch with Relative-Error Guarantees", VLDB 2019. Bins are never collapsed: a
 * uint32_t of microseconds needs 513 at most.
 *
 * Pure. Grows by the heap. */
#ifndef PLX_CORE_SKETCH_H
#define PLX_CORE_SKETCH_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

#define PLX_SKETCH_PER_OCTAVE 16
#define PLX_SKETCH_INDEX_MAX  (32 * PLX_SKETCH_PER_OCTAVE)
/* Of the value told, at most. */
#define PLX_SKETCH_ERROR      0.0217

struct plx_sketch_bin {
    uint16_t index; /* holds (g^(index - 1), g^index] µs */
    uint32_t n;
};

/* Zeroed: empty. */
struct plx_sketch {
    struct plx_sketch_bin *bins; /* by index, ascending; owned */
    uint16_t n_bins, cap;
};

void plx_sketch_fini(struct plx_sketch *sketch);
/* `us` of 0 counts as 1. */
void plx_sketch_add(struct plx_sketch *sketch, uint32_t us);
void plx_sketch_merge(struct plx_sketch *sketch, const struct plx_sketch *other);
uint64_t plx_sketch_count(const struct plx_sketch *sketch);
/* The latency in µs of which the share `q` (0 to 1) is not above; 0 for an empty one. */
double plx_sketch_quantile(const struct plx_sketch *sketch, double q);

/* As bytes, and back. */
void plx_sketch_encode(const struct plx_sketch *sketch, struct plx_buf *out);
/* Reads one that begins at *at and moves *at behind it. Adds to `sketch`. PLX_EMALFORMED:
 * it is none; what was read before stays added. */
int plx_sketch_decode(struct plx_sketch *sketch, const uint8_t *bytes, size_t len,
                      size_t *at);

/* The numbers that both are made of: 7 bits to a byte, least first (LEB128). */
void plx_varint_put(struct plx_buf *out, uint64_t value);
/* PLX_EMALFORMED: cut short, or longer than 10 bytes. */
int plx_varint_get(const uint8_t *bytes, size_t len, size_t *at, uint64_t *ret);

#endif
