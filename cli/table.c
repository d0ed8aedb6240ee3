#include "base/text.h"
#include "base/time.h"
#include "cli/render.h"
#include "cli/text_width.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define GAP        2  /* columns between columns */
#define WRAP_MIN   36 /* narrower than this, the last column goes below */
#define WRAP_INSET 4

struct cell {
    char *text;
    enum plx_style style;
};

struct plx_table {
    const struct plx_cli *cli;
    const struct plx_column *columns;
    size_t n_columns;
    struct cell *cells;
    size_t n_cells, cap_cells;
};

struct plx_table *plx_table_new(const struct plx_cli *cli,
                                const struct plx_column *columns, size_t n)
{
    struct plx_table *table = calloc(1, sizeof *table);
    if (!table)
        abort();
    *table = (struct plx_table){.cli = cli, .columns = columns, .n_columns = n};
    return table;
}

void plx_table_destroy(struct plx_table **table)
{
    if (!*table)
        return;
    for (size_t i = 0; i < (*table)->n_cells; i++)
        free((*table)->cells[i].text);
    free((*table)->cells);
    free(*table);
    *table = NULL;
}

/* Takes `text`. */
static void add_cell(struct plx_table *table, enum plx_style style, char *text)
{
    if (table->n_cells == table->cap_cells) {
        table->cap_cells = table->cap_cells ? 2 * table->cap_cells : 64;
        table->cells = realloc(table->cells, table->cap_cells * sizeof *table->cells);
        if (!table->cells)
            abort();
    }
    plx_text_tame(text);
    table->cells[table->n_cells++] = (struct cell){text, style};
}

void plx_table_cell(struct plx_table *table, enum plx_style style, const char *text)
{
    char *copy = strdup(text ? text : "");
    if (!copy)
        abort();
    add_cell(table, style, copy);
}

void plx_table_cellf(struct plx_table *table, enum plx_style style, const char *fmt, ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    add_cell(table, style, text);
}

void plx_table_age(struct plx_table *table, const char *then, const char *now)
{
    struct plx_wall a, b;
    char text[PLX_DURATION_TEXT_MAX];
    if (table->cli->format == PLX_FORMAT_CSV || !then || plx_wall_parse(then, &a) < 0 ||
        plx_wall_parse(now, &b) < 0) {
        plx_table_cell(table, PLX_STYLE_NONE, then);
        return;
    }
    plx_table_cell(table, PLX_STYLE_NONE, plx_age_text(plx_wall_diff(b, a), text));
}

/* A spreadsheet takes a cell that begins so for a formula, and some formulas fetch or run
 * something; what a server said in its greeting may be such a cell. Numbers are none. */
static bool is_formula(const char *text)
{
    char *end;
    if (!*text || !text[1] || !strchr("=+-@\t\r", *text))
        return false;
    strtod(text, &end);
    return end == text || *end != '\0';
}

static void print_csv_text(const char *text)
{
    const char *lead = is_formula(text) ? "'" : "";
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        printf("%s%s", lead, text);
        return;
    }
    printf("\"%s", lead);
    for (; *text; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}

/* RFC 4180, with the line ends of this system. */
static void print_csv(const struct plx_table *table)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        print_csv_text(table->columns[i].key);
        putchar(i + 1 < table->n_columns ? ',' : '\n');
    }
    for (size_t i = 0; i < table->n_cells; i++) {
        print_csv_text(table->cells[i].text);
        putchar((i + 1) % table->n_columns ? ',' : '\n');
    }
}

/* Columns' widths, and how the last one is laid out. */
struct layout {
    size_t *widths;
    size_t last_at; /* column at which the last one begins */
    size_t last_width;
    bool below;
};

static size_t column_width(const struct plx_table *table, size_t column)
{
    size_t widest = plx_text_width(table->columns[column].title);
    for (size_t i = column; i < table->n_cells; i += table->n_columns) {
        size_t w = plx_text_width(table->cells[i].text);
        widest = w > widest ? w : widest;
    }
    unsigned max = table->cli->width ? table->columns[column].max : 0;
    return max && widest > max ? max : widest;
}

