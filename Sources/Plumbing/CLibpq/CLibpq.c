#include "CLibpq.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

// Every function of libpq that is called; its type is taken from <libpq-fe.h>.
#define EACH_FUNCTION(use) \
    use(conninfoParse) \
    use(conninfoFree) \
    use(freemem) \
    use(connectStartParams) \
    use(connectPoll) \
    use(status) \
    use(socket) \
    use(backendPID) \
    use(errorMessage) \
    use(finish) \
    use(setnonblocking) \
    use(flush) \
    use(sendQuery) \
    use(sendQueryParams) \
    use(setSingleRowMode) \
    use(consumeInput) \
    use(isBusy) \
    use(notifies) \
    use(getResult) \
    use(getCancel) \
    use(cancel) \
    use(freeCancel) \
    use(resultStatus) \
    use(resultErrorField) \
    use(cmdTuples) \
    use(ntuples) \
    use(nfields) \
    use(fname) \
    use(getvalue) \
    use(getisnull) \
    use(clear) \
    use(setNoticeReceiver)

#define SYMBOL(name) PQ##name
#include "../CLoading/loading.h"

// The soname since PostgreSQL 8.2.
static void load(void) {
    load_library("libpq.so.5", bg_pq_absent, bg_pq_unusable);
}

int bg_pq_load(void) {
    pthread_once(&once, load);
    return state;
}

const char *bg_pq_load_error(void) {
    pthread_once(&once, load);
    return problem;
}

long long bg_pq_received(int socket) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size)) return -1;
    // Linux before 4.1 does not count them.
    if (size < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received) return -1;
    return (long long)info.tcpi_bytes_received;
}

static void drop(void *context, const PGresult *result) {
    (void)context;
    (void)result;
}

void bg_pq_drop_notices(PGconn *connection) { library.setNoticeReceiver(connection, drop, NULL); }

PQconninfoOption *bg_pq_conninfoParse(const char *text, char **complaint) {
    return library.conninfoParse(text, complaint);
}

void bg_pq_conninfoFree(PQconninfoOption *options) { library.conninfoFree(options); }
void bg_pq_freemem(void *memory) { library.freemem(memory); }

PGconn *bg_pq_connectStartParams(const char *const *names, const char *const *values, int expand) {
    return library.connectStartParams(names, values, expand);
}

PostgresPollingStatusType bg_pq_connectPoll(PGconn *connection) { return library.connectPoll(connection); }
ConnStatusType bg_pq_status(const PGconn *connection) { return library.status(connection); }
int bg_pq_socket(const PGconn *connection) { return library.socket(connection); }
int bg_pq_backendPID(const PGconn *connection) { return library.backendPID(connection); }
const char *bg_pq_errorMessage(const PGconn *connection) { return library.errorMessage(connection); }
void bg_pq_finish(PGconn *connection) { library.finish(connection); }
int bg_pq_setnonblocking(PGconn *connection, int flag) { return library.setnonblocking(connection, flag); }
int bg_pq_flush(PGconn *connection) { return library.flush(connection); }

int bg_pq_sendQuery(PGconn *connection, const char *text) { return library.sendQuery(connection, text); }

int bg_pq_sendStatement(PGconn *connection, const char *text, int count, const char *const *values) {
    return library.sendQueryParams(connection, text, count, NULL, values, NULL, NULL, 0);
}

int bg_pq_setSingleRowMode(PGconn *connection) { return library.setSingleRowMode(connection); }
int bg_pq_consumeInput(PGconn *connection) { return library.consumeInput(connection); }
int bg_pq_isBusy(PGconn *connection) { return library.isBusy(connection); }
PGnotify *bg_pq_notifies(PGconn *connection) { return library.notifies(connection); }
PGresult *bg_pq_getResult(PGconn *connection) { return library.getResult(connection); }
PGcancel *bg_pq_getCancel(PGconn *connection) { return library.getCancel(connection); }
int bg_pq_cancel(PGcancel *cancel, char *complaint, int room) { return library.cancel(cancel, complaint, room); }
void bg_pq_freeCancel(PGcancel *cancel) { library.freeCancel(cancel); }
ExecStatusType bg_pq_resultStatus(const PGresult *result) { return library.resultStatus(result); }

const char *bg_pq_resultErrorField(const PGresult *result, int field) {
    return library.resultErrorField(result, field);
}

const char *bg_pq_cmdTuples(PGresult *result) { return library.cmdTuples(result); }
int bg_pq_ntuples(const PGresult *result) { return library.ntuples(result); }
int bg_pq_nfields(const PGresult *result) { return library.nfields(result); }
const char *bg_pq_fname(const PGresult *result, int column) { return library.fname(result, column); }

const char *bg_pq_getvalue(const PGresult *result, int row, int column) {
    return library.getvalue(result, row, column);
}

int bg_pq_getisnull(const PGresult *result, int row, int column) {
    return library.getisnull(result, row, column);
}

void bg_pq_clear(PGresult *result) { library.clear(result); }
