#include "coordinator/core/sketch.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void plx_sketch_fini(struct plx_sketch *sketch)
{
    free(sketch->bins);
    *sketch = (struct plx_sketch){0};
}

/* Where the bin of that index is or belongs. */
static uint16_t place_of(const struct plx_sketch *sketch, uint16_t index)
{
    uint16_t low = 0, high = sketch->n_bins;
    while (low < high) {
        uint16_t mid = (uint16_t)((low + high) / 2);
        if (sketch->bins[mid].index < index)
            low = (uint16_t)(mid + 1);
        else
            high = mid;
    }
    return low;
}

static void grow(struct plx_sketch *sketch)
{
    uint16_t cap = (uint16_t)(sketch->cap ? sketch->cap * 2 : 2);
    struct plx_sketch_bin *bins = realloc(sketch->bins, cap * sizeof *bins);
    if (!bins)
        abort();
    sketch->bins = bins;
    sketch->cap = cap;
}

static void add_to(struct plx_sketch *sketch, uint16_t index, uint32_t n)
{
    uint16_t at = place_of(sketch, index);
    if (at == sketch->n_bins || sketch->bins[at].index != index) {
        if (sketch->n_bins == sketch->cap)
            grow(sketch);
        memmove(&sketch->bins[at + 1], &sketch->bins[at],
                (size_t)(sketch->n_bins - at) * sizeof *sketch->bins);
        sketch->bins[at] = (struct plx_sketch_bin){.index = index};
        sketch->n_bins++;
    }
    uint32_t *count = &sketch->bins[at].n;
    *count = n > UINT32_MAX - *count ? UINT32_MAX : *count + n;
}

void plx_sketch_add(struct plx_sketch *sketch, uint32_t us)
{
    double index = us > 1 ? ceil(PLX_SKETCH_PER_OCTAVE * log2(us)) : 0;
    add_to(sketch, (uint16_t)index, 1);
}

void plx_sketch_merge(struct plx_sketch *sketch, const struct plx_sketch *other)
{
    for (uint16_t i = 0; i < other->n_bins; i++)
        add_to(sketch, other->bins[i].index, other->bins[i].n);
}

uint64_t plx_sketch_count(const struct plx_sketch *sketch)
{
    uint64_t n = 0;
    for (uint16_t i = 0; i < sketch->n_bins; i++)
        n += sketch->bins[i].n;
    return n;
}

/* The value that is wrong by the same share at both ends of its bin: 2 g^i / (g + 1). */
static double value_of(uint16_t index)
{
    double g = exp2(1.0 / PLX_SKETCH_PER_OCTAVE);
    return index == 0 ? 1 : 2 * exp2((double)index / PLX_SKETCH_PER_OCTAVE) / (g + 1);
}

double plx_sketch_quantile(const struct plx_sketch *sketch, double q)
{
    uint64_t n = plx_sketch_count(sketch), seen = 0;
    double rank = q * (double)(n ? n - 1 : 0);
    for (uint16_t i = 0; i < sketch->n_bins; i++) {
        seen += sketch->bins[i].n;
        if ((double)seen > rank)
            return value_of(sketch->bins[i].index);
    }
    return 0;
}

void plx_varint_put(struct plx_buf *out, uint64_t value)
{
    while (value >= 0x80) {
        plx_buf_char(out, (char)(uint8_t)(value | 0x80));
        value >>= 7;
    }
    plx_buf_char(out, (char)(uint8_t)value);
}

int plx_varint_get(const uint8_t *bytes, size_t len, size_t *at, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && *at < len; shift += 7) {
        uint8_t byte = bytes[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret = value;
            return 0;
        }
    }
    return PLX_EMALFORMED;
}

void plx_sketch_encode(const struct plx_sketch *sketch, struct plx_buf *out)
{
    uint16_t before = 0;
    plx_varint_put(out, sketch->n_bins);
    for (uint16_t i = 0; i < sketch->n_bins; i++) {
        plx_varint_put(out, (uint64_t)(sketch->bins[i].index - before));
        plx_varint_put(out, sketch->bins[i].n);
        before = sketch->bins[i].index;
    }
}

int plx_sketch_decode(struct plx_sketch *sketch, const uint8_t *bytes, size_t len,
                      size_t *at)
{
    uint64_t n_bins, step, n, index = 0;
    int err = plx_varint_get(bytes, len, at, &n_bins);
    if (err == 0 && n_bins > PLX_SKETCH_INDEX_MAX + 1)
        err = PLX_EMALFORMED;
    for (uint64_t i = 0; err == 0 && i < n_bins; i++) {
        err = plx_varint_get(bytes, len, at, &step);
        if (err == 0)
            err = plx_varint_get(bytes, len, at, &n);
        if (err < 0 || step > PLX_SKETCH_INDEX_MAX - index || n == 0 || n > UINT32_MAX)
            return PLX_EMALFORMED;
        index += step;
        add_to(sketch, (uint16_t)index, (uint32_t)n);
    }
    return err;
}
