#include "cli/watch_screen.h"

#include "base/text.h"
#include "base/time.h"
#include "cli/render.h"
#include "cli/text_width.h"
#include "cli/verdict.h"
#include "sys/clock.h"

#include <langinfo.h>
#include <locale.h>
#include <ncursesw/ncurses.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define FAULTS_MAX   6 /* shown above the list */
#define NAME_WIDTH   28
#define VERDICT_COLS 16
#define AGE_COLS     8

static bool coloured, utf8;
static size_t list_lines = 1;

bool plx_watch_screen_begin(bool colour)
{
    setlocale(LC_CTYPE, "");
    utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (!newterm(NULL, stdout, stdin))
        return false;
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
    coloured = colour && has_colors();
    if (!coloured)
        return true;
    start_color();
    short ground = use_default_colors() == OK ? -1 : COLOR_BLACK;
    init_pair(PLX_STYLE_GOOD, COLOR_GREEN, ground);
    init_pair(PLX_STYLE_WARN, COLOR_YELLOW, ground);
    init_pair(PLX_STYLE_BAD, COLOR_RED, ground);
    init_pair(PLX_STYLE_UNSURE, COLOR_MAGENTA, ground);
    return true;
}

void plx_watch_screen_end(void)
{
    endwin();
}

/* Without colours what is bad stands out by its weight; the sign says the rest. */
static attr_t attributes(enum plx_style style)
{
    attr_t weight = style == PLX_STYLE_BAD || style == PLX_STYLE_BOLD ? A_BOLD
                    : style == PLX_STYLE_DIM                          ? A_DIM
                                                                      : A_NORMAL;
    bool has_pair =
        style != PLX_STYLE_NONE && style != PLX_STYLE_DIM && style != PLX_STYLE_BOLD;
    return weight | (coloured && has_pair ? (attr_t)COLOR_PAIR(style) : 0);
}

/* Puts a text at a place, harmless, cut to so many columns and to the screen. */
static void put(int line, int column, int width, enum plx_style style, const char *fmt,
                ...) __attribute__((format(printf, 5, 6)));
