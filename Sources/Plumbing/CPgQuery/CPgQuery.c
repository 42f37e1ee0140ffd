#include "CPgQuery.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

// Every function of libpg_query that is called; its type is taken from <pg_query.h>.
#define EACH_FUNCTION(use) \
    use(parse) \
    use(free_parse_result) \
    use(split_with_scanner) \
    use(free_split_result) \
    use(parse_plpgsql) \
    use(free_plpgsql_parse_result)

#define FIELD(name) __typeof__(&pg_query_##name) name;
static struct { EACH_FUNCTION(FIELD) } pgquery;

// Written once, under `once`, which whoever reads them has passed.
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int state;
// dlerror's text lasts until the next call on its thread.
static char problem[512];

static void fail(int now, const char *text) {
    state = now;
    snprintf(problem, sizeof problem, "%s", text ? text : "no reason was given");
}

// The soname has the parser's PostgreSQL and the library's version in it, and the trees differ between
// parsers: another one is not tried.
static void load(void) {
    void *library = dlopen("libpg_query.so.1504.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) return fail(bg_pgquery_absent, dlerror());

#define FIND(name) \
    pgquery.name = (__typeof__(pgquery.name))dlsym(library, "pg_query_" #name); \
    if (!pgquery.name) return fail(bg_pgquery_unusable, dlerror());
    EACH_FUNCTION(FIND)
}

int bg_pgquery_load(void) {
    pthread_once(&once, load);
    return state;
}

const char *bg_pgquery_load_error(void) {
    pthread_once(&once, load);
    return problem;
}

PgQueryParseResult bg_pgquery_parse(const char *text) { return pgquery.parse(text); }
void bg_pgquery_free_parse_result(PgQueryParseResult result) { pgquery.free_parse_result(result); }
PgQuerySplitResult bg_pgquery_split(const char *text) { return pgquery.split_with_scanner(text); }
void bg_pgquery_free_split_result(PgQuerySplitResult result) { pgquery.free_split_result(result); }

PgQueryPlpgsqlParseResult bg_pgquery_parse_plpgsql(const char *text) { return pgquery.parse_plpgsql(text); }

void bg_pgquery_free_plpgsql_parse_result(PgQueryPlpgsqlParseResult result) {
    pgquery.free_plpgsql_parse_result(result);
}
