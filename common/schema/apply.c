#include "schema/apply.h"

#include "base/err.h"

#include <string.h>

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

/* What the names of `notify` may mean: the file's rules over those there are. */
static struct plx_alerting rules_of(const struct plx_apply_file *file,
                                    const struct plx_alerting *known)
{
    struct plx_alerting rules = known ? *known : (struct plx_alerting){0};
    const struct plx_alerting *own = &file->alerting.alerting;
    if (file->alerting.has[PLX_SECTION_RECEIVERS]) {
        rules.receivers = own->receivers;
        rules.n_receivers = own->n_receivers;
    }
    if (file->alerting.has[PLX_SECTION_ROUTES]) {
        rules.routes = own->routes;
        rules.n_routes = own->n_routes;
    }
    return rules;
}

static int check_notify(const struct plx_doc *doc, const struct plx_node *notify,
                        const struct plx_alerting *rules, struct plx_why *why)
{
    bool list = notify->kind == PLX_NODE_LIST;
    for (size_t i = 0; i < (list ? notify->n : 1); i++) {
        const struct plx_node *item = list ? notify->items[i] : notify;
        char shown[PLX_EXCERPT_MAX];
        if (strcmp(item->text, "none") != 0 &&
            !plx_alerting_receiver(rules, item->text) &&
            !plx_alerting_route(rules, item->text))
            return plx_doc_error(doc, item, why,
                                 "'notify': there is no receiver or route '%s'",
                                 plx_doc_excerpt(item->text, shown));
    }
    return 0;
}

/* Where nothing is known of receivers (a check without a coordinator), any name will do.
 */
static int check_names(const struct plx_doc *doc, const struct plx_apply_file *file,
                       const struct plx_alerting *known, struct plx_why *why)
{
    const struct plx_node *root = plx_doc_root(doc);
    const struct plx_node *list =
        root && root->kind == PLX_NODE_MAP ? plx_node_get(root, "monitors") : root;
    const struct plx_alerting rules = rules_of(file, known);
    if (!file->has_monitors || (!known && !file->alerting.has[PLX_SECTION_RECEIVERS]))
        return 0;
    if (!list)
        list = root;
    bool many = list && list->kind == PLX_NODE_LIST;
    for (size_t i = 0; list && i < (many ? list->n : 1); i++) {
        const struct plx_node *notify =
            plx_node_get(many ? list->items[i] : list, "notify");
        int err = notify ? check_notify(doc, notify, &rules, why) : 0;
        if (err < 0)
            return err;
    }
    return 0;
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
    if (err == 0)
        err = check_names(doc, &file, known, why);
    plx_doc_destroy(&doc);
    if (err < 0)
        plx_apply_file_fini(&file);
    else
        *ret = file;
    return err;
}
