// libpg_query, PostgreSQL's own parser, loaded when the first statement is parsed: few commands need it.
//
// <pg_query.h> is here for its types alone: a function called by its own name (pg_query_parse) does not link.
#ifndef CPGQUERY_H
#define CPGQUERY_H

#include <pg_query.h>

// What has come of loading the library.
enum {
    bg_pgquery_ready = 0,
    bg_pgquery_absent = 1,    // the library, or one that it needs, is not there
    bg_pgquery_unusable = 2,  // it is there and lacks a function
};

// Loads libpg_query once for the process, whatever thread asks first; says the same ever after.
// Everything below may be called only when this has returned bg_pgquery_ready.
int bg_pgquery_load(void);

// Why it is not ready, in the dynamic linker's own words; empty when it is. Lives for ever.
const char *bg_pgquery_load_error(void);

// As the functions of libpg_query with pg_query for the prefix.
PgQueryParseResult bg_pgquery_parse(const char *text);
void bg_pgquery_free_parse_result(PgQueryParseResult result);
PgQuerySplitResult bg_pgquery_split(const char *text);
void bg_pgquery_free_split_result(PgQuerySplitResult result);
PgQueryPlpgsqlParseResult bg_pgquery_parse_plpgsql(const char *text);
void bg_pgquery_free_plpgsql_parse_result(PgQueryPlpgsqlParseResult result);

#endif
