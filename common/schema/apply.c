#include "schema/apply.h"

#include "base/err.h"

void plx_apply_file_fini(struct plx_apply_file *file)
{
    plx_monitors_fini(&file->monitors);
    plx_alerting_file_fini(&file->alerting);
    *file = (struct plx_apply_file){0};
}

static bool has_sections(const struct plx_node *root)
{
    for (int i = 0; root && root->kind == PLX_NODE_MAP && i < PLX_SECTION_COUNT_; i++)
        if (plx_node_get(root, plx_alerting_section_token((enum plx_alerting_section)i)))
            return true;
    return false;
}

static int read_sections(const struct plx_doc *doc, plx_alerting_check_fn *check,
                         const struct plx_alerting *known, struct plx_apply_file *file,
                         struct plx_why *why)
{
    const struct plx_node *root = plx_doc_root(doc);
    static const char *const top[] = {"monitors", "receivers", "routes", "maintenance"};
    int err = plx_doc_known_keys(doc, root, top, sizeof top / sizeof *top, why);
    if (err == 0)
        err = plx_alerting_read(doc, root, check, known, &file->alerting, why);
    const struct plx_node *monitors = plx_node_get(root, "monitors");
    if (err < 0 || !monitors)
        return err;
    file->has_monitors = true;
    return plx_monitors_read(doc, monitors, &file->monitors, why);
}

int plx_apply_parse(const char *name, const char *text, size_t len,
                    plx_alerting_check_fn *check, const struct plx_alerting *known,
                    struct plx_apply_file *ret, struct plx_why *why)
{
    struct plx_doc *doc;
    struct plx_apply_file file = {.has_monitors = false};
    int err = plx_doc_parse(name, text, len, &doc, why);
    if (err < 0)
        return err;
    if (has_sections(plx_doc_root(doc))) {
        err = read_sections(doc, check, known, &file, why);
    } else {
        file.has_monitors = true;
        err = plx_monitors_read(doc, NULL, &file.monitors, why);
    }
    plx_doc_destroy(&doc);
    if (err < 0)
        plx_apply_file_fini(&file);
    else
        *ret = file;
    return err;
}