static void put(int line, int column, int width, enum plx_style style, const char *fmt,
                ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    plx_text_tame(text);
    for (char *p = text; *p && !utf8; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    if (width > COLS - column)
        width = COLS - column;
    if (width > 0 && line < LINES) {
        attrset((int)attributes(style));
        mvaddnstr(line, column, text, (int)plx_text_fit(text, (size_t)width));
        attrset(A_NORMAL);
    }
    free(text);
}

static void put_age(int line, int column, const json_t *item)
{
    struct plx_wall since;
    char text[PLX_DURATION_TEXT_MAX];
    if (plx_wall_parse(plx_field(item, "since"), &since) == 0)
        put(line, column, AGE_COLS, PLX_STYLE_DIM, "%*s", AGE_COLS - 2,
            plx_age_text(plx_wall_diff(plx_clock_wall(), since), text));
}

static int draw_head(const struct plx_watch_view *view)
{
    const json_t *agents = json_object_get(view->overview, "agents");
    const json_t *summary = json_object_get(view->overview, "summary");
    const char *key;
    json_t *count;
    int column = 10, line = 0;
    put(0, 0, COLS, PLX_STYLE_BOLD, "Parallax");
    json_object_foreach((json_t *)summary, key, count)
    {
        const struct plx_verdict_look *look = plx_verdict_look(key);
        char text[64];
        if (strcmp(key, "total") == 0)
            continue;
        snprintf(text, sizeof text, "%s %lld %.40s", utf8 ? look->sign : "",
                 (long long)json_integer_value(count), key);
        put(0, column, COLS, look->style, "%s", text);
        column += (int)plx_text_width(text) + 2;
    }
    put(++line, 0, COLS, PLX_STYLE_DIM, "%lld monitors, %lld of %lld agents live",
        (long long)plx_field_int(summary, "total"),
        (long long)plx_field_int(agents, "live"),
        (long long)plx_field_int(agents, "total"));
    const char *trouble =
        *view->trouble ? view->trouble : plx_field(view->overview, "trouble");
    if (*trouble)
        put(++line, 0, COLS, PLX_STYLE_BAD, "%s", trouble);
    return line + 2;
}

static int draw_faults(const struct plx_watch_view *view, int line)
{
    const json_t *faults = json_object_get(view->overview, "faults");
    size_t n = json_array_size(faults);
    for (size_t i = 0; i < n && i < FAULTS_MAX && line < LINES / 2; i++) {
        const json_t *fault = json_array_get(faults, i);
        put(line, 0, 12, PLX_STYLE_BAD, "%s", plx_field(fault, "class"));
        put_age(line, 12, fault);
        put(line++, 12 + AGE_COLS, COLS, PLX_STYLE_NONE, "%s",
            plx_field(fault, "sentence"));
    }
    if (n > FAULTS_MAX)
        put(line++, 0, COLS, PLX_STYLE_DIM, "and %zu more faults", n - FAULTS_MAX);
    return n > 0 ? line + 1 : line;
}

static void draw_monitor(int line, const json_t *monitor)
{
    const char *verdict = plx_field(monitor, "verdict");
    const struct plx_verdict_look *look = plx_verdict_look(verdict);
    int name = COLS < 80 ? NAME_WIDTH - 8 : NAME_WIDTH;
    put(line, 0, VERDICT_COLS, look->style, "%s %s", utf8 ? look->sign : "", verdict);
    put(line, VERDICT_COLS, name - 1, PLX_STYLE_NONE, "%s", plx_field(monitor, "name"));
    put_age(line, VERDICT_COLS + name, monitor);
    put(line, VERDICT_COLS + name + AGE_COLS, COLS, PLX_STYLE_DIM, "%s",
        plx_field(monitor, "sentence"));
}

/* The worst come first, so those shown without `all` are the first ones. */
static size_t count_shown(const struct plx_watch_view *view)
{
    size_t n = 0;
    while (n < view->n_monitors &&
           (view->all || strcmp(plx_field(view->monitors[n], "verdict"), "up") != 0))
        n++;
    return n;
}

static void draw_list(struct plx_watch_view *view, int line)
{
    size_t n = count_shown(view);
    list_lines = LINES - 1 > line ? (size_t)(LINES - 1 - line) : 1;
    if (view->first + list_lines > n)
        view->first = n > list_lines ? n - list_lines : 0;
    for (size_t i = view->first; i < n && i < view->first + list_lines; i++)
        draw_monitor(line + (int)(i - view->first), view->monitors[i]);
    if (n == 0 && view->overview)
        put(line, 0, COLS, PLX_STYLE_GOOD, "%s",
            view->n_monitors ? "everything is up" : "there are no monitors");
    put(LINES - 1, 0, COLS, PLX_STYLE_DIM, "%zu-%zu of %zu  q quit  a %s  arrows scroll",
        n ? view->first + 1 : 0,
        view->first + list_lines < n ? view->first + list_lines : n, n,
        view->all ? "only what is not up" : "all");
}

void plx_watch_screen_draw(struct plx_watch_view *view)
{
    erase();
    if (!view->overview)
        put(0, 0, COLS, *view->trouble ? PLX_STYLE_BAD : PLX_STYLE_DIM, "%s",
            *view->trouble ? view->trouble : "asking the coordinator");
    else
        draw_list(view, draw_faults(view, draw_head(view)));
    refresh();
}

size_t plx_watch_screen_page(void)
{
    return list_lines;
}

enum plx_watch_key plx_watch_screen_key(int timeout_ms)
{
    timeout(timeout_ms);
    switch (getch()) {
    case 'q':
    case 'Q':
    case 27: /* Escape */
        return PLX_WATCH_QUIT;
    case 'k':
    case KEY_UP:
        return PLX_WATCH_UP;
    case 'j':
    case KEY_DOWN:
        return PLX_WATCH_DOWN;
    case KEY_PPAGE:
        return PLX_WATCH_PAGE_UP;
    case ' ':
    case KEY_NPAGE:
        return PLX_WATCH_PAGE_DOWN;
    case 'g':
    case KEY_HOME:
        return PLX_WATCH_TOP;
    case 'a':
        return PLX_WATCH_ALL;
    case KEY_RESIZE:
        return PLX_WATCH_RESIZED;
    default:
        return PLX_WATCH_NONE;
    }
}
