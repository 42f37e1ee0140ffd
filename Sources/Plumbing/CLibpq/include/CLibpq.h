// libpq, loaded when the first database is asked: few hosts and few commands need it.
//
// <postgresql/libpq-fe.h> is here for its types and constants alone: a function called by its own name
// (PQfinish) does not link.
#ifndef CLIBPQ_H
#define CLIBPQ_H

#include <postgresql/libpq-fe.h>

// What has come of loading the library.
enum {
    bg_pq_ready = 0,
    bg_pq_absent = 1,    // the library, or one that it needs, is not there
    bg_pq_unusable = 2,  // it is there and lacks a function
};

// Loads libpq once for the process, whatever thread asks first; says the same ever after.
// Everything below may be called only when this has returned bg_pq_ready.
int bg_pq_load(void);

// Why it is not ready, in the dynamic linker's own words; empty when it is. Lives for ever.
const char *bg_pq_load_error(void);

// The bytes that have come over a TCP connection, without its TLS; -1 for any other socket.
long long bg_pq_received(int socket);

// Drops the server's notices, which libpq would write to standard error.
void bg_pq_drop_notices(PGconn *connection);

// As the functions of libpq with PQ for the prefix.
PQconninfoOption *bg_pq_conninfoParse(const char *text, char **problem);
void bg_pq_conninfoFree(PQconninfoOption *options);
void bg_pq_freemem(void *memory);
PGconn *bg_pq_connectStartParams(const char *const *names, const char *const *values, int expand);
PostgresPollingStatusType bg_pq_connectPoll(PGconn *connection);
ConnStatusType bg_pq_status(const PGconn *connection);
int bg_pq_socket(const PGconn *connection);
int bg_pq_backendPID(const PGconn *connection);
const char *bg_pq_errorMessage(const PGconn *connection);
void bg_pq_finish(PGconn *connection);
int bg_pq_setnonblocking(PGconn *connection, int flag);
int bg_pq_flush(PGconn *connection);
// Several statements, by the simple protocol.
int bg_pq_sendQuery(PGconn *connection, const char *text);
// One statement, by the extended protocol: a second one in the text is refused. `values` are for $1, $2, …,
// as text; the server finds out their types.
int bg_pq_sendStatement(PGconn *connection, const char *text, int count, const char *const *values);
int bg_pq_setSingleRowMode(PGconn *connection);
int bg_pq_consumeInput(PGconn *connection);
int bg_pq_isBusy(PGconn *connection);
// To be freed by bg_pq_freemem.
PGnotify *bg_pq_notifies(PGconn *connection);
PGresult *bg_pq_getResult(PGconn *connection);
PGcancel *bg_pq_getCancel(PGconn *connection);
int bg_pq_cancel(PGcancel *cancel, char *problem, int room);
void bg_pq_freeCancel(PGcancel *cancel);
ExecStatusType bg_pq_resultStatus(const PGresult *result);
const char *bg_pq_resultErrorField(const PGresult *result, int field);
const char *bg_pq_cmdTuples(PGresult *result);
int bg_pq_ntuples(const PGresult *result);
int bg_pq_nfields(const PGresult *result);
const char *bg_pq_fname(const PGresult *result, int column);
const char *bg_pq_getvalue(const PGresult *result, int row, int column);
int bg_pq_getisnull(const PGresult *result, int row, int column);
void bg_pq_clear(PGresult *result);

#endif
