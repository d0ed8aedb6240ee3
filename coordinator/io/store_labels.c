/* Labels as the database holds them: a JSON object of texts. */
#include "coordinator/io/store_impl.h"

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

bool plx_store_labels_valid(const struct plx_label *labels, size_t n)
{
    if (n > PLX_WIRE_LABELS_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!plx_text_is_word(labels[i].key) || !plx_text_is_word(labels[i].value))
            return false;
    return true;
}

void plx_store_labels_json(const struct plx_label *labels, size_t n, struct plx_buf *out)
{
    struct plx_json j;
    plx_json_init(&j, out);
    plx_json_object(&j);
    for (size_t i = 0; i < n; i++)
        plx_json_kstr(&j, labels[i].key, labels[i].value);
    plx_json_end(&j);
}

static void append(struct plx_label **labels, size_t *n, sqlite3_stmt *s)
{
    struct plx_label *more = realloc(*labels, (*n + 1) * sizeof *more);
    if (!more)
        abort();
    *labels = more;
    more[*n].key = plx_db_column_dup(s, 0);
    more[(*n)++].value = plx_db_column_dup(s, 1);
}

int plx_store_labels_read(struct plx_db *db, const char *json, struct plx_label **ret,
                          size_t *ret_n)
{
    struct plx_label *labels = NULL;
    size_t n = 0;
    sqlite3_stmt *s;
    int err = plx_db_query(db, "SELECT key, value FROM json_each(?1) ORDER BY 1",
                           PLX_BINDS(plx_bind_text(json)), &s);
    if (err)
        return err;
    while ((err = plx_db_step(db, s)) > 0)
        append(&labels, &n, s);
    if (err) {
        plx_store_labels_free(labels, n);
        return err;
    }
    *ret = labels;
    *ret_n = n;
    return 0;
}

void plx_store_labels_free(struct plx_label *labels, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(labels[i].key);
        free(labels[i].value);
    }
    free(labels);
}
