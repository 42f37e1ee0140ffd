#include "CPgQuery.h"

// Every function of libpg_query that is called; its type is taken from <pg_query.h>.
#define EACH_FUNCTION(use) \
    use(parse) \
    use(free_parse_result) \
    use(split_with_scanner) \
    use(free_split_result) \
    use(parse_plpgsql) \
    use(free_plpgsql_parse_result)

#define SYMBOL(name) pg_query_##name
#include "../CLoading/loading.h"

// The soname has the parser's PostgreSQL and the library's version in it, and the trees differ between
// parsers: another one is not tried.
static void load(void) {
    load_library("libpg_query.so.1504.0", bg_pgquery_absent, bg_pgquery_unusable);
}

int bg_pgquery_load(void) {
    pthread_once(&once, load);
    return state;
}

const char *bg_pgquery_load_error(void) {
    pthread_once(&once, load);
    return problem;
}

PgQueryParseResult bg_pgquery_parse(const char *text) { return library.parse(text); }
void bg_pgquery_free_parse_result(PgQueryParseResult result) { library.free_parse_result(result); }
PgQuerySplitResult bg_pgquery_split(const char *text) { return library.split_with_scanner(text); }
void bg_pgquery_free_split_result(PgQuerySplitResult result) { library.free_split_result(result); }

PgQueryPlpgsqlParseResult bg_pgquery_parse_plpgsql(const char *text) { return library.parse_plpgsql(text); }

void bg_pgquery_free_plpgsql_parse_result(PgQueryPlpgsqlParseResult result) {
    library.free_plpgsql_parse_result(result);
}