static void lay_out(const struct plx_table *table, struct layout *l)
{
    const size_t last = table->n_columns - 1, width = table->cli->width;
    l->last_at = 0;
    for (size_t i = 0; i < table->n_columns; i++) {
        l->widths[i] = column_width(table, i);
        l->last_at += i < last ? l->widths[i] + GAP : 0;
    }
    l->last_width = l->widths[last];
    l->below = false;
    if (!width || l->last_at + l->last_width <= width)
        return;
    l->below = l->last_at + WRAP_MIN > width;
    l->last_at = l->below ? WRAP_INSET : l->last_at;
    l->last_width = width > l->last_at + 8 ? width - l->last_at : 8;
}

static void print_padding(size_t n)
{
    printf("%*s", (int)n, "");
}

/* A cell on one line, cut and padded to the column. */
static void print_fitted(const struct plx_table *table, size_t column,
                         const struct cell *cell, size_t width, bool pad)
{
    size_t has = plx_text_width(cell->text);
    bool cut = has > width;
    size_t bytes = cut ? plx_text_fit(cell->text, width - 1) : strlen(cell->text);
    if (cut)
        has = width;
    bool right = table->columns[column].right;
    if (right && width > has)
        print_padding(width - has);
    printf("%s%.*s%s%s", plx_style_on(table->cli, cell->style), (int)bytes, cell->text,
           cut ? "…" : "", plx_style_off(table->cli, cell->style));
    if (!right && pad && width > has)
        print_padding(width - has);
}

static void print_wrapped(const struct plx_table *table, const struct cell *cell,
                          const struct layout *l)
{
    const char *text = cell->text;
    if (l->below && cell->style == PLX_STYLE_DIM)
        text = ""; /* small print is not worth lines of its own */
    if (l->below && *text) {
        putchar('\n');
        print_padding(l->last_at);
    }
    for (bool first = true; *text || first; first = false) {
        size_t skip, n = plx_text_wrap(text, l->last_width, &skip);
        if (!first)
            print_padding(l->last_at);
        printf("%s%.*s%s\n", plx_style_on(table->cli, cell->style), (int)n, text,
               plx_style_off(table->cli, cell->style));
        text += n + skip;
    }
}

static void print_row(const struct plx_table *table, const struct cell *cells,
                      const struct layout *l)
{
    const size_t last = table->n_columns - 1;
    for (size_t i = 0; i < last; i++) {
        bool pad = i + 1 < last || (!l->below && cells[last].text[0]);
        print_fitted(table, i, &cells[i], l->widths[i], pad);
        if (pad)
            print_padding(GAP);
    }
    if (table->columns[last].right) {
        print_fitted(table, last, &cells[last], l->widths[last], false);
        putchar('\n');
    } else {
        print_wrapped(table, &cells[last], l);
    }
}

static void print_titles(const struct plx_table *table, const struct layout *l)
{
    struct cell *titles = calloc(table->n_columns, sizeof *titles);
    if (!titles)
        abort();
    for (size_t i = 0; i < table->n_columns; i++)
        titles[i] =
            (struct cell){(char *)(uintptr_t)table->columns[i].title, PLX_STYLE_DIM};
    if (l->below)
        titles[table->n_columns - 1].text = (char *)(uintptr_t) "";
    print_row(table, titles, l);
    free(titles);
}

void plx_table_print(const struct plx_table *table)
{
    if (table->cli->format == PLX_FORMAT_CSV) {
        print_csv(table);
        return;
    }
    struct layout l = {.widths = calloc(table->n_columns, sizeof *l.widths)};
    if (!l.widths)
        abort();
    lay_out(table, &l);
    print_titles(table, &l);
    for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns)
        print_row(table, table->cells + i, &l);
    free(l.widths);
}
